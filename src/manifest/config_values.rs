//! Config maps: values become Kafka's text as Strimzi renders them, and are checked against the catalog.

use std::collections::BTreeMap;

use crate::domain::config_catalog::{ConfigProblem, version_text};

use super::codes::Code;
use super::fields::{Fields, wrong_type};
use super::node::{Entry, Node, ScalarKind, Span, Value};
use super::secrets::is_secret_name;
use super::sink::Sink;
use super::yaml::shorten;

/// Ends the help of what depends on the version.
const SAY_VERSION: &str = "`kafkaVersion` of the environment in driftless.yaml makes it certain";

/// One config as it will be sent.
#[derive(Debug)]
pub(crate) struct ConfigValue {
    pub(crate) text: String,
    pub(crate) span: Span,
}

/// Reads a map of configs, with a check for each.
pub(crate) fn read(
    node: &Node,
    what: &str,
    check: impl Fn(&str, &str) -> Result<(), ConfigProblem>,
    sink: &mut Sink,
) -> BTreeMap<String, ConfigValue> {
    let mut configs = BTreeMap::new();
    let Some(entries) = Fields::open_loose(node, what, sink).and_then(|_| node.as_mapping()) else { return configs };
    for entry in entries {
        if sink.is_full() {
            break;
        }
        let Some(text) = render_entry(entry, sink) else { continue };
        if let Err(problem) = check(&entry.key, &text) {
            report(&problem, entry, &text, sink);
        }
        configs.insert(entry.key.to_string(), ConfigValue { text, span: entry.value.span });
    }
    configs
}

fn render_entry(entry: &Entry, sink: &mut Sink) -> Option<String> {
    if entry.value.is_null() {
        let message = format!("the config `{}` is null, which Kafka refuses", shorten(&entry.key));
        sink.error(
            Code::BadConfigValue,
            entry.key_span,
            message,
            "remove the key to leave the config unset".to_owned(),
        );
        return None;
    }
    let rendered = render(&entry.value);
    if rendered.is_none() {
        wrong_type(
            &entry.value,
            &format!("the config `{}`", shorten(&entry.key)),
            "a string, a number, a boolean or a list of them",
            sink,
        );
    }
    rendered
}

/// Renders a value as Strimzi does (Java's `toString`; lists joined with commas), after Kubernetes turned YAML to JSON.
fn render(node: &Node) -> Option<String> {
    match &node.value {
        Value::Mapping(_) => None,
        Value::Sequence(items) => Some(items.iter().map(render).collect::<Option<Vec<_>>>()?.join(",")),
        Value::Scalar(scalar) => match scalar.kind {
            ScalarKind::Null => None,
            ScalarKind::Text => Some(scalar.text.to_string()),
            ScalarKind::Boolean => scalar.boolean().map(|value| value.to_string()),
            ScalarKind::Integer => scalar.integer().map(|value| value.to_string()),
            ScalarKind::Float => scalar.float().filter(|value| value.is_finite()).map(json_number),
        },
    }
}

/// What Java makes of a number that came through Go's JSON: below 1e21 Go writes whole numbers without a point or an
/// exponent, so that Helm's `6.048e+08` reaches Strimzi as the integer 604800000.
fn json_number(value: f64) -> String {
    match value.fract() == 0.0 && value.abs() < 1e21 {
        true => format!("{}", value + 0.0), // The sum makes -0 to 0.
        false => java_double(value),
    }
}

/// Java's `Double.toString`, for finite numbers.
fn java_double(value: f64) -> String {
    let magnitude = value.abs();
    if value == 0.0 || (1e-3..1e7).contains(&magnitude) {
        let text = format!("{value}");
        if text.contains('.') { text } else { format!("{text}.0") }
    } else {
        let text = format!("{value:e}");
        let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
        let mantissa = if mantissa.contains('.') { mantissa.to_owned() } else { format!("{mantissa}.0") };
        format!("{mantissa}E{exponent}")
    }
}

fn report(problem: &ConfigProblem, entry: &Entry, text: &str, sink: &mut Sink) {
    let key = shorten(&entry.key);
    match problem {
        ConfigProblem::UnknownKey { nearest } => {
            let help = nearest.map(|meant| format!("did you mean `{meant}`?"));
            sink.error(Code::UnknownConfigKey, entry.key_span, format!("Kafka has no such config: `{key}`"), help);
        }
        ConfigProblem::VendorKey => {
            let message = format!("`{key}` is a vendor's config, and is passed on unchecked");
            sink.warning(Code::VendorConfigKey, entry.key_span, message, None);
        }
        ConfigProblem::WrongVersion { since, until, certain } => {
            let message = match until {
                Some(until) => format!("the config `{key}` was removed in Kafka {}", version_text(*until)),
                None => format!("the config `{key}` exists only since Kafka {}", version_text(*since)),
            };
            if *certain {
                sink.error(Code::ConfigKeyVersion, entry.key_span, message, "remove it".to_owned());
            } else {
                let help = format!("remove it unless the brokers have such a version; {SAY_VERSION}");
                sink.warning(Code::ConfigKeyVersion, entry.key_span, message, help);
            }
        }
        ConfigProblem::BadValue(reason) => {
            sink.error(
                Code::BadConfigValue,
                entry.value.span,
                format!("`{key}` cannot be `{}`", shorten(text)),
                reason.clone(),
            );
        }
        ConfigProblem::VersionedValue(reason) => {
            let message = format!("`{key}` cannot be `{}` on every supported version of Kafka", shorten(text));
            sink.warning(Code::BadConfigValue, entry.value.span, message, format!("{reason}; {SAY_VERSION}"));
        }
        ConfigProblem::StaticBrokerKey => {
            let help = "set it in the `server.properties` of every broker; no tool can change it in a running cluster"
                .to_owned();
            sink.error(
                Code::StaticBrokerConfig,
                entry.key_span,
                format!("brokers read `{key}` only when they start"),
                help,
            );
        }
        ConfigProblem::PerBrokerKey => {
            let help = "move it to `spec.brokers`, below the broker's id".to_owned();
            sink.error(
                Code::PerBrokerConfig,
                entry.key_span,
                format!("`{key}` can be set for single brokers only"),
                help,
            );
        }
        ConfigProblem::SecretKey if is_secret_name(&entry.key) => {} // Found by the search for secrets.
        ConfigProblem::SecretKey => {
            let help = "set it in the broker's own configuration".to_owned();
            sink.error(Code::ClearTextPassword, entry.value.span, format!("the config `{key}` holds a secret"), help);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_java_writes_them_after_kubernetes() {
        for (value, text) in [
            (0.5, "0.5"),
            (1.0, "1"),
            (6.048e8, "604800000"),
            (1e7, "10000000"),
            (1e20, "100000000000000000000"),
            (1e21, "1.0E21"),
            (12_345_678.5, "1.23456785E7"),
            (0.001, "0.001"),
            (0.0001, "1.0E-4"),
            (1.25e-5, "1.25E-5"),
            (-2.0, "-2"),
            (-0.0, "0"),
        ] {
            assert_eq!(json_number(value), text);
        }
    }
}
