//! The words of an action line: separated by blanks, quoted with `"…"`, escaped with a backslash.
//! `\n`, `\t`, `\r` and `\xNN` stand for bytes, `\N` for "no value", and a backslash before any
//! other sign takes its special meaning away.

use super::parse::BadAction;
use crate::node::OutgoingRecord;
use bytes::Bytes;
use std::fmt;

/// One sign of a word.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Sign {
    /// A byte as typed.
    Plain(u8),
    /// A byte that was escaped: it never separates anything and spells no keyword.
    Literal(u8),
    /// `\N`.
    Null,
}

/// A word.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Word(pub Vec<Sign>);

impl Word {
    /// The bytes, or none when the word says "no value".
    pub fn bytes(&self) -> Option<Vec<u8>> {
        let byte = |sign: &Sign| match sign {
            Sign::Plain(byte) | Sign::Literal(byte) => Some(*byte),
            Sign::Null => None,
        };
        self.0.iter().map(byte).collect()
    }

    /// The word as text.
    pub fn text(&self) -> Result<String, BadAction> {
        let bytes = self.bytes().ok_or_else(|| self.bad("is no text"))?;
        String::from_utf8(bytes).map_err(|_| self.bad("is not UTF-8"))
    }

    /// The word as a number.
    pub fn number<T: std::str::FromStr>(&self) -> Result<T, BadAction> {
        self.text()?.parse().map_err(|_| self.bad("is not a number in range"))
    }

    /// True when it is exactly `keyword`, not escaped.
    pub fn is(&self, keyword: &str) -> bool {
        self.0.iter().copied().eq(keyword.bytes().map(Sign::Plain))
    }

    /// The parts before and after the first `separator` that is not escaped.
    pub fn split_once(&self, separator: u8) -> Option<(Self, Self)> {
        let place = self.0.iter().position(|sign| *sign == Sign::Plain(separator))?;
        Some((Self(self.0[..place].to_vec()), Self(self.0[place + 1..].to_vec())))
    }

    /// The parts between `separator`s.
    pub fn split(&self, separator: u8) -> Vec<Self> {
        let parts = self.0.split(|sign| *sign == Sign::Plain(separator));
        parts.map(|part| Self(part.to_vec())).collect()
    }

    /// The complaint that this word is wrong.
    pub fn bad(&self, problem: &str) -> BadAction {
        let byte = |sign: &Sign| match sign {
            Sign::Plain(byte) | Sign::Literal(byte) => *byte,
            Sign::Null => b'N',
        };
        let bytes: Vec<u8> = self.0.iter().map(byte).collect();
        let word = String::from_utf8_lossy(&bytes).into_owned();
        BadAction { word, problem: problem.to_owned() }
    }
}

/// Cuts a line into words.
pub(super) fn split_words(line: &str) -> Result<Vec<Word>, BadAction> {
    let mut words = Vec::new();
    let mut word: Option<Word> = None;
    let mut quoted = false;
    let mut bytes = line.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' => {
                quoted = !quoted;
                word.get_or_insert_default();
            }
            b'\\' => {
                let sign = escaped(&mut bytes).ok_or_else(|| BadAction {
                    word: line.to_owned(),
                    problem: "ends within an escape, or has \\x without two hex digits".to_owned(),
                })?;
                word.get_or_insert_default().0.push(sign);
            }
            b' ' | b'\t' | b'\r' | b'\n' if !quoted => words.extend(word.take()),
            _ => word.get_or_insert_default().0.push(Sign::Plain(byte)),
        }
    }
    words.extend(word);
    if quoted {
        let problem = "has a quotation mark without its partner".to_owned();
        return Err(BadAction { word: line.to_owned(), problem });
    }
    Ok(words)
}

fn escaped(bytes: &mut std::str::Bytes<'_>) -> Option<Sign> {
    Some(match bytes.next()? {
        b'n' => Sign::Literal(b'\n'),
        b't' => Sign::Literal(b'\t'),
        b'r' => Sign::Literal(b'\r'),
        b'N' => Sign::Null,
        b'x' => {
            let mut digit = || char::from(bytes.next()?).to_digit(16);
            Sign::Literal((digit()? * 16 + digit()?) as u8)
        }
        other => Sign::Literal(other),
    })
}

/// Bytes that mean themselves everywhere.
pub(super) fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-_./".contains(&byte)
}

/// Adds `bytes` in the form that stands between quotation marks; `separators` are escaped too.
pub(super) fn escape_into(text: &mut String, bytes: &[u8], separators: &[u8]) {
    for chunk in bytes.utf8_chunks() {
        for sign in chunk.valid().chars() {
            match sign {
                '\n' => text.push_str("\\n"),
                '\t' => text.push_str("\\t"),
                '\r' => text.push_str("\\r"),
                '"' | '\\' => text.extend(['\\', sign]),
                _ if u8::try_from(sign).is_ok_and(|byte| separators.contains(&byte)) => {
                    text.extend(['\\', sign]);
                }
                _ if sign.is_control() && sign.is_ascii() => {
                    push_hex(text, sign as u8);
                }
                _ => text.push(sign),
            }
        }
        for byte in chunk.invalid() {
            push_hex(text, *byte);
        }
    }
}

fn push_hex(text: &mut String, byte: u8) {
    let digit = |value: u8| char::from_digit(u32::from(value), 16).unwrap_or('0');
    text.extend(['\\', 'x', digit(byte >> 4), digit(byte & 15)]);
}

/// A name or other text as one word.
pub(super) struct Quoted<'a>(pub &'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.0.is_empty() && self.0.bytes().all(is_plain) {
            return f.write_str(self.0);
        }
        let mut text = String::new();
        escape_into(&mut text, self.0.as_bytes(), b"");
        write!(f, "\"{text}\"")
    }
}

/// Bytes that mean something in the word of a record.
const RECORD_SIGNS: &[u8] = b":@#^";

/// A record as one word: `[@PARTITION/][^TIMESTAMP/][#HEADER=VALUE/]…[KEY:]VALUE`.
pub(super) fn record(record: &OutgoingRecord) -> String {
    let mut text = String::new();
    if let Some(partition) = record.partition {
        text.extend(["@", &partition.to_string(), "/"]);
    }
    if let Some(timestamp) = record.timestamp {
        text.extend(["^", &timestamp.to_string(), "/"]);
    }
    for (name, value) in &record.headers {
        text.push('#');
        escape_into(&mut text, name.as_bytes(), b"=/");
        text.push('=');
        push_value(&mut text, value.as_ref(), b"/");
        text.push('/');
    }
    if let Some(key) = &record.key {
        escape_into(&mut text, key, RECORD_SIGNS);
        text.push(':');
    }
    push_value(&mut text, record.value.as_ref(), RECORD_SIGNS);
    let plain = !text.is_empty() && text.bytes().all(|byte| is_plain(byte) || byte == b':');
    if plain { text } else { format!("\"{text}\"") }
}

fn push_value(text: &mut String, value: Option<&Bytes>, separators: &[u8]) {
    match value {
        None => text.push_str("\\N"),
        Some(value) => escape_into(text, value, separators),
    }
}

/// The record that a word means.
pub(super) fn parse_record(word: &Word) -> Result<OutgoingRecord, BadAction> {
    let mut rest = word.clone();
    let mut record = OutgoingRecord::default();
    while let Some(Sign::Plain(sign @ (b'@' | b'^' | b'#'))) = rest.0.first().copied() {
        let (part, after) = rest.split_once(b'/').ok_or_else(|| {
            word.bad(
                "should be [@PARTITION/][^TIMESTAMP/][#HEADER=VALUE/][KEY:]VALUE; write a \\ \
                 before a plain @, ^ or #",
            )
        })?;
        let part = Word(part.0[1..].to_vec());
        match sign {
            b'@' => record.partition = Some(part.number()?),
            b'^' => record.timestamp = Some(part.number()?),
            _ => {
                let (name, value) =
                    part.split_once(b'=').ok_or_else(|| part.bad("should be HEADER=VALUE"))?;
                record.headers.push((name.text()?, value.bytes().map(Bytes::from)));
            }
        }
        rest = after;
    }
    let (key, value) = match rest.split_once(b':') {
        Some((key, value)) => (Some(key), value),
        None => (None, rest),
    };
    let key = key.and_then(|key| key.bytes()).map(Bytes::from);
    Ok(OutgoingRecord { key, value: value.bytes().map(Bytes::from), ..record })
}
