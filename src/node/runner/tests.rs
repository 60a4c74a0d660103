use super::*;
use crate::base::{MachineId, ProcessId, Span};
use crate::node::{Command, ProcessView, Program, Properties};
use proptest::prelude::*;

/// Syncs on every command, wakes every 7 ms, and tells when each of its steps happened.
#[derive(Default)]
struct Clerk {
    next: Option<Time>,
    log: Vec<(Time, String)>,
}

impl Process for Clerk {
    fn step(&mut self, input: Input, ctx: &mut Ctx<'_>) {
        self.log.push((ctx.now(), format!("{input:?}")));
        match input {
            Input::Start { .. } | Input::Wake => self.next = Some(ctx.now() + Span::from_millis(7)),
            Input::Command { id, .. } => {
                ctx.volume.append("journal", &[id as u8]).expect("room");
                ctx.fsync("journal").expect("file");
                let draw = ctx.rng.below(1_000);
                ctx.answer(id, Ok(draw.to_string()));
            }
            Input::Stop => ctx.exit(false, "stopped"),
            Input::Link(_) => {}
        }
    }

    fn next_wakeup(&self) -> Option<Wakeup> {
        self.next.map(|at| Wakeup { at, reason: "tick".into() })
    }

    fn view(&self) -> ProcessView {
        ProcessView::Admin(crate::node::view::AdminView::default())
    }
}

fn runner() -> Runner {
    let spec = ProcessSpec {
        id: ProcessId(3),
        name: "clerk".to_owned(),
        machine: MachineId(0),
        host: "desk".to_owned(),
        program: Program::Admin,
        properties: Properties::default(),
        sync_latency: Span::from_millis(3),
        seed: 1,
    };
    Runner::new(spec, Incarnation(1), Box::new(Clerk::default()), Volume::default())
}

fn at(millis: u64, seq: u64, input: Input) -> TimedInput {
    let due = Time::from_millis(millis);
    TimedInput { due, source: 1, seq, cause: Cause::Beginning, input }
}

fn command(millis: u64, id: u64) -> TimedInput {
    let command = Command::Seek { topic: String::new(), partition: 0, offset: 0 };
    at(millis, id, Input::Command { id, command })
}

#[test]
fn a_sync_keeps_the_process_busy_and_delays_what_follows() {
    let mut runner = runner();
    let start = at(0, 0, Input::Start { incarnation: Incarnation(1) });
    let inputs = vec![start, command(1, 1), command(2, 2)];
    let output = runner.run(Batch { inputs, until: Time::from_millis(20), ..Batch::default() });
    let times: Vec<_> = output.emissions.iter().map(|e| e.at.as_millis()).collect();
    assert_eq!(times, [4, 7], "the second command waits until the first sync is done at 4 ms");
    assert_eq!(output.next_wake.map(|wake| wake.at), Some(Time::from_millis(21)));
    assert_eq!(runner.volume().durable_len("journal"), 2);
}

#[test]
fn a_paused_process_catches_up_when_it_resumes() {
    let mut runner = runner();
    let start = at(0, 0, Input::Start { incarnation: Incarnation(1) });
    runner.run(Batch { inputs: vec![start], until: Time::from_millis(1), ..Batch::default() });
    let output = runner.run(Batch {
        inputs: vec![command(3, 1)],
        until: Time::from_millis(60),
        not_before: Some(Time::from_millis(50)),
        ..Batch::default()
    });
    assert_eq!(output.emissions[0].at, Time::from_millis(53));
    assert_eq!(output.steps, 2, "the wake at 53 ms makes up for the missed ones");
}

#[test]
fn nothing_happens_after_an_exit() {
    let mut runner = runner();
    let inputs = vec![at(1, 1, Input::Stop), command(2, 2)];
    let output = runner.run(Batch { inputs, until: Time::from_millis(90), ..Batch::default() });
    assert_eq!((output.steps, output.next_wake), (1, None));
}

proptest! {
    /// However time is cut into windows, the emissions and their times are the same.
    #[test]
    fn windows_do_not_matter(
        dues in prop::collection::vec(1..40u64, 1..12),
        cuts in prop::collection::btree_set(1..60u64, 0..10),
    ) {
        let mut inputs = vec![at(0, 0, Input::Start { incarnation: Incarnation(1) })];
        inputs.extend(dues.iter().enumerate().map(|(i, due)| command(*due, i as u64 + 1)));
        let end = Time::from_millis(80);
        let whole = runner().run(Batch { inputs: inputs.clone(), until: end, ..Batch::default() });
        let mut cut_runner = runner();
        let mut emissions = Vec::new();
        let mut from = Time::ZERO;
        for until in cuts.iter().map(|ms| Time::from_millis(*ms)).chain([end]) {
            let window = inputs.iter().filter(|i| i.due >= from && i.due < until).cloned();
            let batch = Batch { inputs: window.collect(), until, ..Batch::default() };
            emissions.extend(cut_runner.run(batch).emissions);
            from = until;
        }
        prop_assert_eq!(emissions, whole.emissions);
    }
}
