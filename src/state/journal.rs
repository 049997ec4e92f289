//! The journal: one line of JSON per run and per entry, flushed to the disk before a batch is sent and after its results.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::{failed, make_directory, sync_directory};
use crate::ports::{Journal, JournalContents, JournalEntry, JournalRun, StateError};

/// A journal in a file. Written by one process at a time: hold the [`super::StateLock`].
#[derive(Debug)]
pub struct FileJournal {
    path: PathBuf,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Line<'a> {
    Begin(std::borrow::Cow<'a, JournalRun>),
    Entry(std::borrow::Cow<'a, JournalEntry>),
}

impl FileJournal {
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path }
    }

    /// Returns where it is, for messages.
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn append<'a>(&self, lines: impl Iterator<Item = Line<'a>>) -> Result<(), StateError> {
        let mut text = Vec::new();
        for line in lines {
            serde_json::to_writer(&mut text, &line)
                .map_err(|error| failed("write the journal", &self.path, io::Error::other(error)))?;
            text.push(b'\n');
        }
        self.append_bytes(&text).map_err(|source| failed("write the journal", &self.path, source))
    }

    fn append_bytes(&self, text: &[u8]) -> io::Result<()> {
        let is_new = !self.path.exists();
        if is_new {
            self.path.parent().map_or(Ok(()), make_directory)?;
        }
        let mut options = File::options();
        options.create(true).truncate(false).read(true).write(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(&self.path)?;
        cut_torn_line(&mut file)?;
        file.write_all(text)?;
        file.sync_data()?;
        if is_new { self.path.parent().map_or(Ok(()), sync_directory) } else { Ok(()) }
    }
}

/// Takes off what a crash left of a line, so that it does not run into the next one, and goes to the end.
fn cut_torn_line(file: &mut File) -> io::Result<()> {
    if file.seek(SeekFrom::End(0))? == 0 {
        return Ok(());
    }
    let mut last = [0];
    file.seek(SeekFrom::End(-1))?;
    file.read_exact(&mut last)?;
    if last != [b'\n'] {
        let mut bytes = Vec::new();
        file.seek(SeekFrom::Start(0))?;
        file.read_to_end(&mut bytes)?;
        file.set_len(u64::try_from(whole_lines(&bytes)).map_err(io::Error::other)?)?;
    }
    file.seek(SeekFrom::End(0)).map(|_| ())
}

/// Returns the length of the part that ends with a line break.
fn whole_lines(bytes: &[u8]) -> usize {
    bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |last| last + 1)
}

impl Journal for FileJournal {
    fn read(&self) -> Result<JournalContents, StateError> {
        let bytes = match fs::read(&self.path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(JournalContents::default()),
            Err(source) => return Err(failed("read the journal", &self.path, source)),
        };
        let damaged = |number: usize| {
            StateError {
            message: format!("line {} of the journal `{}` is damaged", number + 1, self.path.display()),
            hint: Some(
                "It says what an apply that did not end has already done. Move it away to go on without: what that apply made \
                 is then adopted again, or shown as unmanaged."
                    .to_owned(),
            ),
            source: None,
        }
        };
        let mut contents = JournalContents::default();
        for (number, line) in bytes[..whole_lines(&bytes)].split(|byte| *byte == b'\n').enumerate() {
            if line.is_empty() {
                continue;
            }
            match serde_json::from_slice(line).map_err(|_| damaged(number))? {
                Line::Begin(run) => contents.runs.push((run.into_owned(), Vec::new())),
                Line::Entry(entry) => {
                    contents.runs.last_mut().ok_or_else(|| damaged(number))?.1.push(entry.into_owned());
                }
            }
        }
        Ok(contents)
    }

    fn begin(&self, run: &JournalRun) -> Result<(), StateError> {
        self.append(std::iter::once(Line::Begin(std::borrow::Cow::Borrowed(run))))
    }

    fn before(&self, batch: &[JournalEntry]) -> Result<(), StateError> {
        self.append(batch.iter().map(|entry| Line::Entry(std::borrow::Cow::Borrowed(entry))))
    }

    fn after(&self, batch: &[JournalEntry]) -> Result<(), StateError> {
        self.before(batch)
    }

    fn clear(&self) -> Result<(), StateError> {
        match fs::remove_file(&self.path) {
            Ok(()) => {
                let directory = self.path.parent().unwrap_or_else(|| Path::new("."));
                sync_directory(directory).map_err(|source| failed("clear the journal", &self.path, source))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(source) => Err(failed("clear the journal", &self.path, source)),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::domain::resource::ResourceId;
    use crate::ports::JournalPhase;

    fn entry(name: &str, phase: JournalPhase) -> JournalEntry {
        JournalEntry {
            action_id: format!("topic/{name}/update"),
            resource: ResourceId::parse(&format!("topic/{name}")).expect("valid"),
            fields: BTreeMap::from([
                ("config.retention.ms".to_owned(), Some("1".to_owned())),
                ("config.x".to_owned(), None),
            ]),
            phase,
            topic_id: None,
        }
    }

    fn run(plan: &str) -> JournalRun {
        let (environment, cluster_id) = ("prod".to_owned(), "c".to_owned());
        JournalRun { plan_id: plan.to_owned(), environment, cluster_id, recorded: None }
    }

    fn journal() -> (tempfile::TempDir, FileJournal) {
        let directory = tempfile::tempdir().expect("a directory");
        let journal = FileJournal::new(directory.path().join("journal.jsonl"));
        (directory, journal)
    }

    #[test]
    fn what_was_written_is_read_by_the_next_process() {
        let (_directory, journal) = journal();
        assert_eq!(journal.read().expect("empty"), JournalContents::default());
        journal.begin(&run("one")).expect("written");
        journal.before(&[entry("a", JournalPhase::Intended), entry("b", JournalPhase::Intended)]).expect("written");
        journal.after(&[entry("a", JournalPhase::Done)]).expect("written");
        journal.begin(&run("two")).expect("written");
        let entries = vec![
            entry("a", JournalPhase::Intended),
            entry("b", JournalPhase::Intended),
            entry("a", JournalPhase::Done),
        ];
        let expected = JournalContents { runs: vec![(run("one"), entries), (run("two"), Vec::new())] };
        assert_eq!(FileJournal::new(journal.path().to_owned()).read().expect("read"), expected);
        journal.clear().expect("cleared");
        journal.clear().expect("cleared again");
        assert_eq!(journal.read().expect("empty"), JournalContents::default());
    }

    #[test]
    fn a_kill_in_the_middle_of_a_line_loses_only_that_line() {
        let (_directory, journal) = journal();
        journal.begin(&run("one")).expect("written");
        journal.before(&[entry("a", JournalPhase::Intended), entry("b", JournalPhase::Intended)]).expect("written");
        let whole = fs::read(journal.path()).expect("is there");
        for length in 0..=whole.len() {
            fs::write(journal.path(), &whole[..length]).expect("cut");
            let entries = journal.read().expect("a cut last line is no error").runs;
            journal.begin(&run("two")).expect("written");
            let again = journal.read().expect("the cut line is gone").runs;
            assert_eq!(again.len(), entries.len() + 1, "cut at {length}");
            assert_eq!(again[..entries.len()], entries, "cut at {length}");
        }
    }

    #[test]
    fn damage_before_the_end_is_not_passed_over() {
        let (_directory, journal) = journal();
        for text in ["nonsense\n", "{\"entry\":{}}\n", "{\"begin\":{}}\n"] {
            fs::write(journal.path(), text).expect("written");
            assert!(journal.read().expect_err("damaged").message.contains("line 1"), "{text}");
        }
    }
}
