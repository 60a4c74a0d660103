//! The creation of topics: checks, then the config znode, then the topic's own; then whoever asked
//! waits until the metadata shows the leaders.
//!
//! In Kafka: ZkAdminManager.createTopics, AdminZkClient.validateTopicCreate,
//! createTopicWithAssignment.

use super::topic_purgatory::{Delay, DelayedTopic, TopicJob, Work};
use super::{AdminManager, AdminTag, Step, assignment_error, live_brokers, results};
use crate::base::trace::LogLevel;
use crate::base::{SortedMap, SortedSet, Time, limits};
use crate::broker::action::{Action, RequestToken};
use crate::broker::api_error::ApiError;
use crate::broker::kafka_zk::{Answer, Op, Write};
use crate::broker::metadata_cache::MetadataCache;
use crate::cluster::replica_assignment::AssignmentStart;
use crate::cluster::znode_data::{ConfigOverrides, ReplicaAssignment, TopicAssignment};
use crate::cluster::{assign_replicas_to_brokers, topic_config, topic_name, znode_path};
use crate::node::Properties;
use crate::wire::kafka::CreatableTopic;
use crate::wire::zookeeper::KeeperCode;
use crate::wire::{ErrorCode, Uuid};

/// Partitions or replicas of a request that leaves them to the broker.
const UNSPECIFIED: i32 = -1;

/// Who wants topics.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Requester {
    /// A client waits for the answer.
    Client {
        /// Its request.
        token: RequestToken,
        /// How long it waits for the leaders.
        timeout_ms: i32,
    },
    /// Nobody waits.
    Nobody,
}

/// Which answer of ZooKeeper a topic waits for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum CreationStep {
    /// Whether the topic is there.
    Exists,
    /// All topics, for a name that may collide.
    Others,
    /// The write of its configs.
    SetConfig,
    /// The creation of its configs.
    CreateConfig,
    /// The creation of the topic.
    CreateTopic,
}

/// One topic of a request.
#[derive(Clone, Debug)]
pub(super) struct NewTopic {
    pub(super) name: String,
    pub(super) configs: SortedMap<String, String>,
    pub(super) assignment: SortedMap<i32, Vec<i32>>,
    pub(super) topic_id: Uuid,
    /// The outcome, once it is known: until then ZooKeeper is being asked.
    pub(super) outcome: Option<Result<(), ApiError>>,
}

/// One request.
#[derive(Clone, Debug)]
pub(super) struct Creation {
    requester: Requester,
    pub(super) topics: Vec<NewTopic>,
}

impl DelayedTopic for NewTopic {
    fn is_done(&self) -> Option<bool> {
        self.outcome.as_ref().map(Result::is_ok)
    }

    /// Whether every partition has a leader in the metadata.
    fn is_shown(&self, metadata: &MetadataCache) -> bool {
        self.assignment.keys().all(|partition| {
            metadata.partition(&self.name, *partition).is_some_and(|known| known.leader >= 0)
        })
    }
}

impl AdminManager {
    pub(super) fn create(
        &mut self,
        now: Time,
        requester: Requester,
        wanted: Vec<CreatableTopic>,
        validate_only: bool,
        metadata: &MetadataCache,
    ) {
        let is_excessive = self.is_excessive(&wanted);
        let mut names: SortedMap<String, usize> = SortedMap::new();
        // Too many are not even sorted.
        for topic in wanted.iter().take(if is_excessive { 0 } else { wanted.len() }) {
            *names.entry(topic.name.clone()).or_default() += 1;
        }
        let mut topics: Vec<NewTopic> = Vec::new();
        for topic in wanted {
            if is_excessive {
                topics.push(refused(topic.name));
                continue;
            }
            if topics.iter().any(|known| known.name == topic.name) {
                continue;
            }
            let is_duplicate = names[&topic.name] > 1;
            topics.push(self.new_topic(topic, is_duplicate, metadata));
        }
        for topic in &topics {
            self.complain(topic);
        }
        let timeout_ms = match requester {
            Requester::Client { timeout_ms, .. } => timeout_ms,
            Requester::Nobody => 0,
        };
        let work = Work::Creation(Creation { requester, topics });
        let job = TopicJob { work, delay: Delay::of(timeout_ms, validate_only) };
        self.begin_topics(now, job, Step::Creation(CreationStep::Exists), metadata);
    }

    /// Logs why a topic is not created.
    fn complain(&mut self, topic: &NewTopic) {
        if let Some(Err(error)) = &topic.outcome {
            let (name, text) = (&topic.name, error.message.as_deref().unwrap_or_default());
            self.log(
                LogLevel::Info,
                format!("Error processing create topic request {name}: {text}"),
            );
        }
    }

    /// Whether a request would create more partitions than a broker can bear.
    fn is_excessive(&self, wanted: &[CreatableTopic]) -> bool {
        let partitions = |topic: &CreatableTopic| match topic.num_partitions {
            UNSPECIFIED if topic.assignments.is_empty() => self.config.current().num_partitions,
            UNSPECIFIED => i32::try_from(topic.assignments.len()).unwrap_or(i32::MAX),
            number => number,
        };
        let sum: u64 = wanted.iter().map(|topic| u64::from(partitions(topic).max(1) as u32)).sum();
        sum > limits::PARTITIONS_PER_REQUEST_MAX
    }

    /// The topic with its assignment, or with what is wrong already.
    fn new_topic(
        &mut self,
        topic: CreatableTopic,
        is_duplicate: bool,
        metadata: &MetadataCache,
    ) -> NewTopic {
        let assignment = if is_duplicate {
            let text = "Found multiple entries for this topic.";
            Err(ApiError::new(ErrorCode::INVALID_REQUEST, text))
        } else {
            self.assign(&topic, metadata)
        };
        let (assignment, outcome) = match assignment {
            Ok(assignment) => (assignment, None),
            Err(error) => (SortedMap::new(), Some(Err(error))),
        };
        let configs = topic.configs.into_iter();
        NewTopic {
            name: topic.name,
            configs: configs.map(|one| (one.name, one.value.unwrap_or_default())).collect(),
            assignment,
            topic_id: Uuid(self.rng.uuid()),
            outcome,
        }
    }

    fn assign(
        &mut self,
        topic: &CreatableTopic,
        metadata: &MetadataCache,
    ) -> Result<SortedMap<i32, Vec<i32>>, ApiError> {
        if metadata.partitions(&topic.name).is_some() {
            return Err(already_exists(&topic.name));
        }
        let nulls: Vec<&str> = topic
            .configs
            .iter()
            .filter(|config| config.value.is_none())
            .map(|config| config.name.as_str())
            .collect();
        if !nulls.is_empty() {
            let text = format!("Null value not supported for topic configs : {}", nulls.join(","));
            return Err(ApiError::new(ErrorCode::INVALID_REQUEST, text));
        }
        let has_numbers = topic.num_partitions != UNSPECIFIED
            || i32::from(topic.replication_factor) != UNSPECIFIED;
        if has_numbers && !topic.assignments.is_empty() {
            let text = "Both numPartitions or replicationFactor and replicasAssignments were set. \
                        Both cannot be used at the same time.";
            return Err(ApiError::new(ErrorCode::INVALID_REQUEST, text));
        }
        if !topic.assignments.is_empty() {
            let given = topic.assignments.iter();
            return Ok(given.map(|one| (one.partition_index, one.broker_ids.clone())).collect());
        }
        let partitions = match topic.num_partitions {
            UNSPECIFIED => self.config.current().num_partitions,
            number => number,
        };
        let replication_factor = match i32::from(topic.replication_factor) {
            UNSPECIFIED => i32::from(self.config.current().default_replication_factor),
            number => number,
        };
        let brokers = live_brokers(metadata);
        let start = AssignmentStart::random(&mut self.rng, brokers.len());
        assign_replicas_to_brokers(&brokers, partitions, replication_factor, start)
            .map_err(|error| assignment_error(&error))
    }

    /// Goes on with a topic once ZooKeeper has answered.
    pub(super) fn go_on_with_creation(
        &mut self,
        now: Time,
        tag: AdminTag,
        step: CreationStep,
        answer: Answer,
        metadata: &MetadataCache,
    ) {
        let Some(TopicJob { work: Work::Creation(creation), delay }) =
            self.topic_jobs.get_mut(&tag.job)
        else {
            return;
        };
        let validate_only = delay.validate_only();
        let Some(topic) = creation.topics.get_mut(tag.item) else { return };
        match next(topic, step, answer, validate_only) {
            Next::Ask(step, op) => {
                return self.ask(AdminTag { step: Step::Creation(step), ..tag }, op);
            }
            Next::Done(outcome) => topic.outcome = Some(outcome),
        }
        let topic = topic.clone();
        self.complain(&topic);
        self.settle_topics(now, tag.job, metadata);
    }

    /// Ends a request. A topic without all its leaders counts as timed out.
    pub(super) fn answer_creation(
        &mut self,
        creation: &Creation,
        delay: Delay,
        metadata: &MetadataCache,
    ) {
        match creation.requester {
            Requester::Nobody => {
                for topic in &creation.topics {
                    self.in_flight.remove(&topic.name);
                }
            }
            Requester::Client { token, .. } => {
                let timed_out = |topic: &NewTopic| !delay.is_fulfilled(topic, metadata);
                let response = results::response(&self.config, &creation.topics, timed_out);
                self.actions.push(Action::Reply { token, response: response.into() });
            }
        }
    }
}

enum Next {
    Ask(CreationStep, Op),
    Done(Result<(), ApiError>),
}

/// What a request is told that asks for too much (in later Kafka: `ReplicationControlManager`).
pub(super) const TOO_MANY_PARTITIONS: &str = "Excessively large number of partitions per request.";

/// A topic of such a request.
fn refused(name: String) -> NewTopic {
    NewTopic {
        name,
        configs: SortedMap::new(),
        assignment: SortedMap::new(),
        topic_id: Uuid::default(),
        outcome: Some(Err(ApiError::new(ErrorCode::POLICY_VIOLATION, TOO_MANY_PARTITIONS))),
    }
}

/// What comes after an answer of ZooKeeper.
fn next(topic: &NewTopic, step: CreationStep, answer: Answer, validate_only: bool) -> Next {
    let fail = |code: &KeeperCode| {
        let text = code.message_for(&znode_path::topic(&topic.name));
        Next::Done(Err(ApiError::new(ErrorCode::UNKNOWN_SERVER_ERROR, text)))
    };
    match (step, answer) {
        (CreationStep::Exists, Answer::Failed(KeeperCode::NO_NODE)) => {
            match name_error(&topic.name) {
                Some(error) => Next::Done(Err(error)),
                None if topic_name::has_collision_chars(&topic.name) => {
                    let path = znode_path::TOPICS.to_owned();
                    Next::Ask(CreationStep::Others, Op::GetChildren { path, watch: false })
                }
                None => checked(topic, validate_only),
            }
        }
        (CreationStep::Exists, Answer::Failed(code)) => fail(&code),
        (CreationStep::Exists, _) => {
            Next::Done(Err(name_error(&topic.name).unwrap_or_else(|| already_exists(&topic.name))))
        }
        (CreationStep::Others, Answer::Children(others)) => match collision(&topic.name, &others) {
            Some(error) => Next::Done(Err(error)),
            None => checked(topic, validate_only),
        },
        (CreationStep::SetConfig, answer) if answer.is_no_node() => {
            let (path, data) = config_znode(topic);
            let data = Some(data);
            Next::Ask(CreationStep::CreateConfig, Op::Write(Write::Create { path, data }))
        }
        (CreationStep::SetConfig | CreationStep::CreateConfig, Answer::Written { .. }) => {
            create_znode(topic)
        }
        // Another broker creates the same topic and was faster.
        (CreationStep::CreateConfig, Answer::Failed(KeeperCode::NODE_EXISTS)) => set_config(topic),
        (CreationStep::CreateTopic, Answer::Written { .. }) => Next::Done(Ok(())),
        (CreationStep::CreateTopic, Answer::Failed(KeeperCode::NODE_EXISTS)) => {
            Next::Done(Err(already_exists(&topic.name)))
        }
        (_, Answer::Failed(code)) => fail(&code),
        _ => fail(&KeeperCode::MARSHALLING_ERROR),
    }
}

fn name_error(name: &str) -> Option<ApiError> {
    let error = topic_name::validate(name).err()?;
    Some(ApiError::new(ErrorCode::INVALID_TOPIC_EXCEPTION, error.to_string()))
}

fn already_exists(name: &str) -> ApiError {
    ApiError::new(ErrorCode::TOPIC_ALREADY_EXISTS, format!("Topic '{name}' already exists."))
}

fn collision(name: &str, others: &[String]) -> Option<ApiError> {
    let colliding: Vec<&str> = others
        .iter()
        .map(String::as_str)
        .filter(|other| topic_name::has_collision(name, other))
        .collect();
    if colliding.is_empty() {
        return None;
    }
    let others = colliding.join(", ");
    let text = format!("Topic '{name}' collides with existing topics: {others}");
    Some(ApiError::new(ErrorCode::INVALID_TOPIC_EXCEPTION, text))
}

/// The topic does not exist: check assignment and configs, then write.
fn checked(topic: &NewTopic, validate_only: bool) -> Next {
    let result = check_assignment(&topic.assignment).and_then(|()| {
        topic_config::validate(&Properties(topic.configs.clone()))
            .map_err(|error| ApiError::new(ErrorCode::INVALID_CONFIG, error.to_string()))
    });
    if result.is_err() || validate_only {
        return Next::Done(result);
    }
    set_config(topic)
}

fn set_config(topic: &NewTopic) -> Next {
    let (path, data) = config_znode(topic);
    Next::Ask(CreationStep::SetConfig, Op::Write(Write::SetData { path, data, version: -1 }))
}

fn check_assignment(assignment: &SortedMap<i32, Vec<i32>>) -> Result<(), ApiError> {
    let refuse = |text: String| Err(ApiError::new(ErrorCode::INVALID_REPLICA_ASSIGNMENT, text));
    let sizes: SortedSet<usize> = assignment.values().map(Vec::len).collect();
    if sizes.len() != 1 {
        return refuse("All partitions should have the same number of replicas".to_owned());
    }
    for replicas in assignment.values() {
        if replicas.iter().collect::<SortedSet<_>>().len() != replicas.len() {
            let all = assignment.iter().map(|(index, ids)| {
                let ids = ids.iter().map(i32::to_string).collect::<Vec<_>>().join(", ");
                format!("{index} -> ArrayBuffer({ids})")
            });
            let all = all.collect::<Vec<_>>().join(", ");
            return refuse(format!("Duplicate replica assignment found: Map({all})"));
        }
    }
    if !(0..).zip(assignment.keys()).all(|(expected, index)| expected == *index) {
        return refuse("partitions should be a consecutive 0-based integer sequence".to_owned());
    }
    Ok(())
}

fn config_znode(topic: &NewTopic) -> (String, bytes::Bytes) {
    let overrides = ConfigOverrides::of(topic.configs.clone());
    (znode_path::topic_config(&topic.name), overrides.to_json().into())
}

fn create_znode(topic: &NewTopic) -> Next {
    let assigned = topic.assignment.iter();
    let assignment = TopicAssignment {
        topic_id: Some(topic.topic_id),
        partitions: assigned
            .map(|(index, replicas)| (*index, ReplicaAssignment::of(replicas.clone())))
            .collect(),
    };
    let path = znode_path::topic(&topic.name);
    let data = Some(assignment.to_json().into());
    Next::Ask(CreationStep::CreateTopic, Op::Write(Write::Create { path, data }))
}
