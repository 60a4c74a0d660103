//! Preferred leaders: after a failure leadership has drifted; every so often the controller gives it
//! back to the first replica of each assignment where that is in sync.
//!
//! In Kafka: KafkaController.checkAndTriggerAutoLeaderRebalance.

use super::Controller;
use super::elect_leaders::Report;
use super::election::{ElectionStrategy, elect_preferred};
use super::step::{ElectionType, Step};
use crate::base::{SortedMap, TopicPartition};

impl Controller {
    pub(super) fn check_leader_imbalance(&mut self) {
        self.info("Processing automatic preferred replica leader election");
        let mut by_preferred: SortedMap<i32, Vec<&TopicPartition>> = SortedMap::new();
        for (partition, assignment) in &self.context.assignments {
            if self.context.is_queued_for_deletion(&partition.topic) {
                continue;
            }
            if let Some(preferred) = assignment.replicas.first() {
                by_preferred.entry(*preferred).or_default().push(partition);
            }
        }
        let percentage = self.config.leader_imbalance_per_broker_percentage;
        let is_reassigning = !self.context.being_reassigned.is_empty();
        let mut steps = Vec::new();
        for (preferred, partitions) in by_preferred {
            let is_led_by_other = |partition: &&&TopicPartition| {
                let leadership = self.context.leaderships.get(**partition);
                leadership.is_some_and(|one| one.leader != preferred)
            };
            let drifted: Vec<_> = partitions.iter().filter(is_led_by_other).copied().collect();
            // drifted / all > percentage / 100, without fractions.
            let is_imbalanced =
                drifted.len() as i64 * 100 > i64::from(percentage) * partitions.len() as i64;
            if !is_imbalanced || is_reassigning {
                continue;
            }
            let candidates: Vec<TopicPartition> = drifted
                .into_iter()
                .filter(|partition| self.can_preferred_replica_be_leader(partition))
                .cloned()
                .collect();
            if !candidates.is_empty() {
                steps.push(candidates);
            }
        }
        let mut elections = Vec::new();
        for candidates in steps {
            self.log_election(ElectionType::Preferred, &candidates, "AutoTriggered");
            elections.push(Step::OnlinePartitions(candidates.clone(), ElectionStrategy::Preferred));
            elections.push(Step::ReportElection(Report::ToLog(candidates)));
        }
        self.go_on_with(elections);
    }

    fn can_preferred_replica_be_leader(&self, partition: &TopicPartition) -> bool {
        let Some(leadership) = self.context.leaderships.get(partition) else { return false };
        let replicas = self.context.replicas(partition);
        let is_online = |id: &&i32| self.context.is_replica_online(**id, partition);
        let live = replicas.iter().filter(is_online).copied().collect();
        elect_preferred(replicas, &leadership.isr, &live).is_some()
    }
}
