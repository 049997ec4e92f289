//! Names that Kafka accepts, parsed once.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// Says why a name was refused; fits after "the name is not valid: ".
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidName(pub String);

/// What every name has beside its own `parse`: its text, and reading from files through `parse`.
macro_rules! text_of {
    ($($name:ident),+) => {$(
        impl $name {
            /// Returns it as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                Self::parse(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
            }
        }
    )+};
}

text_of!(TopicName, UserName, Principal);

/// The name of a topic.
///
/// Invariant: 1 to 249 characters of `[A-Za-z0-9._-]`, and neither `.` nor `..`
/// (Kafka: `clients/.../common/internals/Topic.java`).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct TopicName(String);

impl TopicName {
    /// The longest topic name that Kafka accepts, in characters.
    pub const MAX_LENGTH: usize = 249;

    /// Parses a topic name.
    pub fn parse(raw: &str) -> Result<Self, InvalidName> {
        if raw.is_empty() {
            return Err(InvalidName("a topic name cannot be empty".into()));
        }
        if raw == "." || raw == ".." {
            return Err(InvalidName(format!("a topic cannot be called `{raw}`")));
        }
        if let Some(bad) = raw.chars().find(|c| !(c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-'))) {
            return Err(InvalidName(format!(
                "a topic name may hold ASCII letters, digits, `.`, `_` and `-`, but not {bad:?}"
            )));
        }
        if raw.len() > Self::MAX_LENGTH {
            return Err(InvalidName(format!(
                "a topic name holds at most {} characters, and this one has {}",
                Self::MAX_LENGTH,
                raw.len()
            )));
        }
        Ok(Self(raw.to_owned()))
    }

    /// Returns the form in which Kafka compares names for collisions: its metrics write `.` and `_` alike.
    pub fn collision_key(&self) -> String {
        self.0.replace('.', "_")
    }
}

/// The name of a user that holds SCRAM credentials: not empty, taken as it is (Kafka applies no SASLprep).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct UserName(String);

impl UserName {
    /// Parses a user name.
    pub fn parse(raw: &str) -> Result<Self, InvalidName> {
        if raw.is_empty() {
            return Err(InvalidName("a user name cannot be empty".into()));
        }
        Ok(Self(raw.to_owned()))
    }
}

/// A Kafka principal, `Type:name`, as Kafka's authorizer compares it: both parts case-sensitive, split at the first `:`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Principal(Arc<str>);

impl Principal {
    /// Parses `Type:name`.
    pub fn parse(raw: &str) -> Result<Self, InvalidName> {
        match raw.split_once(':') {
            Some((kind, name)) if !kind.is_empty() && !name.is_empty() => Ok(Self(raw.into())),
            Some(_) | None => Err(InvalidName(format!(
                "a principal is written `Type:name`, for example `User:alice`, and not `{raw}`"
            ))),
        }
    }

    /// Returns the principal of a user, `User:name`.
    pub fn user(name: &str) -> Self {
        Self(format!("User:{name}").into())
    }

    /// Returns the user name when the principal is of type `User`.
    pub fn user_name(&self) -> Option<&str> {
        self.0.strip_prefix("User:")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn topic_names_follow_kafkas_rule() {
        for good in ["a", "orders.v1", "A_b-c.9", &"x".repeat(249)] {
            assert!(TopicName::parse(good).is_ok(), "{good}");
        }
        for bad in ["", ".", "..", "a b", "a/b", "ü", &"x".repeat(250)] {
            assert!(TopicName::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_principal_has_two_parts() {
        assert!(Principal::parse("User:CN=etl,OU=data").is_ok());
        assert!(Principal::parse("alice").is_err());
        assert!(Principal::parse("User:").is_err());
        assert_eq!(Principal::user("a:b").user_name(), Some("a:b"));
    }
}
