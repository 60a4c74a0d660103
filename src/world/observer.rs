//! Follows what passes on the connections, for a world that somebody looks at: which request a
//! response answers, and the recent frames themselves for the inspector.

use super::link::Side;
use crate::base::{ConnId, EventId, SortedMap};
use crate::wire::summary::{describe, summarize};
use crate::wire::{Conversation, Direction, FieldNode, FrameShape, FrameSummary, Protocol};
use bytes::Bytes;
use std::collections::VecDeque;
use std::rc::Rc;

/// Frames kept for the inspector; the oldest go first.
const FRAMES_KEPT_MAX: usize = 4_096;
/// Bytes of all of them.
const FRAME_BYTES_KEPT_MAX: usize = 16 * 1024 * 1024;

/// The conversations of a world.
#[derive(Clone, Default)]
pub(super) struct Observer {
    conversations: SortedMap<ConnId, Conversation>,
    frames: VecDeque<KeptFrame>,
    bytes: usize,
}

#[derive(Clone)]
struct KeptFrame {
    event: EventId,
    bytes: Bytes,
    shape: FrameShape,
    summary: Option<Rc<FrameSummary>>,
}

/// A frame opened.
#[derive(Clone, PartialEq, Debug)]
pub struct FrameDetails {
    /// The frame without its length prefix.
    pub bytes: Bytes,
    /// Its fields with their byte ranges.
    pub tree: FieldNode,
    /// What it is.
    pub summary: Rc<FrameSummary>,
}

impl Observer {
    /// Takes note of a frame in the order of sending.
    pub fn see(
        &mut self,
        (conn, towards, protocol): (ConnId, Side, Protocol),
        event: EventId,
        bytes: Bytes,
    ) {
        let conversation =
            self.conversations.entry(conn).or_insert_with(|| Conversation::new(protocol));
        let direction = match towards {
            Side::Acceptor => Direction::ToServer,
            Side::Opener => Direction::ToClient,
        };
        let shape = conversation.observe(direction, &bytes);
        self.bytes += bytes.len();
        self.frames.push_back(KeptFrame { event, bytes, shape, summary: None });
        while self.frames.len() > FRAMES_KEPT_MAX || self.bytes > FRAME_BYTES_KEPT_MAX {
            self.bytes -= self.frames.pop_front().map_or(0, |frame| frame.bytes.len());
        }
    }

    fn find(&mut self, event: EventId) -> Option<&mut KeptFrame> {
        let place = self.frames.binary_search_by_key(&event, |frame| frame.event).ok()?;
        self.frames.get_mut(place)
    }

    /// One line about a frame; an empty one when it is no longer kept.
    pub fn summary(&mut self, event: EventId) -> Rc<FrameSummary> {
        self.find(event).map_or_else(Rc::default, |frame| {
            let KeptFrame { bytes, shape, .. } = frame;
            let summary = frame.summary.get_or_insert_with(|| Rc::new(summarize(bytes, *shape)));
            Rc::clone(summary)
        })
    }

    /// Everything about a frame, while it is kept.
    pub fn details(&mut self, event: EventId) -> Option<FrameDetails> {
        let summary = self.summary(event);
        let frame = self.find(event)?;
        let tree = describe(&frame.bytes, frame.shape);
        Some(FrameDetails { bytes: frame.bytes.clone(), tree, summary })
    }

    /// Forgets conversations that have ended.
    pub fn forget_others(&mut self, lives: impl Fn(&ConnId) -> bool) {
        self.conversations.retain(|conn, _| lives(conn));
    }
}
