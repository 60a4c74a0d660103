//! A queue hands each message to one receiver at a time, and never again once it was acknowledged.

use super::Violation;
use crate::base::{ProcessId, SortedMap, SortedSet, TraceEvent, TraceRecord};

/// QueueDelivery.
#[derive(Default)]
pub struct QueueDelivery {
    queues: SortedMap<ProcessId, Queue>,
}

/// What is known of one queue server.
#[derive(Default)]
struct Queue {
    /// Messages that are stored and not gone.
    stored: SortedSet<i64>,
    /// Of these, those that a receiver has.
    held: SortedMap<i64, String>,
    /// Of these, those that were handed out at least once.
    delivered: SortedSet<i64>,
    /// Ids below this one were given out.
    next: i64,
}

impl QueueDelivery {
    /// Takes the next event.
    pub fn see(&mut self, record: &TraceRecord, found: &mut Vec<Violation>) {
        if let TraceEvent::ProcessStarted { process, .. } = &record.event
            && let Some(queue) = self.queues.get_mut(process)
        {
            // Who had a message is in the server's memory only.
            queue.held.clear();
        }
        let Some(server) = record.source else { return };
        let mut violation = |text: String| {
            found.push(Violation { at: record.at, rule: "QueueDelivery", text });
        };
        match &record.event {
            TraceEvent::QueueMessageStored { message, .. } => {
                let queue = self.queues.entry(server).or_default();
                if *message < queue.next {
                    violation(format!("message {message}: its id was used before"));
                }
                // Those between it had stored when it was killed, and could not tell.
                queue.stored.extend(queue.next..=*message);
                queue.next = message + 1;
            }
            TraceEvent::QueueMessageDelivered { message, receiver, .. } => {
                let queue = self.queues.entry(server).or_default();
                // A server that was killed while its disk wrote has more than it could tell.
                if *message >= queue.next {
                    queue.next = message + 1;
                    queue.stored.insert(*message);
                }
                if !queue.stored.contains(message) {
                    let text =
                        format!("message {message} was handed to {receiver} and is not there");
                    violation(text);
                }
                if let Some(other) = queue.held.insert(*message, receiver.clone()) {
                    let text =
                        format!("message {message} was handed to {receiver}, {other} has it");
                    violation(text);
                }
                queue.delivered.insert(*message);
            }
            TraceEvent::QueueMessageReturned { message, receiver } => {
                let queue = self.queues.entry(server).or_default();
                if queue.held.remove(message).as_ref() != Some(receiver) {
                    violation(format!(
                        "message {message} came back from {receiver}, who had it not"
                    ));
                }
            }
            TraceEvent::QueueMessageRemoved { message, receiver } => {
                let queue = self.queues.entry(server).or_default();
                if queue.held.remove(message).as_ref() != Some(receiver) {
                    let text = format!("{receiver} acknowledged message {message} and had it not");
                    violation(text);
                }
                queue.stored.remove(message);
                queue.delivered.remove(message);
            }
            _ => {}
        }
    }

    /// Messages that were stored and never handed to anybody.
    pub fn undelivered(&self) -> usize {
        self.queues.values().map(|queue| queue.stored.len() - queue.delivered.len()).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{Cause, EventId, Incarnation, Time};

    fn stored(message: i64) -> TraceEvent {
        TraceEvent::QueueMessageStored { message, checksum: 7 }
    }

    fn delivered(message: i64, receiver: &str) -> TraceEvent {
        let receiver = receiver.to_owned();
        TraceEvent::QueueMessageDelivered { message, receiver, deliveries: 1 }
    }

    fn removed(message: i64, receiver: &str) -> TraceEvent {
        TraceEvent::QueueMessageRemoved { message, receiver: receiver.to_owned() }
    }

    fn returned(message: i64, receiver: &str) -> TraceEvent {
        TraceEvent::QueueMessageReturned { message, receiver: receiver.to_owned() }
    }

    fn restarted() -> TraceEvent {
        TraceEvent::ProcessStarted { process: ProcessId(1), incarnation: Incarnation(2) }
    }

    fn check(events: &[TraceEvent]) -> Vec<String> {
        let (mut checker, mut found) = (QueueDelivery::default(), Vec::new());
        for (at, event) in (1..).zip(events) {
            let record = TraceRecord {
                id: EventId(at),
                at: Time::from_millis(at),
                source: Some(ProcessId(1)),
                cause: Cause::Beginning,
                event: event.clone(),
            };
            checker.see(&record, &mut found);
        }
        found.into_iter().map(|violation| violation.text).collect()
    }

    #[test]
    fn what_a_queue_may_do_is_no_violation() {
        let told = [
            stored(0),
            delivered(0, "a"),
            returned(0, "a"),
            delivered(0, "b"),
            restarted(),
            delivered(0, "a"),
            removed(0, "a"),
            stored(1),
            restarted(),
            delivered(2, "a"),
            restarted(),
            stored(4),
            delivered(3, "b"),
        ];
        assert_eq!(check(&told), Vec::<String>::new());
    }

    #[test]
    fn a_message_handed_to_two_is_found() {
        let told = check(&[stored(0), delivered(0, "a"), delivered(0, "b")]);
        assert_eq!(told, ["message 0 was handed to b, a has it"]);
    }

    #[test]
    fn a_message_that_comes_after_it_was_acknowledged_is_found() {
        let told = check(&[stored(0), delivered(0, "a"), removed(0, "a"), delivered(0, "b")]);
        assert_eq!(told, ["message 0 was handed to b and is not there"]);
        let told = check(&[stored(0), delivered(0, "a"), removed(0, "a"), removed(0, "a")]);
        assert_eq!(told, ["a acknowledged message 0 and had it not"]);
    }

    #[test]
    fn an_acknowledgement_of_somebody_else_is_found() {
        let told = check(&[stored(0), delivered(0, "a"), removed(0, "b")]);
        assert_eq!(told, ["b acknowledged message 0 and had it not"]);
    }

    #[test]
    fn an_id_that_is_used_twice_is_found() {
        assert_eq!(check(&[stored(3), stored(3)]), ["message 3: its id was used before"]);
    }
}
