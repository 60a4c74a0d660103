//! Plays a lesson: looks at pictures at fixed points of virtual time and says what to do to the
//! world. Hosts obey the orders; the same player runs on the page and in the tests.

use super::condition::{Condition, controller, coordinator_name, leader_name};
use super::parse::{Item, Lesson};
use super::view::{Answered, Block, Inline, LessonState, Question};
use crate::base::{SortedMap, Span, Time, TopicPartition};
use crate::world::picture::Picture;

/// Virtual time between two looks at the world, so that a lesson acts at the same instants wherever
/// it is played.
pub const POLL_INTERVAL: Span = Span::from_millis(100);

/// What the host is to do.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Order {
    /// An action in the terminal's words.
    Act(String),
    /// Keep the world as it is now, as the beginning of this step.
    Remember(usize),
    /// Go back to the beginning of this step.
    Restore(usize),
}

/// Where the learner is at the beginning of a step; comes back with the world.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
struct Bookmark {
    names: SortedMap<String, String>,
}

/// A lesson being played.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Player {
    name: String,
    lesson: Lesson,
    step: usize,
    item: usize,
    /// When the current item began.
    since: Option<Time>,
    /// Chosen options by step and item.
    answers: SortedMap<(usize, usize), u32>,
    /// Names that `let` lines gave, written `$name`.
    names: SortedMap<String, String>,
    bookmarks: Vec<Bookmark>,
    failure: Option<String>,
}

impl Player {
    /// A player at the beginning of `lesson`.
    pub fn new(name: &str, lesson: Lesson) -> Self {
        Self {
            name: name.to_owned(),
            lesson,
            step: 0,
            item: 0,
            since: None,
            answers: SortedMap::new(),
            names: SortedMap::new(),
            bookmarks: Vec::new(),
            failure: None,
        }
    }

    /// The lesson.
    pub fn lesson(&self) -> &Lesson {
        &self.lesson
    }

    /// What was claimed and turned out false, if anything.
    pub fn failure(&self) -> Option<&str> {
        self.failure.as_deref()
    }

    /// True when the step has shown all it has.
    pub fn step_is_done(&self) -> bool {
        self.current().is_none()
    }

    /// True at the end of the last step.
    pub fn is_done(&self) -> bool {
        self.step_is_done() && self.step + 1 == self.lesson.steps.len()
    }

    fn items(&self) -> &[Item] {
        self.lesson.steps.get(self.step).map_or(&[], |step| &step.items)
    }

    fn current(&self) -> Option<&Item> {
        self.items().get(self.item)
    }

    /// Looks at the world and goes on as far as it can. After orders the world must move before the
    /// next look.
    pub fn poll(&mut self, picture: &Picture) -> Vec<Order> {
        let mut orders = Vec::new();
        if self.bookmarks.len() <= self.step {
            self.bookmarks.push(Bookmark { names: self.names.clone() });
            orders.push(Order::Remember(self.step));
        }
        while self.failure.is_none() {
            let since = *self.since.get_or_insert(picture.now);
            match self.current().cloned() {
                Some(Item::Text(_)) => self.advance(),
                Some(Item::Do(lines)) => {
                    self.advance();
                    let before = orders.len();
                    orders.extend(self.act(&lines, picture));
                    if orders.len() > before {
                        return orders;
                    }
                }
                Some(Item::Check(conditions)) => match self.first_false(&conditions, picture) {
                    None => self.advance(),
                    Some(claim) => self.failure = Some(format!("not true: {claim}")),
                },
                Some(Item::Wait { conditions, within }) => {
                    match self.first_false(&conditions, picture) {
                        None => self.advance(),
                        Some(claim) if picture.now.since(since) > within => {
                            self.failure = Some(format!("not within {within}: {claim}"));
                        }
                        Some(_) => break,
                    }
                }
                Some(Item::Try { conditions, .. }) => {
                    if self.first_false(&conditions, picture).is_some() {
                        break;
                    }
                    self.advance();
                }
                Some(Item::Predict(_)) if self.answers.contains_key(&(self.step, self.item)) => {
                    self.advance();
                }
                Some(Item::Predict(_)) | None => break,
            }
        }
        orders
    }

    fn advance(&mut self) {
        self.item += 1;
        self.since = None;
    }

    fn first_false(&self, conditions: &[Condition], picture: &Picture) -> Option<Condition> {
        let mut named = conditions.iter().map(|condition| condition.with_names(&self.names));
        named.find(|condition| !condition.holds(picture))
    }

    /// Carries out the lines of a `do` block: `let NAME = …` is for the player, the rest for the
    /// world.
    fn act(&mut self, lines: &[String], picture: &Picture) -> Vec<Order> {
        let mut orders = Vec::new();
        for line in lines {
            let Some((name, what)) = line.strip_prefix("let ").and_then(|l| l.split_once('='))
            else {
                orders.push(Order::Act(with_names(line, &self.names)));
                continue;
            };
            match look_up(what.trim(), picture) {
                Some(found) => {
                    self.names.insert(name.trim().to_owned(), found);
                }
                None => self.failure = Some(format!("nothing is {}", what.trim())),
            }
        }
        orders
    }

    /// `Next`: to the following step, when this one is done.
    pub fn next(&mut self) {
        if self.step_is_done() && self.step + 1 < self.lesson.steps.len() {
            self.step += 1;
            self.item = 0;
            self.since = None;
        }
    }

    /// `Back`: to the beginning of the step before, or of this one when it has begun to act.
    pub fn back(&mut self) -> Option<Order> {
        let target = self.step.checked_sub(1)?;
        self.step = target;
        self.item = 0;
        self.since = None;
        self.failure = None;
        self.answers.retain(|(step, _), _| *step < target);
        self.bookmarks.truncate(target + 1);
        self.names = self.bookmarks.get(target).map(|mark| mark.names.clone()).unwrap_or_default();
        Some(Order::Restore(target))
    }

    /// Chooses an option of the current prediction; false when there is none to choose.
    pub fn answer(&mut self, option: u32) -> bool {
        match self.current() {
            Some(Item::Predict(prediction)) if (option as usize) < prediction.options.len() => {
                self.answers.insert((self.step, self.item), option);
                true
            }
            _ => false,
        }
    }

    /// The right answer to the current prediction, for the native runner.
    pub fn right_answer(&self) -> Option<u32> {
        match self.current()? {
            Item::Predict(prediction) => Some(prediction.right),
            _ => None,
        }
    }

    /// What the learner could do now, for `Show me` and the native runner.
    pub fn solution(&self) -> Vec<Order> {
        match self.current() {
            Some(Item::Try { actions, .. }) => {
                actions.iter().map(|line| Order::Act(with_names(line, &self.names))).collect()
            }
            _ => Vec::new(),
        }
    }

    /// How long the current item has waited at `now`, and how long it may.
    pub fn waited(&self, now: Time) -> Option<(Span, Span)> {
        let within = match self.current()? {
            Item::Wait { within, .. } | Item::Try { within, .. } => *within,
            _ => return None,
        };
        self.since.map(|since| (now.since(since), within))
    }

    /// What the page shows.
    pub fn state(&self) -> LessonState {
        let reached = self.items().iter().take(self.item + 1);
        let text = reached.filter_map(|item| match item {
            Item::Text(blocks) => Some(blocks.iter().map(|block| self.named_block(block))),
            _ => None,
        });
        let text: Vec<Block> = text.flatten().collect();
        LessonState {
            name: self.name.clone(),
            title: self.lesson.title.clone(),
            step: self.step as u32,
            steps: self.lesson.steps.len() as u32,
            step_title: self.lesson.steps[self.step].title.clone(),
            text,
            question: self.question(),
            waiting_for: self.failure.clone().or_else(|| self.waiting_for()),
            may_go_back: self.step > 0,
            may_go_on: self.step_is_done() && self.step + 1 < self.lesson.steps.len(),
        }
    }

    fn waiting_for(&self) -> Option<String> {
        let (lead, conditions) = match self.current()? {
            Item::Wait { conditions, .. } => ("Waiting until ", conditions),
            Item::Try { conditions, .. } => ("Your turn, until ", conditions),
            _ => return None,
        };
        let sentences: Vec<String> =
            conditions.iter().map(|c| c.with_names(&self.names).to_string()).collect();
        Some(format!("{lead}{}", sentences.join(" and ")))
    }

    /// The newest prediction that the step has come to.
    fn question(&self) -> Option<Question> {
        let reached = self.items().iter().enumerate().take(self.item + 1).rev();
        let mut questions = reached.filter_map(|(index, item)| match item {
            Item::Predict(prediction) => Some((index, prediction)),
            _ => None,
        });
        let (index, prediction) = questions.next()?;
        let chosen = self.answers.get(&(self.step, index)).copied();
        Some(Question {
            text: self.named_line(&prediction.question),
            options: prediction.options.iter().map(|option| self.named_line(option)).collect(),
            answered: chosen.map(|chosen| Answered {
                chosen,
                right: prediction.right,
                why: self.named_line(&prediction.why),
            }),
        })
    }

    fn named_block(&self, block: &Block) -> Block {
        match block {
            Block::Heading(line) => Block::Heading(self.named_line(line)),
            Block::Paragraph(line) => Block::Paragraph(self.named_line(line)),
            Block::Aside(line) => Block::Aside(self.named_line(line)),
            Block::List { ordered, items } => Block::List {
                ordered: *ordered,
                items: items.iter().map(|line| self.named_line(line)).collect(),
            },
            Block::Code(text) => Block::Code(with_names(text, &self.names)),
        }
    }

    fn named_line(&self, line: &[Inline]) -> Vec<Inline> {
        let named = |text: &str| with_names(text, &self.names);
        line.iter()
            .map(|piece| match piece {
                Inline::Text(text) => Inline::Text(named(text)),
                Inline::Emphasis(text) => Inline::Emphasis(named(text)),
                Inline::Strong(text) => Inline::Strong(named(text)),
                Inline::Code(text) => Inline::Code(named(text)),
            })
            .collect()
    }
}

/// `text` with every `$name` that is known put in.
pub(super) fn with_names(text: &str, names: &SortedMap<String, String>) -> String {
    // Longer names first, so that `$leader2` is not read as `$leader`.
    let mut known: Vec<_> = names.iter().collect();
    known.sort_by_key(|(name, _)| std::cmp::Reverse(name.len()));
    known
        .into_iter()
        .fold(text.to_owned(), |text, (name, value)| text.replace(&format!("${name}"), value))
}

/// What a `let` line asks for: `leader TOPIC-N`, `controller`, `coordinator GROUP`.
fn look_up(what: &str, picture: &Picture) -> Option<String> {
    match what.split_once(' ') {
        None if what == "controller" => controller(picture),
        Some(("leader", partition)) => {
            let (topic, number) = partition.rsplit_once('-')?;
            leader_name(picture, &TopicPartition::new(topic, number.parse().ok()?))
        }
        Some(("coordinator", group)) => coordinator_name(picture, group),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
