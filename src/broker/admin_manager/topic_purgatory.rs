//! Requests about several topics. Each waits until ZooKeeper has said what became of every topic, and
//! then, if there was a success and whoever asked has the time, until the metadata shows it.
//!
//! In Kafka: the `topicPurgatory` of ZkAdminManager with DelayedCreatePartitions and
//! DelayedDeleteTopics.

use super::creation::Creation;
use super::deletion::Deletion;
use super::growth::Growth;
use super::{AdminManager, AdminTag, Step};
use crate::base::timers::Wakeup;
use crate::base::{Span, Time};
use crate::broker::kafka_zk::Op;
use crate::broker::metadata_cache::MetadataCache;
use crate::cluster::znode_path;

/// A topic of such a request.
pub(super) trait DelayedTopic {
    /// Whether what was asked for is done; none while ZooKeeper is being asked.
    fn is_done(&self) -> Option<bool>;
    /// Whether the metadata shows that it is done.
    fn is_shown(&self, metadata: &MetadataCache) -> bool;
}

/// What is asked for.
#[derive(Clone, Debug)]
pub(super) enum Work {
    /// New topics.
    Creation(Creation),
    /// More partitions.
    Growth(Growth),
    /// Topics that shall go.
    Deletion(Deletion),
}

/// One request.
#[derive(Clone, Debug)]
pub(super) struct TopicJob {
    pub(super) work: Work,
    pub(super) delay: Delay,
}

/// How long a request waits for the metadata.
#[derive(Clone, Copy, Debug)]
pub(super) struct Delay {
    timeout_ms: i32,
    validate_only: bool,
    /// Set once the outcome of every topic is known and the metadata is waited for.
    deadline: Option<Time>,
}

impl Delay {
    /// As long as the request says; who only wants to know whether it would be done waits for nothing.
    pub(super) fn of(timeout_ms: i32, validate_only: bool) -> Self {
        Self { timeout_ms, validate_only, deadline: None }
    }

    /// Whether only the checks are made.
    pub(super) fn validate_only(self) -> bool {
        self.validate_only
    }

    fn span(self) -> Option<Span> {
        let waits = self.timeout_ms > 0 && !self.validate_only;
        waits.then(|| Span::from_millis(self.timeout_ms.unsigned_abs().into()))
    }

    /// Whether a topic for which everything is done counts as done in the answer: not when nobody
    /// could wait for the metadata, or it does not show the topic yet.
    pub(super) fn is_fulfilled(self, topic: &dyn DelayedTopic, metadata: &MetadataCache) -> bool {
        self.validate_only || (self.deadline.is_some() && topic.is_shown(metadata))
    }
}

impl Work {
    fn topics(&self) -> Vec<&dyn DelayedTopic> {
        match self {
            Self::Creation(creation) => creation.topics.iter().map(|one| one as _).collect(),
            Self::Growth(growth) => growth.topics.iter().map(|one| one as _).collect(),
            Self::Deletion(deletion) => deletion.topics.iter().map(|one| one as _).collect(),
        }
    }

    /// What ZooKeeper is asked first, and about which topic.
    fn first_asked(&self) -> Vec<(usize, Op)> {
        let open = self.topics().into_iter().enumerate();
        let open = open.filter(|(_, topic)| topic.is_done().is_none()).map(|(item, _)| item);
        let exists = |name: &str| Op::Exists { path: znode_path::topic(name), watch: false };
        match self {
            Self::Creation(work) => {
                open.map(|item| (item, exists(&work.topics[item].name))).collect()
            }
            Self::Deletion(work) => {
                let name = |item: usize| work.topics[item].name.as_deref().unwrap_or_default();
                open.map(|item| (item, exists(name(item)))).collect()
            }
            // The brokers, once for all topics.
            Self::Growth(_) => {
                let path = znode_path::BROKER_IDS.to_owned();
                let list = Op::GetChildren { path, watch: false };
                open.take(1).map(|_| (0, list.clone())).collect()
            }
        }
    }

    fn timeout_reason(&self) -> &'static str {
        match self {
            Self::Creation(_) => "topic creation timeout",
            Self::Growth(_) => "partition creation timeout",
            Self::Deletion(_) => "topic deletion timeout",
        }
    }
}

impl TopicJob {
    fn is_shown(&self, metadata: &MetadataCache) -> bool {
        let mut done = self.work.topics().into_iter().filter(|topic| topic.is_done() == Some(true));
        done.all(|topic| topic.is_shown(metadata))
    }
}

impl AdminManager {
    /// Begins a request with the first `step` of what ZooKeeper has to say about topics whose outcome
    /// is not known already.
    pub(super) fn begin_topics(
        &mut self,
        now: Time,
        job: TopicJob,
        step: Step,
        metadata: &MetadataCache,
    ) {
        let id = self.next_job();
        for (item, op) in job.work.first_asked() {
            self.ask(AdminTag { job: id, item, step }, op);
        }
        self.topic_jobs.insert(id, job);
        self.settle_topics(now, id, metadata);
    }

    /// Answers, or begins to wait for the metadata, once all outcomes are known.
    pub(super) fn settle_topics(&mut self, now: Time, id: u64, metadata: &MetadataCache) {
        let Some(job) = self.topic_jobs.get_mut(&id) else { return };
        let outcomes: Vec<Option<bool>> =
            job.work.topics().into_iter().map(DelayedTopic::is_done).collect();
        if outcomes.contains(&None) {
            return;
        }
        match job.delay.span().filter(|_| outcomes.contains(&Some(true))) {
            Some(wait) => {
                job.delay.deadline = Some(now + wait);
                self.answer_shown(metadata, |_| false);
            }
            None => self.answer_topics(id, metadata),
        }
    }

    /// Answers whoever waits for metadata that is there, or has waited until an `overdue` time.
    pub(super) fn answer_shown(
        &mut self,
        metadata: &MetadataCache,
        overdue: impl Fn(Time) -> bool,
    ) {
        let is_due = |job: &TopicJob| {
            job.delay.deadline.is_some_and(|at| overdue(at) || job.is_shown(metadata))
        };
        let due = self.topic_jobs.iter().filter(|(_, job)| is_due(job));
        let due: Vec<u64> = due.map(|(id, _)| *id).collect();
        for id in due {
            self.answer_topics(id, metadata);
        }
    }

    fn answer_topics(&mut self, id: u64, metadata: &MetadataCache) {
        let Some(TopicJob { work, delay }) = self.topic_jobs.remove(&id) else { return };
        match work {
            Work::Creation(creation) => self.answer_creation(&creation, delay, metadata),
            Work::Growth(growth) => self.answer_growth(growth, delay, metadata),
            Work::Deletion(deletion) => self.answer_deletion(deletion, delay, metadata),
        }
    }

    /// When the first request has waited long enough.
    pub(super) fn next_deadline(&self) -> Option<Wakeup> {
        let deadlines = self
            .topic_jobs
            .values()
            .filter_map(|job| job.delay.deadline.map(|at| (at, job.work.timeout_reason())));
        let (at, reason) = deadlines.min()?;
        Some(Wakeup { at, reason: reason.into() })
    }
}
