//! Counts tests by the closing lines that cargo test and the wasm test runner print.

/// The tests of one or more runners.
#[derive(Debug, Default)]
pub struct Tally {
    passed: u64,
    failed: u64,
    closing_lines: Vec<String>,
    failure: Option<String>,
}

impl Tally {
    /// Takes one printed line into account; most lines say nothing about counts.
    pub fn read(&mut self, line: &str) {
        let Some(counts) = line.strip_prefix("test result: ") else {
            return;
        };
        let count = |word: &str| {
            let before = counts.split(word).next()?;
            before.rsplit(' ').find(|piece| !piece.is_empty())?.parse::<u64>().ok()
        };
        self.passed += count(" passed").unwrap_or(0);
        self.failed += count(" failed").unwrap_or(0);
        self.closing_lines.push(line.to_owned());
    }

    /// Remembers that the runner itself failed, with a sentence.
    pub fn fail(&mut self, sentence: String) {
        self.failure.get_or_insert(sentence);
    }

    /// Adds another runner's tests.
    pub fn add(&mut self, other: Tally) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.closing_lines.extend(other.closing_lines);
        if let Some(sentence) = other.failure {
            self.fail(sentence);
        }
    }

    /// The closing lines of the runners that ran any test, in the order they came.
    pub fn closing_lines(&self) -> impl Iterator<Item = &str> {
        self.closing_lines
            .iter()
            .map(String::as_str)
            .filter(|line| !line.contains(" 0 passed; 0 failed"))
    }

    /// The sentence of the first runner that failed.
    pub fn failure(&self) -> Option<&str> {
        self.failure.as_deref()
    }

    /// How many tests passed and failed, in the one form every reader of test output understands.
    pub fn total(&self) -> String {
        format!("{} passed, {} failed", self.passed, self.failed)
    }

    /// Whether no test ran at all.
    pub fn is_empty(&self) -> bool {
        self.passed + self.failed == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_the_closing_lines_of_all_runners() {
        let mut tally = Tally::default();
        tally.read("running 3 tests");
        tally.read("test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out");
        tally.read("test result: ok. 0 passed; 0 failed; 0 ignored; 0 measured");
        let mut other = Tally::default();
        other.read("test result: FAILED. 2 passed; 1 failed; 0 ignored; 0 filtered out");
        other.fail("`cargo test` ended with 101".into());
        tally.add(other);
        assert_eq!(tally.total(), "5 passed, 1 failed");
        assert_eq!(tally.closing_lines().count(), 2);
        assert_eq!(tally.failure(), Some("`cargo test` ended with 101"));
    }

    #[test]
    fn a_runner_that_printed_nothing_ran_nothing() {
        assert!(Tally::default().is_empty());
    }
}
