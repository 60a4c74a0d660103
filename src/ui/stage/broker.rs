//! A broker's card.

use super::layout::{Layout, Rect};
use super::tape::{RowPlace, row};
use crate::base::TopicPartition;
use crate::ui::icon::{label, label_at, px, scene_icon};
use crate::ui::model::status::Look;
use crate::ui::model::tapes::{BrokerCard, Role};
use crate::ui::shared::Shared;
use yew::prelude::*;

/// A broker and where it stands.
#[derive(Properties, PartialEq)]
pub struct BrokerProps {
    /// The broker.
    pub card: Shared<BrokerCard>,
    /// The layout.
    pub layout: Shared<Layout>,
    /// The partition that the inspector shows, and an offset on this broker.
    pub picked: Option<(TopicPartition, Option<i64>)>,
    /// Whether the inspector shows the broker itself.
    pub is_selected: bool,
    /// Whether the Tab key reaches it.
    pub is_current: bool,
}

/// A broker's card.
#[component]
pub fn BrokerNode(props: &BrokerProps) -> Html {
    let (card, layout) = (&props.card, &props.layout);
    let Some(rect) = layout.node(card.process) else { return html! {} };
    let dead = !card.status.is_alive();
    html! {
        <g class={classes!("node", "broker", card.status.class(), props.is_selected.then_some("picked"))}
            role="group" tabindex={if props.is_current { "0" } else { "-1" }} aria-label={card.name.clone()}
            aria-description={description(card)} data-process={card.process.0.to_string()}>
            <rect x={px(rect.x)} y={px(rect.y)} width={px(rect.w)} height={px(rect.h)} rx="4"
                class={classes!("card", card.status.class())} />
            if dead {
                <rect x={px(rect.x)} y={px(rect.y)} width={px(rect.w)} height={px(rect.h)} rx="4"
                    fill="url(#h-dead)" class="deadhatch" />
            }
            { header(card, &rect, layout.narrow) }
            { for card.rows.iter().filter_map(|tape| {
                let place = layout.rows.get(&(card.process, tape.partition.clone()))?;
                let picked = props.picked.as_ref().filter(|(partition, _)| *partition == tape.partition);
                let place = RowPlace {
                    rect: place,
                    tape: &layout.tape,
                    is_selected: picked.is_some() && tape.role == Role::Leader,
                    selected_offset: picked.and_then(|(_, offset)| *offset),
                };
                Some(html! { <g key={tape.partition.to_string()}>{ row(tape, &place) }</g> })
            }) }
            { footer(card, &rect, layout.narrow) }
        </g>
    }
}

fn header(card: &BrokerCard, rect: &Rect, narrow: bool) -> Html {
    let y = rect.y + 18.5;
    let state_class = match card.status.look {
        Look::Dead | Look::NoPower => "sm flt",
        Look::Paused | Look::Isolated => "sm wrn",
        Look::Up | Look::Starting => "sm",
    };
    let name_end = rect.x + 36.0 + 8.0 * card.name.chars().count() as f64;
    let count =
        |leads: bool| card.rows.iter().filter(|r| (r.role == Role::Leader) == leads).count();
    let is_quiet = matches!(card.status.look, Look::Up);
    let mut words = card.status.word.clone();
    if !card.status.detail.is_empty() && !narrow {
        words = format!("{words}, {}", card.status.detail);
    }
    html! { <>
        { scene_icon(card.status.icon(), rect.x + 9.0, rect.y + 7.0, 14.0, if card.status.is_alive() { "st-up" } else { "st-dead" }) }
        { label(rect.x + 29.0, y, "nm", card.name.clone()) }
        if !is_quiet {
            { label(name_end, y, state_class, words) }
        } else if card.controller.is_some() {
            { scene_icon("crown", crown_x(rect), rect.y + 5.0, 17.0, "crown") }
            { label(crown_x(rect) + 21.0, y, "sm", "Controller") }
        }
        if is_quiet && !narrow && (card.controller.is_none() || rect.w > 370.0) {
            { label_at(rect.right() - 34.0, y, "sm mut", "end", format!("{} led, {} copied", count(true), count(false))) }
        }
        <g class="more" data-menu="true">
            <rect x={px(rect.right() - 30.0)} y={px(rect.y + 3.0)} width="26" height="22" fill="transparent" />
            { scene_icon("more", rect.right() - 25.0, rect.y + 6.0, 16.0, "mut") }
        </g>
        <path d={format!("M{:.1} {:.1}h{:.1}", rect.x, rect.y + 27.5, rect.w)} class="hair" />
    </> }
}

/// Where the crown of a controller stands on its card.
pub fn crown_x(rect: &Rect) -> f64 {
    rect.x + (rect.w * 0.42).max(120.0)
}

fn footer(card: &BrokerCard, rect: &Rect, narrow: bool) -> Html {
    if narrow {
        return html! {};
    }
    if card.rows.is_empty() && card.folded.is_empty() {
        return label(rect.x + 31.0, rect.bottom() - 8.0, "xs mut", "no partitions yet");
    }
    let names: Vec<&str> = card.folded.iter().map(|(name, ..)| name.as_str()).collect();
    let (led, of) = card.folded.iter().fold((0, 0), |sum, (_, led, of)| (sum.0 + led, sum.1 + of));
    html! {
        if !names.is_empty() {
            { label(rect.x + 31.0, rect.bottom() - 6.5, "mono xs mut", names.join(", ")) }
            { label_at(rect.right() - 10.0, rect.bottom() - 6.5, "xs mut", "end", format!("leads {led} of {of} here")) }
        }
    }
}

/// What assistive technology says after the name.
fn description(card: &BrokerCard) -> String {
    let mut words = vec![card.status.word.clone()];
    if !card.status.detail.is_empty() {
        words.push(card.status.detail.clone());
    }
    if card.controller.is_some() {
        words.push("controller".to_owned());
    }
    let led = card.rows.iter().filter(|row| row.role == Role::Leader);
    let led: Vec<String> = led.map(|row| row.partition.to_string()).collect();
    if !led.is_empty() {
        words.push(format!("leads {}", led.join(" and ")));
    }
    words.join(", ")
}
