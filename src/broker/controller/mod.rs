//! The controller: one broker, elected through `/controller`, watches the others, chooses leaders
//! and tells everybody. Every broker has this component; in all but one it only watches.
//!
//! It is a state machine without input or output: the server hands it what happened and applies the
//! actions it returns.
//!
//! In Kafka: kafka.controller.KafkaController.

mod alter_isr;
mod brokers;
mod channel;
pub mod context;
mod controlled_shutdown;
mod deletion;
mod elect_leaders;
pub mod election;
mod event;
mod failover;
mod leadership;
mod notifications;
pub mod partition_state;
mod reassignment;
mod rebalance;
mod register;
pub mod replica_state;
mod replicas;
mod request_batch;
mod step;
mod topics;
mod zk_triggered;

#[cfg(test)]
mod tests;

pub use channel::ChannelTag;
pub use step::{ElectionType, ZkTag};

use crate::base::timers::Wakeup;
use crate::base::trace::LogLevel;
use crate::base::{BrokerId, Endpoint, Rng, SortedMap, Time, TopicPartition, TraceEvent};
use crate::broker::action::{Action, RequestContext, RequestToken, SendError};
use crate::broker::kafka_zk::{Answer, Op, Write};
use crate::cluster::{BrokerConfig, znode_path};
use crate::wire::kafka::{AlterIsrRequest, AnyRequest, AnyResponse, ControlledShutdownRequest};
use crate::wire::zookeeper::KeeperCode;
use channel::{Channels, Outgoing};
use context::ControllerContext;
use notifications::Notification;
use request_batch::RequestBatch;
use std::collections::VecDeque;
use step::{Event, Round, Step};

/// What the controller wants done.
pub type ControllerAction = Action<ZkTag, ChannelTag>;

const LOGGER: &str = "kafka.controller.KafkaController";
const STATE_CHANGE_LOGGER: &str = "state.change.logger";

/// The controller of one broker.
pub struct Controller {
    me: i32,
    config: BrokerConfig,
    rng: Rng,
    now: Time,
    /// Who is controller, as far as this broker knows.
    elected: Option<i32>,
    /// Whether that is this one, and it has read all it needs.
    is_active: bool,
    has_session: bool,
    context: ControllerContext,
    channels: Channels,
    batch: RequestBatch,
    events: VecDeque<Event>,
    steps: VecDeque<Step>,
    round: Option<Round>,
    next_round: u64,
    next_rebalance: Option<Time>,
    /// What the elections of the event under way came to: the leader, or why there is none.
    outcomes: SortedMap<TopicPartition, Result<i32, String>>,
    actions: Vec<ControllerAction>,
}

impl Controller {
    /// The controller of broker `me`. `rng` makes ids for topics that have none.
    pub fn new(me: BrokerId, config: BrokerConfig, rng: Rng) -> Self {
        Self {
            me: me.0,
            config,
            rng,
            now: Time::ZERO,
            elected: None,
            is_active: false,
            has_session: false,
            context: ControllerContext::default(),
            channels: Channels::default(),
            batch: RequestBatch::default(),
            events: VecDeque::new(),
            steps: VecDeque::new(),
            round: None,
            next_round: 0,
            next_rebalance: None,
            outcomes: SortedMap::new(),
            actions: Vec::new(),
        }
    }

    /// The broker's configs have changed.
    pub fn set_config(&mut self, config: BrokerConfig) {
        self.config = config;
    }

    /// Where the controller reaches a broker.
    pub fn endpoint(&self, broker: i32) -> Option<&Endpoint> {
        self.context.brokers.get(&broker).map(|known| &known.endpoint)
    }

    /// Whether this broker is the active controller.
    pub fn is_active(&self) -> bool {
        self.is_active
    }

    /// Epoch of this broker's office, when it is the active controller.
    pub fn epoch(&self) -> Option<i32> {
        self.is_active.then_some(self.context.epoch)
    }

    /// Who is controller, as far as this broker knows from ZooKeeper.
    pub fn active_controller(&self) -> Option<BrokerId> {
        self.elected.map(BrokerId)
    }

    /// The broker is registered under a session: look for the controller, or become it.
    #[must_use]
    pub fn on_session_established(&mut self, now: Time) -> Vec<ControllerAction> {
        self.has_session = true;
        self.enqueue(now, Event::ControllerChange)
    }

    /// The session is gone, and with it `/controller` if it was ours.
    #[must_use]
    pub fn on_session_expired(&mut self, now: Time) -> Vec<ControllerAction> {
        self.now = now;
        self.has_session = false;
        if self.is_active {
            self.resign();
        }
        self.steps.clear();
        self.round = None;
        self.elected = None;
        self.events.clear();
        self.take_actions()
    }

    /// The session goes on over a new connection: what was lost with the old one is asked again.
    #[must_use]
    pub fn on_reconnected(&mut self, now: Time) -> Vec<ControllerAction> {
        self.now = now;
        let lost = Some(Answer::Failed(KeeperCode::CONNECTION_LOSS));
        if let Some(round) = &mut self.round {
            for index in 0..round.ops.len() {
                if round.answers[index] == lost {
                    round.answers[index] = None;
                    let tag = ZkTag { round: round.id, index };
                    let request = round.ops[index].clone();
                    self.actions.push(Action::Zookeeper { request, tag });
                }
            }
        }
        self.take_actions()
    }

    /// ZooKeeper answered.
    #[must_use]
    pub fn on_zookeeper(&mut self, now: Time, tag: ZkTag, answer: Answer) -> Vec<ControllerAction> {
        self.now = now;
        let Some(round) = self.round.as_mut().filter(|round| round.id == tag.round) else {
            return Vec::new();
        };
        if let Some(slot) = round.answers.get_mut(tag.index) {
            *slot = Some(answer);
        }
        let is_complete =
            round.answers.iter().all(|answer| answer.as_ref().is_some_and(is_of_zookeeper));
        if let Some(round) = self.round.take_if(|_| is_complete) {
            let answers: Vec<Answer> = round.answers.into_iter().flatten().collect();
            if answers.contains(&Answer::ControllerMoved) {
                self.controller_moved(round.step);
            } else {
                self.finish(round.step, answers);
            }
            self.run();
        }
        self.take_actions()
    }

    /// A watch fired. Paths that are not the controller's are ignored.
    #[must_use]
    pub fn on_watch(&mut self, now: Time, path: &str) -> Vec<ControllerAction> {
        let event = if path == znode_path::CONTROLLER {
            Event::ControllerChange
        } else if path == znode_path::BROKER_IDS {
            Event::BrokerChange
        } else if path == znode_path::TOPICS {
            Event::TopicChange
        } else if path == znode_path::DELETE_TOPICS {
            Event::TopicDeletion
        } else if path == znode_path::REASSIGN_PARTITIONS {
            Event::ZkPartitionReassignment
        } else if path == znode_path::PREFERRED_REPLICA_ELECTION {
            Event::ZkPreferredReplicaElection
        } else if path == znode_path::ISR_CHANGE_NOTIFICATION {
            Event::Notified(Notification::IsrChange)
        } else if path == znode_path::LOG_DIR_EVENT_NOTIFICATION {
            Event::Notified(Notification::LogDirEvent)
        } else if let Some(broker) = path.strip_prefix("/brokers/ids/") {
            let Ok(broker) = broker.parse() else { return Vec::new() };
            Event::BrokerModifications(broker)
        } else if let Some(topic) = path.strip_prefix("/brokers/topics/") {
            Event::PartitionModifications(topic.to_owned())
        } else {
            return Vec::new();
        };
        self.enqueue(now, event)
    }

    /// A broker answered, or could not be reached.
    #[must_use]
    pub fn on_response(
        &mut self,
        now: Time,
        tag: ChannelTag,
        outcome: Result<AnyResponse, SendError>,
    ) -> Vec<ControllerAction> {
        self.now = now;
        let (answered, next) = self.channels.on_outcome(now, tag, outcome);
        self.actions.extend(next.map(send_action));
        let event = match answered {
            Some((AnyRequest::LeaderAndIsr(_), AnyResponse::LeaderAndIsr(response))) => {
                Some(Event::LeaderAndIsrResponse(tag.broker, response))
            }
            Some((AnyRequest::StopReplica(request), AnyResponse::StopReplica(response))) => {
                self.deletion_response(tag.broker, &request, &response)
            }
            _ => None,
        };
        if let Some(event) = event {
            self.events.push_back(event);
            self.run();
        }
        self.take_actions()
    }

    /// A leader asks for another ISR.
    #[must_use]
    pub fn handle_alter_isr(
        &mut self,
        now: Time,
        context: &RequestContext,
        request: AlterIsrRequest,
    ) -> Vec<ControllerAction> {
        self.enqueue(now, Event::AlterIsr(context.token, request))
    }

    /// A broker wants to stop.
    #[must_use]
    pub fn handle_controlled_shutdown(
        &mut self,
        now: Time,
        context: &RequestContext,
        request: &ControlledShutdownRequest,
    ) -> Vec<ControllerAction> {
        let ControlledShutdownRequest { broker_id: broker, broker_epoch } = *request;
        let event = Event::ControlledShutdown { token: context.token, broker, broker_epoch };
        self.enqueue(now, event)
    }

    /// When to call [`Self::on_wake`].
    pub fn next_wakeup(&self) -> Option<Wakeup> {
        let rebalance = self.next_rebalance.map(|at| (at, "preferred leader check"));
        let retry = self.channels.next_retry().map(|at| (at, "controller request back-off"));
        let (at, reason) = rebalance.into_iter().chain(retry).min()?;
        Some(Wakeup { at, reason: reason.into() })
    }

    /// The time has come.
    #[must_use]
    pub fn on_wake(&mut self, now: Time) -> Vec<ControllerAction> {
        self.now = now;
        let retries = self.channels.retry(now).into_iter().map(send_action);
        self.actions.extend(retries);
        if self.next_rebalance.is_some_and(|at| at <= now) {
            self.next_rebalance = Some(now + self.config.leader_imbalance_check_interval);
            self.events.push_back(Event::AutoPreferredReplicaLeaderElection);
            self.run();
        }
        self.take_actions()
    }

    // ---- the queue ----

    fn enqueue(&mut self, now: Time, event: Event) -> Vec<ControllerAction> {
        self.now = now;
        self.events.push_back(event);
        self.run();
        self.take_actions()
    }

    /// Goes on until a step waits for ZooKeeper or nothing is left to do.
    fn run(&mut self) {
        while self.round.is_none() {
            if let Some(step) = self.steps.pop_front() {
                self.begin(step);
            } else if let Some(event) = self.events.pop_front() {
                self.process(event);
            } else {
                break;
            }
        }
    }

    /// Puts `steps` before all others.
    fn go_on_with(&mut self, steps: impl IntoIterator<Item = Step, IntoIter: DoubleEndedIterator>) {
        for step in steps.into_iter().rev() {
            self.steps.push_front(step);
        }
    }

    /// Asks ZooKeeper; `step` goes on with the answers.
    fn ask(&mut self, ops: Vec<Op>, step: Step) {
        if ops.is_empty() {
            self.finish(step, Vec::new());
            return;
        }
        let id = self.next_round;
        self.next_round += 1;
        for (index, op) in ops.iter().enumerate() {
            let tag = ZkTag { round: id, index };
            self.actions.push(Action::Zookeeper { request: op.clone(), tag });
        }
        let answers = vec![None; ops.len()];
        self.round = Some(Round { id, ops, answers, step });
    }

    /// A write that only the current controller can make.
    fn fenced(&self, write: Write) -> Op {
        Op::Fenced { write, epoch_zk_version: self.context.epoch_zk_version }
    }

    /// Begins a step: asks ZooKeeper what it needs, or does it at once.
    fn begin(&mut self, step: Step) {
        match step {
            Step::ReadController
            | Step::ReadControllerEpoch
            | Step::CreateControllerEpoch
            | Step::Register { .. }
            | Step::CheckRegistration { .. } => self.begin_register(step),
            Step::ReadFeature
            | Step::CreateFeature
            | Step::ListNotifications
            | Step::DeleteNotifications(_)
            | Step::ReadPartitionStates(_)
            | Step::ContextInitialized
            | Step::StartStateMachines
            | Step::StartPartitions
            | Step::Ready
            | Step::StartScheduler => self.begin_failover(step),
            Step::ListBrokers(_)
            | Step::ReadBrokers(..)
            | Step::BrokerStartup(_)
            | Step::BrokerFailure(_)
            | Step::AddBrokers(_)
            | Step::LogBrokerEpochs
            | Step::UpdateMetadataOfBrokers => self.begin_brokers(step),
            Step::ListTopics(_) | Step::ReadTopics(..) | Step::WriteTopicIds(_) => {
                self.begin_topics(step);
            }
            Step::OnlinePartitions(..)
            | Step::TriggerOnline(_)
            | Step::Initialize(_)
            | Step::AdoptStates(_)
            | Step::ReadForElection(..)
            | Step::ReadUncleanConfigs { .. }
            | Step::WriteElections(..) => self.begin_leadership(step),
            Step::OnlineReplicas(_)
            | Step::OfflineReplicas(..)
            | Step::ReadForIsrRemoval(..)
            | Step::WriteIsrRemoval(..) => self.begin_replicas(step),
            Step::SendRequests => self.send_requests(),
            Step::WriteAlteredIsrs(altering) => self.begin_alter_isr(altering),
            Step::StopReplicas(replicas) => self.stop_replicas(&replicas),
            Step::AnswerControlledShutdown(token, broker) => {
                self.answer_controlled_shutdown(token, broker);
            }
            Step::ReportElection(report) => self.report_election(report),
            Step::Deletion(step) => self.begin_deletion(step),
            Step::Reassignment(step) => self.begin_reassignment(step),
            Step::ZkTriggered(step) => self.begin_zk_triggered(step),
            Step::Notification(step) => self.begin_notification(step),
        }
    }

    /// Goes on with a step once ZooKeeper has answered.
    fn finish(&mut self, step: Step, answers: Vec<Answer>) {
        match step {
            Step::ReadController
            | Step::ReadControllerEpoch
            | Step::CreateControllerEpoch
            | Step::Register { .. } => self.finish_register(step, answers),
            Step::CheckRegistration { epoch } => self.finish_check_registration(epoch, &answers),
            Step::ReadFeature
            | Step::CreateFeature
            | Step::ListNotifications
            | Step::DeleteNotifications(_)
            | Step::ReadPartitionStates(_) => self.finish_failover(step, answers),
            Step::ListBrokers(purpose) => self.finish_list_brokers(purpose, answers),
            Step::ReadBrokers(ids, purpose) => self.finish_read_brokers(&ids, purpose, answers),
            Step::ListTopics(purpose) => self.finish_list_topics(purpose, answers),
            Step::ReadTopics(topics, purpose) => {
                self.finish_read_topics(topics, purpose, answers);
            }
            Step::WriteAlteredIsrs(altering) => self.finish_alter_isr(*altering, answers),
            Step::ReadForIsrRemoval(..) | Step::WriteIsrRemoval(..) => {
                self.finish_replicas(step, answers);
            }
            Step::Deletion(step) => self.finish_deletion(step, answers),
            Step::Reassignment(step) => self.finish_reassignment(step, answers),
            Step::ZkTriggered(step) => self.finish_zk_triggered(step, answers),
            Step::Notification(step) => self.finish_notification(step, answers),
            step => self.finish_leadership(step, answers),
        }
    }

    // ---- what leaves ----

    fn send_requests(&mut self) {
        for (broker, request) in self.batch.take(&self.context, self.me) {
            if let Some(text) = request_batch::announcement(broker, &request) {
                self.log_state_change(LogLevel::Info, text);
            }
            let outgoing = self.channels.send(broker, request);
            self.actions.extend(outgoing.map(send_action));
        }
    }

    fn reply(&mut self, token: RequestToken, response: impl Into<AnyResponse>) {
        self.actions.push(Action::Reply { token, response: response.into() });
    }

    fn trace(&mut self, event: TraceEvent) {
        self.actions.push(Action::Trace(event));
    }

    fn log(&mut self, level: LogLevel, text: impl AsRef<str>) {
        let text = format!("[Controller id={}] {}", self.me, text.as_ref());
        self.log_as(level, LOGGER, text);
    }

    fn log_as(&mut self, level: LogLevel, logger: &'static str, text: String) {
        self.actions.push(Action::Log { level, logger, text });
    }

    fn info(&mut self, text: impl AsRef<str>) {
        self.log(LogLevel::Info, text);
    }

    fn log_state_change(&mut self, level: LogLevel, text: impl AsRef<str>) {
        let (id, epoch) = (self.me, self.context.epoch);
        let text = format!("[Controller id={id} epoch={epoch}] {}", text.as_ref());
        self.log_as(level, STATE_CHANGE_LOGGER, text);
    }

    fn take_actions(&mut self) -> Vec<ControllerAction> {
        std::mem::take(&mut self.actions)
    }
}

/// Whether ZooKeeper itself gave the answer. One that was lost is asked again over the next
/// connection; with the session everything ends.
fn is_of_zookeeper(answer: &Answer) -> bool {
    let lost = [KeeperCode::CONNECTION_LOSS, KeeperCode::SESSION_EXPIRED];
    !lost.into_iter().any(|code| *answer == Answer::Failed(code))
}

fn send_action(outgoing: Outgoing) -> ControllerAction {
    Action::Send { to: outgoing.to, request: outgoing.request, tag: outgoing.tag }
}

/// Things joined by `separator` as Scala's mkString does.
fn joined<T: ToString>(things: impl IntoIterator<Item = T>, separator: &str) -> String {
    things.into_iter().map(|thing| thing.to_string()).collect::<Vec<_>>().join(separator)
}
