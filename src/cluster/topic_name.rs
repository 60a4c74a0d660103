//! Which topic names are legal, and Kafka's words for those that are not.
//!
//! In Kafka: org.apache.kafka.common.internals.Topic.

use std::fmt;

/// The topic in which group coordinators keep their state.
pub const GROUP_METADATA_TOPIC_NAME: &str = "__consumer_offsets";
/// The topic in which transaction coordinators keep their state.
pub const TRANSACTION_STATE_TOPIC_NAME: &str = "__transaction_state";
/// Longest legal name, in characters.
pub const NAME_LENGTH_MAX: usize = 249;

/// A name that Kafka refuses, with its sentence.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct InvalidTopicName(pub String);

impl fmt::Display for InvalidTopicName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for InvalidTopicName {}

/// Refuses `name` when it is illegal.
pub fn validate(name: &str) -> Result<(), InvalidTopicName> {
    let refuse = |sentence: String| Err(InvalidTopicName(sentence));
    if name.is_empty() {
        return refuse("Topic name is illegal, it can't be empty".to_owned());
    }
    if name == "." || name == ".." {
        return refuse("Topic name cannot be \".\" or \"..\"".to_owned());
    }
    // Java counts UTF-16 units; they differ from characters only in names that are illegal anyway.
    if name.encode_utf16().count() > NAME_LENGTH_MAX {
        return refuse(format!(
            "Topic name is illegal, it can't be longer than {NAME_LENGTH_MAX} characters, \
             topic name: {name}"
        ));
    }
    if !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte)) {
        return refuse(format!(
            "Topic name \"{name}\" is illegal, it contains a character other than ASCII \
             alphanumerics, '.', '_' and '-'"
        ));
    }
    Ok(())
}

/// Whether the topic is Kafka's own.
pub fn is_internal(name: &str) -> bool {
    name == GROUP_METADATA_TOPIC_NAME || name == TRANSACTION_STATE_TOPIC_NAME
}

/// Whether the name has characters that metric names cannot tell apart.
pub fn has_collision_chars(name: &str) -> bool {
    name.contains(['.', '_'])
}

/// Whether two names are one as metric names.
pub fn has_collision(one: &str, other: &str) -> bool {
    one.replace('.', "_") == other.replace('.', "_")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn illegal_names_are_refused_in_kafkas_words() {
        let refused = |name: &str| validate(name).map_err(|error| error.0).unwrap_err();
        assert_eq!(refused(""), "Topic name is illegal, it can't be empty");
        assert_eq!(refused(".."), "Topic name cannot be \".\" or \"..\"");
        assert_eq!(
            refused("bad topic!"),
            "Topic name \"bad topic!\" is illegal, it contains a character other than ASCII \
             alphanumerics, '.', '_' and '-'"
        );
        assert!(refused(&"x".repeat(250)).starts_with("Topic name is illegal, it can't be longer"));
        assert_eq!(validate(&"x".repeat(249)), Ok(()));
        assert_eq!(validate("a.B_9-"), Ok(()));
    }

    #[test]
    fn period_and_underscore_collide() {
        assert!(has_collision("a.b", "a_b"));
        assert!(!has_collision("a.b", "a-b"));
    }
}
