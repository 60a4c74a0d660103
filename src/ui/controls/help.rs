//! What the keys do, and what the marks mean.

use crate::ui::context::use_ui;
use crate::ui::icon::Icon;
use crate::ui::store::Msg;
use web_sys::HtmlElement;
use yew::prelude::*;

const KEYS: [(&str, &str); 9] = [
    ("Space", "play or pause time"),
    (".", "next event"),
    ("/", "next message"),
    ("Tab", "walk through the regions"),
    ("Arrows", "walk from node to node on the stage"),
    ("Enter", "inspect the node"),
    ("M or right click", "open the node's menu"),
    ("Esc", "close menu, inspector or help"),
    ("?", "this help"),
];

const MARKS: [(&str, &str); 8] = [
    ("Solid cell", "on the leader and committed"),
    ("Hatched cell", "a follower's copy"),
    ("Hollow cell", "at or above the high watermark: no consumer can read it yet"),
    ("Dashed colour", "only a dead broker has it"),
    ("Struck out", "cut off the log"),
    ("Thick bar; thin line with flag", "log end offset (LEO); high watermark (HW)"),
    ("Triangle, two letters", "what that group committed: where it would read on"),
    ("Boxes 1 2 3", "replicas in assignment order; dashed amber is out of the ISR"),
];

const WORDS: &str = "Brokers, ZooKeeper and clients here are real programs, each in a worker of its \
    own, and they speak Kafka's own protocol. Hue is the record's key and nothing else. Every shape \
    that moves is a message; click one to read its bytes.";

/// The help.
#[component]
pub fn Help() -> Html {
    let ui = use_ui();
    let button = use_node_ref();
    {
        let button = button.clone();
        use_effect_with((), move |()| {
            if let Some(button) = button.cast::<HtmlElement>() {
                let _ = button.focus();
            }
        });
    }
    let close = Callback::from(move |_: MouseEvent| ui.tell(Msg::Help(false)));
    let list = |rows: &'static [(&'static str, &'static str)]| -> Html {
        let rows = rows.iter().map(|(name, words)| {
            html! { <div key={*name}><dt>{ *name }</dt><dd>{ *words }</dd></div> }
        });
        html! { <dl>{ for rows }</dl> }
    };
    html! { <>
        <div class="veil dim" onclick={close.clone()}></div>
        <div class="helpsheet" role="dialog" aria-modal="true" aria-label="Help and keyboard shortcuts">
            <header><h2>{ "Keys and marks" }</h2>
                <button type="button" class="btn sq" aria-label="Close help" onclick={close} ref={button}>
                    <Icon name="close" />
                </button>
            </header>
            <div class="cols">
                <section><h3>{ "Keys" }</h3>{ list(&KEYS) }</section>
                <section><h3>{ "On the tapes" }</h3>{ list(&MARKS) }</section>
            </div>
            <p>{ WORDS }</p>
        </div>
    </> }
}
