//! A Rust file as the rules see it: its text, and its words without comments and literals.

use std::fs;
use std::path::PathBuf;

/// One word or sign of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Token {
    pub(super) text: String,
    pub(super) line: usize,
}

/// One file.
pub(super) struct Source {
    /// Its path from the project's root, with slashes.
    pub(super) name: String,
    pub(super) text: String,
    pub(super) tokens: Vec<Token>,
    /// The line on which the tests begin, counted from 1; past the end when there are none.
    tests_from: usize,
}

impl Source {
    pub(super) fn read(path: PathBuf) -> Self {
        let full = super::project().join(&path);
        let text = fs::read_to_string(&full)
            .unwrap_or_else(|error| panic!("{} cannot be read: {error}", full.display()));
        let parts: Vec<_> = path.iter().map(|part| part.to_string_lossy()).collect();
        Self::new(&parts.join("/"), &text)
    }

    pub(super) fn new(name: &str, text: &str) -> Self {
        let is_all_test =
            name.starts_with("tests/") || name.contains("/tests/") || name.ends_with("/tests.rs");
        let lines: Vec<&str> = text.lines().collect();
        let tests_from = if is_all_test {
            1
        } else {
            let begins =
                |pair: &[&str]| pair[0] == "#[cfg(test)]" && pair[1].starts_with("mod tests {");
            lines.windows(2).position(begins).map_or(usize::MAX, |index| index + 1)
        };
        Self { name: name.into(), text: text.into(), tokens: tokens(text), tests_from }
    }

    /// The lines before the tests.
    pub(super) fn code_lines(&self) -> usize {
        let lines = self.text.lines().count();
        if self.tests_from == 1 { 0 } else { lines.min(self.tests_from.saturating_sub(1)) }
    }

    pub(super) fn is_test(&self, token: &Token) -> bool {
        token.line >= self.tests_from
    }

    /// Where a token stands, for a person to click on.
    pub(super) fn at(&self, token: &Token) -> String {
        format!("{}:{}", self.name, token.line)
    }

    /// The path that starts at this token, such as `std::fs::read`; one word when it is no path, and nothing when
    /// it is in the middle of one.
    pub(super) fn path_at(&self, index: usize) -> Vec<&str> {
        let text = |index: usize| self.tokens.get(index).map_or("", |token| token.text.as_str());
        if index >= 2 && text(index - 1) == ":" && text(index - 2) == ":" {
            return Vec::new();
        }
        let mut path = vec![text(index)];
        let mut next = index + 1;
        while text(next) == ":" && text(next + 1) == ":" {
            path.push(text(next + 2));
            next += 3;
        }
        path
    }
}

/// Splits text into words and single signs and leaves out comments, strings and character literals.
fn tokens(text: &str) -> Vec<Token> {
    let characters: Vec<char> = text.chars().collect();
    let at = |index: usize| characters.get(index).copied().unwrap_or('\0');
    let mut tokens = Vec::new();
    let (mut index, mut line) = (0, 1);
    while index < characters.len() {
        let start = index;
        let character = at(index);
        if character == '/' && at(index + 1) == '/' {
            while index < characters.len() && at(index) != '\n' {
                index += 1;
            }
        } else if character == '/' && at(index + 1) == '*' {
            index = end_of_block_comment(&characters, index);
        } else if let Some(end) = end_of_raw_string(&characters, index) {
            index = end;
        } else if character == '"' {
            index = end_of_string(&characters, index);
        } else if character == '\'' && (at(index + 1) == '\\' || at(index + 2) == '\'') {
            index += if at(index + 1) == '\\' { 3 } else { 2 };
            while index < characters.len() && at(index) != '\'' {
                index += 1;
            }
            index += 1;
        } else if is_word(character) {
            while is_word(at(index)) {
                index += 1;
            }
            let text = characters[start..index].iter().collect();
            tokens.push(Token { text, line });
        } else {
            if !character.is_whitespace() {
                tokens.push(Token { text: character.into(), line });
            }
            index += 1;
        }
        index = index.min(characters.len());
        line += characters[start..index].iter().filter(|character| **character == '\n').count();
    }
    tokens
}

fn is_word(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}

fn end_of_block_comment(characters: &[char], start: usize) -> usize {
    let (mut index, mut depth) = (start, 0);
    while index < characters.len() {
        let pair = (characters[index], characters.get(index + 1).copied().unwrap_or('\0'));
        match pair {
            ('/', '*') => (depth, index) = (depth + 1, index + 2),
            ('*', '/') => (depth, index) = (depth - 1, index + 2),
            _ => index += 1,
        }
        if depth == 0 {
            break;
        }
    }
    index
}

fn end_of_string(characters: &[char], start: usize) -> usize {
    let mut index = start + 1;
    while index < characters.len() && characters[index] != '"' {
        index += if characters[index] == '\\' { 2 } else { 1 };
    }
    index + 1
}

/// The end of `r"…"`, `r#"…"#`, `br"…"` and the like, if one starts here.
fn end_of_raw_string(characters: &[char], start: usize) -> Option<usize> {
    let is_inside_word = start > 0 && is_word(characters[start - 1]);
    let rest = &characters[start..];
    let prefix = if rest.starts_with(&['b', 'r']) { 2 } else { 1 };
    if is_inside_word || rest.get(prefix - 1) != Some(&'r') {
        return None;
    }
    let hashes = rest[prefix..].iter().take_while(|character| **character == '#').count();
    if rest.get(prefix + hashes) != Some(&'"') {
        return None;
    }
    let mut index = prefix + hashes + 1;
    while index < rest.len() {
        let closes = rest[index] == '"'
            && rest[index + 1..].iter().take(hashes).filter(|character| **character == '#').count()
                == hashes;
        index += 1;
        if closes {
            return Some(start + index + hashes);
        }
    }
    Some(characters.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> String {
        tokens(text).iter().map(|token| token.text.as_str()).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn comments_and_literals_are_no_code() {
        assert_eq!(words("a /* b /* c */ d */ e // f\ng"), "a e g");
        assert_eq!(
            words(r##"x("\"y", r#"z"w"#, b"v", 'q', '\'', '\u{1f}') end"##),
            "x ( , , b , , , ) end"
        );
        assert_eq!(words("fn f<'a>(r: &'a str)"), "fn f < ' a > ( r : & ' a str )");
    }

    #[test]
    fn lines_are_counted_through_literals() {
        let tokens = tokens("a\n\"b\nc\"\nd");
        assert_eq!(tokens.last(), Some(&Token { text: "d".into(), line: 4 }));
    }

    #[test]
    fn tests_are_told_from_code() {
        let source =
            Source::new("src/a.rs", "//! a\nuse b;\n#[cfg(test)]\nmod tests {\n    use c;\n}\n");
        assert_eq!(source.code_lines(), 2);
        let is_test = |text: &str| {
            source.tokens.iter().any(|token| token.text == text && source.is_test(token))
        };
        assert!(is_test("c") && !is_test("b"));
    }

    #[test]
    fn paths_are_read_from_their_start() {
        let source = Source::new("src/a.rs", "std::fs::read(x)");
        assert_eq!(source.path_at(0), ["std", "fs", "read"]);
        assert!(source.path_at(3).is_empty());
    }
}
