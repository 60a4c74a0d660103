//! The form that gives records to a producer.

use super::records::{lines, single};
use crate::base::SortedMap;
use crate::base::limits::PASTE_BYTES_MAX;
use crate::node::{Command, OutgoingRecord};
use crate::ui::context::use_ui;
use crate::ui::shared::Shared;
use crate::world::action::Action;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{HtmlInputElement, HtmlSelectElement, HtmlTextAreaElement};
use yew::prelude::*;

/// Who can send and where to.
#[derive(Properties, PartialEq)]
pub struct ProduceProps {
    /// Producers that are alive.
    pub producers: Vec<String>,
    /// Topics that exist.
    pub topics: Vec<String>,
    /// Outcomes of actions.
    pub outcomes: Shared<SortedMap<u64, Result<String, String>>>,
}

/// What the form says about the last attempt.
#[derive(Clone, PartialEq)]
enum Said {
    Nothing,
    Sent(u64, usize),
    Problem(String),
}

/// The form.
#[component]
pub fn ProduceForm(props: &ProduceProps) -> Html {
    let ui = use_ui();
    let topic = use_state(|| None::<String>);
    let (key, value, text) =
        (use_state(String::new), use_state(String::new), use_state(String::new));
    let (many, keyed) = (use_state(|| false), use_state(|| true));
    let chosen = use_state(String::new);
    let said = use_state(|| Said::Nothing);
    let is_chosen = |name: &&String| **name == *chosen;
    let producer = props.producers.iter().find(is_chosen).or(props.producers.first()).cloned();
    let first_topic = || props.topics.iter().find(|topic| !topic.starts_with("__")).cloned();
    let shown_topic = (*topic).clone().or_else(first_topic).unwrap_or_else(|| "orders".to_owned());
    let send = {
        let (said, producer, topic) = (said.clone(), producer.clone(), shown_topic.clone());
        Callback::from(move |records: Result<Vec<OutgoingRecord>, String>| {
            let ready = match (&producer, records) {
                (None, _) => Err("No producer is running.".to_owned()),
                (_, Err(problem)) => Err(problem),
                (Some(_), Ok(_)) if topic.is_empty() => Err("Name a topic first.".to_owned()),
                (Some(process), Ok(records)) => Ok((process.clone(), records)),
            };
            said.set(match ready {
                Err(problem) => Said::Problem(problem),
                Ok((process, records)) => {
                    let count = records.len();
                    let command = Command::Produce { topic: topic.clone(), records };
                    Said::Sent(ui.conductor.act(Action::Tell { process, command }), count)
                }
            });
        })
    };
    let onsubmit = {
        let (send, key, value, text) = (send.clone(), key.clone(), value.clone(), text.clone());
        let (many, keyed) = (many.clone(), keyed.clone());
        Callback::from(move |event: SubmitEvent| {
            event.prevent_default();
            if *many {
                send.emit(lines(text.as_bytes(), *keyed));
            } else {
                send.emit(Ok(vec![single(&key, &value)]));
                value.set(String::new());
            }
        })
    };
    let onfile = on_file(&send, &said, *keyed);
    let onmode = flip(&many);
    html! {
        <form class="sec produce" aria-label="Produce" {onsubmit}>
            <h3>{ "Produce" }
                <button type="button" class="textlink" onclick={onmode}>
                    { if *many { "one record" } else { "many records" } }
                </button>
            </h3>
            if props.producers.len() > 1 {
                <label class="field"><span>{ "Producer" }</span>
                    <select onchange={on_select(&chosen)}>
                        { for props.producers.iter().map(|name| html! {
                            <option key={name.clone()} value={name.clone()}
                                selected={producer.as_ref() == Some(name)}>{ name.clone() }</option>
                        }) }
                    </select>
                </label>
            }
            <label class="field"><span>{ "Topic" }</span>
                <input type="text" list="topics" value={shown_topic} autocomplete="off" spellcheck="false"
                    oninput={{
                        let topic = topic.clone();
                        Callback::from(move |event: InputEvent| topic.set(Some(typed(&event))))
                    }} />
            </label>
            <datalist id="topics">
                { for props.topics.iter().map(|name| html! { <option key={name.clone()} value={name.clone()} /> }) }
            </datalist>
            if *many {
                <label class="field tall"><span>{ "Records, one a line" }</span>
                    <textarea rows="4" spellcheck="false" value={(*text).clone()} oninput={on_input(&text)}
                        placeholder={if *keyed { "anita:2 coffees\nbruno:1 tea" } else { "2 coffees\n1 tea" }} />
                </label>
                <label class="check">
                    <input type="checkbox" checked={*keyed} onclick={flip(&keyed)} />{ "key:value on each line" }
                </label>
                <label class="check"><input type="file" onchange={onfile} aria-label="Send a file" /></label>
            } else {
                <label class="field"><span>{ "Key" }</span>
                    <input type="text" value={(*key).clone()} placeholder="none" autocomplete="off"
                        spellcheck="false" oninput={on_input(&key)} />
                </label>
                <label class="field"><span>{ "Value" }</span>
                    <input type="text" value={(*value).clone()} autocomplete="off" spellcheck="false"
                        oninput={on_input(&value)} />
                </label>
            }
            <button type="submit" class="btn solid wide">{ "Send" }</button>
            { outcome(&said, props) }
        </form>
    }
}

fn outcome(said: &Said, props: &ProduceProps) -> Html {
    let (class, words) = match said {
        Said::Nothing => ("", String::new()),
        Said::Problem(problem) => ("bad", problem.clone()),
        Said::Sent(id, count) => match props.outcomes.get(id) {
            None if *count == 1 => ("mut", "On its way…".to_owned()),
            None => ("mut", format!("{count} records on their way…")),
            Some(Ok(words)) => ("good", words.clone()),
            Some(Err(error)) => ("bad", error.clone()),
        },
    };
    html! { <p class={classes!("said", class)} role="status">{ words }</p> }
}

/// What was typed into the field of an event.
pub fn typed(event: &InputEvent) -> String {
    let Some(target) = event.target() else { return String::new() };
    if let Some(input) = target.dyn_ref::<HtmlInputElement>() {
        return input.value();
    }
    target.dyn_ref::<HtmlTextAreaElement>().map(HtmlTextAreaElement::value).unwrap_or_default()
}

/// Keeps what is typed.
pub fn on_input(state: &UseStateHandle<String>) -> Callback<InputEvent> {
    let state = state.clone();
    Callback::from(move |event: InputEvent| state.set(typed(&event)))
}

fn flip(state: &UseStateHandle<bool>) -> Callback<MouseEvent> {
    let state = state.clone();
    Callback::from(move |_: MouseEvent| state.set(!*state))
}

fn on_select(chosen: &UseStateHandle<String>) -> Callback<Event> {
    let chosen = chosen.clone();
    Callback::from(move |event: Event| {
        let select = event.target().and_then(|target| target.dyn_into::<HtmlSelectElement>().ok());
        if let Some(select) = select {
            chosen.set(select.value());
        }
    })
}

/// Sends a file's lines as soon as it is chosen.
fn on_file(
    send: &Callback<Result<Vec<OutgoingRecord>, String>>,
    said: &UseStateHandle<Said>,
    keyed: bool,
) -> Callback<Event> {
    let (send, said) = (send.clone(), said.clone());
    Callback::from(move |event: Event| {
        let input = event.target().and_then(|target| target.dyn_into::<HtmlInputElement>().ok());
        let files = input.and_then(|input| input.files());
        let Some(file) = files.and_then(|files| files.get(0)) else { return };
        let (send, said) = (send.clone(), said.clone());
        wasm_bindgen_futures::spawn_local(async move {
            match read(&file).await {
                Ok(bytes) => send.emit(lines(&bytes, keyed)),
                Err(problem) => said.set(Said::Problem(problem)),
            }
        });
    })
}

async fn read(file: &web_sys::File) -> Result<Vec<u8>, String> {
    if file.size() > PASTE_BYTES_MAX as f64 {
        return Err(format!("{} is larger than can be sent at once.", file.name()));
    }
    let unreadable = |_: JsValue| format!("{} could not be read.", file.name());
    let buffer = JsFuture::from(file.array_buffer()).await.map_err(unreadable)?;
    Ok(js_sys::Uint8Array::new(&buffer).to_vec())
}
