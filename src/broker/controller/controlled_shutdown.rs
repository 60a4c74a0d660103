//! Controlled shutdown: a broker that is about to stop asks the controller to move its leaders away
//! first, so that nobody waits for a session to expire.
//!
//! In Kafka: KafkaController.doControlledShutdown.

use super::Controller;
use super::context::Replica;
use super::election::ElectionStrategy;
use super::replicas::offline_steps;
use super::step::Step;
use crate::base::TopicPartition;
use crate::broker::action::RequestToken;
use crate::wire::ErrorCode;
use crate::wire::kafka::{ControlledShutdownResponse, RemainingPartition};

/// A broker that does not say in which life it asks.
const UNKNOWN_BROKER_EPOCH: i64 = -1;

impl Controller {
    pub(super) fn process_controlled_shutdown(
        &mut self,
        token: RequestToken,
        broker: i32,
        broker_epoch: i64,
    ) {
        if !self.is_active {
            return self.refuse_controlled_shutdown(token);
        }
        let Some(current) = self.context.brokers.get(&broker).map(|one| one.epoch) else {
            return self.refuse(token, ErrorCode::BROKER_NOT_AVAILABLE);
        };
        if broker_epoch != UNKNOWN_BROKER_EPOCH && broker_epoch < current {
            self.info(format!(
                "Received controlled shutdown request from an old broker epoch {broker_epoch} for \
                 broker {broker}. Current broker epoch is {current}."
            ));
            return self.refuse(token, ErrorCode::STALE_BROKER_EPOCH);
        }
        self.info(format!("Shutting down broker {broker}"));
        self.context.shutting_down.insert(broker);
        let (mut led, mut followed) = (Vec::new(), Vec::new());
        for (partition, leadership) in &self.context.leaderships {
            let replicas = self.context.replicas(partition);
            let is_queued = self.context.is_queued_for_deletion(&partition.topic);
            if replicas.len() < 2 || !replicas.contains(&broker) || is_queued {
                continue;
            }
            if leadership.leader == broker {
                led.push(partition.clone());
            } else {
                followed.push(partition.clone());
            }
        }
        let followed: Vec<_> = followed.into_iter().map(|partition| (partition, broker)).collect();
        let mut steps = vec![
            Step::OnlinePartitions(led, ElectionStrategy::ControlledShutdown),
            Step::StopReplicas(followed.clone()),
        ];
        steps.extend(offline_steps(followed));
        steps.push(Step::AnswerControlledShutdown(token, broker));
        self.go_on_with(steps);
    }

    /// Replicas stop following before they are taken out of the ISR.
    pub(super) fn stop_replicas(&mut self, replicas: &[Replica]) {
        for replica in replicas {
            self.batch.add_stop_replica(&self.context, replica, false);
        }
        self.send_requests();
    }

    pub(super) fn answer_controlled_shutdown(&mut self, token: RequestToken, broker: i32) {
        let remaining_partitions = self
            .context
            .partition_leaders_on_broker(broker)
            .into_iter()
            .map(|TopicPartition { topic, partition }| RemainingPartition {
                topic_name: topic,
                partition_index: partition,
            })
            .collect();
        let error_code = ErrorCode::NONE;
        self.reply(token, ControlledShutdownResponse { error_code, remaining_partitions });
    }

    pub(super) fn refuse_controlled_shutdown(&mut self, token: RequestToken) {
        // What a ControllerMovedException is on the wire.
        self.refuse(token, ErrorCode::STALE_CONTROLLER_EPOCH);
    }

    fn refuse(&mut self, token: RequestToken, error_code: ErrorCode) {
        let remaining_partitions = Vec::new();
        self.reply(token, ControlledShutdownResponse { error_code, remaining_partitions });
    }
}
