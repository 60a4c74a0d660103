//! What the configs of topics and brokers mean here, for who asks a broker to describe them. The words
//! are this project's own.

use super::keys;
use crate::cluster::topic_config;

/// What a topic config means; none when there is no such config.
pub fn of_topic_config(name: &str) -> Option<&'static str> {
    topic_config::key(name)?;
    Some(find(TOPIC_CONFIGS, name).unwrap_or(UNUSED))
}

/// What a broker config means; none when there is no such config.
pub fn of_broker_config(name: &str) -> Option<String> {
    keys::key(name)?;
    if let Some(text) = find(BROKER_CONFIGS, name) {
        return Some(text.to_owned());
    }
    let topic_config = keys::topic_config_of(name);
    let inherited = topic_config.and_then(|config| find(TOPIC_CONFIGS, config));
    Some(match (topic_config, inherited) {
        (Some(config), Some(text)) => format!("For topics that do not set {config}: {text}"),
        _ => UNUSED.to_owned(),
    })
}

fn find(texts: &[(&str, &'static str)], name: &str) -> Option<&'static str> {
    texts.iter().find(|(known, _)| *known == name).map(|(_, text)| *text)
}

const UNUSED: &str = "Nothing here depends on it.";

const TOPIC_CONFIGS: &[(&str, &str)] = &[
    (
        "cleanup.policy",
        "What becomes of old segments: delete drops them by age and size, compact keeps the \
         newest record of each key. Both may be given.",
    ),
    (
        "delete.retention.ms",
        "How long a compacted log keeps a tombstone, so that slow readers learn of the \
         deletion.",
    ),
    (
        "file.delete.delay.ms",
        "How long a file that is no longer needed stays on disk under another name.",
    ),
    ("flush.messages", "Number of records after which the log is forced to disk."),
    ("flush.ms", "Time after which the log is forced to disk."),
    ("index.interval.bytes", "Bytes of log from one entry of the offset index to the next."),
    ("max.compaction.lag.ms", "Longest time that a record may wait for compaction."),
    ("max.message.bytes", "Size of the largest record batch that is taken."),
    (
        "message.timestamp.difference.max.ms",
        "How far a producer's timestamp may be from the broker's clock.",
    ),
    (
        "message.timestamp.type",
        "Whose time records carry: their producer's (CreateTime) or the broker's \
         (LogAppendTime).",
    ),
    (
        "min.cleanable.dirty.ratio",
        "Share of the log that must be new since the last compaction before the next.",
    ),
    ("min.compaction.lag.ms", "How long a new record is safe from compaction."),
    (
        "min.insync.replicas",
        "How many replicas must be in sync for a write with acks=all to be taken.",
    ),
    (
        "retention.bytes",
        "Size of a partition beyond which its oldest segments are dropped; -1 for any size.",
    ),
    ("retention.ms", "Age beyond which segments are dropped; -1 for any age."),
    ("segment.bytes", "Size at which a segment is closed and the next one begun."),
    (
        "segment.index.bytes",
        "Room for index entries of a segment; when it is full the next segment begins.",
    ),
    (
        "segment.jitter.ms",
        "Longest random time by which segments are closed early, so that not all are at once.",
    ),
    ("segment.ms", "Age at which a segment is closed even when it is not full."),
    (
        "unclean.leader.election.enable",
        "Whether a replica that is not in sync may lead when no other can, at the price of \
         acknowledged records.",
    ),
];

const BROKER_CONFIGS: &[(&str, &str)] = &[
    (
        "zookeeper.connect",
        "Servers of ZooKeeper as host:port, separated by commas, with a path behind them for \
         clusters that share them.",
    ),
    ("zookeeper.session.timeout.ms", "Silence after which ZooKeeper declares this broker dead."),
    (
        "zookeeper.connection.timeout.ms",
        "How long a starting broker tries to reach ZooKeeper; by default the session timeout.",
    ),
    ("broker.id", "Number of this broker in its cluster."),
    ("request.timeout.ms", "How long a broker waits for an answer of the controller."),
    ("port", "Port to listen on where listeners is not set."),
    ("host.name", "Host to listen on where listeners is not set."),
    ("listeners", "Where this broker listens, as PLAINTEXT://host:port; the first counts."),
    ("advertised.host.name", "Host told to clients where advertised.listeners is not set."),
    ("advertised.port", "Port told to clients where advertised.listeners is not set."),
    ("advertised.listeners", "Where clients and other brokers are told to reach this broker."),
    ("socket.request.max.bytes", "Size of the largest request that is read."),
    ("connections.max.idle.ms", "Idle time after which a connection is closed."),
    (
        "broker.rack",
        "Where this broker stands: replicas are spread over racks, and consumers may read \
         from their own.",
    ),
    ("num.partitions", "Partitions of a topic whose creator does not say."),
    ("log.dir", "Directory of the log where log.dirs is not set."),
    ("log.dirs", "Directory of the log; the first counts."),
    (
        "log.roll.hours",
        "segment.ms of topics that do not set it, in hours, unless log.roll.ms is set.",
    ),
    (
        "log.roll.jitter.hours",
        "segment.jitter.ms of topics that do not set it, in hours, unless log.roll.jitter.ms \
         is set.",
    ),
    (
        "log.retention.minutes",
        "retention.ms of topics that do not set it, in minutes, unless log.retention.ms is \
         set.",
    ),
    (
        "log.retention.hours",
        "retention.ms of topics that do not set it, in hours, unless a finer config is set.",
    ),
    ("log.retention.check.interval.ms", "Time between two looks for segments to drop."),
    ("log.cleaner.backoff.ms", "Time between two looks for logs to compact."),
    ("log.cleaner.enable", "Whether logs are compacted at all."),
    ("log.flush.scheduler.interval.ms", "Time between two looks for logs to force to disk."),
    ("log.flush.offset.checkpoint.interval.ms", "Time between two writes of the recovery points."),
    (
        "log.flush.start.offset.checkpoint.interval.ms",
        "Time between two writes of the log start offsets.",
    ),
    ("auto.create.topics.enable", "Whether asking for a topic's metadata creates it."),
    ("controller.socket.timeout.ms", "How long the controller waits for a broker's answer."),
    ("default.replication.factor", "Replicas of a topic whose creator does not say."),
    ("replica.lag.time.max.ms", "How long a follower may be behind before it leaves the ISR."),
    ("replica.socket.timeout.ms", "How long a follower waits for its leader's answer."),
    ("replica.fetch.max.bytes", "Bytes of one partition that a follower asks for at once."),
    (
        "replica.fetch.wait.max.ms",
        "How long a leader may keep a follower's fetch waiting for records.",
    ),
    ("replica.fetch.backoff.ms", "How long a follower waits after a failed fetch."),
    ("replica.fetch.min.bytes", "Bytes for which a leader keeps a follower's fetch waiting."),
    (
        "replica.fetch.response.max.bytes",
        "Bytes of all partitions that a follower asks for at once.",
    ),
    (
        "replica.high.watermark.checkpoint.interval.ms",
        "Time between two writes of the high watermarks.",
    ),
    (
        "auto.leader.rebalance.enable",
        "Whether the controller gives leadership back to preferred replicas.",
    ),
    (
        "leader.imbalance.per.broker.percentage",
        "Share of a broker's partitions led by others beyond which the controller gives them \
         back.",
    ),
    ("leader.imbalance.check.interval.seconds", "Time between two looks for such brokers."),
    (
        "replica.selector.class",
        "With org.apache.kafka.common.replica.RackAwareReplicaSelector consumers read from a \
         follower in their rack.",
    ),
    (
        "controlled.shutdown.max.retries",
        "How often a stopping broker tries to hand over its leadership.",
    ),
    ("controlled.shutdown.retry.backoff.ms", "Time between two such tries."),
    ("controlled.shutdown.enable", "Whether a stopping broker hands over its leadership first."),
    ("group.min.session.timeout.ms", "Shortest session timeout that a member may ask for."),
    ("group.max.session.timeout.ms", "Longest session timeout that a member may ask for."),
    (
        "group.initial.rebalance.delay.ms",
        "How long an empty group waits for more members when the first comes.",
    ),
    ("group.max.size", "Members that a group may have."),
    ("offset.metadata.max.bytes", "Size of the text that may be committed with an offset."),
    ("offsets.load.buffer.size", "Bytes read at once when a coordinator takes over a group."),
    ("offsets.topic.replication.factor", "Replicas of the topic of offsets when it is made."),
    ("offsets.topic.num.partitions", "Partitions of the topic of offsets when it is made."),
    ("offsets.topic.segment.bytes", "Size of its segments."),
    ("offsets.retention.minutes", "How long the offsets of a group without members are kept."),
    ("offsets.retention.check.interval.ms", "Time between two looks for offsets to drop."),
    ("offsets.commit.timeout.ms", "How long a commit may wait for its replicas."),
    (
        "offsets.commit.required.acks",
        "Which replicas must have a commit before it counts; -1 for all in sync.",
    ),
    ("delete.topic.enable", "Whether topics can be deleted."),
    ("transactional.id.expiration.ms", "How long the state of an idle producer is kept."),
    (
        "transaction.state.log.min.isr",
        "min.insync.replicas of the topic of transactions when it is made.",
    ),
    (
        "transaction.state.log.replication.factor",
        "Replicas of the topic of transactions when it is made.",
    ),
    (
        "transaction.state.log.num.partitions",
        "Partitions of the topic of transactions when it is made.",
    ),
    ("transaction.state.log.segment.bytes", "Size of its segments."),
    ("max.incremental.fetch.session.cache.slots", "Fetch sessions that this broker remembers."),
    ("fetch.max.bytes", "Bytes that a fetch is answered with at most."),
];
