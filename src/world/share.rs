//! Share links: `?world=` holds a whole world, folded up. The value is a version, a dot, and the
//! world's text ([`super::file`]), compressed (zlib, whose checksum finds a damaged link) and written
//! in base64url.

use super::config::WorldConfig;
use super::file::{self, BadWorld};
use crate::base::limits;
use std::fmt;
use std::io::Read as _;
#[cfg(not(target_arch = "wasm32"))]
use std::io::Write as _;

/// How the text is folded up in this version.
const VERSION: &str = "1";
/// Signs of base64url (RFC 4648, section 5), without padding.
const SIGNS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// Why a link opens no world.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum BadLink {
    /// It is longer than [`limits::WORLD_LINK_MAX`].
    TooLong,
    /// It is no link of this page.
    NotALink,
    /// It was made by a build that folds worlds up differently.
    OtherVersion(String),
    /// Something is missing from it or was changed.
    Damaged,
    /// What it holds is no world.
    World(BadWorld),
}

impl fmt::Display for BadLink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong => {
                write!(f, "This link is longer than {} signs.", limits::WORLD_LINK_MAX)
            }
            Self::NotALink => f.write_str("This link does not hold a world."),
            Self::OtherVersion(version) => write!(
                f,
                "This link was made by another version of Kafkarium ({version}; this one is {VERSION})."
            ),
            Self::Damaged => {
                f.write_str("This link is damaged: perhaps its end was cut off when it was copied.")
            }
            Self::World(bad) => write!(f, "The world in this link cannot be read: {bad}."),
        }
    }
}

impl std::error::Error for BadLink {}

/// The value of `?world=` for `config`; none when it would be longer than a link may be: then a file
/// must do.
#[cfg(not(target_arch = "wasm32"))]
pub fn to_link(config: &WorldConfig) -> Option<String> {
    let text = file::to_text(config);
    let link = format!("{VERSION}.{}", to_base64(&fold(text.as_bytes())));
    (link.len() <= limits::WORLD_LINK_MAX).then_some(link)
}

#[cfg(not(target_arch = "wasm32"))]
fn fold(text: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::best());
    let folded = encoder.write_all(text).and_then(|()| encoder.finish());
    folded.expect("a vector takes everything")
}

/// What was folded up, if it is whole and no longer than a world's text may be.
fn unfold(folded: &[u8]) -> Option<String> {
    let mut text = Vec::new();
    let limit = limits::WORLD_TEXT_MAX as u64;
    let mut decoder = flate2::read::ZlibDecoder::new(folded).take(limit + 1);
    let length = decoder.read_to_end(&mut text).ok()?;
    String::from_utf8(text).ok().filter(|_| length as u64 <= limit)
}

/// The world of a `?world=`.
pub fn from_link(link: &str) -> Result<WorldConfig, BadLink> {
    if link.len() > limits::WORLD_LINK_MAX {
        return Err(BadLink::TooLong);
    }
    let (version, folded) = link.split_once('.').ok_or(BadLink::NotALink)?;
    if version.is_empty() || !version.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(BadLink::NotALink);
    }
    if version != VERSION {
        return Err(BadLink::OtherVersion(version.chars().take(20).collect()));
    }
    let folded = from_base64(folded).ok_or(BadLink::Damaged)?;
    let text = unfold(&folded).ok_or(BadLink::Damaged)?;
    file::from_text(&text).map_err(BadLink::World)
}

/// `bytes` in base64url, as a link holds what was folded up.
#[cfg(not(target_arch = "wasm32"))]
pub fn to_base64(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let byte = |at: usize| u32::from(group.get(at).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for place in 0..=group.len() {
            text.push(char::from(SIGNS[(bits >> (18 - 6 * place) & 63) as usize]));
        }
    }
    text
}

/// The bytes of some base64url; none when a sign is none of its, or one is missing.
pub fn from_base64(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len() * 3 / 4);
    for group in text.as_bytes().chunks(4) {
        let mut bits = 0_u32;
        for sign in group {
            let value = SIGNS.iter().position(|known| known == sign)?;
            bits = bits << 6 | value as u32;
        }
        let count = group.len().checked_sub(1).filter(|count| *count > 0)?;
        let bits = bits << (6 * (4 - group.len()));
        bytes.extend(bits.to_be_bytes().into_iter().skip(1).take(count));
    }
    Some(bytes)
}

#[cfg(all(test, not(target_arch = "wasm32")))]
mod tests {
    use super::*;
    use crate::world::Profile;
    use proptest::prelude::*;

    #[test]
    fn a_world_fits_into_a_link_and_comes_out_the_same() {
        let config = WorldConfig::sandbox_on(Profile::Teaching, 7, 5);
        let link = to_link(&config).expect("it is short");
        assert!(link.len() < 2_000, "{}", link.len());
        assert_eq!(from_link(&link), Ok(config));
    }

    #[test]
    fn a_world_that_is_too_large_has_no_link() {
        let mut config = WorldConfig::new(1);
        let mut rng = crate::base::Rng::new(1);
        for _ in 0..2_000 {
            let name = format!("m{}", rng.next_u64());
            config.actions.push((config.epoch, crate::world::Action::Kill(name)));
        }
        assert_eq!(to_link(&config), None);
    }

    #[test]
    fn a_link_that_is_older_or_broken_says_so() {
        let link = to_link(&WorldConfig::new(1)).expect("it is short");
        assert_eq!(from_link(""), Err(BadLink::NotALink));
        assert_eq!(from_link("orders"), Err(BadLink::NotALink));
        assert_eq!(from_link("x.abc"), Err(BadLink::NotALink));
        assert_eq!(from_link("0.abc"), Err(BadLink::OtherVersion("0".to_owned())));
        assert_eq!(from_link(&link[..link.len() - 2]), Err(BadLink::Damaged));
        assert_eq!(from_link(&format!("{link}?")), Err(BadLink::Damaged));
        assert_eq!(from_link(&"1".repeat(9_000)), Err(BadLink::TooLong));
        let link_of = |text: &[u8]| format!("1.{}", to_base64(&fold(text)));
        assert_eq!(from_link(&link_of(b"hello")), Err(BadLink::World(BadWorld::NotAWorld)));
        // Two megabytes of nothing fold up into two kilobytes; they are not unfolded.
        assert_eq!(from_link(&link_of(&vec![b'\n'; 2 << 20])), Err(BadLink::Damaged));
    }

    proptest! {
        #[test]
        fn base64_is_the_same_bytes(bytes in prop::collection::vec(any::<u8>(), 0..100)) {
            prop_assert_eq!(from_base64(&to_base64(&bytes)), Some(bytes));
        }

        #[test]
        fn no_link_is_too_odd(link in "1\\.[A-Za-z0-9_-]{0,200}|.*") {
            let _ = from_link(&link);
        }
    }
}
