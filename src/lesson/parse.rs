//! The lesson format: Markdown whose fenced blocks are what the step does.
//!
//! ~~~text
//! # Title
//! ```lesson          seed, profile, era, and the processes beside the default ones
//! seed = 7
//! ```
//! ## Step title
//! Prose. `{leader orders-0}` in a command stands for the process that leads that partition.
//! ```do              world actions, one a line, in the terminal's words
//! ```wait 20s        conditions that must come true within that virtual time
//! ```check           conditions that must be true now
//! ```try 60s         what the learner is to do: `do:` lines are what the native runner (and `Show
//!                    me`) does, the other lines the conditions that tell that it was done
//! ```predict         a question, `- [ ]` options, `- [x]` the right one, then why
//! ~~~

use super::condition::Condition;
use super::text::blocks;
use super::view::{Block, Inline};
use crate::base::Span;
use std::fmt;

/// A parsed lesson.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Lesson {
    /// Its title.
    pub title: String,
    /// `key = value` lines of the setup block.
    pub setup: Vec<(String, String)>,
    /// Actions at the world's first instant, from the setup block's `do:` lines.
    pub begin: Vec<String>,
    /// Its steps.
    pub steps: Vec<Step>,
}

/// A step.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Step {
    /// Its title.
    pub title: String,
    /// What it shows and does, in order.
    pub items: Vec<Item>,
}

/// One item of a step.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Item {
    /// Prose.
    Text(Vec<Block>),
    /// Actions in the terminal's words.
    Do(Vec<String>),
    /// Conditions to wait for.
    Wait {
        /// All of them.
        conditions: Vec<Condition>,
        /// Virtual time after which the claim counts as false.
        within: Span,
    },
    /// Conditions that hold now.
    Check(Vec<Condition>),
    /// What the learner does.
    Try {
        /// One way to do it.
        actions: Vec<String>,
        /// How one sees that it was done.
        conditions: Vec<Condition>,
        /// Virtual time in which it must work once done.
        within: Span,
    },
    /// A prediction.
    Predict(Prediction),
}

/// A question before the fact.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Prediction {
    /// The question.
    pub question: Vec<Inline>,
    /// The options.
    pub options: Vec<Vec<Inline>>,
    /// The right one.
    pub right: u32,
    /// Why.
    pub why: Vec<Inline>,
}

/// A lesson that cannot be read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ParseError {
    /// Line, from 1.
    pub line: usize,
    /// What is wrong.
    pub reason: String,
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.reason)
    }
}

impl std::error::Error for ParseError {}

/// Largest lesson that is read (bytes).
const LESSON_BYTES_MAX: usize = 256 * 1024;

/// Parses a lesson.
pub fn parse(text: &str) -> Result<Lesson, ParseError> {
    let fail = |line: usize, reason: String| ParseError { line: line + 1, reason };
    if text.len() > LESSON_BYTES_MAX {
        return Err(fail(0, format!("longer than {LESSON_BYTES_MAX} bytes")));
    }
    let mut lesson =
        Lesson { title: String::new(), setup: Vec::new(), begin: Vec::new(), steps: Vec::new() };
    let mut prose = String::new();
    let mut lines = text.lines().enumerate();
    while let Some((number, line)) = lines.next() {
        if let Some(title) = line.strip_prefix("## ") {
            flush(&mut lesson, &mut prose);
            lesson.steps.push(Step { title: title.trim().to_owned(), items: Vec::new() });
        } else if let Some(title) = line.strip_prefix("# ") {
            title.trim().clone_into(&mut lesson.title);
        } else if let Some(fence) = line.strip_prefix("```") {
            let body: Vec<(usize, &str)> =
                lines.by_ref().take_while(|(_, line)| line.trim_end() != "```").collect();
            flush(&mut lesson, &mut prose);
            if fence.trim() == "lesson" {
                setup(&mut lesson, &body).map_err(|(line, why)| fail(line, why))?;
                continue;
            }
            let item = item(fence.trim(), number, &body).map_err(|(line, why)| fail(line, why))?;
            let step = lesson.steps.last_mut();
            let step = step.ok_or_else(|| fail(number, "a block before the first step".into()))?;
            step.items.push(item);
        } else {
            prose.push_str(line);
            prose.push('\n');
        }
    }
    flush(&mut lesson, &mut prose);
    if lesson.title.is_empty() || lesson.steps.is_empty() {
        return Err(fail(0, "a lesson has a title and at least one step".to_owned()));
    }
    Ok(lesson)
}

fn flush(lesson: &mut Lesson, prose: &mut String) {
    let text = std::mem::take(prose);
    if let Some(step) = lesson.steps.last_mut()
        && !text.trim().is_empty()
    {
        step.items.push(Item::Text(blocks(&text)));
    }
}

type Located<T> = Result<T, (usize, String)>;

fn setup(lesson: &mut Lesson, body: &[(usize, &str)]) -> Located<()> {
    for (number, line) in body.iter().filter(|(_, line)| !line.trim().is_empty()) {
        if let Some(action) = line.strip_prefix("do:") {
            lesson.begin.push(action.trim().to_owned());
        } else {
            let pair = line.split_once('=').ok_or((*number, "KEY = VALUE expected".to_owned()))?;
            lesson.setup.push((pair.0.trim().to_owned(), pair.1.trim().to_owned()));
        }
    }
    Ok(())
}

fn item(fence: &str, number: usize, body: &[(usize, &str)]) -> Located<Item> {
    let (kind, argument) = fence.split_once(' ').unwrap_or((fence, ""));
    let used = || body.iter().filter(|(_, line)| !line.trim().is_empty());
    let actions = |lines: &mut dyn Iterator<Item = &str>| -> Vec<String> {
        lines.map(|line| line.trim().to_owned()).collect()
    };
    match kind {
        "do" => Ok(Item::Do(actions(&mut used().map(|(_, line)| *line)))),
        "wait" => {
            let within = span(argument).map_err(|why| (number, why))?;
            Ok(Item::Wait { conditions: conditions(used())?, within })
        }
        "check" => Ok(Item::Check(conditions(used())?)),
        "try" => {
            let within = span(argument).map_err(|why| (number, why))?;
            let mut doing = used().filter_map(|(_, line)| line.strip_prefix("do:"));
            let actions = actions(&mut doing);
            let until = used().filter(|(_, line)| !line.starts_with("do:"));
            Ok(Item::Try { actions, conditions: conditions(until)?, within })
        }
        "predict" => prediction(number, body).map(Item::Predict),
        "text" => {
            let lines: Vec<&str> = body.iter().map(|(_, line)| *line).collect();
            Ok(Item::Text(vec![Block::Code(lines.join("\n"))]))
        }
        other => Err((number, format!("unknown block '{other}'"))),
    }
}

fn conditions<'a>(lines: impl Iterator<Item = &'a (usize, &'a str)>) -> Located<Vec<Condition>> {
    lines.map(|(number, line)| Condition::parse(line).map_err(|why| (*number, why))).collect()
}

fn span(text: &str) -> Result<Span, String> {
    let seconds = text.trim().strip_suffix('s').and_then(|digits| digits.parse::<u64>().ok());
    seconds.map(Span::from_secs).ok_or_else(|| format!("'{text}' is no time such as 20s"))
}

fn inline(text: &str) -> Vec<Inline> {
    match blocks(text).into_iter().next() {
        Some(Block::Paragraph(line)) => line,
        _ => vec![Inline::Text(text.to_owned())],
    }
}

fn prediction(number: usize, body: &[(usize, &str)]) -> Located<Prediction> {
    let (mut question, mut options, mut right, mut why) =
        (String::new(), Vec::new(), None, String::new());
    for (_, line) in body {
        let line = line.trim();
        if let Some(option) = line.strip_prefix("- [x]") {
            right = Some(options.len() as u32);
            options.push(inline(option.trim()));
        } else if let Some(option) = line.strip_prefix("- [ ]") {
            options.push(inline(option.trim()));
        } else {
            let text = if options.is_empty() { &mut question } else { &mut why };
            text.push_str(line);
            text.push(' ');
        }
    }
    let right = right.ok_or((number, "no option is marked [x]".to_owned()))?;
    Ok(Prediction { question: inline(question.trim()), options, right, why: inline(why.trim()) })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMALL: &str = "# T\n```lesson\nseed = 7\ndo: kill broker-1\n```\n\n## One\nProse.\n\
        ```do\nkill broker-2\n```\n```wait 20s\nleader orders-0 != broker-2\n```\n\
        ```predict\nWho?\n- [ ] a\n- [x] b\nSince.\n```\n## Two\n```try 5s\ndo: kill broker-3\n\
        process broker-3 dead\n```\n";

    #[test]
    fn a_lesson_parses_into_its_items() {
        let lesson = parse(SMALL).expect("a good lesson");
        assert_eq!(lesson.setup, [("seed".to_owned(), "7".to_owned())]);
        assert_eq!(lesson.begin, ["kill broker-1"]);
        assert_eq!(lesson.steps.len(), 2);
        assert_eq!(lesson.steps[0].items.len(), 4);
        let Item::Predict(prediction) = &lesson.steps[0].items[3] else { panic!("{lesson:?}") };
        assert_eq!((prediction.right, prediction.options.len()), (1, 2));
        let Item::Try { actions, conditions, .. } = &lesson.steps[1].items[0] else {
            panic!("{lesson:?}")
        };
        assert_eq!((actions.as_slice(), conditions.len()), (&["kill broker-3".to_owned()][..], 1));
    }

    #[test]
    fn errors_name_the_line() {
        for (text, line) in [
            ("", 1),
            ("# T\n## S\n```wait soon\n```\n", 3),
            ("# T\n## S\n```check\nnonsense x\n```\n", 4),
            ("# T\n```do\nkill x\n```\n## S\n", 2),
            ("# T\n## S\n```predict\nWho?\n- [ ] a\n```\n", 3),
            ("# T\n## S\n```dance\n```\n", 3),
        ] {
            assert_eq!(parse(text).map_err(|error| error.line), Err(line), "{text}");
        }
    }
}
