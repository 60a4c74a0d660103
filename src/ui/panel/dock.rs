//! The tabs under the stage.

use super::events::Events;
use super::logs::Logs;
use super::messages::Messages;
use super::tree::Tree;
use crate::base::Time;
use crate::host::protocol::Shown;
use crate::ui::context::use_ui;
use crate::ui::event_log::EventLog;
use crate::ui::model::{KeyTable, Scene};
use crate::ui::shared::Shared;
use crate::ui::store::{Msg, Tab};
use yew::prelude::*;

/// What the panels show.
#[derive(Properties, PartialEq)]
pub struct DockProps {
    /// The open one.
    pub tab: Tab,
    /// What happened.
    pub log: EventLog,
    /// The newest picture, for the panels that follow it.
    pub shown: Option<Shared<Shown>>,
    /// The scene.
    pub scene: Shared<Scene>,
    /// The keys.
    pub keys: Shared<KeyTable>,
    /// When the world began.
    pub epoch: Time,
}

const TABS: [(Tab, &str); 4] = [
    (Tab::Events, "Events"),
    (Tab::Messages, "Messages in flight"),
    (Tab::Tree, "ZooKeeper tree"),
    (Tab::Logs, "Logs"),
];

/// The panels.
#[component]
pub fn Dock(props: &DockProps) -> Html {
    let ui = use_ui();
    let at = TABS.iter().position(|(tab, _)| *tab == props.tab).unwrap_or(0);
    let onkeydown = {
        let ui = ui.clone();
        Callback::from(move |event: KeyboardEvent| {
            let step = match event.key().as_str() {
                "ArrowRight" => 1,
                "ArrowLeft" => TABS.len() - 1,
                _ => return,
            };
            event.prevent_default();
            ui.tell(Msg::Tab(TABS[(at + step) % TABS.len()].0));
        })
    };
    let tabs = TABS.iter().map(|(tab, name)| {
        let is_on = *tab == props.tab;
        let (ui, tab) = (ui.clone(), *tab);
        let onclick = Callback::from(move |_: MouseEvent| ui.tell(Msg::Tab(tab)));
        html! {
            <button key={*name} type="button" role="tab" class={classes!(is_on.then_some("on"))} {onclick}
                aria-selected={is_on.to_string()} tabindex={if is_on { "0" } else { "-1" }}>{ *name }</button>
        }
    });
    html! {
        <div class="dock">
            <div class="tabs" role="tablist" aria-label="Panels" {onkeydown}>{ for tabs }</div>
            <div class="pane" role="tabpanel" aria-label={TABS[at].1}>
                { match props.tab {
                    Tab::Events => html! { <Events log={props.log.clone()} epoch={props.epoch} /> },
                    Tab::Messages => html! {
                        <Messages shown={props.shown.clone()} scene={props.scene.clone()} keys={props.keys.clone()} />
                    },
                    Tab::Tree => html! { <Tree shown={props.shown.clone()} scene={props.scene.clone()} /> },
                    Tab::Logs => html! { <Logs log={props.log.clone()} scene={props.scene.clone()} epoch={props.epoch} /> },
                } }
            </div>
        </div>
    }
}
