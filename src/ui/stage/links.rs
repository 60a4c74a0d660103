//! The lines between nodes. They are decoration: every one is listed in the inspector too.

use super::broker::crown_x;
use super::layout::{Column, Layout};
use super::route::route;
use crate::base::{ProcessId, TopicPartition};
use crate::ui::model::Scene;
use crate::ui::model::tapes::Role;
use crate::ui::shared::Shared;
use yew::prelude::*;

/// The scene and the layout.
#[derive(Properties, PartialEq)]
pub struct LinksProps {
    /// The scene.
    pub scene: Shared<Scene>,
    /// The layout.
    pub layout: Shared<Layout>,
    /// The partition whose lines are dark.
    pub picked: Option<TopicPartition>,
}

/// The lines.
#[component]
pub fn Links(props: &LinksProps) -> Html {
    let (scene, layout) = (&props.scene, &props.layout);
    let hot = |partition: &TopicPartition| props.picked.as_ref() == Some(partition);
    let mut paths: Vec<(String, String, &'static str)> = Vec::new();
    let leaders: Vec<(ProcessId, &TopicPartition)> = scene
        .brokers
        .iter()
        .flat_map(|card| card.rows.iter().map(move |row| (card, row)))
        .filter(|(_, row)| row.role == Role::Leader)
        .map(|(card, row)| (card.process, &row.partition))
        .collect();
    for (leader, partition) in &leaders {
        let class = if hot(partition) { "link hot" } else { "link" };
        for client in
            scene.clients.iter().filter(|client| client.is_producer && client.status.is_alive())
        {
            if let Some(way) = route(layout, client.process, *leader, Some(partition)) {
                paths.push((format!("p{}-{partition}", client.process), way.path(), class));
            }
        }
        for group in &scene.groups {
            for member in &group.members {
                let reads = member.owned.iter().any(|owned| owned.partition == **partition);
                let Some(process) = member.process.filter(|_| reads) else { continue };
                if let Some(way) = route(layout, *leader, process, Some(partition)) {
                    paths.push((format!("c{process}-{partition}"), way.path(), class));
                }
            }
        }
        let copies = scene.brokers.iter().filter(|card| card.process != *leader);
        for card in copies.filter(|card| card.rows.iter().any(|row| row.partition == **partition)) {
            if let Some(way) = route(layout, *leader, card.process, Some(partition)) {
                let class = match (card.status.is_alive(), hot(partition)) {
                    (false, _) => "lane cut",
                    (true, true) => "lane hot",
                    (true, false) => "lane",
                };
                paths.push((format!("r{}-{partition}", card.process), way.path(), class));
            }
        }
    }
    let tether = tether(scene, layout);
    let reign = reign(scene, layout);
    html! {
        <g class="links" aria-hidden="true">
            if let Some(d) = tether { <path {d} class="tether" /> }
            { for paths.into_iter().map(|(key, d, class)| html! { <path {key} {d} {class} /> }) }
            if let Some(d) = reign { <path {d} class="reign" /> }
        </g>
    }
}

/// The line from the band down along the brokers.
fn tether(scene: &Scene, layout: &Layout) -> Option<String> {
    if layout.narrow || scene.zookeeper.servers.is_empty() {
        return None;
    }
    let x = layout.brokers.x - 12.0;
    let rects = layout.nodes.values().filter(|(column, _)| *column == Column::Broker);
    let lowest = rects.clone().map(|(_, rect)| rect.y + 14.0).fold(f64::NAN, f64::max);
    let stubs: Vec<String> =
        rects.map(|(_, rect)| format!("M{x:.1} {:.1}h12", rect.y + 14.0)).collect();
    let stubs = stubs.concat();
    lowest.is_finite().then(|| format!("M{x:.1} {:.1}V{lowest:.1}{stubs}", layout.band.bottom()))
}

/// The line from `/controller` to the broker that holds it: the proof of office.
fn reign(scene: &Scene, layout: &Layout) -> Option<String> {
    if layout.narrow {
        return None;
    }
    let holder = scene.zookeeper.controller?;
    let crowned =
        |id: Option<i32>, controller: Option<i32>| id == Some(holder) && controller.is_some();
    let card = scene.brokers.iter().find(|card| crowned(card.broker_id, card.controller))?;
    let rect = layout.node(card.process)?;
    let (x, from) = (crown_x(&rect) + 8.5, layout.band.y + 50.0);
    let door =
        (super::band::registry_x(layout, &scene.zookeeper) + 13.0, layout.band.bottom() + 9.0);
    Some(format!("M{:.1} {from:.1}V{:.1}H{x:.1}V{:.1}", door.0, door.1, rect.y + 4.0))
}
