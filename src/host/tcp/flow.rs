//! How much of one real connection waits where, so that nobody outside can fill this machine's
//! memory: a reader stops reading while the world has enough to take up, as a full receive buffer
//! would make it, and a peer that takes nothing of what it asked for is cut off.

use super::InboundBytes;
use crate::base::limits;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// Bytes from one peer that may wait inside before its next frame is read (bytes). One frame is let
/// in however large it is.
const UNREAD_BYTES_MAX: usize = 2 * 1024 * 1024;

#[derive(Debug, Default)]
struct Counts {
    /// Read from the socket, and still on the way to the world.
    queued: usize,
    /// In the world, and not taken up by the process it was sent to.
    unread: usize,
    /// From the world, and not written to the socket.
    unsent: usize,
    over: bool,
}

/// What a connection's reader, its writer and the gateway share.
#[derive(Debug, Default)]
pub(super) struct Flow {
    counts: Mutex<Counts>,
    changed: Condvar,
}

impl Flow {
    fn counts(&self) -> MutexGuard<'_, Counts> {
        // Plain numbers stay right whoever panicked while holding them.
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until a frame of `bytes` may enter; false when the connection is over.
    pub fn enter(&self, bytes: usize) -> bool {
        let full = |counts: &mut Counts| {
            let inside = counts.queued + counts.unread;
            !counts.over && inside > 0 && inside + bytes > UNREAD_BYTES_MAX
        };
        let waited = self.changed.wait_while(self.counts(), full);
        let mut counts = waited.unwrap_or_else(PoisonError::into_inner);
        counts.queued += bytes;
        !counts.over
    }

    /// A frame of `bytes` is in the world now.
    pub fn entered(&self, bytes: usize) {
        let mut counts = self.counts();
        counts.queued -= bytes.min(counts.queued);
        counts.unread += bytes;
    }

    /// What the world still has to take up; true when that is nothing.
    pub fn set_unread(&self, InboundBytes(bytes): InboundBytes) -> bool {
        self.counts().unread = bytes;
        self.changed.notify_all();
        bytes == 0
    }

    /// `bytes` are to be written; false when too many wait already.
    pub fn leave(&self, bytes: usize) -> bool {
        let mut counts = self.counts();
        counts.unsent += bytes;
        counts.unsent <= limits::LINK_BYTES_MAX.max(bytes)
    }

    /// `bytes` were written.
    pub fn left(&self, bytes: usize) {
        let mut counts = self.counts();
        counts.unsent -= bytes.min(counts.unsent);
    }

    /// The connection is over: nobody waits for it any more.
    pub fn end(&self) {
        self.counts().over = true;
        self.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::sync::mpsc::channel;

    #[test]
    fn a_reader_waits_until_there_is_room() {
        let flow = Arc::new(Flow::default());
        assert!(flow.enter(UNREAD_BYTES_MAX + 1), "one frame, however large");
        flow.entered(UNREAD_BYTES_MAX + 1);
        let (done, waiting) = channel();
        let reader = flow.clone();
        #[expect(clippy::disallowed_methods, reason = "a test of what threads share")]
        let thread = std::thread::spawn(move || {
            done.send(()).expect("the test listens");
            assert!(reader.enter(1));
            done.send(()).expect("the test listens");
        });
        waiting.recv().expect("the reader runs");
        assert!(waiting.try_recv().is_err(), "it must wait");
        assert!(flow.set_unread(InboundBytes(0)));
        waiting.recv().expect("there is room");
        thread.join().expect("the reader is content");
    }

    #[test]
    fn the_end_frees_a_reader_that_waits() {
        let flow = Flow::default();
        flow.entered(UNREAD_BYTES_MAX);
        flow.end();
        assert!(!flow.enter(1));
    }

    #[test]
    fn what_waits_for_a_peer_is_bounded_but_one_frame_may_always_go() {
        let flow = Flow::default();
        assert!(flow.leave(limits::LINK_BYTES_MAX));
        assert!(!flow.leave(1));
        flow.left(limits::LINK_BYTES_MAX + 1);
        assert!(flow.leave(limits::LINK_BYTES_MAX + 1));
    }
}
