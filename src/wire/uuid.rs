//! Topic ids: 128 bits, shown as URL-safe base64 without padding.
//!
//! In Kafka: `org.apache.kafka.common.Uuid`, KIP-516.

use std::fmt;

use serde::{Deserialize, Serialize};

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// A 128-bit identifier; all zero means that there is none.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
pub struct Uuid(pub [u8; 16]);

impl Uuid {
    /// The absent identifier.
    pub const ZERO: Self = Self([0; 16]);

    /// Reads the 22 characters that [`Display`](fmt::Display) writes.
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() != 22 {
            return None;
        }
        let mut bits = 0u128;
        for (index, character) in text.bytes().enumerate() {
            let digit = ALPHABET.iter().position(|known| *known == character)? as u128;
            match index {
                21 if digit & 0xf != 0 => return None,
                21 => bits = bits << 2 | digit >> 4,
                _ => bits = bits << 6 | digit,
            }
        }
        Some(Self(bits.to_be_bytes()))
    }
}

impl fmt::Display for Uuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bits = u128::from_be_bytes(self.0);
        for index in 0..22u32 {
            let digit = match index {
                21 => bits << 4,
                _ => bits >> (122 - 6 * index),
            };
            let character = ALPHABET[(digit & 0x3f) as usize];
            write!(f, "{}", char::from(character))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_bytes_agree() {
        let id = Uuid([
            0xfd, 0x98, 0x1e, 0x6b, 0xcb, 0x9b, 0x4d, 0x43, 0xb9, 0x99, 0xff, 0x77, 0x74, 0xfc,
            0xa6, 0xa9,
        ]);
        assert_eq!(id.to_string(), "_Zgea8ubTUO5mf93dPymqQ");
        assert_eq!(Uuid::parse(&id.to_string()), Some(id));
    }

    #[test]
    fn foreign_text_is_refused() {
        assert_eq!(Uuid::parse("short"), None);
        assert_eq!(Uuid::parse("!Zgea8ubTUO5mf93dPymqQ"), None);
        assert_eq!(Uuid::ZERO.to_string(), "AAAAAAAAAAAAAAAAAAAAAA");
    }
}
