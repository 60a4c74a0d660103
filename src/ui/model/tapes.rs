//! Broker cards and the tapes on them: one row a replica, one cell a record. All replicas of a
//! partition share one offset axis, so a copy that lags is simply a shorter tape.

use super::groups::GroupFrame;
use super::keys::{KeyMark, KeyTable};
use super::partitions::{PartitionState, broker_view, is_alive};
use super::status::NodeStatus;
use crate::base::{ProcessId, SortedMap, SortedSet, Time, TopicPartition};
use crate::node::view::{BrokerView, ReplicaView};
use crate::ui::shared::Shared;
use crate::world::picture::{Picture, ProcessCard};

/// A broker on the stage.
#[derive(Clone, PartialEq, Debug)]
pub struct BrokerCard {
    /// Its process.
    pub process: ProcessId,
    /// Its process's name.
    pub name: String,
    /// `broker.id`, once it is known.
    pub broker_id: Option<i32>,
    /// Its machine.
    pub machine: String,
    /// How it is doing.
    pub status: NodeStatus,
    /// The controller epoch, when it is the active controller.
    pub controller: Option<i32>,
    /// Replicas of the topics shown.
    pub rows: Vec<TapeRow>,
    /// Topics that are not shown: name, partitions led here, partitions here.
    pub folded: Vec<(String, usize, usize)>,
}

/// What a replica is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Role {
    /// It leads.
    Leader,
    /// It copies.
    Follower,
    /// It led when its broker died.
    WasLeader,
}

/// One replica.
#[derive(Clone, PartialEq, Debug)]
pub struct TapeRow {
    /// Of which partition.
    pub partition: TopicPartition,
    /// What it is.
    pub role: Role,
    /// Leader epoch as this broker knows it.
    pub leader_epoch: i32,
    /// Offset at the left end of the axis.
    pub axis: i64,
    /// Whether older records exist off screen.
    pub torn: bool,
    /// The records shown.
    pub cells: Vec<Cell>,
    /// Log end offset.
    pub log_end: i64,
    /// High watermark as this replica knows it.
    pub high_watermark: i64,
    /// Offsets that the replica still lacks, or the next one of the leader.
    pub empty: Vec<i64>,
    /// Records behind the leader; none on the leader and while nobody leads.
    pub behind: Option<i64>,
    /// On the leader: the replicas in assignment order, and whether each is in sync.
    pub replicas: Vec<(i32, bool)>,
    /// On the leader: the groups' committed offsets.
    pub bookmarks: Vec<(String, i64)>,
    /// Whether nobody leads the partition.
    pub offline: bool,
}

/// How a record looks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CellLook {
    /// On the leader and committed.
    Lead,
    /// On a follower.
    Follow,
    /// At or above the high watermark: not readable yet.
    Open,
    /// On a dead broker.
    Dead,
    /// On a dead broker, and nowhere else.
    Risk,
    /// Cut off the log.
    Lost,
}

/// One record.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Cell {
    /// Its offset.
    pub offset: i64,
    /// How it looks.
    pub look: CellLook,
    /// Hue and letter of its key.
    pub mark: KeyMark,
}

/// Records that were cut off a replica's log: when, and offset and mark of each.
pub type CutRecords = SortedMap<(ProcessId, TopicPartition), (Time, Vec<(i64, KeyMark)>)>;

/// What the cards are made from besides the picture.
pub struct TapeInputs<'a> {
    /// The partitions.
    pub partitions: &'a SortedMap<TopicPartition, PartitionState>,
    /// The keys.
    pub keys: &'a KeyTable,
    /// The groups, for their committed offsets.
    pub groups: &'a [GroupFrame],
    /// Topics that are folded away.
    pub hidden: &'a SortedSet<String>,
    /// Records recently cut off.
    pub cut: &'a CutRecords,
    /// Cells that fit on a tape.
    pub slots: usize,
}

/// The card of each broker, in the order of the picture; an unchanged card is the one of `before`.
pub fn broker_cards(
    picture: &Picture,
    inputs: &TapeInputs<'_>,
    before: &[Shared<BrokerCard>],
) -> Vec<Shared<BrokerCard>> {
    let brokers =
        picture.processes.iter().filter(|card| card.program == crate::node::Program::Broker);
    brokers
        .map(|card| {
            let made = broker_card(picture, card, inputs);
            match before.iter().find(|old| old.process == card.id) {
                Some(old) => old.renewed(made),
                None => Shared::new(made),
            }
        })
        .collect()
}

fn broker_card(picture: &Picture, card: &ProcessCard, inputs: &TapeInputs<'_>) -> BrokerCard {
    let view = broker_view(card);
    let alive = is_alive(card);
    let mut made = BrokerCard {
        process: card.id,
        name: card.name.clone(),
        broker_id: view.map(|view| view.broker_id),
        machine: card.machine.clone(),
        status: NodeStatus::of(card, picture),
        controller: view.and_then(|view| view.controller_epoch).filter(|_| alive),
        rows: Vec::new(),
        folded: Vec::new(),
    };
    for replica in view.map(|view| view.replicas.as_slice()).unwrap_or_default() {
        let topic = &replica.partition.topic;
        if inputs.hidden.contains(topic) {
            fold(&mut made.folded, topic, replica.is_leader);
        } else if let (Some(view), Some(state)) = (view, inputs.partitions.get(&replica.partition))
        {
            made.rows.push(tape_row(card.id, alive, view, replica, state, inputs));
        }
    }
    made
}

fn fold(folded: &mut Vec<(String, usize, usize)>, topic: &str, leads: bool) {
    let at = folded.iter().position(|(name, ..)| name == topic).unwrap_or_else(|| {
        folded.push((topic.to_owned(), 0, 0));
        folded.len() - 1
    });
    folded[at].1 += usize::from(leads);
    folded[at].2 += 1;
}

fn tape_row(
    process: ProcessId,
    alive: bool,
    view: &BrokerView,
    replica: &ReplicaView,
    state: &PartitionState,
    inputs: &TapeInputs<'_>,
) -> TapeRow {
    let leads = alive && state.leader == Some(view.broker_id);
    let role = match (leads, replica.is_leader) {
        (true, _) => Role::Leader,
        (false, true) => Role::WasLeader,
        (false, false) => Role::Follower,
    };
    let slots = inputs.slots.max(4) as i64;
    let axis = (state.end() + 1 - slots).max(0);
    let leader_end = state.leader.and_then(|leader| state.log_end.get(&leader)).copied();
    let mut cells = record_cells(alive, leads, replica, state, inputs, axis);
    let cut = inputs.cut.get(&(process, replica.partition.clone()));
    for (offset, mark) in cut.map(|(_, cells)| cells.as_slice()).unwrap_or_default() {
        if *offset >= replica.log_end_offset && *offset >= axis && *offset < axis + slots {
            cells.push(Cell { offset: *offset, look: CellLook::Lost, mark: mark.clone() });
        }
    }
    let lacks = if leads { replica.log_end_offset + 1 } else { leader_end.unwrap_or(0) };
    let empty = (replica.log_end_offset..lacks.min(replica.log_end_offset + 3))
        .filter(|offset| alive && *offset >= axis && *offset < axis + slots)
        .filter(|offset| !cells.iter().any(|cell| cell.offset == *offset));
    TapeRow {
        partition: replica.partition.clone(),
        role,
        leader_epoch: replica.leader_epoch,
        axis,
        torn: axis > replica.log_start_offset,
        log_end: replica.log_end_offset,
        high_watermark: replica.high_watermark,
        empty: empty.collect(),
        behind: leader_end.filter(|_| !leads && alive).map(|end| end - replica.log_end_offset),
        replicas: if leads {
            state.assigned.iter().map(|id| (*id, state.isr.contains(id))).collect()
        } else {
            Vec::new()
        },
        bookmarks: if leads { bookmarks(&replica.partition, inputs.groups) } else { Vec::new() },
        offline: state.leader.is_none(),
        cells,
    }
}

fn record_cells(
    alive: bool,
    leads: bool,
    replica: &ReplicaView,
    state: &PartitionState,
    inputs: &TapeInputs<'_>,
    axis: i64,
) -> Vec<Cell> {
    let shown = replica.records.iter().filter(|record| record.offset >= axis);
    shown
        .map(|record| {
            let look = match (alive, leads) {
                (false, _) if record.offset >= state.live_end => CellLook::Risk,
                (false, _) => CellLook::Dead,
                (true, _) if record.offset >= state.high_watermark => CellLook::Open,
                (true, true) => CellLook::Lead,
                (true, false) => CellLook::Follow,
            };
            let mut mark = inputs.keys.mark(record.key.as_deref());
            if record.control {
                mark = KeyMark { hue: None, letter: "c".to_owned() };
            }
            Cell { offset: record.offset, look, mark }
        })
        .collect()
}

fn bookmarks(partition: &TopicPartition, groups: &[GroupFrame]) -> Vec<(String, i64)> {
    let mut marks: Vec<(String, i64)> = Vec::new();
    for group in groups {
        let Some(offset) = group.committed.get(partition) else { continue };
        match marks.iter_mut().find(|(_, at)| at == offset) {
            Some((tags, _)) => *tags = format!("{tags} {}", group.tag),
            None => marks.push((group.tag.clone(), *offset)),
        }
    }
    marks
}
