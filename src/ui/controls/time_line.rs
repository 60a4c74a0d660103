//! The last minute of virtual time with its changes and faults.

use crate::base::{Span, Time};
use crate::ui::context::{real_ms, use_ui};
use crate::ui::event_log::EventLog;
use crate::ui::icon::Icon;
use crate::ui::model::narrate::{Line, Weight, clock_text};
use gloo::timers::callback::Interval;
use yew::prelude::*;

/// What the line shows.
#[derive(Properties, PartialEq)]
pub struct TimeLineProps {
    /// What happened.
    pub log: EventLog,
    /// When the world began.
    pub epoch: Time,
}

const SHOWN: Span = Span::from_secs(60);
/// Marks closer than this are drawn as one, in a hundredth of the line.
const APART: f64 = 2.2;

/// The line.
#[component]
pub fn TimeLine(props: &TimeLineProps) -> Html {
    let ui = use_ui();
    let now = use_state_eq(|| Time::ZERO);
    {
        let now = now.clone();
        use_effect_with((), move |()| {
            let tick = Interval::new(250, move || now.set(ui.live.clock(real_ms())));
            move || drop(tick)
        });
    }
    let start = (*now - SHOWN).max(props.epoch);
    let whole = SHOWN.as_micros() as f64;
    let place = |at: Time| 2.0 + 94.0 * (at.since(start).as_micros() as f64 / whole).min(1.0);
    let lines = props.log.lines();
    let mut marks: Vec<(f64, &Line, usize)> = Vec::new();
    for line in lines.marks(start) {
        let x = place(line.at);
        match marks.last_mut().filter(|(before, ..)| x - before < APART) {
            // Of marks that would overlap the heaviest shows; the title says how many there are.
            Some(last) => {
                last.2 += 1;
                if line.weight > last.1.weight {
                    last.1 = line;
                }
            }
            None => marks.push((x, line, 1)),
        }
    }
    let here = place(*now);
    html! {
        <div class="scrub" aria-hidden="true">
            <i class="past" style={format!("left:2%;width:{:.2}%", here - 2.0)}></i>
            <i class="future" style={format!("left:{here:.2}%;right:2%")}></i>
            { for marks.into_iter().map(|(x, line, count)| mark(x, line, count, props.epoch)) }
            <i class="now" style={format!("left:{here:.2}%")}></i>
        </div>
    }
}

fn mark(x: f64, line: &Line, count: usize, epoch: Time) -> Html {
    let more = if count > 1 { format!(" (+{})", count - 1) } else { String::new() };
    let title = format!("{} {}{more}", clock_text(line.at, epoch), line.text);
    let bad = (line.weight == Weight::Fault).then_some("bad");
    html! {
        <span key={line.id.0.to_string()} class={classes!("mark", bad)} style={format!("left:{x:.2}%")} {title}>
            <Icon name={line.icon} size=14 />
        </span>
    }
}
