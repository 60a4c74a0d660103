//! The fetcher's side of a fetch session: the leader remembers what is fetched from it, so that a
//! request names only what has changed, and a response only what is new.
//!
//! state: no session. action: asks for everything. transition: the leader gives an id → session.
//! state: session. action: names what changed. transition: an error, or an answer without an id →
//! no session.
//!
//! In Kafka: `org.apache.kafka.clients.FetchSessionHandler`, `FetchMetadata`, KIP-227.

use crate::base::{SortedMap, SortedSet, TopicPartition};
use crate::wire::ErrorCode;
use crate::wire::kafka::{FetchPartition, FetchRequest, FetchResponse, FetchTopic, ForgottenTopic};

/// Session id of a request that has none.
pub const INVALID_SESSION_ID: i32 = 0;
/// Session epoch of a request that asks for everything and wants a session.
pub const INITIAL_EPOCH: i32 = 0;
/// Session epoch of a request that asks for everything and wants no session.
pub const FINAL_EPOCH: i32 = -1;

/// The epoch after `epoch`.
pub fn next_session_epoch(epoch: i32) -> i32 {
    match epoch {
        FINAL_EPOCH => FINAL_EPOCH,
        i32::MAX => 1,
        epoch => epoch + 1,
    }
}

/// What a fetch asks of one leader.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct FetchSessionRequest {
    /// Id of the session.
    pub session_id: i32,
    /// Its epoch.
    pub session_epoch: i32,
    /// What is new in it, or has changed.
    pub to_send: Vec<(TopicPartition, FetchPartition)>,
    /// What leaves it.
    pub to_forget: Vec<TopicPartition>,
}

impl FetchSessionRequest {
    /// Fills the session's part of a request.
    pub fn fill(self, request: &mut FetchRequest) {
        request.session_id = self.session_id;
        request.session_epoch = self.session_epoch;
        for (TopicPartition { topic, .. }, wanted) in self.to_send {
            if request.topics.last().is_none_or(|last| last.topic != topic) {
                request.topics.push(FetchTopic { topic, partitions: Vec::new() });
            }
            if let Some(last) = request.topics.last_mut() {
                last.partitions.push(wanted);
            }
        }
        for TopicPartition { topic, partition } in self.to_forget {
            let forgotten = &mut request.forgotten_topics_data;
            if forgotten.last().is_none_or(|last| last.topic != topic) {
                forgotten.push(ForgottenTopic { topic, partitions: Vec::new() });
            }
            if let Some(last) = forgotten.last_mut() {
                last.partitions.push(partition);
            }
        }
    }
}

/// The session with one leader.
#[derive(Clone, PartialEq, Debug)]
pub struct FetchSessionHandler {
    session_id: i32,
    epoch: i32,
    /// What the leader remembers, in its order.
    partitions: Vec<(TopicPartition, FetchPartition)>,
}

impl Default for FetchSessionHandler {
    fn default() -> Self {
        Self { session_id: INVALID_SESSION_ID, epoch: INITIAL_EPOCH, partitions: Vec::new() }
    }
}

impl FetchSessionHandler {
    /// The next request, which is to fetch `wanted` in that order.
    pub fn build(&mut self, wanted: Vec<(TopicPartition, FetchPartition)>) -> FetchSessionRequest {
        let (session_id, session_epoch) = (self.session_id, self.epoch);
        if self.is_full() {
            self.partitions.clone_from(&wanted);
            let to_forget = Vec::new();
            return FetchSessionRequest { session_id, session_epoch, to_send: wanted, to_forget };
        }
        let mut next: SortedMap<TopicPartition, (usize, FetchPartition)> = wanted
            .into_iter()
            .enumerate()
            .map(|(place, (partition, data))| (partition, (place, data)))
            .collect();
        let (mut altered, mut to_forget) = (Vec::new(), Vec::new());
        self.partitions.retain_mut(|(partition, known)| {
            let Some((_, data)) = next.remove(partition) else {
                to_forget.push(partition.clone());
                return false;
            };
            if *known != data {
                altered.push((partition.clone(), data.clone()));
                *known = data;
            }
            true
        });
        let mut added: Vec<_> =
            next.into_iter().map(|(partition, (place, data))| (place, partition, data)).collect();
        added.sort_by_key(|(place, ..)| *place);
        let mut to_send: Vec<_> =
            added.into_iter().map(|(_, partition, data)| (partition, data)).collect();
        self.partitions.extend(to_send.iter().cloned());
        to_send.extend(altered);
        FetchSessionRequest { session_id, session_epoch, to_send, to_forget }
    }

    fn is_full(&self) -> bool {
        matches!(self.epoch, INITIAL_EPOCH | FINAL_EPOCH)
    }

    /// The leader answered. An error says that the answer is of no use, and why.
    pub fn handle_response(&mut self, response: &FetchResponse) -> Result<(), String> {
        if response.error_code != ErrorCode::NONE {
            let text = format!(
                "was unable to process the fetch request with (sessionId={}, epoch={}): {}.",
                self.session_id, self.epoch, response.error_code
            );
            if response.error_code == ErrorCode::FETCH_SESSION_ID_NOT_FOUND {
                self.begin_anew(INVALID_SESSION_ID);
            } else {
                self.begin_anew(self.session_id);
            }
            return Err(text);
        }
        let was_full = self.is_full();
        if let Some(problem) = self.problem_with(response, was_full) {
            let kind = if was_full { "full" } else { "incremental" };
            self.begin_anew(if was_full { INVALID_SESSION_ID } else { self.session_id });
            return Err(format!("sent an invalid {kind} fetch response with {problem}"));
        }
        if response.session_id == INVALID_SESSION_ID {
            self.begin_anew(INVALID_SESSION_ID);
        } else {
            self.session_id = response.session_id;
            self.epoch = next_session_epoch(self.epoch);
        }
        Ok(())
    }

    /// No answer came: whether the leader has seen the request is not known.
    pub fn handle_error(&mut self) {
        self.begin_anew(self.session_id);
    }

    /// The next request asks for everything; it closes the session `closing`.
    fn begin_anew(&mut self, closing: i32) {
        (self.session_id, self.epoch) = (closing, INITIAL_EPOCH);
    }

    /// What is wrong with the partitions of an answer: it must not name what is not in the session,
    /// and a full one must name all of it.
    fn problem_with(&self, response: &FetchResponse, is_full: bool) -> Option<String> {
        let answered: SortedSet<TopicPartition> = response
            .responses
            .iter()
            .flat_map(|topic| {
                let partitions = topic.partition_responses.iter();
                partitions.map(|data| TopicPartition::new(&topic.topic, data.partition))
            })
            .collect();
        let known: SortedSet<TopicPartition> =
            self.partitions.iter().map(|(partition, _)| partition.clone()).collect();
        let extra = list(answered.difference(&known));
        let omitted = if is_full { list(known.difference(&answered)) } else { String::new() };
        if extra.is_empty() && omitted.is_empty() {
            return None;
        }
        Some(format!("omitted=({omitted}), extra=({extra}), response=({})", list(answered.iter())))
    }
}

fn list<'a>(partitions: impl Iterator<Item = &'a TopicPartition>) -> String {
    partitions.map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::kafka::{FetchablePartitionResponse, FetchableTopicResponse};

    fn wanted(partition: i32, fetch_offset: i64) -> (TopicPartition, FetchPartition) {
        let data = FetchPartition { partition, fetch_offset, ..Default::default() };
        (TopicPartition::new("t", partition), data)
    }

    fn response(session_id: i32, partitions: &[i32]) -> FetchResponse {
        let partition_responses = partitions
            .iter()
            .map(|partition| FetchablePartitionResponse {
                partition: *partition,
                ..Default::default()
            })
            .collect();
        let topic = FetchableTopicResponse { topic: "t".to_owned(), partition_responses };
        FetchResponse { session_id, responses: vec![topic], ..Default::default() }
    }

    /// Session id, epoch, partitions sent and forgotten.
    fn ask(
        handler: &mut FetchSessionHandler,
        next: &[(i32, i64)],
    ) -> (i32, i32, Vec<i32>, Vec<i32>) {
        let next = next.iter().map(|(partition, offset)| wanted(*partition, *offset)).collect();
        let request = handler.build(next);
        let sent = request.to_send.iter().map(|(_, data)| data.partition).collect();
        let forgotten = request.to_forget.iter().map(|one| one.partition).collect();
        (request.session_id, request.session_epoch, sent, forgotten)
    }

    #[test]
    fn a_session_sends_only_what_changed() {
        let mut handler = FetchSessionHandler::default();
        assert_eq!(ask(&mut handler, &[(0, 5), (1, 5)]), (0, 0, vec![0, 1], vec![]));
        handler.handle_response(&response(9, &[0, 1])).expect("all are there");
        assert_eq!(ask(&mut handler, &[(1, 5), (0, 5)]), (9, 1, vec![], vec![]));
        handler.handle_response(&response(9, &[])).expect("nothing new is fine");
        let asked = ask(&mut handler, &[(1, 7), (2, 0), (3, 0)]);
        assert_eq!(asked, (9, 2, vec![2, 3, 1], vec![0]), "the new first, then what changed");
        let error = handler.handle_response(&response(9, &[0])).unwrap_err();
        assert!(error.contains("extra=(t-0)"), "{error}");
        assert_eq!(ask(&mut handler, &[(1, 7)]), (9, 0, vec![1], vec![]), "it is closed");
    }

    #[test]
    fn a_lost_session_begins_anew() {
        let mut handler = FetchSessionHandler::default();
        ask(&mut handler, &[(0, 5), (1, 5)]);
        let error = handler.handle_response(&response(9, &[0])).unwrap_err();
        assert!(error.contains("omitted=(t-1)"), "{error}");
        ask(&mut handler, &[(0, 5)]);
        handler.handle_response(&response(9, &[0])).expect("all are there");
        handler.handle_error();
        assert_eq!(ask(&mut handler, &[(0, 5)]), (9, 0, vec![0], vec![]));
        handler.handle_response(&response(10, &[0])).expect("all are there");
        assert_eq!(ask(&mut handler, &[(0, 5)]), (10, 1, vec![], vec![]));
        let error_code = ErrorCode::FETCH_SESSION_ID_NOT_FOUND;
        let lost = FetchResponse { error_code, ..Default::default() };
        assert_eq!(
            handler.handle_response(&lost).unwrap_err(),
            "was unable to process the fetch request with (sessionId=10, epoch=1): FETCH_SESSION_ID_NOT_FOUND."
        );
        assert_eq!(ask(&mut handler, &[(0, 5)]), (0, 0, vec![0], vec![]));
        handler.handle_response(&response(0, &[0])).expect("a leader may give no session");
        assert_eq!(ask(&mut handler, &[(0, 5)]), (0, 0, vec![0], vec![]));
    }

    #[test]
    fn epochs_begin_at_one_again_after_the_largest() {
        assert_eq!(next_session_epoch(INITIAL_EPOCH), 1);
        assert_eq!(next_session_epoch(i32::MAX), 1);
        assert_eq!(next_session_epoch(FINAL_EPOCH), FINAL_EPOCH);
    }
}
