//! The servers' log lines, in Kafka's own words.

use crate::base::Time;
use crate::base::trace::LogLevel;
use crate::ui::event_log::EventLog;
use crate::ui::model::Scene;
use crate::ui::model::narrate::clock_text;
use crate::ui::shared::Shared;
use wasm_bindgen::JsCast;
use web_sys::HtmlSelectElement;
use yew::prelude::*;

/// The log lines.
#[derive(Properties, PartialEq)]
pub struct LogsProps {
    /// What happened.
    pub log: EventLog,
    /// The scene, for the names.
    pub scene: Shared<Scene>,
    /// When the world began.
    pub epoch: Time,
}

/// Lines shown at once.
const SHOWN: usize = 150;

/// The log lines.
#[component]
pub fn Logs(props: &LogsProps) -> Html {
    let chosen = use_state(String::new);
    let onchange = {
        let chosen = chosen.clone();
        Callback::from(move |event: Event| {
            let select =
                event.target().and_then(|target| target.dyn_into::<HtmlSelectElement>().ok());
            if let Some(select) = select {
                chosen.set(select.value());
            }
        })
    };
    let lines = props.log.lines();
    let wanted =
        lines.logs.iter().rev().filter(|line| chosen.is_empty() || line.process == *chosen);
    let rows = wanted.take(SHOWN).map(|line| {
        let (level, class) = match line.level {
            LogLevel::Info => ("INFO", "plain"),
            LogLevel::Warn => ("WARN", "change"),
            LogLevel::Error => ("ERROR", "fault"),
        };
        html! {
            <li key={line.id.0.to_string()} class={class}>
                <span class="num at">{ clock_text(line.at, props.epoch) }</span>
                <span class="who">{ line.process.clone() }</span>
                <span>{ format!("{level} {} ({})", line.text, line.logger) }</span>
            </li>
        }
    });
    html! { <>
        <label class="check corner">{ "Process " }
            <select {onchange}>
                <option value="" selected={chosen.is_empty()}>{ "all" }</option>
                { for props.scene.names.iter().map(|(id, name, _)| html! {
                    <option key={id.0} value={name.clone()} selected={*name == *chosen}>{ name.clone() }</option>
                }) }
            </select>
        </label>
        <ol class="lines mono" aria-label="Log lines, newest first">{ for rows }</ol>
        if lines.logs.is_empty() { <p class="mut">{ "No server has written a log line yet." }</p> }
    </> }
}
