//! What is nobody's business here: internal topics and those of Kafka's own companions.

use regex::RegexSet;

use super::names::TopicName;

/// Topics that are ignored unless a manifest declares them: Kafka's internal ones, and by convention those of Schema
/// Registry, Connect, Streams, MirrorMaker, Strimzi, Confluent, MSK, Redpanda.
const DEFAULT_IGNORED_TOPICS: &[&str] = &[
    r"^__",
    r"^_schemas$",
    r"^connect-(offsets|configs|status)$",
    r"-(changelog|repartition)$",
    r"^mm2-",
    r"^heartbeats$",
    r"\.heartbeats$",
    r"\.checkpoints\.internal$",
    r"^strimzi\.cruisecontrol\.",
    r"^strimzi-(topic-operator|store-topic)",
    r"^_confluent",
    r"^_redpanda",
    r"^\$",
];

/// The topics that are neither planned nor reported.
#[derive(Debug, Clone)]
pub struct IgnoreRules {
    topics: RegexSet,
    patterns: Vec<String>,
}

impl IgnoreRules {
    /// Compiles the default list and the repository's own regular expressions.
    pub fn new(own_topics: &[String]) -> Result<Self, regex::Error> {
        let patterns: Vec<String> = DEFAULT_IGNORED_TOPICS
            .iter()
            .map(|pattern| (*pattern).to_owned())
            .chain(own_topics.iter().cloned())
            .collect();
        Ok(Self { topics: RegexSet::new(&patterns)?, patterns })
    }

    /// Says whether a topic is ignored.
    pub fn ignores_topic(&self, name: &TopicName) -> bool {
        self.topics.is_match(name.as_str())
    }
}

impl Default for IgnoreRules {
    fn default() -> Self {
        Self::new(&[]).expect("the default patterns are regular expressions, as the test below shows")
    }
}

impl PartialEq for IgnoreRules {
    fn eq(&self, other: &Self) -> bool {
        self.patterns == other.patterns
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn internal_topics_are_ignored_and_others_are_not() {
        let rules = IgnoreRules::new(&["^scratch-".to_owned()]).expect("valid");
        for (name, ignored) in [
            ("__consumer_offsets", true),
            ("_schemas", true),
            ("app-store-changelog", true),
            ("scratch-1", true),
            ("orders", false),
            ("connect-orders", false),
        ] {
            assert_eq!(rules.ignores_topic(&TopicName::parse(name).expect("valid")), ignored, "{name}");
        }
    }
}
