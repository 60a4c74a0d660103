//! A producer or an admin client.

use super::layout::Layout;
use crate::ui::icon::{label, label_at, px, scene_icon};
use crate::ui::model::scene::ClientCard;
use crate::ui::shared::Shared;
use yew::prelude::*;

/// A client and where it stands.
#[derive(Properties, PartialEq)]
pub struct ClientProps {
    /// The client.
    pub card: Shared<ClientCard>,
    /// The layout.
    pub layout: Shared<Layout>,
    /// Whether the inspector shows it.
    pub is_selected: bool,
    /// Whether the Tab key reaches it.
    pub is_current: bool,
}

/// A client's card.
#[component]
pub fn ClientNode(props: &ClientProps) -> Html {
    let card = &props.card;
    let Some(rect) = props.layout.node(card.process) else { return html! {} };
    let class = card.status.class();
    let is_tall = rect.h > 60.0;
    let alive = card.status.is_alive();
    let words = [&card.status.word, &card.status.detail, &card.setting, &card.summary];
    let words: Vec<&str> =
        words.into_iter().map(String::as_str).filter(|w| !w.is_empty()).collect();
    html! {
        <g class={classes!("node", "client", class, props.is_selected.then_some("picked"))} role="group"
            tabindex={if props.is_current { "0" } else { "-1" }} aria-label={card.name.clone()}
            aria-description={words.join(", ")} data-process={card.process.0.to_string()}>
            <rect x={px(rect.x)} y={px(rect.y)} width={px(rect.w)} height={px(rect.h)} rx="4" class={classes!("card", class)} />
            { scene_icon(card.status.icon(), rect.x + 8.0, rect.y + 8.0, 14.0, if alive { "st-up" } else { "st-dead" }) }
            { label(rect.x + 27.0, rect.y + 19.5, "nm", card.name.clone()) }
            if is_tall {
                { details(card, rect.x, rect.y, rect.w) }
            } else if !card.is_producer && rect.w > 120.0 {
                { label_at(rect.right() - 8.0, rect.y + 19.5, "xs mut", "end", if card.summary.is_empty() { String::new() } else { card.summary.clone() }) }
            }
        </g>
    }
}

fn details(card: &ClientCard, x: f64, y: f64, w: f64) -> Html {
    let line = if card.status.is_alive() { &card.summary } else { &card.status.word };
    let chips = card.outcomes.iter().enumerate().map(|(at, (place, mark, went_well))| {
        let left = x + 10.0 + 29.0 * at as f64;
        let class = classes!("cell", if *went_well { "lead" } else { "lost" }, mark.class());
        html! { <g key={at}>
            <g {class}>
                <rect x={px(left)} y={px(y + 58.0)} width="14" height="15" rx="2" />
                { label_at(left + 7.0, y + 69.3, "cl", "middle", mark.letter.clone()) }
            </g>
            if *went_well {
                { label_at(left + 26.5, y + 69.0, "ru", "end", place.trim_start_matches('p').to_owned()) }
            } else {
                { scene_icon("x", left + 15.0, y + 60.0, 10.0, "bad") }
            }
        </g> }
    });
    html! { <>
        { label(x + 10.0, y + 36.0, "mono xs", card.setting.clone()) }
        <path d={format!("M{:.1} {:.1}h{:.1}", x + 8.0, y + 52.5, w - 16.0)} class="hair" />
        { label_at(x + w - 8.0, y + 36.0, "xs mut", "end", line.split(',').next().unwrap_or_default().replace(" acknowledged", " ok")) }
        if card.outcomes.is_empty() {
            { label(x + 10.0, y + 69.0, "xs mut", "nothing sent yet") }
        }
        { for chips }
    </> }
}
