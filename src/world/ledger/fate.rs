//! What becomes of a record, as data for checkers, lessons and the page.

use crate::base::trace::ElectionReason;
use crate::base::{BrokerId, EventId, Incarnation, ProcessId, SortedMap, Time, TopicPartition};
use serde::{Deserialize, Serialize};

/// Which record: its number within one life of its producer.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub struct RecordId {
    /// Who sent it.
    pub producer: ProcessId,
    /// In which life.
    pub incarnation: Incarnation,
    /// Its number there.
    pub record: u64,
}

/// What its producer was told.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub enum Outcome {
    /// Nothing yet; and nothing ever, if the producer died.
    #[default]
    Pending,
    /// That it was acknowledged; with acks=0 the producer says so itself.
    Acknowledged {
        /// The event.
        event: EventId,
        /// When.
        at: Time,
    },
    /// That it was given up.
    Failed {
        /// The event.
        event: EventId,
        /// Kafka's error name.
        error: String,
    },
}

/// That a group got a record.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Delivery {
    /// The group, empty for a consumer without one.
    pub group: String,
    /// The member that got it last.
    pub member: String,
    /// How often the group got it.
    pub times: u32,
    /// The first time.
    pub first: EventId,
    /// The group has committed an offset beyond it.
    pub committed: bool,
}

/// A step on the way to a loss.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum LossCause {
    /// It was acknowledged although not every replica had it: by its leader alone, or by nobody.
    AcknowledgedEarly {
        /// The producer's setting, 0 or 1.
        acks: i16,
    },
    /// A power cut took the end of a replica's log that was not on its disk yet.
    LogCut {
        /// On which broker.
        broker: BrokerId,
    },
    /// The process of the leader ended.
    LeaderDied {
        /// Which broker.
        broker: BrokerId,
    },
    /// The controller chose another leader.
    LeaderElected {
        /// Which broker.
        broker: BrokerId,
        /// In which epoch.
        leader_epoch: i32,
        /// Why.
        reason: ElectionReason,
    },
    /// That leader's log ends before the record: what it has counts from now on.
    LedWithShorterLog {
        /// Which broker.
        broker: BrokerId,
        /// In which epoch.
        leader_epoch: i32,
        /// Where its log ended.
        end_offset: i64,
    },
}

/// That a record is in no log any more although it was.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Loss {
    /// When it was lost.
    pub at: Time,
    /// How it came to that, oldest first: each step with its event.
    pub causes: Vec<(EventId, LossCause)>,
}

/// Everything that is known of one record.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct RecordFate {
    /// Which.
    pub id: RecordId,
    /// Where it was sent to.
    pub partition: TopicPartition,
    /// The producer's `acks`.
    pub acks: i16,
    /// By which it is known again.
    pub checksum: u64,
    /// The event of its sending.
    pub sent: EventId,
    /// When.
    pub sent_at: Time,
    /// How often it was sent again.
    pub retries: u32,
    /// What its producer was told.
    pub outcome: Outcome,
    /// Where it lies, once that is known: from the acknowledgement, or from the first who read it.
    pub offset: Option<i64>,
    /// Where else it lies: a retry that was appended a second time.
    pub copies: Vec<i64>,
    /// The high watermark has passed it: consumers may read it.
    pub is_visible: bool,
    /// Which groups got it.
    pub deliveries: Vec<Delivery>,
    /// How it was lost, if it was.
    pub loss: Option<Loss>,
}

impl RecordFate {
    /// Whether its producer was told that it is safe.
    pub fn is_acknowledged(&self) -> bool {
        matches!(self.outcome, Outcome::Acknowledged { .. })
    }

    /// Whether some group got it more than once.
    pub fn is_redelivered(&self) -> bool {
        self.deliveries.iter().any(|delivery| delivery.times > 1)
    }
}

/// Counts over records, of one kind or of all.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct FateCounts {
    /// Sent.
    pub sent: u64,
    /// Acknowledged.
    pub acknowledged: u64,
    /// Given up.
    pub failed: u64,
    /// Below the high watermark, as far as their offsets are known.
    pub visible: u64,
    /// Acknowledged and lost.
    pub lost: u64,
    /// Appended more than once.
    pub copied: u64,
}

impl FateCounts {
    pub(super) fn count(&mut self, fate: &RecordFate) {
        self.sent += 1;
        self.acknowledged += u64::from(fate.is_acknowledged());
        self.failed += u64::from(matches!(fate.outcome, Outcome::Failed { .. }));
        self.visible += u64::from(fate.is_visible);
        self.lost += u64::from(fate.loss.is_some() && fate.is_acknowledged());
        self.copied += u64::from(!fate.copies.is_empty());
    }

    pub(super) fn add(&mut self, other: &Self) {
        self.sent += other.sent;
        self.acknowledged += other.acknowledged;
        self.failed += other.failed;
        self.visible += other.visible;
        self.lost += other.lost;
        self.copied += other.copied;
    }
}

/// Records that are not followed one by one any more: those of one life of a producer to one
/// partition, from one number to another.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct FateRange {
    /// The first of them.
    pub first: RecordId,
    /// The number of the last.
    pub last: u64,
    /// Where they were sent to.
    pub partition: TopicPartition,
    /// Lowest and highest known offset.
    pub offsets: Option<(i64, i64)>,
    /// What became of them, as far as it was known when they were put together.
    pub counts: FateCounts,
    /// How many of them each group had got by then.
    pub delivered: SortedMap<String, u64>,
}

/// What a group got and committed.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct GroupCounts {
    /// Records handed to its members, each counted once.
    pub delivered: u64,
    /// Deliveries beyond the first of a record.
    pub redelivered: u64,
    /// Offsets that it has committed.
    pub committed: SortedMap<TopicPartition, i64>,
}

/// The ledger in short, for the picture.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct LedgerSummary {
    /// All records by topic.
    pub topics: SortedMap<String, FateCounts>,
    /// All groups.
    pub groups: SortedMap<String, GroupCounts>,
    /// The newest acknowledged records that were lost, oldest first.
    pub losses: Vec<RecordFate>,
}
