//! AlterIsr: a leader asks for another ISR; the controller checks that it is who it says it is, in
//! its present life and leader epoch, writes the state on condition of the version that the leader
//! knows, and tells everybody.
//!
//! In Kafka: KafkaController.processAlterIsr, KIP-497.

use super::Controller;
use super::context::Leadership;
use super::reassignment::ReassignmentStep;
use super::step::Step;
use crate::base::{SortedMap, TopicPartition};
use crate::broker::action::RequestToken;
use crate::broker::kafka_zk::Answer;
use crate::wire::ErrorCode;
use crate::wire::kafka::{
    AlterIsrRequest, AlterIsrResponse, AlterIsrResponsePartitionData, AlterIsrResponseTopicData,
};
use crate::wire::zookeeper::KeeperCode;

/// An AlterIsr request whose ISRs are being written.
#[derive(Clone, PartialEq, Debug)]
pub struct Altering {
    token: RequestToken,
    /// Every partition that was asked about.
    asked: Vec<TopicPartition>,
    /// What is to be written.
    updates: Vec<(TopicPartition, Leadership)>,
    /// What is known already.
    results: SortedMap<TopicPartition, Result<Leadership, ErrorCode>>,
}

impl Altering {
    /// The request.
    pub fn token(&self) -> RequestToken {
        self.token
    }
}

impl Controller {
    pub(super) fn process_alter_isr(&mut self, token: RequestToken, request: AlterIsrRequest) {
        if !self.is_active {
            return self.refuse_alter_isr(token);
        }
        let broker = request.broker_id;
        let epoch = self.context.brokers.get(&broker).map(|one| one.epoch);
        if epoch != Some(request.broker_epoch) {
            self.info(match epoch {
                None => format!("Ignoring AlterIsr due to unknown broker {broker}"),
                Some(_) => format!(
                    "Ignoring AlterIsr due to stale broker epoch {} for broker {broker}",
                    request.broker_epoch
                ),
            });
            return self.answer_alter_isr(token, ErrorCode::STALE_BROKER_EPOCH);
        }
        let altering = self.sort_out_alter_isr(token, &request);
        self.go_on_with([Step::WriteAlteredIsrs(Box::new(altering))]);
    }

    fn sort_out_alter_isr(&self, token: RequestToken, request: &AlterIsrRequest) -> Altering {
        let mut altering =
            Altering { token, asked: Vec::new(), updates: Vec::new(), results: SortedMap::new() };
        for topic in &request.topics {
            for wanted in &topic.partitions {
                let partition = TopicPartition::new(topic.name.clone(), wanted.partition_index);
                altering.asked.push(partition.clone());
                let new = Leadership {
                    leader: request.broker_id,
                    leader_epoch: wanted.leader_epoch,
                    isr: wanted.new_isr.clone(),
                    zk_version: wanted.current_isr_version,
                    controller_epoch: self.context.epoch,
                };
                let Some(current) = self.context.leaderships.get(&partition) else {
                    let error = Err(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
                    altering.results.insert(partition, error);
                    continue;
                };
                let is_same = new.leader == current.leader
                    && new.leader_epoch == current.leader_epoch
                    && new.isr == current.isr;
                if new.leader_epoch < current.leader_epoch {
                    altering.results.insert(partition, Err(ErrorCode::FENCED_LEADER_EPOCH));
                } else if is_same {
                    altering.results.insert(partition, Ok(current.clone()));
                } else {
                    altering.updates.push((partition, new));
                }
            }
        }
        altering
    }

    pub(super) fn begin_alter_isr(&mut self, altering: Box<Altering>) {
        let ops = altering
            .updates
            .iter()
            .map(|(partition, leadership)| self.write_state(partition, leadership))
            .collect();
        self.ask(ops, Step::WriteAlteredIsrs(altering));
    }

    pub(super) fn finish_alter_isr(&mut self, altering: Altering, answers: Vec<Answer>) {
        let Altering { token, asked, updates, mut results } = altering;
        for ((partition, mut leadership), answer) in updates.into_iter().zip(answers) {
            let result = match answer {
                Answer::Written { version } => {
                    leadership.zk_version = version;
                    self.context.leaderships.insert(partition.clone(), leadership.clone());
                    Ok(leadership)
                }
                Answer::Failed(KeeperCode::BAD_VERSION) => {
                    let isr = super::joined(&leadership.isr, ",");
                    self.info(format!(
                        "Failed to update ISR to {isr} for partition {partition}, bad ZK version."
                    ));
                    Err(ErrorCode::INVALID_UPDATE_VERSION)
                }
                _ => Err(ErrorCode::UNKNOWN_SERVER_ERROR),
            };
            results.insert(partition, result);
        }
        let all = self.context.live_or_shutting_down();
        self.batch.add_update_metadata(&self.context, all, &asked);
        self.send_requests();
        let grown: Vec<Step> = results
            .iter()
            .filter(|(partition, result)| {
                result.is_ok() && self.context.being_reassigned.contains(*partition)
            })
            .map(|(partition, _)| {
                Step::Reassignment(ReassignmentStep::MaybeComplete(partition.clone()))
            })
            .collect();
        let response = AlterIsrResponse { topics: topics_of(results), ..Default::default() };
        self.reply(token, response);
        self.go_on_with(grown);
    }

    pub(super) fn refuse_alter_isr(&mut self, token: RequestToken) {
        self.answer_alter_isr(token, ErrorCode::NOT_CONTROLLER);
    }

    fn answer_alter_isr(&mut self, token: RequestToken, error_code: ErrorCode) {
        self.reply(token, AlterIsrResponse { error_code, ..AlterIsrResponse::default() });
    }
}

fn topics_of(
    results: SortedMap<TopicPartition, Result<Leadership, ErrorCode>>,
) -> Vec<AlterIsrResponseTopicData> {
    let mut topics: Vec<AlterIsrResponseTopicData> = Vec::new();
    for (partition, result) in results {
        let partition_index = partition.partition;
        let data = match result {
            Ok(leadership) => AlterIsrResponsePartitionData {
                partition_index,
                error_code: ErrorCode::NONE,
                leader_id: leadership.leader,
                leader_epoch: leadership.leader_epoch,
                isr: leadership.isr,
                current_isr_version: leadership.zk_version,
            },
            Err(error_code) => AlterIsrResponsePartitionData {
                partition_index,
                error_code,
                ..AlterIsrResponsePartitionData::default()
            },
        };
        match topics.last_mut().filter(|topic| topic.name == partition.topic) {
            Some(topic) => topic.partitions.push(data),
            None => topics
                .push(AlterIsrResponseTopicData { name: partition.topic, partitions: vec![data] }),
        }
    }
    topics
}
