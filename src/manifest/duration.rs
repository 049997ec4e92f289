//! Durations as Prometheus writes them (`model.ParseDuration`).

use crate::domain::rule_comparison::parse_duration_ms;

/// Reads a duration as milliseconds: `0`, or numbers with units, each unit once and from large to small.
pub(crate) fn parse_ms(text: &str) -> Option<u64> {
    parse_duration_ms(text).ok()
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
