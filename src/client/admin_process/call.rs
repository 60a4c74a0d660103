//! A call of an admin client: its request, and what its answer means.
//!
//! In Kafka: the `Call`s of org.apache.kafka.clients.admin.KafkaAdminClient.

use crate::base::Time;
use crate::node::{AdminCommand, Command};
use crate::wire::ErrorCode;
use crate::wire::kafka::{
    AlterPartitionReassignmentsRequest, AnyRequest, AnyResponse, CreatableTopic,
    CreatePartitionsRequest, CreatePartitionsTopic, CreateTopicsRequest, CreateableTopicConfig,
    DeleteTopicState, DeleteTopicsRequest, ReassignablePartition, ReassignableTopic,
};

/// A command under way.
#[derive(Debug)]
pub(super) struct Call {
    pub command: u64,
    pub what: What,
    pub deadline: Time,
    /// Not tried before this time.
    pub not_before: Time,
    pub in_flight: bool,
    pub last_error: Option<ErrorCode>,
}

/// What is asked of the controller.
#[derive(Debug)]
pub(super) enum What {
    CreateTopic(CreatableTopic),
    Alter(AdminCommand),
}

impl What {
    /// What `command` asks for; none when it is not one for admin clients.
    pub fn of(command: Command) -> Option<Self> {
        match command {
            Command::CreateTopic { topic, partitions, replication_factor, configs } => {
                let config = |(name, value)| CreateableTopicConfig { name, value: Some(value) };
                Some(Self::CreateTopic(CreatableTopic {
                    name: topic,
                    num_partitions: partitions,
                    replication_factor,
                    assignments: Vec::new(),
                    configs: configs.into_iter().map(config).collect(),
                }))
            }
            Command::Admin(command) => Some(Self::Alter(command)),
            Command::Produce { .. }
            | Command::ProduceEvery { .. }
            | Command::DumpLog(_)
            | Command::Seek { .. }
            | Command::Consumer(_) => None,
        }
    }

    /// Kafka's name of the call.
    pub fn name(&self) -> &'static str {
        match self {
            Self::CreateTopic(_) => "createTopics",
            Self::Alter(AdminCommand::DeleteTopic(_)) => "deleteTopics",
            Self::Alter(AdminCommand::CreatePartitions { .. }) => "createPartitions",
            Self::Alter(AdminCommand::Reassign { .. }) => "alterPartitionReassignments",
        }
    }

    /// Its request.
    pub fn request(&self, timeout_ms: i32) -> AnyRequest {
        match self {
            Self::CreateTopic(topic) => {
                let topics = vec![topic.clone()];
                CreateTopicsRequest { topics, timeout_ms, validate_only: false }.into()
            }
            Self::Alter(AdminCommand::DeleteTopic(topic)) => {
                let state =
                    DeleteTopicState { name: Some(topic.clone()), ..DeleteTopicState::default() };
                let (topics, topic_names) = (vec![state], vec![topic.clone()]);
                DeleteTopicsRequest { topics, topic_names, timeout_ms }.into()
            }
            Self::Alter(AdminCommand::CreatePartitions { topic, count }) => {
                let (name, count) = (topic.clone(), *count);
                let topics = vec![CreatePartitionsTopic { name, count, assignments: None }];
                CreatePartitionsRequest { topics, timeout_ms, validate_only: false }.into()
            }
            Self::Alter(AdminCommand::Reassign { partition, replicas }) => {
                let moved = ReassignablePartition {
                    partition_index: partition.partition,
                    replicas: Some(replicas.clone()).filter(|replicas| !replicas.is_empty()),
                };
                let name = partition.topic.clone();
                let topics = vec![ReassignableTopic { name, partitions: vec![moved] }];
                AlterPartitionReassignmentsRequest { timeout_ms, topics }.into()
            }
        }
    }

    /// Kafka's verdict in `response`, with a message of its own if there is one.
    pub fn verdict(response: &AnyResponse) -> (ErrorCode, Option<String>) {
        let verdict = match response {
            AnyResponse::CreateTopics(response) => {
                let first = response.topics.first();
                first.map(|topic| (topic.error_code, topic.error_message.clone()))
            }
            AnyResponse::DeleteTopics(response) => {
                let first = response.responses.first();
                first.map(|topic| (topic.error_code, topic.error_message.clone()))
            }
            AnyResponse::CreatePartitions(response) => {
                let first = response.results.first();
                first.map(|topic| (topic.error_code, topic.error_message.clone()))
            }
            AnyResponse::AlterPartitionReassignments(response) => {
                let partitions = response.responses.first().map(|topic| &topic.partitions);
                let first = partitions.and_then(|partitions| partitions.first());
                let first = first.map(|it| (it.error_code, it.error_message.clone()));
                let whole = (response.error_code, response.error_message.clone());
                if whole.0.is_ok() { first } else { Some(whole) }
            }
            _ => None,
        };
        verdict.unwrap_or((ErrorCode::UNKNOWN_SERVER_ERROR, None))
    }

    /// What is said when it was done.
    pub fn done(&self) -> String {
        match self {
            Self::CreateTopic(topic) => format!("Created topic {}.", topic.name),
            Self::Alter(AdminCommand::DeleteTopic(topic)) => {
                format!("Topic {topic} is marked for deletion.")
            }
            Self::Alter(AdminCommand::CreatePartitions { topic, count }) => {
                format!("Topic {topic} has {count} partitions.")
            }
            Self::Alter(AdminCommand::Reassign { partition, replicas }) if replicas.is_empty() => {
                format!("Successfully cancelled partition reassignments for: {partition}")
            }
            Self::Alter(AdminCommand::Reassign { partition, .. }) => {
                format!("Successfully started partition reassignment for {partition}")
            }
        }
    }
}
