//! Fetch sessions: a broker remembers what a consumer fetches, so that a request only has to say
//! what changed (KIP-227). A broker without room for sessions answers with session 0, and every
//! request says everything.
//!
//! In Kafka: org.apache.kafka.clients.FetchSessionHandler, requests.FetchMetadata.

use crate::base::{SortedMap, TopicPartition};
use crate::wire::ErrorCode;
use crate::wire::kafka::{FetchPartition, FetchTopic, ForgottenTopic};

/// No session.
const NONE: i32 = 0;
/// The epoch of a request that begins a session.
const FIRST_EPOCH: i32 = 0;

/// What a request says about its session and its partitions.
#[derive(Clone, PartialEq, Debug)]
pub struct SessionRequest {
    /// Session id.
    pub id: i32,
    /// Session epoch.
    pub epoch: i32,
    /// New and changed partitions; all of them when the session begins.
    pub topics: Vec<FetchTopic>,
    /// Partitions that are fetched no more.
    pub forgotten: Vec<ForgottenTopic>,
}

/// The session with one broker.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct FetchSession {
    id: i32,
    epoch: i32,
    partitions: SortedMap<TopicPartition, FetchPartition>,
}

impl FetchSession {
    /// What to send in order to fetch `wanted`.
    pub fn request(&mut self, wanted: SortedMap<TopicPartition, FetchPartition>) -> SessionRequest {
        let mut topics: SortedMap<String, Vec<FetchPartition>> = SortedMap::new();
        let mut forgotten: SortedMap<String, Vec<i32>> = SortedMap::new();
        let begins = self.epoch == FIRST_EPOCH;
        for (partition, data) in &wanted {
            if begins || self.partitions.get(partition) != Some(data) {
                topics.entry(partition.topic.clone()).or_default().push(data.clone());
            }
        }
        for partition in self.partitions.keys().filter(|_| !begins) {
            if !wanted.contains_key(partition) {
                forgotten.entry(partition.topic.clone()).or_default().push(partition.partition);
            }
        }
        self.partitions = wanted;
        let topics = topics.into_iter();
        let forgotten = forgotten.into_iter();
        SessionRequest {
            id: self.id,
            epoch: self.epoch,
            topics: topics.map(|(topic, partitions)| FetchTopic { topic, partitions }).collect(),
            forgotten: forgotten
                .map(|(topic, partitions)| ForgottenTopic { topic, partitions })
                .collect(),
        }
    }

    /// A request was answered with `id`.
    pub fn on_response(&mut self, id: i32, error: ErrorCode) {
        if error == ErrorCode::FETCH_SESSION_ID_NOT_FOUND {
            *self = Self::default();
        } else if error.is_error() {
            self.on_failure();
        } else if id == NONE {
            *self = Self::default();
        } else {
            self.id = id;
            self.epoch = self.epoch.checked_add(1).unwrap_or(FIRST_EPOCH + 1);
        }
    }

    /// A request was not answered: the next one closes the session and begins a new one.
    pub fn on_failure(&mut self) {
        self.epoch = FIRST_EPOCH;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(offsets: &[(i32, i64)]) -> SortedMap<TopicPartition, FetchPartition> {
        let partition = |(partition, fetch_offset): &(i32, i64)| {
            let data = FetchPartition {
                partition: *partition,
                fetch_offset: *fetch_offset,
                ..FetchPartition::default()
            };
            (TopicPartition::new("t", *partition), data)
        };
        offsets.iter().map(partition).collect()
    }

    fn said(request: &SessionRequest) -> (i32, i32, Vec<(i32, i64)>, Vec<i32>) {
        let topics = request.topics.iter().flat_map(|topic| &topic.partitions);
        let partitions = topics.map(|one| (one.partition, one.fetch_offset)).collect();
        let forgotten = request.forgotten.iter().flat_map(|topic| topic.partitions.clone());
        (request.id, request.epoch, partitions, forgotten.collect())
    }

    #[test]
    fn after_the_first_request_only_changes_are_said() {
        let mut session = FetchSession::default();
        let first = session.request(wanted(&[(0, 5), (1, 6)]));
        assert_eq!(said(&first), (0, 0, vec![(0, 5), (1, 6)], vec![]));
        session.on_response(77, ErrorCode::NONE);
        let second = session.request(wanted(&[(1, 8), (2, 0)]));
        assert_eq!(said(&second), (77, 1, vec![(1, 8), (2, 0)], vec![0]));
        session.on_response(77, ErrorCode::NONE);
        let third = session.request(wanted(&[(1, 8), (2, 0)]));
        assert_eq!(said(&third), (77, 2, vec![], vec![]));
    }

    #[test]
    fn without_a_session_everything_is_said_each_time() {
        let mut session = FetchSession::default();
        for _ in 0..2 {
            let request = session.request(wanted(&[(0, 5)]));
            assert_eq!(said(&request), (0, 0, vec![(0, 5)], vec![]));
            session.on_response(0, ErrorCode::NONE);
        }
    }

    #[test]
    fn failures_begin_a_new_session() {
        let mut session = FetchSession::default();
        session.request(wanted(&[(0, 5)]));
        session.on_response(77, ErrorCode::NONE);
        session.on_failure();
        assert_eq!(said(&session.request(wanted(&[(0, 5)]))), (77, 0, vec![(0, 5)], vec![]));
        session.on_response(78, ErrorCode::NONE);
        session.on_response(0, ErrorCode::FETCH_SESSION_ID_NOT_FOUND);
        assert_eq!(said(&session.request(wanted(&[(0, 5)]))), (0, 0, vec![(0, 5)], vec![]));
        session.on_response(79, ErrorCode::NONE);
        session.on_response(0, ErrorCode::INVALID_FETCH_SESSION_EPOCH);
        assert_eq!(said(&session.request(wanted(&[(0, 5)]))), (79, 0, vec![(0, 5)], vec![]));
    }
}
