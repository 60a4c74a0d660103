//! DescribeCluster: the brokers that are alive, and which one is the controller.
//!
//! In Kafka: `KafkaApis.handleDescribeCluster`, KIP-700.

use super::metadata::CLUSTER_OPERATIONS;
use crate::broker::metadata_cache::MetadataCache;
use crate::wire::kafka::{DescribeClusterBroker, DescribeClusterRequest, DescribeClusterResponse};

/// Answers.
pub fn handle(
    request: &DescribeClusterRequest,
    metadata: &MetadataCache,
    cluster_id: &str,
) -> DescribeClusterResponse {
    let brokers = metadata.live_brokers().map(|broker| DescribeClusterBroker {
        broker_id: broker.id.0,
        host: broker.endpoint.host.clone(),
        port: i32::from(broker.endpoint.port),
        rack: broker.rack.clone(),
    });
    let mut response = DescribeClusterResponse {
        cluster_id: cluster_id.to_owned(),
        controller_id: metadata.controller().map_or(-1, |id| id.0),
        brokers: brokers.collect(),
        ..Default::default()
    };
    if request.include_cluster_authorized_operations {
        response.cluster_authorized_operations = CLUSTER_OPERATIONS;
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_asks_is_told_what_everybody_may_do() {
        let ask = |include_cluster_authorized_operations| {
            let request = DescribeClusterRequest { include_cluster_authorized_operations };
            handle(&request, &MetadataCache::default(), "c").cluster_authorized_operations
        };
        assert_eq!((ask(true), ask(false)), (8_096, i32::MIN));
    }
}
