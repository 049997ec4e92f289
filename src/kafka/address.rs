//! Host and port of a broker.

use std::fmt;

/// Where a broker listens.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Address {
    pub(super) host: String,
    pub(super) port: u16,
}

impl fmt::Display for Address {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(formatter, "[{}]:{}", self.host, self.port)
        } else {
            write!(formatter, "{}:{}", self.host, self.port)
        }
    }
}

impl Address {
    /// Parses `host:port`, `[ipv6]:port`, and as Kafka does `protocol://host:port`.
    pub(super) fn parse(raw: &str) -> Result<Self, String> {
        let place = raw.split_once("://").map_or(raw, |(_, place)| place);
        let (host, port) = match place.strip_prefix('[') {
            Some(rest) => match rest.split_once(']') {
                Some((host, port)) => (host, port.strip_prefix(':')),
                None => return Err(format!("`{raw}` has no closing bracket")),
            },
            None => match place.rsplit_once(':') {
                Some((host, port)) => (host, Some(port)),
                None => (place, None),
            },
        };
        let Some(port) = port else { return Err(format!("`{raw}` has no port")) };
        if host.is_empty() {
            return Err(format!("`{raw}` has no host"));
        }
        match port.parse() {
            Ok(port) if port > 0 => Ok(Self { host: host.to_owned(), port }),
            Ok(_) | Err(_) => Err(format!("`{raw}` has no valid port")),
        }
    }

    /// Parses a comma-separated list; blanks and empty parts do not count, and of two equal ones the second goes.
    pub(super) fn parse_list(raw: &str) -> Result<Vec<Self>, String> {
        let mut addresses = Vec::new();
        for part in raw.split(',').map(str::trim).filter(|part| !part.is_empty()) {
            let address = Self::parse(part)?;
            if !addresses.contains(&address) {
                addresses.push(address);
            }
        }
        Ok(addresses)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_as_kafka_reads_them() {
        for (raw, read) in [
            ("a:9092, b.example:1 ,,a:9092", Ok("a:9092 b.example:1")),
            ("[2001:db8::1]:9092", Ok("[2001:db8::1]:9092")),
            ("SASL_SSL://a:9092", Ok("a:9092")),
            ("", Ok("")),
            ("a", Err("`a` has no port")),
            ("a:x", Err("`a:x` has no valid port")),
            ("a:0", Err("`a:0` has no valid port")),
            (":9092", Err("`:9092` has no host")),
            ("[::1", Err("`[::1` has no closing bracket")),
        ] {
            let got =
                Address::parse_list(raw).map(|list| list.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "));
            assert_eq!(got.as_deref().map_err(String::as_str), read, "{raw}");
        }
    }
}
