//! The left panel: forms, topics, the keys and the traffic filters, which are the legend too.

use super::consumer_form::ConsumerForm;
use super::produce_form::ProduceForm;
use super::topic_form::TopicForm;
use crate::base::{SortedMap, SortedSet};
use crate::node::Program;
use crate::ui::context::{Ui, use_ui};
use crate::ui::icon::Icon;
use crate::ui::model::{KeyTable, Scene};
use crate::ui::shared::Shared;
use crate::ui::stage::flight::KINDS;
use crate::ui::store::Msg;
use crate::wire::summary::FrameKind;
use yew::prelude::*;

/// What the panel shows.
#[derive(Properties, PartialEq)]
pub struct LeftProps {
    /// The scene.
    pub scene: Shared<Scene>,
    /// Names of the processes that are alive.
    pub alive: Vec<String>,
    /// The keys.
    pub keys: Shared<KeyTable>,
    /// Kinds of frames that are not drawn.
    pub filtered: Shared<SortedSet<FrameKind>>,
    /// Topics that are folded away.
    pub hidden: SortedSet<String>,
    /// Outcomes of actions.
    pub outcomes: Shared<SortedMap<u64, Result<String, String>>>,
    /// Whether it is open where it is an overlay.
    pub is_open: bool,
}

/// The panel.
#[component]
pub fn LeftPanel(props: &LeftProps) -> Html {
    let ui = use_ui();
    let scene = &props.scene;
    let alive = |program: Program| -> Vec<String> {
        let of_kind = scene.names.iter().filter(|(.., kind)| *kind == program);
        of_kind.map(|(_, name, _)| name.clone()).filter(|name| props.alive.contains(name)).collect()
    };
    let topics: Vec<String> = scene.topics.iter().map(|(name, ..)| name.clone()).collect();
    let admin = alive(Program::Admin).first().cloned();
    let close = {
        let ui = ui.clone();
        Callback::from(move |_: MouseEvent| ui.tell(Msg::Left(false)))
    };
    html! {
        <aside class={classes!("side", "l", props.is_open.then_some("open"))} aria-label="Build and filter">
            <button type="button" class="btn sq only-overlay closer" aria-label="Close panel" onclick={close}>
                <Icon name="close" />
            </button>
            <ProduceForm producers={alive(Program::Producer)} {topics} outcomes={props.outcomes.clone()} />
            { topic_list(&ui, props) }
            { keys(props) }
            { traffic(&ui, props) }
            <section class="sec"><h3>{ "Add" }</h3>
                <details><summary>{ "Consumer or producer" }</summary>
                    <ConsumerForm scene={scene.clone()} /></details>
                <details><summary>{ "Topic" }</summary>
                    <TopicForm {admin} outcomes={props.outcomes.clone()} /></details>
            </section>
        </aside>
    }
}

fn topic_list(ui: &Ui, props: &LeftProps) -> Html {
    let all = &props.scene.topics;
    let shown = all.iter().filter(|(name, ..)| !props.hidden.contains(name)).count();
    let rows = all.iter().map(|(name, partitions, replicas)| {
        let is_hidden = props.hidden.contains(name);
        let (ui, topic) = (ui.clone(), name.clone());
        let onclick = Callback::from(move |_: MouseEvent| ui.tell(Msg::ToggleTopic(topic.clone())));
        html! {
            <div key={name.clone()} class={classes!("rowi", is_hidden.then_some("mut"))}>
                <span class="mono name">{ name.clone() }</span>
                <span class="r mut">{ format!("{partitions} × {replicas}") }</span>
                <button type="button" class="btn sq small" {onclick} aria-pressed={(!is_hidden).to_string()}
                    aria-label={format!("Show {name}")}>
                    <Icon name={if is_hidden { "eyeoff" } else { "eye" }} />
                </button>
            </div>
        }
    });
    html! {
        <section class="sec"><h3>{ "Topics" }<small>{ format!("{shown} of {} shown", all.len()) }</small></h3>
            if all.is_empty() {
                <p class="mut">{ "No topic yet. Add one below." }</p>
            }
            { for rows }
        </section>
    }
}

fn keys(props: &LeftProps) -> Html {
    const SHOWN: usize = 12;
    let keys = props.keys.keys();
    if keys.is_empty() {
        return html! {};
    }
    let chips = keys.iter().rev().take(SHOWN).rev().map(|key| {
        let mark = props.keys.mark(Some(key));
        html! {
            <div key={key.clone()} class={mark.class()} title={key.clone()}>
                <span class="kchip">{ mark.letter.clone() }</span><span class="name">{ key.clone() }</span>
            </div>
        }
    });
    html! {
        <section class="sec"><h3>{ "Record keys" }<small>{ keys.len() }</small></h3>
            <div class="keys">{ for chips }</div>
        </section>
    }
}

fn traffic(ui: &Ui, props: &LeftProps) -> Html {
    let rows = KINDS.iter().map(|(kind, icon, name)| {
        let (ui, kind) = (ui.clone(), *kind);
        let is_on = !props.filtered.contains(&kind);
        let onclick = Callback::from(move |_: MouseEvent| ui.tell(Msg::ToggleKind(kind)));
        html! {
            <div key={*name} class="rowi">
                <Icon name={*icon} /><span>{ *name }</span>
                <button type="button" class={classes!("sw", "r", is_on.then_some("on"))} role="switch"
                    aria-checked={is_on.to_string()} aria-label={*name} {onclick}></button>
            </div>
        }
    });
    html! {
        <section class="sec"><h3>{ "Traffic" }<small>{ "shape is kind, hue is key" }</small></h3>
            { for rows }
        </section>
    }
}
