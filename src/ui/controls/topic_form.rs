//! The form that creates a topic.

use super::produce_form::on_input;
use crate::base::SortedMap;
use crate::node::Command;
use crate::ui::context::use_ui;
use crate::ui::shared::Shared;
use crate::world::action::Action;
use yew::prelude::*;

/// Who can create it.
#[derive(Properties, PartialEq)]
pub struct TopicProps {
    /// The admin client, when one is alive.
    pub admin: Option<String>,
    /// Outcomes of actions.
    pub outcomes: Shared<SortedMap<u64, Result<String, String>>>,
}

/// The form.
#[component]
pub fn TopicForm(props: &TopicProps) -> Html {
    let ui = use_ui();
    let name = use_state(String::new);
    let partitions = use_state(|| "3".to_owned());
    let replicas = use_state(|| "3".to_owned());
    let asked = use_state(|| None::<Result<u64, String>>);
    let onsubmit = {
        let (asked, admin) = (asked.clone(), props.admin.clone());
        let (name, partitions, replicas) = (name.clone(), partitions.clone(), replicas.clone());
        Callback::from(move |event: SubmitEvent| {
            event.prevent_default();
            let command = command(&name, &partitions, &replicas);
            asked.set(Some(match (&admin, command) {
                (None, _) => Err("No admin client is running.".to_owned()),
                (_, Err(problem)) => Err(problem),
                (Some(process), Ok(command)) => {
                    Ok(ui.conductor.act(Action::Tell { process: process.clone(), command }))
                }
            }));
        })
    };
    let field = |label: &'static str, state: &UseStateHandle<String>, mode: &'static str| {
        html! {
            <label class="field"><span>{ label }</span>
                <input type="text" inputmode={mode} value={(**state).clone()} oninput={on_input(state)}
                    autocomplete="off" spellcheck="false" />
            </label>
        }
    };
    html! {
        <form class="inset" aria-label="Create a topic" {onsubmit}>
            { field("Name", &name, "text") }
            { field("Partitions", &partitions, "numeric") }
            { field("Replicas", &replicas, "numeric") }
            <button type="submit" class="btn line wide">{ "Create topic" }</button>
            { outcome(asked.as_ref(), props) }
        </form>
    }
}

fn command(name: &str, partitions: &str, replicas: &str) -> Result<Command, String> {
    let number = |text: &str, what: &str| {
        text.trim().parse::<i32>().map_err(|_| format!("{what} should be a whole number."))
    };
    let partitions = number(partitions, "Partitions")?;
    let replicas = number(replicas, "Replicas")?;
    let replication_factor =
        i16::try_from(replicas).map_err(|_| "Replicas is too large.".to_owned())?;
    let topic = name.to_owned();
    Ok(Command::CreateTopic { topic, partitions, replication_factor, configs: Vec::new() })
}

fn outcome(asked: Option<&Result<u64, String>>, props: &TopicProps) -> Html {
    let (class, words) = match asked {
        None => ("", String::new()),
        Some(Err(problem)) => ("bad", problem.clone()),
        Some(Ok(id)) => match props.outcomes.get(id) {
            None => ("mut", "Asking the controller…".to_owned()),
            Some(Ok(words)) => ("good", words.clone()),
            Some(Err(error)) => ("bad", error.clone()),
        },
    };
    html! { <p class={classes!("said", class)} role="status">{ words }</p> }
}
