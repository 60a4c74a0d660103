//! The lessons that come with Kafkarium, in the order in which they are offered.

/// A lesson's file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Entry {
    /// File name without `.md`; the `?lesson=` parameter.
    pub name: &'static str,
    /// Its text.
    pub text: &'static str,
}

/// All lessons.
pub const LESSONS: &[Entry] = &[
    Entry {
        name: "point-to-point-or-publish-subscribe",
        text: include_str!("catalogue/point-to-point-or-publish-subscribe.md"),
    },
    Entry { name: "kill-the-leader", text: include_str!("catalogue/kill-the-leader.md") },
];

/// The lesson called `name`.
pub fn find(name: &str) -> Option<&'static Entry> {
    LESSONS.iter().find(|entry| entry.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lesson::parse;

    #[test]
    fn every_lesson_parses() {
        for entry in LESSONS {
            if let Err(error) = parse(entry.text) {
                panic!("{}: {error}", entry.name);
            }
        }
        assert_eq!(find("no such lesson"), None);
    }
}
