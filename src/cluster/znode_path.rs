//! Where things lie in ZooKeeper.
//!
//! In Kafka: kafka.zk.ZkData.

use crate::base::{BrokerId, TopicPartition};

/// The active controller (ephemeral).
pub const CONTROLLER: &str = "/controller";
/// Epoch of the last controller.
pub const CONTROLLER_EPOCH: &str = "/controller_epoch";
/// Live brokers (their children are ephemeral).
pub const BROKER_IDS: &str = "/brokers/ids";
/// Topics with their assignments.
pub const TOPICS: &str = "/brokers/topics";
/// Source of generated broker ids.
pub const BROKER_SEQUENCE_ID: &str = "/brokers/seqid";
/// The cluster's id.
pub const CLUSTER_ID: &str = "/cluster/id";
/// Finalized features.
pub const FEATURE: &str = "/feature";
/// Topics that wait for their deletion.
pub const DELETE_TOPICS: &str = "/admin/delete_topics";
/// Partitions that a tool of old wants moved.
pub const REASSIGN_PARTITIONS: &str = "/admin/reassign_partitions";
/// Partitions that a tool of old wants led by their preferred replica.
pub const PREFERRED_REPLICA_ELECTION: &str = "/admin/preferred_replica_election";
/// Config changes that brokers have to hear of.
pub const CONFIG_CHANGES: &str = "/config/changes";
/// Beginning of the name of a config change.
pub const CONFIG_CHANGE_PREFIX: &str = "/config/changes/config_change_";
/// ISR changes written by leaders of old versions.
pub const ISR_CHANGE_NOTIFICATION: &str = "/isr_change_notification";
/// Brokers with a failed log directory.
pub const LOG_DIR_EVENT_NOTIFICATION: &str = "/log_dir_event_notification";
/// The last block of producer ids that was given out.
pub const LATEST_PRODUCER_ID_BLOCK: &str = "/latest_producer_id_block";
/// Old consumers.
pub const CONSUMERS: &str = "/consumers";

/// The roots that every broker makes at its start, parents of children first.
pub const PERSISTENT_PATHS: &[&str] = &[
    CONSUMERS,
    BROKER_IDS,
    TOPICS,
    CONFIG_CHANGES,
    DELETE_TOPICS,
    BROKER_SEQUENCE_ID,
    ISR_CHANGE_NOTIFICATION,
    LATEST_PRODUCER_ID_BLOCK,
    LOG_DIR_EVENT_NOTIFICATION,
    "/config/topics",
    "/config/clients",
    "/config/users",
    "/config/brokers",
    "/config/ips",
];

/// Registration of a broker.
pub fn broker(id: BrokerId) -> String {
    format!("{BROKER_IDS}/{id}")
}

/// A topic with its assignment.
pub fn topic(topic: &str) -> String {
    format!("{TOPICS}/{topic}")
}

/// The parent of a topic's partitions.
pub fn partitions(topic: &str) -> String {
    format!("{TOPICS}/{topic}/partitions")
}

/// A partition.
pub fn partition(partition: &TopicPartition) -> String {
    format!("{TOPICS}/{}/partitions/{}", partition.topic, partition.partition)
}

/// Leader and ISR of a partition.
pub fn partition_state(partition: &TopicPartition) -> String {
    format!("{TOPICS}/{}/partitions/{}/state", partition.topic, partition.partition)
}

/// Configs of a topic.
pub fn topic_config(topic: &str) -> String {
    format!("/config/topics/{topic}")
}

/// Configs of an entity that a config change names, such as `topics/orders`.
pub fn entity_config(entity_path: &str) -> String {
    format!("/config/{entity_path}")
}

/// Configs of a broker, or of all.
pub fn broker_config(broker: Option<i32>) -> String {
    match broker {
        Some(id) => format!("/config/brokers/{id}"),
        None => "/config/brokers/<default>".to_owned(),
    }
}

/// The wish that a topic be deleted.
pub fn delete_topic(topic: &str) -> String {
    format!("{DELETE_TOPICS}/{topic}")
}

/// An offset that an old consumer committed.
pub fn consumer_offset(group: &str, partition: &TopicPartition) -> String {
    format!("{CONSUMERS}/{group}/offsets/{}/{}", partition.topic, partition.partition)
}

/// The ancestors of `path` without the root, topmost first.
pub fn ancestors(path: &str) -> Vec<&str> {
    path.match_indices('/').filter(|(at, _)| *at > 0).map(|(at, _)| &path[..at]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_kafkas() {
        let partition = TopicPartition::new("orders", 2);
        assert_eq!(partition_state(&partition), "/brokers/topics/orders/partitions/2/state");
        assert_eq!(consumer_offset("g", &partition), "/consumers/g/offsets/orders/2");
        assert_eq!(broker(BrokerId(7)), "/brokers/ids/7");
        assert_eq!(ancestors("/a/b/c"), ["/a", "/a/b"]);
        assert_eq!(ancestors("/a"), Vec::<&str>::new());
    }
}
