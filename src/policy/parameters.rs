//! The parameters of the built-in rules: which there are, and what they must be.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use serde_json::Value;

use super::finding;
use crate::domain::desired::DesiredState;
use crate::domain::quota::QuotaKey;
use crate::plan::types::Finding;

/// What a parameter must be.
enum Wanted {
    Number(RangeInclusive<u64>),
    /// A regular expression.
    Pattern,
    /// A list of texts.
    Texts,
    /// A map of texts, numbers and booleans.
    Configs,
    /// Yes or no.
    Flag,
    /// A map of numbers above zero.
    Ceilings,
    /// A map of lists of texts.
    TextLists,
}

use Wanted::{Ceilings, Configs, Flag, Number, Pattern, TextLists, Texts};

const MOST_REPLICAS: u64 = i16::MAX as u64;
const MOST_PARTITIONS: u64 = i32::MAX as u64;
const MOST_CHARACTERS: u64 = 249;
const MOST_SECONDS: u64 = 365 * 24 * 60 * 60;
const MOST: u64 = i64::MAX as u64;

/// Every parameter of the built-in pack, by name. `docs/reference/policy-input.md` lists them for people.
const PARAMETERS: &[(&str, Wanted)] = &[
    ("aclAdministrators", Texts),
    ("aclPrefixes", TextLists),
    ("allowedCompressionTypes", Texts),
    ("allowedTopicConfigs", Texts),
    ("assumedTopicDefaults", Configs),
    ("maximumDeletions", Number(0..=MOST)),
    ("maximumMessageBytes", Number(1..=MOST)),
    ("maximumPartitions", Number(1..=MOST_PARTITIONS)),
    ("maximumRetentionBytes", Number(1..=MOST)),
    ("maximumRetentionMs", Number(1..=MOST)),
    ("minimumAclPrefixLength", Number(1..=MOST_CHARACTERS)),
    ("minimumAlertForSeconds", Number(1..=MOST_SECONDS)),
    ("minimumInsyncReplicas", Number(1..=MOST_REPLICAS)),
    ("minimumPartitions", Number(1..=MOST_PARTITIONS)),
    ("minimumReplicationFactor", Number(1..=MOST_REPLICAS)),
    ("minimumRetentionMs", Number(1..=MOST)),
    ("quotaCeilings", Ceilings),
    ("requireDefaultUserQuota", Flag),
    ("requireUserQuotas", Flag),
    ("requiredAlertAnnotations", Texts),
    ("requiredLabels", Texts),
    ("requiredTopicConfigs", Texts),
    ("topicNamePattern", Pattern),
    ("warnOfIdleDenies", Flag),
];

impl Wanted {
    fn is_met(&self, value: &Value) -> bool {
        match self {
            Self::Number(bounds) => value.as_u64().is_some_and(|number| bounds.contains(&number)),
            Self::Pattern => value.as_str().is_some_and(|text| regex::Regex::new(&format!("^(?:{text})$")).is_ok()),
            Self::Texts => are_texts(value),
            Self::Configs => value.as_object().is_some_and(|object| {
                object.values().all(|item| item.is_string() || item.is_number() || item.is_boolean())
            }),
            Self::Flag => value.is_boolean(),
            Self::Ceilings => value.as_object().is_some_and(|object| {
                let known = |key: &String| QuotaKey::ALL.iter().any(|known| known.manifest_key() == key);
                object.iter().all(|(key, item)| known(key) && item.as_f64().is_some_and(|number| number > 0.0))
            }),
            Self::TextLists => value.as_object().is_some_and(|object| object.values().all(are_texts)),
        }
    }

    fn words(&self) -> String {
        match self {
            Self::Number(bounds) if *bounds.end() == MOST => format!("a whole number from {}", bounds.start()),
            Self::Number(bounds) => format!("a whole number from {} to {}", bounds.start(), bounds.end()),
            Self::Pattern => "a regular expression".to_owned(),
            Self::Texts => "a list of texts with at least one".to_owned(),
            Self::Configs => "a map of config keys to their values".to_owned(),
            Self::Flag => "true or false".to_owned(),
            Self::Ceilings => "a map of limits such as `producerByteRate` to numbers above zero".to_owned(),
            Self::TextLists => "a map of principals to lists of texts with at least one".to_owned(),
        }
    }
}

fn are_texts(value: &Value) -> bool {
    value.as_array().is_some_and(|items| {
        !items.is_empty() && items.iter().all(|item| item.as_str().is_some_and(|text| !text.is_empty()))
    })
}

/// Returns the parameters for the rules, and a finding for every built-in one that is not what it must be or whose name is
/// misspelt. A parameter that is not valid is left out, so that the rules judge by their defaults meanwhile.
pub(super) fn checked(desired: &DesiredState) -> (BTreeMap<String, Value>, Vec<Finding>) {
    let mut parameters = desired.parameters.clone();
    let mut findings = Vec::new();
    let at = |name: &str, finding| Finding { location: desired.parameter_locations.get(name).cloned(), ..finding };
    for (name, value) in &desired.parameters {
        match PARAMETERS.iter().find(|(known, _)| known == name) {
            Some((_, wanted)) if !wanted.is_met(value) => {
                findings.push(at(name, finding::bad_parameter(&desired.environment, name, value, &wanted.words())));
                parameters.remove(name);
            }
            Some(_) => {}
            None => {
                if let Some(known) = nearest(name) {
                    findings.push(at(name, finding::unknown_parameter(&desired.environment, name, known)));
                }
            }
        }
    }
    (parameters, findings)
}

/// Finds the built-in parameter that a name was most likely meant to be.
fn nearest(name: &str) -> Option<&'static str> {
    let letters = |text: &str| text.chars().filter(|c| c.is_alphanumeric()).collect::<String>().to_lowercase();
    let wanted = letters(name);
    let known = PARAMETERS.iter().map(|(known, _)| *known);
    let (distance, known) = known.map(|known| (strsim::damerau_levenshtein(&letters(known), &wanted), known)).min()?;
    (distance <= 2).then_some(known)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::domain::diagnostic::Location;

    fn findings(name: &str, value: Value) -> Vec<String> {
        let parameters = BTreeMap::from([(name.to_owned(), value)]);
        let place = Location::new("driftless.yaml", 5, 7);
        let parameter_locations = BTreeMap::from([(name.to_owned(), place.clone())]);
        let environment = "prod".to_owned();
        let desired = DesiredState { environment, parameters, parameter_locations, ..DesiredState::default() };
        let (kept, findings) = checked(&desired);
        assert!(findings.iter().all(|finding| finding.location.as_ref() == Some(&place)), "{findings:?}");
        let invalid = findings.iter().any(|finding| finding.code == "policy-parameter-invalid");
        assert_eq!(kept.contains_key(name), !invalid, "what is not valid is left out");
        findings.into_iter().map(|finding| finding.message).collect()
    }

    #[test]
    fn every_parameter_is_checked_for_its_type_and_bounds() {
        for (name, good, bad, words) in [
            ("minimumReplicationFactor", json!(1), json!(0), "a whole number from 1 to 32767"),
            ("minimumReplicationFactor", json!(32_767), json!(32_768), "a whole number from 1 to 32767"),
            ("maximumDeletions", json!(0), json!(-1), "a whole number from 0"),
            ("maximumRetentionMs", json!(9_223_372_036_854_775_807_u64), json!(1.5), "a whole number from 1"),
            ("topicNamePattern", json!("[a-z]+"), json!("["), "a regular expression"),
            ("requiredLabels", json!(["owner"]), json!([]), "a list of texts with at least one"),
            ("requiredLabels", json!(["owner"]), json!(["owner", 1]), "a list of texts with at least one"),
            ("requiredLabels", json!(["owner"]), json!("owner"), "a list of texts with at least one"),
            ("warnOfIdleDenies", json!(true), json!("true"), "true or false"),
            ("minimumAclPrefixLength", json!(249), json!(250), "a whole number from 1 to 249"),
            (
                "quotaCeilings",
                json!({"producerByteRate": 1.5}),
                json!({"producerByteRate": 0}),
                "a map of limits such as `producerByteRate` to numbers above zero",
            ),
            (
                "quotaCeilings",
                json!({"requestPercentage": 1}),
                json!({"producer_byte_rate": 1}),
                "a map of limits such as `producerByteRate` to numbers above zero",
            ),
            (
                "aclPrefixes",
                json!({"User:a": ["b"]}),
                json!({"User:a": "b"}),
                "a map of principals to lists of texts with at least one",
            ),
            (
                "assumedTopicDefaults",
                json!({"retention.ms": 1}),
                json!({"retention.ms": null}),
                "a map of config keys to their values",
            ),
        ] {
            assert_eq!(findings(name, good), Vec::<String>::new(), "{name}");
            let message = format!("parameter `{name}` of environment `prod` is `{bad}`, and must be {words}");
            assert_eq!(findings(name, bad), [message]);
        }
    }

    #[test]
    fn a_misspelt_parameter_is_reported_and_a_teams_own_is_not() {
        for (name, known) in [
            ("minimumReplicaionFactor", Some("minimumReplicationFactor")),
            ("minimum_retention_ms", Some("minimumRetentionMs")),
            ("maximumTeamTopics", None),
            ("owner", None),
        ] {
            let expected: Vec<String> = known
                .map(|known| {
                    format!("no built-in rule reads parameter `{name}` of environment `prod`; did you mean `{known}`?")
                })
                .into_iter()
                .collect();
            assert_eq!(findings(name, json!(1)), expected);
        }
    }

    #[test]
    fn every_parameter_is_read_by_a_rule_and_documented() {
        let pack = super::super::builtin_pack();
        let page = include_str!("../../docs/reference/policy-input.md");
        for (name, _) in PARAMETERS {
            assert!(
                pack.files
                    .iter()
                    .any(|(_, text)| text.contains(&format!("parameters.{name}"))
                        || text.contains(&format!("\"{name}\""))),
                "{name} is read"
            );
            assert!(page.contains(&format!("| `{name}` |")), "{name} is documented");
        }
        assert!(PARAMETERS.is_sorted_by(|left, right| left.0 < right.0));
    }
}
