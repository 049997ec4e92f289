//! The files of the rule directory.

use std::collections::BTreeMap;
use std::fs::{self, File, Permissions};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use super::{error, rule_file};
use crate::ports::RuleStoreError;

/// What stands for itself in a file name. Everything that a shell or Prometheus' patterns could read otherwise does not.
const IN_FILE_NAMES: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.');
/// Room for what is put around the name; file systems take 255 bytes.
const MAX_NAME: usize = 220;
const SUFFIX: &str = ".yaml";
const LAST_GOOD: &str = ".last-good";
/// Prometheus reads the files as another user.
const MODE: u32 = 0o644;
/// Bytes of a file that tell whether it is ours.
const START: u64 = 64;
const MAX_BYTES: u64 = 16 << 20;

pub(super) struct Files {
    directory: PathBuf,
}

impl Files {
    pub(super) fn new(directory: PathBuf) -> Self {
        Self { directory }
    }

    /// The pattern that Prometheus' `rule_files` needs.
    pub(super) fn pattern(&self) -> String {
        format!("{}/*{SUFFIX}", self.directory.display())
    }

    /// The file of a namespace. Fails when the name is too long for a file.
    pub(super) fn path(&self, namespace: &str) -> Result<PathBuf, RuleStoreError> {
        Ok(self.directory.join(file_name(namespace)?))
    }

    /// Reads every file that is ours, by namespace. Empty for one that we wrote and somebody removed.
    pub(super) fn read_ours(&self) -> Result<BTreeMap<String, String>, RuleStoreError> {
        let shown = self.directory.display();
        let failed = |cause: std::io::Error| {
            let hint = "Check the rule directory in the settings, and that driftless may read and write it.";
            error(format!("failed to read the rule directory `{shown}`: {}", cause.kind()), hint)
        };
        let mut files = BTreeMap::new();
        for entry in fs::read_dir(&self.directory).map_err(failed)? {
            let name = entry.map_err(failed)?.file_name();
            let Some(name) = name.to_str() else { continue };
            let remembered = name.strip_prefix('.').and_then(|name| name.strip_suffix(LAST_GOOD));
            let Some(encoded) = remembered.unwrap_or(name).strip_suffix(SUFFIX) else { continue };
            let Ok(namespace) = percent_decode_str(encoded).decode_utf8() else { continue };
            // A name that we would write otherwise is not ours; two files can never be one namespace.
            if !file_name(&namespace).is_ok_and(|expected| expected == *remembered.unwrap_or(name)) {
                continue;
            }
            match self.standing(&namespace)? {
                Standing::Ours(text) => drop(files.insert(namespace.into_owned(), text)),
                Standing::Nothing => drop(files.insert(namespace.into_owned(), String::new())),
                Standing::Foreign => {}
            }
        }
        Ok(files)
    }

    /// Reads the file of a namespace. A file that is not ours is an error, because it is about to be replaced.
    pub(super) fn read_own(&self, namespace: &str) -> Result<Option<String>, RuleStoreError> {
        match self.standing(namespace)? {
            Standing::Nothing => Ok(None),
            Standing::Ours(text) => Ok(Some(text)),
            Standing::Foreign => {
                let path = self.path(namespace)?;
                let hint = "Move the file away, or rename the namespace in git.";
                Err(error(format!("`{}` was not written by driftless, so it is not overwritten", path.display()), hint))
            }
        }
    }

    fn standing(&self, namespace: &str) -> Result<Standing, RuleStoreError> {
        let path = self.path(namespace)?;
        let failed =
            |cause: std::io::Error| error(format!("failed to read `{}`: {}", path.display(), cause.kind()), "");
        match fs::symlink_metadata(&path) {
            Ok(metadata) if metadata.is_file() => {}
            // driftless writes no links or directories.
            Ok(_) => return Ok(Standing::Foreign),
            Err(cause) if cause.kind() == ErrorKind::NotFound => return Ok(Standing::Nothing),
            Err(cause) => return Err(failed(cause)),
        }
        let mut file = File::open(&path).map_err(failed)?;
        let mut bytes = Vec::new();
        Read::by_ref(&mut file).take(START).read_to_end(&mut bytes).map_err(failed)?;
        if !rule_file::is_marked(&bytes) {
            return Ok(Standing::Foreign);
        }
        file.take(MAX_BYTES).read_to_end(&mut bytes).map_err(failed)?;
        let hint = "Repair the file, or remove it; driftless then writes it again.";
        let text = String::from_utf8(bytes).map_err(|_| error(format!("`{}` is not UTF-8", path.display()), hint))?;
        if text.len() as u64 >= MAX_BYTES {
            return Err(error(format!("`{}` is larger than {MAX_BYTES} bytes", path.display()), hint));
        }
        Ok(Standing::Ours(text))
    }

    /// Replaces the file of a namespace, or removes it, so that a reader sees either all of the old or all of the new.
    pub(super) fn write(&self, namespace: &str, text: Option<&str>) -> Result<(), RuleStoreError> {
        self.put(&self.path(namespace)?, text)
    }

    /// Remembers what to put back, before something else is written. `None`: there was no file.
    pub(super) fn keep_last_good(&self, namespace: &str, text: Option<&str>) -> Result<(), RuleStoreError> {
        self.put(&self.last_good_path(namespace)?, Some(text.unwrap_or_default()))
    }

    /// Remembers what Prometheus has loaded now.
    pub(super) fn confirm_last_good(&self, namespace: &str, text: Option<&str>) -> Result<(), RuleStoreError> {
        self.put(&self.last_good_path(namespace)?, text)
    }

    /// Reads what was remembered: nothing, or that there was no file, or the file.
    pub(super) fn read_last_good(&self, namespace: &str) -> Result<Option<Option<String>>, RuleStoreError> {
        let path = self.last_good_path(namespace)?;
        match fs::read_to_string(&path) {
            Ok(text) if text.is_empty() => Ok(Some(None)),
            Ok(text) => Ok(Some(Some(text))),
            Err(cause) if cause.kind() == ErrorKind::NotFound => Ok(None),
            Err(cause) => Err(error(format!("failed to read `{}`: {}", path.display(), cause.kind()), "")),
        }
    }

    /// Must not end as rule files do: Prometheus' patterns match names that start with a dot, too.
    fn last_good_path(&self, namespace: &str) -> Result<PathBuf, RuleStoreError> {
        Ok(self.directory.join(format!(".{}{LAST_GOOD}", file_name(namespace)?)))
    }

    fn put(&self, path: &PathBuf, text: Option<&str>) -> Result<(), RuleStoreError> {
        self.try_put(path, text).map_err(|cause| {
            let hint = "Check that driftless may write the rule directory, and that the disk is not full.";
            error(format!("failed to write `{}`: {}", path.display(), cause.kind()), hint)
        })
    }

    fn try_put(&self, path: &PathBuf, text: Option<&str>) -> std::io::Result<()> {
        match text {
            Some(text) => {
                let mut file =
                    tempfile::Builder::new().prefix(".driftless-").suffix(".tmp").tempfile_in(&self.directory)?;
                file.write_all(text.as_bytes())?;
                file.as_file().set_permissions(Permissions::from_mode(MODE))?;
                file.as_file().sync_all()?;
                file.persist(path)?;
            }
            None => match fs::remove_file(path) {
                Err(cause) if cause.kind() != ErrorKind::NotFound => return Err(cause),
                Ok(()) | Err(_) => {}
            },
        }
        File::open(&self.directory)?.sync_all()
    }
}

enum Standing {
    Nothing,
    Ours(String),
    Foreign,
}

fn file_name(namespace: &str) -> Result<String, RuleStoreError> {
    let mut encoded = utf8_percent_encode(namespace, IN_FILE_NAMES).to_string();
    if encoded.starts_with('.') {
        encoded.replace_range(..1, "%2E");
    }
    if encoded.is_empty() || encoded.len() > MAX_NAME {
        return Err(error(
            format!("`{namespace}` cannot be a rule namespace: its length does not fit a file name"),
            "",
        ));
    }
    Ok(format!("{encoded}{SUFFIX}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_namespace_has_a_file_name_of_its_own() {
        let cases = [
            ("kafka", "kafka.yaml"),
            ("kafka-lag_1.v2", "kafka-lag_1.v2.yaml"),
            ("a/b", "a%2Fb.yaml"),
            ("..", "%2E..yaml"),
            (".hidden", "%2Ehidden.yaml"),
            ("50%", "50%25.yaml"),
            ("*[ä]", "%2A%5B%C3%A4%5D.yaml"),
        ];
        for (namespace, name) in cases {
            assert_eq!(file_name(namespace).expect("a name"), name);
        }
        assert!(file_name("").is_err());
        assert!(file_name(&"x".repeat(300)).is_err());
    }

    #[test]
    fn files_of_others_are_neither_read_nor_overwritten() {
        let directory = tempfile::tempdir().expect("a directory");
        let files = Files::new(directory.path().to_owned());
        fs::write(directory.path().join("theirs.yaml"), "groups: []\n").expect("a file");
        fs::write(directory.path().join("ours.yml"), rule_file::MARK).expect("a file");
        fs::write(directory.path().join("a b.yaml"), rule_file::MARK).expect("a file");
        files.write("ours", Some(rule_file::MARK)).expect("written");
        std::os::unix::fs::symlink("ours.yaml", directory.path().join("link.yaml")).expect("a link");
        assert_eq!(files.read_ours().expect("read").into_keys().collect::<Vec<_>>(), ["ours"]);
        assert!(files.read_own("theirs").expect_err("refused").message.contains("not written by driftless"));
        assert!(files.read_own("link").is_err());
        assert_eq!(files.read_own("nothing").expect("read"), None);
    }

    #[test]
    fn a_file_is_readable_for_all_and_nothing_else_is_left_behind() {
        let directory = tempfile::tempdir().expect("a directory");
        let files = Files::new(directory.path().to_owned());
        files.write("a", Some("text")).expect("written");
        let mode = fs::metadata(directory.path().join("a.yaml")).expect("there").permissions().mode();
        assert_eq!(mode & 0o777, 0o644);
        assert_eq!(fs::read_dir(directory.path()).expect("read").count(), 1);
        files.write("a", None).expect("removed");
        files.write("a", None).expect("removed again");
        assert_eq!(fs::read_dir(directory.path()).expect("read").count(), 0);
    }

    #[test]
    fn the_last_good_content_may_be_that_there_was_none() {
        let directory = tempfile::tempdir().expect("a directory");
        let files = Files::new(directory.path().to_owned());
        assert_eq!(files.read_last_good("a").expect("read"), None);
        files.keep_last_good("a", None).expect("kept");
        assert_eq!(files.read_last_good("a").expect("read"), Some(None));
        files.keep_last_good("a", Some("text")).expect("kept");
        assert_eq!(files.read_last_good("a").expect("read"), Some(Some("text".to_owned())));
        files.confirm_last_good("a", None).expect("confirmed");
        assert_eq!(files.read_last_good("a").expect("read"), None);
    }
}
