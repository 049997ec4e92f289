//! The agent's settings: raw text to valid values, every problem at once; and the secrets that manifests refer to.
//!
//! Settings live on the agent's machine and never in the repository, so that a pull request cannot point the agent's
//! credentials elsewhere. Nothing in here reads the environment by itself: see [`Surroundings`]. Files are read in
//! [`load`] and in [`secrets`].

mod age_file;
mod parse;
mod reader;
pub mod secrets;
mod services;
pub mod settings;
mod substitute;
mod tree;
mod values;

use std::path::Path;

pub use parse::parse;
pub use substitute::Surroundings;

use crate::domain::code_doc::CodeDoc;
use crate::domain::diagnostic::Diagnostic;
use settings::AgentSettings;

/// The codes of problems in a settings file.
pub const CODES: &[CodeDoc] = &[
    CodeDoc {
        code: "unreadable-settings",
        title: "the settings file cannot be read",
        explanation: "driftless could not read the file after `--config`: it is not there, its user may not read it, or it is not UTF-8 text of at most 1 MiB.",
        fix: "Check the path, and that the user who runs driftless may read the file.",
    },
    CodeDoc {
        code: "invalid-settings-yaml",
        title: "the settings file is not valid YAML",
        explanation: "The text cannot be read as one YAML document: indentation, a missing quote or bracket, or a key that stands twice.",
        fix: "Look at the given line and the one above it.",
    },
    CodeDoc {
        code: "unknown-setting",
        title: "there is no such setting",
        explanation: "Settings that driftless does not know are refused, so that a misspelt one is not silently left out.",
        fix: "Correct the name or remove it.",
    },
    CodeDoc {
        code: "missing-setting",
        title: "a setting that is needed is missing",
        explanation: "Only `apiVersion`, `kind`, `environment`, `source` and `cluster` are always needed; others are needed when their neighbours are there.",
        fix: "Add it, as the help of the message shows.",
    },
    CodeDoc {
        code: "invalid-setting",
        title: "the value of a setting is not valid",
        explanation: "The message says which values are. Durations are written like `30s`, `1m` or `1h`.",
        fix: "Correct the value. A wrong value never means its default.",
    },
    CodeDoc {
        code: "conflicting-settings",
        title: "settings exclude each other",
        explanation: "Only one of the named settings can hold. A cluster is given by exactly one of `propertiesFile`, `properties` and `sandbox`.",
        fix: "Keep one of them.",
    },
    CodeDoc {
        code: "unresolved-setting",
        title: "a reference in a setting leads nowhere",
        explanation: "`${env:NAME}` needs the environment variable, `${file:PATH}` a readable UTF-8 file; paths are relative to the settings file.",
        fix: "Set the variable or correct the path. Write `$${` for a literal `${`.",
    },
];

/// Reads and checks a settings file. The error holds every problem, with places that name the file as `path` does.
pub fn load(path: &Path, surroundings: Surroundings<'_>) -> Result<AgentSettings, Vec<Diagnostic>> {
    let file = path.display().to_string();
    let unreadable = |reason: String| {
        vec![Diagnostic::error(
            "unreadable-settings",
            None,
            format!("the settings file `{file}` cannot be read: {reason}"),
        )]
    };
    let bytes = (surroundings.read_file)(path).map_err(|error| unreadable(error.to_string()))?;
    let text = String::from_utf8(bytes).map_err(|_| unreadable("it is not UTF-8".to_owned()))?;
    let directory = path.parent().unwrap_or_else(|| Path::new(""));
    parse(&text, &file, directory, surroundings)
}
