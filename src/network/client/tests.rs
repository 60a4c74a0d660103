use super::*;
use crate::network::testbed::{Bench, LATENCY, Reply, Servers, spec};
use crate::node::view::AdminView;
use crate::node::{Command, Input, Process, ProcessView, Program, Properties};
use crate::wire::kafka::{
    ApiVersion, MetadataRequest, MetadataResponse, ProduceRequest, RequestHeader,
};

/// Answers Metadata after `delay`, in versions up to `metadata_max`.
struct Echo {
    delay: Span,
    up: bool,
    metadata_max: i16,
    /// The highest version of ApiVersions that it knows, and whether it says so.
    versions_max: (i16, bool),
    garbage: bool,
    seen: Vec<(Time, RequestHeader)>,
}

impl Default for Echo {
    fn default() -> Self {
        let (delay, seen) = (Span::ZERO, Vec::new());
        Self { delay, up: true, metadata_max: 11, versions_max: (3, true), garbage: false, seen }
    }
}

impl Servers for Echo {
    fn listens(&self, _: &Endpoint) -> bool {
        self.up
    }

    fn on_request(
        &mut self,
        now: Time,
        _: &Endpoint,
        conn: ConnId,
        header: RequestHeader,
        request: AnyRequest,
    ) -> Vec<Reply> {
        self.seen.push((now, header.clone()));
        let response: AnyResponse = match request {
            AnyRequest::ApiVersions(_) if header.api_version > self.versions_max.0 => {
                let (max_version, says) = self.versions_max;
                let own = ApiVersion { api_key: 18, min_version: 0, max_version };
                let refused = ApiVersionsResponse {
                    error_code: ErrorCode::UNSUPPORTED_VERSION,
                    api_keys: says.then_some(own).into_iter().collect(),
                    ..Default::default()
                };
                let frame = AnyResponse::from(refused).to_frame(0, header.correlation_id);
                return vec![Reply { conn, frame, after: Span::ZERO }];
            }
            AnyRequest::ApiVersions(_) => {
                let max_version = self.metadata_max;
                let metadata = ApiVersion { api_key: 3, min_version: 0, max_version };
                let produce = ApiVersion { api_key: 0, min_version: 0, max_version: 9 };
                let api_keys = vec![metadata, produce];
                ApiVersionsResponse { api_keys, ..Default::default() }.into()
            }
            AnyRequest::Metadata(_) if self.garbage => {
                return vec![Reply { conn, frame: Bytes::from_static(b"?"), after: Span::ZERO }];
            }
            AnyRequest::Metadata(_) => {
                MetadataResponse { controller_id: header.correlation_id, ..Default::default() }
                    .into()
            }
            _ => return Vec::new(),
        };
        vec![Reply::to(&header, conn, response, self.delay)]
    }
}

/// Sends a request a command (`Seek`'s partition is the node, its offset the tag) and logs all
/// events as answers.
struct Caller {
    network: NetworkClient<i64>,
}

fn describe(event: &NetworkEvent<i64>) -> String {
    match event {
        NetworkEvent::Response { tag, response, .. } => format!("{tag} {}", response.api().name()),
        NetworkEvent::Sent { tag, .. } => format!("{tag} sent"),
        NetworkEvent::Failed { tag, error, .. } => format!("{tag} {error:?}"),
        NetworkEvent::Connected { node } => format!("connected {node}"),
        NetworkEvent::Disconnected { node } => format!("disconnected {node}"),
    }
}

impl Process for Caller {
    fn step(&mut self, input: Input, ctx: &mut Ctx<'_>) {
        let mut events = Vec::new();
        match input {
            Input::Command { command: Command::Seek { partition, offset, .. }, .. } => {
                self.network.send(partition, MetadataRequest::default(), offset, ctx);
            }
            Input::Command { command: Command::ProduceEvery { .. }, .. } => {
                self.network.send(1, ProduceRequest::default(), -1, ctx);
            }
            Input::Command { .. } => self.network.disconnect(1, ctx),
            Input::Link(link) => events = self.network.on_link(link, ctx),
            Input::Wake => events = self.network.on_wake(ctx),
            Input::Start { .. } | Input::Stop => {}
        }
        for event in events {
            ctx.answer(0, Ok(describe(&event)));
        }
    }

    fn next_wakeup(&self) -> Option<Wakeup> {
        self.network.next_wakeup()
    }

    fn view(&self) -> ProcessView {
        ProcessView::Admin(AdminView::default())
    }
}

fn bench(servers: Echo, config: NetworkConfig) -> (Bench<Echo>, crate::base::ProcessId) {
    let mut bench = Bench::new(servers);
    let mut network = NetworkClient::new("caller", config);
    network.set_node(1, Endpoint::new("broker-1", 9092));
    let spec = spec(1, Program::Admin, Properties::default());
    let id = bench.start(spec, Box::new(Caller { network }));
    (bench, id)
}

fn call(tag: i64) -> Command {
    Command::Seek { topic: String::new(), partition: 1, offset: tag }
}

fn log(bench: &Bench<Echo>) -> Vec<&str> {
    bench.answers.iter().filter_map(|(_, _, outcome)| outcome.as_deref().ok()).collect()
}

#[test]
fn dials_negotiates_and_answers_in_order() {
    let echo = Echo { metadata_max: 4, ..Echo::default() };
    let (mut bench, id) = bench(echo, NetworkConfig { max_in_flight: 2, ..Default::default() });
    for tag in 0..5 {
        bench.tell(id, 0, call(tag));
    }
    bench.run(Span::from_secs(1));
    let expected = ["0 Metadata", "1 Metadata", "2 Metadata", "3 Metadata", "4 Metadata"];
    assert_eq!(log(&bench)[0], "connected 1");
    assert_eq!(log(&bench)[1..], expected);
    let seen = &bench.servers.seen;
    assert_eq!((seen[0].1.api(), seen[0].1.api_version), (Some(ApiKey::ApiVersions), 3));
    assert_eq!((seen[1].1.api(), seen[1].1.api_version), (Some(ApiKey::Metadata), 4));
    let times: Vec<_> = seen[1..].iter().map(|(at, _)| at.since(seen[1].0).as_millis()).collect();
    assert_eq!(times, [0, 0, 2, 2, 4], "two in flight at most, over a link of {LATENCY}");
}

#[test]
fn an_older_broker_is_asked_for_its_versions_again_in_one_that_it_knows() {
    for (versions_max, expected) in
        [((2, true), 2), ((2, false), 0), ((0, true), 0), ((9, true), 3)]
    {
        let echo = Echo { versions_max, metadata_max: 5, ..Echo::default() };
        let (mut bench, id) = bench(echo, NetworkConfig::default());
        bench.tell(id, 0, call(1));
        bench.run(Span::from_millis(100));
        assert_eq!(log(&bench), ["connected 1", "1 Metadata"], "{versions_max:?}");
        let mut seen: Vec<_> = bench
            .servers
            .seen
            .iter()
            .map(|(_, header)| (header.api_key, header.api_version))
            .collect();
        assert_eq!(seen.pop(), Some((ApiKey::Metadata as i16, 5)));
        let asked: Vec<_> = seen.into_iter().map(|(_, version)| version).collect();
        assert_eq!(asked, if expected == 3 { vec![3] } else { vec![3, expected] });
    }
}

/// Who answers every version with a refusal is no broker; the connection ends and the back-off runs.
#[test]
fn a_broker_that_knows_no_version_at_all_is_left() {
    let echo = Echo { versions_max: (-1, true), ..Echo::default() };
    let (mut bench, id) = bench(echo, NetworkConfig::default());
    bench.tell(id, 0, call(1));
    bench.run(Span::from_millis(100));
    assert_eq!(log(&bench), ["disconnected 1", "1 Disconnected"]);
    let asked: Vec<_> = bench.servers.seen.iter().map(|(_, header)| header.api_version).collect();
    assert_eq!(asked, [3, 0]);
}

#[test]
fn a_time_out_closes_the_connection_and_fails_all_on_it() {
    let echo = Echo { delay: Span::from_secs(9), ..Echo::default() };
    let config = NetworkConfig {
        request_timeout: Span::from_secs(2),
        discover_versions: false,
        ..Default::default()
    };
    let (mut bench, id) = bench(echo, config);
    bench.tell(id, 0, call(1));
    bench.run(Span::from_secs(1));
    bench.tell(id, 0, call(2));
    bench.run(Span::from_millis(1_500));
    assert_eq!(log(&bench), ["connected 1", "disconnected 1", "1 TimedOut", "2 Disconnected"]);
    bench.servers.delay = Span::ZERO;
    bench.tell(id, 0, call(3));
    bench.run(Span::from_secs(1));
    assert_eq!(log(&bench)[4..], ["connected 1", "3 Metadata"]);
}

#[test]
fn dials_again_after_a_growing_back_off() {
    let (mut bench, id) = bench(Echo { up: false, ..Echo::default() }, NetworkConfig::default());
    bench.tell(id, 0, call(1));
    bench.run(Span::from_millis(10));
    assert_eq!(log(&bench), ["disconnected 1", "1 Disconnected"]);
    bench.tell(id, 0, call(2));
    bench.run(Span::from_millis(25));
    assert_eq!(log(&bench).len(), 2, "the back-off of about 50 ms is not over");
    bench.servers.up = true;
    bench.run(Span::from_millis(50));
    assert_eq!(log(&bench)[2..], ["connected 1", "2 Metadata"]);
}

/// reconnect.backoff.ms doubles to reconnect.backoff.max.ms, a fifth more or less, and begins anew after a success.
#[test]
fn the_back_off_grows_to_its_limit_and_begins_anew_once_connected() {
    let (mut bench, id) = bench(Echo { up: false, ..Echo::default() }, NetworkConfig::default());
    let failed_after = |bench: &mut Bench<Echo>, tag| {
        let (asked, before) = (bench.now, log(bench).len());
        bench.tell(id, 0, call(tag));
        while log(bench).len() == before {
            bench.run(Span::from_millis(1));
        }
        bench.now.since(asked).as_millis()
    };
    failed_after(&mut bench, 0);
    for (tag, expected) in (1..).zip([50, 100, 200, 400, 800, 1_000, 1_000]) {
        let waited = failed_after(&mut bench, tag);
        let (least, most) = (expected * 8 / 10, expected * 12 / 10 + 5);
        assert!((least..=most).contains(&waited), "dial {tag} failed after {waited} ms");
    }
    bench.servers.up = true;
    failed_after(&mut bench, 8);
    bench.servers.up = false;
    bench.reset(&Endpoint::new("broker-1", 9092));
    bench.run(Span::from_millis(100));
    assert!(
        failed_after(&mut bench, 9) <= 5,
        "the first dial after the reset has no back-off left"
    );
    let waited = failed_after(&mut bench, 10);
    assert!((80..=125).contains(&waited), "{waited}: the second failure in a row");
}

#[test]
fn a_silent_host_fails_after_a_setup_timeout_that_grows() {
    let config = NetworkConfig { request_timeout: Span::from_secs(100), ..Default::default() };
    let (mut bench, id) = bench(Echo::default(), config);
    bench.silence(&Endpoint::new("broker-1", 9092));
    for (round, expected_s) in [10, 20, 30, 30].into_iter().enumerate() {
        let (asked, before) = (bench.now, log(&bench).len());
        bench.tell(id, 0, call(round as i64));
        while log(&bench).len() == before && bench.now.since(asked) < Span::from_secs(60) {
            bench.run(Span::from_millis(50));
        }
        let failed = format!("{round} Disconnected");
        assert_eq!(log(&bench)[before..], ["disconnected 1", failed.as_str()]);
        let took = bench.now.since(asked).as_millis();
        // A fifth more or less, and a reconnect back-off before all but the first.
        let (least, most) = (expected_s * 800, expected_s * 1_200 + 1_300);
        assert!((least..=most).contains(&took), "dial {round} took {took} ms");
    }
}

#[test]
fn odd_answers_and_unknown_nodes_fail_the_request_only() {
    let (mut bench, id) =
        bench(Echo { garbage: true, ..Echo::default() }, NetworkConfig::default());
    bench.tell(id, 0, call(1));
    bench.tell(id, 0, call(2));
    let nobody = Command::Seek { topic: String::new(), partition: 7, offset: 3 };
    bench.tell(id, 0, nobody);
    bench.run(Span::from_secs(1));
    let expected =
        ["3 Disconnected", "connected 1", "disconnected 1", "1 BadResponse", "2 Disconnected"];
    assert_eq!(log(&bench), expected);
}

#[test]
fn a_version_that_the_node_lacks_is_refused_before_it_is_sent() {
    let (mut bench, id) =
        bench(Echo { metadata_max: -1, ..Echo::default() }, NetworkConfig::default());
    bench.tell(id, 0, call(1));
    bench.run(Span::from_secs(1));
    assert_eq!(log(&bench), ["connected 1", "1 UnsupportedVersion"]);
}

#[test]
fn produce_without_acks_is_done_when_it_left() {
    let (mut bench, id) = bench(Echo::default(), NetworkConfig::default());
    let produce = || Command::ProduceEvery { topic: String::new(), interval_us: 0, keys: vec![] };
    bench.tell(id, 0, produce());
    bench.run(Span::from_millis(100));
    bench.tell(id, 0, produce());
    bench.tell(id, 0, call(1));
    bench.run(Span::from_millis(100));
    assert_eq!(log(&bench), ["connected 1", "-1 sent", "-1 sent", "1 Metadata"]);
}

#[test]
fn a_reset_fails_what_was_under_way() {
    let (mut bench, id) = bench(Echo::default(), NetworkConfig::default());
    bench.tell(id, 0, call(1));
    bench.run(Span::from_millis(100));
    bench.servers.delay = Span::from_secs(1);
    bench.tell(id, 0, call(2));
    bench.run(Span::from_millis(100));
    bench.reset(&Endpoint::new("broker-1", 9092));
    bench.run(Span::from_millis(100));
    assert_eq!(log(&bench)[2..], ["disconnected 1", "2 Disconnected"]);
}
