//! A process in full: its life, its machine and what it says of itself.

use super::view::{Inspected, facts, section, title};
use crate::base::{ProcessId, TopicPartition};
use crate::node::ProcessView;
use crate::node::view::{BrokerView, ConsumerView, OutcomeView, ProducerView, ZooKeeperView};
use crate::ui::context::Ui;
use crate::ui::model::narrate::clock_text;
use crate::ui::model::{KeyTable, NodeStatus};
use crate::ui::store::Selection;
use crate::world::picture::ProcessCard;
use yew::prelude::*;

/// A process.
pub fn inspect(ui: &Ui, seen: &Inspected<'_>, id: ProcessId) -> Html {
    let picture = &seen.shown.picture;
    let Some(card) = picture.processes.iter().find(|card| card.id == id) else {
        return title("This process", " is no more", "");
    };
    let status = NodeStatus::of(card, picture);
    let below = if status.detail.is_empty() {
        status.word.clone()
    } else {
        format!("{}: {}", status.word, status.detail)
    };
    let mut rows = vec![
        ("Machine", card.machine.clone()),
        ("Life", card.incarnation.0.to_string()),
        ("On its volume", bytes(card.volume_bytes)),
    ];
    if let Some(wakeup) = card.wakeup.as_ref().filter(|_| status.is_alive()) {
        rows.push(("Next by itself", clock_text(wakeup.at, picture.epoch)));
        rows.push(("because of", wakeup.reason.to_string()));
    }
    html! { <>
        { title(card.name.clone(), "", below) }
        { section("Process", "", facts(&rows)) }
        { match card.view.as_deref() {
            None => html! {},
            Some(ProcessView::Broker(view)) => broker(ui, seen, view),
            Some(ProcessView::ZooKeeper(view)) => zookeeper(view),
            Some(ProcessView::Producer(view)) => producer(seen.keys, view),
            Some(ProcessView::Consumer(view)) => consumer(ui, seen, view),
            Some(ProcessView::Admin(view)) => section("Answers", "", outcomes(&view.outcomes)),
            Some(ProcessView::Queue(view)) => super::queue::server(view),
            Some(ProcessView::QueueReceiver(view)) => super::queue::receiver(view),
        } }
        { connections(ui, seen, card) }
    </> }
}

/// A number of bytes.
pub fn bytes(count: u64) -> String {
    match count {
        0..10_000 => format!("{count} B"),
        10_000..10_000_000 => format!("{} KB", count / 1_000),
        _ => format!("{} MB", count / 1_000_000),
    }
}

/// A partition's name that opens it.
pub fn partition_link(ui: &Ui, partition: &TopicPartition) -> Html {
    let (ui, wanted) = (ui.clone(), partition.clone());
    let onclick =
        Callback::from(move |_: MouseEvent| ui.select(Selection::Partition(wanted.clone())));
    html! { <button type="button" class="textlink mono" {onclick}>{ partition.to_string() }</button> }
}

fn broker(ui: &Ui, seen: &Inspected<'_>, view: &BrokerView) -> Html {
    let controller = match (view.controller_epoch, view.known_controller) {
        (Some(epoch), _) => format!("itself, epoch {epoch}"),
        (None, Some(broker)) => format!("broker {broker}"),
        (None, None) => "none known".to_owned(),
    };
    let rows = [
        ("broker.id", view.broker_id.to_string()),
        ("State", view.state.clone()),
        ("Controller", controller),
        ("ZooKeeper session", format!("0x{:x}", view.zookeeper_session)),
        ("Broker epoch", view.broker_epoch.to_string()),
    ];
    let replicas = view.replicas.iter().map(|replica| {
        html! {
            <tr key={replica.partition.to_string()}>
                <td>{ partition_link(ui, &replica.partition) }</td>
                <td>{ if replica.is_leader { "leader" } else { "follower" } }</td>
                <td class="e">{ replica.high_watermark }</td><td class="e">{ replica.log_end_offset }</td>
            </tr>
        }
    });
    let waiting = view.waiting.iter().enumerate().map(|(at, waiting)| {
        let until = clock_text(waiting.until, seen.shown.picture.epoch);
        html! {
            <p key={at} class="waits"><b>{ waiting.api.clone() }</b>
                { format!(" waits for {}, until {until} at the latest", waiting.what) }</p>
        }
    });
    html! { <>
        { section("Broker", "", facts(&rows)) }
        { section("Replicas", "", html! {
            <table class="t"><tbody><tr><th>{ "Partition" }</th><th>{ "Role" }</th><th class="e">{ "HW" }</th><th class="e">{ "LEO" }</th></tr>
                { for replicas }</tbody></table>
        }) }
        if !view.waiting.is_empty() {
            { section("In purgatory", "", html! { { for waiting } }) }
        }
    </> }
}

fn zookeeper(view: &ZooKeeperView) -> Html {
    let rows = [
        ("Role", view.role.clone()),
        ("Last zxid", format!("0x{:x}", view.last_zxid)),
        ("Sessions", view.sessions.len().to_string()),
        ("Znodes", view.znodes.len().to_string()),
    ];
    let sessions = view.sessions.iter().map(|session| {
        html! {
            <tr key={session.id.to_string()}><td>{ format!("0x{:x}", session.id) }</td><td>{ session.client.clone() }</td>
                <td class="e">{ session.ephemerals.len() }</td><td class="e">{ session.watches }</td></tr>
        }
    });
    html! { <>
        { section("Server", "", facts(&rows)) }
        { section("Sessions", "", html! {
            <table class="t"><tbody><tr><th>{ "Id" }</th><th>{ "Client" }</th><th class="e">{ "Ephemeral" }</th><th class="e">{ "Watches" }</th></tr>
                { for sessions }</tbody></table>
        }) }
    </> }
}

fn producer(keys: &KeyTable, view: &ProducerView) -> Html {
    let acks = if view.acks == -1 { "all".to_owned() } else { view.acks.to_string() };
    let rows = [
        ("acks", acks),
        ("Sent", view.sent.to_string()),
        ("Acknowledged", view.acknowledged.to_string()),
        ("Waiting", view.pending.to_string()),
        ("Retries", view.retries.to_string()),
        ("Given up", view.failed.to_string()),
    ];
    let newest = view.outcomes.iter().rev().take(12).map(|outcome| outcome_row(keys, outcome));
    html! { <>
        { section("Producer", "", facts(&rows)) }
        { section("Newest records", "newest first", html! { { for newest } }) }
    </> }
}

fn outcome_row(keys: &KeyTable, outcome: &OutcomeView) -> Html {
    let mark = keys.mark(outcome.key.as_deref());
    let (class, words) = match &outcome.result {
        Ok(place) => ("num r", place.clone()),
        Err(error) => ("bad r", error.clone()),
    };
    html! {
        <div key={outcome.record.to_string()} class={classes!("rowi", mark.class())}>
            <span class="kchip">{ mark.letter }</span>
            <span class="name">{ outcome.value.clone().unwrap_or_else(|| "null".to_owned()) }</span>
            <span {class}>{ words }</span>
        </div>
    }
}

fn consumer(ui: &Ui, seen: &Inspected<'_>, view: &ConsumerView) -> Html {
    let rows = [
        ("group.id", view.group.clone()),
        ("State", view.state.clone()),
        ("Generation", view.generation.to_string()),
        ("Topics", view.topics.join(", ")),
        ("Records read", view.consumed.to_string()),
    ];
    let number = |n: i64| if n < 0 { "–".to_owned() } else { n.to_string() };
    let owned = view.owned.iter().map(|owned| {
        html! {
            <tr key={owned.partition.to_string()}><td>{ partition_link(ui, &owned.partition) }</td>
                <td class="e">{ number(owned.position) }</td><td class="e">{ number(owned.committed) }</td>
                <td class="e">{ number(owned.lag) }</td></tr>
        }
    });
    let newest = view.records.iter().rev().take(12).map(|record| {
        let (partition, record) = record.as_ref();
        let mark = seen.keys.mark(record.key.as_deref());
        html! {
            <div key={format!("{partition}@{}", record.offset)} class={classes!("rowi", mark.class())}>
                <span class="kchip">{ mark.letter }</span>
                <span class="name">{ record.value.clone().unwrap_or_else(|| "null".to_owned()) }</span>
                <span class="r num">{ format!("{partition}@{}", record.offset) }</span>
            </div>
        }
    });
    html! { <>
        { section("Consumer", "", facts(&rows)) }
        { section("Owns", "", html! {
            <table class="t"><tbody><tr><th>{ "Partition" }</th><th class="e">{ "Position" }</th><th class="e">{ "Committed" }</th><th class="e">{ "Lag" }</th></tr>
                { for owned }</tbody></table>
        }) }
        { section("Newest records", "newest first", html! { { for newest } }) }
    </> }
}

fn outcomes(list: &[Result<String, String>]) -> Html {
    let rows = list.iter().rev().take(10).enumerate().map(|(at, outcome)| match outcome {
        Ok(words) => html! { <p key={at} class="waits">{ words.clone() }</p> },
        Err(error) => html! { <p key={at} class="waits bad">{ error.clone() }</p> },
    });
    html! { { for rows } }
}

/// The frames under way from and to a process: what the lines on the stage only hint at.
fn connections(ui: &Ui, seen: &Inspected<'_>, card: &ProcessCard) -> Html {
    let flying = seen.shown.picture.flying.iter();
    let mine = flying.filter(|frame| frame.from == card.id || frame.to == card.id).take(20);
    let rows: Vec<Html> = mine
        .map(|frame| {
            let (ui, id) = (ui.clone(), frame.id);
            let onclick = Callback::from(move |_: MouseEvent| ui.open_frame(id));
            let way = if frame.from == card.id {
                format!("to {}", seen.scene.name(frame.to))
            } else {
                format!("from {}", seen.scene.name(frame.from))
            };
            html! {
                <div key={frame.id.0.to_string()} class="rowi">
                    <button type="button" class="textlink name" {onclick}>{ frame.summary.label.clone() }</button>
                    <span class="r mut">{ way }</span>
                </div>
            }
        })
        .collect();
    if rows.is_empty() {
        html! {}
    } else {
        section("In flight", "", html! { { for rows } })
    }
}
