//! Elections that clients asked for and that the controller has held or will hold: each is answered
//! once this broker's metadata shows the new leaders, or when the client's time is over.
//!
//! In Kafka: kafka.server.DelayedElectLeader, ReplicaManager.electLeaders.

use super::action::{ElectionResults, RequestToken};
use super::api_error::ApiError;
use super::metadata_cache::MetadataCache;
use crate::base::{SortedMap, Time, TopicPartition};
use crate::wire::ErrorCode;
use crate::wire::kafka::{ElectLeadersResponse, PartitionResult, ReplicaElectionResult};

#[derive(Clone, Debug)]
struct Waiting {
    /// The client asked for all partitions: it does not want to hear of those that need none.
    wants_all: bool,
    deadline: Time,
    /// What came of it, once the controller has said so.
    results: Option<ElectionResults>,
}

/// The elections that somebody waits for.
#[derive(Clone, Debug, Default)]
pub struct DelayedElections {
    waiting: SortedMap<RequestToken, Waiting>,
}

/// A request with its answer.
pub type Answered = (RequestToken, ElectLeadersResponse);

impl DelayedElections {
    /// A client asked.
    pub fn begin(&mut self, token: RequestToken, wants_all: bool, deadline: Time) {
        self.waiting.insert(token, Waiting { wants_all, deadline, results: None });
    }

    /// The controller has held the elections of a request.
    pub fn held(
        &mut self,
        token: RequestToken,
        results: ElectionResults,
        metadata: &MetadataCache,
    ) -> Option<Answered> {
        self.waiting.get_mut(&token)?.results = Some(results);
        self.complete(metadata).pop()
    }

    /// Answers that can be given now.
    pub fn complete(&mut self, metadata: &MetadataCache) -> Vec<Answered> {
        self.answer_where(metadata, |waiting| {
            let all_known = |results: &ElectionResults| {
                results.iter().all(|(partition, result)| match result {
                    Ok(leader) => leads(metadata, partition, *leader),
                    Err(_) => true,
                })
            };
            waiting.results.as_ref().is_some_and(all_known)
        })
    }

    /// Answers that must be given now.
    pub fn expire(&mut self, now: Time, metadata: &MetadataCache) -> Vec<Answered> {
        self.answer_where(metadata, |waiting| waiting.deadline <= now && waiting.results.is_some())
    }

    /// When [`Self::expire`] has something to do.
    pub fn next_deadline(&self) -> Option<Time> {
        let held = self.waiting.values().filter(|waiting| waiting.results.is_some());
        held.map(|waiting| waiting.deadline).min()
    }

    fn answer_where(
        &mut self,
        metadata: &MetadataCache,
        is_due: impl Fn(&Waiting) -> bool,
    ) -> Vec<Answered> {
        let due = self.waiting.iter().filter(|(_, waiting)| is_due(waiting));
        let due: Vec<RequestToken> = due.map(|(token, _)| *token).collect();
        let mut answered = Vec::new();
        for token in due {
            if let Some(waiting) = self.waiting.remove(&token) {
                answered.push((token, response(waiting, metadata)));
            }
        }
        answered
    }
}

fn leads(metadata: &MetadataCache, partition: &TopicPartition, leader: i32) -> bool {
    let known = metadata.partition(&partition.topic, partition.partition);
    known.is_some_and(|known| known.leader == leader)
}

fn response(waiting: Waiting, metadata: &MetadataCache) -> ElectLeadersResponse {
    let mut topics: Vec<ReplicaElectionResult> = Vec::new();
    for (partition, result) in waiting.results.unwrap_or_default() {
        let error = match result {
            Ok(leader) if leads(metadata, &partition, leader) => ApiError::none(),
            Ok(_) => ApiError::bare(ErrorCode::REQUEST_TIMED_OUT),
            Err(error) if waiting.wants_all && error.code == ErrorCode::ELECTION_NOT_NEEDED => {
                continue;
            }
            Err(error) => error,
        };
        let one = PartitionResult {
            partition_id: partition.partition,
            error_code: error.code,
            error_message: error.message,
        };
        match topics.last_mut().filter(|topic| topic.topic == partition.topic) {
            Some(topic) => topic.partition_result.push(one),
            None => topics.push(ReplicaElectionResult {
                topic: partition.topic,
                partition_result: vec![one],
            }),
        }
    }
    ElectLeadersResponse { replica_election_results: topics, ..Default::default() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::kafka::{
        UpdateMetadataPartitionState, UpdateMetadataRequest, UpdateMetadataTopicState,
    };

    fn metadata(leader: i32) -> MetadataCache {
        let mut cache = MetadataCache::default();
        let partition_states = vec![UpdateMetadataPartitionState { leader, ..Default::default() }];
        let topic_name = "t".to_owned();
        let topic = UpdateMetadataTopicState { topic_name, partition_states, ..Default::default() };
        let request = UpdateMetadataRequest { topic_states: vec![topic], ..Default::default() };
        cache.update(&request);
        cache
    }

    fn results() -> ElectionResults {
        let not_needed = ApiError::of(ErrorCode::ELECTION_NOT_NEEDED);
        [(TopicPartition::new("t", 0), Ok(2)), (TopicPartition::new("t", 1), Err(not_needed))]
            .into()
    }

    fn codes(answered: &Answered) -> Vec<(i32, ErrorCode)> {
        let topics = answered.1.replica_election_results.iter();
        let results = topics.flat_map(|topic| &topic.partition_result);
        results.map(|one| (one.partition_id, one.error_code)).collect()
    }

    #[test]
    fn an_election_is_answered_when_the_new_leader_is_known_or_time_is_up() {
        let mut elections = DelayedElections::default();
        let (token, deadline) = (RequestToken(1), Time::from_millis(9));
        elections.begin(token, false, deadline);
        assert_eq!(elections.next_deadline(), None, "the controller always answers");
        assert_eq!(elections.held(token, results(), &metadata(1)), None);
        assert_eq!(elections.next_deadline(), Some(deadline));
        let answered = elections.complete(&metadata(2));
        let expected = [(0, ErrorCode::NONE), (1, ErrorCode::ELECTION_NOT_NEEDED)];
        assert_eq!(codes(&answered[0]), expected);

        elections.begin(token, true, deadline);
        assert_eq!(elections.held(token, results(), &metadata(1)), None);
        assert!(elections.expire(Time::from_millis(8), &metadata(1)).is_empty());
        let answered = elections.expire(deadline, &metadata(1));
        assert_eq!(codes(&answered[0]), [(0, ErrorCode::REQUEST_TIMED_OUT)]);
        assert!(elections.complete(&metadata(2)).is_empty(), "it was answered");
    }
}
