//! Elections that a tool or the imbalance check asks for.
//!
//! In Kafka: KafkaController.processReplicaLeaderElection, onReplicaElection.

use super::context::NO_LEADER;
use super::election::ElectionStrategy;
use super::step::{ElectionType, Event, Step};
use super::{Controller, ControllerAction, joined};
use crate::base::trace::LogLevel;
use crate::base::{SortedMap, SortedSet, Time, TopicPartition};
use crate::broker::action::{Action, ElectionResults, RequestContext, RequestToken};
use crate::broker::api_error::ApiError;
use crate::wire::ErrorCode;

/// Elections whose outcome somebody wants to know.
#[derive(Clone, PartialEq, Debug)]
pub enum Report {
    /// A client.
    ToClient {
        /// Its request.
        token: RequestToken,
        /// What it asked for.
        kind: ElectionType,
        /// Partitions that hold an election.
        electable: Vec<TopicPartition>,
        /// What is known of the others.
        results: ElectionResults,
    },
    /// Nobody but the log.
    ToLog(Vec<TopicPartition>),
}

impl Controller {
    /// ElectLeaders: what came of it is an action of its own, since the answer waits until this
    /// broker's metadata shows the new leaders.
    #[must_use]
    pub fn handle_elect_leaders(
        &mut self,
        now: Time,
        context: &RequestContext,
        kind: ElectionType,
        partitions: SortedSet<TopicPartition>,
    ) -> Vec<ControllerAction> {
        self.enqueue(now, Event::ElectLeaders(context.token, kind, partitions))
    }

    /// Unclean leader election has been enabled, for `topic` or by default: partitions without a
    /// leader may get one now.
    #[must_use]
    pub fn enable_unclean_leader_election(
        &mut self,
        now: Time,
        topic: Option<&str>,
    ) -> Vec<ControllerAction> {
        self.enqueue(now, Event::UncleanLeaderElectionEnable(topic.map(str::to_owned)))
    }

    pub(super) fn process_unclean_leader_election_enable(&mut self, topic: Option<String>) {
        self.info(match &topic {
            Some(topic) => format!("Unclean leader election has been enabled for topic {topic}"),
            None => "Unclean leader election has been enabled by default".to_owned(),
        });
        self.go_on_with([Step::TriggerOnline(topic)]);
    }

    pub(super) fn process_elect_leaders(
        &mut self,
        token: RequestToken,
        kind: ElectionType,
        partitions: SortedSet<TopicPartition>,
    ) {
        if !self.is_active {
            return self.refuse_elect_leaders(token, partitions);
        }
        let (mut electable, mut results) = (Vec::new(), SortedMap::new());
        for partition in partitions {
            match self.refusal_of_election(kind, &partition) {
                Some(error) => drop(results.insert(partition, Err(error))),
                None => electable.push(partition),
            }
        }
        let strategy = match kind {
            ElectionType::Preferred => ElectionStrategy::Preferred,
            ElectionType::Unclean => ElectionStrategy::Offline { allow_unclean: true },
        };
        self.log_election(kind, &electable, "AdminClientTriggered");
        let report = Report::ToClient { token, kind, electable: electable.clone(), results };
        self.go_on_with([
            Step::OnlinePartitions(electable, strategy),
            Step::ReportElection(report),
        ]);
    }

    /// Why a partition holds no election.
    fn refusal_of_election(
        &mut self,
        kind: ElectionType,
        partition: &TopicPartition,
    ) -> Option<ApiError> {
        let name = kind.name();
        let Some(preferred) = self.context.replicas(partition).first().copied() else {
            self.info(format!(
                "Skipping replica leader election ({name}) for partition {partition} by \
                 AdminClientTriggered since it doesn't exist."
            ));
            let text = "The partition does not exist.";
            return Some(ApiError::new(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, text));
        };
        if self.context.is_queued_for_deletion(&partition.topic) {
            let text = format!(
                "Skipping replica leader election ({name}) for partitions Set({partition}) by \
                 AdminClientTriggered since the respective topics are being deleted"
            );
            self.log(LogLevel::Warn, text);
            let text = "The topic is being deleted";
            return Some(ApiError::new(ErrorCode::INVALID_TOPIC_EXCEPTION, text));
        }
        let leader = self.context.leaderships.get(partition).map_or(NO_LEADER, |one| one.leader);
        let is_needed = match kind {
            ElectionType::Preferred => leader != preferred,
            ElectionType::Unclean => !self.context.live_brokers().contains(&leader),
        };
        (!is_needed).then(|| ApiError::of(ErrorCode::ELECTION_NOT_NEEDED))
    }

    pub(super) fn log_election(
        &mut self,
        kind: ElectionType,
        partitions: &[TopicPartition],
        trigger: &str,
    ) {
        let (name, partitions) = (kind.name(), joined(partitions, ","));
        self.info(format!(
            "Starting replica leader election ({name}) for partitions {partitions} triggered by \
             {trigger}"
        ));
    }

    pub(super) fn report_election(&mut self, report: Report) {
        match report {
            Report::ToLog(partitions) => self.log_election_outcomes(&partitions),
            Report::ToClient { token, kind, electable, mut results } => {
                let failure = match kind {
                    ElectionType::Preferred => ErrorCode::PREFERRED_LEADER_NOT_AVAILABLE,
                    ElectionType::Unclean => ErrorCode::ELIGIBLE_LEADERS_NOT_AVAILABLE,
                };
                for partition in electable {
                    let outcome = match self.outcomes.get(&partition) {
                        Some(Ok(leader)) => Ok(*leader),
                        Some(Err(why)) => Err(ApiError::new(failure, why.as_str())),
                        None => Err(ApiError::of(failure)),
                    };
                    results.insert(partition, outcome);
                }
                self.actions.push(Action::ElectionHeld { token, results });
            }
        }
    }

    fn log_election_outcomes(&mut self, partitions: &[TopicPartition]) {
        for partition in partitions {
            let preferred = self.context.replicas(partition).first().copied();
            let leader = self.context.leaderships.get(partition).map(|one| one.leader);
            let (Some(preferred), Some(leader)) = (preferred, leader) else { continue };
            if leader == preferred {
                self.info(format!(
                    "Partition {partition} completed preferred replica leader election. New leader \
                     is {preferred}"
                ));
            } else {
                let text = format!(
                    "Partition {partition} failed to complete preferred replica leader election to \
                     {preferred}. Leader is still {leader}"
                );
                self.log(LogLevel::Warn, text);
            }
        }
    }

    pub(super) fn refuse_elect_leaders(
        &mut self,
        token: RequestToken,
        partitions: impl IntoIterator<Item = TopicPartition>,
    ) {
        let refuse = |partition| (partition, Err(ApiError::bare(ErrorCode::NOT_CONTROLLER)));
        let results = partitions.into_iter().map(refuse).collect();
        self.actions.push(Action::ElectionHeld { token, results });
    }
}
