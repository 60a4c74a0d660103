//! What servers write into their logs when something happens to the cluster, in Kafka's words. How a
//! broker starts and stops is compared with a recording in `administration`.

use super::outside::Outside;
use kafkarium::base::{EventId, Span, TraceEvent};
use kafkarium::wire::batch::{BatchFields, RecordBatchBuilder};
use kafkarium::wire::kafka::*;

/// The lines of a broker, each with its logger behind it.
fn lines(cluster: &Outside, broker: i32) -> Vec<String> {
    let world = cluster.host.world();
    let process = world.process_named(&format!("broker-{broker}"));
    let lines = world.trace().after(EventId::default()).filter(|record| record.source == process);
    lines
        .filter_map(|record| match &record.event {
            TraceEvent::Logged { text, logger, .. } => Some(format!("{text} ({logger})")),
            _ => None,
        })
        .collect()
}

/// Lines that a broker has written, in this order and maybe with others between them. A `*` in one
/// stands for whatever is of this run.
fn check(cluster: &Outside, broker: i32, expected: &[&str]) {
    let said = lines(cluster, broker);
    let is_like = |line: &str, pattern: &str| {
        let mut rest = line;
        for (index, part) in pattern.split('*').enumerate() {
            match rest.find(part) {
                Some(at) if index > 0 || at == 0 => rest = &rest[at + part.len()..],
                _ => return false,
            }
        }
        rest.is_empty() || pattern.ends_with('*')
    };
    let mut from = 0;
    for pattern in expected {
        let place = said[from..].iter().position(|line| is_like(line, pattern));
        let place = place.unwrap_or_else(|| {
            panic!("broker {broker}: {pattern}\nis not among\n{:#?}", &said[from..])
        });
        from += place + 1;
    }
}

fn create(cluster: &mut Outside, topic: &str, replicas: &[i32], configs: &[(&str, &str)]) {
    let assignment =
        CreatableReplicaAssignment { partition_index: 0, broker_ids: replicas.to_vec() };
    let configs = configs.iter().map(|(name, value)| CreateableTopicConfig {
        name: (*name).to_owned(),
        value: Some((*value).to_owned()),
    });
    let topic = CreatableTopic {
        name: topic.to_owned(),
        num_partitions: -1,
        replication_factor: -1,
        assignments: vec![assignment],
        configs: configs.collect(),
    };
    let request =
        CreateTopicsRequest { topics: vec![topic], timeout_ms: 10_000, validate_only: false };
    let controller = cluster.controller();
    cluster.ask(controller, request, 7);
}

fn produce_request(topic: &str, acks: i16, value: &str) -> ProduceRequest {
    let mut builder = RecordBatchBuilder::new(BatchFields::default());
    builder.append(0, None, Some(value.as_bytes()), &[]);
    let data = PartitionProduceData { index: 0, records: Some(builder.build()) };
    let topic = TopicProduceData { name: topic.to_owned(), partition_data: vec![data] };
    ProduceRequest { acks, timeout_ms: 3_000, topic_data: vec![topic], ..Default::default() }
}

#[test]
fn a_failover_is_told_as_kafka_tells_it() {
    let mut cluster = Outside::new(3, &[]);
    create(&mut cluster, "t", &[2, 3, 1], &[("cleanup.policy", "delete")]);
    cluster.pass(Span::from_secs(1));
    check(
        &cluster,
        2,
        &[
            "[Broker id=2] Handling LeaderAndIsr request correlationId * from controller 1 for 1 partitions (state.change.logger)",
            "[ReplicaFetcherManager on broker 2] Removed fetcher for partitions Set(t-0) (kafka.server.ReplicaFetcherManager)",
            "[Broker id=2] Stopped fetchers as part of LeaderAndIsr request correlationId * from controller 1 epoch 1 as part of the become-leader transition for 1 partitions (state.change.logger)",
            "[Log partition=t-0, dir=/tmp/kafka-logs] Loading producer state till offset 0 with message format version 2 (kafka.log.Log)",
            "Created log for partition t-0 in /tmp/kafka-logs/t-0 with properties {cleanup.policy=delete} (kafka.log.LogManager)",
            "[Partition t-0 broker=2] No checkpointed highwatermark is found for partition t-0 (kafka.cluster.Partition)",
            "[Partition t-0 broker=2] Log loaded for partition t-0 with initial high watermark 0 (kafka.cluster.Partition)",
            "[Broker id=2] Leader t-0 starts at leader epoch 0 from offset 0 with high watermark 0 ISR [2,3,1] addingReplicas [] removingReplicas []. Previous leader epoch was -1. (state.change.logger)",
            "[Broker id=2] Finished LeaderAndIsr request in 0ms correlationId * from controller 1 for 1 partitions (state.change.logger)",
            "[Broker id=2] Add 1 partitions and deleted 0 partitions from metadata cache in response to UpdateMetadata request sent by controller 1 epoch 1 with correlation id * (state.change.logger)",
        ],
    );
    check(
        &cluster,
        3,
        &[
            "[Broker id=3] Follower t-0 starts at leader epoch 0 from offset 0 with high watermark 0. Previous leader epoch was -1. (state.change.logger)",
            "[Broker id=3] Stopped fetchers as part of become-follower request from controller 1 epoch 1 with correlation id * for 1 partitions (state.change.logger)",
            "[ReplicaFetcherManager on broker 3] Added fetcher to broker 2 for partitions Map(t-0 -> (offset=0, leaderEpoch=0)) (kafka.server.ReplicaFetcherManager)",
        ],
    );
    check(
        &cluster,
        1,
        &[
            "[RequestSendThread controllerId=1] Controller 1 connected to broker-2:9092 (id: 2 rack: null) for sending state change requests (kafka.controller.RequestSendThread)",
            "[Controller id=1] New topics: [Set(t)], deleted topics: [Set()], *",
            "[Controller id=1] New partition creation callback for t-0 (kafka.controller.KafkaController)",
        ],
    );

    // A follower falls behind and comes back.
    cluster.act("pause broker-3");
    cluster.ask(2, produce_request("t", 1, "a"), 9);
    cluster.pass(Span::from_millis(5_500));
    check(
        &cluster,
        2,
        &[
            "[Partition t-0 broker=2] Shrinking ISR from 2,3,1 to 2,1. Leader: (highWatermark: 0, endOffset: 1). Out of sync replicas: (brokerId: 3, endOffset: 0). (kafka.cluster.Partition)",
        ],
    );
    cluster.act("resume broker-3");
    cluster.pass(Span::from_secs(8));
    check(
        &cluster,
        2,
        &["[Partition t-0 broker=2] Expanding ISR from 2,1 to 2,1,3 (kafka.cluster.Partition)"],
    );

    // The leader has a record that nobody else has when it dies.
    cluster.act("isolate broker-2 out");
    cluster.tell(2, produce_request("t", 0, "b"), 9);
    cluster.pass(Span::from_millis(100));
    cluster.act("kill broker-2");
    cluster.pass(Span::from_secs(8));
    cluster.act("heal broker-2");
    check(
        &cluster,
        1,
        &[
            "[Controller id=1] Newly added brokers: , deleted brokers: 2, bounced brokers: , all live brokers: 1,3 (kafka.controller.KafkaController)",
            "[Controller id=1] Broker failure callback for 2 (kafka.controller.KafkaController)",
        ],
    );
    check(
        &cluster,
        3,
        &[
            "[ReplicaFetcherManager on broker 3] Removed fetcher for partitions Set(t-0) (kafka.server.ReplicaFetcherManager)",
            "[Broker id=3] Leader t-0 starts at leader epoch * (state.change.logger)",
        ],
    );
    cluster.act("restart broker-2");
    cluster.pass(Span::from_secs(5));
    check(
        &cluster,
        2,
        &[
            "Attempting recovery for all logs in /tmp/kafka-logs since no clean shutdown file was found (kafka.log.LogManager)",
            "Completed load of Log(dir=/tmp/kafka-logs/t-0, topic=t, partition=0, *) with 1 segments in 0ms (1/1 loaded in /tmp/kafka-logs) (kafka.log.LogManager)",
            "[Log partition=t-0, dir=/tmp/kafka-logs] Truncating to offset 1 (kafka.log.Log)",
        ],
    );
}

#[test]
fn a_lost_session_is_told_as_zookeepers_client_tells_it() {
    let mut cluster = Outside::new(2, &[]);
    cluster.act("pause broker-2");
    cluster.pass(Span::from_secs(10));
    cluster.act("resume broker-2");
    cluster.pass(Span::from_secs(5));
    check(
        &cluster,
        2,
        &[
            "Opening socket connection to server zookeeper-1:2181. Will not attempt to authenticate using SASL (unknown error) (org.apache.zookeeper.ClientCnxn)",
            "Session establishment complete on server zookeeper-1:2181, sessionid = 0x*, negotiated timeout = 6000 (org.apache.zookeeper.ClientCnxn)",
            "Client session timed out, have not heard from server in *ms for sessionid 0x*",
            "Unable to reconnect to ZooKeeper service, session 0x* has expired (org.apache.zookeeper.ClientCnxn)",
            "[ZooKeeperClient Kafka server] Session expired. (kafka.zookeeper.ZooKeeperClient)",
            "[ZooKeeperClient Kafka server] Initializing a new session to zookeeper-1:2181. (kafka.zookeeper.ZooKeeperClient)",
            "Session establishment complete on server zookeeper-1:2181, sessionid = 0x*",
            "Registered broker 2 at path /brokers/ids/2 with addresses: PLAINTEXT://broker-2:9092, czxid (broker epoch): * (kafka.zk.KafkaZkClient)",
        ],
    );
    check(
        &cluster,
        1,
        &[
            "[Controller id=1] Newly added brokers: , deleted brokers: 2, *",
            "[Controller id=1] Newly added brokers: 2, deleted brokers: , bounced brokers: , all live brokers: 1,2 (kafka.controller.KafkaController)",
            "[Controller id=1] New broker startup callback for 2 (kafka.controller.KafkaController)",
        ],
    );
}

#[test]
fn segments_are_rolled_and_dropped_in_kafkas_words() {
    let quick = [("log.retention.check.interval.ms", "1000")];
    let mut cluster = Outside::new(1, &quick);
    let configs = [("segment.bytes", "200"), ("retention.bytes", "300")];
    create(&mut cluster, "t", &[1], &configs);
    for _ in 0..6 {
        cluster.ask(1, produce_request("t", 1, &"x".repeat(60)), 9);
    }
    cluster.pass(Span::from_secs(40));
    check(
        &cluster,
        1,
        &[
            "[Log partition=t-0, dir=/tmp/kafka-logs] Rolled new log segment at offset 1 in 0 ms. (kafka.log.Log)",
            "[Log partition=t-0, dir=/tmp/kafka-logs] Deleting segment LogSegment(baseOffset=0, size=*, lastModifiedTime=*, largestRecordTimestamp=*) due to retention size 300 breach. Log size after deletion will be *. (kafka.log.Log)",
            "[Log partition=t-0, dir=/tmp/kafka-logs] Incremented log start offset to * due to segment deletion (kafka.log.Log)",
        ],
    );
}
