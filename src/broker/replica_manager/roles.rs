//! What the controller says about replicas: who leads, and who follows whom.
//!
//! In Kafka: `ReplicaManager.becomeLeaderOrFollower`, `maybeUpdateMetadataCache`.

use super::ReplicaManager;
use crate::base::trace::LogLevel;
use crate::base::{BrokerId, SortedMap, Time, TopicPartition};
use crate::broker::action::Node;
use crate::broker::changes::Changes;
use crate::broker::fetcher::FetchPosition;
use crate::broker::metadata_cache::MetadataCache;
use crate::broker::partition::Partition;
use crate::cluster::{ConfigType, topic_config};
use crate::disk::Volume;
use crate::log::{LogError, LogStart, PartitionLog};
use crate::node::Properties;
use crate::wire::kafka::{LeaderAndIsrPartitionState, LeaderAndIsrRequest, LeaderAndIsrTopicState};
use crate::wire::{ErrorCode, Uuid};

const STATE_CHANGE: &str = "state.change.logger";
const FETCHER_MANAGER: &str = "kafka.server.ReplicaFetcherManager";

/// A replica on this broker took or gave up a leadership, for the coordinators.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum RoleChange {
    /// It leads now and did not before.
    Leader(TopicPartition),
    /// It follows somebody new, or was stopped.
    Follower(TopicPartition),
}

/// One partition of a LeaderAndIsr or StopReplica request and what became of it.
pub type PartitionErrors = Vec<(TopicPartition, ErrorCode)>;

/// A partition that this broker shall lead or follow, with its topic id.
type Role<'a> = (TopicPartition, Uuid, &'a LeaderAndIsrPartitionState);

/// What taking roles needs.
struct Taking<'a> {
    sender: &'a Sender,
    metadata: &'a MetadataCache,
    volume: &'a mut Volume,
    now: Time,
}

/// The controller that sent a request, in the words of Kafka's log.
pub(super) struct Sender {
    correlation: i32,
    epoch: i32,
    /// `controller N`.
    pub(super) from: String,
    /// `correlation id C from controller N epoch E`.
    with: String,
    /// `controller N with correlation id C epoch E`.
    pub(super) long: String,
}

impl Sender {
    pub(super) fn of(controller: i32, epoch: i32, correlation: i32) -> Self {
        Self {
            correlation,
            epoch,
            from: format!("controller {controller}"),
            with: format!(
                "correlation id {correlation} from controller {controller} epoch {epoch}"
            ),
            long: format!(
                "controller {controller} with correlation id {correlation} epoch {epoch}"
            ),
        }
    }
}

impl ReplicaManager {
    /// Refuses a request of a controller that has been replaced.
    pub fn check_controller_epoch(&mut self, epoch: i32) -> Result<(), ErrorCode> {
        if epoch < self.controller_epoch {
            return Err(ErrorCode::STALE_CONTROLLER_EPOCH);
        }
        self.controller_epoch = epoch;
        Ok(())
    }

    /// Takes the roles that the controller gives. The request's epochs were checked.
    pub fn become_leader_or_follower(
        &mut self,
        request: &LeaderAndIsrRequest,
        correlation_id: i32,
        metadata: &MetadataCache,
        volume: &mut Volume,
        now: Time,
    ) -> (PartitionErrors, Vec<RoleChange>) {
        let me = self.broker().0;
        let sender = Sender::of(request.controller_id, request.controller_epoch, correlation_id);
        let all: Vec<_> = states_of(request).collect();
        let (count, Sender { correlation, from, .. }) = (all.len(), &sender);
        self.state_change(format!(
            "Handling LeaderAndIsr request correlationId {correlation} from {from} for {count} partitions"
        ));
        let mut taking = Taking { sender: &sender, metadata, volume, now };
        let mut errors = SortedMap::new();
        let (mut leading, mut following) = (Vec::new(), Vec::new());
        for (id, topic_id, state) in all {
            let checked = self.check_role(&id, state, &sender);
            if checked.is_ok() {
                let roles = if state.leader == me { &mut leading } else { &mut following };
                roles.push((id.clone(), topic_id, state));
            }
            errors.insert(id, checked.err().unwrap_or(ErrorCode::NONE));
        }
        let leaders = self.make_leaders(leading, &mut taking, &mut errors);
        let followers = self.make_followers(following, &mut taking, &mut errors);
        // The first LeaderAndIsr starts the checkpoint thread.
        if self.next_checkpoint.is_none() {
            self.next_checkpoint =
                Some(now + self.config.replica_high_watermark_checkpoint_interval);
        }
        self.state_change(format!(
            "Finished LeaderAndIsr request in 0ms correlationId {} from {} for {count} partitions",
            sender.correlation, sender.from
        ));
        let roles = leaders.into_iter().map(RoleChange::Leader);
        let roles = roles.chain(followers.into_iter().map(RoleChange::Follower)).collect();
        (errors.into_iter().collect(), roles)
    }

    fn check_role(
        &mut self,
        id: &TopicPartition,
        state: &LeaderAndIsrPartitionState,
        sender: &Sender,
    ) -> Result<(), ErrorCode> {
        let me = self.broker().0;
        let (current, asked) =
            (self.partitions.get(id).map_or(-1, Partition::leader_epoch), state.leader_epoch);
        let ignoring =
            format!("Ignoring LeaderAndIsr request from {} for partition {id}", sender.long);
        if asked <= current {
            let (level, how) = if asked < current {
                (LogLevel::Warn, format!("is smaller than the current leader epoch {current}"))
            } else {
                (LogLevel::Info, "matches the current leader epoch".to_owned())
            };
            let text = format!("{ignoring} since its associated leader epoch {asked} {how}");
            self.log_state_change(level, text);
            return Err(ErrorCode::STALE_CONTROLLER_EPOCH);
        }
        if !state.replicas.contains(&me) {
            let replicas = state.replicas.iter().map(i32::to_string).collect::<Vec<_>>().join(",");
            let text = format!("{ignoring} as itself is not in assigned replica list {replicas}");
            self.log_state_change(LogLevel::Warn, text);
            return Err(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
        }
        Ok(())
    }

    /// In Kafka: `ReplicaManager.makeLeaders`. Gives those that did not lead before.
    fn make_leaders(
        &mut self,
        leading: Vec<Role<'_>>,
        taking: &mut Taking<'_>,
        errors: &mut SortedMap<TopicPartition, ErrorCode>,
    ) -> Vec<TopicPartition> {
        let mut leaders = Vec::new();
        if leading.is_empty() {
            return leaders;
        }
        self.stop_following(leading.iter().map(|(id, ..)| id));
        let (count, Sender { correlation, from, .. }) = (leading.len(), taking.sender);
        let epoch = taking.sender.epoch;
        self.state_change(format!(
            "Stopped fetchers as part of LeaderAndIsr request correlationId {correlation} from {from} epoch {epoch} as part of the become-leader transition for {count} partitions"
        ));
        for (id, topic_id, state) in leading {
            let made =
                self.create_if_missing(&id, topic_id, taking.volume, taking.now).and_then(|()| {
                    let Some(partition) = self.partitions.get_mut(&id) else { return Ok(false) };
                    partition.make_leader(state, taking.volume, taking.now, &mut self.changes)
                });
            match made {
                Ok(true) => leaders.push(id),
                Ok(false) => {
                    let text = format!(
                        "Skipped the become-leader state change after marking its partition as leader with {} for partition {id} (last update controller epoch {}) since it is already the leader for the partition.",
                        taking.sender.with, state.controller_epoch
                    );
                    self.state_change(text);
                }
                Err(error) => {
                    self.disk_failed(error);
                    errors.insert(id, ErrorCode::KAFKA_STORAGE_ERROR);
                }
            }
        }
        leaders
    }

    /// In Kafka: `ReplicaManager.makeFollowers`. Gives all that follow somebody who lives.
    fn make_followers(
        &mut self,
        following: Vec<Role<'_>>,
        taking: &mut Taking<'_>,
        errors: &mut SortedMap<TopicPartition, ErrorCode>,
    ) -> Vec<TopicPartition> {
        let (mut followers, mut to_fetch) = (Vec::new(), Vec::new());
        if following.is_empty() {
            return followers;
        }
        for (id, topic_id, state) in following {
            if let Err(error) = self.create_if_missing(&id, topic_id, taking.volume, taking.now) {
                self.disk_failed(error);
                errors.insert(id, ErrorCode::KAFKA_STORAGE_ERROR);
                continue;
            }
            let leader = taking.metadata.live_brokers().find(|broker| broker.id.0 == state.leader);
            let Some(leader) = leader else {
                // The replica stays what it was until a leader is known that lives.
                let text = format!(
                    "Received LeaderAndIsrRequest with {} for partition {id} (last update controller epoch {}) but cannot become follower since the new leader {} is unavailable.",
                    taking.sender.with, state.controller_epoch, state.leader
                );
                self.log_state_change(LogLevel::Error, text);
                continue;
            };
            let Some(partition) = self.partitions.get_mut(&id) else { continue };
            if partition.make_follower(state, &mut self.changes) {
                let node = Node { id: leader.id, endpoint: leader.endpoint.clone() };
                to_fetch.push((id.clone(), node, state.leader_epoch));
            } else {
                let text = format!(
                    "Skipped the become-follower state change after marking its partition as follower with {} for partition {id} (last update controller epoch {}) since the new leader {} is the same as the old leader",
                    taking.sender.with, state.controller_epoch, state.leader
                );
                self.state_change(text);
            }
            followers.push(id);
        }
        self.stop_following(to_fetch.iter().map(|(id, ..)| id));
        let (count, Sender { correlation, from, epoch, .. }) = (to_fetch.len(), taking.sender);
        self.state_change(format!(
            "Stopped fetchers as part of become-follower request from {from} epoch {epoch} with correlation id {correlation} for {count} partitions"
        ));
        self.follow(to_fetch, taking, errors);
        followers
    }

    /// Begins to fetch from new leaders.
    fn follow(
        &mut self,
        to_fetch: Vec<(TopicPartition, Node, i32)>,
        taking: &mut Taking<'_>,
        errors: &mut SortedMap<TopicPartition, ErrorCode>,
    ) {
        let me = self.broker();
        let mut added: SortedMap<BrokerId, Vec<String>> = SortedMap::new();
        for (id, node, current_leader_epoch) in to_fetch {
            let Some(partition) = self.partitions.get_mut(&id) else { continue };
            match partition.start_fetching(taking.volume, taking.now, &mut self.changes) {
                Ok((fetch_offset, last_fetched_epoch)) => {
                    let position =
                        FetchPosition { fetch_offset, last_fetched_epoch, current_leader_epoch };
                    let text = format!(
                        "{id} -> (offset={fetch_offset}, leaderEpoch={current_leader_epoch})"
                    );
                    added.entry(node.id).or_default().push(text);
                    self.fetchers.add(node, id, position);
                }
                Err(error) => {
                    self.disk_failed(error);
                    errors.insert(id, ErrorCode::KAFKA_STORAGE_ERROR);
                }
            }
        }
        for (leader, partitions) in added {
            let partitions = partitions.join(", ");
            let text = format!(
                "[ReplicaFetcherManager on broker {me}] Added fetcher to broker {leader} for partitions Map({partitions})"
            );
            self.changes.info(FETCHER_MANAGER, text);
        }
    }

    /// Fetches no longer for some partitions.
    pub(super) fn stop_following<'a>(
        &mut self,
        partitions: impl Iterator<Item = &'a TopicPartition>,
    ) {
        let mut names = Vec::new();
        for id in partitions {
            self.fetchers.remove(id);
            names.push(id.to_string());
        }
        if !names.is_empty() {
            let (me, names) = (self.broker(), names.join(", "));
            let text = format!(
                "[ReplicaFetcherManager on broker {me}] Removed fetcher for partitions Set({names})"
            );
            self.changes.info(FETCHER_MANAGER, text);
        }
    }

    pub(super) fn state_change(&mut self, text: String) {
        self.log_state_change(LogLevel::Info, text);
    }

    /// A line of the log of state changes.
    pub fn log_state_change(&mut self, level: LogLevel, text: impl AsRef<str>) {
        let text = format!("[Broker id={}] {}", self.broker(), text.as_ref());
        self.changes.log(level, STATE_CHANGE, text);
    }

    /// Gives the partition a replica, from the log that was loaded or from nothing.
    fn create_if_missing(
        &mut self,
        id: &TopicPartition,
        topic_id: Uuid,
        volume: &mut Volume,
        now: Time,
    ) -> Result<(), LogError> {
        if self.partitions.contains_key(id) {
            return Ok(());
        }
        let config = self.partition_config(&id.topic);
        let mut log = if let Some(log) = self.logs.remove(id) {
            log
        } else {
            let start = LogStart { is_clean: true, recovery_point: 0, log_start_offset: 0, now };
            let (mut log, _) = PartitionLog::open(volume, id.clone(), config.log.clone(), start)?;
            self.changes.take_notes_of(&mut log);
            let properties = loggable(self.topic_configs.get(&id.topic));
            let text = format!(
                "Created log for partition {id} in {}/{id} with properties {properties}",
                self.config.log_dir()
            );
            self.changes.info("kafka.log.LogManager", text);
            log
        };
        log.set_config(config.log.clone());
        if topic_id != Uuid::ZERO {
            let metadata = format!("version: 0\ntopic_id: {topic_id}");
            let name = format!("{id}/partition.metadata");
            if volume.read(&name) != Some(metadata.as_bytes()) {
                volume.replace(&name, metadata.as_bytes())?;
                self.changes.to_sync.insert(name);
            }
        }
        let say = |changes: &mut Changes, text: &str| {
            let text = format!("[Partition {id} broker={}] {text}", config.broker);
            changes.info("kafka.cluster.Partition", text);
        };
        let checkpointed = self.checkpointed.remove(id);
        if checkpointed.is_none() {
            let text = format!("No checkpointed highwatermark is found for partition {id}");
            say(&mut self.changes, &text);
        }
        let high_watermark = checkpointed.unwrap_or(0);
        let text =
            format!("Log loaded for partition {id} with initial high watermark {high_watermark}");
        say(&mut self.changes, &text);
        let partition = Partition::new(id.clone(), config, log, high_watermark, volume);
        self.partitions.insert(id.clone(), partition);
        Ok(())
    }
}

/// The settings of a topic as Kafka logs them.
fn loggable(overrides: Option<&Properties>) -> String {
    let entries = overrides.into_iter().flat_map(|set| &set.0).map(|(name, value)| {
        let is_text = topic_config::key(name).is_some_and(|key| key.kind == ConfigType::String);
        if is_text { format!("{name}=\"{value}\"") } else { format!("{name}={value}") }
    });
    format!("{{{}}}", entries.collect::<Vec<_>>().join(", "))
}

/// The partitions of a LeaderAndIsr request with their topic ids, in its order.
fn states_of(
    request: &LeaderAndIsrRequest,
) -> impl Iterator<Item = (TopicPartition, Uuid, &LeaderAndIsrPartitionState)> {
    let grouped = request.topic_states.iter().flat_map(|topic| {
        let LeaderAndIsrTopicState { topic_name, topic_id, partition_states } = topic;
        partition_states.iter().map(move |state| {
            (TopicPartition::new(topic_name, state.partition_index), *topic_id, state)
        })
    });
    let ungrouped = request.ungrouped_partition_states.iter().map(|state| {
        (TopicPartition::new(&state.topic_name, state.partition_index), Uuid::ZERO, state)
    });
    grouped.chain(ungrouped)
}
