//! SSH signatures (PROTOCOL.sshsig) against keys in the forms of OpenSSH.

use globset::GlobBuilder;
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use ssh_key::{HashAlg, PublicKey, SshSig};

use super::{Distrust, NAMESPACE};

/// A key, and when it counts.
#[derive(Debug)]
pub(super) struct SshKey {
    key: PublicKey,
    valid_after: Option<Timestamp>,
    valid_before: Option<Timestamp>,
    is_for_git: bool,
}

/// Reads one line of a public key file (sshd(8), AUTHORIZED_KEYS FILE FORMAT, without options) or of an allowed signers file
/// (ssh-keygen(1), ALLOWED SIGNERS; the principals mean nothing here). `None` for an empty line. The error is a sentence's end.
pub(super) fn read_line(line: &str) -> Result<Option<SshKey>, String> {
    let line = line.trim();
    if line.is_empty() || line.starts_with('#') {
        return Ok(None);
    }
    let mut key = None;
    let mut options = String::new();
    let mut rest = line;
    // Before the key's type: nothing, or principals, or principals and options. None of them may hold a space outside quotes.
    for place in 0..3 {
        let (word, after) = first_word(rest);
        if is_key_type(word) {
            key = Some(PublicKey::from_openssh(rest).map_err(|error| format!("holds no usable public key: {error}"))?);
            break;
        }
        match place {
            0 if word.contains(['=', '"']) || word == "cert-authority" => {
                return Err("has options where an allowed signers file has principals".to_owned());
            }
            0 => {}
            _ => options = word.to_owned(),
        }
        rest = after;
    }
    let key = key.ok_or("is neither a public key nor a line of an allowed signers file")?;
    let mut read = SshKey { key, valid_after: None, valid_before: None, is_for_git: true };
    for option in split_outside_quotes(&options) {
        let (name, value) = option.split_once('=').unwrap_or((option, ""));
        let value = value.trim_matches('"');
        match name.to_ascii_lowercase().as_str() {
            "namespaces" => read.is_for_git = value.split(',').any(is_pattern_of_git),
            "valid-after" => read.valid_after = Some(time(value)?),
            "valid-before" => read.valid_before = Some(time(value)?),
            "cert-authority" => return Err("names a certificate authority, which is not supported".to_owned()),
            _ => return Err(format!("has the option `{name}`, which is not known")),
        }
    }
    Ok(Some(read))
}

fn is_key_type(word: &str) -> bool {
    ["ssh-", "ecdsa-sha2-", "sk-ssh-", "sk-ecdsa-"].iter().any(|start| word.starts_with(start))
}

fn first_word(text: &str) -> (&str, &str) {
    let mut quoted = false;
    let end = text.find(|c: char| {
        quoted ^= c == '"';
        c.is_whitespace() && !quoted
    });
    let (word, rest) = text.split_at(end.unwrap_or(text.len()));
    (word, rest.trim_start())
}

fn split_outside_quotes(options: &str) -> Vec<&str> {
    let mut quoted = false;
    let is_end = move |c: char| {
        quoted ^= c == '"';
        c == ',' && !quoted
    };
    options.split(is_end).filter(|option| !option.is_empty()).collect()
}

fn is_pattern_of_git(pattern: &str) -> bool {
    let glob = GlobBuilder::new(pattern.trim()).build();
    glob.is_ok_and(|glob| glob.compile_matcher().is_match(NAMESPACE))
}

/// Reads a time of an allowed signers file. One without `Z` is taken as UTC too: this machine's zone is not the writer's.
fn time(text: &str) -> Result<Timestamp, String> {
    let digits = text.strip_suffix(['Z', 'z']).unwrap_or(text);
    let format = match digits.len() {
        8 => "%Y%m%d",
        12 => "%Y%m%d%H%M",
        14 => "%Y%m%d%H%M%S",
        _ => return Err(format!("has the time `{text}`, which is not of the form YYYYMMDD[HHMM[SS]][Z]")),
    };
    let parsed = match digits.len() {
        8 => jiff::civil::Date::strptime(format, digits).map(|date| date.at(0, 0, 0, 0)),
        _ => DateTime::strptime(format, digits),
    };
    let zoned = parsed.and_then(|time| time.to_zoned(TimeZone::UTC));
    zoned.map(|zoned| zoned.timestamp()).map_err(|_| format!("has the time `{text}`, which is none"))
}

/// Checks a signature. What a key's dates say is compared with now: whoever has an old key can write any date into a commit.
pub(super) fn check(keys: &[SshKey], signature: &str, payload: &[u8], now: Timestamp) -> Result<(), Distrust> {
    let signature = SshSig::from_pem(signature).map_err(|error| Distrust::Unreadable(error.to_string()))?;
    let fingerprint = signature.public_key().fingerprint(HashAlg::Sha256);
    let name = format!("SSH key `{fingerprint}`");
    let known: Vec<&SshKey> = keys.iter().filter(|key| key.key.key_data() == signature.public_key()).collect();
    let Some(first) = known.first() else { return Err(Distrust::UnknownKey(name)) };
    if signature.namespace() != NAMESPACE {
        let why = format!("it was made for `{}` and not for `{NAMESPACE}`", signature.namespace().escape_debug());
        return Err(Distrust::Bad { key: name, why });
    }
    if first.key.verify(NAMESPACE, payload, &signature).is_err() {
        return Err(Distrust::Bad { key: name, why: "it does not fit the commit".to_owned() });
    }
    let mut refused = None;
    for key in known {
        match key.counts(now) {
            Ok(()) => return Ok(()),
            Err(why) => refused = Some(why),
        }
    }
    Err(Distrust::KeyRefused { key: name, why: refused.unwrap_or_default() })
}

impl SshKey {
    fn counts(&self, now: Timestamp) -> Result<(), String> {
        if !self.is_for_git {
            return Err(format!("is not trusted for the namespace `{NAMESPACE}`"));
        }
        if let Some(start) = self.valid_after.filter(|start| now < *start) {
            return Err(format!("counts only from {start} on"));
        }
        match self.valid_before {
            Some(end) if now >= end => Err(format!("expired at {end}")),
            Some(_) | None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAILM+rvN+ot98qgEN796jTiQfZfG1KaT0PtFDJ/XFSqti";

    fn read(line: &str) -> Result<SshKey, String> {
        read_line(line).map(|key| key.expect("a line with a key"))
    }

    #[test]
    fn lines_of_both_forms_are_read_and_their_options_count() {
        let now: Timestamp = "2026-06-01T12:00:00Z".parse().expect("a time");
        for (line, counts) in [
            (KEY.to_owned(), true),
            (format!("{KEY} alice@example.org with spaces"), true),
            (format!("alice@example.org,*@ops {KEY}"), true),
            (format!("* namespaces=\"git\" {KEY}"), true),
            (format!("* namespaces=\"file, git\",valid-before=\"20270101\" {KEY}"), true),
            (format!("* namespaces=\"file\" {KEY}"), false),
            (format!("* namespaces=\"g*\" {KEY}"), true),
            (format!("a,b valid-after=\"202606011159Z\" {KEY}"), true),
            (format!("a valid-after=\"202606011201Z\" {KEY}"), false),
            (format!("a valid-before=\"20260601120000Z\" {KEY}"), false),
        ] {
            assert_eq!(read(&line).expect(&line).counts(now).is_ok(), counts, "{line}");
        }
        assert!(read_line("  # nothing").expect("a comment").is_none() && read_line("").expect("empty").is_none());
    }

    #[test]
    fn lines_that_would_give_more_trust_than_they_say_are_refused() {
        for line in [
            format!("* cert-authority {KEY}"),
            format!("cert-authority {KEY}"),
            format!("from=\"10.0.0.1\" {KEY}"),
            format!("* valid-until=\"2027\" {KEY}"),
            format!("* valid-before=\"tomorrow\" {KEY}"),
            format!("* valid-before=\"20261399\" {KEY}"),
            "ssh-ed25519 AAAA".to_owned(),
            "alice".to_owned(),
            "-----BEGIN OPENSSH PRIVATE KEY-----".to_owned(),
        ] {
            assert!(read_line(&line).is_err(), "{line}");
        }
    }
}
