//! What was left out, and why: told once each, in the order in which it was met.

use indexmap::IndexSet;

/// Lines beyond which only the number is told.
const LINES_MAX: usize = 5_000;

/// What an import did not express, and what it counted.
#[derive(Debug, Default)]
pub struct Report {
    lines: IndexSet<String>,
    more: usize,
}

impl Report {
    /// Notes that something is not in the output.
    pub(super) fn left_out(&mut self, what: &str, why: &str) {
        self.line(&format!("left out: {what}: {why}"));
    }

    /// Notes something that was decided, and that an author may want to decide otherwise.
    pub(super) fn note(&mut self, what: &str, how: &str) {
        self.line(&format!("note: {what}: {how}"));
    }

    fn line(&mut self, line: &str) {
        // Texts of the document are in it, and it goes to a terminal.
        let line: String = line.chars().map(|char| if char.is_control() { ' ' } else { char }).take(400).collect();
        if self.lines.len() < LINES_MAX {
            self.lines.insert(line);
        } else if !self.lines.contains(&line) {
            self.more += 1;
        }
    }

    /// The lines, and how many there were beyond them.
    pub fn lines(&self) -> impl Iterator<Item = &str> {
        self.lines.iter().map(String::as_str)
    }

    /// How many lines were too many to be kept.
    pub fn more(&self) -> usize {
        self.more
    }
}
