//! How a process is doing: an icon, a word and a detail, never colour alone.

use crate::node::ProcessView;
use crate::ui::model::narrate::clock_text;
use crate::world::picture::{Picture, ProcessCard, ProcessState};

/// How a node looks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Look {
    /// It works.
    Up,
    /// It runs, but is not ready yet.
    Starting,
    /// It runs and does nothing.
    Paused,
    /// No frame passes.
    Isolated,
    /// It is gone.
    Dead,
    /// Its machine has no power.
    NoPower,
}

/// How a process is doing.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NodeStatus {
    /// How it looks.
    pub look: Look,
    /// One or two words.
    pub word: String,
    /// What else to say: since when, why, when it comes back.
    pub detail: String,
}

impl NodeStatus {
    /// The status of `card`.
    pub fn of(card: &ProcessCard, picture: &Picture) -> Self {
        let made = |look, word: &str, detail: String| Self { look, word: word.to_owned(), detail };
        match &card.state {
            ProcessState::Dead { why, since, restart_at } => {
                let look = if card.powered { Look::Dead } else { Look::NoPower };
                let (word, cause) = death(why, card.powered);
                let mut detail = format!("since {}", clock_text(*since, picture.epoch));
                if let Some(at) = restart_at {
                    detail = format!("starts again at {}", clock_text(*at, picture.epoch));
                }
                if !cause.is_empty() {
                    detail = format!("{cause}; {detail}");
                }
                made(look, word, detail)
            }
            ProcessState::Paused => {
                made(Look::Paused, "Paused", "does nothing, as in a long GC".into())
            }
            ProcessState::Running => match card.isolated {
                (true, true) => made(Look::Isolated, "Isolated", "no frame passes".into()),
                (true, false) => made(Look::Isolated, "Isolated", "nothing reaches it".into()),
                (false, true) => made(Look::Isolated, "Isolated", "nothing leaves it".into()),
                (false, false) => match starting_word(card) {
                    Some(word) => made(Look::Starting, &word, String::new()),
                    None => made(Look::Up, "Running", String::new()),
                },
            },
        }
    }

    /// Whether the process has a life.
    pub fn is_alive(&self) -> bool {
        !matches!(self.look, Look::Dead | Look::NoPower)
    }

    /// Name of its icon in the sprite.
    pub fn icon(&self) -> &'static str {
        match self.look {
            Look::Up => "up",
            Look::Starting => "wait",
            Look::Paused => "gc",
            Look::Isolated => "isolate",
            Look::Dead => "kill",
            Look::NoPower => "power",
        }
    }

    /// Its class in the style sheet.
    pub fn class(&self) -> &'static str {
        match self.look {
            Look::Up => "up",
            Look::Starting => "starting",
            Look::Paused | Look::Isolated => "degraded",
            Look::Dead | Look::NoPower => "dead",
        }
    }
}

/// Word and cause of a death.
fn death(why: &str, powered: bool) -> (&'static str, String) {
    if !powered {
        return ("Power off", String::new());
    }
    let (kind, cause) = why.split_once(':').unwrap_or((why, ""));
    let word = match kind.trim() {
        "killed" => "Killed",
        "power off" => "Power was cut",
        "crashed" => "Crashed",
        "exited" => "Exited",
        _ => "Stopped",
    };
    (word, cause.trim().to_owned())
}

fn starting_word(card: &ProcessCard) -> Option<String> {
    match card.view.as_deref() {
        None => Some("Starting".to_owned()),
        Some(ProcessView::Broker(view)) if view.state != "Running" => Some(view.state.clone()),
        Some(ProcessView::ZooKeeper(view)) if view.role == "looking" => Some("Looking".to_owned()),
        Some(_) => None,
    }
}
