//! Durations as Prometheus writes them.

const UNITS: [(&str, u64); 7] = [
    ("y", 365 * 24 * 3600 * 1000),
    ("w", 7 * 24 * 3600 * 1000),
    ("d", 24 * 3600 * 1000),
    ("h", 3600 * 1000),
    ("m", 60 * 1000),
    ("s", 1000),
    ("ms", 1),
];

/// Writes milliseconds in the largest units that fit, as `1h30m`. Years and weeks are left to days, which people can add.
pub(crate) fn format_duration(milliseconds: u64) -> String {
    if milliseconds == 0 {
        return "0s".to_owned();
    }
    let mut rest = milliseconds;
    let mut text = String::new();
    for (unit, length) in UNITS.iter().skip(2) {
        if rest >= *length {
            text.push_str(&format!("{}{unit}", rest / length));
            rest %= length;
        }
    }
    text
}

/// Reads `1h30m` and the like: units from large to small, each at most once.
pub(crate) fn parse_duration(text: &str) -> Option<u64> {
    if text == "0" {
        return Some(0);
    }
    let mut rest = text;
    let mut total: u64 = 0;
    let mut units = UNITS.iter();
    while !rest.is_empty() {
        let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let count: u64 = rest[..digits].parse().ok()?;
        let unit_end = rest[digits..].find(|c: char| c.is_ascii_digit()).map_or(rest.len(), |index| digits + index);
        let length = units.find(|(unit, _)| *unit == &rest[digits..unit_end])?.1;
        total = total.checked_add(count.checked_mul(length)?)?;
        rest = &rest[unit_end..];
    }
    (!text.is_empty()).then_some(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_survive_their_text() {
        for (milliseconds, text) in
            [(0, "0s"), (60_000, "1m"), (90_000, "1m30s"), (1_500, "1s500ms"), (604_800_000, "7d")]
        {
            assert_eq!(format_duration(milliseconds), text);
        }
        for milliseconds in [0, 1, 999, 1000, 86_399_999, u64::MAX] {
            assert_eq!(parse_duration(&format_duration(milliseconds)), Some(milliseconds));
        }
        assert_eq!(parse_duration("1w2d"), Some(9 * 86_400_000));
        for bad in ["", "1", "m", "1s1m", "1m1m", "-1s", "1.5s", "99999999999999999999d"] {
            assert_eq!(parse_duration(bad), None, "{bad}");
        }
    }
}
