//! What somebody hands to the page or to the gateway: a link that holds a world, a world's text, a
//! stream of bytes on a socket.

use kafkarium::base::{Span, limits};
use kafkarium::wire::frame::{FrameSplitter, length_prefix};
use kafkarium::world::{Action, Profile, WorldConfig, file, share};

/// Largest frame in a stream here, so that short inputs reach it.
const FRAME_BYTES_MAX: usize = 1_000;

/// A stream; its first byte says into pieces of what size it is cut. The frames do not depend on it.
pub fn byte_stream(data: &[u8]) {
    let Some((size, stream)) = data.split_first() else { return };
    let whole = split(stream, stream.len().max(1));
    assert_eq!(split(stream, usize::from(*size).max(1)), whole);
    let (frames, is_good) = whole;
    let mut again = Vec::new();
    for frame in &frames {
        assert!(frame.len() <= FRAME_BYTES_MAX);
        again.extend_from_slice(&length_prefix(frame));
        again.extend_from_slice(frame);
    }
    assert!(stream.starts_with(&again));
    assert!(!is_good || stream.len() - again.len() < FRAME_BYTES_MAX + 4);
}

/// The frames of a stream that arrives in pieces, and whether all of it can be one.
fn split(stream: &[u8], size: usize) -> (Vec<Vec<u8>>, bool) {
    let mut splitter = FrameSplitter::new(FRAME_BYTES_MAX);
    let mut frames = Vec::new();
    for piece in stream.chunks(size) {
        splitter.push(piece);
        loop {
            match splitter.next_frame() {
                Ok(Some(frame)) => frames.push(frame.to_vec()),
                Ok(None) => break,
                Err(_) => return (frames, false),
            }
        }
    }
    (frames, true)
}

/// Some frames, whole and cut, and what other protocols begin with.
pub fn byte_streams() -> Vec<Vec<u8>> {
    let frame = |bytes: &[u8]| [&length_prefix(bytes)[..], bytes].concat();
    let some = [frame(b"\0\x12\0\0\0\0\0\x07\xff\xff"), frame(b""), frame(&[7; 200])].concat();
    let sized = |size: u8, stream: &[u8]| [&[size], stream].concat();
    vec![
        sized(1, &some),
        sized(3, &some),
        sized(200, &some[..some.len() - 5]),
        sized(5, b"GET / HTTP/1.1\r\n\r\n"),
        sized(9, &frame(&[1; FRAME_BYTES_MAX])),
        sized(9, &frame(&[1; FRAME_BYTES_MAX + 1])),
    ]
}

/// A link, the folded bytes of one, or a world's text. What opens is written again and is the same.
pub fn share_link(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    // So that what is folded up in a link meets the decoder undisturbed.
    let link = format!("1.{}", share::to_base64(data));
    for opened in
        [share::from_link(&text).ok(), share::from_link(&link).ok(), file::from_text(&text).ok()]
    {
        let Some(config) = opened else { continue };
        let again = file::to_text(&config);
        if again.len() <= limits::WORLD_TEXT_MAX {
            assert_eq!(file::from_text(&again).as_ref(), Ok(&config), "{again}");
        }
        if let Some(link) = share::to_link(&config) {
            assert_eq!(share::from_link(&link), Ok(config));
        }
    }
}

/// Worlds as links, as folded bytes and as texts.
pub fn share_links() -> Vec<Vec<u8>> {
    let mut busy = WorldConfig::sandbox_on(Profile::Teaching, 7, 3);
    for (second, line) in (40..).zip(super::golden::action_lines()) {
        let action = String::from_utf8_lossy(&line).parse().expect("an action");
        if !matches!(action, Action::At { .. }) {
            busy.actions.push((busy.epoch + Span::from_secs(second), action));
        }
    }
    let mut seeds = vec![b"kafkarium world 1\nseed 5\n".to_vec(), b"0.abc".to_vec()];
    for config in [busy, WorldConfig::new(1), WorldConfig::cluster_on(Profile::Native, 1, 2, 3)] {
        seeds.push(file::to_text(&config).into_bytes());
        if let Some(link) = share::to_link(&config) {
            let folded = link.split_once('.').map_or("", |(_, folded)| folded);
            seeds.extend(share::from_base64(folded));
            seeds.push(link.into_bytes());
        }
    }
    seeds
}
