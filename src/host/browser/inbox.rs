//! Messages that arrive by events, taken out by awaiting.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Poll, Waker};

struct Waiting<T> {
    messages: VecDeque<T>,
    waker: Option<Waker>,
}

/// A queue that event handlers fill and one task empties.
pub(super) struct Inbox<T>(Rc<RefCell<Waiting<T>>>);

impl<T> Clone for Inbox<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T> Default for Inbox<T> {
    fn default() -> Self {
        Self(Rc::new(RefCell::new(Waiting { messages: VecDeque::new(), waker: None })))
    }
}

impl<T> Inbox<T> {
    /// Adds a message and wakes the task that waits for one.
    pub fn push(&self, message: T) {
        let waker = {
            let mut waiting = self.0.borrow_mut();
            waiting.messages.push_back(message);
            waiting.waker.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// The next message, if one is there.
    pub fn try_next(&self) -> Option<T> {
        self.0.borrow_mut().messages.pop_front()
    }

    /// Waits for the next message.
    pub async fn next(&self) -> T {
        poll_fn(|context| {
            let mut waiting = self.0.borrow_mut();
            if let Some(message) = waiting.messages.pop_front() {
                return Poll::Ready(message);
            }
            waiting.waker = Some(context.waker().clone());
            Poll::Pending
        })
        .await
    }
}
