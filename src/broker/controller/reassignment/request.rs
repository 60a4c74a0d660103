//! The requests about reassignments: what is asked is checked first, all of it, and then begun
//! partition by partition.
//!
//! In Kafka: KafkaController.processApiPartitionReassignment, validateReplicas,
//! maybeBuildReassignment, processListPartitionReassignments.

use super::{ReassignmentStep, begin_step};
use crate::base::{SortedMap, SortedSet, Time, TopicPartition};
use crate::broker::action::{RequestContext, RequestToken};
use crate::broker::api_error::ApiError;
use crate::broker::controller::step::{Event, Step};
use crate::broker::controller::zk_triggered::{Removal, ZkTriggeredStep};
use crate::broker::controller::{Controller, ControllerAction, joined};
use crate::cluster::znode_data::ReplicaAssignment;
use crate::wire::ErrorCode;
use crate::wire::kafka::{
    AlterPartitionReassignmentsRequest, AlterPartitionReassignmentsResponse,
    ListPartitionReassignmentsRequest, ListPartitionReassignmentsResponse,
    OngoingPartitionReassignment, OngoingTopicReassignment, ReassignablePartitionResponse,
    ReassignableTopicResponse,
};

impl Controller {
    /// AlterPartitionReassignments.
    #[must_use]
    pub fn handle_alter_partition_reassignments(
        &mut self,
        now: Time,
        context: &RequestContext,
        request: AlterPartitionReassignmentsRequest,
    ) -> Vec<ControllerAction> {
        self.enqueue(now, Event::AlterReassignments(context.token, request))
    }

    /// ListPartitionReassignments.
    #[must_use]
    pub fn handle_list_partition_reassignments(
        &mut self,
        now: Time,
        context: &RequestContext,
        request: ListPartitionReassignmentsRequest,
    ) -> Vec<ControllerAction> {
        self.enqueue(now, Event::ListReassignments(context.token, request))
    }

    pub(in crate::broker::controller) fn process_alter_reassignments(
        &mut self,
        token: RequestToken,
        request: AlterPartitionReassignmentsRequest,
    ) {
        if !self.is_active {
            return self.refuse_alter_reassignments(token);
        }
        let mut results = SortedMap::new();
        let (mut steps, mut overruled) = (Vec::new(), SortedSet::new());
        for topic in request.topics {
            for wanted in topic.partitions {
                let partition = TopicPartition::new(&topic.name, wanted.partition_index);
                let outcome = match self.plan_reassignment(&partition, wanted.replicas.as_deref()) {
                    Ok(assignment) => {
                        overruled.insert(partition.clone());
                        steps.push(begin_step(partition.clone(), assignment));
                        ApiError::none()
                    }
                    Err(error) => error,
                };
                results.insert(partition, outcome);
            }
        }
        steps.push(Step::Reassignment(ReassignmentStep::Answer(token, results)));
        // A request goes before what the znode says.
        let overruled = ZkTriggeredStep::ReadForRemoval(Removal::Partitions(overruled));
        steps.insert(0, Step::ZkTriggered(overruled));
        self.go_on_with(steps);
    }

    /// The assignment that leads to `target`, or back to where the partition came from.
    fn plan_reassignment(
        &mut self,
        partition: &TopicPartition,
        target: Option<&[i32]>,
    ) -> Result<ReplicaAssignment, ApiError> {
        if let Some(target) = target {
            let current = self.context.assignments.get(partition).cloned().unwrap_or_default();
            self.check_target(&current, target)?;
        }
        self.plan_towards(partition, target)
    }

    /// As [`Self::plan_reassignment`], for a target that nobody has checked.
    pub(in crate::broker::controller) fn plan_towards(
        &mut self,
        partition: &TopicPartition,
        target: Option<&[i32]>,
    ) -> Result<ReplicaAssignment, ApiError> {
        let current = self.context.assignments.get(partition).cloned().unwrap_or_default();
        let origin = current.origin_replicas();
        let target = match target {
            Some(target) => target,
            None if current.is_being_reassigned() => &origin,
            None => return Err(ApiError::of(ErrorCode::NO_REASSIGNMENT_IN_PROGRESS)),
        };
        if self.context.is_queued_for_deletion(&partition.topic) {
            self.info(format!(
                "Skipping reassignment of {partition} since the topic is currently being deleted"
            ));
        } else if !current.replicas.is_empty() {
            return Ok(current.reassign_to(target));
        }
        let text = "The partition does not exist.";
        Err(ApiError::new(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, text))
    }

    fn check_target(&self, current: &ReplicaAssignment, target: &[i32]) -> Result<(), ApiError> {
        let refuse = |text: String| Err(ApiError::new(ErrorCode::INVALID_REPLICA_ASSIGNMENT, text));
        let list = |ids: &[i32]| format!("ArrayBuffer({})", joined(ids, ", "));
        if target.is_empty() {
            return refuse("Empty replica list specified in partition reassignment.".to_owned());
        }
        if target.iter().collect::<SortedSet<_>>().len() != target.len() {
            return refuse(format!(
                "Duplicate replica ids in partition reassignment replica list: {}",
                list(target)
            ));
        }
        if target.iter().any(|id| *id < 0) {
            return refuse(format!("Invalid broker id in replica list: {}", list(target)));
        }
        let live = self.context.live_brokers();
        let adding = current.reassign_to(target).adding_replicas;
        if adding.iter().any(|id| !live.contains(id)) {
            return refuse(format!(
                "Replica assignment has brokers that are not alive. Replica list: {}, live broker \
                 list: Set({})",
                list(&adding),
                joined(&live, ", ")
            ));
        }
        Ok(())
    }

    pub(in crate::broker::controller) fn answer_reassignments(
        &mut self,
        token: RequestToken,
        results: &SortedMap<TopicPartition, ApiError>,
    ) {
        let mut responses: Vec<ReassignableTopicResponse> = Vec::new();
        for (partition, error) in results {
            let one = ReassignablePartitionResponse {
                partition_index: partition.partition,
                error_code: error.code,
                error_message: error.message.clone(),
            };
            match responses.last_mut().filter(|topic| topic.name == partition.topic) {
                Some(topic) => topic.partitions.push(one),
                None => responses.push(ReassignableTopicResponse {
                    name: partition.topic.clone(),
                    partitions: vec![one],
                }),
            }
        }
        let error_message = Some(String::new());
        let response =
            AlterPartitionReassignmentsResponse { error_message, responses, ..Default::default() };
        self.reply(token, response);
    }

    pub(in crate::broker::controller) fn refuse_alter_reassignments(
        &mut self,
        token: RequestToken,
    ) {
        let error = ApiError::of(ErrorCode::NOT_CONTROLLER);
        let response = AlterPartitionReassignmentsResponse {
            error_code: error.code,
            error_message: error.message,
            ..Default::default()
        };
        self.reply(token, response);
    }

    pub(in crate::broker::controller) fn process_list_reassignments(
        &mut self,
        token: RequestToken,
        request: ListPartitionReassignmentsRequest,
    ) {
        if !self.is_active {
            let error = ApiError::of(ErrorCode::NOT_CONTROLLER);
            let response = ListPartitionReassignmentsResponse {
                error_code: error.code,
                error_message: error.message,
                ..Default::default()
            };
            return self.reply(token, response);
        }
        let wanted: SortedSet<TopicPartition> = match request.topics {
            None => self.context.being_reassigned.clone(),
            Some(topics) => topics
                .into_iter()
                .flat_map(|topic| {
                    let indexes = topic.partition_indexes.into_iter();
                    indexes.map(move |index| TopicPartition::new(&topic.name, index))
                })
                .collect(),
        };
        let mut topics: Vec<OngoingTopicReassignment> = Vec::new();
        for partition in wanted {
            let assignment = self.context.assignments.get(&partition);
            let Some(moving) = assignment.filter(|one| one.is_being_reassigned()) else { continue };
            let one = OngoingPartitionReassignment {
                partition_index: partition.partition,
                replicas: moving.replicas.clone(),
                adding_replicas: moving.adding_replicas.clone(),
                removing_replicas: moving.removing_replicas.clone(),
            };
            match topics.last_mut().filter(|topic| topic.name == partition.topic) {
                Some(topic) => topic.partitions.push(one),
                None => topics.push(OngoingTopicReassignment {
                    name: partition.topic,
                    partitions: vec![one],
                }),
            }
        }
        let error_message = Some(String::new());
        let response =
            ListPartitionReassignmentsResponse { error_message, topics, ..Default::default() };
        self.reply(token, response);
    }
}
