//! All replicas of this broker: what the controller tells them, what clients and followers ask of
//! them, what they fetch from their leaders, and who waits for them.
//!
//! It owns no connection: requests to other brokers are handed out, and what is answered late comes
//! out as completions.
//!
//! In Kafka: `kafka.server.ReplicaManager`, `kafka.log.LogManager`.

mod append;
mod cleaner;
mod delete_records;
mod fetch;
mod follow;
mod logs;
mod roles;
mod stops;

pub use append::{AppendRequest, AppendTarget, PartitionAppend};
pub use delete_records::DeleteRecordsParams;
pub use fetch::FetchParams;
pub use follow::{FollowRequest, FollowTag};
pub use roles::RoleChange;

use super::action::RequestToken;
use super::alter_isr::AlterIsrManager;
use super::changes::{Changes, IsrProposal};
use super::fetch_session::FetchSessionCache;
use super::fetcher::FetcherManager;
use super::metadata_cache::MetadataCache;
use super::partition::{Partition, PartitionConfig};
use super::purgatory::Purgatory;
use crate::base::timers::Wakeup;
use crate::base::{BrokerId, Rng, SortedMap, SortedSet, Span, Time, TopicPartition, TraceEvent};
use crate::cluster::{BrokerConfig, TopicConfig};
use crate::disk::Volume;
use crate::log::{LogError, PartitionLog};
use crate::node::Properties;
use crate::node::view::{ReplicaView, WaitingView};
use crate::wire::ErrorCode;
use crate::wire::batch::Batches;
use crate::wire::kafka::{AlterIsrResponse, AnyResponse};
use append::DelayedProduce;
use cleaner::CleanerState;
use delete_records::DelayedDeleteRecords;
use fetch::DelayedFetch;

/// How often idle producers are looked for (`LogManager.ProducerIdExpirationCheckIntervalMs`).
const PRODUCER_EXPIRY_CHECK: Span = Span::from_secs(600);

/// Something that was answered after it had waited.
#[derive(Clone, PartialEq, Debug)]
pub enum Completion {
    /// A request of the server.
    Reply(RequestToken, AnyResponse),
    /// An append for the group coordinator: the tag it gave, and the base offset or the error.
    Offsets(u64, Result<i64, ErrorCode>),
}

/// The replicas.
#[derive(Debug)]
pub struct ReplicaManager {
    config: BrokerConfig,
    partitions: SortedMap<TopicPartition, Partition>,
    /// Partitions that exist, here or elsewhere.
    known: SortedSet<TopicPartition>,
    /// Brokers that live, as the metadata cache has them.
    live_brokers: SortedSet<i32>,
    /// Racks of the live brokers that have one.
    racks: SortedMap<i32, String>,
    /// Logs found on the volume that no LeaderAndIsr has named yet.
    logs: SortedMap<TopicPartition, PartitionLog>,
    /// High watermarks as the checkpoint had them when this life began.
    checkpointed: SortedMap<TopicPartition, i64>,
    /// Settings of topics as `/config/topics` had them.
    topic_configs: SortedMap<String, Properties>,
    controller_epoch: i32,
    fetchers: FetcherManager,
    fetch_sessions: FetchSessionCache,
    alter_isr: AlterIsrManager,
    delayed_produce: Purgatory<DelayedProduce>,
    delayed_fetch: Purgatory<DelayedFetch>,
    delayed_delete_records: Purgatory<DelayedDeleteRecords>,
    changes: Changes,
    completions: Vec<Completion>,
    next_isr_check: Option<Time>,
    next_checkpoint: Option<Time>,
    next_recovery_checkpoint: Option<Time>,
    next_retention_check: Option<Time>,
    cleaner: CleanerState,
    /// Directories of deleted logs and when they go.
    deleted_dirs: Vec<(Time, String)>,
    next_producer_expiry: Option<Time>,
}

impl ReplicaManager {
    /// No replicas yet. `rng` draws the ids of fetch sessions.
    pub fn new(config: &BrokerConfig, rng: Rng) -> Self {
        let slots = usize::try_from(config.max_incremental_fetch_session_cache_slots).unwrap_or(0);
        Self {
            partitions: SortedMap::new(),
            known: SortedSet::new(),
            racks: SortedMap::new(),
            logs: SortedMap::new(),
            checkpointed: SortedMap::new(),
            topic_configs: SortedMap::new(),
            controller_epoch: 0,
            fetchers: FetcherManager::new(config),
            fetch_sessions: FetchSessionCache::new(slots, rng),
            alter_isr: AlterIsrManager::default(),
            delayed_produce: Purgatory::default(),
            delayed_fetch: Purgatory::default(),
            delayed_delete_records: Purgatory::default(),
            live_brokers: SortedSet::new(),
            changes: Changes { log_dir: config.log_dir().to_owned(), ..Changes::default() },
            completions: Vec::new(),
            next_isr_check: None,
            next_checkpoint: None,
            next_recovery_checkpoint: None,
            next_retention_check: None,
            cleaner: CleanerState::default(),
            deleted_dirs: Vec::new(),
            next_producer_expiry: None,
            config: config.clone(),
        }
    }

    fn remove_expired_producers(&mut self, now: Time) {
        self.next_producer_expiry = Some(now + PRODUCER_EXPIRY_CHECK);
        let expiration = self.config.transactional_id_expiration.as_millis();
        let expiration_ms = i64::try_from(expiration).unwrap_or(i64::MAX);
        for log in self.logs_mut() {
            log.remove_expired_producers(now, expiration_ms);
        }
    }

    fn isr_check_interval(&self) -> Span {
        Span::from_micros((self.config.replica_lag_time_max.as_micros() / 2).max(1))
    }

    /// How many logs the volume holds.
    pub fn log_count(&self) -> usize {
        self.logs.len() + self.partitions.len()
    }

    /// The replica of `partition`.
    pub fn partition(&self, partition: &TopicPartition) -> Option<&Partition> {
        self.partitions.get(partition)
    }

    /// Every batch of a replica, for a coordinator that loads it.
    pub fn read_whole_log(&self, partition: &TopicPartition, volume: &Volume) -> Vec<u8> {
        let mut batches = Vec::new();
        let Some(log) = self.partitions.get(partition).map(Partition::log) else { return batches };
        let (mut from, end) = (log.log_start_offset(), log.log_end_offset());
        while from < end {
            let Ok(read) = log.read(volume, from, end, usize::MAX, true) else { break };
            let last = Batches::new(&read).last().map(|batch| batch.next_offset());
            let Some(next) = last.filter(|next| *next > from) else { break };
            batches.extend_from_slice(&read);
            from = next;
        }
        batches
    }

    /// Bytes in the log of a partition, 0 when it is not here.
    pub fn log_size(&self, partition: &TopicPartition) -> u64 {
        self.partitions.get(partition).map_or(0, |partition| partition.log().size())
    }

    /// The error for a partition that has no replica here: whoever asks looks up the leader again
    /// when the partition exists elsewhere.
    ///
    /// In Kafka: `ReplicaManager.getPartitionOrError`.
    pub fn missing_error(&self, partition: &TopicPartition) -> ErrorCode {
        if self.known.contains(partition) {
            ErrorCode::NOT_LEADER_OR_FOLLOWER
        } else {
            ErrorCode::UNKNOWN_TOPIC_OR_PARTITION
        }
    }

    /// What the metadata cache has now: the partitions that exist somewhere in the cluster, and
    /// where the live brokers are.
    pub fn on_metadata_updated(&mut self, metadata: &MetadataCache) {
        self.known = metadata.all_partitions();
        self.live_brokers = metadata.live_brokers().map(|broker| broker.id.0).collect();
        let racks = metadata.live_brokers();
        self.racks = racks.filter_map(|broker| Some((broker.id.0, broker.rack.clone()?))).collect();
    }

    /// Whether the partition exists, as far as the metadata cache has heard.
    pub fn is_known(&self, partition: &TopicPartition) -> bool {
        self.known.contains(partition)
    }

    /// All replicas.
    pub fn partitions(&self) -> impl Iterator<Item = &Partition> {
        self.partitions.values()
    }

    /// Whether the settings of `topic` are known.
    pub fn knows_config_of(&self, topic: &str) -> bool {
        self.topic_configs.contains_key(topic)
    }

    /// Takes in what topics are by default from now on.
    pub fn set_broker_config(&mut self, config: &BrokerConfig) {
        self.config.topic_defaults.clone_from(&config.topic_defaults);
        for topic in self.topic_configs.keys().cloned().collect::<Vec<_>>() {
            self.apply_topic_config(&topic);
        }
    }

    /// Takes in the settings of `topic`.
    pub fn set_topic_config(&mut self, topic: &str, config: Properties) {
        self.topic_configs.insert(topic.to_owned(), config);
        self.apply_topic_config(topic);
    }

    fn apply_topic_config(&mut self, topic: &str) {
        let settings = self.partition_config(topic);
        for (id, partition) in &mut self.partitions {
            if id.topic == topic {
                partition.set_config(settings.clone());
            }
        }
    }

    /// What replicas of `topic` are told; a value that cannot be read counts as not set, as it was
    /// validated when it was written.
    fn partition_config(&self, topic: &str) -> PartitionConfig {
        let own = self.topic_configs.get(topic).cloned().unwrap_or_default();
        let config = self.config.topic_config(&own);
        let config = config.or_else(|_| self.config.topic_config(&Properties::default()));
        let config: TopicConfig = config.unwrap_or_default();
        PartitionConfig {
            broker: self.config.broker_id,
            lag_time_max: self.config.replica_lag_time_max,
            min_insync_replicas: usize::try_from(config.min_insync_replicas).unwrap_or(1),
            log: logs::log_config(&config, self.config.broker_id),
        }
    }

    /// Does what is due by itself, then completes what moved. Returns the late answers.
    pub fn poll(&mut self, volume: &mut Volume, now: Time) -> Vec<Completion> {
        if self.next_isr_check.is_some_and(|at| at <= now) {
            self.next_isr_check = Some(now + self.isr_check_interval());
            for partition in self.partitions.values_mut() {
                partition.maybe_shrink_isr(now, &mut self.changes);
            }
        }
        if self.next_checkpoint.is_some_and(|at| at <= now) {
            self.next_checkpoint =
                Some(now + self.config.replica_high_watermark_checkpoint_interval);
            self.checkpoint_high_watermarks(volume);
        }
        if self.next_recovery_checkpoint.is_some_and(|at| at <= now) {
            let interval = self.config.log_flush_offset_checkpoint_interval;
            self.next_recovery_checkpoint = Some(now + interval);
            self.checkpoint_recovery_points(volume, now);
            self.checkpoint_log_start_offsets(volume);
        }
        for (partition, offset) in std::mem::take(&mut self.changes.truncated) {
            self.forget_cleaned(&partition, Some(offset));
        }
        self.check_retention(volume, now);
        self.run_cleaner(volume, now);
        if self.next_producer_expiry.is_some_and(|at| at <= now) {
            self.remove_expired_producers(now);
        }
        self.delete_due_files(volume, now);
        for partition in std::mem::take(&mut self.changes.moved) {
            self.complete_delayed_produce(&partition);
            self.complete_delayed_fetch(&partition, volume, now);
            self.complete_delayed_delete_records(&partition);
        }
        self.expire_delayed_produces(now);
        self.expire_delayed_fetches(volume, now);
        self.expire_delayed_delete_records(now);
        let withdrawn = std::mem::take(&mut self.changes.withdrawn);
        self.alter_isr.withdraw(&withdrawn);
        for proposal in std::mem::take(&mut self.changes.proposals) {
            self.alter_isr.submit(proposal);
        }
        std::mem::take(&mut self.completions)
    }

    /// Events, files to sync and a disk failure since the last call; to be called after
    /// [`ReplicaManager::poll`], which acts on the rest.
    pub fn take_changes(&mut self) -> Changes {
        let log_dir = std::mem::take(&mut self.changes.log_dir);
        std::mem::replace(&mut self.changes, Changes { log_dir, ..Changes::default() })
    }

    /// The events since the last call, to be told before what they led to.
    pub fn take_events(&mut self) -> Vec<TraceEvent> {
        std::mem::take(&mut self.changes.events)
    }

    /// The way of ISR changes to the controller.
    pub fn alter_isr_mut(&mut self) -> &mut AlterIsrManager {
        &mut self.alter_isr
    }

    /// The controller answered an AlterIsr request.
    pub fn on_alter_isr_response(&mut self, response: &AlterIsrResponse, now: Time) {
        for (proposal, answer) in self.alter_isr.on_response(response, now) {
            let IsrProposal { partition, .. } = &proposal;
            if let Some(partition) = self.partitions.get_mut(partition) {
                partition.on_alter_isr(&answer, &proposal, now, &mut self.changes);
            }
        }
    }

    /// When [`ReplicaManager::poll`] has something to do, and why.
    pub fn next_wakeup(&self) -> Option<Wakeup> {
        let at = |at: Option<Time>, reason: &'static str| {
            at.map(|at| Wakeup { at, reason: reason.into() })
        };
        [
            at(self.next_isr_check, "in-sync replica check"),
            at(self.next_checkpoint, "high watermark checkpoint"),
            at(self.next_recovery_checkpoint, "recovery point checkpoint"),
            at(self.next_producer_expiry, "producer id expiry"),
            at(self.delayed_produce.next_deadline(), "produce time-out"),
            at(self.delayed_fetch.next_deadline(), "fetch wait"),
            at(self.alter_isr.next_deadline(), "AlterIsr retry"),
            at(self.next_deletion(), "file.delete.delay.ms"),
            at(self.next_retention_check, "retention check"),
            at(self.next_cleaning(), "log cleaner"),
            at(self.delayed_delete_records.next_deadline(), "delete records time-out"),
            self.fetchers.next_wakeup(),
        ]
        .into_iter()
        .flatten()
        .min_by_key(|wakeup| wakeup.at)
    }

    /// Pictures of all replicas. `isr` is the ISR of a partition as the metadata cache has it.
    pub fn view<'a>(&self, isr: impl Fn(&TopicPartition) -> &'a [i32]) -> Vec<ReplicaView> {
        self.partitions.values().map(|replica| replica.view(isr(replica.id()))).collect()
    }

    /// Pictures of what waits.
    pub fn waiting(&self) -> Vec<WaitingView> {
        let produces = self.delayed_produce.iter().map(|(produce, until)| WaitingView {
            api: "Produce".to_owned(),
            what: produce.describe(),
            until,
        });
        let fetches = self.delayed_fetch.iter().map(|(fetch, until)| WaitingView {
            api: "Fetch".to_owned(),
            what: fetch.describe(),
            until,
        });
        let deletes = self.delayed_delete_records.iter().map(|(delete, until)| WaitingView {
            api: "DeleteRecords".to_owned(),
            what: delete.describe(),
            until,
        });
        produces.chain(fetches).chain(deletes).collect()
    }

    fn disk_failed(&mut self, error: LogError) {
        let LogError::Disk(error) = error;
        self.changes.disk_failure = Some(error);
    }

    /// This broker.
    fn broker(&self) -> BrokerId {
        BrokerId(self.config.broker_id)
    }
}
