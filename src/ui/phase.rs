//! Empty, loading and failing: says what is, then the next step, with one button.

use crate::host::protocol::ToConductor;
use crate::ui::context::use_ui;
use crate::ui::icon::Icon;
use crate::ui::store::Phase;
use yew::prelude::*;

/// Where the page stands.
#[derive(Properties, PartialEq)]
pub struct PhaseProps {
    /// Where the page stands.
    pub phase: Phase,
    /// Whether the world that is shown has no broker.
    pub is_empty: bool,
}

/// The notice over the stage; nothing while a world runs.
#[component]
pub fn PhaseNotice(props: &PhaseProps) -> Html {
    let ui = use_ui();
    let anew = Callback::from(move |_: MouseEvent| ui.send(ToConductor::Reset));
    let reload = Callback::from(|_: MouseEvent| {
        if let Some(window) = web_sys::window() {
            // A browser that refuses leaves the page as it is, with its notice.
            let _ = window.location().reload();
        }
    });
    match &props.phase {
        Phase::Running if props.is_empty => state(
            "",
            "grid",
            "Empty stage",
            "No broker yet. Begin anew with three brokers and a topic.".to_owned(),
            Some(("Begin anew", anew)),
        ),
        Phase::Running => html! {},
        Phase::Starting { ready, total, waiting_for } => starting(*ready, *total, waiting_for),
        Phase::Elsewhere => state(
            "warned",
            "warn",
            "This world is open in another tab",
            "Two tabs would write to the same volumes. Close the other tab, then load this one again.".to_owned(),
            Some(("Load again", reload)),
        ),
        Phase::Stale => state(
            "warned",
            "warn",
            "A newer version is here",
            "The page and its workers are of different builds. Nothing is lost by loading it again.".to_owned(),
            Some(("Load again", reload)),
        ),
        Phase::Lost(message) => state(
            "faulty",
            "kill",
            "The conductor stopped",
            format!("The stage shows the last moment it knew. {message}"),
            Some(("Load again", reload)),
        ),
    }
}

fn starting(ready: u32, total: u32, waiting_for: &str) -> Html {
    let words = match waiting_for {
        "" => "The conductor is starting.".to_owned(),
        name => format!("{name} is starting."),
    };
    let part = if total == 0 { 0.0 } else { 100.0 * f64::from(ready) / f64::from(total) };
    html! {
        <div class="state" role="status"><b>{ "Starting the cluster" }</b>
            <div class="progress" aria-hidden="true"><i style={format!("width:{part:.0}%")}></i></div>
            <p>{ words }</p>
            if total > 0 { <p class="num">{ format!("{ready} of {total} workers up") }</p> }
        </div>
    }
}

fn state(
    class: &'static str,
    icon: &'static str,
    heading: &'static str,
    words: String,
    button: Option<(&'static str, Callback<MouseEvent>)>,
) -> Html {
    html! {
        <div class={classes!("state", class)} role={if class.is_empty() { "status" } else { "alert" }}>
            <b><Icon name={icon} />{ format!(" {heading}") }</b><p>{ words }</p>
            if let Some((label, onclick)) = button {
                <button type="button" class="btn solid" {onclick}>{ label }</button>
            }
        </div>
    }
}
