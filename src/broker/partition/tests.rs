use super::*;
use crate::base::trace::LogLevel;
use crate::disk::Volume;
use crate::log::{AppendOrigin, LogStart};
use crate::wire::batch::RecordBatchBuilder;
use crate::wire::kafka::AlterIsrResponsePartitionData;
use bytes::Bytes;

const LAG: Span = Span::from_secs(30);

fn batch(value: &str) -> Bytes {
    let mut builder = RecordBatchBuilder::default();
    builder.append(1_000, None, Some(value.as_bytes()), &[]);
    builder.build()
}

/// A replica on its broker's disk.
struct Replica {
    volume: Volume,
    partition: Partition,
    changes: Changes,
}

fn id() -> TopicPartition {
    TopicPartition::new("t", 0)
}

fn at(millis: u64) -> Time {
    Time::from_millis(1_000_000 + millis)
}

impl Replica {
    fn new(broker: i32, min_insync_replicas: usize) -> Self {
        let mut volume = Volume::default();
        let partition = Self::open(&mut volume, broker, min_insync_replicas, 0);
        Self { volume, partition, changes: Changes::default() }
    }

    fn open(volume: &mut Volume, broker: i32, min: usize, high_watermark: i64) -> Partition {
        let log = LogConfig::default();
        let config = PartitionConfig {
            broker,
            lag_time_max: LAG,
            min_insync_replicas: min,
            log: log.clone(),
        };
        let start =
            LogStart { is_clean: false, recovery_point: 0, log_start_offset: 0, now: at(0) };
        let (log, _) = PartitionLog::open(volume, id(), log, start).expect("a good disk");
        Partition::new(id(), config, log, high_watermark, volume)
    }

    /// The process dies and comes back with this high watermark from its checkpoint.
    fn restart(&mut self, high_watermark: i64) {
        let broker = self.partition.config.broker;
        self.partition = Self::open(&mut self.volume, broker, 1, high_watermark);
    }

    fn lead(&mut self, epoch: i32, isr: &[i32], now: Time) {
        let state = state(self.partition.config.broker, epoch, isr);
        let (volume, changes) = (&mut self.volume, &mut self.changes);
        self.partition.make_leader(&state, volume, now, changes).expect("a good disk");
    }

    fn follow(&mut self, leader: i32, epoch: i32) {
        self.partition.make_follower(&state(leader, epoch, &[]), &mut self.changes);
        let started = self.partition.start_fetching(&mut self.volume, at(0), &mut self.changes);
        started.expect("a good disk");
    }

    fn produce(&mut self, value: &str, acks: i16, now: Time) -> Result<i64, ErrorCode> {
        let (volume, changes) = (&mut self.volume, &mut self.changes);
        let appended = self.partition.append_records_to_leader(
            &batch(value),
            AppendOrigin::Client,
            acks,
            volume,
            now,
            changes,
        );
        appended.map(|info| info.base_offset).map_err(|error| error.code)
    }

    fn fetched_by(&mut self, follower: i32, offset: i64, now: Time) {
        let changes = &mut self.changes;
        assert!(self.partition.update_follower_fetch_state(follower, offset, 0, now, changes));
    }

    /// The controller agrees to the proposed ISR.
    fn agree(&mut self, now: Time) {
        let proposal = self.changes.proposals.pop().expect("a proposal");
        let answer = AlterIsrResponsePartitionData {
            leader_epoch: proposal.leader_epoch,
            isr: proposal.new_isr.clone(),
            current_isr_version: proposal.isr_version + 1,
            ..Default::default()
        };
        self.partition.on_alter_isr(&answer, &proposal, now, &mut self.changes);
    }

    fn values(&self) -> Vec<String> {
        let records = self.partition.log().newest_records(&self.volume, usize::MAX);
        records.into_iter().filter_map(|record| record.value.clone()).collect()
    }

    fn logged(&self, text: &str) -> bool {
        self.changes.events.iter().any(|event| {
            matches!(event, TraceEvent::Logged { text: logged, .. } if logged.contains(text))
        })
    }
}

fn state(leader: i32, leader_epoch: i32, isr: &[i32]) -> LeaderAndIsrPartitionState {
    LeaderAndIsrPartitionState {
        topic_name: "t".to_owned(),
        leader,
        leader_epoch,
        isr: isr.to_vec(),
        replicas: vec![1, 2, 3],
        zk_version: leader_epoch,
        ..Default::default()
    }
}

/// One fetch of a follower with everything that follows from it on both sides.
fn fetch(leader: &mut Replica, follower: &mut Replica, now: Time) {
    let me = follower.partition.config.broker;
    let offset = follower.partition.log().log_end_offset();
    let wanted = ReadRequest {
        fetch_offset: offset,
        current_leader_epoch: follower.partition.leader_epoch(),
        last_fetched_epoch: follower.partition.log().leader_epochs().latest().unwrap_or(-1),
        max_bytes: 1 << 20,
        at_least_one: true,
        isolation: FetchIsolation::LogEnd,
        from_leader_only: true,
    };
    let info = leader.partition.read_records(&wanted, &leader.volume).expect("in range");
    let (volume, changes) = (&mut follower.volume, &mut follower.changes);
    if let Some((epoch, end)) = info.diverging_epoch {
        follower
            .partition
            .truncate_to_divergence(epoch, end, volume, now, changes)
            .expect("good disk");
        return;
    }
    leader.fetched_by(me, offset, now);
    let appended = follower.partition.append_records_to_follower(
        &info.records,
        info.high_watermark,
        info.log_start_offset,
        volume,
        now,
        changes,
    );
    appended.expect("records of the leader");
}

#[test]
fn the_high_watermark_follows_the_next_fetch_of_every_in_sync_replica() {
    let mut leader = Replica::new(1, 1);
    leader.lead(0, &[1, 2, 3], at(0));
    assert_eq!(leader.produce("a", -1, at(1)), Ok(0));
    assert_eq!(leader.partition.produce_progress(1), ProduceProgress::Waiting);
    leader.fetched_by(2, 0, at(2));
    leader.fetched_by(3, 0, at(2));
    assert_eq!(leader.partition.high_watermark(), 0, "fetching from 0 proves nothing of record 0");
    leader.fetched_by(2, 1, at(3));
    assert_eq!(leader.partition.high_watermark(), 0);
    leader.fetched_by(3, 1, at(4));
    assert_eq!(leader.partition.high_watermark(), 1);
    assert_eq!(leader.partition.produce_progress(1), ProduceProgress::Committed);
}

#[test]
fn consumers_read_below_the_high_watermark_and_followers_to_the_end() {
    let mut leader = Replica::new(1, 1);
    leader.lead(0, &[1, 2], at(0));
    leader.produce("a", 1, at(1)).expect("appended");
    let read = |isolation, fetch_offset| {
        let wanted = ReadRequest {
            fetch_offset,
            current_leader_epoch: -1,
            last_fetched_epoch: -1,
            max_bytes: 1_000,
            at_least_one: true,
            isolation,
            from_leader_only: true,
        };
        leader.partition.read_records(&wanted, &leader.volume).map(|info| info.records.len())
    };
    let (consumer, follower) = (FetchIsolation::HighWatermark, FetchIsolation::LogEnd);
    assert_eq!(read(consumer, 0), Ok(0));
    assert_eq!(read(consumer, 1), Ok(0), "between high watermark and end: empty, no error");
    assert_eq!(read(consumer, 2), Err(ErrorCode::OFFSET_OUT_OF_RANGE));
    assert!(read(follower, 0).is_ok_and(|size| size > 0));
}

#[test]
fn a_laggard_leaves_the_isr_and_comes_back_when_it_has_caught_up() {
    let mut leader = Replica::new(1, 1);
    leader.lead(0, &[1, 2, 3], at(0));
    leader.produce("a", 1, at(1)).expect("appended");
    leader.fetched_by(3, 1, at(10));
    leader.partition.maybe_shrink_isr(at(30_000), &mut leader.changes);
    assert!(leader.changes.proposals.is_empty(), "exactly at the limit it may stay");
    leader.partition.maybe_shrink_isr(at(30_001), &mut leader.changes);
    assert!(leader.logged(
        "Shrinking ISR from 1,2,3 to 1,3. Leader: (highWatermark: 0, endOffset: 1). Out of sync replicas: (brokerId: 2, endOffset: -1)."
    ));
    assert_eq!(leader.partition.high_watermark(), 0, "2 may still be elected");
    leader.agree(at(30_050));
    assert_eq!(leader.partition.isr(), &IsrState::Committed(vec![1, 3]));
    assert_eq!(leader.partition.high_watermark(), 1, "the rest had it all along");
    leader.fetched_by(2, 0, at(30_060));
    assert!(leader.changes.proposals.is_empty(), "below the high watermark it stays out");
    leader.fetched_by(2, 1, at(30_070));
    assert_eq!(leader.partition.isr().proposed(), [1, 3, 2]);
    assert_eq!(leader.partition.isr().committed(), [1, 3]);
    leader.agree(at(30_080));
    assert_eq!(leader.partition.isr(), &IsrState::Committed(vec![1, 3, 2]));
    let expanded = |event: &TraceEvent| matches!(event, TraceEvent::IsrExpanded { .. });
    assert_eq!(leader.changes.events.iter().filter(|event| expanded(event)).count(), 1);
}

#[test]
fn an_answer_to_an_older_proposal_changes_nothing() {
    let mut leader = Replica::new(1, 1);
    leader.lead(0, &[1], at(0));
    leader.fetched_by(2, 0, at(1));
    let old = leader.changes.proposals.pop().expect("a proposal");
    leader.lead(1, &[1, 2, 3], at(2));
    let answer = AlterIsrResponsePartitionData {
        isr: vec![1, 2],
        current_isr_version: 9,
        ..Default::default()
    };
    leader.partition.on_alter_isr(&answer, &old, at(3), &mut leader.changes);
    assert_eq!(leader.partition.isr(), &IsrState::Committed(vec![1, 2, 3]));
    assert!(leader.changes.withdrawn.contains(&id()));
}

#[test]
fn min_insync_replicas_has_two_errors() {
    let mut leader = Replica::new(1, 2);
    leader.lead(0, &[1], at(0));
    assert_eq!(leader.produce("a", -1, at(1)), Err(ErrorCode::NOT_ENOUGH_REPLICAS));
    assert_eq!(leader.produce("a", 1, at(1)), Ok(0), "acks=1 does not ask");
    leader.lead(1, &[1, 2], at(2));
    assert_eq!(leader.produce("b", -1, at(3)), Ok(1));
    leader.partition.maybe_shrink_isr(at(40_000), &mut leader.changes);
    leader.agree(at(40_001));
    let after = ProduceProgress::Failed(ErrorCode::NOT_ENOUGH_REPLICAS_AFTER_APPEND);
    assert_eq!(leader.partition.produce_progress(2), after);
}

#[test]
fn requests_are_fenced_by_leader_epoch() {
    let mut replica = Replica::new(1, 1);
    assert_eq!(replica.partition.check_access(-1, false), Err(ErrorCode::NOT_LEADER_OR_FOLLOWER));
    replica.lead(5, &[1], at(0));
    assert_eq!(replica.partition.check_access(4, true), Err(ErrorCode::FENCED_LEADER_EPOCH));
    assert_eq!(replica.partition.check_access(6, true), Err(ErrorCode::UNKNOWN_LEADER_EPOCH));
    assert_eq!(replica.partition.check_access(5, true), Ok(()));
    replica.follow(2, 6);
    assert_eq!(replica.partition.check_access(6, true), Err(ErrorCode::NOT_LEADER_OR_FOLLOWER));
    assert_eq!(replica.produce("a", 1, at(1)), Err(ErrorCode::NOT_LEADER_OR_FOLLOWER));
}

/// KIP-101, scenario 1: a follower restarts before it learns of the high watermark. Truncating to
/// that would lose a committed record when it then becomes the leader.
#[test]
fn a_restarted_follower_keeps_what_its_leader_may_have_committed() {
    let (mut a, mut b) = (Replica::new(1, 1), Replica::new(2, 1));
    b.lead(0, &[1, 2], at(0));
    a.follow(2, 0);
    for (step, value) in ["m1", "m2"].into_iter().enumerate() {
        b.produce(value, -1, at(step as u64)).expect("appended");
        fetch(&mut b, &mut a, at(10));
    }
    fetch(&mut b, &mut a, at(20));
    assert_eq!(b.partition.high_watermark(), 2, "both records are committed");
    a.restart(1);
    a.follow(2, 0);
    assert_eq!(a.values(), ["m1", "m2"], "no cut to the high watermark of 1");
    b.restart(2);
    a.lead(1, &[1], at(30));
    b.follow(1, 1);
    fetch(&mut a, &mut b, at(40));
    fetch(&mut a, &mut b, at(41));
    assert_eq!((a.values(), b.values()), (vec!["m1".into(), "m2".into()], a.values()));
}

/// KIP-101, scenario 2: after a power cut of both, one leads with a record of its own where the
/// other has another.
#[test]
fn diverging_logs_become_equal_again() {
    let (mut a, mut b) = (Replica::new(1, 1), Replica::new(2, 1));
    a.lead(0, &[1, 2], at(0));
    b.follow(1, 0);
    a.produce("m1", -1, at(1)).expect("appended");
    fetch(&mut a, &mut b, at(2));
    a.produce("m2", 1, at(3)).expect("appended");
    b.lead(1, &[2], at(4));
    b.produce("m3", 1, at(5)).expect("appended");
    a.restart(1);
    a.follow(2, 1);
    fetch(&mut b, &mut a, at(6));
    assert_eq!(a.values(), ["m1"], "epoch 0 ended at 1 for the leader");
    fetch(&mut b, &mut a, at(7));
    assert_eq!((a.values(), b.values()), (vec!["m1".into(), "m3".into()], a.values()));
    assert_eq!(a.partition.log().leader_epochs(), b.partition.log().leader_epochs());
}

/// KIP-279: logs that part in several epochs are cut back one epoch a fetch.
#[test]
fn logs_that_part_in_several_epochs_are_cut_epoch_by_epoch() {
    let (mut a, mut b) = (Replica::new(1, 1), Replica::new(2, 1));
    a.lead(0, &[1, 2], at(0));
    b.follow(1, 0);
    a.produce("m0", -1, at(1)).expect("appended");
    fetch(&mut a, &mut b, at(2));
    for epoch in [1, 3] {
        a.lead(epoch, &[1], at(3));
        a.produce("of a", 1, at(4)).expect("appended");
    }
    for epoch in [2, 4] {
        b.lead(epoch, &[2], at(5));
        b.produce("of b", 1, at(6)).expect("appended");
    }
    a.restart(0);
    a.follow(2, 4);
    let mut rounds = 0;
    while a.values() != b.values() {
        rounds += 1;
        assert!(rounds < 6, "{:?} {:?}", a.values(), b.values());
        fetch(&mut b, &mut a, at(10 + rounds));
    }
    assert_eq!(a.values(), ["m0", "of b", "of b"]);
    assert_eq!(a.partition.log().leader_epochs(), b.partition.log().leader_epochs());
}

#[test]
fn a_cut_below_the_high_watermark_is_told_with_a_warning() {
    let mut replica = Replica::new(1, 1);
    replica.lead(0, &[1], at(0));
    replica.produce("a", 1, at(1)).expect("appended");
    assert_eq!(replica.partition.high_watermark(), 1);
    let (volume, changes) = (&mut replica.volume, &mut replica.changes);
    replica.partition.truncate_to(0, volume, at(0), changes).expect("a good disk");
    assert_eq!(replica.partition.high_watermark(), 0);
    let warned = replica.changes.events.iter().any(|event| {
        matches!(event, TraceEvent::Logged { level: LogLevel::Warn, text, .. }
            if text == "Truncating t-0 to offset 0 below high watermark 1")
    });
    assert!(warned);
    assert!(replica.partition.view(&[]).records.is_empty());
}

/// A leader that appended nothing has noted an epoch that its successor never heard of.
#[test]
fn an_epoch_without_records_does_not_keep_a_former_leader_from_following() {
    let (mut a, mut b) = (Replica::new(1, 1), Replica::new(2, 1));
    b.lead(0, &[1, 2], at(0));
    a.follow(2, 0);
    b.produce("m1", -1, at(1)).expect("appended");
    fetch(&mut b, &mut a, at(2));
    a.lead(1, &[1, 2], at(3));
    b.lead(2, &[1, 2], at(4));
    a.follow(2, 2);
    b.produce("m2", 1, at(5)).expect("appended");
    fetch(&mut b, &mut a, at(6));
    fetch(&mut b, &mut a, at(7));
    assert_eq!(a.values(), ["m1", "m2"]);
    assert_eq!(a.partition.log().leader_epochs(), b.partition.log().leader_epochs());
}
