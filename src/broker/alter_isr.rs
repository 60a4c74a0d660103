//! The ISR changes that this broker's leaders want, on their way to the controller: one request at
//! a time, each with everything that waits.
//!
//! In Kafka: `kafka.server.DefaultAlterIsrManager`, KIP-497.

use super::changes::IsrProposal;
use crate::base::{SortedMap, SortedSet, Span, Time, TopicPartition};
use crate::wire::ErrorCode;
use crate::wire::kafka::{
    AlterIsrRequest, AlterIsrRequestPartitionData, AlterIsrRequestTopicData, AlterIsrResponse,
    AlterIsrResponsePartitionData,
};

/// How long to wait before asking again after a failure.
const RETRY_BACKOFF: Span = Span::from_millis(50);

/// The queue.
#[derive(Clone, Debug, Default)]
pub struct AlterIsrManager {
    unsent: SortedMap<TopicPartition, IsrProposal>,
    in_flight: Option<SortedMap<TopicPartition, IsrProposal>>,
    retry_at: Option<Time>,
}

impl AlterIsrManager {
    /// Takes in a proposal; it replaces an older one of the same partition.
    pub fn submit(&mut self, proposal: IsrProposal) {
        self.unsent.insert(proposal.partition.clone(), proposal);
    }

    /// Forgets what waits for these partitions: their leader or epoch changed.
    pub fn withdraw(&mut self, partitions: &SortedSet<TopicPartition>) {
        self.unsent.retain(|partition, _| !partitions.contains(partition));
        if let Some(asked) = &mut self.in_flight {
            asked.retain(|partition, _| !partitions.contains(partition));
        }
    }

    /// True when a request should be made now.
    pub fn is_due(&self, now: Time) -> bool {
        self.in_flight.is_none()
            && !self.unsent.is_empty()
            && self.retry_at.is_none_or(|retry_at| retry_at <= now)
    }

    /// When to ask again after a failure.
    pub fn next_deadline(&self) -> Option<Time> {
        let waits = self.in_flight.is_none() && !self.unsent.is_empty();
        self.retry_at.filter(|_| waits)
    }

    /// The next request, with everything that waits.
    pub fn take_request(&mut self, broker_id: i32, broker_epoch: i64) -> AlterIsrRequest {
        let proposals = std::mem::take(&mut self.unsent);
        let mut topics: Vec<AlterIsrRequestTopicData> = Vec::new();
        for (TopicPartition { topic, partition }, proposal) in &proposals {
            if topics.last().is_none_or(|last| last.name != *topic) {
                topics.push(AlterIsrRequestTopicData { name: topic.clone(), partitions: vec![] });
            }
            if let Some(last) = topics.last_mut() {
                last.partitions.push(AlterIsrRequestPartitionData {
                    partition_index: *partition,
                    leader_epoch: proposal.leader_epoch,
                    new_isr: proposal.new_isr.clone(),
                    current_isr_version: proposal.isr_version,
                });
            }
        }
        self.in_flight = Some(proposals);
        self.retry_at = None;
        AlterIsrRequest { broker_id, broker_epoch, topics }
    }

    /// The request was answered. Returns each proposal with the controller's word on it; a
    /// proposal that it left out, or all of them when it refused the request, is asked again.
    pub fn on_response(
        &mut self,
        response: &AlterIsrResponse,
        now: Time,
    ) -> Vec<(IsrProposal, AlterIsrResponsePartitionData)> {
        if response.error_code != ErrorCode::NONE {
            self.on_failure(now);
            return Vec::new();
        }
        let mut asked = self.in_flight.take().unwrap_or_default();
        let mut answered = Vec::new();
        for topic in &response.topics {
            for answer in &topic.partitions {
                let partition = TopicPartition::new(&topic.name, answer.partition_index);
                if let Some(proposal) = asked.remove(&partition) {
                    answered.push((proposal, answer.clone()));
                }
            }
        }
        self.ask_again(asked, now);
        answered
    }

    /// The request failed, or could not be sent: everything is asked again after a while.
    pub fn on_failure(&mut self, now: Time) {
        let asked = self.in_flight.take().unwrap_or_default();
        self.ask_again(asked, now);
    }

    fn ask_again(&mut self, asked: SortedMap<TopicPartition, IsrProposal>, now: Time) {
        if asked.is_empty() {
            return;
        }
        for (partition, proposal) in asked {
            self.unsent.entry(partition).or_insert(proposal);
        }
        self.retry_at = Some(now + RETRY_BACKOFF);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proposal(partition: i32) -> IsrProposal {
        IsrProposal {
            partition: TopicPartition::new("t", partition),
            leader_epoch: 0,
            new_isr: vec![1],
            isr_version: 3,
        }
    }

    #[test]
    fn one_request_at_a_time_and_again_after_a_failure() {
        let mut manager = AlterIsrManager::default();
        let now = Time::from_millis(100);
        manager.submit(proposal(0));
        manager.submit(proposal(1));
        let request = manager.take_request(1, 7);
        assert_eq!(request.topics[0].partitions.len(), 2);
        manager.submit(proposal(2));
        assert!(!manager.is_due(now), "the first request is in flight");
        manager.on_failure(now);
        assert!(!manager.is_due(now));
        assert_eq!(manager.next_deadline(), Some(now + RETRY_BACKOFF));
        assert!(manager.is_due(now + RETRY_BACKOFF));
        manager.withdraw(&SortedSet::from([TopicPartition::new("t", 0)]));
        let request = manager.take_request(1, 7);
        let asked: Vec<i32> =
            request.topics[0].partitions.iter().map(|data| data.partition_index).collect();
        assert_eq!(asked, [1, 2]);
        let stale =
            AlterIsrResponse { error_code: ErrorCode::STALE_BROKER_EPOCH, ..Default::default() };
        assert!(manager.on_response(&stale, now).is_empty());
        assert!(manager.next_deadline().is_some());
    }
}
