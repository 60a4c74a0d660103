//! The group coordinator: the leader of a partition of `__consumer_offsets` keeps the groups whose
//! ids hash to it, their members, generations and committed offsets, and stores all that as records
//! in that partition, so that the next leader can go on.
//!
//! It is a state machine without input or output. What has to be stored leaves as
//! [`Action::AppendOffsets`]; whoever asked is answered when [`GroupCoordinator::on_appended`] says
//! that it is committed.
//!
//! In Kafka: kafka.coordinator.group.GroupCoordinator, GroupMetadataManager. Left out: offsets of
//! transactions.

mod cleanup;
mod describe;
mod fetch;
mod find;
mod heartbeat;
mod join;
mod metadata;
mod offsets;
mod rebalance;
mod records;
mod state;
mod static_member;
mod store;
mod sync;
mod zookeeper_offsets;

#[cfg(test)]
mod tests;

pub use find::partition_for;
pub use zookeeper_offsets::GroupZkTag;

use crate::base::timers::Wakeup;
use crate::base::trace::LogLevel;
use crate::base::{BrokerId, Rng, SortedMap, SortedSet, Span, Time, Timers, TraceEvent};
use crate::broker::action::{Action, RequestToken};
use crate::cluster::{BrokerConfig, topic_name};
use crate::wire::ErrorCode;
use crate::wire::kafka::AnyResponse;
use metadata::Group;
use state::GroupState;
use store::Pending;
use zookeeper_offsets::ZookeeperRequest;

/// What the coordinator wants done.
pub type GroupAction = Action<GroupZkTag>;

const LOGGER: &str = "kafka.coordinator.group.GroupCoordinator";

/// What the coordinator waits for.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum TimerKey {
    /// A member has been silent for its session timeout.
    Session { group: String, member: String },
    /// A client has not come back with the member id that it was given.
    PendingMember { group: String, member: String },
    /// The rebalance has waited long enough.
    Join { group: String },
    /// Members that have not asked for their assignment are given up.
    Sync { group: String },
    /// A partition of `__consumer_offsets` has been read.
    Load { partition: i32 },
    /// Offsets may have expired.
    Expiry,
}

/// The coordinator of one broker.
pub struct GroupCoordinator {
    me: i32,
    config: BrokerConfig,
    rng: Rng,
    /// Time that reading one load buffer takes.
    read_latency: Span,
    now: Time,
    /// Partitions of `__consumer_offsets` that this broker leads.
    owned: SortedSet<i32>,
    /// Of these, those that are still being read.
    loading: SortedSet<i32>,
    groups: SortedMap<String, Group>,
    timers: Timers<TimerKey>,
    /// What is being stored, by the tag of its append.
    pending: SortedMap<u64, Pending>,
    next_append: u64,
    /// Requests about offsets in ZooKeeper.
    zookeeper: SortedMap<u64, ZookeeperRequest>,
    next_zookeeper: u64,
    actions: Vec<GroupAction>,
}

impl GroupCoordinator {
    /// The coordinator of broker `me`. `rng` makes member ids; `read_latency` is that of its disk.
    pub fn new(me: BrokerId, config: BrokerConfig, rng: Rng, read_latency: Span) -> Self {
        Self {
            me: me.0,
            config,
            rng,
            read_latency,
            now: Time::ZERO,
            owned: SortedSet::new(),
            loading: SortedSet::new(),
            groups: SortedMap::new(),
            timers: Timers::default(),
            pending: SortedMap::new(),
            next_append: 0,
            zookeeper: SortedMap::new(),
            next_zookeeper: 0,
            actions: Vec::new(),
        }
    }

    /// When to call [`Self::on_wake`].
    pub fn next_wakeup(&self) -> Option<Wakeup> {
        let (at, key) = self.timers.next()?;
        let reason = match key {
            TimerKey::Session { .. } => "session timeout of a group member",
            TimerKey::PendingMember { .. } => "time to join with a new member id",
            TimerKey::Join { .. } => "rebalance timeout",
            TimerKey::Sync { .. } => "time to ask for the assignment",
            TimerKey::Load { .. } => "groups and offsets have been read",
            TimerKey::Expiry => "offsets.retention.check.interval.ms",
        };
        Some(Wakeup { at, reason: reason.into() })
    }

    /// The time has come.
    #[must_use]
    pub fn on_wake(&mut self, now: Time) -> Vec<GroupAction> {
        self.now = now;
        while let Some(key) = self.timers.pop_due(now) {
            match key {
                TimerKey::Session { group, member } => self.on_session_timeout(&group, &member),
                TimerKey::PendingMember { group, member } => {
                    self.on_pending_member_timeout(&group, &member);
                }
                TimerKey::Join { group } => self.on_join_timeout(&group),
                TimerKey::Sync { group } => self.on_sync_timeout(&group),
                TimerKey::Load { partition } => {
                    self.actions.push(Action::LoadOffsets { partition });
                }
                TimerKey::Expiry => self.remove_expired_offsets(),
            }
        }
        self.take_actions()
    }

    /// The partition of `__consumer_offsets` that keeps `group`.
    fn partition_of(&self, group: &str) -> i32 {
        partition_for(group, self.config.offsets_topic_num_partitions)
    }

    /// Why nothing can be done for `group` here, if so. An empty id is valid for offsets, and for
    /// looking at groups and deleting them.
    fn group_error(&self, group: &str, may_be_empty: bool) -> Option<ErrorCode> {
        if group.is_empty() && !may_be_empty {
            Some(ErrorCode::INVALID_GROUP_ID)
        } else if self.loading.contains(&self.partition_of(group)) {
            Some(ErrorCode::COORDINATOR_LOAD_IN_PROGRESS)
        } else if self.owned.contains(&self.partition_of(group)) {
            None
        } else {
            Some(ErrorCode::NOT_COORDINATOR)
        }
    }

    /// The state of a group that exists.
    fn state_of(&self, group: &str) -> Option<GroupState> {
        self.groups.get(group).map(|group| group.state)
    }

    fn now_ms(&self) -> i64 {
        self.now.as_millis()
    }

    fn reply(&mut self, token: RequestToken, response: impl Into<AnyResponse>) {
        self.actions.push(Action::Reply { token, response: response.into() });
    }

    fn trace(&mut self, event: TraceEvent) {
        self.actions.push(Action::Trace(event));
    }

    fn log(&mut self, level: LogLevel, text: impl AsRef<str>) {
        let text = format!("[GroupCoordinator {}]: {}", self.me, text.as_ref());
        self.actions.push(Action::Log { level, logger: LOGGER, text });
    }

    fn info(&mut self, text: impl AsRef<str>) {
        self.log(LogLevel::Info, text);
    }

    /// The partition of a group as Kafka names it in its logs.
    fn partition_name(&self, group: &str) -> String {
        format!("{}-{}", topic_name::GROUP_METADATA_TOPIC_NAME, self.partition_of(group))
    }

    fn take_actions(&mut self) -> Vec<GroupAction> {
        std::mem::take(&mut self.actions)
    }
}
