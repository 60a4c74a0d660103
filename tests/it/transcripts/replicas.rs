//! Stories of one partition told replica by replica, so that every fetch falls where the story wants
//! it: the failovers and truncations of KIP-101, KIP-279 and KIP-320.

use kafkarium::base::{SortedMap, Span, Time, TopicPartition};
use kafkarium::broker::changes::Changes;
use kafkarium::broker::partition::{
    FetchIsolation, Partition, PartitionConfig, ProduceProgress, ReadInfo, ReadRequest,
};
use kafkarium::disk::Volume;
use kafkarium::log::{AppendOrigin, LogConfig, LogStart, PartitionLog};
use kafkarium::node::view::RecordView;
use kafkarium::wire::ErrorCode;
use kafkarium::wire::batch::{BatchFields, RecordBatchBuilder};
use kafkarium::wire::kafka::{AlterIsrResponsePartitionData, LeaderAndIsrPartitionState};
use std::rc::Rc;

/// The replicas are those of brokers 1 to 3.
const REPLICAS: [i32; 3] = [1, 2, 3];

fn id() -> TopicPartition {
    TopicPartition::new("t", 0)
}

/// A replica, its disk, and what its fetcher knows.
struct Replica {
    volume: Volume,
    partition: Option<Partition>,
    checkpointed: i64,
    position: (i64, Option<i32>),
}

struct Stage {
    now: Time,
    min_insync_replicas: usize,
    replicas: SortedMap<i32, Replica>,
}

impl Stage {
    fn new() -> Self {
        let mut stage = Self {
            now: Time::from_millis(1_600_000_000_000),
            min_insync_replicas: 1,
            replicas: SortedMap::new(),
        };
        for broker in REPLICAS {
            let replica = Replica {
                volume: Volume::default(),
                partition: None,
                checkpointed: 0,
                position: (0, None),
            };
            stage.replicas.insert(broker, replica);
            stage.start(broker);
        }
        stage
    }

    fn start(&mut self, broker: i32) -> String {
        let log = LogConfig::default();
        let config = PartitionConfig {
            broker,
            lag_time_max: Span::from_secs(30),
            min_insync_replicas: self.min_insync_replicas,
            log: log.clone(),
        };
        let start =
            LogStart { is_clean: false, recovery_point: 0, log_start_offset: 0, now: self.now };
        let replica = self.replica(broker);
        let (log, _) =
            PartitionLog::open(&mut replica.volume, id(), log, start).expect("a good disk");
        let high_watermark = replica.checkpointed;
        let partition = Partition::new(id(), config, log, high_watermark, &replica.volume);
        replica.partition = Some(partition);
        self.log(broker)
    }

    fn replica(&mut self, broker: i32) -> &mut Replica {
        self.replicas.get_mut(&broker).expect("brokers 1 to 3")
    }

    /// The partition of a broker that runs, with its disk and its position.
    fn parts(&mut self, broker: i32) -> (&mut Partition, &mut Volume, &mut (i64, Option<i32>)) {
        let Replica { volume, partition, position, .. } = self.replica(broker);
        (partition.as_mut().expect("it runs"), volume, position)
    }

    fn log(&mut self, broker: i32) -> String {
        let (partition, volume, _) = self.parts(broker);
        let records = records(&partition.log().newest_records(volume, usize::MAX));
        let epochs = partition.log().leader_epochs().entries().iter();
        let epochs: Vec<String> =
            epochs.map(|(epoch, start)| format!("{epoch} from {start}")).collect();
        let (end, hw) = (partition.log().log_end_offset(), partition.high_watermark());
        format!("[{records}] end {end}, high watermark {hw}, epochs [{}]", epochs.join(", "))
    }

    fn lead(&mut self, broker: i32, epoch: i32, isr: &[i32]) -> String {
        let (state, now) = (state(broker, epoch, isr), self.now);
        let (partition, volume, _) = self.parts(broker);
        let mut changes = Changes::default();
        partition.make_leader(&state, volume, now, &mut changes).expect("a good disk");
        format!("leads from {}", partition.log().log_end_offset())
    }

    fn follow(&mut self, broker: i32, leader: i32, epoch: i32) -> String {
        let now = self.now;
        let (partition, volume, position) = self.parts(broker);
        let mut changes = Changes::default();
        partition.make_follower(&state(leader, epoch, &[]), &mut changes);
        *position = partition.start_fetching(volume, now, &mut changes).expect("a good disk");
        format!("{}fetches from {}", cuts(&changes), place(*position))
    }

    fn produce(&mut self, broker: i32, value: &str, acks: i16, fields: BatchFields) -> String {
        let now = self.now;
        let (partition, volume, _) = self.parts(broker);
        let mut builder = RecordBatchBuilder::new(fields);
        builder.append(1_000, None, Some(value.as_bytes()), &[]);
        let mut changes = Changes::default();
        let records = builder.build();
        let origin = AppendOrigin::Client;
        match partition.append_records_to_leader(&records, origin, acks, volume, now, &mut changes)
        {
            Ok(info) => {
                let again = if info.is_duplicate { ", sent again" } else { "" };
                let offset = format!("offset {}{again}", info.base_offset);
                let progress = partition.produce_progress(info.last_offset + 1);
                if acks == -1 { format!("{offset}, {}", progress_text(progress)) } else { offset }
            }
            Err(error) => match error.message {
                Some(message) => format!("{}: {message}", error.code),
                None => error.code.to_string(),
            },
        }
    }

    /// One fetch of a follower, with what follows from it on both sides.
    fn fetch(&mut self, follower: i32) -> String {
        let now = self.now;
        let (partition, _, position) = self.parts(follower);
        let (offset, last_epoch) = *position;
        let (leader, epoch) = (partition.leader(), partition.leader_epoch());
        let wanted = ReadRequest {
            fetch_offset: offset,
            current_leader_epoch: epoch,
            last_fetched_epoch: last_epoch.unwrap_or(-1),
            max_bytes: 1 << 20,
            at_least_one: true,
            isolation: FetchIsolation::LogEnd,
            from_leader_only: true,
        };
        if self.replica(leader).partition.is_none() {
            return format!("broker {leader} does not answer");
        }
        let (source, disk, _) = self.parts(leader);
        let read = source.read_records(&wanted, disk);
        let mut changes = Changes::default();
        if let Ok(ReadInfo { diverging_epoch: None, .. }) = read {
            source.update_follower_fetch_state(follower, offset, 0, now, &mut changes);
        }
        let proposals = changes.proposals.iter();
        let asked = proposals.map(|one| format!("leader asks for ISR {:?}", one.new_isr));
        let asked: Vec<String> = asked.collect();
        match read {
            Ok(info) => [vec![self.take(follower, &info)], asked].concat().join(", "),
            Err(error) => error.to_string(),
        }
    }

    fn take(&mut self, follower: i32, info: &ReadInfo) -> String {
        let now = self.now;
        let (partition, volume, position) = self.parts(follower);
        let mut changes = Changes::default();
        if let Some((epoch, end)) = info.diverging_epoch {
            *position = partition
                .truncate_to_divergence(epoch, end, volume, now, &mut changes)
                .expect("a good disk");
            let cut = cuts(&changes);
            return format!(
                "diverges: epoch {epoch} ends at {end}, {cut}fetches from {}",
                place(*position)
            );
        }
        let before = partition.log().log_end_offset();
        let appended = partition.append_records_to_follower(
            &info.records,
            info.high_watermark,
            info.log_start_offset,
            volume,
            now,
            &mut changes,
        );
        appended.expect("records of the leader");
        let end = partition.log().log_end_offset();
        *position = (end, partition.log().leader_epochs().latest());
        format!("{} record(s), high watermark {}", end - before, partition.high_watermark())
    }

    /// The controller agrees to what the leader asks for once `broker` has lagged or caught up.
    fn change_isr(&mut self, broker: i32) -> String {
        let now = self.now;
        let (partition, ..) = self.parts(broker);
        let mut changes = Changes::default();
        partition.maybe_shrink_isr(now, &mut changes);
        let proposed = partition.isr().proposed();
        let proposal = changes.proposals.pop().unwrap_or(kafkarium::broker::changes::IsrProposal {
            partition: id(),
            leader_epoch: partition.leader_epoch(),
            new_isr: proposed.clone(),
            isr_version: partition.isr_version(),
        });
        let answer = AlterIsrResponsePartitionData {
            leader_epoch: proposal.leader_epoch,
            isr: proposal.new_isr.clone(),
            current_isr_version: proposal.isr_version + 1,
            ..Default::default()
        };
        partition.on_alter_isr(&answer, &proposal, now, &mut changes);
        format!(
            "ISR {:?}, high watermark {}",
            partition.isr().committed(),
            partition.high_watermark()
        )
    }

    fn ask_epoch(&mut self, broker: i32, current: i32, epoch: i32) -> String {
        let (partition, ..) = self.parts(broker);
        match partition.last_offset_for_leader_epoch(current, epoch) {
            Ok((epoch, end)) => format!("epoch {epoch} ends at {end}"),
            Err(error) => error.to_string(),
        }
    }

    fn read(&mut self, broker: i32, current: i32, offset: i64, last_epoch: i32) -> String {
        let wanted = ReadRequest {
            fetch_offset: offset,
            current_leader_epoch: current,
            last_fetched_epoch: last_epoch,
            max_bytes: 1 << 20,
            at_least_one: true,
            isolation: FetchIsolation::HighWatermark,
            from_leader_only: true,
        };
        let (partition, volume, _) = self.parts(broker);
        match partition.read_records(&wanted, volume) {
            Ok(ReadInfo { diverging_epoch: Some((epoch, end)), .. }) => {
                format!("diverges: epoch {epoch} ends at {end}")
            }
            Ok(info) => {
                let batches = kafkarium::wire::batch::Batches::new(&info.records);
                let records = batches.flat_map(|batch| batch.records().into_iter().flatten());
                let values = records.filter_map(Result::ok).map(|record| {
                    let value = String::from_utf8_lossy(record.value.unwrap_or_default());
                    format!("{}:{value}", record.offset)
                });
                format!("[{}]", values.collect::<Vec<_>>().join(" "))
            }
            Err(error) => error.to_string(),
        }
    }

    fn list_offsets(&mut self, broker: i32, current: i32, timestamp: i64) -> String {
        let (partition, volume, _) = self.parts(broker);
        let checked = partition.check_access(current, true);
        let isolation = FetchIsolation::HighWatermark;
        let found =
            checked.and_then(|()| partition.offset_for_timestamp(timestamp, isolation, volume));
        match found {
            Ok((offset, _, epoch)) => format!("offset {offset}, epoch {epoch}"),
            Err(error) => error.to_string(),
        }
    }

    /// Loses what lies behind the first `keeps` records, as a power cut does to what was not synced.
    fn power_cut(&mut self, broker: i32, keeps: usize) -> String {
        let replica = self.replica(broker);
        replica.partition = None;
        let file = format!("{}/{:020}.log", id(), 0);
        let bytes = replica.volume.read(&file).expect("the log").to_vec();
        let kept: usize = kafkarium::wire::batch::Batches::new(&bytes)
            .take(keeps)
            .map(|batch| batch.size())
            .sum();
        replica.volume.truncate(&file, kept as u64).expect("a good disk");
        "dead".to_owned()
    }

    fn answer(&mut self, command: &str) -> String {
        let mut words = command.split_whitespace();
        let (verb, broker) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let mut named: SortedMap<&str, &str> = SortedMap::new();
        let mut value = "";
        for word in words {
            match word.split_once('=') {
                Some((key, value)) => drop(named.insert(key, value)),
                None => value = word,
            }
        }
        let number = |key: &str, default: i64| {
            named.get(key).map_or(default, |text| text.parse().expect("a number"))
        };
        let epoch = |key: &str| number(key, -1) as i32;
        if verb == "wait" {
            self.now += Span::from_secs(broker.parse().expect("seconds"));
            return String::new();
        }
        if verb == "min.insync.replicas" {
            self.min_insync_replicas = broker.parse().expect("a number");
            for broker in REPLICAS {
                self.start(broker);
            }
            return String::new();
        }
        let broker = broker.parse().expect("a broker");
        match verb {
            "lead" => {
                let isr = named.get("isr").copied().unwrap_or_default().split(',');
                let isr: Vec<i32> = isr.map(|id| id.parse().expect("a broker")).collect();
                self.lead(broker, epoch("epoch"), &isr)
            }
            "follow" => self.follow(broker, epoch("leader"), epoch("epoch")),
            "produce" => {
                let fields = BatchFields {
                    producer_id: number("producer", -1),
                    producer_epoch: epoch("producer-epoch") as i16,
                    base_sequence: epoch("sequence"),
                    ..BatchFields::default()
                };
                self.produce(broker, value, number("acks", 1) as i16, fields)
            }
            "fetch" => self.fetch(broker),
            "change-isr" => self.change_isr(broker),
            "offset-for-leader-epoch" => self.ask_epoch(broker, epoch("current"), epoch("epoch")),
            "read" => self.read(broker, epoch("current"), number("offset", 0), epoch("last")),
            "list-offsets" => self.list_offsets(broker, epoch("current"), number("timestamp", -1)),
            "progress" => {
                let required = number("offset", 0);
                progress_text(self.parts(broker).0.produce_progress(required))
            }
            "log" => self.log(broker),
            "checkpoint" => {
                let high_watermark = self.parts(broker).0.high_watermark();
                self.replica(broker).checkpointed = high_watermark;
                format!("high watermark {high_watermark}")
            }
            "kill" => {
                self.replica(broker).partition = None;
                "dead".to_owned()
            }
            "power-cut" => self.power_cut(broker, number("keeps", 0) as usize),
            "start" => self.start(broker),
            _ => panic!("no such command: {command}"),
        }
    }
}

fn state(leader: i32, leader_epoch: i32, isr: &[i32]) -> LeaderAndIsrPartitionState {
    LeaderAndIsrPartitionState {
        topic_name: "t".to_owned(),
        leader,
        leader_epoch,
        isr: isr.to_vec(),
        replicas: REPLICAS.to_vec(),
        ..Default::default()
    }
}

fn records(records: &[Rc<RecordView>]) -> String {
    let text = |record: &Rc<RecordView>| {
        let value = record.value.as_deref().unwrap_or("null");
        format!("{}:{value}@{}", record.offset, record.leader_epoch)
    };
    records.iter().map(text).collect::<Vec<_>>().join(" ")
}

fn place((offset, epoch): (i64, Option<i32>)) -> String {
    match epoch {
        Some(epoch) => format!("{offset} after epoch {epoch}"),
        None => format!("{offset}"),
    }
}

/// What was cut, as the trace tells it.
fn cuts(changes: &Changes) -> String {
    let cut = changes.events.iter().find_map(|event| match event {
        kafkarium::base::TraceEvent::Truncated { from, to, .. } => {
            Some(format!("truncates from {from} to {to}, "))
        }
        _ => None,
    });
    cut.unwrap_or_default()
}

fn progress_text(progress: ProduceProgress) -> String {
    match progress {
        ProduceProgress::Waiting => "waits for the ISR".to_owned(),
        ProduceProgress::Committed => "committed".to_owned(),
        ProduceProgress::Failed(error) => ErrorCode::to_string(&error),
    }
}

fn tell(name: &str) {
    let mut stage = Stage::new();
    super::play(name, |command| stage.answer(command));
}

#[test]
fn kip_101_high_watermark_truncation_then_failover() {
    tell("kip-101-high-watermark-truncation.txt");
}

#[test]
fn kip_101_divergence_after_hard_failures() {
    tell("kip-101-divergence.txt");
}

#[test]
fn kip_279_fast_failover() {
    tell("kip-279-fast-failover.txt");
}

#[test]
fn kip_279_a_smaller_epoch_than_any_known() {
    tell("kip-279-unknown-epochs.txt");
}

#[test]
fn kip_320_fencing_and_detected_truncation() {
    tell("kip-320-fencing.txt");
}

#[test]
fn kip_320_unclean_election() {
    tell("kip-320-unclean-election.txt");
}

#[test]
fn an_idempotent_producer_through_failovers() {
    tell("idempotent-producer.txt");
}

#[test]
fn min_insync_replicas_and_its_two_errors() {
    tell("min-insync-replicas.txt");
}
