//! One pass: the whole story from desired state and live cluster to the report, through ports only.
//!
//! The command line and the agent call the same functions; they differ in what starts them and who reads the result. Every
//! failure is one [`PassError`], which says what it was, what to do, and whether trying again can help.

mod decision;
mod error;
mod history;
mod pass;
mod passwords;
mod record;

pub use decision::Decision;
pub use error::PassError;
pub use history::History;
pub use pass::{Observation, Pass, Planned, observe};
pub use passwords::Secrets;
pub use record::{Applied, Push, record_problem};
