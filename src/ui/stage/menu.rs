//! The menu of a node: what can be done to its process and its machine.

use super::view::focus_node;
use crate::ui::context::{Ui, use_ui};
use crate::ui::icon::Icon;
use crate::ui::model::status::{Look, NodeStatus};
use crate::ui::store::{Msg, OpenMenu, Selection};
use crate::world::action::Action;
use crate::world::picture::ProcessCard;
use wasm_bindgen::JsCast;
use web_sys::{Element, HtmlElement};
use yew::prelude::*;

/// An open menu.
#[derive(Properties, PartialEq)]
pub struct MenuProps {
    /// Where, and of which process.
    pub menu: OpenMenu,
    /// The process.
    pub card: ProcessCard,
    /// How it is doing.
    pub status: NodeStatus,
}

#[derive(Clone)]
enum Choice {
    Act(Action),
    Inspect,
}

/// Label, icon, key and effect of what can be done now. What makes no sense is left out.
fn choices(
    card: &ProcessCard,
    status: &NodeStatus,
) -> Vec<(&'static str, &'static str, char, Choice)> {
    let name = || card.name.clone();
    let act = |label, icon, key, action| (label, icon, key, Choice::Act(action));
    let mut choices = Vec::new();
    match status.look {
        Look::NoPower => choices.push(act("Power on", "power", 'P', Action::PowerOn(name()))),
        Look::Dead => {
            choices.push(act("Restart", "restart", 'R', Action::Restart(name())));
            choices.push(act("Power off", "power", 'P', Action::PowerOff(name())));
        }
        Look::Up | Look::Starting | Look::Paused | Look::Isolated => {
            choices.push(act("Kill", "kill", 'K', Action::Kill(name())));
            choices.push(act("Power off", "power", 'P', Action::PowerOff(name())));
            choices.push(match status.look {
                Look::Paused => act("Resume", "play", 'G', Action::Resume(name())),
                _ => act("Pause", "gc", 'G', Action::Pause(name())),
            });
            choices.push(act("Restart", "restart", 'R', Action::Restart(name())));
        }
    }
    choices.push(if card.isolated == (false, false) {
        let isolate = Action::Isolate { machine: name(), inbound: true, outbound: true };
        act("Isolate", "isolate", 'N', isolate)
    } else {
        act("Heal", "tick", 'N', Action::Heal(name()))
    });
    choices.push(("Inspect", "lens", 'I', Choice::Inspect));
    choices
}

/// The menu.
#[component]
pub fn NodeMenu(props: &MenuProps) -> Html {
    let ui = use_ui();
    let root = use_node_ref();
    {
        let root = root.clone();
        use_effect_with(props.menu, move |_| focus_item(&root, 0));
    }
    let process = props.menu.process;
    let choices = choices(&props.card, &props.status);
    let close = {
        let ui = ui.clone();
        Callback::from(move |()| {
            ui.tell(Msg::Menu(None));
            focus_node(process);
        })
    };
    let onkeydown = on_key(&ui, &root, &choices, &close, props);
    let rows = choices.iter().map(|(label, icon, key, choice)| {
        let (ui, close, choice) = (ui.clone(), close.clone(), choice.clone());
        let onclick = Callback::from(move |_: MouseEvent| choose(&ui, &close, &choice, process));
        html! { <>
            if matches!(*label, "Isolate" | "Heal" | "Inspect") { <hr key={format!("{label}-rule")} /> }
            <button key={*label} type="button" class="mi" role="menuitem" tabindex="-1" {onclick}>
                <Icon name={*icon} /><span>{ *label }</span><kbd aria-hidden="true">{ key.to_string() }</kbd>
            </button>
        </> }
    });
    // Kept inside the window: it is at most 180 × 290.
    let style = format!(
        "left:max(4px,min({}px,calc(100vw - 190px)));top:max(4px,min({}px,calc(100vh - 300px)))",
        props.menu.x, props.menu.y
    );
    let dismiss = close.reform(|event: MouseEvent| event.prevent_default());
    html! { <>
        <div class="veil" onmousedown={dismiss.clone()} oncontextmenu={dismiss}></div>
        <div class="menu" role="menu" aria-label={props.card.name.clone()} {style} ref={root} {onkeydown}>
            <div class="mh" aria-hidden="true">{ props.card.name.clone() }</div>
            { for rows }
        </div>
    </> }
}

fn choose(ui: &Ui, close: &Callback<()>, choice: &Choice, process: crate::base::ProcessId) {
    close.emit(());
    match choice {
        Choice::Act(action) => ui.act(action.clone()),
        Choice::Inspect => ui.select(Selection::Process(process)),
    }
}

fn on_key(
    ui: &Ui,
    root: &NodeRef,
    choices: &[(&'static str, &'static str, char, Choice)],
    close: &Callback<()>,
    props: &MenuProps,
) -> Callback<KeyboardEvent> {
    let (ui, root, close) = (ui.clone(), root.clone(), close.clone());
    let keys: Vec<(char, Choice)> =
        choices.iter().map(|(.., key, choice)| (*key, choice.clone())).collect();
    let process = props.menu.process;
    Callback::from(move |event: KeyboardEvent| {
        event.stop_propagation();
        let count = keys.len() as i32;
        let at = focused_item(&root).unwrap_or(0);
        match event.key().as_str() {
            "Escape" | "Tab" => close.emit(()),
            "ArrowDown" => focus_item(&root, (at + 1).rem_euclid(count)),
            "ArrowUp" => focus_item(&root, (at - 1).rem_euclid(count)),
            "Home" => focus_item(&root, 0),
            "End" => focus_item(&root, count - 1),
            key => {
                let typed = key.chars().next().map(|c| c.to_ascii_uppercase());
                let is_letter = key.chars().count() == 1 && !event.ctrl_key() && !event.meta_key();
                let found = keys.iter().find(|(letter, _)| is_letter && Some(*letter) == typed);
                let Some((_, choice)) = found else { return };
                choose(&ui, &close, choice, process);
            }
        }
        event.prevent_default();
    })
}

fn items(root: &NodeRef) -> Vec<HtmlElement> {
    let Some(list) =
        root.cast::<Element>().and_then(|root| root.query_selector_all("[role=menuitem]").ok())
    else {
        return Vec::new();
    };
    (0..list.length()).filter_map(|at| list.item(at)?.dyn_into().ok()).collect()
}

fn focus_item(root: &NodeRef, at: i32) {
    if let Some(item) = items(root).get(at as usize) {
        let _ = item.focus();
    }
}

fn focused_item(root: &NodeRef) -> Option<i32> {
    let active = web_sys::window()?.document()?.active_element()?;
    items(root).iter().position(|item| item.is_same_node(Some(&active))).map(|at| at as i32)
}
