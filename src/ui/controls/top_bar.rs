//! The bar on top: name, world, persistence, theme and help.

use crate::host::protocol::{Persistence, ToConductor};
use crate::lesson::catalogue::LESSONS;
use crate::ui::context::use_ui;
use crate::ui::icon::Icon;
use crate::ui::store::Msg;
use yew::prelude::*;

/// What the bar says.
#[derive(Properties, PartialEq)]
pub struct TopProps {
    /// The world in a few words.
    pub world: String,
    /// The lesson's title, when one is played.
    pub lesson: Option<String>,
    /// Whether the world outlives the tab.
    pub persistence: Option<Persistence>,
    /// Whether the theme is dark.
    pub is_dark: bool,
    /// Changes the theme.
    pub on_theme: Callback<()>,
}

/// The bar.
#[component]
pub fn TopBar(props: &TopProps) -> Html {
    let ui = use_ui();
    let tell = |message: fn() -> Msg| {
        let ui = ui.clone();
        Callback::from(move |_: MouseEvent| ui.tell(message()))
    };
    let theme = props.on_theme.reform(|_: MouseEvent| ());
    let words = if props.is_dark { "Switch to light theme" } else { "Switch to dark theme" };
    html! {
        <header class="top">
            <button type="button" class="btn sq only-overlay" aria-label="Build and filter"
                onclick={tell(|| Msg::Left(true))}><Icon name="plus" /></button>
            <div class="brand"><Icon name="logo" size=22 /><span>{ "Kafkarium" }</span></div>
            <div class="sep"></div>
            <Lessons is_playing={props.lesson.is_some()} />
            if let Some(title) = &props.lesson {
                <span class="pick flat"><Icon name="book" /><b>{ title.clone() }</b></span>
            } else {
                <span class="mut world">{ props.world.clone() }</span>
            }
            <div class="grow"></div>
            { kept(props.persistence.as_ref()) }
            <NewWorld />
            <button type="button" class="btn sq" aria-label={words} title={words} onclick={theme}>
                <Icon name="theme" />
            </button>
            <button type="button" class="btn sq" aria-label="Help and keyboard shortcuts" title="Help (?)"
                onclick={tell(|| Msg::Help(true))}><Icon name="help" /></button>
        </header>
    }
}

#[derive(Properties, PartialEq)]
struct LessonsProps {
    is_playing: bool,
}

/// The way into a lesson, and back to the sandbox: each is an address of its own.
#[component]
fn Lessons(props: &LessonsProps) -> Html {
    let links = LESSONS.iter().map(|entry| {
        let title = entry.text.lines().find_map(|line| line.strip_prefix("# "));
        html! {
            <a key={entry.name} class="mi" href={format!("?lesson={}", entry.name)}>
                { title.unwrap_or(entry.name) }</a>
        }
    });
    html! {
        <details class="lessons"><summary class="pick">{ "Lessons" }</summary>
            <nav class="menu" aria-label="Lessons">
                { for links }
                if props.is_playing {
                    <hr />
                    <a class="mi" href="?">{ "Sandbox" }</a>
                }
            </nav>
        </details>
    }
}

/// Begins anew, after asking once more: it cannot be undone.
#[component]
fn NewWorld() -> Html {
    let ui = use_ui();
    let asked = use_state(|| false);
    let ask = |wanted: bool| {
        let asked = asked.clone();
        Callback::from(move |_: MouseEvent| asked.set(wanted))
    };
    let reset = {
        let asked = asked.clone();
        Callback::from(move |_: MouseEvent| {
            asked.set(false);
            ui.send(ToConductor::Reset);
        })
    };
    if *asked {
        return html! { <>
            <span class="mut wide-only">{ "Every record of this world goes." }</span>
            <button type="button" class="btn line" onclick={reset}>{ "Begin anew" }</button>
            <button type="button" class="btn" onclick={ask(false)}>{ "Keep it" }</button>
        </> };
    }
    html! {
        <button type="button" class="btn" aria-label="New world" onclick={ask(true)}>
            <Icon name="restart" /><span class="wide-only">{ "New world" }</span>
        </button>
    }
}

fn kept(persistence: Option<&Persistence>) -> Html {
    match persistence {
        None => html! {},
        Some(Persistence::Kept) => html! {
            <span class="tag ok wide-only" title="A reload finds the cluster and every record again.">
                <Icon name="tick" size=12 />{ "Kept in this browser" }
            </span>
        },
        Some(Persistence::MemoryOnly { why }) => html! {
            <span class="tag warn" title={why.clone()} role="status">
                <Icon name="warn" size=12 /><span>{ "In memory only" }
                <span class="wide-only">{ format!(": {why}") }</span></span>
            </span>
        },
    }
}
