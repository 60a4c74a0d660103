//! Which hue and letter a record key has: hues in the order in which keys were first seen, and the
//! shortest beginning that no earlier key has taken.
use crate::base::SortedMap;

/// Hues of the palette (`--key-a` … `--key-h`).
const HUES: usize = 8;
/// Keys that get a mark of their own; later ones take a hue by their text.
const KEYS_MAX: usize = 500;

/// How a key is drawn.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct KeyMark {
    /// Number of the hue from 0; none for a record without a key.
    pub hue: Option<u8>,
    /// One or two letters; a dot without a key.
    pub letter: String,
}

impl KeyMark {
    /// The mark of a record without a key.
    pub fn none() -> Self {
        Self { hue: None, letter: "·".to_owned() }
    }

    /// Its class in the style sheet.
    pub fn class(&self) -> &'static str {
        const CLASSES: [&str; HUES] = ["k-a", "k-b", "k-c", "k-d", "k-e", "k-f", "k-g", "k-h"];
        self.hue.map_or("k-none", |hue| CLASSES[usize::from(hue) % HUES])
    }

    /// Its hatch pattern, for a follower's copy.
    pub fn hatch(&self) -> &'static str {
        const HATCHES: [&str; HUES] = [
            "url(#h-a)",
            "url(#h-b)",
            "url(#h-c)",
            "url(#h-d)",
            "url(#h-e)",
            "url(#h-f)",
            "url(#h-g)",
            "url(#h-h)",
        ];
        self.hue.map_or("url(#h-none)", |hue| HATCHES[usize::from(hue) % HUES])
    }
}

/// The keys seen so far.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct KeyTable {
    marks: SortedMap<String, KeyMark>,
    order: Vec<String>,
}

impl KeyTable {
    /// Takes note of `key`.
    pub fn learn(&mut self, key: &str) {
        if self.marks.contains_key(key) || self.order.len() >= KEYS_MAX {
            return;
        }
        let hue = Some((self.order.len() % HUES) as u8);
        let mark = KeyMark { hue, letter: self.free_letter(key) };
        self.marks.insert(key.to_owned(), mark);
        self.order.push(key.to_owned());
    }

    /// How `key` is drawn.
    pub fn mark(&self, key: Option<&str>) -> KeyMark {
        let Some(key) = key else { return KeyMark::none() };
        self.marks.get(key).cloned().unwrap_or_else(|| KeyMark {
            hue: Some((key.bytes().map(usize::from).sum::<usize>() % HUES) as u8),
            letter: first_letters(key, 2),
        })
    }

    /// The keys in the order in which they were seen.
    pub fn keys(&self) -> &[String] {
        &self.order
    }

    fn free_letter(&self, key: &str) -> String {
        let is_taken = |letter: &String| self.marks.values().any(|mark| mark.letter == *letter);
        let last = key.chars().rev().find(|c| c.is_alphanumeric());
        let mixed = first_letters(key, 1) + &last.map(String::from).unwrap_or_default();
        [first_letters(key, 1), first_letters(key, 2), mixed]
            .into_iter()
            .find(|letter| !is_taken(letter))
            .unwrap_or_else(|| first_letters(key, 2))
    }
}

fn first_letters(key: &str, count: usize) -> String {
    let mut letters: String = key.chars().filter(|c| c.is_alphanumeric()).take(count).collect();
    if letters.is_empty() {
        letters.push('?');
    }
    let mut chars = letters.chars();
    chars.next().map(|first| first.to_uppercase().chain(chars).collect()).unwrap_or(letters)
}
