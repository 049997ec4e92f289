//! Plans in files: `plan --out` writes them, `apply` and `show` read them.

use std::io::{self, Write};
use std::path::Path;

use super::error::CommandError;
use super::surroundings::surroundings;
use crate::domain::API_VERSION;
use crate::plan::types::Plan;

/// Reads a saved plan. Does not say whether it still holds: see `plan::seal`.
pub(super) fn read(path: &Path) -> Result<Plan, CommandError> {
    let shown = path.display();
    let failed = || CommandError::usage(format!("failed to read the plan `{shown}`"));
    let hint = "Save one with `driftless plan --out FILE`.";
    let bytes = (surroundings().read_file)(path).map_err(|error| failed().because(error).hint(hint))?;
    let plan: Plan = serde_json::from_slice(&bytes)
        .map_err(|error| CommandError::usage(format!("`{shown}` is not a plan")).because(error).hint(hint))?;
    if plan.api_version != API_VERSION || plan.kind != "Plan" {
        let message = format!("`{shown}` is a `{}` of `{}`, and no plan", plan.kind, plan.api_version);
        return Err(CommandError::usage(message).hint(hint));
    }
    Ok(plan)
}

/// Saves a plan: whole, or not at all.
pub(super) fn write(plan: &Plan, path: &Path) -> Result<(), CommandError> {
    let write = || -> io::Result<()> {
        let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let mut file = tempfile::NamedTempFile::new_in(directory)?;
        serde_json::to_writer_pretty(&mut file, plan)?;
        file.write_all(b"\n")?;
        file.as_file().sync_all()?;
        file.persist(path).map_err(|error| error.error)?;
        Ok(())
    };
    write().map_err(|error| {
        CommandError::failed(format!("failed to save the plan to `{}`", path.display())).because(error)
    })
}
