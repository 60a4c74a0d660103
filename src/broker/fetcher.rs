//! The followers on this broker, by the broker that leads them: one fetch at a time to each leader,
//! for all partitions that follow it.
//!
//! In Kafka: `kafka.server.ReplicaFetcherManager`, `AbstractFetcherThread`, with truncation on fetch
//! (KIP-595) and fetch sessions (KIP-227).

use super::action::Node;
use crate::base::timers::Wakeup;
use crate::base::{BrokerId, Endpoint, SortedMap, SortedSet, Time, TopicPartition};
use crate::cluster::BrokerConfig;
use crate::network::FetchSessionHandler;
use crate::wire::kafka::{FetchPartition, FetchRequest, FetchResponse};

/// Where a follower is in its leader's log.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FetchPosition {
    /// The next offset that it wants.
    pub fetch_offset: i64,
    /// Epoch of its last record, if it has any.
    pub last_fetched_epoch: Option<i32>,
    /// Epoch of the leader that it follows.
    pub current_leader_epoch: i32,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct FetchState {
    position: FetchPosition,
    delayed_until: Option<Time>,
}

#[derive(Clone, PartialEq, Debug)]
struct Fetcher {
    endpoint: Endpoint,
    partitions: SortedMap<TopicPartition, FetchState>,
    /// What the fetch in flight asked for.
    in_flight: Option<SortedMap<TopicPartition, FetchPosition>>,
    session: FetchSessionHandler,
}

/// All fetchers of a broker.
#[derive(Clone, PartialEq, Debug)]
pub struct FetcherManager {
    config: BrokerConfig,
    fetchers: SortedMap<BrokerId, Fetcher>,
}

impl FetcherManager {
    /// No fetchers yet.
    pub fn new(config: &BrokerConfig) -> Self {
        Self { config: config.clone(), fetchers: SortedMap::new() }
    }

    /// Lets `partition` follow `leader` from `position` on.
    pub fn add(&mut self, leader: Node, partition: TopicPartition, position: FetchPosition) {
        self.remove(&partition);
        let fetcher = self.fetchers.entry(leader.id).or_insert_with(|| Fetcher {
            endpoint: leader.endpoint.clone(),
            partitions: SortedMap::new(),
            in_flight: None,
            session: FetchSessionHandler::default(),
        });
        fetcher.endpoint = leader.endpoint;
        fetcher.partitions.insert(partition, FetchState { position, delayed_until: None });
    }

    /// Stops following for `partition`. What a fetch in flight brings for it is ignored.
    pub fn remove(&mut self, partition: &TopicPartition) {
        for fetcher in self.fetchers.values_mut() {
            fetcher.partitions.remove(partition);
            if let Some(asked) = &mut fetcher.in_flight {
                asked.remove(partition);
            }
        }
        self.fetchers
            .retain(|_, fetcher| !fetcher.partitions.is_empty() || fetcher.in_flight.is_some());
    }

    /// Stops all following.
    pub fn clear(&mut self) {
        self.fetchers.clear();
    }

    /// Where `partition` is, if it follows.
    pub fn position(&self, leader: BrokerId, partition: &TopicPartition) -> Option<FetchPosition> {
        Some(self.fetchers.get(&leader)?.partitions.get(partition)?.position)
    }

    /// Notes where `partition` goes on.
    pub fn advance(
        &mut self,
        leader: BrokerId,
        partition: &TopicPartition,
        offset: i64,
        last_fetched_epoch: Option<i32>,
    ) {
        let fetcher = self.fetchers.get_mut(&leader);
        if let Some(state) = fetcher.and_then(|fetcher| fetcher.partitions.get_mut(partition)) {
            state.position.fetch_offset = offset;
            state.position.last_fetched_epoch = last_fetched_epoch;
            state.delayed_until = None;
        }
    }

    /// Leaves `partition` out of the fetches for `replica.fetch.backoff.ms`.
    pub fn delay(&mut self, leader: BrokerId, partition: &TopicPartition, now: Time) {
        let until = Some(now + self.config.replica_fetch_backoff);
        let fetcher = self.fetchers.get_mut(&leader);
        if let Some(state) = fetcher.and_then(|fetcher| fetcher.partitions.get_mut(partition)) {
            state.delayed_until = until;
        }
    }

    /// The fetches that should leave now. `log_start_offset` tells where a log begins.
    pub fn due_requests(
        &mut self,
        now: Time,
        log_start_offset: impl Fn(&TopicPartition) -> i64,
    ) -> Vec<(Node, FetchRequest)> {
        let mut due = Vec::new();
        for (leader, fetcher) in &mut self.fetchers {
            if fetcher.in_flight.is_some() {
                continue;
            }
            let ready = fetcher.partitions.iter().filter(|(_, state)| state.is_ready(now));
            let asked: SortedMap<_, _> =
                ready.map(|(partition, state)| (partition.clone(), state.position)).collect();
            if asked.is_empty() {
                continue;
            }
            let node = Node { id: *leader, endpoint: fetcher.endpoint.clone() };
            let wanted = wanted(&self.config, &asked, &log_start_offset);
            let mut request = request(&self.config);
            fetcher.session.build(wanted).fill(&mut request);
            due.push((node, request));
            fetcher.in_flight = Some(asked);
        }
        due
    }

    /// The fetch to `leader` was answered. Returns what it asked for, less what was removed
    /// meanwhile; or why the answer is of no use, and everything is asked again.
    pub fn on_response(
        &mut self,
        leader: BrokerId,
        response: &FetchResponse,
    ) -> Result<SortedMap<TopicPartition, FetchPosition>, String> {
        let fetcher = self.fetchers.get_mut(&leader);
        let checked = fetcher.map_or(Ok(()), |fetcher| fetcher.session.handle_response(response));
        let asked = self.take_in_flight(leader);
        checked.map(|()| asked)
    }

    /// The fetch to `leader` failed. Returns what it asked for, less what was removed meanwhile.
    pub fn on_failure(&mut self, leader: BrokerId) -> SortedMap<TopicPartition, FetchPosition> {
        if let Some(fetcher) = self.fetchers.get_mut(&leader) {
            fetcher.session.handle_error();
        }
        self.take_in_flight(leader)
    }

    fn take_in_flight(&mut self, leader: BrokerId) -> SortedMap<TopicPartition, FetchPosition> {
        let fetcher = self.fetchers.get_mut(&leader);
        let asked = fetcher.and_then(|fetcher| fetcher.in_flight.take()).unwrap_or_default();
        self.fetchers
            .retain(|_, fetcher| !fetcher.partitions.is_empty() || fetcher.in_flight.is_some());
        asked
    }

    /// The leaders that are followed.
    pub fn leaders(&self) -> SortedSet<BrokerId> {
        self.fetchers.keys().copied().collect()
    }

    /// When a back-off ends.
    pub fn next_wakeup(&self) -> Option<Wakeup> {
        let idle = self.fetchers.values().filter(|fetcher| fetcher.in_flight.is_none());
        let delays = idle.flat_map(|fetcher| fetcher.partitions.values());
        let at = delays.map(|state| state.delayed_until.unwrap_or(Time::ZERO)).min()?;
        Some(Wakeup { at, reason: "replica fetch back-off".into() })
    }
}

impl FetchState {
    fn is_ready(&self, now: Time) -> bool {
        self.delayed_until.is_none_or(|until| until <= now)
    }
}

fn wanted(
    config: &BrokerConfig,
    asked: &SortedMap<TopicPartition, FetchPosition>,
    log_start_offset: impl Fn(&TopicPartition) -> i64,
) -> Vec<(TopicPartition, FetchPartition)> {
    let one = |(partition, position): (&TopicPartition, &FetchPosition)| {
        let data = FetchPartition {
            partition: partition.partition,
            current_leader_epoch: position.current_leader_epoch,
            fetch_offset: position.fetch_offset,
            last_fetched_epoch: position.last_fetched_epoch.unwrap_or(-1),
            log_start_offset: log_start_offset(partition),
            partition_max_bytes: config.replica_fetch_max_bytes,
        };
        (partition.clone(), data)
    };
    asked.iter().map(one).collect()
}

/// A fetch of this broker's followers, without partitions.
fn request(config: &BrokerConfig) -> FetchRequest {
    FetchRequest {
        replica_id: config.broker_id,
        max_wait_ms: i32::try_from(config.replica_fetch_wait_max.as_millis()).unwrap_or(i32::MAX),
        min_bytes: config.replica_fetch_min_bytes,
        max_bytes: config.replica_fetch_response_max_bytes,
        ..Default::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Span;
    use crate::node::Properties;
    use crate::wire::ErrorCode;
    use crate::wire::kafka::{FetchablePartitionResponse, FetchableTopicResponse};

    fn manager() -> FetcherManager {
        let config = BrokerConfig::of(&Properties::of([("broker.id", "1")])).expect("valid");
        FetcherManager::new(&config)
    }

    #[test]
    fn one_fetch_at_a_time_to_each_leader() {
        let mut fetchers = manager();
        let node = |id| Node { id: BrokerId(id), endpoint: Endpoint::new("m", 9092) };
        let position =
            FetchPosition { fetch_offset: 3, last_fetched_epoch: None, current_leader_epoch: 0 };
        let (a, b) = (TopicPartition::new("t", 0), TopicPartition::new("t", 1));
        fetchers.add(node(2), a.clone(), position);
        let now = Time::from_millis(10);
        let due = fetchers.due_requests(now, |_| 0);
        assert_eq!(due.len(), 1);
        assert_eq!(due[0].1.topics[0].partitions[0].last_fetched_epoch, -1);
        fetchers.add(node(2), b.clone(), position);
        assert!(fetchers.due_requests(now, |_| 0).is_empty(), "a fetch is in flight");
        fetchers.add(node(3), a.clone(), position);
        assert!(fetchers.on_failure(BrokerId(2)).is_empty(), "it follows broker 3 now");
        assert_eq!(fetchers.due_requests(now, |_| 0).len(), 2);
        fetchers.on_failure(BrokerId(2));
        fetchers.delay(BrokerId(2), &b, now);
        assert!(fetchers.due_requests(now, |_| 0).is_empty());
        assert_eq!(fetchers.next_wakeup().map(|wake| wake.at), Some(now + Span::from_secs(1)));
    }
    #[test]
    fn a_session_spares_both_sides_what_has_not_changed() {
        let mut fetchers = manager();
        let leader = Node { id: BrokerId(2), endpoint: Endpoint::new("m", 9092) };
        let position =
            FetchPosition { fetch_offset: 3, last_fetched_epoch: None, current_leader_epoch: 0 };
        let (a, b) = (TopicPartition::new("t", 0), TopicPartition::new("t", 1));
        fetchers.add(leader.clone(), a.clone(), position);
        fetchers.add(leader.clone(), b.clone(), position);
        let now = Time::from_millis(10);
        let answer = |session_id, partitions: &[i32]| {
            let data = |partition: &i32| FetchablePartitionResponse {
                partition: *partition,
                ..Default::default()
            };
            let partition_responses = partitions.iter().map(data).collect();
            let responses =
                vec![FetchableTopicResponse { topic: "t".to_owned(), partition_responses }];
            FetchResponse { session_id, responses, ..Default::default() }
        };
        let asked = fetchers.due_requests(now, |_| 0);
        assert_eq!((asked[0].1.session_epoch, asked[0].1.topics[0].partitions.len()), (0, 2));
        assert_eq!(
            fetchers.on_response(leader.id, &answer(7, &[0, 1])).map(|all| all.len()),
            Ok(2)
        );
        fetchers.advance(leader.id, &a, 5, Some(0));
        fetchers.delay(leader.id, &b, now);
        let (_, asked) = fetchers.due_requests(now, |_| 0).remove(0);
        assert_eq!((asked.session_id, asked.session_epoch), (7, 1));
        assert_eq!(asked.topics[0].partitions[0].fetch_offset, 5);
        assert_eq!(asked.forgotten_topics_data[0].partitions, [1], "it waits for its back-off");
        assert_eq!(fetchers.on_response(leader.id, &answer(7, &[])).map(|all| all.len()), Ok(1));
        let (_, asked) = fetchers.due_requests(now, |_| 0).remove(0);
        assert!(asked.topics.is_empty(), "nothing has changed");
        let lost = FetchResponse {
            error_code: ErrorCode::FETCH_SESSION_ID_NOT_FOUND,
            ..Default::default()
        };
        assert!(fetchers.on_response(leader.id, &lost).is_err());
        let (_, asked) = fetchers.due_requests(now, |_| 0).remove(0);
        assert_eq!((asked.session_epoch, asked.topics.len()), (0, 1), "everything, at once");
    }
}
