//! `${env:NAME}` and `${file:PATH}` inside settings.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};

/// What settings may ask of the machine. Handed in, so that tests choose it.
#[derive(Clone, Copy)]
pub struct Surroundings<'a> {
    /// Looks up an environment variable.
    pub environment: &'a dyn Fn(&str) -> Option<String>,
    /// Reads a file.
    pub read_file: &'a dyn Fn(&Path) -> io::Result<Vec<u8>>,
}

/// Replaces every `${env:NAME}` and `${file:PATH}` in `raw`; `$${` stands for a literal `${`. What is put in is not
/// looked at again. One line break at the end of a file is left out. The error is a sentence that never holds a value.
///
/// Files that are named are added to `files`.
pub(crate) fn substitute(
    raw: &str,
    directory: &Path,
    surroundings: Surroundings<'_>,
    files: &mut BTreeSet<PathBuf>,
) -> Result<String, String> {
    let mut result = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some(start) = rest.find("${") {
        if rest[..start].ends_with('$') {
            result.push_str(&rest[..start - 1]);
            result.push_str("${");
            rest = &rest[start + 2..];
            continue;
        }
        result.push_str(&rest[..start]);
        let Some(length) = rest[start..].find('}') else {
            return Err("has a `${` without its `}`; write `$${` for a literal `${`".to_owned());
        };
        let reference = &rest[start + 2..start + length];
        result.push_str(&look_up(reference, directory, surroundings, files)?);
        rest = &rest[start + length + 1..];
    }
    result.push_str(rest);
    Ok(result)
}

fn look_up(
    reference: &str,
    directory: &Path,
    surroundings: Surroundings<'_>,
    files: &mut BTreeSet<PathBuf>,
) -> Result<String, String> {
    match reference.split_once(':') {
        Some(("env", name)) if !name.is_empty() => (surroundings.environment)(name)
            .ok_or_else(|| format!("needs the environment variable `{name}`, which is not set")),
        Some(("file", path)) if !path.is_empty() => {
            let path = resolve(directory, path);
            files.insert(path.clone());
            let bytes = (surroundings.read_file)(&path)
                .map_err(|error| format!("needs the file `{}`, which cannot be read: {error}", path.display()))?;
            let text = String::from_utf8(bytes)
                .map_err(|_| format!("needs the file `{}`, which is not UTF-8", path.display()))?;
            Ok(without_line_break(&text).to_owned())
        }
        Some(_) | None => Err(format!(
            "holds `${{{reference}}}`, which is neither `${{env:NAME}}` nor `${{file:PATH}}`; write `$${{` for a literal `${{`"
        )),
    }
}

/// Takes one line break off the end: people's editors put it there, Kubernetes does not.
pub(crate) fn without_line_break(text: &str) -> &str {
    text.strip_suffix('\n').map_or(text, |text| text.strip_suffix('\r').unwrap_or(text))
}

/// Makes a path of the settings file relative to that file's directory.
pub(crate) fn resolve(directory: &Path, path: &str) -> PathBuf {
    directory.join(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(raw: &str) -> Result<String, String> {
        let environment = |name: &str| (name == "HOST").then(|| "kafka.example.org".to_owned());
        let read_file = |path: &Path| match path.to_str() {
            Some("/etc/driftless/password") => Ok(b"p${env:HOST}w\n".to_vec()),
            Some(_) | None => Err(io::Error::from(io::ErrorKind::NotFound)),
        };
        let surroundings = Surroundings { environment: &environment, read_file: &read_file };
        substitute(raw, Path::new("/etc/driftless"), surroundings, &mut BTreeSet::new())
    }

    #[test]
    fn references_are_replaced_once() {
        for (raw, expected) in [
            ("plain", "plain"),
            ("${env:HOST}:9092,${env:HOST}:9093", "kafka.example.org:9092,kafka.example.org:9093"),
            ("${file:password}", "p${env:HOST}w"),
            ("${file:/etc/driftless/password}!", "p${env:HOST}w!"),
            ("$${env:HOST}", "${env:HOST}"),
            ("cost: 5$", "cost: 5$"),
            ("{branch}", "{branch}"),
        ] {
            assert_eq!(check(raw).as_deref(), Ok(expected), "{raw}");
        }
    }

    #[test]
    fn what_cannot_be_looked_up_is_named() {
        for (raw, part) in [
            ("${env:NOPE}", "variable `NOPE`, which is not set"),
            ("${file:nope}", "`/etc/driftless/nope`"),
            ("${ENV:HOST}", "neither `${env:NAME}`"),
            ("${HOST}", "neither"),
            ("${env:}", "neither"),
            ("${env:HOST", "without its `}`"),
        ] {
            let error = check(raw).expect_err(raw);
            assert!(error.contains(part), "{error}");
        }
    }
}
