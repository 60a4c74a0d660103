//! What happened, newest first, in sentences.

use crate::base::Time;
use crate::ui::event_log::EventLog;
use crate::ui::icon::Icon;
use crate::ui::model::narrate::{Line, Weight, clock_text};
use yew::prelude::*;

/// The events.
#[derive(Properties, PartialEq)]
pub struct EventsProps {
    /// What happened.
    pub log: EventLog,
    /// When the world began.
    pub epoch: Time,
}

/// Lines shown at once.
const SHOWN: usize = 120;

/// The events.
#[component]
pub fn Events(props: &EventsProps) -> Html {
    let detailed = use_state(|| false);
    let lines = props.log.lines();
    let mut shown: Vec<&Line> = lines.events.iter().rev().take(SHOWN).collect();
    if *detailed {
        shown.extend(lines.details.iter().rev().take(SHOWN));
        shown.sort_by_key(|line| std::cmp::Reverse(line.id));
        shown.truncate(SHOWN);
    }
    let toggle = {
        let detailed = detailed.clone();
        Callback::from(move |_: MouseEvent| detailed.set(!*detailed))
    };
    let rows = shown.into_iter().map(|line| {
        let weight = match line.weight {
            Weight::Detail => "detail",
            Weight::Plain => "plain",
            Weight::Change => "change",
            Weight::Fault => "fault",
        };
        html! {
            <li key={line.id.0.to_string()} class={weight}>
                <span class="num at">{ clock_text(line.at, props.epoch) }</span>
                <Icon name={line.icon} size=14 /><span>{ line.text.clone() }</span>
            </li>
        }
    });
    html! { <>
        <label class="check corner"><input type="checkbox" checked={*detailed} onclick={toggle} />{ "every message and append" }</label>
        <ol class="lines" aria-label="Events, newest first">{ for rows }</ol>
        if lines.events.is_empty() { <p class="mut">{ "Nothing has happened yet. Press Play." }</p> }
    </> }
}
