//! Liveness: after all faults have healed, everything converges.

use crate::base::{SortedMap, SortedSet, TopicPartition};
use crate::node::ProcessView;
use crate::node::view::{BrokerView, ReplicaView};

/// What has not converged yet, as sentences; nothing once all brokers run, one of them is the
/// controller, every partition is led, every ISR is full, every group is stable and no consumer lags.
/// Nothing is asked of the replicas of `excused` partitions. `before` are the log end offsets of
/// some time ago ([`log_end_offsets`]): a high watermark must have come that far, for consumers that
/// go on committing keep it from ever reaching the end.
pub fn unfinished(
    brokers_expected: usize,
    views: &[&ProcessView],
    before: &SortedMap<TopicPartition, i64>,
    excused: &SortedSet<TopicPartition>,
) -> Vec<String> {
    let mut left = Vec::new();
    let brokers: Vec<&BrokerView> = views
        .iter()
        .filter_map(|view| match view {
            ProcessView::Broker(broker) => Some(broker),
            _ => None,
        })
        .collect();
    let running = brokers.iter().filter(|broker| broker.state == "Running").count();
    if running < brokers_expected {
        left.push(format!("{running} of {brokers_expected} brokers run"));
    }
    let controllers = brokers.iter().filter(|broker| broker.controller_epoch.is_some()).count();
    if controllers != 1 {
        left.push(format!("{controllers} controllers"));
    }
    let mut led = SortedMap::new();
    // A replica that was taken off a broker that did not hear of it leads on for itself.
    let newest = newest_leaders(views);
    for broker in &brokers {
        for replica in broker.replicas.iter().filter(|replica| replica.is_leader) {
            if newest[&replica.partition].leader_epoch > replica.leader_epoch {
                continue;
            }
            led.insert(&replica.partition, replica.high_watermark);
            if excused.contains(&replica.partition) {
                continue;
            }
            if replica.isr.len() < replica.assigned_replicas.len() {
                let (partition, isr) = (&replica.partition, &replica.isr);
                left.push(format!("{partition}: the ISR is {isr:?}"));
            }
            let end = before.get(&replica.partition).copied().unwrap_or(replica.log_end_offset);
            if replica.high_watermark < end.min(replica.log_end_offset) {
                let (partition, hw, leo) =
                    (&replica.partition, replica.high_watermark, replica.log_end_offset);
                left.push(format!("{partition}: high watermark {hw} of {leo}"));
            }
        }
        for group in broker.groups.iter().filter(|group| group.state != "Empty") {
            if group.state != "Stable" && group.state != "Dead" {
                left.push(format!("group {} is {}", group.group, group.state));
            }
        }
    }
    for broker in &brokers {
        for replica in &broker.replicas {
            if !led.contains_key(&replica.partition) && !excused.contains(&replica.partition) {
                left.push(format!("{} has no leader", replica.partition));
            }
        }
    }
    for view in views {
        match view {
            ProcessView::Producer(producer) if producer.pending > 0 => {
                left.push(format!("{}: {} records pending", producer.client_id, producer.pending));
            }
            ProcessView::Consumer(consumer) => {
                if consumer.state != "Stable" {
                    left.push(format!("{} is {}", consumer.client_id, consumer.state));
                }
                for owned in &consumer.owned {
                    let partition = &owned.partition;
                    // A leader says the high watermark to a fetch session once; who lost its
                    // partition and got it again does not know it until the next record.
                    let lag = match led.get(partition) {
                        Some(end) if owned.lag < 0 && owned.position >= 0 => end - owned.position,
                        _ => owned.lag,
                    };
                    if lag == 0 || (lag < 0 && excused.contains(partition)) {
                        continue;
                    }
                    left.push(format!("{}: {partition} lags {lag}", consumer.client_id));
                }
            }
            _ => {}
        }
    }
    left
}

/// Who leads in the newest epoch, by partition. Others may believe to lead in older ones.
pub(super) fn newest_leaders<'a>(
    views: &[&'a ProcessView],
) -> SortedMap<&'a TopicPartition, &'a ReplicaView> {
    let mut leaders: SortedMap<&TopicPartition, &ReplicaView> = SortedMap::new();
    for (_, replica) in replicas(views).filter(|(_, replica)| replica.is_leader) {
        let newest = leaders.entry(&replica.partition).or_insert(replica);
        if newest.leader_epoch < replica.leader_epoch {
            *newest = replica;
        }
    }
    leaders
}

/// All replicas that are shown, with their brokers.
pub(super) fn replicas<'a>(
    views: &[&'a ProcessView],
) -> impl Iterator<Item = (i32, &'a ReplicaView)> {
    let brokers = views.iter().filter_map(|view| match view {
        ProcessView::Broker(broker) => Some(broker),
        _ => None,
    });
    brokers.flat_map(|broker| broker.replicas.iter().map(|replica| (broker.broker_id, replica)))
}

/// Where the logs of the leaders end, by partition.
pub fn log_end_offsets(views: &[&ProcessView]) -> SortedMap<TopicPartition, i64> {
    let leaders = replicas(views).map(|(_, replica)| replica).filter(|replica| replica.is_leader);
    leaders.map(|replica| (replica.partition.clone(), replica.log_end_offset)).collect()
}
