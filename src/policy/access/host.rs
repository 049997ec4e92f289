//! Hosts of ACLs as sets of addresses.

use core::net::{IpAddr, Ipv6Addr};

/// Every host.
pub(super) const ANY_HOST: &str = "*";

/// A block of addresses, down to a single one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Network {
    is_v6: bool,
    /// The address from the highest bit on, with zeros behind `length`.
    bits: u128,
    length: u8,
}

impl Network {
    /// Reads an address or a CIDR block; `None` for `*` and for what no client's address can be.
    pub(super) fn parse(host: &str) -> Option<Self> {
        if host == ANY_HOST {
            return None; // Most.
        }
        let (address, length) = match host.split_once('/') {
            Some((address, length)) => (address, Some(length.parse::<u8>().ok()?)),
            None => (host, None),
        };
        let (is_v6, bits, width) = match address.parse::<IpAddr>().ok()? {
            IpAddr::V4(address) => (false, u128::from(address.to_bits()) << 96, 32),
            // A single address is compared as text, and brokers write all eight groups.
            IpAddr::V6(address) if length.is_none() && host != written_out(address) => return None,
            IpAddr::V6(address) => (true, address.to_bits(), 128),
        };
        let length = length.unwrap_or(width);
        (length <= width).then_some(Self { is_v6, bits, length }.shortened(length))
    }

    /// Returns the number of bits that all its addresses have in common.
    pub(super) fn length(self) -> u8 {
        self.length
    }

    /// Returns the block with only the first bits given.
    pub(super) fn shortened(self, length: u8) -> Self {
        let mask = u128::MAX.checked_shl(128 - u32::from(length)).unwrap_or_default();
        Self { bits: self.bits & mask, length, ..self }
    }

    /// Says whether some address is in both.
    pub(super) fn overlaps(self, other: Self) -> bool {
        let length = self.length.min(other.length);
        self.shortened(length) == other.shortened(length)
    }
}

/// Writes an address as brokers see that of a client: in groups without leading zeros, none left out.
fn written_out(address: Ipv6Addr) -> String {
    address.segments().map(|group| format!("{group:x}")).join(":")
}

/// The host of an ACL, read once for many comparisons.
#[derive(Debug, Clone, Copy)]
pub(super) struct Clients<'a> {
    host: &'a str,
    block: Option<Network>,
}

impl<'a> Clients<'a> {
    pub(super) fn of(host: &'a str) -> Self {
        Self { host, block: Network::parse(host) }
    }

    /// Says whether some client is meant by both.
    pub(super) fn overlap(self, other: Clients<'_>) -> bool {
        if let (Some(one), Some(other)) = (self.block, other.block) {
            return one.overlaps(other);
        }
        self.host == ANY_HOST || other.host == ANY_HOST || self.host == other.host
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_overlap_when_one_client_can_be_both() {
        for (one, other, expected) in [
            ("*", "10.0.0.1", true),
            ("10.0.0.1", "10.0.0.1", true),
            ("10.0.0.1", "10.0.0.2", false),
            ("10.0.0.0/8", "10.255.0.1", true),
            ("10.0.0.0/8", "11.0.0.1", false),
            ("10.0.0.0/8", "10.1.0.0/16", true),
            ("0.0.0.0/0", "10.1.0.0/16", true),
            ("0.0.0.0/0", "0:0:0:0:0:0:0:1", false),
            ("2001:db8::/32", "2001:db8:0:0:0:0:0:1", true),
            ("2001:db8::/32", "2001:db9:0:0:0:0:0:1", false),
            ("10.0.0.0/33", "10.0.0.0", false),
            ("2001:db8::/32", "2001:db8::1", false),
            ("10.0.0.1/32", "10.0.0.1", true),
            ("web", "web.example.org", false),
        ] {
            assert_eq!(Clients::of(one).overlap(Clients::of(other)), expected, "{one} {other}");
            assert_eq!(Clients::of(other).overlap(Clients::of(one)), expected, "{other} {one}");
        }
    }
}
