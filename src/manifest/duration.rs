//! Durations as Prometheus writes them (`model.ParseDuration`).

const UNITS: [(&str, u64); 7] = [
    ("y", 365 * 24 * 60 * 60 * 1000),
    ("w", 7 * 24 * 60 * 60 * 1000),
    ("d", 24 * 60 * 60 * 1000),
    ("h", 60 * 60 * 1000),
    ("m", 60 * 1000),
    ("s", 1000),
    ("ms", 1),
];

/// The longest duration: Prometheus counts nanoseconds in 64 bits.
const LONGEST_MS: u64 = i64::MAX as u64 / 1_000_000;

/// Reads a duration as milliseconds: `0`, or numbers with units, each unit once and from large to small.
pub(crate) fn parse_ms(text: &str) -> Option<u64> {
    if text == "0" {
        return Some(0);
    }
    if text.is_empty() {
        return None;
    }
    let mut rest = text;
    let mut total: u64 = 0;
    let mut next_unit = 0;
    while !rest.is_empty() {
        let n_digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let number: u64 = rest[..n_digits].parse().ok()?;
        rest = &rest[n_digits..];
        let n_letters = rest.bytes().take_while(u8::is_ascii_lowercase).count();
        let at = UNITS.iter().position(|(unit, _)| *unit == &rest[..n_letters]).filter(|at| *at >= next_unit)?;
        total = total.checked_add(number.checked_mul(UNITS[at].1)?)?;
        next_unit = at + 1;
        rest = &rest[n_letters..];
    }
    (total <= LONGEST_MS).then_some(total)
}

#[cfg(test)]
mod tests {
    use super::parse_ms;

    #[test]
    fn durations_follow_prometheus() {
        for (text, milliseconds) in [
            ("0", Some(0)),
            ("0s", Some(0)),
            ("60s", Some(60_000)),
            ("1m", Some(60_000)),
            ("1h30m", Some(5_400_000)),
            ("1y2w3d4h5m6s7ms", Some(31_536_000_000 + 1_209_600_000 + 259_200_000 + 14_400_000 + 300_000 + 6_000 + 7)),
            ("", None),
            ("5", None),
            ("1.5m", None),
            ("5 m", None),
            ("30m1h", None),
            ("1m1m", None),
            ("-1m", None),
            ("1M", None),
            ("m", None),
            ("293y", None),
            ("99999999999999999999s", None),
        ] {
            assert_eq!(parse_ms(text), milliseconds, "{text}");
        }
    }
}
