//! What this broker knows of the cluster: live brokers and the leader and ISR of every partition.
//! It changes by UpdateMetadata requests of the controller only, so it may be behind.
//!
//! In Kafka: `kafka.server.MetadataCache` (`ZkMetadataCache`).

use crate::base::{BrokerId, Endpoint, SortedMap, SortedSet, TopicPartition};
use crate::wire::Uuid;
use crate::wire::kafka::{
    UpdateMetadataBroker, UpdateMetadataPartitionState, UpdateMetadataRequest,
};

/// Leader of a partition whose topic is being deleted (`LeaderAndIsr.LeaderDuringDelete`).
pub const LEADER_DURING_DELETE: i32 = -2;

/// A live broker.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LiveBroker {
    /// `broker.id`.
    pub id: BrokerId,
    /// Where it listens.
    pub endpoint: Endpoint,
    /// `broker.rack`.
    pub rack: Option<String>,
}

/// Leader and ISR of a partition, as the controller last told.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct PartitionMetadata {
    /// The leader, −1 for none.
    pub leader: i32,
    /// Its epoch.
    pub leader_epoch: i32,
    /// In-sync replicas.
    pub isr: Vec<i32>,
    /// Replicas in assignment order.
    pub replicas: Vec<i32>,
    /// Replicas on brokers that are down.
    pub offline_replicas: Vec<i32>,
}

/// The cache.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct MetadataCache {
    controller: Option<BrokerId>,
    brokers: SortedMap<BrokerId, LiveBroker>,
    topics: SortedMap<String, SortedMap<i32, PartitionMetadata>>,
    topic_ids: SortedMap<String, Uuid>,
}

impl MetadataCache {
    /// Takes in an UpdateMetadata request whose epochs are in order. Returns the partitions whose
    /// topic is being deleted.
    pub fn update(&mut self, request: &UpdateMetadataRequest) -> Vec<(String, i32)> {
        self.controller = Some(BrokerId(request.controller_id)).filter(|id| id.0 >= 0);
        self.brokers = request
            .live_brokers
            .iter()
            .filter_map(live_broker)
            .map(|broker| (broker.id, broker))
            .collect();
        let mut deleted = Vec::new();
        for topic in &request.topic_states {
            if topic.topic_id != Uuid::default() {
                self.topic_ids.insert(topic.topic_name.clone(), topic.topic_id);
            }
            for state in &topic.partition_states {
                self.update_partition(&topic.topic_name, state, &mut deleted);
            }
        }
        for state in &request.ungrouped_partition_states {
            self.update_partition(&state.topic_name, state, &mut deleted);
        }
        deleted
    }

    fn update_partition(
        &mut self,
        topic: &str,
        state: &UpdateMetadataPartitionState,
        deleted: &mut Vec<(String, i32)>,
    ) {
        if state.leader == LEADER_DURING_DELETE {
            if let Some(partitions) = self.topics.get_mut(topic) {
                partitions.remove(&state.partition_index);
                if partitions.is_empty() {
                    self.topics.remove(topic);
                    self.topic_ids.remove(topic);
                }
            }
            deleted.push((topic.to_owned(), state.partition_index));
            return;
        }
        let metadata = PartitionMetadata {
            leader: state.leader,
            leader_epoch: state.leader_epoch,
            isr: state.isr.clone(),
            replicas: state.replicas.clone(),
            offline_replicas: state.offline_replicas.clone(),
        };
        let partitions = self.topics.entry(topic.to_owned()).or_default();
        partitions.insert(state.partition_index, metadata);
    }

    /// Whom the last update came from.
    pub fn controller(&self) -> Option<BrokerId> {
        self.controller
    }

    /// The live brokers, by id.
    pub fn live_brokers(&self) -> impl Iterator<Item = &LiveBroker> {
        self.brokers.values()
    }

    /// The live broker `id`.
    pub fn broker(&self, id: BrokerId) -> Option<&LiveBroker> {
        self.brokers.get(&id)
    }

    /// All topic names.
    pub fn topics(&self) -> impl Iterator<Item = &str> {
        self.topics.keys().map(String::as_str)
    }

    /// The partitions of `topic`, none when the topic is not known.
    pub fn partitions(&self, topic: &str) -> Option<&SortedMap<i32, PartitionMetadata>> {
        self.topics.get(topic)
    }

    /// Every partition of every topic.
    pub fn all_partitions(&self) -> SortedSet<TopicPartition> {
        let topics = self.topics.iter();
        let all = topics.flat_map(|(topic, partitions)| {
            partitions.keys().map(move |partition| TopicPartition::new(topic, *partition))
        });
        all.collect()
    }

    /// One partition.
    pub fn partition(&self, topic: &str, partition: i32) -> Option<&PartitionMetadata> {
        self.topics.get(topic)?.get(&partition)
    }

    /// The id of `topic`, zero when it has none.
    pub fn topic_id(&self, topic: &str) -> Uuid {
        self.topic_ids.get(topic).copied().unwrap_or_default()
    }

    /// The name of the topic with that id.
    pub fn topic_name(&self, id: Uuid) -> Option<&str> {
        self.topic_ids.iter().find(|(_, known)| **known == id).map(|(name, _)| name.as_str())
    }
}

fn live_broker(broker: &UpdateMetadataBroker) -> Option<LiveBroker> {
    let endpoint = match broker.endpoints.first() {
        Some(endpoint) => Endpoint::new(&endpoint.host, u16::try_from(endpoint.port).ok()?),
        None => Endpoint::new(&broker.v0_host, u16::try_from(broker.v0_port).ok()?),
    };
    Some(LiveBroker { id: BrokerId(broker.id), endpoint, rack: broker.rack.clone() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::kafka::{UpdateMetadataEndpoint, UpdateMetadataTopicState};

    fn request(leader: i32) -> UpdateMetadataRequest {
        let endpoint = UpdateMetadataEndpoint {
            port: 9092,
            host: "m1".to_owned(),
            listener: "PLAINTEXT".to_owned(),
            security_protocol: 0,
        };
        let state = UpdateMetadataPartitionState {
            leader,
            replicas: vec![1, 2],
            isr: vec![1],
            ..Default::default()
        };
        UpdateMetadataRequest {
            controller_id: 1,
            live_brokers: vec![UpdateMetadataBroker {
                id: 1,
                endpoints: vec![endpoint],
                ..Default::default()
            }],
            topic_states: vec![UpdateMetadataTopicState {
                topic_name: "orders".to_owned(),
                topic_id: Uuid([7; 16]),
                partition_states: vec![state],
            }],
            ..Default::default()
        }
    }

    #[test]
    fn a_deleted_topic_is_forgotten() {
        let mut cache = MetadataCache::default();
        assert!(cache.update(&request(1)).is_empty());
        assert_eq!(cache.controller(), Some(BrokerId(1)));
        assert_eq!(cache.topic_name(Uuid([7; 16])), Some("orders"));
        assert_eq!(cache.partition("orders", 0).map(|known| known.leader), Some(1));
        assert_eq!(cache.update(&request(LEADER_DURING_DELETE)), [("orders".to_owned(), 0)]);
        assert!(cache.partitions("orders").is_none());
        assert_eq!(cache.topic_id("orders"), Uuid::default());
    }
}
