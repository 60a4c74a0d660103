//! A consumer group in full.

use super::process::partition_link;
use super::view::{Inspected, facts, section, title};
use crate::ui::context::Ui;
use crate::ui::store::Selection;
use yew::prelude::*;

/// A group.
pub fn inspect(ui: &Ui, seen: &Inspected<'_>, name: &str) -> Html {
    let Some(group) = seen.scene.groups.iter().find(|group| group.group == name) else {
        return title(name.to_owned(), "", "is not known to any coordinator");
    };
    let rows = [
        ("State", group.state.clone()),
        ("Generation", group.generation.to_string()),
        ("Assignor", group.protocol.clone().unwrap_or_else(|| "–".to_owned())),
        ("Coordinator", group.coordinator.clone().unwrap_or_else(|| "unknown".to_owned())),
        ("Marked on the tapes as", group.tag.clone()),
    ];
    let members = group.members.iter().map(|member| {
        let owned: Vec<String> = member.owned.iter().map(|owned| owned.partition.to_string()).collect();
        let name = match member.process {
            Some(process) => {
                let ui = ui.clone();
                let onclick = Callback::from(move |_: MouseEvent| ui.select(Selection::Process(process)));
                html! { <button type="button" class="textlink mono" {onclick}>{ member.name.clone() }</button> }
            }
            None => html! { { member.name.clone() } },
        };
        let words = if owned.is_empty() { member.note.clone() } else { owned.join(", ") };
        html! {
            <div key={format!("{}{}", member.name, member.member)} class="rowi" title={member.member.clone()}>
                { name }<span class="r">{ words }</span></div>
        }
    });
    let committed = group.committed.iter().map(|(partition, offset)| {
        let end = seen.scene.partitions.get(partition).map(|state| state.high_watermark);
        let lag = end.map_or("–".to_owned(), |end| (end - offset).max(0).to_string());
        html! {
            <tr key={partition.to_string()}><td>{ partition_link(ui, partition) }</td><td class="e">{ *offset }</td><td class="e">{ lag }</td></tr>
        }
    });
    html! { <>
        { title(group.group.clone(), "", group.state_words().to_owned()) }
        { section("Group", "", facts(&rows)) }
        { section("Members", group.members.len().to_string(), html! { { for members } }) }
        { section("Committed offsets", "lag from there", html! {
            <table class="t"><tbody><tr><th>{ "Partition" }</th><th class="e">{ "Committed" }</th><th class="e">{ "Lag" }</th></tr>
                { for committed }</tbody></table>
        }) }
    </> }
}
