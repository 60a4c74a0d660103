use crate::base::{ProcessId, Span};
use crate::client::AdminProcess;
use crate::client::fake_cluster::FakeCluster;
use crate::network::testbed::{Bench, spec};
use crate::node::{Command, Program, Properties};
use crate::wire::ErrorCode;

fn admin(cluster: FakeCluster) -> (Bench<FakeCluster>, ProcessId) {
    let properties = Properties::of([("bootstrap.servers", "broker-1:9092")]);
    let spec = spec(1, Program::Admin, properties);
    let process = Box::new(AdminProcess::new(&spec).expect("sound properties"));
    let mut bench = Bench::new(cluster);
    let id = bench.start(spec, process);
    (bench, id)
}

fn create() -> Command {
    Command::CreateTopic {
        topic: "t".to_owned(),
        partitions: 3,
        replication_factor: 2,
        configs: vec![("min.insync.replicas".to_owned(), "2".to_owned())],
    }
}

#[test]
fn topics_are_created_by_the_controller_wherever_it_moves() {
    let mut cluster = FakeCluster::new(2);
    cluster.controller = 2;
    cluster.not_controller_times = 2;
    let (mut bench, id) = admin(cluster);
    bench.tell(id, 5, create());
    bench.run(Span::from_secs(1));
    assert_eq!(bench.answers, [(id, 5, Ok("Created topic t.".to_owned()))]);
    let created = &bench.servers.created[0];
    assert_eq!((created.num_partitions, created.replication_factor), (3, 2));
    assert_eq!(created.configs[0].value.as_deref(), Some("2"));
}

#[test]
fn refusals_come_in_kafkas_words() {
    let mut cluster = FakeCluster::new(1);
    let message = "Replication factor: 2 larger than available brokers: 1.";
    cluster.create_error = Some((ErrorCode::INVALID_REPLICATION_FACTOR, message.to_owned()));
    let (mut bench, id) = admin(cluster);
    bench.tell(id, 1, create());
    bench.run(Span::from_secs(1));
    let expected = format!("INVALID_REPLICATION_FACTOR: {message}");
    assert_eq!(bench.answers, [(id, 1, Err(expected))]);
}

#[test]
fn a_cluster_out_of_reach_is_given_up() {
    let mut cluster = FakeCluster::new(1);
    cluster.down.push(1);
    let (mut bench, id) = admin(cluster);
    bench.tell(id, 1, create());
    bench.run(Span::from_secs(61));
    let outcome = bench.answers[0].2.clone();
    let text = "REQUEST_TIMED_OUT: The call createTopics timed out after 60000 ms.";
    assert_eq!(outcome, Err(text.to_owned()));
}
