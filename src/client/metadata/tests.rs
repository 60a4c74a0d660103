use super::*;
use crate::network::testbed::{Bench, Reply, Servers, spec};
use crate::network::{NetworkConfig, NetworkEvent};
use crate::node::view::AdminView;
use crate::node::{Input, Process, ProcessView, Program};
use crate::wire::kafka::{
    AnyRequest, AnyResponse, ApiVersion, ApiVersionsResponse, MetadataResponseBroker,
    MetadataResponsePartition, RequestHeader,
};

/// Answers Metadata with what the test wants.
struct Oracle {
    answer: MetadataResponse,
    asked: Vec<(Time, Endpoint, Vec<String>)>,
}

impl Servers for Oracle {
    fn listens(&self, _: &Endpoint) -> bool {
        true
    }

    fn on_request(
        &mut self,
        now: Time,
        at: &Endpoint,
        conn: crate::base::ConnId,
        header: RequestHeader,
        request: AnyRequest,
    ) -> Vec<Reply> {
        let response: AnyResponse = if let AnyRequest::Metadata(request) = request {
            let topics = request.topics.into_iter().flatten();
            let names = topics.filter_map(|topic| topic.name).collect();
            self.asked.push((now, at.clone(), names));
            self.answer.clone().into()
        } else {
            let metadata = ApiVersion { api_key: 3, min_version: 0, max_version: 11 };
            ApiVersionsResponse { api_keys: vec![metadata], ..Default::default() }.into()
        };
        vec![Reply::to(&header, conn, response, Span::ZERO)]
    }
}

/// Keeps metadata of topic `t` and tells the leader of its first partition whenever it changes.
struct Watcher {
    network: NetworkClient<()>,
    metadata: Metadata,
    leader: Option<(i32, i32)>,
    /// An epoch to hear of after the first answer.
    rumour: Option<i32>,
    started: bool,
}

impl Process for Watcher {
    fn step(&mut self, input: Input, ctx: &mut Ctx<'_>) {
        self.started = true;
        let events = match input {
            Input::Wake => self.network.on_wake(ctx),
            Input::Link(link) => self.network.on_link(link, ctx),
            _ => Vec::new(),
        };
        for event in events {
            match event {
                NetworkEvent::Response { response: AnyResponse::Metadata(response), .. } => {
                    self.metadata.on_response(1, response, &mut self.network, ctx);
                    let rumour = self.rumour.take().unwrap_or(-1);
                    self.metadata.saw_epoch(&TopicPartition::new("t", 0), rumour);
                }
                NetworkEvent::Failed { .. } => self.metadata.on_failure(),
                _ => {}
            }
        }
        self.metadata.maybe_update(&mut self.network, (), ctx);
        let leader = self.metadata.leader(&TopicPartition::new("t", 0));
        if leader != self.leader {
            self.leader = leader;
            ctx.answer(0, Ok(format!("{leader:?}")));
        }
    }

    fn next_wakeup(&self) -> Option<Wakeup> {
        let wakes = [self.network.next_wakeup(), self.metadata.next_wakeup()];
        wakes.into_iter().flatten().filter(|_| self.started).min_by_key(|wakeup| wakeup.at)
    }

    fn view(&self) -> ProcessView {
        ProcessView::Admin(AdminView::default())
    }
}

fn broker(node_id: i32, port: i32) -> MetadataResponseBroker {
    MetadataResponseBroker { node_id, host: format!("broker-{node_id}"), port, rack: None }
}

fn answer(brokers: Vec<MetadataResponseBroker>, leader_id: i32, epoch: i32) -> MetadataResponse {
    let partition =
        MetadataResponsePartition { leader_id, leader_epoch: epoch, ..Default::default() };
    let topic = MetadataResponseTopic {
        name: "t".to_owned(),
        partitions: vec![partition],
        ..Default::default()
    };
    MetadataResponse { brokers, topics: vec![topic], ..Default::default() }
}

fn bench(answer: MetadataResponse) -> Bench<Oracle> {
    bench_with_rumour(answer, None)
}

fn bench_with_rumour(answer: MetadataResponse, rumour: Option<i32>) -> Bench<Oracle> {
    let mut network = NetworkClient::new("watcher", NetworkConfig::default());
    let mut metadata = Metadata::new(
        MetadataConfig {
            bootstrap: vec![Endpoint::new("bootstrap", 9092)],
            max_age: Span::from_secs(300),
            retry_backoff: Span::from_millis(100),
            allow_auto_topic_creation: true,
        },
        "",
    );
    metadata.bootstrap(&mut network);
    metadata.add_topic("t");
    let mut bench = Bench::new(Oracle { answer, asked: Vec::new() });
    let spec = spec(1, Program::Admin, Properties::default());
    bench
        .start(spec, Box::new(Watcher { network, metadata, leader: None, rumour, started: false }));
    bench
}

fn leaders(bench: &Bench<Oracle>) -> Vec<&str> {
    bench.answers.iter().filter_map(|(_, _, outcome)| outcome.as_deref().ok()).collect()
}

#[test]
fn asks_again_when_its_knowledge_is_old_and_leaves_the_bootstrap_server() {
    let mut bench = bench(answer(vec![broker(1, 9092), broker(2, 9092)], 2, 0));
    bench.run(Span::from_secs(299));
    assert_eq!(leaders(&bench), ["Some((2, 0))"]);
    assert_eq!(bench.servers.asked.len(), 1);
    bench.run(Span::from_secs(2));
    let hosts: Vec<_> = bench.servers.asked.iter().map(|asked| asked.1.host.as_str()).collect();
    assert_eq!(hosts[0], "bootstrap");
    assert!(hosts[1].starts_with("broker-"));
    assert_eq!(bench.servers.asked[1].2, ["t"]);
}

#[test]
fn a_broker_that_lags_behind_does_not_take_us_back() {
    let mut first = answer(vec![broker(1, 9092), broker(2, 9092)], 2, 5);
    first.topics[0].partitions[0].error_code = ErrorCode::LEADER_NOT_AVAILABLE;
    let mut bench = bench(first);
    bench.run(Span::from_millis(50));
    bench.servers.answer = answer(vec![broker(1, 9092), broker(2, 9092)], 1, 4);
    bench.run(Span::from_secs(1));
    assert_eq!(leaders(&bench), ["Some((2, 5))"]);
    bench.servers.answer.topics[0].partitions[0].leader_epoch = 6;
    bench.run(Span::from_secs(300));
    assert_eq!(leaders(&bench), ["Some((2, 5))", "Some((1, 6))"]);
}

#[test]
fn a_leader_of_an_older_epoch_than_was_heard_of_is_none() {
    let mut bench =
        bench_with_rumour(answer(vec![broker(1, 9092), broker(2, 9092)], 1, 4), Some(6));
    bench.run(Span::from_secs(2));
    assert_eq!(leaders(&bench), Vec::<&str>::new());
    assert_eq!(bench.servers.asked.len(), 2, "newer metadata are asked for");
    bench.servers.answer = answer(vec![broker(1, 9092), broker(2, 9092)], 2, 6);
    bench.run(Span::from_secs(300));
    assert_eq!(leaders(&bench), ["Some((2, 6))"]);
}

#[test]
fn errors_are_asked_about_again_after_a_back_off() {
    let mut creating = answer(vec![broker(1, 9092)], -1, -1);
    creating.topics[0].error_code = ErrorCode::LEADER_NOT_AVAILABLE;
    let mut bench = bench(creating);
    bench.run(Span::from_millis(450));
    let times: Vec<_> = bench.servers.asked.iter().map(|asked| asked.0).collect();
    assert_eq!(times.len(), 5);
    assert!(times.windows(2).all(|pair| pair[1].since(pair[0]) >= Span::from_millis(90)));
    bench.servers.answer = answer(vec![broker(1, 9092)], 1, 0);
    bench.run(Span::from_secs(10));
    assert_eq!(leaders(&bench), ["Some((1, 0))"]);
    assert_eq!(bench.servers.asked.len(), 6);
}

#[test]
fn odd_answers_do_no_harm() {
    let odd = vec![broker(1, -5), broker(-7, 9092), broker(2, 70_000)];
    let mut bench = bench(answer(odd, 1, 0));
    bench.run(Span::from_secs(1));
    assert_eq!(leaders(&bench), Vec::<&str>::new());
    bench.servers.answer = answer(vec![broker(3, 9092)], 9, 0);
    bench.run(Span::from_secs(1));
    assert_eq!(leaders(&bench), Vec::<&str>::new(), "a leader whom nobody knows is none");
    bench.servers.answer = answer(vec![broker(3, 9092)], 3, 1);
    bench.run(Span::from_secs(301));
    assert_eq!(leaders(&bench), ["Some((3, 1))"]);
}
