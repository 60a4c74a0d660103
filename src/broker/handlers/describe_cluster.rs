//! DescribeCluster: the brokers that are alive, and which one is the controller.
//!
//! In Kafka: `KafkaApis.handleDescribeCluster`, KIP-700.

use crate::broker::metadata_cache::MetadataCache;
use crate::wire::kafka::{DescribeClusterBroker, DescribeClusterResponse};

/// Answers. Without an authorizer nobody asks which operations are allowed.
pub fn handle(metadata: &MetadataCache, cluster_id: &str) -> DescribeClusterResponse {
    let brokers = metadata.live_brokers().map(|broker| DescribeClusterBroker {
        broker_id: broker.id.0,
        host: broker.endpoint.host.clone(),
        port: i32::from(broker.endpoint.port),
        rack: broker.rack.clone(),
    });
    DescribeClusterResponse {
        cluster_id: cluster_id.to_owned(),
        controller_id: metadata.controller().map_or(-1, |id| id.0),
        brokers: brokers.collect(),
        ..Default::default()
    }
}
