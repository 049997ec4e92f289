//! What can go wrong between us and a broker, and what to tell people about it.

use kafka_protocol::error::ResponseError;

use super::address::Address;
use crate::ports::{ClusterError, ClusterErrorKind, ResourceError};

/// Why a call brought no answer. Answers that carry error codes are not errors at this level.
#[derive(Debug)]
pub(super) enum CallError {
    /// Nothing was sent: no connection could be made, or the request could not be written down.
    NotSent(ClusterError),
    /// The broker has no version of the API that we speak; nothing was sent.
    Unsupported(&'static str),
    /// The request may have been sent, and no answer came: whether it was carried out is not known.
    Lost { broker: Address, reason: String, timed_out: bool },
    /// The answer could not be read: whether the request was carried out is not known.
    Protocol { broker: Address, reason: String },
}

impl CallError {
    /// Returns the failure of the cluster as a whole, for calls without which nothing useful can be said.
    pub(super) fn into_cluster_error(self) -> ClusterError {
        match self {
            Self::NotSent(error) => error,
            Self::Unsupported(api) => ClusterError {
                message: format!("the brokers have no version of {api} that driftless speaks"),
                kind: ClusterErrorKind::Protocol,
                hint: Some("driftless speaks to Kafka 3.6 and later.".to_owned()),
            },
            Self::Lost { broker, reason, .. } => ClusterError {
                message: format!("lost the answer of `{broker}`: {reason}"),
                kind: ClusterErrorKind::Unreachable,
                hint: None,
            },
            Self::Protocol { broker, reason } => ClusterError {
                message: format!("cannot read the answer of `{broker}`: {reason}"),
                kind: ClusterErrorKind::Protocol,
                hint: None,
            },
        }
    }

    /// Returns the reason in one line, for a part of the cluster that stays unknown.
    pub(super) fn reason(&self) -> String {
        match self {
            Self::NotSent(error) => error.message.clone(),
            Self::Unsupported(api) => format!("UNSUPPORTED_VERSION: the brokers have no version of {api} for us"),
            Self::Lost { broker, reason, .. } => format!("lost the answer of `{broker}`: {reason}"),
            Self::Protocol { broker, reason } => format!("cannot read the answer of `{broker}`: {reason}"),
        }
    }

    /// Returns what each resource of a failed write gets to hear.
    pub(super) fn into_resource_error(self) -> ResourceError {
        let (code, unchanged) = match &self {
            Self::NotSent(_) => ("NOT_SENT", true),
            Self::Unsupported(_) => ("UNSUPPORTED_VERSION", true),
            Self::Lost { .. } | Self::Protocol { .. } => ("TIMED_OUT", false),
        };
        let mut message = self.reason();
        if !unchanged {
            message.push_str("; it is not known whether the change was made");
        }
        ResourceError { code: code.to_owned(), message, unchanged }
    }
}

/// Returns Kafka's name of an error code, such as `INVALID_CONFIG`.
pub(super) fn error_name(code: i16) -> String {
    let Some(error) = ResponseError::try_from_code(code) else { return "NONE".to_owned() };
    if let ResponseError::Unknown(code) = error {
        return format!("UNKNOWN_ERROR_{code}");
    }
    let mut name = String::new();
    for character in error.to_string().chars() {
        if character.is_ascii_uppercase() && !name.is_empty() {
            name.push('_');
        }
        name.push(character.to_ascii_uppercase());
    }
    name
}

/// Returns the number of the error that Kafka calls so.
pub fn error_code(name: &str) -> Option<i16> {
    (-1..i16::from(u8::MAX)).find(|code| *code != 0 && error_name(*code) == name)
}

/// Says whether an answer with this code may be better soon.
pub(super) fn is_retriable(code: i16) -> bool {
    ResponseError::try_from_code(code).is_some_and(|error| error.is_retriable())
}

/// Writes an error code with the broker's words: `INVALID_CONFIG: ...`.
pub(super) fn describe(code: i16, message: Option<&str>) -> String {
    match words(message) {
        Some(message) => format!("{}: {message}", error_name(code)),
        None => match ResponseError::try_from_code(code) {
            Some(error) => format!("{}: {}", error_name(code), sentence(&error)),
            None => error_name(code),
        },
    }
}

/// Returns what the broker says, when that says something. Some refusals only print the request, with connection and
/// session: no help to anybody, and different each time, so that a report would never be the same twice.
fn words(message: Option<&str>) -> Option<&str> {
    message.filter(|message| !message.is_empty() && !message.contains("Request(processor="))
}

/// Returns one resource's failure as a broker answered it.
pub(super) fn resource_error(code: i16, message: Option<&str>) -> ResourceError {
    let text = match (words(message), ResponseError::try_from_code(code)) {
        (Some(message), _) => message.to_owned(),
        (None, Some(error)) => sentence(&error),
        (None, None) => String::new(),
    };
    match ResponseError::try_from_code(code) {
        // The controller gave up waiting; the change may still be made.
        Some(ResponseError::RequestTimedOut) => ResourceError {
            code: "TIMED_OUT".to_owned(),
            message: format!("{text}; it is not known whether the change was made"),
            unchanged: false,
        },
        // An exception in the middle of the controller's work says nothing of what was done before it.
        Some(ResponseError::UnknownServerError | ResponseError::NetworkException) => {
            ResourceError { code: error_name(code), message: text, unchanged: false }
        }
        Some(_) | None => ResourceError { code: error_name(code), message: text, unchanged: true },
    }
}

/// Returns Kafka's own sentence for the few errors that brokers often send without a message.
fn sentence(error: &ResponseError) -> String {
    match error {
        ResponseError::TopicAuthorizationFailed => "not authorized to access the topic".to_owned(),
        ResponseError::ClusterAuthorizationFailed => "not authorized to do this on the cluster".to_owned(),
        ResponseError::GroupAuthorizationFailed => "not authorized to access the group".to_owned(),
        ResponseError::SecurityDisabled => "the brokers have no authorizer".to_owned(),
        ResponseError::UnknownTopicOrPartition => "the broker does not know the topic".to_owned(),
        ResponseError::UnknownTopicId => "the broker does not know a topic of that id".to_owned(),
        ResponseError::NotController => "the broker is not the active controller".to_owned(),
        ResponseError::RequestTimedOut => "the broker gave up waiting".to_owned(),
        ResponseError::UnsupportedVersion => "the brokers do not support it".to_owned(),
        other => format!("the broker gave no reason (code {})", other.code()),
    }
}

/// Builds the error of settings that cannot work.
pub(super) fn settings(message: impl Into<String>, hint: impl Into<String>) -> ClusterError {
    ClusterError { message: message.into(), kind: ClusterErrorKind::Settings, hint: Some(hint.into()) }
}

/// Builds the error of a broker that does not take us.
pub(super) fn authentication(message: impl Into<String>, hint: impl Into<String>) -> ClusterError {
    ClusterError { message: message.into(), kind: ClusterErrorKind::Authentication, hint: Some(hint.into()) }
}

/// Builds the error of a broker that does not answer.
pub(super) fn unreachable(message: impl Into<String>, hint: Option<&str>) -> ClusterError {
    ClusterError { message: message.into(), kind: ClusterErrorKind::Unreachable, hint: hint.map(str::to_owned) }
}

/// Builds the error of an answer that makes no sense.
pub(super) fn protocol(message: impl Into<String>, hint: Option<&str>) -> ClusterError {
    ClusterError { message: message.into(), kind: ClusterErrorKind::Protocol, hint: hint.map(str::to_owned) }
}

/// Makes one error of those of all bootstrap servers: what a person must fix goes before what may pass by itself.
pub(super) fn merge(mut errors: Vec<(Address, ClusterError)>) -> ClusterError {
    let rank = |kind: ClusterErrorKind| match kind {
        ClusterErrorKind::Settings => 0,
        ClusterErrorKind::Authentication => 1,
        ClusterErrorKind::Protocol => 2,
        ClusterErrorKind::ReadOnly => 3,
        ClusterErrorKind::Unreachable => 4,
    };
    errors.sort_by_key(|(_, error)| rank(error.kind));
    let Some((_, first)) = errors.first() else {
        return settings("no bootstrap server is given", "Set `bootstrap.servers`, or use `--bootstrap-server`.");
    };
    if first.kind != ClusterErrorKind::Unreachable || errors.len() == 1 {
        let (_, first) = errors.swap_remove(0);
        return first;
    }
    let mut reasons: Vec<String> = errors.iter().map(|(_, error)| error.message.clone()).collect();
    reasons.sort();
    let hint = errors.iter().find_map(|(_, error)| error.hint.clone());
    ClusterError {
        message: format!("no bootstrap server answers: {}", reasons.join("; ")),
        kind: ClusterErrorKind::Unreachable,
        hint,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_have_kafkas_names() {
        for (code, name) in [
            (0, "NONE"),
            (40, "INVALID_CONFIG"),
            (3, "UNKNOWN_TOPIC_OR_PARTITION"),
            (89, "THROTTLING_QUOTA_EXCEEDED"),
            (-1, "UNKNOWN_SERVER_ERROR"),
            (38, "INVALID_REPLICATION_FACTOR"),
            (1234, "UNKNOWN_ERROR_1234"),
        ] {
            assert_eq!(error_name(code), name);
        }
    }

    #[test]
    fn a_time_out_on_the_broker_leaves_open_whether_something_changed() {
        assert!(!resource_error(7, None).unchanged);
        assert_eq!(resource_error(7, None).code, "TIMED_OUT");
        assert!(!resource_error(-1, None).unchanged);
        assert!(resource_error(40, Some("bad")).unchanged);
    }

    #[test]
    fn a_refusal_that_only_prints_the_request_is_put_in_words() {
        let printed = "Request Request(processor=5, connectionId=127.0.0.1:1-127.0.0.1:2-0) is not authorized.";
        assert_eq!(
            describe(31, Some(printed)),
            "CLUSTER_AUTHORIZATION_FAILED: not authorized to do this on the cluster"
        );
        assert_eq!(describe(40, Some("bad value")), "INVALID_CONFIG: bad value");
    }

    #[test]
    fn wrong_credentials_are_said_before_silence() {
        let address = |port| Address { host: "b".to_owned(), port };
        let merged = merge(vec![(address(1), unreachable("a", None)), (address(2), authentication("b", "c"))]);
        assert_eq!((merged.kind, merged.message.as_str()), (ClusterErrorKind::Authentication, "b"));
        let merged = merge(vec![(address(1), unreachable("b", None)), (address(2), unreachable("a", None))]);
        assert_eq!(merged.message, "no bootstrap server answers: a; b");
    }
}
