//! Play, pause, step, speed and the clock.

use super::time_line::TimeLine;
use crate::base::Time;
use crate::base::timers::Wakeup;
use crate::host::protocol::ToConductor;
use crate::ui::context::use_ui;
use crate::ui::event_log::EventLog;
use crate::ui::icon::Icon;
use crate::ui::model::narrate::clock_text;
use wasm_bindgen::JsCast;
use web_sys::HtmlSelectElement;
use yew::prelude::*;

/// How the world is played.
#[derive(Properties, PartialEq)]
pub struct TransportProps {
    /// Whether virtual time passes.
    pub playing: bool,
    /// Speed in a thousandth of real time, 0 as fast as it goes.
    pub speed: u32,
    /// What comes next by itself.
    pub next: Option<Wakeup>,
    /// When the world began.
    pub epoch: Time,
    /// What happened.
    pub log: EventLog,
    /// Whether a world is shown.
    pub is_ready: bool,
}

/// The speeds offered, in a thousandth of real time.
const SPEEDS: [(u32, &str); 9] = [
    (10, "0.01×"),
    (100, "0.1×"),
    (250, "¼×"),
    (500, "½×"),
    (1_000, "1×"),
    (2_000, "2×"),
    (4_000, "4×"),
    (10_000, "10×"),
    (0, "fastest"),
];

/// Id of the element that shows the clock; the frame loop writes into it.
pub const CLOCK_ID: &str = "clock";

/// The transport.
#[component]
pub fn Transport(props: &TransportProps) -> Html {
    let ui = use_ui();
    let say = |message: ToConductor| {
        let ui = ui.clone();
        Callback::from(move |_: MouseEvent| ui.send(message.clone()))
    };
    let (label, icon, toggle) = if props.playing {
        ("Pause time", "pause", ToConductor::Pause)
    } else {
        ("Play", "play", ToConductor::Play)
    };
    let button = |label: &'static str, key: &str, icon: &'static str, look, message| {
        html! {
            <button type="button" class={classes!("btn", "sq", look)} aria-label={label}
                title={format!("{label} ({key})")} onclick={say(message)} disabled={!props.is_ready}>
                <Icon name={icon} />
            </button>
        }
    };
    html! {
        <div class="transport" role="group" aria-label="Time">
            { button(label, "Space", icon, "solid", toggle) }
            { button("Next event", ".", "stepev", "line", ToConductor::NextEvent) }
            { button("Next message", "/", "stepmsg", "line", ToConductor::NextMessage) }
            { speed(props, &ui) }
            <TimeLine log={props.log.clone()} epoch={props.epoch} />
            <div class="clock"><span id={CLOCK_ID}>{ "00:00.000" }</span><small>{ state(props) }</small></div>
        </div>
    }
}

fn speed(props: &TransportProps, ui: &crate::ui::context::Ui) -> Html {
    let ui = ui.clone();
    let onchange = Callback::from(move |event: Event| {
        let select = event.target().and_then(|target| target.dyn_into::<HtmlSelectElement>().ok());
        if let Some(speed) = select.and_then(|select| select.value().parse().ok()) {
            ui.send(ToConductor::Speed(speed));
        }
    });
    let is_listed = SPEEDS.iter().any(|(speed, _)| *speed == props.speed);
    let own = (props.speed, format!("{}×", f64::from(props.speed) / 1_000.0));
    let listed = SPEEDS.iter().map(|(speed, words)| (*speed, (*words).to_owned()));
    let options = listed.chain((!is_listed).then_some(own));
    html! {
        <select class="pick speed" aria-label="Speed" {onchange} disabled={!props.is_ready}>
            { for options.map(|(speed, words)| html! {
                <option key={speed} value={speed.to_string()} selected={speed == props.speed}>{ words }</option>
            }) }
        </select>
    }
}

fn state(props: &TransportProps) -> String {
    match props.next.as_ref() {
        _ if props.playing => "virtual time".to_owned(),
        Some(next) => format!("next {}: {}", clock_text(next.at, props.epoch), next.reason),
        None => "paused".to_owned(),
    }
}
