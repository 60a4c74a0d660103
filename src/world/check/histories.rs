//! What clients lived through, judged as a whole: a group skips nothing that was acknowledged, reads
//! nothing again that it had committed before it was given the partition, polls forward, and a member
//! that was fenced commits nothing.
//!
//! Nothing is asked of a partition whose log lost records that a group had read or committed: its
//! offsets mean other records now. When `__consumer_offsets` itself lost records, what was committed before
//! is not known.

use super::Violation;
use super::offsets_topic::{GROUP_METADATA_TOPIC_NAME, OffsetsTopic};
use crate::base::trace::ElectionReason;
use crate::base::{ProcessId, SortedMap, SortedSet, Time, TopicPartition, TraceEvent, TraceRecord};
use crate::world::intervals::Intervals;

/// ClientHistories.
#[derive(Default)]
pub struct ClientHistories {
    /// Offsets that were acknowledged to some producer.
    acknowledged: SortedMap<TopicPartition, Intervals>,
    groups: SortedMap<String, Group>,
    /// Where each consumer is in each of its partitions.
    polls: SortedMap<(ProcessId, TopicPartition), Poll>,
    offsets: OffsetsTopic,
}

#[derive(Default)]
struct Group {
    /// What its members have read.
    read: SortedMap<TopicPartition, Intervals>,
    committed: SortedMap<TopicPartition, i64>,
    /// Which consumer is which member.
    members: SortedMap<String, ProcessId>,
    /// Partitions that lost what it had read.
    excused: SortedSet<TopicPartition>,
    /// The newest generation that is stable, and who coordinates it.
    newest: Option<(i32, ProcessId)>,
}

#[derive(Default)]
struct Poll {
    /// What its group had committed when it was given the partition.
    committed: i64,
    /// The last offset that it read since.
    last: Option<i64>,
    /// Its position when it last connected to a broker. Commits up to there may have been under way on
    /// a connection that it gave up, and arrive after newer ones.
    on_older_connection: i64,
}

/// What was found, with its time.
struct Findings<'a> {
    at: Time,
    found: &'a mut Vec<Violation>,
}

impl Findings<'_> {
    fn add(&mut self, rule: &'static str, text: String) {
        self.found.push(Violation { at: self.at, rule, text });
    }
}

impl ClientHistories {
    /// Takes the next event.
    pub fn see(&mut self, record: &TraceRecord, found: &mut Vec<Violation>) {
        let mut findings = Findings { at: record.at, found };
        if self.offsets.loses(&record.event) {
            self.on_offsets_lost();
        }
        match (&record.event, record.source) {
            (TraceEvent::ProcessStarted { process, .. }, _) => {
                self.polls.retain(|(consumer, _), _| consumer != process);
            }
            (TraceEvent::ConnectionOpened { from, .. }, _) => {
                let own = self.polls.iter_mut().filter(|((consumer, _), _)| consumer == from);
                for (_, poll) in own {
                    let position = poll.last.map_or(poll.committed, |last| last + 1);
                    poll.on_older_connection = position.max(poll.on_older_connection);
                }
            }
            (TraceEvent::RecordAcknowledged { partition, offset, .. }, _) if *offset >= 0 => {
                self.acknowledged.entry(partition.clone()).or_default().insert(*offset);
            }
            (TraceEvent::BecameLeader { partition, start_offset, .. }, _)
                if partition.topic != GROUP_METADATA_TOPIC_NAME =>
            {
                self.on_log_end(partition, *start_offset);
            }
            // Its log may be as long as the old leader's and hold other records.
            (
                TraceEvent::LeaderElected { partition, reason: ElectionReason::Unclean, .. },
                Some(_),
            ) => {
                for group in self.groups.values_mut() {
                    group.excused.insert(partition.clone());
                }
            }
            (TraceEvent::PartitionsAssigned { group, member, partitions, .. }, Some(consumer)) => {
                let known = self.groups.entry(group.clone()).or_default();
                known.members.insert(member.clone(), consumer);
                for partition in partitions {
                    let committed = known.committed.get(partition).copied().unwrap_or(0);
                    let poll = self.polls.entry((consumer, partition.clone())).or_default();
                    (poll.committed, poll.last) = (committed, None);
                }
            }
            (
                TraceEvent::RecordConsumed { group, member, partition, offset, .. },
                Some(consumer),
            ) => {
                self.on_consumed(group, member, (consumer, partition), *offset, &mut findings);
            }
            (TraceEvent::GroupStabilized { group, generation, .. }, Some(coordinator)) => {
                let group = self.groups.entry(group.clone()).or_default();
                group.newest = Some((*generation, coordinator));
            }
            (
                TraceEvent::OffsetCommitted { group, partition, offset, member, generation },
                Some(coordinator),
            ) => {
                let by = (coordinator, member.as_str(), *generation);
                self.on_committed(group, by, partition, *offset, &mut findings);
            }
            _ => {}
        }
    }

    /// A replica leads whose log ends at `end`: what was known beyond is of the past.
    fn on_log_end(&mut self, partition: &TopicPartition, end: i64) {
        if let Some(acknowledged) = self.acknowledged.get_mut(partition) {
            acknowledged.cut_from(end);
        }
        for group in self.groups.values_mut() {
            let read = group.read.get(partition).and_then(Intervals::end);
            let committed = group.committed.get(partition).copied();
            // Its members go back, some of them with records and commits still under way.
            if read.max(committed).is_some_and(|reached| reached > end) {
                group.excused.insert(partition.clone());
            }
        }
    }

    /// What was committed is not known any more: its coordinator's log lost its end.
    fn on_offsets_lost(&mut self) {
        for group in self.groups.values_mut() {
            group.committed.clear();
            group.newest = None;
        }
        for poll in self.polls.values_mut() {
            poll.committed = 0;
        }
    }

    fn on_consumed(
        &mut self,
        group: &str,
        member: &str,
        (consumer, partition): (ProcessId, &TopicPartition),
        offset: i64,
        findings: &mut Findings<'_>,
    ) {
        if group.is_empty() {
            return;
        }
        let known = self.groups.entry(group.to_owned()).or_default();
        known.read.entry(partition.clone()).or_default().insert(offset);
        if known.excused.contains(partition) {
            return;
        }
        let poll = self.polls.entry((consumer, partition.clone())).or_default();
        if let Some(last) = poll.last.filter(|last| offset <= *last) {
            let text = format!("{partition}: {member} read offset {offset} after {last}");
            findings.add("MonotonicPoll", text);
        }
        if offset < poll.committed {
            let text = format!(
                "{partition}: {member} read offset {offset}, {} was committed by {group} before",
                poll.committed
            );
            findings.add("CommittedIsNotReadAgain", text);
        }
        poll.last = Some(offset);
    }

    fn on_committed(
        &mut self,
        id: &str,
        (coordinator, member, generation): (ProcessId, &str, i32),
        partition: &TopicPartition,
        offset: i64,
        findings: &mut Findings<'_>,
    ) {
        let group = self.groups.entry(id.to_owned()).or_default();
        let before = group.committed.insert(partition.clone(), offset);
        // Whoever commits without a generation may go where it wants.
        if generation < 0 {
            return;
        }
        if let Some((newest, by)) = group.newest
            && by == coordinator
            && generation < newest
        {
            let text = format!(
                "{partition}: {member} of generation {generation} committed {offset} for {id}, \
                 which is in generation {newest}"
            );
            findings.add("FencedCommitsNothing", text);
        }
        let consumer = group.members.get(member).copied();
        let poll = consumer.and_then(|consumer| self.polls.get(&(consumer, partition.clone())));
        let is_late = poll.is_some_and(|poll| offset <= poll.on_older_connection);
        if group.excused.contains(partition) {
            return;
        }
        if let Some(before) = before.filter(|before| offset < *before && !is_late) {
            let text = format!("{partition}: {member} committed {offset} for {id} after {before}");
            findings.add("CommitsGoForward", text);
        }
        let nothing = Intervals::default();
        let acknowledged = self.acknowledged.get(partition).unwrap_or(&nothing);
        let read = group.read.get(partition).unwrap_or(&nothing);
        // Where the group began is its own matter.
        let Some(first) = read.first() else { return };
        let from = before.unwrap_or(first).max(first);
        if let Some(skipped) = acknowledged.between(from, offset).find(|one| !read.contains(*one)) {
            let text = format!(
                "{partition}@{skipped} was acknowledged, {id} committed {offset} without it"
            );
            findings.add("NoSkip", text);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{BrokerId, Cause, EventId};

    const CONSUMER: ProcessId = ProcessId(5);
    const COORDINATOR: ProcessId = ProcessId(9);

    fn part() -> TopicPartition {
        TopicPartition::new("t", 0)
    }

    fn acknowledged(offset: i64) -> (ProcessId, TraceEvent) {
        let partition = part();
        let event =
            TraceEvent::RecordAcknowledged { record: 0, partition, offset, acks: -1, checksum: 0 };
        (ProcessId(1), event)
    }

    fn assigned() -> (ProcessId, TraceEvent) {
        let (group, member) = ("g".to_owned(), "m".to_owned());
        let partitions = vec![part()];
        (CONSUMER, TraceEvent::PartitionsAssigned { group, member, generation: 1, partitions })
    }

    fn consumed(offset: i64) -> (ProcessId, TraceEvent) {
        let (group, member, partition) = ("g".to_owned(), "m".to_owned(), part());
        (CONSUMER, TraceEvent::RecordConsumed { group, member, partition, offset, checksum: 0 })
    }

    fn committed(offset: i64, generation: i32) -> (ProcessId, TraceEvent) {
        let (group, member, partition) = ("g".to_owned(), "m".to_owned(), part());
        let event = TraceEvent::OffsetCommitted { group, partition, offset, member, generation };
        (COORDINATOR, event)
    }

    fn stable(generation: i32) -> (ProcessId, TraceEvent) {
        let (group, members) = ("g".to_owned(), vec!["m".to_owned()]);
        (COORDINATOR, TraceEvent::GroupStabilized { group, generation, members })
    }

    fn leads(start_offset: i64) -> (ProcessId, TraceEvent) {
        let (partition, broker) = (part(), BrokerId(1));
        let event = TraceEvent::BecameLeader { partition, broker, leader_epoch: 1, start_offset };
        (ProcessId(2), event)
    }

    fn rules(events: &[(ProcessId, TraceEvent)]) -> Vec<&'static str> {
        let (mut checker, mut found) = (ClientHistories::default(), Vec::new());
        for (at, (source, event)) in (1..).zip(events) {
            let record = TraceRecord {
                id: EventId(at),
                at: Time::from_millis(at),
                source: Some(*source),
                cause: Cause::Beginning,
                event: event.clone(),
            };
            checker.see(&record, &mut found);
        }
        found.into_iter().map(|violation| violation.rule).collect()
    }

    #[test]
    fn a_sound_history_is_no_violation() {
        let told = [
            acknowledged(0),
            acknowledged(1),
            stable(1),
            assigned(),
            consumed(0),
            consumed(1),
            committed(1, 1),
            // It was given the partition again and begins where it had committed.
            stable(2),
            assigned(),
            consumed(1),
            committed(2, 2),
        ];
        assert_eq!(rules(&told), Vec::<&str>::new());
    }

    #[test]
    fn a_record_that_was_skipped_is_found() {
        let told = [
            acknowledged(0),
            acknowledged(1),
            acknowledged(2),
            assigned(),
            consumed(0),
            consumed(2),
            committed(3, 1),
        ];
        assert_eq!(rules(&told), ["NoSkip"]);
        // What nobody acknowledged may be a marker.
        let told = [
            acknowledged(0),
            acknowledged(2),
            assigned(),
            consumed(0),
            consumed(2),
            committed(3, 1),
        ];
        assert_eq!(rules(&told), Vec::<&str>::new());
    }

    #[test]
    fn a_poll_backwards_is_found() {
        assert_eq!(rules(&[assigned(), consumed(1), consumed(0)]), ["MonotonicPoll"]);
        assert_eq!(rules(&[assigned(), consumed(1), consumed(1)]), ["MonotonicPoll"]);
        // The log is shorter now.
        let told = [assigned(), consumed(0), consumed(1), leads(1), consumed(0)];
        assert_eq!(rules(&told), Vec::<&str>::new());
        // The first commit was under way when that happened.
        let before = [assigned(), consumed(0), consumed(1)];
        let after = [committed(2, 1), assigned(), consumed(1), committed(1, 1)];
        let told = [&before[..], &[leads(1)], &after].concat();
        assert_eq!(rules(&told), Vec::<&str>::new());
        let told = [&before[..], &[leads(2)], &after].concat();
        assert_eq!(rules(&told), ["CommittedIsNotReadAgain", "CommitsGoForward"]);
    }

    #[test]
    fn what_was_committed_and_is_read_again_is_found() {
        let told = [assigned(), consumed(0), consumed(1), committed(2, 1), assigned(), consumed(1)];
        assert_eq!(rules(&told), ["CommittedIsNotReadAgain"]);
    }

    #[test]
    fn a_commit_of_a_past_generation_is_found() {
        let told = [stable(1), assigned(), consumed(0), stable(2), committed(1, 1)];
        assert_eq!(rules(&told), ["FencedCommitsNothing"]);
    }

    #[test]
    fn a_commit_backwards_is_found() {
        let told = [assigned(), consumed(0), consumed(1), committed(2, 1), committed(1, 1)];
        assert_eq!(rules(&told), ["CommitsGoForward"]);
    }

    #[test]
    fn offsets_that_were_lost_are_nobodys_fault() {
        let offsets = || TopicPartition::new(GROUP_METADATA_TOPIC_NAME, 3);
        let committed_to = |to: i64| {
            let (partition, broker) = (offsets(), BrokerId(1));
            let event =
                TraceEvent::HighWatermarkAdvanced { partition, broker, from: 0, to, leader: true };
            (COORDINATOR, event)
        };
        let leads = |start_offset: i64| {
            let (partition, broker) = (offsets(), BrokerId(2));
            let event =
                TraceEvent::BecameLeader { partition, broker, leader_epoch: 1, start_offset };
            (ProcessId(2), event)
        };
        let before = [committed_to(8), assigned(), consumed(0), consumed(1), committed(2, 1)];
        let after = [assigned(), consumed(0), consumed(1), committed(1, 1)];
        let lost = [&before[..], &[leads(7)], &after].concat();
        assert_eq!(rules(&lost), Vec::<&str>::new());
        let kept = [&before[..], &[leads(8)], &after].concat();
        assert!(rules(&kept).contains(&"CommittedIsNotReadAgain"));
    }
}
