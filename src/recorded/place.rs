//! Where each resource's file stands: names that every file system and git can hold.

use std::fmt::Write as _;

use crate::domain::digest::sha256;

/// The longest stem that is written whole; leaves room for a digest and `.yaml` below 255 bytes.
const LONGEST_STEM: usize = 200;

/// Returns `directory/xx/stem.yaml`, where `xx` is taken from a digest of the name: with 10,000 files in one directory
/// every commit would store that whole directory's listing again.
pub(crate) fn sharded(directory: &str, name: &str, stem: &str) -> String {
    format!("{directory}/{}/{stem}.yaml", hex(name, 1))
}

/// Returns a file name for a name, without the ending: the name itself where that is safe. Percent-encoded is what file
/// systems or the loader treat specially; names with capitals carry a digest, because file systems may take them for
/// others that differ in case only.
pub(crate) fn stem(name: &str) -> String {
    let mut stem = String::with_capacity(name.len());
    for (index, byte) in name.bytes().enumerate() {
        let plain = byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'=' | b'+' | b',' | b'@');
        // The loader passes over files that start with `.` or `_`.
        if plain || (index > 0 && matches!(byte, b'.' | b'_')) {
            stem.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            let _ = write!(stem, "%{byte:02X}");
        }
    }
    let ambiguous = name.bytes().any(|byte| byte.is_ascii_uppercase()) || is_device(&stem) || stem.is_empty();
    if stem.len() > LONGEST_STEM {
        stem.truncate(LONGEST_STEM);
        with_digest(&stem, name)
    } else if ambiguous {
        with_digest(&stem, name)
    } else {
        stem
    }
}

/// Returns a stem for one principal: the plain user name, or the whole principal when it is of another type.
pub(crate) fn principal_stem(principal: &str) -> String {
    match principal.strip_prefix("User:") {
        Some(user) => stem(user),
        None => with_digest(&stem(&principal.to_ascii_lowercase()), principal),
    }
}

/// Appends a short digest of `name` to `text`.
pub(crate) fn with_digest(text: &str, name: &str) -> String {
    format!("{text}~{}", hex(name, 4))
}

/// Returns the first bytes of the name's digest as hexadecimal digits.
pub(crate) fn hex(name: &str, bytes: usize) -> String {
    let mut digits = sha256(name);
    digits.truncate(2 * bytes);
    digits
}

/// Says whether Windows would take the file for a device.
fn is_device(stem: &str) -> bool {
    let base = stem.split('.').next().unwrap_or_default();
    match base {
        "con" | "prn" | "aux" | "nul" => true,
        _ => base
            .strip_prefix("com")
            .or_else(|| base.strip_prefix("lpt"))
            .is_some_and(|rest| rest.len() == 1 && rest.bytes().all(|byte| byte.is_ascii_digit())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_names_stay_as_they_are_and_others_are_made_safe() {
        for (name, expected) in [
            ("orders.v1", "orders.v1"),
            ("__consumer_offsets", "%5F_consumer_offsets"),
            ("a/b", "a%2Fb"),
            ("a%2fb", "a%252fb"),
            ("*", "%2A"),
            ("ü", "%C3%BC"),
            ("user=alice,client-id=<default>", "user=alice,client-id=%3Cdefault%3E"),
        ] {
            assert_eq!(stem(name), expected);
        }
        for name in ["Orders", "nul", "com1.x", ""] {
            assert!(stem(name).contains('~'), "{name}");
        }
    }

    #[test]
    fn names_that_differ_in_case_only_have_files_that_differ_in_more() {
        for (left, right) in [("orders", "Orders"), ("ORDERS", "Orders"), ("a%2fb", "a/b")] {
            assert_ne!(stem(left).to_lowercase(), stem(right).to_lowercase());
        }
        for (left, right) in [("User:alice", "user:alice"), ("User:group:a", "group:a"), ("Group:a", "group:a")] {
            assert_ne!(principal_stem(left).to_lowercase(), principal_stem(right).to_lowercase());
        }
    }

    #[test]
    fn the_longest_names_fit_into_a_file_name_and_stay_apart() {
        let long = "x".repeat(249);
        let other = format!("{}y", "x".repeat(248));
        assert!(stem(&long).len() <= 250);
        assert_ne!(stem(&long), stem(&other));
        assert!(principal_stem(&format!("User:{}", "ü".repeat(500))).len() <= 250);
    }
}
