//! What driftless' own codes of failed actions mean, for `driftless explain`. All others are Kafka's.

use crate::domain::code_doc::CodeDoc;

/// Codes that no broker gives.
pub const CODES: &[CodeDoc] = &[
    CodeDoc {
        code: "NOT_SENT",
        title: "nothing was sent",
        explanation: "No connection could be made, or the journal could not be written. It is known that nothing was changed.",
        fix: "Do what the message says, and apply again.",
    },
    CodeDoc {
        code: "NO_ANSWER",
        title: "the answer does not name the resource",
        explanation: "The broker answered the request and said nothing of this resource, so it is not known whether it was changed.",
        fix: "Plan again: the plan shows what is left.",
    },
    CodeDoc {
        code: "TIMED_OUT",
        title: "no answer in time",
        explanation: "The request was sent, and its answer was lost or came too late. Whether it was carried out is not known, so it is not sent again blindly.",
        fix: "Plan again: the plan shows what is left.",
    },
    CodeDoc {
        code: "SECRET_MISSING",
        title: "the password could not be had",
        explanation: "The credential needs a secret that none of the places has where driftless looks. Nothing was sent for this user.",
        fix: "Give it with `--secrets DIR`, the variable `DRIFTLESS_SECRET_<NAME>_<KEY>`, or an age file and `--age-identity`, and apply again.",
    },
    CodeDoc {
        code: "READ_ONLY",
        title: "the cluster was opened for reading",
        explanation: "Recorded state (`--observed`) and commands that only look refuse every write.",
        fix: "Apply to the cluster itself.",
    },
    CodeDoc {
        code: "INVALID_PLAN",
        title: "an action of the plan makes no sense",
        explanation: "What the action says cannot be turned into a request, so nothing was sent.",
        fix: "Make a new plan; if it happens again, please report it.",
    },
    CodeDoc {
        code: "RULES_NOT_LOADED",
        title: "Prometheus does not have the rules",
        explanation: "The rule file could not be written, or Prometheus did not load it. The last good file was put back.",
        fix: "Do what the message says, and apply again.",
    },
    CodeDoc {
        code: "UNEXPECTED_MATCH",
        title: "the broker removed more than was asked",
        explanation: "The answer to a revoke names another binding too, which Kafka does not do for a filter that names exactly one.",
        fix: "Plan again: a binding that is missing now is granted again.",
    },
];
