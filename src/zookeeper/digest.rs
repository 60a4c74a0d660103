//! SHA-1 (RFC 3174) and Base64 (RFC 4648), of which the identities of the `digest` scheme are made.
//! It guards nothing here; it must only come out as ZooKeeper's does.

/// The SHA-1 of `message`.
pub(super) fn sha1(message: &[u8]) -> [u8; 20] {
    let mut padded = message.to_vec();
    padded.push(0x80);
    while padded.len() % 64 != 56 {
        padded.push(0);
    }
    padded.extend_from_slice(&(message.len() as u64 * 8).to_be_bytes());
    let mut state: [u32; 5] = [0x6745_2301, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476, 0xc3d2_e1f0];
    for block in padded.chunks_exact(64) {
        mix(&mut state, block);
    }
    let mut digest = [0; 20];
    for (out, word) in digest.chunks_exact_mut(4).zip(state) {
        out.copy_from_slice(&word.to_be_bytes());
    }
    digest
}

fn mix(state: &mut [u32; 5], block: &[u8]) {
    let mut words = [0u32; 80];
    for (word, bytes) in words.iter_mut().zip(block.chunks_exact(4)) {
        *word = bytes.iter().fold(0, |word, byte| (word << 8) | u32::from(*byte));
    }
    for at in 16..80 {
        words[at] =
            (words[at - 3] ^ words[at - 8] ^ words[at - 14] ^ words[at - 16]).rotate_left(1);
    }
    let mut now = *state;
    for (at, word) in words.iter().enumerate() {
        let [first, x, y, z, last] = now;
        let (mixed, constant) = match at / 20 {
            0 => ((x & y) | (!x & z), 0x5a82_7999),
            1 => (x ^ y ^ z, 0x6ed9_eba1),
            2 => ((x & y) | (x & z) | (y & z), 0x8f1b_bcdc),
            _ => (x ^ y ^ z, 0xca62_c1d6_u32),
        };
        let next = first.rotate_left(5).wrapping_add(mixed).wrapping_add(last);
        let next = next.wrapping_add(constant).wrapping_add(*word);
        now = [next, first, x.rotate_left(30), y, z];
    }
    for (word, mixed) in state.iter_mut().zip(now) {
        *word = word.wrapping_add(mixed);
    }
}

/// `bytes` in Base64 with padding.
pub(super) fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let word =
            (0..3).fold(0u32, |word, at| (word << 8) | u32::from(*chunk.get(at).unwrap_or(&0)));
        for at in 0..4 {
            let digit = ALPHABET[(word >> (18 - 6 * at)) as usize & 63];
            text.push(if at <= chunk.len() { char::from(digit) } else { '=' });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_examples_of_the_standards_hold() {
        assert_eq!(base64(&sha1(b"abc")), "qZk+NkcGgWq6PiVxeFDCbJzQ2J0=");
        assert_eq!(base64(&sha1(b"")), "2jmj7l5rSw0yVb/vlWAYkK/YBwk=");
        let two_blocks = b"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq";
        assert_eq!(base64(&sha1(two_blocks)), "hJg+RBw70m66rkqh+VEp5eVGcPE=");
        let base: Vec<String> =
            ["", "f", "fo", "foo"].iter().map(|s| base64(s.as_bytes())).collect();
        assert_eq!(base, ["", "Zg==", "Zm8=", "Zm9v"]);
    }
}
