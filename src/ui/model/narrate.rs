//! Events in plain sentences, for the event list, the time line and the live regions.

use crate::base::trace::LogLevel;
use crate::base::{BrokerId, EventId, ProcessId, Time, TopicPartition, TraceEvent, TraceRecord};

/// How much an event matters to somebody who watches.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Weight {
    /// One of very many: a frame, an append.
    Detail,
    /// Worth a line.
    Plain,
    /// Worth hearing: a leader, the ISR, a membership.
    Change,
    /// A fault.
    Fault,
}

/// An event as a line of text.
#[derive(Clone, PartialEq, Debug)]
pub struct Line {
    /// The event.
    pub id: EventId,
    /// When.
    pub at: Time,
    /// How much it matters.
    pub weight: Weight,
    /// Name of its icon in the sprite.
    pub icon: &'static str,
    /// The sentence.
    pub text: String,
}

/// A server's log line.
#[derive(Clone, PartialEq, Debug)]
pub struct LogLine {
    /// The event.
    pub id: EventId,
    /// When.
    pub at: Time,
    /// Severity.
    pub level: LogLevel,
    /// Who wrote it.
    pub process: String,
    /// The class that writes it in Kafka.
    pub logger: String,
    /// Kafka's words.
    pub text: String,
}

/// Minutes, seconds and milliseconds since the world began.
pub fn clock_text(at: Time, epoch: Time) -> String {
    let millis = at.since(epoch).as_millis();
    let (hours, minutes) = (millis / 3_600_000, millis / 60_000 % 60);
    let rest = format!("{minutes:02}:{:02}.{:03}", millis / 1_000 % 60, millis % 1_000);
    if hours > 0 { format!("{hours}:{rest}") } else { rest }
}

/// The log line in `record`, if it is one.
pub fn log_line(record: &TraceRecord, name: &dyn Fn(ProcessId) -> String) -> Option<LogLine> {
    let TraceEvent::Logged { level, text, logger } = &record.event else { return None };
    Some(LogLine {
        id: record.id,
        at: record.at,
        level: *level,
        process: record.source.map(name).unwrap_or_default(),
        logger: logger.clone(),
        text: text.clone(),
    })
}

/// The sentence for `record`; none for log lines.
pub fn line(record: &TraceRecord, name: &dyn Fn(ProcessId) -> String) -> Option<Line> {
    let said = world(&record.event, name)
        .or_else(|| cluster(&record.event))
        .or_else(|| coordination(&record.event))
        .or_else(|| clients(record, name))?;
    let (weight, icon, text) = said;
    Some(Line { id: record.id, at: record.at, weight, icon, text })
}

type Said = Option<(Weight, &'static str, String)>;

fn world(event: &TraceEvent, name: &dyn Fn(ProcessId) -> String) -> Said {
    use TraceEvent as E;
    let said = match event {
        E::ActionTaken { text } => (Weight::Plain, "term", format!("Action: {}.", shortened(text))),
        E::ProcessStarted { process, incarnation } if incarnation.0 > 1 => (
            Weight::Change,
            "restart",
            format!("{} started again (life {}).", name(*process), incarnation.0),
        ),
        E::ProcessStarted { process, .. } => {
            (Weight::Plain, "up", format!("{} started.", name(*process)))
        }
        E::ProcessKilled { process } => {
            (Weight::Fault, "kill", format!("{} was killed.", name(*process)))
        }
        E::ProcessExited { process, failure: false, message } => {
            (Weight::Change, "close", format!("{} ended: {message}.", name(*process)))
        }
        E::ProcessExited { process, message, .. } => {
            (Weight::Fault, "kill", format!("{} exited with a failure: {message}.", name(*process)))
        }
        E::ProcessCrashed { process, message } => {
            (Weight::Fault, "kill", format!("{} crashed: {message}.", name(*process)))
        }
        E::ProcessPaused { process } => {
            (Weight::Fault, "gc", format!("{} was paused.", name(*process)))
        }
        E::ProcessResumed { process } => {
            (Weight::Change, "up", format!("{} works again.", name(*process)))
        }
        E::MachinePoweredOff { machine } => {
            (Weight::Fault, "power", format!("{machine} lost power."))
        }
        E::MachinePoweredOn { machine } => {
            (Weight::Change, "power", format!("{machine} has power again."))
        }
        E::MachineIsolated { machine, inbound, outbound } => {
            let how = match (inbound, outbound) {
                (true, false) => "hears nothing",
                (false, true) => "is not heard",
                _ => "was cut from the network",
            };
            (Weight::Fault, "isolate", format!("{machine} {how}."))
        }
        E::MachineHealed { machine } => {
            (Weight::Change, "tick", format!("{machine} is connected again."))
        }
        E::FileCut { process, file, from, to } => (
            Weight::Plain,
            "disk",
            format!("The power cut left {to} of {from} bytes of {file} on {}.", name(*process)),
        ),
        E::ConnectionOpened { from, to, .. } => {
            (Weight::Detail, "right", format!("{} connected to {}.", name(*from), name(*to)))
        }
        E::ConnectionRefused { conn } => {
            (Weight::Detail, "x", format!("{}: connection refused.", name(conn.opener)))
        }
        E::ConnectionClosed { at, reset, .. } => {
            let how = if *reset { "reset" } else { "closed" };
            (Weight::Detail, "x", format!("A connection of {} was {how}.", name(*at)))
        }
        E::FrameSent { from, to, bytes, .. } => (
            Weight::Detail,
            "right",
            format!("{} sent {bytes} bytes to {}.", name(*from), name(*to)),
        ),
        E::FrameLost { .. } => (Weight::Detail, "x", "A message was lost.".to_owned()),
        _ => return None,
    };
    Some(said)
}

fn cluster(event: &TraceEvent) -> Said {
    use TraceEvent as E;
    let said = match event {
        E::ControllerElected { broker, epoch } => {
            (Weight::Change, "crown", format!("Broker {broker} is the controller, epoch {epoch}."))
        }
        E::ControllerResigned { broker, epoch } => (
            Weight::Change,
            "crown",
            format!("Broker {broker} is no longer the controller (epoch {epoch})."),
        ),
        E::BrokersChanged { added, removed } => {
            let mut words = Vec::new();
            if !added.is_empty() {
                words.push(format!("{} joined", brokers(added)));
            }
            if !removed.is_empty() {
                words.push(format!("{} left", brokers(removed)));
            }
            (Weight::Change, "d-coord", format!("The controller saw that {}.", words.join(", ")))
        }
        E::LeaderElected { partition, leader, leader_epoch, isr, .. } => (
            Weight::Change,
            "lead",
            format!(
                "Broker {leader} leads {partition}, epoch {leader_epoch}, in sync {}.",
                list(isr)
            ),
        ),
        E::PartitionWentOffline { partition, .. } => {
            (Weight::Fault, "x", format!("{partition} is offline: no in-sync replica is alive."))
        }
        E::TopicCreated { topic, partitions, replication_factor } => (
            Weight::Change,
            "plus",
            format!("Topic {topic} was created: {partitions} partitions × {replication_factor}."),
        ),
        E::TopicDeleted { topic } => (Weight::Change, "x", format!("Topic {topic} was deleted.")),
        E::ReplicasReassigned { partition, replicas, adding, removing } => {
            let text = if adding.is_empty() && removing.is_empty() {
                format!("{partition} has its replicas on {} now.", brokers(replicas))
            } else {
                format!(
                    "{partition} is moving: replicas to come {}, to go {}.",
                    list(adding),
                    list(removing)
                )
            };
            (Weight::Change, "d-coord", text)
        }
        E::BecameLeader { partition, broker, leader_epoch, .. } => (
            Weight::Plain,
            "lead",
            format!("Broker {broker} took up leading {partition} in epoch {leader_epoch}."),
        ),
        E::BecameFollower { partition, broker, leader, .. } => (
            Weight::Plain,
            "foll",
            format!("Broker {broker} follows broker {leader} for {partition}."),
        ),
        E::Appended { partition, broker, base_offset, last_offset, as_leader, .. } => {
            let how = if *as_leader { "stored" } else { "copied" };
            let which = offsets(*base_offset, *last_offset);
            (Weight::Detail, "disk", format!("Broker {broker} {how} {which} of {partition}."))
        }
        E::Truncated { partition, broker, from, to } => (
            Weight::Change,
            "ghost",
            format!("Broker {broker} cut {} off its copy of {partition}.", offsets(*to, *from - 1)),
        ),
        E::LogRecovered { partition, broker, log_end_offset, bytes_dropped } => {
            let dropped = match bytes_dropped {
                0 => String::new(),
                bytes => format!(", {bytes} torn bytes dropped"),
            };
            (
                Weight::Plain,
                "restart",
                format!("Broker {broker} recovered {partition} up to {log_end_offset}{dropped}."),
            )
        }
        E::HighWatermarkAdvanced { partition, broker, to, leader: true, .. } => (
            Weight::Detail,
            "tick",
            format!("{partition}: high watermark {to} on its leader, broker {broker}."),
        ),
        E::HighWatermarkAdvanced { partition, broker, to, .. } => (
            Weight::Detail,
            "tick",
            format!("{partition}: broker {broker} knows high watermark {to}."),
        ),
        E::IsrShrunk { partition, isr, out, .. } => (
            Weight::Change,
            "warn",
            format!("{} fell out of sync with {partition}; in sync {}.", brokers(out), list(isr)),
        ),
        E::IsrExpanded { partition, isr, added, .. } => (
            Weight::Change,
            "tick",
            format!("{} is back in sync with {partition}; in sync {}.", brokers(added), list(isr)),
        ),
        _ => return None,
    };
    Some(said)
}

fn coordination(event: &TraceEvent) -> Said {
    use TraceEvent as E;
    let said = match event {
        E::ZooKeeperRoleChanged { role, epoch } => {
            (Weight::Plain, "d-coord", format!("A ZooKeeper server is {role}, epoch {epoch}."))
        }
        E::ZooKeeperEpochEntered { epoch } => (
            Weight::Plain,
            "d-coord",
            format!("A ZooKeeper server has the history of epoch {epoch} on its disk."),
        ),
        E::SessionCreated { session, timeout_ms } => (
            Weight::Plain,
            "watch",
            format!("ZooKeeper session 0x{session:x} began, timeout {timeout_ms} ms."),
        ),
        E::SessionClosed { session } => {
            (Weight::Plain, "watch", format!("ZooKeeper session 0x{session:x} was closed."))
        }
        E::SessionExpired { session } => {
            (Weight::Change, "wait", format!("ZooKeeper session 0x{session:x} expired."))
        }
        E::TransactionApplied { zxid, op, path } => {
            (Weight::Detail, "d-coord", format!("ZooKeeper applied {op} {path} (zxid 0x{zxid:x})."))
        }
        E::WatchFired { path, kind, .. } => {
            (Weight::Detail, "watch", format!("A watch on {path} fired: {kind}."))
        }
        E::RebalanceStarted { group, reason, .. } => {
            (Weight::Change, "d-group", format!("Group {group} rebalances: {reason}."))
        }
        E::MemberJoined { group, member } => {
            (Weight::Change, "plus", format!("{} joined group {group}.", short(member)))
        }
        E::MemberLeft { group, member, reason } => {
            (Weight::Change, "close", format!("{} left group {group}: {reason}.", short(member)))
        }
        E::MemberReplaced { group, instance, .. } => (
            Weight::Change,
            "plus",
            format!("{instance} came back to group {group} and keeps its partitions."),
        ),
        E::GroupStabilized { group, generation, members } => (
            Weight::Change,
            "d-group",
            format!("Group {group} is stable: generation {generation}, {} members.", members.len()),
        ),
        E::OffsetCommitted { group, partition, offset, .. } => {
            (Weight::Detail, "tick", format!("Group {group} committed {partition} up to {offset}."))
        }
        _ => return None,
    };
    Some(said)
}

fn clients(record: &TraceRecord, name: &dyn Fn(ProcessId) -> String) -> Said {
    use TraceEvent as E;
    let who = || record.source.map(name).unwrap_or_default();
    let said = match &record.event {
        E::RecordSent { record, partition, .. } => {
            (Weight::Plain, "d-produce", format!("{} sends record {record} to {partition}.", who()))
        }
        E::RecordAcknowledged { record, partition, offset: -1, .. } => (
            Weight::Detail,
            "tick",
            format!("{} counts record {record} to {partition} as sent (acks=0).", who()),
        ),
        E::RecordAcknowledged { record, partition, offset, .. } => (
            Weight::Plain,
            "tick",
            format!("{} has its record {record} acknowledged: {partition} at {offset}.", who()),
        ),
        E::RecordFailed { record, error } => {
            (Weight::Fault, "x", format!("{} gave up record {record}: {error}.", who()))
        }
        E::RecordRetried { record, partition, error } => (
            Weight::Plain,
            "restart",
            format!("{} sends record {record} to {partition} again: {error}.", who()),
        ),
        E::PartitionsAssigned { group, partitions, .. } => {
            let given = match partitions.as_slice() {
                [] => "nothing".to_owned(),
                some => some.iter().map(TopicPartition::to_string).collect::<Vec<_>>().join(", "),
            };
            (Weight::Change, "d-group", format!("{} was given {given} in group {group}.", who()))
        }
        E::PartitionsRevoked { group, partitions, lost, .. } => {
            let names: Vec<_> = partitions.iter().map(TopicPartition::to_string).collect();
            let (how, names) = (if *lost { "lost" } else { "gave up" }, names.join(", "));
            (Weight::Change, "d-group", format!("{} {how} {names} in group {group}.", who()))
        }
        E::RecordConsumed { partition, offset, .. } => {
            (Weight::Plain, "d-fetch", format!("{} read {partition} at {offset}.", who()))
        }
        _ => return queue(record, name),
    };
    Some(said)
}

fn queue(record: &TraceRecord, name: &dyn Fn(ProcessId) -> String) -> Said {
    use TraceEvent as E;
    let who = record.source.map(name).unwrap_or_default();
    let said = match &record.event {
        E::QueueMessageSent { number, .. } => {
            (Weight::Plain, "d-produce", format!("{who} sends message {number} to the queue."))
        }
        E::QueueMessageStored { message, .. } => {
            (Weight::Plain, "tick", format!("{who} has stored message {message}."))
        }
        E::QueueMessageDelivered { message, receiver, deliveries: 0..=1 } => {
            (Weight::Plain, "d-fetch", format!("{who} hands message {message} to {receiver}."))
        }
        E::QueueMessageDelivered { message, receiver, deliveries } => (
            Weight::Change,
            "restart",
            format!("{who} hands message {message} to {receiver}: delivery {deliveries}."),
        ),
        E::QueueMessageConsumed { message, .. } => {
            (Weight::Plain, "d-fetch", format!("{who} read message {message}."))
        }
        E::QueueMessageReturned { message, receiver } => (
            Weight::Change,
            "restart",
            format!("Message {message} is back in the queue: {receiver} is gone."),
        ),
        E::QueueMessageRemoved { message, receiver } => (
            Weight::Plain,
            "x",
            format!("{receiver} acknowledged message {message}: it is gone from the queue."),
        ),
        _ => return None,
    };
    Some(said)
}

/// An action in one line: a pasted file is an action too, and nobody reads it here.
fn shortened(text: &str) -> String {
    const LONGEST: usize = 160;
    match text.char_indices().nth(LONGEST) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}… ({} bytes)", &text[..end], text.len()),
    }
}

/// A member id without the UUID that the coordinator puts behind the client id.
fn short(member: &str) -> &str {
    const UUID: usize = 36;
    match member.len().checked_sub(UUID + 1).and_then(|at| member.split_at_checked(at)) {
        Some((client, rest)) if rest.starts_with('-') && !client.is_empty() => client,
        _ => member,
    }
}

fn list(ids: &[BrokerId]) -> String {
    ids.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

fn brokers(ids: &[BrokerId]) -> String {
    format!("broker{} {}", if ids.len() == 1 { "" } else { "s" }, list(ids))
}

fn offsets(first: i64, last: i64) -> String {
    if first >= last { format!("offset {first}") } else { format!("offsets {first} to {last}") }
}
