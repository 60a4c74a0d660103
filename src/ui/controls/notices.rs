//! What the person should know, until it is dismissed; and the live regions that speak.

use crate::base::EventId;
use crate::host::protocol::NoticeLevel;
use crate::ui::context::use_ui;
use crate::ui::event_log::EventLog;
use crate::ui::icon::Icon;
use crate::ui::model::narrate::{Line, Weight};
use crate::ui::store::{Msg, Notice};
use gloo::timers::callback::Interval;
use yew::prelude::*;

/// The notices.
#[derive(Properties, PartialEq)]
pub struct NoticesProps {
    /// The notices, oldest first.
    pub notices: Vec<Notice>,
}

/// The notices.
#[component]
pub fn Notices(props: &NoticesProps) -> Html {
    let ui = use_ui();
    let rows = props.notices.iter().map(|notice| {
        let (ui, id) = (ui.clone(), notice.id);
        let close = Callback::from(move |_: MouseEvent| ui.tell(Msg::Dismiss(id)));
        let (class, icon, word, role) = match notice.level {
            NoticeLevel::Info => ("ok", "tick", "Note", "status"),
            NoticeLevel::Warning => ("warn", "warn", "Warning", "status"),
            NoticeLevel::Fault => ("fault", "kill", "Fault", "alert"),
        };
        html! {
            <div key={id.to_string()} class={classes!("notice", class)} {role}>
                <Icon name={icon} /><p><b>{ word }</b>{ format!(": {}", notice.text) }</p>
                <button type="button" class="btn sq small" aria-label="Dismiss" onclick={close}>
                    <Icon name="close" />
                </button>
            </div>
        }
    });
    html! { <div class="notices">{ for rows }</div> }
}

/// What is spoken.
#[derive(Properties, PartialEq)]
pub struct SpeakerProps {
    /// What happened.
    pub log: EventLog,
}

/// The live regions: at most one utterance a second each, merged; faults are assertive.
#[component]
pub fn Speaker(props: &SpeakerProps) -> Html {
    let polite = use_state_eq(String::new);
    let assertive = use_state_eq(String::new);
    let newest = use_mut_ref(|| props.log.clone());
    *newest.borrow_mut() = props.log.clone();
    {
        let (polite, assertive) = (polite.clone(), assertive.clone());
        use_effect_with((), move |()| {
            let mut said: Option<EventId> = None;
            let tick = Interval::new(1_000, move || {
                let log = newest.borrow();
                let lines = log.lines();
                let last = lines.events.back().map(|line| line.id);
                // What happened before the page was opened is in the list, and is not read out.
                let since = said.or(last);
                let news = lines.events.iter().filter(|line| Some(line.id) > since);
                let news = news.filter(|line| line.weight >= Weight::Change);
                let (faults, changes): (Vec<&Line>, Vec<&Line>) =
                    news.partition(|line| line.weight == Weight::Fault);
                if !faults.is_empty() {
                    assertive.set(merged(&faults));
                }
                if !changes.is_empty() {
                    polite.set(merged(&changes));
                }
                said = last.or(since);
            });
            move || drop(tick)
        });
    }
    html! { <>
        <div class="vh" aria-live="polite">{ (*polite).clone() }</div>
        <div class="vh" aria-live="assertive">{ (*assertive).clone() }</div>
    </> }
}

fn merged(lines: &[&Line]) -> String {
    const SPOKEN: usize = 3;
    let words: Vec<&str> = lines.iter().take(SPOKEN).map(|line| line.text.as_str()).collect();
    let more = match lines.len().saturating_sub(SPOKEN) {
        0 => String::new(),
        more => format!(" And {more} more."),
    };
    format!("{}{more}", words.join(" "))
}
