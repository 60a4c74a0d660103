//! A record in full: where it lies and who has it.

use super::process::partition_link;
use super::view::{Inspected, facts, section, title};
use crate::base::{ProcessId, TopicPartition};
use crate::node::view::RecordView;
use crate::ui::context::Ui;
use crate::ui::model::partitions::broker_view;
use yew::prelude::*;

/// A record of the replica on `process`.
pub fn inspect(
    ui: &Ui,
    seen: &Inspected<'_>,
    process: ProcessId,
    partition: &TopicPartition,
    offset: i64,
) -> Html {
    let name = format!("{partition} @ {offset}");
    let Some(record) = find(seen, process, partition, offset) else {
        return title(name, "", "is not, or no longer, in this replica's log");
    };
    let mark = seen.keys.mark(record.key.as_deref());
    let text = |text: &Option<String>| text.clone().unwrap_or_else(|| "null".to_owned());
    let rows = [
        ("Offset", record.offset.to_string()),
        ("Leader epoch", record.leader_epoch.to_string()),
        ("Timestamp", record.timestamp.to_string()),
        ("Key and value", format!("{} B", record.size_bytes)),
        ("Kind", if record.control { "control record" } else { "record" }.to_owned()),
    ];
    html! { <>
        { title(name, "", format!("copy on {}", seen.scene.name(process))) }
        <section class="sec"><h3>{ "Record" }</h3>
            <dl class={classes!("kv", mark.class())}>
                <dt>{ "Key" }</dt><dd><span class="kchip">{ mark.letter.clone() }</span>{ " " }{ text(&record.key) }</dd>
                <dt>{ "Value" }</dt><dd>{ text(&record.value) }</dd>
                <dt>{ "Lies in" }</dt><dd>{ partition_link(ui, partition) }</dd>
            </dl>
        </section>
        <section class="sec">{ facts(&rows) }</section>
        { section("Copies", "", copies(seen, partition, offset, record)) }
        { section("Read by", "", readers(seen, partition, offset)) }
    </> }
}

fn find<'a>(
    seen: &'a Inspected<'_>,
    process: ProcessId,
    partition: &TopicPartition,
    offset: i64,
) -> Option<&'a RecordView> {
    let card = seen.shown.picture.processes.iter().find(|card| card.id == process)?;
    let replica =
        broker_view(card)?.replicas.iter().find(|replica| replica.partition == *partition)?;
    let mut records = replica.records.iter().map(std::rc::Rc::as_ref);
    records.find(|record| record.offset == offset)
}

fn copies(
    seen: &Inspected<'_>,
    partition: &TopicPartition,
    offset: i64,
    record: &RecordView,
) -> Html {
    let rows = seen
        .scene
        .brokers
        .iter()
        .filter(|card| card.rows.iter().any(|row| row.partition == *partition));
    let rows = rows.map(|card| {
        let alive = if card.status.is_alive() { "" } else { " (dead)" };
        let words = match find(seen, card.process, partition, offset) {
            Some(copy)
                if (copy.leader_epoch, &copy.key, &copy.value)
                    == (record.leader_epoch, &record.key, &record.value) =>
            {
                "has it"
            }
            Some(_) => "has another record there",
            None => "does not have it",
        };
        html! {
            <div key={card.process.0} class="rowi"><span>{ card.name.clone() }</span>
                <span class="r">{ format!("{words}{alive}") }</span></div>
        }
    });
    let committed =
        seen.scene.partitions.get(partition).is_some_and(|state| offset < state.high_watermark);
    html! { <>
        { for rows }
        <p class="mut">{ if committed {
            "Below the high watermark: committed, consumers can read it."
        } else {
            "At or above the high watermark: not committed, no consumer can read it yet."
        } }</p>
    </> }
}

fn readers(seen: &Inspected<'_>, partition: &TopicPartition, offset: i64) -> Html {
    let rows: Vec<Html> = seen
        .scene
        .groups
        .iter()
        .map(|group| {
            let owner = group.members.iter().find_map(|member| {
                let owned = member.owned.iter().find(|owned| owned.partition == *partition)?;
                Some((member.name.as_str(), owned.position?))
            });
            let committed = group.committed.get(partition).is_some_and(|at| offset < *at);
            let words = match owner {
                _ if committed => "read and committed".to_owned(),
                Some((name, position)) if offset < position => format!("read by {name}, not committed"),
                Some((name, _)) => format!("not yet; {name} will"),
                None => "nobody owns the partition".to_owned(),
            };
            html! {
                <div key={group.group.clone()} class="rowi"><span>{ group.group.clone() }</span><span class="r">{ words }</span></div>
            }
        })
        .collect();
    if rows.is_empty() {
        html! { <p class="mut">{ "There is no group." }</p> }
    } else {
        html! { { for rows } }
    }
}
