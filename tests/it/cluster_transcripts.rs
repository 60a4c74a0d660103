//! What a controller and its brokers do, as text: `tests/transcripts/cluster-*.txt`. Commands:
//! - `cluster N [key=value …]` begins a world of a ZooKeeper server and N brokers;
//! - `run SECONDS` lets time pass, and tells what the controller and the leaders did since the last
//!   telling; `pass SECONDS` tells nothing;
//! - `create T 1,2/2,3`, `delete T`, `reassign T-0 3,4`, `cancel T-0`, `elect preferred T-0` ask the
//!   controller, and tell its answer;
//! - `reassigning` and `describe T` tell what is asked;
//! - `log CLASS` tells what that class logged since the last time;
//! - anything else is an action of the world, such as `kill broker-1`.

use super::outside::{Outside, numbers};
use super::transcript;
use kafkarium::base::{EventId, Span, TopicPartition, TraceEvent};
use kafkarium::wire::ErrorCode;
use kafkarium::wire::kafka::*;
use std::fmt::Write as _;

#[derive(Default)]
struct Play {
    cluster: Option<Outside>,
    /// Up to where `run` has told.
    told: EventId,
    /// Up to where `log` has told.
    logged: EventId,
}

impl Play {
    fn command(&mut self, line: &str) -> String {
        let (verb, rest) = line.split_once(' ').unwrap_or((line, ""));
        match verb {
            "cluster" => {
                let mut words = rest.split(' ');
                let brokers = words.next().and_then(|word| word.parse().ok()).expect("how many");
                let properties: Vec<_> = words.filter_map(|word| word.split_once('=')).collect();
                *self =
                    Self { cluster: Some(Outside::new(brokers, &properties)), ..Self::default() };
                String::new()
            }
            "run" => {
                self.pass(rest);
                self.tell()
            }
            "pass" => {
                self.pass(rest);
                self.told = self.end();
                String::new()
            }
            "create" => self.create(rest),
            "delete" => self.delete(rest),
            "reassign" | "cancel" => self.reassign(rest),
            "reassigning" => self.reassigning(),
            "elect" => self.elect(rest),
            "describe" => self.describe(rest),
            "log" => self.log(rest),
            _ => {
                self.cluster().act(line);
                String::new()
            }
        }
    }

    fn cluster(&mut self) -> &mut Outside {
        self.cluster.as_mut().expect("`cluster N` comes first")
    }

    fn end(&mut self) -> EventId {
        EventId(self.cluster().host.world().trace().total())
    }

    fn pass(&mut self, seconds: &str) {
        let seconds = seconds.parse().expect("seconds");
        self.cluster().pass(Span::from_secs(seconds));
    }

    fn tell(&mut self) -> String {
        let since = self.told;
        let events = self.cluster().events(since);
        self.told = self.end();
        events.iter().filter_map(told).collect::<Vec<_>>().join("\n")
    }

    fn log(&mut self, class: &str) -> String {
        let since = self.logged;
        let events = self.cluster().events(since);
        self.logged = self.end();
        let lines = events.into_iter().filter_map(|event| match event {
            TraceEvent::Logged { text, logger, .. } if logger.rsplit('.').next() == Some(class) => {
                Some(format!("{text}\n"))
            }
            _ => None,
        });
        lines.collect()
    }

    /// Asks the controller.
    fn ask(&mut self, request: impl Into<AnyRequest>, version: i16) -> AnyResponse {
        let cluster = self.cluster();
        let controller = cluster.controller();
        cluster.ask(controller, request, version)
    }

    fn create(&mut self, rest: &str) -> String {
        let (name, replicas) = rest.split_once(' ').expect("create T 1,2/2,3");
        let assignments = (0..).zip(replicas.split('/')).map(|(partition_index, list)| {
            CreatableReplicaAssignment { partition_index, broker_ids: ids(list) }
        });
        let topic = CreatableTopic {
            name: name.to_owned(),
            num_partitions: -1,
            replication_factor: -1,
            assignments: assignments.collect(),
            ..Default::default()
        };
        let request =
            CreateTopicsRequest { topics: vec![topic], timeout_ms: 5_000, validate_only: false };
        match self.ask(request, 7) {
            AnyResponse::CreateTopics(response) => {
                let topic = &response.topics[0];
                outcome(topic.error_code, topic.error_message.as_deref())
            }
            other => format!("{other:?}"),
        }
    }

    fn delete(&mut self, topic: &str) -> String {
        let request = DeleteTopicsRequest {
            topic_names: vec![topic.to_owned()],
            timeout_ms: 5_000,
            ..Default::default()
        };
        match self.ask(request, 5) {
            AnyResponse::DeleteTopics(response) => outcome(response.responses[0].error_code, None),
            other => format!("{other:?}"),
        }
    }

    fn reassign(&mut self, rest: &str) -> String {
        let (partition, target) = rest.split_once(' ').unwrap_or((rest, ""));
        let partition = partition_named(partition);
        let replicas = (!target.is_empty()).then(|| ids(target));
        let one = ReassignablePartition { partition_index: partition.partition, replicas };
        let topic = ReassignableTopic { name: partition.topic, partitions: vec![one] };
        let request = AlterPartitionReassignmentsRequest { timeout_ms: 5_000, topics: vec![topic] };
        match self.ask(request, 0) {
            AnyResponse::AlterPartitionReassignments(response) => {
                let one = &response.responses[0].partitions[0];
                outcome(one.error_code, one.error_message.as_deref())
            }
            other => format!("{other:?}"),
        }
    }

    fn reassigning(&mut self) -> String {
        let AnyResponse::ListPartitionReassignments(response) =
            self.ask(ListPartitionReassignmentsRequest::default(), 0)
        else {
            return "another answer".to_owned();
        };
        let mut told = String::new();
        for topic in &response.topics {
            for one in &topic.partitions {
                let _ = writeln!(
                    told,
                    "{}-{}: replicas {} adding {} removing {}",
                    topic.name,
                    one.partition_index,
                    list(&one.replicas),
                    list(&one.adding_replicas),
                    list(&one.removing_replicas)
                );
            }
        }
        if told.is_empty() { "none".to_owned() } else { told }
    }

    fn elect(&mut self, rest: &str) -> String {
        let (kind, partition) = rest.split_once(' ').expect("elect preferred T-0");
        let partition = partition_named(partition);
        let topic =
            TopicPartitions { topic: partition.topic, partition_id: vec![partition.partition] };
        let request = ElectLeadersRequest {
            election_type: i8::from(kind == "unclean"),
            topic_partitions: Some(vec![topic]),
            timeout_ms: 5_000,
        };
        match self.ask(request, 2) {
            AnyResponse::ElectLeaders(response) => {
                let one = &response.replica_election_results[0].partition_result[0];
                outcome(one.error_code, one.error_message.as_deref())
            }
            other => format!("{other:?}"),
        }
    }

    fn describe(&mut self, topic: &str) -> String {
        let wanted = MetadataRequestTopic { name: Some(topic.to_owned()), ..Default::default() };
        let request = MetadataRequest {
            topics: Some(vec![wanted]),
            allow_auto_topic_creation: false,
            ..Default::default()
        };
        let AnyResponse::Metadata(mut response) = self.ask(request, 9) else {
            return "another answer".to_owned();
        };
        let topic = response.topics.remove(0);
        if topic.error_code.is_error() {
            return topic.error_code.to_string();
        }
        let mut partitions = topic.partitions;
        partitions.sort_by_key(|one| one.partition_index);
        let told = partitions.into_iter().map(|one| {
            let leader =
                if one.leader_id < 0 { "none".to_owned() } else { one.leader_id.to_string() };
            let (replicas, isr) = (list(&one.replica_nodes), list(&one.isr_nodes));
            format!(
                "Partition: {} Leader: {leader} Replicas: {replicas} Isr: {isr}\n",
                one.partition_index
            )
        });
        told.collect()
    }
}

/// What the transcript says of an event, if anything.
fn told(event: &TraceEvent) -> Option<String> {
    let told = match event {
        TraceEvent::ControllerElected { broker, epoch } => {
            format!("broker {broker} is the controller, epoch {epoch}")
        }
        TraceEvent::ControllerResigned { broker, epoch } => {
            format!("broker {broker} resigned as controller of epoch {epoch}")
        }
        TraceEvent::BrokersChanged { added, removed } => {
            let (added, removed) = (list(&numbers(added)), list(&numbers(removed)));
            format!("brokers came [{added}], went [{removed}]")
        }
        TraceEvent::LeaderElected { partition, leader, leader_epoch, isr, reason } => {
            let isr = list(&numbers(isr));
            format!("{partition}: leader {leader}, epoch {leader_epoch}, isr {isr} ({reason:?})")
        }
        TraceEvent::PartitionWentOffline { partition, leader_epoch, isr } => {
            let isr = list(&numbers(isr));
            format!("{partition}: offline, epoch {leader_epoch}, isr {isr}")
        }
        TraceEvent::IsrShrunk { partition, isr, leader_epoch, .. } => {
            format!("{partition}: isr shrunk to {}, epoch {leader_epoch}", list(&numbers(isr)))
        }
        TraceEvent::IsrExpanded { partition, isr, leader_epoch, .. } => {
            format!("{partition}: isr grew to {}, epoch {leader_epoch}", list(&numbers(isr)))
        }
        TraceEvent::TopicCreated { topic, .. } => format!("topic {topic} created"),
        TraceEvent::TopicDeleted { topic } => format!("topic {topic} deleted"),
        TraceEvent::ReplicasReassigned { partition, replicas, adding, removing } => format!(
            "{partition}: replicas {}, adding [{}], removing [{}]",
            list(&numbers(replicas)),
            list(&numbers(adding)),
            list(&numbers(removing))
        ),
        _ => return None,
    };
    Some(told)
}

fn outcome(code: ErrorCode, text: Option<&str>) -> String {
    match text {
        _ if code == ErrorCode::NONE => "ok".to_owned(),
        Some(text) => format!("{code}: {text}"),
        None => code.to_string(),
    }
}

fn partition_named(name: &str) -> TopicPartition {
    let (topic, index) = name.rsplit_once('-').expect("T-0");
    TopicPartition::new(topic, index.parse().expect("a number"))
}

fn ids(list: &str) -> Vec<i32> {
    list.split(',').map(|id| id.parse().expect("a broker")).collect()
}

fn list(ids: &[i32]) -> String {
    ids.iter().map(i32::to_string).collect::<Vec<_>>().join(",")
}

fn check(name: &str) {
    let mut play = Play::default();
    transcript::check(name, &mut |line| play.command(line));
}

#[test]
fn a_partition_moves_to_other_brokers() {
    check("cluster-reassignment.txt");
}

#[test]
fn a_topic_is_deleted_though_a_broker_is_down() {
    check("cluster-deletion.txt");
}

#[test]
fn the_preferred_leader_leads_again() {
    check("cluster-preferred-election.txt");
}

#[test]
fn a_broker_hands_over_before_it_stops() {
    check("cluster-controlled-shutdown.txt");
}

#[test]
fn a_broker_bounces_before_its_session_ends() {
    check("cluster-bounce.txt");
}

#[test]
fn another_broker_becomes_controller() {
    check("cluster-controller-failover.txt");
}
