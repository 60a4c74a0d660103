//! A consumer group: its frame, its members, and the tray of partitions that are being dealt.

use super::layout::{Layout, Rect, is_moving};
use crate::ui::icon::{label, label_at, px, scene_icon};
use crate::ui::model::NodeStatus;
use crate::ui::model::groups::{GroupFrame, MemberCard, Owned};
use crate::ui::shared::Shared;
use yew::prelude::*;

/// A group and where it stands.
#[derive(Properties, PartialEq)]
pub struct GroupProps {
    /// The group.
    pub group: Shared<GroupFrame>,
    /// Its number in the scene.
    pub at: usize,
    /// The layout.
    pub layout: Shared<Layout>,
    /// The largest lag of all groups: one scale for every bar.
    pub lag_scale: i64,
    /// Name of the process that the inspector shows.
    pub selected: Option<crate::base::ProcessId>,
    /// The process that the Tab key reaches.
    pub current: Option<crate::base::ProcessId>,
}

/// A group's frame.
#[component]
pub fn GroupNode(props: &GroupProps) -> Html {
    let (group, layout) = (&props.group, &props.layout);
    let Some(rect) = layout.groups.get(props.at).copied() else { return html! {} };
    let places = layout.members.get(props.at).map(Vec::as_slice).unwrap_or_default();
    let moving = is_moving(group);
    let frame = if moving { "grp moving" } else { "grp" };
    let members = group.members.iter().zip(places).map(|(member, place)| {
        let key = member.process.map_or_else(|| member.member.clone(), |id| id.0.to_string());
        html! { <g {key}>{ member_node(props, member, place) }</g> }
    });
    html! {
        <g class="group" data-group={group.group.clone()}>
            <rect x={px(rect.x)} y={px(rect.y)} width={px(rect.w)} height={px(rect.h)} rx="5" class={frame} />
            { heading(group, &rect, layout.narrow) }
            if !group.tray.is_empty() && !layout.narrow { { tray(group, &rect) } }
            { for members }
        </g>
    }
}

fn heading(group: &GroupFrame, rect: &Rect, narrow: bool) -> Html {
    let (x, y) = (rect.x + 8.0, rect.y + 9.0);
    let state = group.state_words().to_owned();
    let words = match group.generation {
        -1 => "gen –".to_owned(),
        generation => format!("gen {generation}"),
    };
    let state_class = if group.is_stable() { "sm" } else { "sm b" };
    let name = shortened(&group.group, if narrow { 22 } else { 19 });
    html! { <>
        <rect x={px(x)} y={px(y)} width="22" height="16" rx="2" class="gtag" />
        { label_at(x + 11.0, y + 11.6, "gtt", "middle", group.tag.clone()) }
        { label(x + 28.0, y + 12.0, "nm", name) }
        if narrow {
            { label_at(rect.right() - 8.0, y + 12.0, state_class, "end", state) }
        } else {
            { label(x, y + 31.0, "mono sm", words) }
            { label(x + 48.0, y + 31.0, state_class, state) }
            if let Some(broker) = group.coordinator.as_ref().filter(|_| group.is_stable()) {
                { label_at(rect.right() - 8.0, y + 31.0, "sm mut", "end", format!("via {broker}")) }
            }
        }
    </> }
}

fn tray(group: &GroupFrame, rect: &Rect) -> Html {
    const SHOWN: usize = 4;
    let y = rect.y + 48.0;
    let chips = group.tray.iter().take(SHOWN).enumerate().map(|(at, partition)| {
        let x = rect.x + 58.0 + 30.0 * at as f64;
        html! { <g key={partition.to_string()}>
            <rect x={px(x)} y={px(y + 6.0)} width="26" height="17" rx="3" class="pc lift" />
            { label_at(x + 13.0, y + 18.6, "pct", "middle", format!("p{}", partition.partition)) }
        </g> }
    });
    html! { <>
        <rect x={px(rect.x + 1.0)} y={px(y)} width={px(rect.w - 2.0)} height="29" class="tray" />
        { label(rect.x + 10.0, y + 18.5, "sm mut", "to deal") }
        { for chips }
        if group.tray.len() > SHOWN {
            { label_at(rect.right() - 8.0, y + 18.5, "sm mut", "end", format!("+{}", group.tray.len() - SHOWN)) }
        }
    </> }
}

fn member_node(props: &GroupProps, member: &MemberCard, rect: &Rect) -> Html {
    let narrow = props.layout.narrow;
    let status = member.status.as_ref();
    let alive = status.is_none_or(NodeStatus::is_alive);
    let is_selected = member.process.is_some() && props.selected == member.process;
    let is_current = member.process.is_some() && props.current == member.process;
    let idle = (member.owned.is_empty() || !alive).then_some("idle");
    let word = status.map(|status| status.word.as_str()).unwrap_or_default();
    let mut words = vec![word.to_owned(), format!("member of group {}", props.group.group)];
    words.extend(member.owned.iter().map(|owned| match owned.lag {
        Some(lag) => format!("{} lag {lag}", owned.partition),
        None => owned.partition.to_string(),
    }));
    let note = match (alive, member.note.as_str()) {
        (true, "") if member.owned.is_empty() => "",
        (_, note) => note,
    };
    let icon = status.filter(|status| status.icon() != "up").map(NodeStatus::icon);
    let name_x = rect.x + if icon.is_some() { 24.0 } else { 8.0 };
    html! {
        <g class={classes!("node", "member", status.map(NodeStatus::class), is_selected.then_some("picked"))}
            role="group" tabindex={if is_current { "0" } else { "-1" }} aria-label={member.name.clone()}
            aria-description={words.join(", ")} data-process={member.process.map(|id| id.0.to_string())}>
            <rect x={px(rect.x)} y={px(rect.y)} width={px(rect.w)} height={px(rect.h)} rx="3"
                class={classes!("mem", idle, (!alive).then_some("gone"))} />
            if let Some(icon) = icon {
                { scene_icon(icon, rect.x + 7.0, rect.y + 5.0, 13.0, if alive { "warned" } else { "st-dead" }) }
            }
            { label(name_x, rect.y + 16.0, if alive { "mono b" } else { "mono struck" }, member.name.clone()) }
            if !note.is_empty() {
                { label_at(rect.right() - 8.0, rect.y + 16.0, "xs mut", "end", note.to_owned()) }
            }
            if narrow {
                { narrow_owned(member, rect) }
            } else {
                { for member.owned.iter().enumerate().map(|(at, owned)| chip(owned, rect, at, alive, props.lag_scale)) }
            }
        </g>
    }
}

fn chip(owned: &Owned, rect: &Rect, at: usize, alive: bool, scale: i64) -> Html {
    let y = rect.y + 21.0 + 17.0 * at as f64;
    let w = (9.0 + 7.5 * owned.label.chars().count() as f64).max(24.0);
    let (track_x, end) = (rect.x + 8.0 + w + 6.0, rect.right() - 52.0);
    let track = (end - track_x).max(0.0);
    let lag = owned.lag.unwrap_or(0);
    let bar = if lag > 0 {
        (track * lag as f64 / scale.max(10) as f64).clamp(3.0, track.max(3.0))
    } else {
        0.0
    };
    html! {
        <g key={owned.partition.to_string()}>
            <rect x={px(rect.x + 8.0)} y={px(y)} width={px(w)} height="15" rx="3" class={if alive { "pc" } else { "pc ghost" }} />
            { label_at(rect.x + 8.0 + w / 2.0, y + 11.4, "pct", "middle", owned.label.clone()) }
            if track > 0.0 && owned.lag.is_some() {
                <rect x={px(track_x)} y={px(y + 5.0)} width={px(track)} height="5" rx="1" class="track" />
                <rect x={px(track_x)} y={px(y + 5.0)} width={px(bar)} height="5" rx="1" class="bar" />
            }
            if let Some(lag) = owned.lag {
                { label_at(rect.right() - 8.0, y + 11.4, "ru b", "end", format!("lag {lag}")) }
            }
        </g>
    }
}

fn narrow_owned(member: &MemberCard, rect: &Rect) -> Html {
    if !member.note.is_empty() {
        return html! {};
    }
    let words: Vec<String> = member
        .owned
        .iter()
        .map(|owned| match owned.lag {
            Some(lag) => format!("{} −{lag}", owned.label),
            None => owned.label.clone(),
        })
        .collect();
    label_at(rect.right() - 8.0, rect.y + 15.0, "ru b", "end", words.join("   "))
}

fn shortened(text: &str, max: usize) -> String {
    if text.chars().count() <= max {
        return text.to_owned();
    }
    let mut short: String = text.chars().take(max - 1).collect();
    short.push('…');
    short
}
