//! The controller's work: events wait in a queue and are handled one at a time; the handling of one
//! is a list of steps, some of which wait for ZooKeeper. No event overtakes another, so every step
//! sees the cluster as the step before it left it.
//!
//! In Kafka: kafka.controller.ControllerEventManager; there a thread blocks on ZooKeeper, here the
//! rest of the list waits.

use super::context::{Leadership, Replica};
use super::election::{Elected, ElectionStrategy};
use crate::base::{SortedMap, SortedSet, TopicPartition};
use crate::broker::action::RequestToken;
use crate::broker::kafka_zk::{Answer, Op};
use crate::wire::kafka::{
    AlterIsrRequest, AlterPartitionReassignmentsRequest, LeaderAndIsrResponse,
    ListPartitionReassignmentsRequest,
};

/// Something that the controller has to react to.
#[derive(Clone, PartialEq, Debug)]
pub enum Event {
    /// `/controller` came, changed or went, or this broker has a new session.
    ControllerChange,
    /// A broker came or went.
    BrokerChange,
    /// A live broker wrote its registration anew.
    BrokerModifications(i32),
    /// Brokers told of something in ZooKeeper.
    Notified(super::notifications::Notification),
    /// A topic came or went.
    TopicChange,
    /// Partitions were added to a topic, or its replicas changed.
    PartitionModifications(String),
    /// A leader asks for another ISR.
    AlterIsr(RequestToken, AlterIsrRequest),
    /// A broker wants to stop.
    ControlledShutdown {
        /// The request.
        token: RequestToken,
        /// Who.
        broker: i32,
        /// In which of its lives.
        broker_epoch: i64,
    },
    /// Time to see whether leaders are where they should be.
    AutoPreferredReplicaLeaderElection,
    /// A broker answered a LeaderAndIsr: it may have lost a log directory.
    LeaderAndIsrResponse(i32, LeaderAndIsrResponse),
    /// The wishes to delete topics have changed.
    TopicDeletion,
    /// A broker answered a StopReplica: which replicas of topics that are being deleted it has
    /// deleted, and which it could not.
    ReplicasDeleted(Vec<(Replica, bool)>),
    /// Unclean leader election has been enabled: for a topic, or by default.
    UncleanLeaderElectionEnable(Option<String>),
    /// A tool wrote into ZooKeeper which partitions shall be moved.
    ZkPartitionReassignment,
    /// A tool wrote into ZooKeeper which preferred replicas shall lead.
    ZkPreferredReplicaElection,
    /// Partitions shall be moved.
    AlterReassignments(RequestToken, AlterPartitionReassignmentsRequest),
    /// Somebody asks which partitions are being moved.
    ListReassignments(RequestToken, ListPartitionReassignmentsRequest),
    /// A tool asks for elections.
    ElectLeaders(RequestToken, ElectionType, SortedSet<TopicPartition>),
}

/// What kind of election a tool asks for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ElectionType {
    /// The preferred replica shall lead.
    Preferred,
    /// Anybody alive shall lead where nobody does.
    Unclean,
}

impl ElectionType {
    /// Its name in Kafka's messages.
    pub fn name(self) -> &'static str {
        match self {
            Self::Preferred => "PREFERRED",
            Self::Unclean => "UNCLEAN",
        }
    }
}

/// Why something is read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Purpose {
    /// The controller takes office and reads all there is.
    Failover,
    /// Something changed.
    Change,
    /// The data of a topic changed.
    Modification,
}

/// One step of the handling of an event.
#[derive(Clone, PartialEq, Debug)]
pub enum Step {
    // ---- becoming the controller ----
    /// Look who is controller, and run for office when nobody is.
    ReadController,
    /// Read the epoch of the last controller.
    ReadControllerEpoch,
    /// Make the epoch's znode in a new cluster.
    CreateControllerEpoch,
    /// Run for office.
    Register {
        /// Epoch of the last controller.
        last_epoch: i32,
        /// Version of its znode.
        zk_version: i32,
    },
    /// The run for office failed, or its answer was lost: see whether it was won all the same.
    CheckRegistration {
        /// The epoch that was to begin.
        epoch: i32,
    },
    /// See to the feature znode.
    ReadFeature,
    /// Make the feature znode.
    CreateFeature,
    /// Look for notifications to the last controller.
    ListNotifications,
    /// Delete them.
    DeleteNotifications(Vec<String>),
    /// Read leader and ISR of all partitions.
    ReadPartitionStates(Vec<TopicPartition>),
    /// Everything is read but the topic deletions.
    ContextInitialized,
    /// Everything is read: start the state machines.
    StartStateMachines,
    /// Start the state machine of partitions.
    StartPartitions,
    /// Everything is started: go on with what the last controller left.
    Ready,
    /// From now on look after the leaders every so often.
    StartScheduler,

    // ---- brokers and topics ----
    /// List the live brokers.
    ListBrokers(Purpose),
    /// Read their registrations.
    ReadBrokers(Vec<i32>, Purpose),
    /// List the topics.
    ListTopics(Purpose),
    /// Read their assignments.
    ReadTopics(Vec<String>, Purpose),
    /// Give ids to topics that have none.
    WriteTopicIds(Vec<String>),
    /// Bring up what is on new brokers.
    BrokerStartup(SortedSet<i32>),
    /// Take down what was on dead brokers.
    BrokerFailure(SortedSet<i32>),
    /// A bounced broker counts as live again.
    AddBrokers(SortedMap<i32, super::context::LiveBroker>),
    /// Say which brokers there are now.
    LogBrokerEpochs,

    // ---- state changes ----
    /// Bring partitions online (PartitionStateMachine.handleStateChanges(OnlinePartition)).
    OnlinePartitions(Vec<TopicPartition>, ElectionStrategy),
    /// Bring new and offline partitions online: of one topic, or all.
    TriggerOnline(Option<String>),
    /// Write the first leader and ISR of new partitions.
    Initialize(Vec<(TopicPartition, Leadership)>),
    /// Take over states that turned out to be written already.
    AdoptStates(Vec<TopicPartition>),
    /// Read the states of partitions that need a leader.
    ReadForElection(Vec<TopicPartition>, ElectionStrategy),
    /// Read the configs of topics that no clean leader can be found for.
    ReadUncleanConfigs {
        /// States as read, by partition.
        states: Vec<(TopicPartition, Leadership)>,
        /// Topics whose configs are wanted.
        topics: Vec<String>,
        /// How to elect.
        strategy: ElectionStrategy,
    },
    /// Write the outcomes of elections.
    WriteElections(Vec<(TopicPartition, Elected)>, ElectionStrategy),
    /// Bring replicas online (ReplicaStateMachine.handleStateChanges(OnlineReplica)).
    OnlineReplicas(Vec<Replica>),
    /// Take replicas of one broker offline, and out of the ISR.
    OfflineReplicas(i32, Vec<TopicPartition>),
    /// Read the ISRs from which replicas of a broker are to be taken.
    ReadForIsrRemoval(i32, Vec<TopicPartition>),
    /// Write ISRs without a broker.
    WriteIsrRemoval(i32, Vec<(TopicPartition, Leadership)>),
    /// Tell all brokers which brokers are alive.
    UpdateMetadataOfBrokers,
    /// Send what has been gathered.
    SendRequests,

    // ---- requests ----
    /// Write the ISRs that a leader asked for.
    WriteAlteredIsrs(Box<super::alter_isr::Altering>),
    /// Stop replicas of a broker that shuts down.
    StopReplicas(Vec<Replica>),
    /// Answer a controlled shutdown.
    AnswerControlledShutdown(RequestToken, i32),
    /// Tell what came of elections.
    ReportElection(super::elect_leaders::Report),

    // ---- longer stories ----
    /// Deletion of topics.
    Deletion(super::deletion::DeletionStep),
    /// Reassignment of partitions.
    Reassignment(super::reassignment::ReassignmentStep),
    /// What tools of old wrote into ZooKeeper.
    ZkTriggered(super::zk_triggered::ZkTriggeredStep),
    /// What brokers told in ZooKeeper.
    Notification(super::notifications::NotificationStep),
}

/// Requests to ZooKeeper that the next step waits for.
#[derive(Clone, PartialEq, Debug)]
pub struct Round {
    /// Its number.
    pub id: u64,
    /// The requests.
    pub ops: Vec<Op>,
    /// Their answers.
    pub answers: Vec<Option<Answer>>,
    /// Which step goes on with them.
    pub step: Step,
}

/// Names a request of the controller to ZooKeeper.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct ZkTag {
    /// The round it belongs to; late answers are told by it.
    pub round: u64,
    /// Its place in the round.
    pub index: usize,
}
