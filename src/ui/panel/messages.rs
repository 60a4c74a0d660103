//! Messages in flight as a list: everything that moves on the canvas, for the keyboard too.

use crate::host::protocol::Shown;
use crate::ui::context::use_ui;
use crate::ui::icon::Icon;
use crate::ui::model::narrate::clock_text;
use crate::ui::model::{KeyTable, Scene};
use crate::ui::shared::Shared;
use crate::ui::stage::flight::{KINDS, mark_of};
use yew::prelude::*;

/// The messages.
#[derive(Properties, PartialEq)]
pub struct MessagesProps {
    /// The newest picture.
    pub shown: Option<Shared<Shown>>,
    /// The scene, for the names.
    pub scene: Shared<Scene>,
    /// The keys.
    pub keys: Shared<KeyTable>,
}

/// Rows shown at once.
const SHOWN: usize = 100;

/// The messages.
#[component]
pub fn Messages(props: &MessagesProps) -> Html {
    let ui = use_ui();
    let Some(shown) = &props.shown else { return html! {} };
    let picture = &shown.picture;
    let rows = picture.flying.iter().take(SHOWN).map(|frame| {
        let (ui, id) = (ui.clone(), frame.id);
        let onclick = Callback::from(move |_: MouseEvent| ui.open_frame(id));
        let icon = KINDS.iter().find(|(kind, ..)| *kind == frame.summary.kind).map_or("right", |(_, icon, _)| icon);
        let mark = mark_of(&frame.summary, &props.keys);
        html! {
            <li key={id.0.to_string()}>
                <button type="button" class={classes!("message", mark.class())} {onclick}>
                    <span class="num at">{ clock_text(frame.sent, picture.epoch) }</span>
                    <Icon name={icon} size=14 />
                    if !mark.letter.is_empty() { <span class="kchip">{ mark.letter }</span> }
                    <span class="what">{ frame.summary.label.clone() }</span>
                    <span class="mut">{ format!("{} → {}", props.scene.name(frame.from), props.scene.name(frame.to)) }</span>
                    <span class="num r">{ format!("{} B", frame.size_bytes) }</span>
                </button>
            </li>
        }
    });
    let more = picture.flying.len().saturating_sub(SHOWN);
    html! { <>
        if shown.playing { <p class="mut corner">{ "Pause time to read in peace." }</p> }
        <ol class="lines" aria-label="Messages in flight">{ for rows }</ol>
        if picture.flying.is_empty() { <p class="mut">{ "Nothing is under way at this moment." }</p> }
        if more > 0 { <p class="mut">{ format!("and {more} more") }</p> }
    </> }
}
