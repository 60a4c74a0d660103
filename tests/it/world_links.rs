//! What connections promise: latency, order, resets, silence, and healing in order.

use crate::gossip::{Gossip, config, host};
use kafkarium::base::timers::Wakeup;
use kafkarium::base::{ConnId, Endpoint, ProcessId, Span, Time, TraceEvent};
use kafkarium::disk::Volume;
use kafkarium::host::LocalHost;
use kafkarium::node::view::AdminView;
use kafkarium::node::{
    Ctx, Input, LinkInput, Process, ProcessSpec, ProcessView, Program, Properties,
};
use kafkarium::world::{Action, World, WorldConfig};

/// `server` writes down what it hears and when; `client` sends a numbered frame every 10 ms.
struct Half {
    server: bool,
    target: String,
    conn: Option<ConnId>,
    sent: u8,
    next: Option<Time>,
    notes: Vec<Result<String, String>>,
}

fn launch(spec: &ProcessSpec) -> Box<dyn Process> {
    Box::new(Half {
        server: spec.name == "server",
        target: spec.properties.get("target").unwrap_or("server").to_owned(),
        conn: None,
        sent: 0,
        next: None,
        notes: Vec::new(),
    })
}

impl Process for Half {
    fn step(&mut self, input: Input, ctx: &mut Ctx<'_>) {
        let ms = ctx.now().as_micros() % 100_000_000 / 1_000;
        match input {
            Input::Start { .. } if self.server => ctx.listen(1),
            Input::Start { .. } => {
                ctx.dial(Endpoint::new(self.target.clone(), 1));
            }
            Input::Wake => {
                self.next = Some(ctx.now() + Span::from_millis(10));
                self.sent += 1;
                if let Some(conn) = self.conn {
                    ctx.send(conn, vec![self.sent]);
                }
            }
            Input::Link(LinkInput::Opened(conn)) => {
                self.notes.push(Ok(format!("{ms} opened")));
                (self.conn, self.next) = (Some(conn), Some(ctx.now()));
            }
            Input::Link(LinkInput::Accepted { from, .. }) => {
                self.notes.push(Ok(format!("{ms} accepted {}", from.host)));
            }
            Input::Link(LinkInput::Frame(_, frame)) => {
                self.notes.push(Ok(format!("{ms} frame {}", frame[0])));
            }
            Input::Link(LinkInput::Closed(_, reason)) => {
                self.notes.push(Ok(format!("{ms} closed {reason:?}")));
                (self.conn, self.next) = (None, None);
            }
            Input::Command { .. } => {}
            Input::Stop => ctx.exit(false, "done"),
        }
    }

    fn next_wakeup(&self) -> Option<Wakeup> {
        self.next.map(|at| Wakeup { at, reason: "send".into() })
    }

    fn view(&self) -> ProcessView {
        ProcessView::Admin(AdminView { pending: 0, outcomes: self.notes.clone() })
    }
}

fn pair(target: &str) -> LocalHost {
    let mut config = WorldConfig::new(1);
    config.epoch = Time::from_millis(100_000_000);
    config.latency = Span::from_millis(4);
    config.process("server", Program::Admin, Properties::default());
    config.process("client", Program::Admin, Properties::of([("target", target)]));
    LocalHost::new(World::new(config), launch)
}

fn at(ms: u64) -> Time {
    Time::from_millis(100_000_000 + ms)
}

fn act(host: &mut LocalHost, ms: u64, action: &str) {
    host.run_until(at(ms));
    host.world_mut().act(action.parse().expect("an action")).expect("possible");
}

fn notes(host: &LocalHost, process: u32) -> Vec<String> {
    let runner = host.runner(ProcessId(process)).expect("alive");
    let ProcessView::Admin(view) = runner.process().view() else { panic!("another view") };
    view.outcomes.into_iter().flatten().collect()
}

#[test]
fn a_dial_takes_a_round_trip_and_frames_arrive_in_order() {
    let mut host = pair("server");
    host.run_until(at(33));
    assert_eq!(notes(&host, 2), ["8 opened"]);
    let heard = ["8 accepted client", "12 frame 1", "22 frame 2", "32 frame 3"];
    assert_eq!(notes(&host, 1), heard);
}

#[test]
fn dials_fail_as_in_the_real_world() {
    let mut nobody = pair("nowhere");
    nobody.run_until(at(50));
    assert_eq!(notes(&nobody, 2), ["4 closed UnknownHost"]);
    let mut refused = pair("client");
    refused.run_until(at(50));
    assert_eq!(notes(&refused, 2), ["8 closed Refused"]);
    let mut silent = pair("server");
    act(&mut silent, 0, "power-off server");
    silent.run_until(at(10_000));
    assert!(notes(&silent, 2).is_empty(), "no power, no answer");
}

#[test]
fn what_was_sent_before_a_kill_still_arrives_and_then_the_reset() {
    let mut host = pair("server");
    act(&mut host, 19, "kill client");
    host.run_until(at(60));
    let heard = ["8 accepted client", "12 frame 1", "22 frame 2", "23 closed Reset"];
    assert_eq!(notes(&host, 1), heard);
}

#[test]
fn a_clean_end_hangs_up() {
    let mut host = pair("server");
    act(&mut host, 19, "stop client");
    host.run_until(at(60));
    assert_eq!(notes(&host, 1).last().map(String::as_str), Some("23 closed HungUp"));
}

#[test]
fn an_isolated_machine_is_silent_and_healing_delivers_in_order() {
    for (direction, held_from) in [("in", 2), ("out", 3)] {
        let side = if direction == "in" { "server" } else { "client" };
        let mut host = pair("server");
        act(&mut host, 19, &format!("isolate {side} {direction}"));
        host.run_until(at(50));
        assert_eq!(
            notes(&host, 1).len(),
            held_from,
            "{direction}: the one under way passes a cut at the source only"
        );
        act(&mut host, 51, &format!("heal {side}"));
        host.run_until(at(60));
        let heard = notes(&host, 1);
        let expected: Vec<String> =
            (held_from..=5).map(|i| format!("55 frame {i}")).chain(["62 frame 6".into()]).collect();
        host.run_until(at(63));
        assert_eq!(&notes(&host, 1)[heard.len().min(held_from)..], expected, "{direction}");
    }
}

#[test]
fn a_rebooted_machine_resets_an_old_connection_at_its_next_frame() {
    let mut host = pair("server");
    act(&mut host, 20, "power-off server");
    host.run_until(at(200));
    assert_eq!(notes(&host, 2), ["8 opened"], "silence");
    act(&mut host, 201, "power-on server");
    host.run_until(at(300));
    assert_eq!(notes(&host, 2), ["8 opened", "209 closed Reset"]);
    assert!(notes(&host, 1).is_empty());
    let lost = |event: &TraceEvent| matches!(event, TraceEvent::FrameLost { .. });
    let trace = host.world().trace();
    let lost = trace.after(kafkarium::base::EventId(0)).filter(|record| lost(&record.event));
    assert_eq!(lost.count(), 20, "frame 2 was under way, 3 to 21 were held up");
}

#[test]
fn a_slow_machine_is_slow_both_ways() {
    let mut host = pair("server");
    act(&mut host, 0, "latency server 20000");
    host.run_until(at(61));
    assert_eq!(notes(&host, 1), ["40 accepted client", "60 frame 1"]);
}

#[test]
fn a_reset_breaks_the_connections_of_a_machine_and_loses_what_was_under_way() {
    let mut host = pair("server");
    act(&mut host, 10, "reset server");
    host.run_until(at(100));
    // Frame 1 was under way, due at 12.
    assert_eq!(notes(&host, 1), ["8 accepted client", "14 closed Reset"]);
    assert_eq!(notes(&host, 2), ["8 opened", "14 closed Reset"]);
    let mut host = pair("server");
    act(&mut host, 10, "reset server server");
    host.run_until(at(13));
    assert_eq!(notes(&host, 1), ["8 accepted client", "12 frame 1"], "that is another connection");
}

#[test]
fn a_fast_clock_wakes_its_processes_early_and_never_goes_back() {
    let mut host = pair("server");
    act(&mut host, 20, "clock client 200");
    host.run_until(at(40));
    // Frame 3 was due when the clock reads 28: at 24 of the world's time, and then every 5 ms.
    let heard = ["12 frame 1", "22 frame 2", "28 frame 3", "33 frame 4", "38 frame 5"];
    assert_eq!(notes(&host, 1)[1..], heard);
    act(&mut host, 40, "clock client 100");
    host.run_until(at(70));
    // At 40 it reads 60, and frame 6 is due at 58 of it, which is 39 of the world's.
    let heard = ["43 frame 6", "52 frame 7", "62 frame 8"];
    assert_eq!(notes(&host, 1)[6..9], heard);
}

#[test]
fn a_process_can_dial_itself() {
    let mut host = host(config(3, 1, &[]));
    host.run_until(host.world().epoch() + Span::from_secs(5));
    let runner = host.runner(ProcessId(1)).expect("alive");
    let ProcessView::Admin(view) = runner.process().view() else { panic!("another view") };
    let heard: u64 = view.outcomes[0].as_ref().expect("a number").parse().expect("a number");
    assert!(heard > 50, "{heard}");
    assert_eq!(view.outcomes[1], Ok("2".to_owned()), "both ends");
}

#[test]
fn a_pause_holds_everything_and_a_resume_makes_up_for_it() {
    let mut host = pair("server");
    act(&mut host, 15, "pause server");
    host.run_until(at(90));
    assert_eq!(notes(&host, 1).len(), 2);
    act(&mut host, 90, "resume server");
    host.run_until(at(91));
    assert_eq!(notes(&host, 1)[2..4], ["90 frame 2".to_owned(), "90 frame 3".to_owned()]);
    act(&mut host, 100, "pause client");
    host.run_until(at(200));
    let heard = notes(&host, 1).len();
    act(&mut host, 200, "resume client");
    host.run_until(at(206));
    assert_eq!(notes(&host, 1).len(), heard + 1);
}

#[test]
fn a_power_cut_takes_what_was_not_synced_and_nothing_else() {
    let mut host = host(config(5, 2, &[]));
    host.run_until(host.world().epoch() + Span::from_secs(10));
    let of =
        |host: &LocalHost, file: &str| host.volume(ProcessId(1)).and_then(|v: &Volume| v.len(file));
    let (diary, notes) = (of(&host, "diary"), of(&host, "notes"));
    host.world_mut().act("power-off g1".parse().expect("an action")).expect("possible");
    host.run_until(host.world().clock() + Span::from_millis(1));
    assert!(of(&host, "diary") >= diary.map(|len| len - 8), "at most the sync under way");
    assert!(of(&host, "notes") < notes);
    let cut = host.world().trace().after(kafkarium::base::EventId(0));
    assert!(cut.into_iter().any(|record| matches!(record.event, TraceEvent::FileCut { .. })));
}

#[test]
fn the_supervisor_brings_failed_processes_back_after_its_back_off() {
    let mut wild = config(8, 2, &[("wild", "true")]);
    wild.supervisor = true;
    let mut host = LocalHost::new(World::new(wild.clone()), Gossip::launch);
    host.run_until(host.world().epoch() + Span::from_secs(60));
    assert!(host.world().incarnation(ProcessId(1)).is_some_and(|life| life.0 > 3));
    let mut exits = Vec::new();
    for record in host.world().trace().after(kafkarium::base::EventId(0)) {
        match &record.event {
            TraceEvent::ProcessExited { process, .. } => exits.push((*process, record.at)),
            TraceEvent::ProcessStarted { process, incarnation } if incarnation.0 > 1 => {
                let exit = exits.iter().rev().find(|(exited, _)| exited == process);
                let exited = exit.map(|(_, at)| *at).expect("it exited first");
                assert_eq!(record.at.since(exited), Span::from_secs(5));
            }
            _ => {}
        }
    }
    wild.supervisor = false;
    let mut off = LocalHost::new(World::new(wild), Gossip::launch);
    off.run_until(off.world().epoch() + Span::from_secs(60));
    assert!(off.world().incarnation(ProcessId(1)).is_some_and(|life| life.0 == 1));
}

#[test]
fn impossible_actions_change_nothing_and_say_why() {
    let mut host = pair("server");
    host.run_until(at(5));
    let before = host.world().trace().hash();
    for (action, words) in [
        ("kill ghost", "there is no process called \"ghost\""),
        ("resume server", "server is not paused"),
        ("power-on server", "server has power"),
        ("heal server", "server is not isolated"),
        ("start server admin", "there is already a process called server"),
        (
            "start \"<b>\" admin",
            "\"<b>\" cannot be a name: use 1 to 63 letters, digits, dots, hyphens or underscores",
        ),
        (
            "start x daemon",
            "\"daemon\" is not a program: broker, zookeeper, producer, consumer or admin",
        ),
        ("clock server 5", "5 is not a speed of a clock: 10 to 1000 percent"),
        ("tell server seek t 0 0", "server does not take that command"),
    ] {
        let action: Action = action.parse().expect("an action");
        let error = host.world_mut().act(action).expect_err(words);
        assert_eq!(error.to_string(), words);
    }
    assert_eq!(host.world().trace().hash(), before);
    assert!(host.world().recorded_actions().is_empty());
}

#[test]
fn a_picture_shows_what_flies_and_what_is_held_up() {
    let mut host = pair("server");
    host.world_mut().observe(true);
    host.run_until(at(20));
    let picture = host.world_mut().picture(at(20));
    let cards: Vec<_> = picture.processes.iter().map(|card| card.name.as_str()).collect();
    assert_eq!(cards, ["server", "client"]);
    assert!(picture.processes.iter().all(|card| card.view.is_some()), "views were asked for");
    let [frame] = picture.flying.as_slice() else { panic!("{:?}", picture.flying) };
    assert_eq!((frame.sent, frame.due, frame.size_bytes), (at(18), at(22), 1));
    assert_eq!((frame.from, frame.to), (ProcessId(2), ProcessId(1)));
    let details = host.world_mut().frame_details(frame.id).expect("kept");
    assert_eq!(details.bytes.as_ref(), [2]);
    assert_eq!(picture.events.len() as u64, picture.events_total);
    assert!(host.world_mut().picture(at(20)).events.is_empty(), "each event is shown once");
    act(&mut host, 20, "isolate server");
    host.run_until(at(40));
    let picture = host.world_mut().picture(at(40));
    assert_eq!(picture.processes[0].isolated, (true, true));
    assert!(picture.flying.iter().all(|frame| frame.due == Time::MAX));
    assert_eq!(picture.flying.len(), 3, "frames 2 to 4");
}
