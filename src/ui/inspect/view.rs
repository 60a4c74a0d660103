//! The inspector's frame: a title, a way to close it, and what was selected.

use super::{frame, group, partition, process, record};
use crate::host::protocol::Shown;
use crate::ui::context::use_ui;
use crate::ui::icon::Icon;
use crate::ui::model::{KeyTable, Scene};
use crate::ui::shared::Shared;
use crate::ui::store::{Msg, OpenFrame, Selection};
use yew::prelude::*;

/// What the inspector shows.
#[derive(Properties, PartialEq)]
pub struct InspectorProps {
    /// What was selected.
    pub selection: Option<Selection>,
    /// The frame that was opened.
    pub frame: Option<OpenFrame>,
    /// The newest picture.
    pub shown: Shared<Shown>,
    /// The scene.
    pub scene: Shared<Scene>,
    /// The keys.
    pub keys: Shared<KeyTable>,
}

/// What a section of the inspector is made from.
pub struct Inspected<'a> {
    /// The newest picture.
    pub shown: &'a Shown,
    /// The scene.
    pub scene: &'a Scene,
    /// The keys.
    pub keys: &'a KeyTable,
}

/// The inspector.
#[component]
pub fn Inspector(props: &InspectorProps) -> Html {
    let ui = use_ui();
    let seen = Inspected { shown: &props.shown, scene: &props.scene, keys: &props.keys };
    let close = {
        let ui = ui.clone();
        Callback::from(move |_: MouseEvent| ui.tell(Msg::Select(None)))
    };
    let body = match &props.selection {
        None => {
            return html! { <aside class="side r empty" aria-label="Inspector">{ overview(&seen) }</aside> };
        }
        Some(Selection::Process(id)) => process::inspect(&ui, &seen, *id),
        Some(Selection::Partition(partition)) => partition::inspect(&ui, &seen, partition),
        Some(Selection::Record(id, partition, offset)) => {
            record::inspect(&ui, &seen, *id, partition, *offset)
        }
        Some(Selection::Group(name)) => group::inspect(&ui, &seen, name),
        Some(Selection::Frame(_)) => html! { <frame::FrameView frame={props.frame.clone()} /> },
    };
    html! {
        <aside class="side r open" aria-label="Inspector">
            <button type="button" class="btn sq closer" aria-label="Close inspector" title="Esc" onclick={close}>
                <Icon name="close" />
            </button>
            { body }
        </aside>
    }
}

/// A heading: what it is, and a line below.
pub fn title(
    name: impl Into<AttrValue>,
    rest: impl Into<AttrValue>,
    below: impl Into<AttrValue>,
) -> Html {
    html! {
        <section class="sec head"><h2><span class="mk">{ name.into() }</span>{ rest.into() }</h2>
            <div class="mut">{ below.into() }</div></section>
    }
}

/// A section with a heading.
pub fn section(heading: &'static str, note: impl Into<AttrValue>, body: Html) -> Html {
    html! { <section class="sec"><h3>{ heading }<small>{ note.into() }</small></h3>{ body }</section> }
}

/// A list of names and values.
pub fn facts(rows: &[(&str, String)]) -> Html {
    let rows = rows.iter().map(|(name, value)| {
        html! { <div key={(*name).to_owned()} class="rowi"><span>{ (*name).to_owned() }</span><span class="r num">{ value.clone() }</span></div> }
    });
    html! { { for rows } }
}

/// Nothing is selected: the cluster in numbers, and how to see more.
fn overview(seen: &Inspected<'_>) -> Html {
    let partitions = seen.scene.partitions.values();
    let count = |health: &str| partitions.clone().filter(|state| state.health() == health).count();
    let alive = seen.scene.brokers.iter().filter(|card| card.status.is_alive()).count();
    let rows = [
        ("Brokers alive", format!("{alive} of {}", seen.scene.brokers.len())),
        ("Partitions", partitions.len().to_string()),
        ("Under-replicated", count("Under-replicated").to_string()),
        ("Offline", count("Offline").to_string()),
        ("Messages in flight", seen.shown.picture.flying.len().to_string()),
        ("Events so far", seen.shown.picture.events_total.to_string()),
        ("Seed", seen.shown.picture.seed.to_string()),
        ("Trace hash", format!("{:016x}", seen.shown.picture.trace_hash)),
    ];
    html! { <>
        <section class="sec head"><h2>{ "The cluster" }</h2>
            <div class="mut">{ "Click a node, a record or a moving message to look inside." }</div></section>
        <section class="sec">{ facts(&rows) }</section>
    </> }
}
