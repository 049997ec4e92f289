//! Durations as Prometheus writes them (`model.ParseDuration`): `30s`, `1h30m`.

/// Why a text is not a duration as Prometheus writes them.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a duration such as `30s`, `5m` or `1h30m`")]
pub struct InvalidDuration(String);

const UNITS: [(&str, u64); 7] = [
    ("y", 365 * 24 * 60 * 60 * 1000),
    ("w", 7 * 24 * 60 * 60 * 1000),
    ("d", 24 * 60 * 60 * 1000),
    ("h", 60 * 60 * 1000),
    ("m", 60 * 1000),
    ("s", 1000),
    ("ms", 1),
];

/// Reads a duration as Prometheus does: whole numbers with the units y, w, d, h, m, s, ms, each at most once and in
/// this order; or `0`. Returns milliseconds.
pub fn parse_ms(text: &str) -> Result<u64, InvalidDuration> {
    let invalid = || InvalidDuration(text.to_owned());
    if text == "0" {
        return Ok(0);
    }
    let mut total: u64 = 0;
    let mut rest = text;
    let mut units = UNITS.iter();
    while !rest.is_empty() {
        let digits = rest.find(|sign: char| !sign.is_ascii_digit()).ok_or_else(invalid)?;
        let (number, after) = rest.split_at(digits);
        let unit_length = after.find(|sign: char| sign.is_ascii_digit()).unwrap_or(after.len());
        let (unit, after) = after.split_at(unit_length);
        // Going on from the last unit found is what makes order and uniqueness hold.
        let (_, milliseconds) = units.find(|(name, _)| *name == unit).ok_or_else(invalid)?;
        let part = number.parse::<u64>().ok().and_then(|number| number.checked_mul(*milliseconds));
        total = part.and_then(|part| total.checked_add(part)).ok_or_else(invalid)?;
        rest = after;
    }
    // Prometheus counts nanoseconds in 63 bits.
    if text.is_empty() || total > i64::MAX as u64 / 1_000_000 { Err(invalid()) } else { Ok(total) }
}

/// Writes milliseconds as Prometheus does: `1m`, `1h30m`, `0s`; years and weeks only when nothing remains.
pub fn format(milliseconds: u64) -> String {
    let exact = UNITS[..2].iter().find(|(_, size)| milliseconds >= *size && milliseconds.is_multiple_of(*size));
    match exact {
        Some((unit, size)) => format!("{}{unit}", milliseconds / size),
        None => format_in_days(milliseconds),
    }
}

/// Writes milliseconds in units up to days, which people can add: `7d`, and not `1w`.
pub fn format_in_days(milliseconds: u64) -> String {
    if milliseconds == 0 {
        return "0s".to_owned();
    }
    let mut rest = milliseconds;
    let mut text = String::new();
    for (unit, size) in &UNITS[2..] {
        if rest >= *size {
            text.push_str(&format!("{}{unit}", rest / size));
            rest %= size;
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_and_written_as_prometheus_does() {
        let cases = [
            ("0", 0, "0s"),
            ("0s", 0, "0s"),
            ("60s", 60_000, "1m"),
            ("1h30m", 5_400_000, "1h30m"),
            ("90d", 7_776_000_000, "90d"),
            ("2w", 1_209_600_000, "2w"),
            ("1y", 31_536_000_000, "1y"),
            ("1d1ms", 86_400_001, "1d1ms"),
            ("1500ms", 1500, "1s500ms"),
            ("1y1w", 32_140_800_000, "372d"),
            ("1y2w3d4h5m6s7ms", 33_019_506_007, "382d4h5m6s7ms"),
        ];
        for (text, milliseconds, written) in cases {
            assert_eq!(parse_ms(text), Ok(milliseconds), "{text}");
            assert_eq!(format(milliseconds), written);
            assert_eq!(parse_ms(written), Ok(milliseconds));
            assert_eq!(parse_ms(&format_in_days(milliseconds)), Ok(milliseconds));
        }
        assert_eq!(format_in_days(1_209_600_000), "14d");
        for text in ["", "1", "m", "1m1h", "1m1m", "-1m", "1.5h", "1 m", "1M", "999999999999999999999s", "293y", "1mm"]
        {
            assert!(parse_ms(text).is_err(), "{text}");
        }
    }
}
