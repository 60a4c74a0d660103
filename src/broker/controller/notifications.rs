//! What brokers write into ZooKeeper to tell the controller: that an ISR has changed (brokers of old,
//! which change it themselves), that a log directory has failed, and where they are to be reached from
//! now on.
//!
//! In Kafka: KafkaController.processIsrChangeNotification, processLogDirEventNotification,
//! processBrokerModification.

use super::context::LiveBroker;
use super::reassignment::ReassignmentStep;
use super::step::Step;
use super::{Controller, joined};
use crate::base::trace::LogLevel;
use crate::base::{BrokerId, SortedSet, TopicPartition};
use crate::broker::kafka_zk::{Answer, Op};
use crate::cluster::znode_data::{BrokerRegistration, IsrChangeNotification, LogDirEvent};
use crate::cluster::znode_path;

/// What is told of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Notification {
    /// Changed ISRs.
    IsrChange,
    /// A failed log directory.
    LogDirEvent,
}

impl Notification {
    /// Where such notifications lie.
    pub fn parent(self) -> &'static str {
        match self {
            Self::IsrChange => znode_path::ISR_CHANGE_NOTIFICATION,
            Self::LogDirEvent => znode_path::LOG_DIR_EVENT_NOTIFICATION,
        }
    }
}

/// One step with what brokers told.
#[derive(Clone, PartialEq, Debug)]
pub enum NotificationStep {
    /// See which notifications there are.
    List(Notification),
    /// Read them; these are their paths.
    Read(Notification, Vec<String>),
    /// Tell everybody the ISRs that were read, and see whether that ends a reassignment.
    ShareIsrs(SortedSet<TopicPartition>),
    /// Be told when a broker writes its registration anew.
    WatchBrokers(Vec<i32>),
    /// Read the registration of a broker that wrote it anew.
    ReadBroker(i32),
}

impl Controller {
    pub(super) fn begin_notification(&mut self, step: NotificationStep) {
        let ops = match &step {
            NotificationStep::List(kind) => vec![Op::watch_children(kind.parent())],
            NotificationStep::Read(_, paths) => paths.iter().map(Op::get_data).collect(),
            NotificationStep::ShareIsrs(partitions) => return self.share_isrs(partitions),
            NotificationStep::WatchBrokers(ids) => {
                let path = |id: &i32| znode_path::broker(BrokerId(*id));
                ids.iter().map(|id| Op::Exists { path: path(id), watch: true }).collect()
            }
            NotificationStep::ReadBroker(id) => {
                vec![Op::watch_data(znode_path::broker(BrokerId(*id)))]
            }
        };
        self.ask(ops, Step::Notification(step));
    }

    pub(super) fn finish_notification(&mut self, step: NotificationStep, mut answers: Vec<Answer>) {
        match step {
            NotificationStep::List(kind) => {
                let names = answers.pop().map(Answer::into_children).unwrap_or_default();
                if names.is_empty() {
                    return;
                }
                let paths = names.iter().map(|name| format!("{}/{name}", kind.parent()));
                let read = NotificationStep::Read(kind, paths.collect());
                self.go_on_with([Step::Notification(read)]);
            }
            NotificationStep::Read(Notification::IsrChange, paths) => {
                let told = self.told(&paths, answers, IsrChangeNotification::from_json);
                let partitions: SortedSet<TopicPartition> =
                    told.into_iter().flat_map(|one| one.0).collect();
                let share = NotificationStep::ShareIsrs(partitions.clone());
                self.go_on_with([
                    Step::ReadPartitionStates(partitions.into_iter().collect()),
                    Step::Notification(share),
                    Step::DeleteNotifications(paths),
                ]);
            }
            NotificationStep::Read(Notification::LogDirEvent, paths) => {
                let told = self.told(&paths, answers, LogDirEvent::from_json);
                let brokers: SortedSet<i32> = told.into_iter().map(|event| event.broker).collect();
                let mut steps = vec![Step::DeleteNotifications(paths)];
                if !brokers.is_empty() {
                    let text = "Handling log directory failure for brokers";
                    self.info(format!("{text} {}", joined(&brokers, ",")));
                    // The answers to LeaderAndIsr will tell which replicas are lost.
                    let replicas = self.context.replicas_on_brokers(&brokers);
                    steps.insert(0, Step::OnlineReplicas(replicas));
                }
                self.go_on_with(steps);
            }
            NotificationStep::ReadBroker(id) => {
                if let Some(Answer::Data { data, .. }) = answers.pop() {
                    self.on_broker_modification(id, &data);
                }
            }
            NotificationStep::ShareIsrs(_) | NotificationStep::WatchBrokers(_) => {}
        }
    }

    /// What the notifications say; those that are gone or cannot be read say nothing.
    fn told<T, E: ToString>(
        &mut self,
        paths: &[String],
        answers: Vec<Answer>,
        read: impl Fn(&[u8]) -> Result<T, E>,
    ) -> Vec<T> {
        let mut told = Vec::new();
        for (path, answer) in paths.iter().zip(answers) {
            let Answer::Data { data, .. } = answer else { continue };
            match read(&data) {
                Ok(one) => told.push(one),
                Err(error) => self.log(LogLevel::Error, format!("{path}: {}", error.to_string())),
            }
        }
        told
    }

    fn share_isrs(&mut self, partitions: &SortedSet<TopicPartition>) {
        let all = self.context.live_or_shutting_down();
        self.batch.add_update_metadata(&self.context, all, partitions);
        self.send_requests();
        let moving = partitions.intersection(&self.context.being_reassigned);
        let steps: Vec<Step> = moving
            .map(|one| Step::Reassignment(ReassignmentStep::MaybeComplete(one.clone())))
            .collect();
        self.go_on_with(steps);
    }

    /// A broker that lives wrote its registration anew: everybody hears where it is now.
    fn on_broker_modification(&mut self, id: i32, data: &[u8]) {
        let registration = match BrokerRegistration::from_json(data) {
            Ok(registration) => registration,
            Err(error) => return self.log(LogLevel::Error, format!("Broker {id}: {error}")),
        };
        let Some(known) = self.context.brokers.get_mut(&id) else { return };
        if known.endpoint == registration.endpoint {
            return;
        }
        let old = described(id, known);
        known.endpoint = registration.endpoint;
        let new = described(id, known);
        self.info(format!("Updated broker metadata: {old} -> {new}"));
        self.info(format!("Broker info update callback for {id}"));
        self.go_on_with([Step::UpdateMetadataOfBrokers]);
    }
}

/// A broker as Kafka's log shows it.
fn described(id: i32, broker: &LiveBroker) -> String {
    let (rack, endpoint) = (broker.rack.as_deref().unwrap_or("null"), &broker.endpoint);
    format!(
        "{id} : (EndPoint({},{},ListenerName(PLAINTEXT),PLAINTEXT)) : {rack} : Features{{}}",
        endpoint.host, endpoint.port
    )
}
