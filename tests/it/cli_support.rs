//! Runs the binary as a person would, in a world that holds nothing but what the test puts there.

use std::path::Path;
use std::process::{Command, Stdio};

/// A directory of the test's own, in which the binary runs with an empty environment.
pub(crate) struct Desk {
    directory: tempfile::TempDir,
    variables: Vec<(String, String)>,
}

/// What a run of the binary said, and how it ended.
#[derive(Debug)]
#[must_use]
pub(crate) struct Outcome {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Desk {
    pub(crate) fn new() -> Self {
        Self { directory: tempfile::tempdir().expect("a directory"), variables: Vec::new() }
    }

    pub(crate) fn path(&self) -> &Path {
        self.directory.path()
    }

    /// Writes a file, with the directories above it.
    pub(crate) fn file(self, path: &str, content: &str) -> Self {
        let path = self.path().join(path);
        std::fs::create_dir_all(path.parent().expect("below the desk")).expect("is made");
        std::fs::write(path, content).expect("is written");
        self
    }

    pub(crate) fn variable(mut self, name: &str, value: &str) -> Self {
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Runs `driftless` with arguments that hold no spaces. Nobody is there to answer questions.
    pub(crate) fn run(&self, arguments: &str) -> Outcome {
        let output = self.command().args(arguments.split_whitespace()).output().expect("the binary runs");
        let text = |bytes: Vec<u8>| {
            String::from_utf8(bytes).expect("UTF-8").replace(self.path().to_str().expect("UTF-8"), "[DESK]")
        };
        Outcome {
            code: output.status.code().expect("ends by itself"),
            stdout: text(output.stdout),
            stderr: text(output.stderr),
        }
    }

    /// Prepares the binary without arguments.
    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_driftless"));
        command.env_clear().env("HOME", self.path()).envs(self.variables.iter().cloned());
        command.current_dir(self.path()).stdin(Stdio::null());
        command
    }
}

impl Outcome {
    /// Checks that nothing came out on standard output, and returns what was said on standard error.
    #[track_caller]
    pub(crate) fn refused(self, code: i32) -> String {
        assert_eq!((self.code, self.stdout.as_str()), (code, ""), "{}", self.stderr);
        self.stderr
    }

    /// Checks that it went well without a word on standard error, and returns standard output.
    #[track_caller]
    pub(crate) fn done(self) -> String {
        assert_eq!((self.code, self.stderr.as_str()), (0, ""), "{}", self.stdout);
        self.stdout
    }
}
