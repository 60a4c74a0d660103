//! The deletion of topics: a znode says which is to go, the controller does the rest; whoever asked
//! waits until the metadata shows the topic no more.
//!
//! In Kafka: KafkaApis.handleDeleteTopicsRequest, ZkAdminManager.deleteTopics,
//! AdminZkClient.deleteTopic.

use super::topic_purgatory::{Delay, DelayedTopic, TopicJob, Work};
use super::{AdminAction, AdminManager, AdminTag, Step};
use crate::base::Time;
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

/// A topic that shall go.
#[derive(Clone, Debug)]
pub(super) struct DoomedTopic {
    pub(super) name: Option<String>,
    topic_id: Uuid,
    /// The outcome, once it is known.
    outcome: Option<ErrorCode>,
}

/// One request.
#[derive(Clone, Debug)]
pub(super) struct Deletion {
    token: RequestToken,
    pub(super) topics: Vec<DoomedTopic>,
}

impl DelayedTopic for DoomedTopic {
    fn is_done(&self) -> Option<bool> {
        self.outcome.map(|code| code == ErrorCode::NONE)
    }

    /// Whether the metadata has forgotten it.
    fn is_shown(&self, metadata: &MetadataCache) -> bool {
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
        let work = Work::Deletion(Deletion { token: context.token, topics: topics.collect() });
        let job = TopicJob { work, delay: Delay::of(request.timeout_ms, false) };
        self.begin_topics(now, job, Step::Deletion(DeletionStep::Exists), metadata);
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
        let job = self.topic_jobs.get_mut(&tag.job);
        let Some(Work::Deletion(deletion)) = job.map(|job| &mut job.work) else { return };
        let Some(topic) = deletion.topics.get_mut(tag.item) else { return };
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
        self.settle_topics(now, tag.job, metadata);
    }

    /// Ends a request. A topic that the metadata still shows counts as timed out.
    pub(super) fn answer_deletion(
        &mut self,
        deletion: Deletion,
        delay: Delay,
        metadata: &MetadataCache,
    ) {
        let result = |topic: DoomedTopic| {
            let is_gone = delay.is_fulfilled(&topic, metadata);
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
