//! The only place that reads the process' environment and the files that options and settings name.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use crate::config::Surroundings;

/// The most bytes of a file that an option or a setting names. Plans of large clusters are the largest.
const MAX_BYTES: u64 = 512 * 1024 * 1024;

/// Returns the surroundings of this process.
pub(super) fn surroundings() -> Surroundings<'static> {
    Surroundings { environment: &environment, read_file: &read_file }
}

/// Looks up a variable; one that is not UTF-8 counts as not set.
#[expect(clippy::disallowed_methods, reason = "the command line is where the environment enters")]
pub(super) fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

fn read_file(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(MAX_BYTES + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(io::Error::other(format!("it is larger than {MAX_BYTES} bytes")));
    }
    Ok(bytes)
}

/// Returns where state is kept when neither an option nor the repository says so, by the XDG base directories.
pub(super) fn default_state_directory() -> Option<PathBuf> {
    let absolute = |name| environment(name).map(PathBuf::from).filter(|path| path.is_absolute());
    absolute("XDG_STATE_HOME")
        .or_else(|| absolute("HOME").map(|home| home.join(".local").join("state")))
        .map(|state| state.join("driftless"))
}
