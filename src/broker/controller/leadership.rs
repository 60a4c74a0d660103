//! Changes of leader: the first ones of new partitions, and elections. Each is read from ZooKeeper,
//! decided, written on condition that nobody wrote in between (else all over again), and told to the
//! brokers.
//!
//! In Kafka: PartitionStateMachine.doHandleStateChanges, electLeaderForPartitions.

use super::context::Leadership;
use super::election::{Elected, ElectionStrategy, elect};
use super::partition_state::PartitionState;
use super::step::Step;
use super::{Controller, joined};
use crate::base::trace::{ElectionReason, LogLevel};
use crate::base::{BrokerId, SortedSet, TopicPartition, TraceEvent};
use crate::broker::kafka_zk::{Answer, Op, Write};
use crate::cluster::znode_data::ConfigOverrides;
use crate::cluster::znode_path;
use crate::node::Properties;
use crate::wire::zookeeper::KeeperCode;

impl Controller {
    pub(super) fn begin_leadership(&mut self, step: Step) {
        let ops = match &step {
            Step::TriggerOnline(topic) => return self.trigger_online(topic.as_deref()),
            Step::OnlinePartitions(partitions, strategy) => {
                return self.online_partitions(partitions, *strategy);
            }
            Step::Initialize(partitions) => self.create_states(partitions),
            Step::AdoptStates(partitions) | Step::ReadForElection(partitions, _) => partitions
                .iter()
                .map(|partition| Op::get_data(znode_path::partition_state(partition)))
                .collect(),
            Step::ReadUncleanConfigs { topics, .. } => {
                topics.iter().map(|topic| Op::get_data(znode_path::topic_config(topic))).collect()
            }
            Step::WriteElections(elections, _) => elections
                .iter()
                .map(|(partition, elected)| self.write_state(partition, &elected.leadership))
                .collect(),
            _ => Vec::new(),
        };
        self.ask(ops, step);
    }

    pub(super) fn finish_leadership(&mut self, step: Step, answers: Vec<Answer>) {
        match step {
            Step::Initialize(partitions) => self.finish_initialize(partitions, answers),
            Step::AdoptStates(partitions) => self.finish_adopt(partitions, answers),
            Step::ReadForElection(partitions, strategy) => {
                self.finish_read_for_election(partitions, strategy, answers);
            }
            Step::ReadUncleanConfigs { states, topics, strategy } => {
                let unclean = self.topics_with_unclean_election(topics, answers);
                self.hold_elections(states, strategy, &unclean);
            }
            Step::WriteElections(elections, strategy) => {
                self.finish_elections(elections, strategy, answers);
            }
            _ => {}
        }
    }

    /// The conditional write of leader and ISR into a state znode.
    pub(super) fn write_state(&self, partition: &TopicPartition, leadership: &Leadership) -> Op {
        self.fenced(Write::SetData {
            path: znode_path::partition_state(partition),
            data: leadership.to_znode().to_json().into(),
            version: leadership.zk_version,
        })
    }

    // ---- partitions online ----

    fn online_partitions(&mut self, partitions: &[TopicPartition], strategy: ElectionStrategy) {
        let (mut new, mut to_elect) = (Vec::new(), Vec::new());
        for partition in partitions {
            match self.context.partition_state(partition) {
                PartitionState::NewPartition => new.push(partition.clone()),
                PartitionState::OnlinePartition | PartitionState::OfflinePartition => {
                    to_elect.push(partition.clone());
                }
                PartitionState::NonExistentPartition => {}
            }
        }
        let first = self.first_leaderships(new);
        let mut steps = Vec::new();
        if !first.is_empty() {
            steps.push(Step::Initialize(first));
        }
        if !to_elect.is_empty() {
            steps.push(Step::ReadForElection(to_elect, strategy));
        }
        steps.push(Step::SendRequests);
        self.go_on_with(steps);
    }

    /// The first leader is the first live replica; all live replicas are in sync.
    fn first_leaderships(&mut self, new: Vec<TopicPartition>) -> Vec<(TopicPartition, Leadership)> {
        let mut first = Vec::new();
        for partition in new {
            let replicas = self.context.replicas(&partition);
            let is_online = |id: &&i32| self.context.is_replica_online(**id, &partition);
            let isr: Vec<i32> = replicas.iter().filter(is_online).copied().collect();
            if let Some(leader) = isr.first().copied() {
                let controller_epoch = self.context.epoch;
                let leadership =
                    Leadership { leader, leader_epoch: 0, isr, zk_version: 0, controller_epoch };
                first.push((partition, leadership));
            } else {
                let assigned = joined(replicas, ",");
                let live = joined(self.context.live_brokers(), ", ");
                let (me, epoch) = (self.me, self.context.epoch);
                self.log_state_change(
                    LogLevel::Error,
                    format!(
                        "Controller {me} epoch {epoch} encountered error during state change of \
                         partition {partition} from New to Online, assigned replicas are \
                         [{assigned}], live brokers are [Set({live})]. No assigned replica is \
                         alive."
                    ),
                );
            }
        }
        first
    }

    /// Creates `/partitions` of each topic, then each partition, then each state.
    fn create_states(&self, partitions: &[(TopicPartition, Leadership)]) -> Vec<Op> {
        let create = |path: String, data: Option<Vec<u8>>| {
            self.fenced(Write::Create { path, data: data.map(Into::into) })
        };
        let topics: SortedSet<&str> =
            partitions.iter().map(|(partition, _)| partition.topic.as_str()).collect();
        let mut ops = Vec::new();
        ops.extend(topics.into_iter().map(|topic| create(znode_path::partitions(topic), None)));
        ops.extend(
            partitions.iter().map(|(partition, _)| create(znode_path::partition(partition), None)),
        );
        ops.extend(partitions.iter().map(|(partition, leadership)| {
            let data = leadership.to_znode().to_json();
            create(znode_path::partition_state(partition), Some(data))
        }));
        ops
    }

    fn finish_initialize(
        &mut self,
        partitions: Vec<(TopicPartition, Leadership)>,
        answers: Vec<Answer>,
    ) {
        let of_states = answers.len().saturating_sub(partitions.len());
        let mut written_before = Vec::new();
        for ((partition, leadership), answer) in
            partitions.into_iter().zip(answers.into_iter().skip(of_states))
        {
            match answer {
                Answer::Written { .. } => {
                    let isr = leadership.isr.clone();
                    self.lead(&partition, leadership, &isr, Some(ElectionReason::New), true);
                }
                // A connection was lost after the write: it is our own.
                Answer::Failed(KeeperCode::NODE_EXISTS) => written_before.push(partition),
                Answer::Failed(code) => self.log_failed_change(&partition, &code.to_string()),
                _ => {}
            }
        }
        if !written_before.is_empty() {
            self.go_on_with([Step::AdoptStates(written_before)]);
        }
    }

    fn finish_adopt(&mut self, partitions: Vec<TopicPartition>, answers: Vec<Answer>) {
        for (partition, answer) in partitions.into_iter().zip(answers) {
            if let Some(leadership) = self.read_partition_state(&partition, &answer) {
                let isr = leadership.isr.clone();
                self.lead(&partition, leadership, &isr, Some(ElectionReason::New), true);
            }
        }
    }

    /// A leadership is written: keep it, trace it, and tell `recipients`.
    fn lead(
        &mut self,
        partition: &TopicPartition,
        leadership: Leadership,
        recipients: &[i32],
        reason: Option<ElectionReason>,
        is_new: bool,
    ) {
        let before = self.context.partition_state(partition);
        self.context.leaderships.insert(partition.clone(), leadership.clone());
        self.context.reported_offline.remove(partition);
        self.context.move_partition(partition, PartitionState::OnlinePartition);
        self.outcomes.insert(partition.clone(), Ok(leadership.leader));
        self.batch.add_leader_and_isr(&self.context, recipients, partition, &leadership, is_new);
        let Leadership { leader, leader_epoch, zk_version, .. } = leadership;
        let isr = joined(&leadership.isr, ", ");
        self.log_state_change(
            LogLevel::Info,
            format!(
                "Changed partition {partition} from {before:?} to OnlinePartition with state \
                 LeaderAndIsr(leader={leader}, leaderEpoch={leader_epoch}, isr=List({isr}), \
                 zkVersion={zk_version})"
            ),
        );
        if let Some(reason) = reason {
            self.trace(TraceEvent::LeaderElected {
                partition: partition.clone(),
                leader: BrokerId(leader),
                leader_epoch,
                isr: leadership.isr_ids(),
                reason,
            });
        }
    }

    pub(super) fn log_failed_change(&mut self, partition: &TopicPartition, why: &str) {
        self.outcomes.insert(partition.clone(), Err(why.to_owned()));
        let (me, epoch) = (self.me, self.context.epoch);
        let state = self.context.partition_state(partition);
        self.log_state_change(
            LogLevel::Error,
            format!(
                "Controller {me} epoch {epoch} failed to change state for partition {partition} \
                 from {state:?} to OnlinePartition: {why}"
            ),
        );
    }

    // ---- elections ----

    fn finish_read_for_election(
        &mut self,
        partitions: Vec<TopicPartition>,
        strategy: ElectionStrategy,
        answers: Vec<Answer>,
    ) {
        let mut states = Vec::new();
        for (partition, answer) in partitions.into_iter().zip(answers) {
            match self.read_partition_state(&partition, &answer) {
                Some(state) if state.controller_epoch > self.context.epoch => {
                    let why = "the LeaderAndIsr path was already written by another controller";
                    self.log_failed_change(&partition, why);
                }
                Some(mut state) => {
                    state.controller_epoch = self.context.epoch;
                    states.push((partition, state));
                }
                None => {
                    let why = "LeaderAndIsr information doesn't exist";
                    self.log_failed_change(&partition, why);
                }
            }
        }
        let needs_config = strategy == ElectionStrategy::Offline { allow_unclean: false };
        let has_no_live_isr = |(partition, state): &&(TopicPartition, Leadership)| {
            !state.isr.iter().any(|id| self.context.is_replica_online(*id, partition))
        };
        let topics: SortedSet<String> = states
            .iter()
            .filter(|state| needs_config && has_no_live_isr(state))
            .map(|(partition, _)| partition.topic.clone())
            .collect();
        if topics.is_empty() {
            self.hold_elections(states, strategy, &SortedSet::new());
        } else {
            let topics = topics.into_iter().collect();
            self.go_on_with([Step::ReadUncleanConfigs { states, topics, strategy }]);
        }
    }

    fn topics_with_unclean_election(
        &mut self,
        topics: Vec<String>,
        answers: Vec<Answer>,
    ) -> SortedSet<String> {
        let mut unclean = SortedSet::new();
        for (topic, answer) in topics.into_iter().zip(answers) {
            let overrides = match answer {
                Answer::Data { data, .. } => ConfigOverrides::from_json(&data)
                    .map(|overrides| Properties(overrides.config))
                    .unwrap_or_default(),
                _ => Properties::default(),
            };
            match self.config.topic_config(&overrides) {
                Ok(config) if config.unclean_leader_election_enable => {
                    unclean.insert(topic);
                }
                Ok(_) => {}
                Err(error) => self.log(LogLevel::Error, format!("Topic {topic}: {error}")),
            }
        }
        unclean
    }

    fn hold_elections(
        &mut self,
        states: Vec<(TopicPartition, Leadership)>,
        strategy: ElectionStrategy,
        unclean_topics: &SortedSet<String>,
    ) {
        let mut elections = Vec::new();
        for (partition, current) in states {
            let unclean = unclean_topics.contains(&partition.topic);
            match elect(&self.context, &partition, &current, strategy, unclean) {
                Some(elected) => elections.push((partition, elected)),
                None => self.note_failed_election(partition, current, strategy),
            }
        }
        if !elections.is_empty() {
            self.go_on_with([Step::WriteElections(elections, strategy)]);
        }
    }

    fn note_failed_election(
        &mut self,
        partition: TopicPartition,
        current: Leadership,
        strategy: ElectionStrategy,
    ) {
        let why = format!(
            "Failed to elect leader for partition {partition} under strategy {}",
            strategy.name()
        );
        self.log_failed_change(&partition, &why);
        let is_offline = matches!(strategy, ElectionStrategy::Offline { .. });
        if is_offline && self.context.reported_offline.insert(partition.clone()) {
            self.trace(TraceEvent::PartitionWentOffline {
                isr: current.isr_ids(),
                leader_epoch: current.leader_epoch,
                partition,
            });
        }
    }

    fn finish_elections(
        &mut self,
        elections: Vec<(TopicPartition, Elected)>,
        strategy: ElectionStrategy,
        answers: Vec<Answer>,
    ) {
        let mut retry = Vec::new();
        for ((partition, elected), answer) in elections.into_iter().zip(answers) {
            let Elected { mut leadership, recipients, reason } = elected;
            match answer {
                Answer::Written { version } => {
                    leadership.zk_version = version;
                    self.lead(&partition, leadership, &recipients, Some(reason), false);
                }
                Answer::Failed(KeeperCode::BAD_VERSION) => retry.push(partition),
                Answer::Failed(code) => self.log_failed_change(&partition, &code.to_string()),
                _ => {}
            }
        }
        if !retry.is_empty() {
            let names = joined(&retry, ", ");
            let strategy_name = strategy.name();
            self.info(format!(
                "Retrying leader election with strategy {strategy_name} for partitions \
                 List({names})"
            ));
            self.go_on_with([Step::ReadForElection(retry, strategy)]);
        }
    }
}
