//! What the page shows of a lesson. Its text arrives parsed, so nothing of it is ever read as HTML.

use serde::{Deserialize, Serialize};

/// A lesson at one of its steps.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct LessonState {
    /// Its file name without `.md`.
    pub name: String,
    /// Its title.
    pub title: String,
    /// The step, from 0.
    pub step: u32,
    /// How many steps it has.
    pub steps: u32,
    /// The step's own title.
    pub step_title: String,
    /// The step's text.
    pub text: Vec<Block>,
    /// The prediction that is asked before the step goes on.
    pub question: Option<Question>,
    /// What the step waits for in the world, as a sentence; none when nothing.
    pub waiting_for: Option<String>,
    /// Whether `Back` has somewhere to go.
    pub may_go_back: bool,
    /// Whether `Next` may be pressed.
    pub may_go_on: bool,
}

/// A block of text.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Block {
    /// A heading inside the step.
    Heading(Vec<Inline>),
    /// A paragraph.
    Paragraph(Vec<Inline>),
    /// A list.
    List {
        /// Numbered or not.
        ordered: bool,
        /// Its items.
        items: Vec<Vec<Inline>>,
    },
    /// Words set apart: what today's Kafka does instead, a warning.
    Aside(Vec<Inline>),
    /// Text to be read or typed letter by letter.
    Code(String),
}

/// A run of text.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Inline {
    /// Plain.
    Text(String),
    /// `*emphasis*`.
    Emphasis(String),
    /// `**strong**`.
    Strong(String),
    /// `` `code` ``.
    Code(String),
}

/// A prediction.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Question {
    /// What is asked.
    pub text: Vec<Inline>,
    /// The answers to choose from.
    pub options: Vec<Vec<Inline>>,
    /// What was chosen, once it was.
    pub answered: Option<Answered>,
}

/// An answered prediction.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Answered {
    /// The chosen option, from 0.
    pub chosen: u32,
    /// The right one.
    pub right: u32,
    /// Why.
    pub why: Vec<Inline>,
}
