//! The deletion of topics: a znode says which is to go, the controller does the rest; whoever asked
//! waits until the metadata shows the topic no more.
//!
//! In Kafka: KafkaApis.handleDeleteTopicsRequest, ZkAdminManager.deleteTopics,
//! AdminZkClient.deleteTopic, DelayedDeleteTopics.

use super::{AdminAction, AdminManager, AdminTag, Step};
use crate::base::{Span, Time};
use crate::broker::action::{Action, RequestContext, RequestToken};
use crate::broker::kafka_zk::{Answer, Op, Write};
use crate::broker::metadata_cache::MetadataCache;
use crate::cluster::znode_path;
use crate::wire::kafka::{DeletableTopicResult, DeleteTopicsRequest, DeleteTopicsResponse};
use crate::wire::zookeeper::KeeperCode;
use crate::wire::{ErrorCode, Uuid};

/// The first version with an error of its own for a cluster that deletes no topics.
const FIRST_WITH_TOPIC_DELETION_DISABLED: i16 = 3;
/// The first version that can name topics by id.
const FIRST_WITH_TOPIC_IDS: i16 = 6;

/// Which answer of ZooKeeper a topic waits for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum DeletionStep {
    /// Whether the topic is there.
    Exists,
    /// The wish that it be deleted.
    CreateWish,
}

#[derive(Clone, Debug)]
struct DoomedTopic {
    name: Option<String>,
    topic_id: Uuid,
    /// The outcome, once it is known.
    outcome: Option<ErrorCode>,
}

/// One request.
#[derive(Clone, Debug)]
pub(super) struct Deletion {
    token: RequestToken,
    timeout_ms: i32,
    topics: Vec<DoomedTopic>,
    /// Set once all outcomes are known and the topics' end is waited for.
    pub(super) deadline: Option<Time>,
}

impl DoomedTopic {
    fn is_gone(&self, metadata: &MetadataCache) -> bool {
        self.name.as_deref().is_none_or(|name| metadata.partitions(name).is_none())
    }
}

impl AdminManager {
    /// DeleteTopics. Only the active controller takes it, which the caller knows.
    #[must_use]
    pub fn handle_delete_topics(
        &mut self,
        now: Time,
        context: &RequestContext,
        request: DeleteTopicsRequest,
        is_controller: bool,
        metadata: &MetadataCache,
    ) -> Vec<AdminAction> {
        let version = context.api_version;
        let named: Vec<(Option<String>, Uuid)> = if version >= FIRST_WITH_TOPIC_IDS {
            request.topics.into_iter().map(|topic| (topic.name, topic.topic_id)).collect()
        } else {
            request.topic_names.into_iter().map(|name| (Some(name), Uuid::ZERO)).collect()
        };
        let is_ambiguous =
            named.iter().any(|(name, topic_id)| name.is_some() && *topic_id != Uuid::ZERO);
        let refusal = if !is_controller {
            Some(ErrorCode::NOT_CONTROLLER)
        } else if !self.config.current().delete_topic_enable {
            Some(if version < FIRST_WITH_TOPIC_DELETION_DISABLED {
                ErrorCode::INVALID_REQUEST
            } else {
                ErrorCode::TOPIC_DELETION_DISABLED
            })
        } else if is_ambiguous {
            Some(ErrorCode::INVALID_REQUEST)
        } else {
            None
        };
        let topics = named.into_iter().map(|(name, topic_id)| {
            let by_id = topic_id != Uuid::ZERO && name.is_none();
            let name = if by_id { metadata.topic_name(topic_id).map(str::to_owned) } else { name };
            let outcome = refusal.or(match &name {
                None => Some(ErrorCode::UNKNOWN_TOPIC_ID),
                Some(name) if metadata.partitions(name).is_none() => {
                    Some(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION)
                }
                Some(_) => None,
            });
            DoomedTopic { name, topic_id, outcome }
        });
        let topics: Vec<DoomedTopic> = topics.collect();
        let job = self.next_job();
        for (item, topic) in topics.iter().enumerate() {
            if let (None, Some(name)) = (topic.outcome, &topic.name) {
                let exists = Op::Exists { path: znode_path::topic(name), watch: false };
                let step = Step::Deletion(DeletionStep::Exists);
                self.ask(AdminTag { job, item, step }, exists);
            }
        }
        let (token, timeout_ms) = (context.token, request.timeout_ms);
        self.deletions.insert(job, Deletion { token, timeout_ms, topics, deadline: None });
        self.settle_deletion(now, job, metadata);
        std::mem::take(&mut self.actions)
    }

    pub(super) fn go_on_with_deletion(
        &mut self,
        now: Time,
        tag: AdminTag,
        step: DeletionStep,
        answer: &Answer,
        metadata: &MetadataCache,
    ) {
        let deletion = self.deletions.get_mut(&tag.job);
        let Some(topic) = deletion.and_then(|deletion| deletion.topics.get_mut(tag.item)) else {
            return;
        };
        match (step, answer) {
            (DeletionStep::Exists, Answer::Failed(KeeperCode::NO_NODE)) => {
                topic.outcome = Some(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
            }
            (_, Answer::Failed(code)) if *code != KeeperCode::NODE_EXISTS => {
                topic.outcome = Some(ErrorCode::UNKNOWN_SERVER_ERROR);
            }
            (DeletionStep::Exists, _) => {
                let path = znode_path::delete_topic(topic.name.as_deref().unwrap_or_default());
                let step = Step::Deletion(DeletionStep::CreateWish);
                let wish = Op::Write(Write::Create { path, data: None });
                return self.ask(AdminTag { step, ..tag }, wish);
            }
            // Somebody may have wished so before.
            (DeletionStep::CreateWish, _) => topic.outcome = Some(ErrorCode::NONE),
        }
        self.settle_deletion(now, tag.job, metadata);
    }

    fn settle_deletion(&mut self, now: Time, job: u64, metadata: &MetadataCache) {
        let Some(deletion) = self.deletions.get_mut(&job) else { return };
        if deletion.topics.iter().any(|topic| topic.outcome.is_none()) {
            return;
        }
        let has_success =
            deletion.topics.iter().any(|topic| topic.outcome == Some(ErrorCode::NONE));
        if deletion.timeout_ms > 0 && has_success {
            let wait = Span::from_millis(deletion.timeout_ms.unsigned_abs().into());
            deletion.deadline = Some(now + wait);
            self.answer_deletions(metadata, |_| false);
        } else {
            self.answer_deletion(job, metadata);
        }
    }

    /// Answers requests whose topics are all gone, and those that are `overdue`.
    pub(super) fn answer_deletions(
        &mut self,
        metadata: &MetadataCache,
        overdue: impl Fn(Time) -> bool,
    ) {
        let is_due = |deletion: &Deletion| {
            let mut wished =
                deletion.topics.iter().filter(|topic| topic.outcome == Some(ErrorCode::NONE));
            deletion
                .deadline
                .is_some_and(|at| overdue(at) || wished.all(|topic| topic.is_gone(metadata)))
        };
        let due = self.deletions.iter().filter(|(_, deletion)| is_due(deletion));
        let due: Vec<u64> = due.map(|(job, _)| *job).collect();
        for job in due {
            self.answer_deletion(job, metadata);
        }
    }

    fn answer_deletion(&mut self, job: u64, metadata: &MetadataCache) {
        let Some(deletion) = self.deletions.remove(&job) else { return };
        let waited = deletion.deadline.is_some();
        let result = |topic: DoomedTopic| {
            let is_gone = waited && topic.is_gone(metadata);
            let error_code = match topic.outcome {
                Some(ErrorCode::NONE) if !is_gone => ErrorCode::REQUEST_TIMED_OUT,
                outcome => outcome.unwrap_or(ErrorCode::UNKNOWN_SERVER_ERROR),
            };
            DeletableTopicResult {
                name: topic.name,
                topic_id: topic.topic_id,
                error_code,
                error_message: None,
            }
        };
        let responses = deletion.topics.into_iter().map(result).collect();
        let response = DeleteTopicsResponse { responses, ..Default::default() };
        self.actions.push(Action::Reply { token: deletion.token, response: response.into() });
    }
}
