//! The types of single settings. Every error fits after "`setting` is `value`, which ".

use std::net::SocketAddr;
use std::time::Duration;

/// Reads a duration such as `30s`, `1m`, `1h 30m`; more than nothing.
pub(crate) fn duration(raw: &str) -> Result<Duration, String> {
    let invalid = || "is not a duration such as `30s`, `1m` or `1h 30m`".to_owned();
    let parsed: jiff::SignedDuration = raw.trim().parse().map_err(|_| invalid())?;
    let duration = Duration::try_from(parsed).map_err(|_| "is negative; a duration is more than zero".to_owned())?;
    if duration.is_zero() {
        return Err("is zero; a duration is more than zero".to_owned());
    }
    Ok(duration)
}

/// Reads an interval between passes: a duration of at least a second.
pub(crate) fn interval(raw: &str) -> Result<Duration, String> {
    let interval = duration(raw)?;
    if interval < Duration::from_secs(1) {
        return Err("is too short; an interval is at least `1s`".to_owned());
    }
    Ok(interval)
}

/// Reads `true` or `false`.
pub(crate) fn boolean(raw: &str) -> Result<bool, String> {
    match raw {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err("is neither `true` nor `false`".to_owned()),
    }
}

/// Reads a count.
pub(crate) fn count(raw: &str) -> Result<usize, String> {
    raw.parse().map_err(|_| "is not a whole number from 0".to_owned())
}

/// Reads a cron expression with seconds. Only its shape is checked.
pub(crate) fn schedule(raw: &str) -> Result<String, String> {
    let fields: Vec<&str> = raw.split_whitespace().collect();
    if !matches!(fields.len(), 6 | 7) {
        return Err("is not a schedule of 6 fields: second, minute, hour, day of month, month, day of week".to_owned());
    }
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '*' | '/' | ',' | '-' | '?' | '#');
    match fields.iter().find(|field| !field.chars().all(allowed)) {
        Some(field) => Err(format!("has the field `{field}`, which no schedule can have")),
        None => Ok(fields.join(" ")),
    }
}

/// Reads the name of a time zone, as the IANA database has it.
pub(crate) fn time_zone(raw: &str) -> Result<chrono_tz::Tz, String> {
    raw.parse().map_err(|_| "is not a time zone such as `UTC` or `Europe/Berlin`".to_owned())
}

/// Reads in how many checks in a row a drift must be seen.
pub(crate) fn confirmations(raw: &str) -> Result<u32, String> {
    match raw.parse() {
        Ok(count @ 1..=10) => Ok(count),
        Ok(_) | Err(_) => Err("is not a number from 1 to 10".to_owned()),
    }
}

/// Reads an address to listen on, `IP:PORT`.
pub(crate) fn listen(raw: &str) -> Result<SocketAddr, String> {
    raw.parse().map_err(|_| "is not an address such as `127.0.0.1:8080` or `[::1]:8080`".to_owned())
}

/// Reads an HTTP address, and takes a `/` off its end.
pub(crate) fn http_url(raw: &str) -> Result<String, String> {
    let invalid = "is not an address such as `https://host:port`";
    let url = url::Url::parse(raw).map_err(|_| invalid.to_owned())?;
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none_or(str::is_empty) {
        return Err(invalid.to_owned());
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("holds a user name or password; those have settings of their own".to_owned());
    }
    Ok(raw.trim_end_matches('/').to_owned())
}

/// Reads the name of an environment: it becomes part of branch names.
pub(crate) fn environment(raw: &str) -> Result<String, String> {
    let valid = raw.starts_with(|c: char| c.is_ascii_alphanumeric())
        && raw.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-'))
        && !raw.contains("..")
        && !raw.ends_with('.')
        && !raw.ends_with(".lock");
    if valid {
        Ok(raw.to_owned())
    } else {
        Err("is not a name of ASCII letters, digits, `-`, `_` and `.` that starts with a letter or digit".to_owned())
    }
}

/// Reads the name of a branch, by the rules of `git check-ref-format --branch`.
pub(crate) fn branch(raw: &str) -> Result<String, String> {
    let bad_character = |c: char| c.is_ascii_control() || " ~^:?*[\\".contains(c);
    let bad_part = |part: &str| part.is_empty() || part.starts_with('.') || part.ends_with(".lock");
    if raw.contains(bad_character)
        || raw.split('/').any(bad_part)
        || raw.contains("..")
        || raw.contains("@{")
        || raw.starts_with('-')
        || raw.ends_with('.')
        || raw == "@"
        || raw == "HEAD"
    {
        Err("is not a name that git takes for a branch".to_owned())
    } else {
        Ok(raw.to_owned())
    }
}

/// Reads the name of a repository at a forge: `owner/name`, or longer for groups in groups.
pub(crate) fn forge_repository(raw: &str) -> Result<String, String> {
    let parts: Vec<&str> = raw.split('/').collect();
    if parts.len() >= 2 && parts.iter().all(|part| !part.is_empty() && !part.contains(char::is_whitespace)) {
        Ok(raw.to_owned())
    } else {
        Err("is not a repository such as `organisation/name`".to_owned())
    }
}

/// Reads a topic's name.
pub(crate) fn topic(raw: &str) -> Result<crate::domain::names::TopicName, String> {
    crate::domain::names::TopicName::parse(raw).map_err(|error| format!("is not a topic name: {error}"))
}

/// Reads the name of a consumer group: any text that is not empty; Kafka has no rule beside its length.
pub(crate) fn group(raw: &str) -> Result<String, String> {
    if raw.trim().is_empty() || raw.len() > 249 || raw.chars().any(char::is_control) {
        return Err("is not the name of a consumer group".to_owned());
    }
    Ok(raw.to_owned())
}

/// Reads a full commit id.
pub(crate) fn commit(raw: &str) -> Result<String, String> {
    if matches!(raw.len(), 40 | 64) && raw.chars().all(|c| c.is_ascii_hexdigit()) {
        Ok(raw.to_ascii_lowercase())
    } else {
        Err("is not a full commit id of 40 hexadecimal digits".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_more_than_zero_and_have_a_unit() {
        for (raw, seconds) in [("30s", 30), ("1m", 60), ("10m", 600), ("1h", 3600), ("1h 30m", 5400), ("1h30m", 5400)] {
            assert_eq!(duration(raw), Ok(Duration::from_secs(seconds)), "{raw}");
        }
        for raw in ["", "10", "0s", "-1m", "1 fortnight", "m"] {
            assert!(duration(raw).is_err(), "{raw}");
        }
        assert!(interval("500ms").is_err());
    }

    #[test]
    fn schedules_have_six_fields() {
        for raw in ["0 */10 * * * *", "0 0 3 ? * MON-FRI", "0 0 0 1 1 * 2030"] {
            assert!(schedule(raw).is_ok(), "{raw}");
        }
        for raw in ["*/10 * * * *", "", "0 */10 * * * $"] {
            assert!(schedule(raw).is_err(), "{raw}");
        }
    }

    #[test]
    fn time_zones_have_the_names_of_the_database() {
        assert_eq!(time_zone("Europe/Berlin"), Ok(chrono_tz::Tz::Europe__Berlin));
        for raw in ["", "Berlin", "+02:00", "CEST"] {
            assert!(time_zone(raw).is_err(), "{raw}");
        }
        assert_eq!((confirmations("1"), confirmations("10")), (Ok(1), Ok(10)));
        for raw in ["0", "-1", "11", "two"] {
            assert!(confirmations(raw).is_err(), "{raw}");
        }
    }

    #[test]
    fn names_that_git_would_refuse_are_refused() {
        for raw in ["prod", "eu-1.prod_b"] {
            assert!(environment(raw).is_ok(), "{raw}");
        }
        for raw in ["", "../x", "a/b", "a..b", "-a", "a b", "x.lock"] {
            assert!(environment(raw).is_err(), "{raw}");
        }
        assert!(branch("driftless/prod").is_ok());
        for raw in ["", "a b", "a..b", "-x", "a~1", "/a", "a//b", "HEAD", "a.lock/b", "a\\b"] {
            assert!(branch(raw).is_err(), "{raw}");
        }
    }

    #[test]
    fn http_addresses_carry_no_credentials() {
        assert_eq!(http_url("http://localhost:9090/"), Ok("http://localhost:9090".to_owned()));
        for raw in ["localhost:9090", "ftp://x", "http://u:p@host", "http://", "/x"] {
            assert!(http_url(raw).is_err(), "{raw}");
        }
    }
}
