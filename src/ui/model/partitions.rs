//! The truth about each partition, put together from what the replicas' brokers say. The claim with
//! the highest leader epoch counts; a cut-off broker may still believe in an older one.

use crate::base::{SortedMap, TopicPartition};
use crate::node::ProcessView;
use crate::node::view::{BrokerView, ReplicaView};
use crate::world::picture::{Picture, ProcessCard, ProcessState};

/// A partition as the cluster stands.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PartitionState {
    /// Which.
    pub partition: TopicPartition,
    /// The broker that leads, none while nobody does.
    pub leader: Option<i32>,
    /// The highest leader epoch that anybody alive knows.
    pub leader_epoch: i32,
    /// The in-sync replicas of that epoch.
    pub isr: Vec<i32>,
    /// The replicas in assignment order.
    pub assigned: Vec<i32>,
    /// The leader's high watermark, or the highest one known.
    pub high_watermark: i64,
    /// Log end offset by broker, of the dead ones the last known.
    pub log_end: SortedMap<i32, i64>,
    /// The highest log end offset on a broker that is alive.
    pub live_end: i64,
}

impl PartitionState {
    /// The highest log end offset anywhere.
    pub fn end(&self) -> i64 {
        self.log_end.values().copied().max().unwrap_or(0)
    }

    /// `Healthy`, `Under-replicated` or `Offline`.
    pub fn health(&self) -> &'static str {
        match self.leader {
            None => "Offline",
            Some(_) if self.isr.len() < self.assigned.len() => "Under-replicated",
            Some(_) => "Healthy",
        }
    }
}

/// The broker of a card, if it is one that has shown itself.
pub fn broker_view(card: &ProcessCard) -> Option<&BrokerView> {
    match card.view.as_deref() {
        Some(ProcessView::Broker(view)) => Some(view),
        _ => None,
    }
}

/// Whether a process has a life.
pub fn is_alive(card: &ProcessCard) -> bool {
    !matches!(card.state, ProcessState::Dead { .. })
}

/// All partitions, by topic and number.
pub fn partitions(picture: &Picture) -> SortedMap<TopicPartition, PartitionState> {
    let mut claims: SortedMap<TopicPartition, Vec<(bool, i32, &ReplicaView)>> = SortedMap::new();
    for card in &picture.processes {
        let Some(view) = broker_view(card) else { continue };
        for replica in &view.replicas {
            let claim = (is_alive(card), view.broker_id, replica);
            claims.entry(replica.partition.clone()).or_default().push(claim);
        }
    }
    claims
        .into_iter()
        .map(|(partition, claims)| (partition.clone(), judge(partition, &claims)))
        .collect()
}

fn judge(partition: TopicPartition, claims: &[(bool, i32, &ReplicaView)]) -> PartitionState {
    let believed = |alive_only: bool| {
        claims
            .iter()
            .filter(|(alive, ..)| *alive || !alive_only)
            .max_by_key(|(_, _, replica)| (replica.leader_epoch, replica.is_leader))
    };
    let best = believed(true).or_else(|| believed(false));
    let leader = best.filter(|(alive, _, replica)| *alive && replica.is_leader && replica.online);
    let highest = claims.iter().map(|(_, _, replica)| replica.high_watermark).max();
    PartitionState {
        leader: leader.map(|(_, broker, _)| *broker),
        leader_epoch: best.map_or(-1, |(_, _, replica)| replica.leader_epoch),
        isr: best.map(|(_, _, replica)| replica.isr.clone()).unwrap_or_default(),
        assigned: best.map(|(_, _, replica)| replica.assigned_replicas.clone()).unwrap_or_default(),
        high_watermark: leader
            .map_or(highest.unwrap_or(0), |(_, _, replica)| replica.high_watermark),
        log_end: claims
            .iter()
            .map(|(_, broker, replica)| (*broker, replica.log_end_offset))
            .collect(),
        live_end: claims
            .iter()
            .filter(|(alive, ..)| *alive)
            .map(|(_, _, replica)| replica.log_end_offset)
            .max()
            .unwrap_or(0),
        partition,
    }
}
