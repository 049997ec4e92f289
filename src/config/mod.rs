//! The agent's settings: raw text to valid values, every problem at once; and the secrets that manifests refer to.
//!
//! Settings live on the agent's machine and never in the repository, so that a pull request cannot point the agent's
//! credentials elsewhere. Nothing in here reads the environment by itself: see [`Surroundings`]. Files are read in
//! [`load`] and in [`secrets`].

mod age_file;
mod parse;
mod reader;
pub mod secrets;
pub mod settings;
mod substitute;
mod tree;
mod values;

use std::path::Path;

pub use parse::parse;
pub use substitute::Surroundings;

use crate::domain::diagnostic::Diagnostic;
use settings::AgentSettings;

/// The codes of problems in a settings file, each with its title and what to do.
pub const CODES: &[(&str, &str, &str)] = &[
    (
        "unreadable-settings",
        "The settings file cannot be read",
        "Check the path after `--config`, and that the user who runs driftless may read the file. It is UTF-8 text of at most 1 MiB.",
    ),
    (
        "invalid-settings-yaml",
        "The settings file is not valid YAML",
        "Look at the given line: indentation, a missing quote or bracket, or a key that stands twice. The file holds one document.",
    ),
    (
        "unknown-setting",
        "There is no such setting",
        "Settings that driftless does not know are refused, so that a misspelt one is not silently left out. Correct the name or remove it.",
    ),
    (
        "missing-setting",
        "A setting that is needed is missing",
        "Add it. Only `environment`, `source` and `cluster` are always needed.",
    ),
    (
        "invalid-setting",
        "The value of a setting is not valid",
        "The message says which values are. Durations are written like `30s`, `1m` or `1h`.",
    ),
    (
        "conflicting-settings",
        "Settings exclude each other",
        "Keep one of the named settings. A cluster is given by exactly one of `propertiesFile`, `properties` and `sandbox`.",
    ),
    (
        "unresolved-setting",
        "A reference in a setting leads nowhere",
        "`${env:NAME}` needs the environment variable, `${file:PATH}` a readable UTF-8 file; paths are relative to the settings file. Write `$${` for a literal `${`.",
    ),
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
