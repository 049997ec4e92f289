//! Every diagnostic that loading can give: its code, and what `driftless explain` says about it.

use crate::domain::code_doc::CodeDoc;

/// Declares the codes once: as an enum, so that no other code can be given, and as the table of their explanations.
macro_rules! codes {
    ($($variant:ident = $code:literal, $title:literal, $explanation:literal, $fix:literal;)+) => {
        /// A code of this room.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(crate) enum Code { $($variant),+ }

        impl Code {
            pub(crate) fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $code),+ }
            }
        }

        /// The explanations of all codes that loading manifests can give.
        pub const CODES: &[CodeDoc] = &[
            $(CodeDoc { code: $code, title: $title, explanation: $explanation, fix: $fix }),+
        ];
    };
}

codes! {
    MissingRepositoryFile = "missing-repository-file", "there is no driftless.yaml",
        "The file `driftless.yaml` at the root of the repository names the environments and their layers. Without it nothing can be loaded.",
        "Write one: `apiVersion: driftless.dev/v1`, `kind: Repository`, and `environments: {prod: {layers: [base]}}`.";
    UnknownEnvironment = "unknown-environment", "the environment is not in driftless.yaml",
        "Only environments that `driftless.yaml` names can be loaded.",
        "Use one of the names listed, or add the environment to `driftless.yaml`.";
    MissingLayer = "missing-layer", "a layer's directory does not exist",
        "A layer that cannot be found must not look like one that declares nothing: everything in it would seem to have left git.",
        "Correct the path in `driftless.yaml`; paths are relative to the repository's root.";
    EmptyLayer = "empty-layer", "a layer holds no manifest file",
        "A layer without any `.yaml` or `.yml` file is refused, because a moved or emptied directory must not look like the wish to delete everything. Files and directories that start with `.` or `_` do not count.",
        "Put the manifests back, or remove the layer from `driftless.yaml`.";
    OverlappingLayers = "overlapping-layers", "one layer lies inside another",
        "The same files would be read twice, and files of other environments with them.",
        "Give each layer a directory of its own.";
    BadPath = "bad-path", "a path leaves the repository or is not relative",
        "Layers and policy directories are paths below the repository's root, with `/` between their parts.",
        "Write the path relative to the repository's root, without `..`.";
    MissingPolicyDirectory = "missing-policy-directory", "a policy directory holds no Rego file",
        "A policy that cannot be found must not look like one that allows everything.",
        "Correct the path in `policies`, or remove it.";
    BadRegularExpression = "bad-regular-expression", "a regular expression cannot be read",
        "`ignore.topics` holds regular expressions in Rust's syntax, which is RE2's: no look-around, no back-references.",
        "Correct the expression.";
    SelectorMatchesNothing = "selector-matches-nothing", "no manifest has the selector's labels",
        "The environment's `selector` keeps only manifests that carry all its labels, and none does.",
        "Compare the selector in `driftless.yaml` with `metadata.labels` of the manifests.";
    InvalidUtf8 = "invalid-utf8", "a file is not UTF-8",
        "YAML is read as UTF-8. A file in another encoding cannot be read safely.",
        "Save the file as UTF-8.";
    FileTooLarge = "file-too-large", "a file is larger than the limit",
        "Files beyond the limit are not read, so that one file cannot exhaust the agent's memory.",
        "Split the file.";
    BadLink = "bad-link", "a symbolic link leads out of the repository or nowhere",
        "What lies outside the repository is not reviewed and never read.",
        "Replace the link by the file, or remove it.";
    UnreadableFile = "unreadable-file", "a file could not be read",
        "Nothing is loaded partially: a file that cannot be read stops everything.",
        "Make the file readable.";
    EmptyFile = "empty-file", "a file holds no document",
        "The file is empty, or holds only comments. It declares nothing.",
        "Remove the file, or put its manifest back.";
    InvalidYaml = "invalid-yaml", "a document is not valid YAML",
        "The document cannot be parsed, so nothing of the repository is used.",
        "Correct the syntax at the place named.";
    UnquotedAsterisk = "unquoted-asterisk", "an unquoted `*` is an alias in YAML",
        "In YAML a value that starts with `*` refers to an anchor. The names and hosts of ACLs that mean everything must be quoted.",
        "Write `\"*\"`.";
    NestedTooDeeply = "nested-too-deeply", "values are nested too deeply",
        "No manifest needs such depth; the limit keeps a file from exhausting the agent.",
        "Flatten the document.";
    TooManyValues = "too-many-values", "a file holds too many values",
        "Values that aliases repeat are counted each time; the limit keeps a small file from becoming a huge one (an alias bomb).",
        "Split the file, or write values out in place of aliases of aliases.";
    DuplicateKey = "duplicate-key", "a key stands twice in one map",
        "YAML forbids it. Other tools silently keep the last one, and the first is lost.",
        "Keep one of them.";
    UnsupportedTag = "unsupported-tag", "a YAML tag has no meaning here",
        "Only YAML's own tags (`!!str`, `!!int`, ...) are understood.",
        "Remove the tag.";
    AmbiguousMergeKey = "ambiguous-merge-key", "`<<` stands after a key that it brings in",
        "YAML says that the map's own key wins; Kubernetes' library lets the later one win. Neither is guessed.",
        "Put `<<` first in its map.";
    NotAManifest = "not-a-manifest", "a document is not a map",
        "A manifest is a map with `apiVersion` and `kind`. A list or a single value declares nothing, although it may look so.",
        "Put each manifest into a document of its own, with `---` between, or use `kind: List` with `items`.";
    UnknownKind = "unknown-kind", "the kind is not known in its group",
        "A misspelt kind would be passed over like one of another group, and its resource would seem to have left git.",
        "Use the kind that is suggested.";
    UnknownApiVersion = "unknown-api-version", "the apiVersion is not known for this kind",
        "Strimzi kinds exist as v1, v1beta2, v1beta1 and v1alpha1, PrometheusRule as monitoring.coreos.com/v1, driftless' own as driftless.dev/v1.",
        "Use one of the versions named.";
    MissingField = "missing-field", "a required field is missing",
        "The resource cannot be understood without it. In a later layer: a document whose name no earlier layer has is a new resource, and needs all its fields.",
        "Add the field, or correct `metadata.name` when the document was meant to patch an earlier layer.";
    UnknownField = "unknown-field", "a field does not exist",
        "A field that would be ignored is most often a misspelt one.",
        "Use the name that is suggested, or remove the field.";
    WrongType = "wrong-type", "a value has the wrong type",
        "YAML's types matter: `3` is a number and `\"3\"` is a string; unquoted `yes`, `no`, `on` and `off` are booleans.",
        "Add or remove quotes, or write a list or a map where one is expected.";
    BadValue = "bad-value", "a value is not one of those possible",
        "Values such as operations and resource types are case-sensitive.",
        "Use one of the values named.";
    OutOfBounds = "out-of-bounds", "a number is outside its bounds",
        "Kafka would refuse the number.",
        "Use a number within the bounds named.";
    BadName = "bad-name", "a name is not valid in Kafka",
        "Topic names hold 1 to 249 ASCII letters, digits, `.`, `_` and `-`. User names cannot be empty; a TLS user's name holds at most 64 characters.",
        "Change the name. A topic's name in Kafka can differ from `metadata.name`: set `spec.topicName`.";
    DuplicateResource = "duplicate-resource", "the same resource stands twice in one layer",
        "Within a layer each kind and name may stand once; a later layer may change it. Which of the two would win is not guessed.",
        "Remove or rename one, or move it to a later layer if it is meant as a change.";
    PatchWithoutTarget = "patch-without-target", "`$patch: delete` names nothing",
        "No earlier layer has this kind and name, so there is nothing to remove: most often a misspelt name.",
        "Correct the name, or remove the document.";
    BadPatch = "bad-patch", "`$patch` is not `delete`",
        "Layers are merged as JSON Merge Patch; `$patch: delete` at the top of a document removes the resource, and there are no other directives.",
        "Write `$patch: delete`, or remove it; to remove one field, set it to null.";
    PatchOfNothing = "patch-of-nothing", "a patch has no earlier layer to patch",
        "A document of a later layer whose kind and name no earlier layer has is a new resource. This one has so few fields that it was probably meant to change another.",
        "Correct `metadata.name`; or, when it is new, write its fields out (a topic's partitions and replicas, a user's authentication).";
    AnnotationWithoutEffect = "annotation-without-effect", "an annotation does not do what it seems to",
        "Strimzi compares `strimzi.io/managed` with exactly `false`, knows it for topics only, and calls the other one `strimzi.io/pause-reconciliation`.",
        "Correct the annotation, or remove it.";
    DuplicateTopic = "duplicate-topic", "two manifests declare the same Kafka topic",
        "Two manifests of different names have the same name in Kafka, so each would undo the other.",
        "Remove one of them.";
    TopicNameCollision = "topic-name-collision", "two topic names differ only in `.` and `_`",
        "Kafka's metrics write `.` and `_` alike, and it refuses to create a topic whose name collides with another.",
        "Rename one of them.";
    UnknownConfigKey = "unknown-config-key", "Kafka does not know the config key",
        "The broker would refuse it with INVALID_CONFIG.",
        "Use the key that is suggested, or remove it.";
    BadConfigValue = "bad-config-value", "Kafka would refuse the config value",
        "Topic and broker configs have types and bounds, and no units: durations are milliseconds and sizes bytes, in plain digits.",
        "Use a value that the message allows.";
    ConfigKeyVersion = "config-key-version", "the config key does not exist in every Kafka version",
        "The key came with a version, or was removed in one. When the target version is known and does not have it, it is an error; otherwise a warning.",
        "Remove the key, or upgrade the cluster.";
    VendorConfigKey = "vendor-config-key", "the config key is a vendor's and cannot be checked",
        "Keys such as `confluent.*` and `redpanda.*` exist only on the brokers of those vendors. It is passed on as it is.",
        "Nothing, when the cluster is that vendor's.";
    ConfigConflict = "config-conflict", "two configs of one topic contradict each other",
        "Kafka checks some configs against each other, and refuses the topic.",
        "Change one of the two as the message says.";
    ClearTextPassword = "clear-text-password", "a secret stands in clear in git",
        "Whoever can read the repository, now or later, can read it. It is refused, and its value is not repeated.",
        "Change the secret, since it is known now. Put it into a secret store, and refer to it by `valueFrom.secretKeyRef`.";
    BadSecretReference = "bad-secret-reference", "a reference to a secret is not usable",
        "Name and key become parts of a path below the secrets' directory: letters, digits, `.`, `_` and `-`.",
        "Correct `secretKeyRef.name` and `secretKeyRef.key`.";
    BadScramSettings = "bad-scram-settings", "the SCRAM annotations are not valid",
        "`driftless.dev/scram-mechanisms` lists SCRAM-SHA-256 and SCRAM-SHA-512; `driftless.dev/scram-iterations` is 4096 to 16384, one number or one for each mechanism (`SCRAM-SHA-256=4096,SCRAM-SHA-512=8192`). Both are for users with scram-sha-512 authentication.",
        "Correct or remove the annotation.";
    BadPrincipal = "bad-principal", "a principal is not written Type:name",
        "Kafka compares principals as `Type:name`, most often `User:name`.",
        "Write `User:` before the name.";
    OperationWithoutEffect = "operation-without-effect", "an operation means nothing for its resource type",
        "The broker takes such an ACL silently, but never consults it.",
        "Remove the operation, or correct the resource's type.";
    MissingQuota = "missing-quota", "a quota limits nothing",
        "`spec.quotas` holds no limit.",
        "Add a limit, or remove the manifest.";
    DuplicateQuota = "duplicate-quota", "two manifests limit the same entity",
        "Which of the two would win is not guessed.",
        "Put all limits of the entity into one manifest.";
    ZeroQuota = "zero-quota", "Kafka refuses quotas of zero",
        "Strimzi's schema lets 0 pass, but the broker refuses every quota that is not greater than zero.",
        "Remove the limit, or use a small number greater than zero.";
    StaticBrokerConfig = "static-broker-config", "the config can only be set in server.properties",
        "Brokers read it when they start; no tool can change it in a running cluster.",
        "Set it in the `server.properties` of every broker (in Strimzi: `spec.kafka.config`), and remove it here.";
    PerBrokerConfig = "per-broker-config", "the config can be set for single brokers only",
        "Kafka refuses it as the default of all brokers.",
        "Move it to `spec.brokers.\"ID\"`.";
    DuplicateBrokerConfig = "duplicate-broker-config", "two manifests set the same broker config",
        "Which of the two would win is not guessed.",
        "Keep one of them.";
    BadRule = "bad-rule", "Prometheus would refuse the rule",
        "A rule has either `alert` or `record`, an `expr`, valid names and labels. One bad rule keeps Prometheus from loading any change.",
        "Correct the rule as the message says.";
    DuplicateRuleGroup = "duplicate-rule-group", "two groups of one file have the same name",
        "Prometheus refuses the whole file.",
        "Rename one of them.";
    BadPromql = "bad-promql", "an expression is not valid PromQL",
        "Prometheus would refuse the rule, and with it every change of its rules.",
        "Correct the expression.";
    ExperimentalPromql = "experimental-promql", "an expression uses an experimental function",
        "Prometheus refuses it unless it runs with `--enable-feature=promql-experimental-functions`.",
        "Make sure that every Prometheus that loads the rule has the flag, or use another function.";
    UncheckedPromql = "unchecked-promql", "an expression uses syntax of Prometheus 3 that is not checked here",
        "The rest of the expression was checked. Rules are compared by their text then, and policy does not see what the expression selects.",
        "Check the rule with the `promtool` of the Prometheus that loads it, and write it as Prometheus prints it: single spaces around `</` and `>/`.";
    RemovedPromql = "removed-promql", "an expression uses a function that Prometheus 3 renamed",
        "`holt_winters` became `double_exponential_smoothing` in Prometheus 3, behind a feature flag.",
        "Use the new name once every Prometheus is at version 3.";
    BadDuration = "bad-duration", "a duration is not valid",
        "Prometheus writes durations as `1h30m`: numbers with the units y, w, d, h, m, s, ms, each once and in this order.",
        "Write the duration so.";
    BadTemplate = "bad-template", "a template cannot be parsed",
        "Labels and annotations of alerts are Go templates; Prometheus refuses the rule when one cannot be parsed.",
        "Close each `{{` with `}}` and each block with `{{ end }}`; call only Go's and Prometheus' functions.";
    ExtraRuleDocument = "extra-rule-document", "only the first document of a rule file is read",
        "Prometheus reads the first YAML document of a rule file and ignores the rest, and so does driftless.",
        "Put each into a file of its own, or all groups into one `groups` list.";
    BadActionId = "bad-action-id", "an approval names no action",
        "Actions are written as plans show them: `topic/orders/delete`.",
        "Copy the action's id from the plan.";
    BadDate = "bad-date", "a date is not written YYYY-MM-DD",
        "The last day on which the approval or exception holds, in UTC.",
        "Write it as `2026-12-31`.";
    BadResourcePattern = "bad-resource-pattern", "an exception's resource is not kind/name",
        "Resources are written as `kind/name`, with `*` and `?` as wild cards: `topic/logs-*`.",
        "Write the kind before the name: topic, user, acl, quota, broker-config or rule-group.";
    TooManyProblems = "too-many-problems", "there are more problems than are shown",
        "The list was cut.",
        "Correct these first, and validate again.";
}

#[cfg(test)]
mod tests {
    use super::CODES;

    #[test]
    fn codes_are_kebab_case_unique_and_explained() {
        let mut seen = std::collections::BTreeSet::new();
        for doc in CODES {
            assert!(doc.code.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-'));
            assert!(seen.insert(doc.code), "{} stands twice", doc.code);
            assert!(doc.explanation.ends_with('.') && doc.fix.ends_with('.'), "{}", doc.code);
        }
    }
}
