//! The form that starts a consumer in a group, and a button that starts another producer.

use super::produce_form::typed;
use crate::node::Program;
use crate::ui::context::use_ui;
use crate::ui::model::Scene;
use crate::ui::shared::Shared;
use crate::world::action::Action;
use yew::prelude::*;

/// What exists already.
#[derive(Properties, PartialEq)]
pub struct ConsumerProps {
    /// The scene.
    pub scene: Shared<Scene>,
}

/// The form.
#[component]
pub fn ConsumerForm(props: &ConsumerProps) -> Html {
    let ui = use_ui();
    let scene = &props.scene;
    let group = use_state(|| None::<String>);
    let topics = use_state(|| None::<String>);
    let shown_group = (*group).clone().unwrap_or_else(|| next_group(scene));
    let mut names = scene.topics.iter().map(|(name, ..)| name.clone());
    let first_topic = || names.find(|name| !name.starts_with("__"));
    let shown_topics = (*topics).clone().or_else(first_topic).unwrap_or_default();
    let onsubmit = {
        let (ui, scene, group) = (ui.clone(), scene.clone(), group.clone());
        let (name, read) = (shown_group.clone(), shown_topics.clone());
        Callback::from(move |event: SubmitEvent| {
            event.prevent_default();
            let properties =
                vec![("group.id".to_owned(), name.clone()), ("topics".to_owned(), read.clone())];
            let name = next_name(&scene, Program::Consumer, "consumer");
            ui.act(Action::Spawn { name, program: "consumer".to_owned(), properties });
            group.set(None);
        })
    };
    let producer = {
        let scene = scene.clone();
        Callback::from(move |_: MouseEvent| {
            let name = next_name(&scene, Program::Producer, "producer");
            ui.act(Action::Spawn { name, program: "producer".to_owned(), properties: Vec::new() });
        })
    };
    let typing = |state: &UseStateHandle<Option<String>>| {
        let state = state.clone();
        Callback::from(move |event: InputEvent| state.set(Some(typed(&event))))
    };
    html! {
        <form class="inset" aria-label="Add a consumer" {onsubmit}>
            <label class="field"><span>{ "Group" }</span>
                <input id="consumer-group" type="text" list="groups" value={shown_group} autocomplete="off"
                    spellcheck="false" oninput={typing(&group)} />
            </label>
            <datalist id="groups">
                { for scene.groups.iter().map(|group| html! {
                    <option key={group.group.clone()} value={group.group.clone()} />
                }) }
            </datalist>
            <label class="field"><span>{ "Topics" }</span>
                <input type="text" value={shown_topics} autocomplete="off" spellcheck="false"
                    oninput={typing(&topics)} />
            </label>
            <button type="submit" class="btn line wide">{ "Add consumer" }</button>
            <button type="button" class="btn line wide" onclick={producer}>{ "Add producer" }</button>
        </form>
    }
}

/// `consumer-3` when 1 and 2 exist. Names of dead processes are taken too.
fn next_name(scene: &Scene, program: Program, word: &str) -> String {
    let count = scene.names.iter().filter(|(.., known)| *known == program).count();
    let mut free = (count + 1..).map(|number| format!("{word}-{number}"));
    free.find(|name| scene.process(name).is_none()).unwrap_or_default()
}

fn next_group(scene: &Scene) -> String {
    let taken = |name: &str| scene.groups.iter().any(|group| group.group == name);
    let mut free = (scene.groups.len() + 1..).map(|number| format!("group-{number}"));
    free.find(|name| !taken(name)).unwrap_or_default()
}
