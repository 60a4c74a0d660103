//! A partition in full: offsets, replicas, readers.

use super::view::{Inspected, section, title};
use crate::base::TopicPartition;
use crate::node::view::ReplicaView;
use crate::ui::context::Ui;
use crate::ui::icon::px;
use crate::ui::model::partitions::{PartitionState, broker_view};
use crate::ui::store::Selection;
use yew::prelude::*;

/// A partition.
pub fn inspect(ui: &Ui, seen: &Inspected<'_>, partition: &TopicPartition) -> Html {
    let Some(state) = seen.scene.partitions.get(partition) else {
        return title(partition.to_string(), " does not exist", "");
    };
    let (rest, below) = match state.leader {
        Some(broker) => (
            format!(" on broker {broker}"),
            format!("{}, leader epoch {}", state.health(), state.leader_epoch),
        ),
        None => (
            " has no leader".to_owned(),
            format!("Offline since leader epoch {}", state.leader_epoch),
        ),
    };
    html! { <>
        { title(partition.to_string(), rest, below) }
        { section("Offsets", "", offsets(seen, state)) }
        { section("Replicas", format!("in sync {} of {}", state.isr.len(), state.assigned.len()), replicas(seen, state)) }
        { section("Readers", "", readers(ui, seen, state)) }
        { section("Leader epochs", "epoch from offset", epochs(seen, state)) }
    </> }
}

fn replica<'a>(
    seen: &'a Inspected<'_>,
    partition: &TopicPartition,
    broker: i32,
) -> Option<&'a ReplicaView> {
    let views = seen.shown.picture.processes.iter().filter_map(broker_view);
    let mut replicas =
        views.filter(|view| view.broker_id == broker).flat_map(|view| &view.replicas);
    replicas.find(|replica| replica.partition == *partition)
}

fn leader<'a>(seen: &'a Inspected<'_>, state: &PartitionState) -> Option<&'a ReplicaView> {
    replica(seen, &state.partition, state.leader?)
}

fn offsets(seen: &Inspected<'_>, state: &PartitionState) -> Html {
    let start = leader(seen, state).map_or(0, |replica| replica.log_start_offset);
    let end = leader(seen, state).map_or(state.live_end, |replica| replica.log_end_offset);
    let hw = state.high_watermark;
    let whole = (end - start).max(1) as f64;
    let x = |offset: i64| 2.0 + 246.0 * ((offset - start) as f64 / whole).clamp(0.0, 1.0);
    let words = format!("Log start {start}, high watermark {hw}, log end {end}");
    let hw_x = x(hw);
    html! {
        <svg class="scene" width="256" height="52" viewBox="0 0 256 52" role="img" aria-label={words}>
            <text x="2" y="9" class="sm">{ "visible to consumers" }</text>
            <path d={format!("M2 22H{hw_x:.1}")} class="past" />
            <path d={format!("M{hw_x:.1} 22H{:.1}", x(end))} class="unread" />
            <path d={format!("M2 16v12M{hw_x:.1} 12v20M{:.1} 16v12", x(end))} class="now" />
            <text x="0" y="44" class="ru">{ format!("start {start}") }</text>
            if hw < end {
                <text x={px((hw_x - 4.0).max(110.0))} y="44" class="ru b" text-anchor="end">{ format!("HW {hw}") }</text>
                <text x="254" y="44" class="ru b" text-anchor="end">{ format!("LEO {end}") }</text>
            } else {
                <text x="254" y="44" class="ru b" text-anchor="end">{ format!("HW = LEO {end}") }</text>
            }
        </svg>
    }
}

fn replicas(seen: &Inspected<'_>, state: &PartitionState) -> Html {
    let leader_end = leader(seen, state).map(|replica| replica.log_end_offset);
    let alive = |id: i32| {
        seen.scene.brokers.iter().any(|card| card.broker_id == Some(id) && card.status.is_alive())
    };
    let rows = state.assigned.iter().map(|id| {
        let end = state.log_end.get(id).copied();
        let role = match (state.leader == Some(*id), alive(*id), state.isr.contains(id)) {
            (true, ..) => "leader",
            (_, false, true) => "dead, in ISR",
            (_, false, false) => "dead",
            (_, true, true) => "in sync",
            (_, true, false) => "out of sync",
        };
        let behind = match (leader_end, end) {
            _ if state.leader == Some(*id) => "–".to_owned(),
            (Some(leader), Some(end)) => (leader - end).to_string(),
            _ => "?".to_owned(),
        };
        let hw = replica(seen, &state.partition, *id).map_or("?".to_owned(), |r| r.high_watermark.to_string());
        html! {
            <tr key={*id}><td>{ *id }</td><td>{ role }</td><td class="e">{ hw }</td>
                <td class="e">{ end.map_or("?".to_owned(), |end| end.to_string()) }</td><td class="e">{ behind }</td></tr>
        }
    });
    html! {
        <table class="t"><tbody><tr><th>{ "Broker" }</th><th>{ "Role" }</th><th class="e">{ "HW" }</th>
            <th class="e">{ "LEO" }</th><th class="e">{ "Behind" }</th></tr>{ for rows }</tbody></table>
    }
}

fn readers(ui: &Ui, seen: &Inspected<'_>, state: &PartitionState) -> Html {
    let rows: Vec<Html> = seen
        .scene
        .groups
        .iter()
        .filter_map(|group| {
            let reader = group.members.iter().find_map(|member| {
                let owned = member.owned.iter().find(|owned| owned.partition == state.partition)?;
                Some((member.name.clone(), owned.lag))
            });
            let committed = group.committed.get(&state.partition);
            if reader.is_none() && committed.is_none() {
                return None;
            }
            let (ui, name) = (ui.clone(), group.group.clone());
            let onclick = Callback::from(move |_: MouseEvent| ui.select(Selection::Group(name.clone())));
            let number = |n: Option<i64>| n.map_or("–".to_owned(), |n| n.to_string());
            let (member, lag) = reader.unwrap_or(("nobody".to_owned(), None));
            Some(html! {
                <tr key={group.group.clone()}>
                    <td><button type="button" class="textlink mono" {onclick}>{ group.group.clone() }</button></td>
                    <td>{ member }</td><td class="e">{ number(committed.copied()) }</td><td class="e">{ number(lag) }</td>
                </tr>
            })
        })
        .collect();
    if rows.is_empty() {
        return html! { <p class="mut">{ "No group reads it." }</p> };
    }
    html! {
        <table class="t"><tbody><tr><th>{ "Group" }</th><th>{ "Member" }</th><th class="e">{ "Committed" }</th>
            <th class="e">{ "Lag" }</th></tr>{ for rows }</tbody></table>
    }
}

fn epochs(seen: &Inspected<'_>, state: &PartitionState) -> Html {
    let known =
        leader(seen, state).map(|replica| replica.leader_epochs.as_slice()).unwrap_or_default();
    let rows = known.iter().rev().take(6).map(|(epoch, offset)| {
        html! { <div key={*epoch} class="rowi"><span class="num">{ *epoch }</span><span class="r num">{ *offset }</span></div> }
    });
    html! { { for rows } }
}
