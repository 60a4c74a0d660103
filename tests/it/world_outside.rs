//! The world's door for real clients: published addresses, reach, and the trace's order.

use kafkarium::base::timers::Wakeup;
use kafkarium::base::{Endpoint, EventId, Span, TraceEvent};
use kafkarium::host::LocalHost;
use kafkarium::node::view::AdminView;
use kafkarium::node::{
    Ctx, Input, LinkInput, Process, ProcessSpec, ProcessView, Program, Properties,
};
use kafkarium::world::outside::Reach;
use kafkarium::world::{Action, World, WorldConfig};

/// Listens, writes what it hears to a file that it never syncs, and sends it back.
struct Echo;

fn launch(_: &ProcessSpec) -> Box<dyn Process> {
    Box::new(Echo)
}

impl Process for Echo {
    fn step(&mut self, input: Input, ctx: &mut Ctx<'_>) {
        match input {
            Input::Start { .. } => ctx.listen(7),
            Input::Link(LinkInput::Frame(conn, frame)) => {
                ctx.volume.append("heard", &frame).expect("room");
                ctx.send(conn, frame);
            }
            Input::Link(_) | Input::Wake | Input::Command { .. } | Input::Stop => {}
        }
    }

    fn next_wakeup(&self) -> Option<Wakeup> {
        None
    }

    fn view(&self) -> ProcessView {
        ProcessView::Admin(AdminView { pending: 0, outcomes: Vec::new() })
    }
}

/// Two servers; the second is found at `localhost` too.
fn host() -> LocalHost {
    let mut config = WorldConfig::new(1);
    for name in ["one", "two"] {
        config.process(name, Program::Broker, Properties::default());
    }
    let mut host = LocalHost::new(World::new(config), launch);
    assert!(host.world_mut().publish(Endpoint::new("localhost", 7), "two"));
    assert!(!host.world_mut().publish(Endpoint::new("localhost", 8), "nobody"));
    pass(&mut host);
    host
}

/// Lets everything arrive.
fn pass(host: &mut LocalHost) -> Vec<LinkInput> {
    let until = host.world().clock() + Span::from_secs(1);
    host.run_until(until);
    host.world_mut().take_outside()
}

fn act(host: &mut LocalHost, action: &str) {
    let action: Action = action.parse().expect("an action");
    host.world_mut().act(action).expect("a possible action");
}

#[test]
fn a_published_port_leads_to_its_machine() {
    let mut host = host();
    let at = |port| Endpoint::new("localhost", port);
    assert_eq!(host.world().reach_from_outside(&at(7)), Reach::Listening);
    assert_eq!(host.world().reach_from_outside(&at(8)), Reach::Refused);
    assert_eq!(host.world().reach_from_outside(&Endpoint::new("one", 7)), Reach::Listening);
    let conn = host.world_mut().dial_from_outside(&at(7));
    assert_eq!(pass(&mut host), [LinkInput::Opened(conn)]);
    host.world_mut().send_from_outside(conn, b"hello"[..].into());
    assert_eq!(host.unread_from_outside(conn), 5);
    assert_eq!(pass(&mut host), [LinkInput::Frame(conn, b"hello"[..].into())]);
    assert_eq!(host.unread_from_outside(conn), 0);
    let two = host.world().process_named("two").expect("it exists");
    assert_eq!(host.volume(two).and_then(|volume| volume.read("heard")), Some(&b"hello"[..]));
    act(&mut host, "isolate two");
    assert_eq!(host.world().reach_from_outside(&at(7)), Reach::Silent);
    act(&mut host, "heal two");
    act(&mut host, "kill two");
    assert_eq!(host.world().reach_from_outside(&at(7)), Reach::Refused);
    act(&mut host, "power-off two");
    assert_eq!(host.world().reach_from_outside(&at(7)), Reach::Silent);
}

#[test]
fn a_power_cut_is_told_before_what_comes_from_outside_after_it() {
    let mut host = host();
    let conn = host.world_mut().dial_from_outside(&Endpoint::new("localhost", 7));
    pass(&mut host);
    host.world_mut().send_from_outside(conn, vec![1; 1_000].into());
    pass(&mut host);
    act(&mut host, "power-off two");
    pass(&mut host);
    host.world_mut().send_from_outside(conn, vec![2; 10].into());
    pass(&mut host);
    let records: Vec<_> = host.world().trace().after(EventId(0)).collect();
    assert!(records.iter().any(|record| matches!(record.event, TraceEvent::FileCut { .. })));
    assert!(records.is_sorted_by_key(|record| record.at));
}
