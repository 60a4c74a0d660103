//! Formats that carry their own version in front: the consumer protocol and the records of Kafka's
//! internal topics.
//!
//! In Kafka: `MessageUtil.toVersionPrefixedBytes`, `ConsumerProtocol`, `GroupMetadataManager`.

use std::ops::RangeInclusive;

use bytes::Bytes;

use super::{
    ConsumerProtocolAssignment, ConsumerProtocolSubscription, GroupMetadataKey, GroupMetadataValue,
    OffsetCommitKey, OffsetCommitValue, TransactionLogKey, TransactionLogValue,
};
use crate::wire::schema::{Field, Form, read_field};
use crate::wire::{DecodeError, Reader, Writer};

/// A format with its version in front.
pub trait Versioned: Field {
    /// The versions that 2.8 knows; it writes the last.
    const VERSIONS: RangeInclusive<i16>;
    /// Whether a newer version is read as the newest known: it may only have added fields.
    const READS_NEWER: bool = false;

    /// Reads version and content.
    fn read_versioned(reader: &mut Reader) -> Result<Self, DecodeError> {
        let at = reader.position();
        let version: i16 = read_field(reader, "version", Form::plain(0))?;
        let newest = *Self::VERSIONS.end();
        let version = if Self::READS_NEWER { version.min(newest) } else { version };
        if !Self::VERSIONS.contains(&version) {
            return Err(DecodeError::InvalidValue { at, expected: "a known version" });
        }
        Self::read(reader, Form::plain(version))
    }

    /// Reads version and content from the start of `bytes`.
    fn from_bytes(bytes: &Bytes) -> Result<Self, DecodeError> {
        Self::read_versioned(&mut Reader::new(bytes))
    }

    /// Writes `version` and the content in it.
    fn to_bytes(&self, version: i16) -> Bytes {
        let mut writer = Writer::new();
        writer.i16(version);
        self.write(&mut writer, Form::plain(version));
        writer.finish()
    }
}

macro_rules! versioned {
    ($($name:ident $versions:expr;)*) => { $(
        impl Versioned for $name {
            const VERSIONS: RangeInclusive<i16> = $versions;
        }
    )* };
}

versioned! {
    OffsetCommitKey 0..=1;
    OffsetCommitValue 0..=3;
    GroupMetadataKey 2..=2;
    GroupMetadataValue 0..=3;
    TransactionLogKey 0..=0;
    TransactionLogValue 0..=0;
}

impl Versioned for ConsumerProtocolSubscription {
    const VERSIONS: RangeInclusive<i16> = 0..=1;
    const READS_NEWER: bool = true;
}

impl Versioned for ConsumerProtocolAssignment {
    const VERSIONS: RangeInclusive<i16> = 0..=1;
    const READS_NEWER: bool = true;
}

/// The key of a record in `__consumer_offsets`; its version says of which kind it is.
#[derive(Debug, Clone, PartialEq)]
pub enum OffsetsTopicKey {
    /// Of a committed offset.
    Offset(OffsetCommitKey),
    /// Of a group.
    Group(GroupMetadataKey),
}

impl OffsetsTopicKey {
    /// Reads the key of a record.
    pub fn from_bytes(bytes: &Bytes) -> Result<Self, DecodeError> {
        let version = Reader::new(bytes).i16()?;
        if GroupMetadataKey::VERSIONS.contains(&version) {
            GroupMetadataKey::from_bytes(bytes).map(Self::Group)
        } else {
            OffsetCommitKey::from_bytes(bytes).map(Self::Offset)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_the_offsets_topic_are_told_apart() {
        let offset =
            OffsetCommitKey { group: "g".to_owned(), topic: "orders".to_owned(), partition: 2 };
        let bytes = offset.to_bytes(1);
        assert_eq!(bytes[..], *b"\0\x01\0\x01g\0\x06orders\0\0\0\x02");
        assert_eq!(OffsetsTopicKey::from_bytes(&bytes), Ok(OffsetsTopicKey::Offset(offset)));
        let group = GroupMetadataKey { group: "g".to_owned() };
        let bytes = group.to_bytes(2);
        assert_eq!(bytes[..], *b"\0\x02\0\x01g");
        assert_eq!(OffsetsTopicKey::from_bytes(&bytes), Ok(OffsetsTopicKey::Group(group)));
        assert!(OffsetsTopicKey::from_bytes(&Bytes::from_static(b"\0\x03\0\x01g")).is_err());
    }

    #[test]
    fn a_newer_subscription_is_read_as_the_newest_known() {
        let subscription = ConsumerProtocolSubscription {
            topics: vec!["orders".to_owned()],
            ..Default::default()
        };
        let mut bytes = subscription.to_bytes(1).to_vec();
        bytes[1] = 9;
        bytes.extend_from_slice(b"more");
        let read = ConsumerProtocolSubscription::from_bytes(&bytes.into());
        assert_eq!(read, Ok(subscription));
    }
}
