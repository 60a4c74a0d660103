//! Becoming the controller and ceasing to be it: whoever creates `/controller` first is it, and the
//! epoch in `/controller_epoch` goes up in the same transaction.
//!
//! In Kafka: KafkaController.elect, maybeResign, onControllerResignation;
//! KafkaZkClient.registerControllerAndIncrementControllerEpoch.

use super::elect_leaders::Report;
use super::reassignment::ReassignmentStep;
use super::request_batch::RequestBatch;
use super::step::{Event, Step};
use super::{Controller, ControllerContext};
use crate::base::mutant::{Mutant, is_planted};
use crate::base::trace::LogLevel;
use crate::base::{BrokerId, TraceEvent};
use crate::broker::action::Action;
use crate::broker::kafka_zk::{Answer, Op, Write};
use crate::cluster::znode_data::{
    ControllerRegistration, controller_epoch_from_data, controller_epoch_to_data,
};
use crate::cluster::znode_path;
use crate::wire::zookeeper::KeeperCode;

/// Epoch before the first controller.
const INITIAL_CONTROLLER_EPOCH: i32 = 0;

/// The epoch of the controller after that of `last_epoch`.
fn next(last_epoch: i32) -> i32 {
    last_epoch + i32::from(!is_planted(Mutant::KeepControllerEpoch))
}

impl Controller {
    pub(super) fn begin_register(&mut self, step: Step) {
        let ops = match step {
            Step::ReadController => vec![
                Op::Exists { path: znode_path::CONTROLLER.to_owned(), watch: true },
                Op::get_data(znode_path::CONTROLLER),
            ],
            Step::CreateControllerEpoch => vec![Op::Write(Write::Create {
                path: znode_path::CONTROLLER_EPOCH.to_owned(),
                data: Some(controller_epoch_to_data(INITIAL_CONTROLLER_EPOCH).into()),
            })],
            Step::Register { last_epoch, zk_version } => {
                let timestamp_ms = self.now.as_millis();
                let registration =
                    ControllerRegistration { broker: BrokerId(self.me), timestamp_ms };
                vec![Op::BecomeController {
                    registration: registration.to_json().into(),
                    epoch: controller_epoch_to_data(next(last_epoch)).into(),
                    epoch_zk_version: zk_version,
                }]
            }
            Step::CheckRegistration { .. } => vec![
                Op::get_data(znode_path::CONTROLLER),
                Op::get_data(znode_path::CONTROLLER_EPOCH),
            ],
            _ => vec![Op::get_data(znode_path::CONTROLLER_EPOCH)],
        };
        self.ask(ops, step);
    }

    pub(super) fn finish_register(&mut self, step: Step, mut answers: Vec<Answer>) {
        let Some(answer) = answers.pop() else { return };
        match step {
            Step::ReadController => self.note_controller(&answer),
            Step::CreateControllerEpoch => self.go_on_with([Step::ReadControllerEpoch]),
            Step::Register { last_epoch, .. } => match answer {
                Answer::Written { version } => self.take_office(next(last_epoch), version),
                // Somebody else was faster, or we were and did not hear of it.
                _ => self.go_on_with([Step::CheckRegistration { epoch: next(last_epoch) }]),
            },
            _ => match answer {
                Answer::Data { data, version: zk_version, .. } => {
                    match controller_epoch_from_data(&data) {
                        Ok(last_epoch) => {
                            self.go_on_with([Step::Register { last_epoch, zk_version }]);
                        }
                        Err(error) => self.log(LogLevel::Error, error.to_string()),
                    }
                }
                answer if answer.is_no_node() => self.go_on_with([Step::CreateControllerEpoch]),
                _ => {}
            },
        }
    }

    pub(super) fn finish_check_registration(&mut self, epoch: i32, answers: &[Answer]) {
        if let [Answer::Data { data: controller, .. }, Answer::Data { data, version, .. }] = answers
        {
            let registered = ControllerRegistration::from_json(controller).ok();
            let is_ours = registered.is_some_and(|one| one.broker.0 == self.me);
            if is_ours && controller_epoch_from_data(data) == Ok(epoch) {
                return self.take_office(epoch, *version);
            }
        }
        self.go_on_with([Step::ReadController]);
    }

    /// Takes in who is controller: nobody means to run for office.
    fn note_controller(&mut self, answer: &Answer) {
        let registered = match answer {
            Answer::Data { data, .. } => ControllerRegistration::from_json(data).ok(),
            Answer::Failed(code) if *code != KeeperCode::NO_NODE => return,
            _ => None,
        };
        let controller = registered.map(|registration| registration.broker.0);
        if self.is_active && controller != Some(self.me) {
            self.resign();
        }
        self.elected = controller;
        match controller {
            None => self.go_on_with([Step::ReadControllerEpoch]),
            Some(id) if id != self.me => self.info(format!(
                "Broker {id} has been elected as the controller, so stopping the election process."
            )),
            Some(_) => {}
        }
    }

    fn take_office(&mut self, epoch: i32, epoch_zk_version: i32) {
        self.context = ControllerContext { epoch, epoch_zk_version, ..Default::default() };
        self.elected = Some(self.me);
        self.is_active = true;
        let me = self.me;
        self.info(format!(
            "{me} successfully elected as the controller. Epoch incremented to {epoch} and epoch \
             zk version is now {epoch_zk_version}"
        ));
        self.trace(TraceEvent::ControllerElected { broker: BrokerId(me), epoch });
        self.begin_office();
    }

    /// Another controller has been elected, as a refused write shows.
    pub(super) fn controller_moved(&mut self, step: Step) {
        self.turn_away_step(step);
        self.resign();
        self.go_on_with([Step::ReadController]);
    }

    /// Gives up office: forgets everything, and turns away whoever waits.
    pub(super) fn resign(&mut self) {
        let epoch = self.context.epoch;
        self.is_active = false;
        self.elected = None;
        self.next_rebalance = None;
        if let Some(round) = self.round.take() {
            self.turn_away_step(round.step);
        }
        for step in std::mem::take(&mut self.steps) {
            self.turn_away_step(step);
        }
        for event in std::mem::take(&mut self.events) {
            match event {
                Event::AlterIsr(..)
                | Event::ControlledShutdown { .. }
                | Event::AlterReassignments(..)
                | Event::ListReassignments(..)
                | Event::ElectLeaders(..) => self.process(event),
                Event::ControllerChange => self.events.push_back(event),
                _ => {}
            }
        }
        self.batch = RequestBatch::default();
        let gone = self.channels.clear();
        self.actions.extend(gone.into_iter().map(Action::Disconnect));
        self.context = ControllerContext::default();
        self.log_state_machines_stopped();
        self.info("Resigned");
        self.trace(TraceEvent::ControllerResigned { broker: BrokerId(self.me), epoch });
    }

    fn turn_away_step(&mut self, step: Step) {
        match step {
            Step::WriteAlteredIsrs(altering) => self.refuse_alter_isr(altering.token()),
            Step::AnswerControlledShutdown(token, _) => self.refuse_controlled_shutdown(token),
            Step::Reassignment(ReassignmentStep::Answer(token, _)) => {
                self.refuse_alter_reassignments(token);
            }
            Step::ReportElection(Report::ToClient { token, electable, results, .. }) => {
                let partitions = results.into_keys().chain(electable);
                self.refuse_elect_leaders(token, partitions);
            }
            _ => {}
        }
    }
}
