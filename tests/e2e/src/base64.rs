//! Decodes the base64 text in which WebDriver sends a screenshot.

/// The bytes behind the text; characters outside the alphabet are passed over, as line breaks are.
pub(crate) fn decode(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3);
    let (mut bits, mut held) = (0u32, 0u32);
    for value in text.bytes().filter_map(value) {
        bits = bits << 6 | value;
        held += 6;
        if held >= 8 {
            held -= 8;
            bytes.push((bits >> held & 0xff) as u8);
        }
    }
    bytes
}

fn value(character: u8) -> Option<u32> {
    let value = match character {
        b'A'..=b'Z' => character - b'A',
        b'a'..=b'z' => character - b'a' + 26,
        b'0'..=b'9' => character - b'0' + 52,
        b'+' => 62,
        b'/' => 63,
        _ => return None,
    };
    Some(u32::from(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decodes_every_length() {
        assert_eq!(decode("Zg=="), b"f");
        assert_eq!(decode("Zm8="), b"fo");
        assert_eq!(decode("Zm9vYmFy"), b"foobar");
        assert_eq!(decode("+/+/"), [0xfb, 0xff, 0xbf]);
    }
}
