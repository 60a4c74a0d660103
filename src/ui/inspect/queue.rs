//! A queue server and a receiver in full.

use super::view::{facts, section};
use crate::node::view::{QueueReceiverView, QueueView};
use yew::prelude::*;

pub(super) fn server(view: &QueueView) -> Html {
    let rows = [
        ("Ready", view.ready.to_string()),
        ("Delivered, not acknowledged", view.delivered.to_string()),
        ("Stored", view.stored.to_string()),
        ("Acknowledged and gone", view.removed.to_string()),
    ];
    let messages = view.messages.iter().map(|message| {
        let place = message.holder.clone().unwrap_or_else(|| "in the queue".to_owned());
        html! {
            <tr key={message.message}><td class="e">{ message.message }</td><td>{ message.body.clone() }</td>
                <td>{ place }</td><td class="e">{ message.deliveries }</td></tr>
        }
    });
    let receivers = view.receivers.iter().enumerate().map(|(at, receiver)| {
        html! {
            <tr key={at}><td>{ receiver.name.clone() }</td><td class="e">{ receiver.held }</td>
                <td class="e">{ receiver.prefetch }</td></tr>
        }
    });
    html! { <>
        { section("Queue", "", facts(&rows)) }
        { section("Messages", "", html! {
            <table class="t"><tbody><tr><th class="e">{ "Id" }</th><th>{ "Message" }</th><th>{ "Where" }</th><th class="e">{ "Deliveries" }</th></tr>
                { for messages }</tbody></table>
        }) }
        { section("Receivers", "", html! {
            <table class="t"><tbody><tr><th>{ "Name" }</th><th class="e">{ "Has" }</th><th class="e">{ "At most" }</th></tr>
                { for receivers }</tbody></table>
        }) }
    </> }
}

pub(super) fn receiver(view: &QueueReceiverView) -> Html {
    let current = view.current.map_or("nothing".to_owned(), |message| format!("message {message}"));
    let rows = [
        ("Connected", if view.is_connected { "yes" } else { "no" }.to_owned()),
        ("Works on", current),
        ("Waiting", view.waiting.to_string()),
        ("Received", view.received.to_string()),
        ("Acknowledged and gone", view.acknowledged.to_string()),
    ];
    let messages = view.messages.iter().rev().enumerate().map(|(at, (message, body))| {
        html! { <tr key={at}><td class="e">{ message }</td><td>{ body.clone() }</td></tr> }
    });
    html! { <>
        { section("Receiver", "", facts(&rows)) }
        { section("Messages", "", html! {
            <table class="t"><tbody><tr><th class="e">{ "Id" }</th><th>{ "Message" }</th></tr>{ for messages }</tbody></table>
        }) }
    </> }
}
