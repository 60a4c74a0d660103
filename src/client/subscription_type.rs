//! What a consumer asked for: topics or a pattern of topics, of which its group gives it partitions,
//! or partitions of its own choice, outside of any group.
//!
//! In Kafka: org.apache.kafka.clients.consumer.internals.SubscriptionState.SubscriptionType.

use crate::base::TopicPartition;
use regex_lite::Regex;

/// The wish.
#[derive(Clone, Debug, Default)]
pub enum SubscriptionType {
    /// Nothing yet.
    #[default]
    None,
    /// `subscribe(topics)`.
    AutoTopics(Vec<String>),
    /// `subscribe(pattern)`.
    AutoPattern(TopicPattern),
    /// `assign(partitions)`.
    UserAssigned(Vec<TopicPartition>),
}

/// A pattern that a topic's whole name must match.
#[derive(Clone, Debug)]
pub struct TopicPattern {
    text: String,
    regex: Regex,
}

impl TopicPattern {
    /// The pattern written as `text`, or why it is none.
    pub fn parse(text: &str) -> Result<Self, String> {
        let whole = Regex::new(text).and_then(|_| Regex::new(&format!("^(?:{text})$")));
        let regex = whole.map_err(|error| {
            format!("PatternSyntaxException: {text:?} is not a pattern: {error}")
        })?;
        Ok(Self { text: text.to_owned(), regex })
    }

    /// True when `topic` matches.
    pub fn matches(&self, topic: &str) -> bool {
        self.regex.is_match(topic)
    }
}

impl SubscriptionType {
    /// Whether a group shares out the partitions.
    pub fn is_auto(&self) -> bool {
        matches!(self, Self::AutoTopics(_) | Self::AutoPattern(_))
    }

    /// The wish in words.
    pub fn words(&self) -> Vec<String> {
        match self {
            Self::None => Vec::new(),
            Self::AutoTopics(topics) => topics.clone(),
            Self::AutoPattern(pattern) => vec![pattern.text.clone()],
            Self::UserAssigned(partitions) => partitions.iter().map(ToString::to_string).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_matches_whole_names() {
        let pattern = TopicPattern::parse("ord.*|pay").expect("a pattern");
        for (topic, matches) in
            [("orders", true), ("pay", true), ("payments", false), ("my-orders", false)]
        {
            assert_eq!(pattern.matches(topic), matches, "{topic}");
        }
    }

    #[test]
    fn what_does_not_parse_is_refused_with_a_reason() {
        for text in ["*", "(", "a)(b", "[a"] {
            let error = TopicPattern::parse(text).map(drop).expect_err(text);
            assert!(error.starts_with("PatternSyntaxException"), "{error}");
        }
    }
}
