//! The keys of a step: told apart by their texts, numbered, and who waits for each.

use std::hash::BuildHasher;

use hashbrown::{DefaultHashBuilder, HashTable};

/// Distinct texts, numbered in the order in which they came.
#[derive(Debug, Default)]
pub(super) struct Keys {
    /// One after the other.
    texts: Vec<u8>,
    /// Where each ends.
    ends: Vec<usize>,
    table: HashTable<u32>,
    /// Seeded anew for each run: the texts come from services and callers.
    hasher: DefaultHashBuilder,
    /// The number asked for last: rows are often sorted by what they are joined on.
    last: u32,
}

impl Keys {
    /// The number of a text, a new one for a new text.
    pub fn number(&mut self, text: &[u8]) -> u32 {
        if self.last as usize != self.ends.len() && self.text(self.last) == text {
            return self.last;
        }
        let hash = self.hasher.hash_one(text);
        self.last = self.table.find(hash, |&number| self.text(number) == text).copied().unwrap_or_else(|| {
            let number = u32::try_from(self.ends.len()).unwrap_or(u32::MAX);
            self.texts.extend_from_slice(text);
            self.ends.push(self.texts.len());
            let (texts, ends, hasher) = (&self.texts, &self.ends, &self.hasher);
            self.table.insert_unique(hash, number, |&number| hasher.hash_one(part(texts, ends, number)));
            number
        });
        self.last
    }

    /// The number of a text that is known.
    pub fn find(&self, text: &[u8]) -> Option<u32> {
        self.table.find(self.hasher.hash_one(text), |&number| self.text(number) == text).copied()
    }

    /// The text of a number.
    pub fn text(&self, number: u32) -> &[u8] {
        part(&self.texts, &self.ends, number)
    }
}

fn part<'t>(texts: &'t [u8], ends: &[usize], number: u32) -> &'t [u8] {
    let number = number as usize;
    let start = number.checked_sub(1).map_or(0, |before| ends[before]);
    &texts[start..ends[number]]
}

/// Join cells (store and index), those that wait for the result of one key together.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    cells: Vec<(u32, u32)>,
    /// Where those of each key end.
    ends: Vec<usize>,
}

impl Waiting {
    /// All for one key.
    pub fn for_one(cells: Vec<(u32, u32)>) -> Self {
        Self { ends: vec![cells.len()], cells }
    }

    /// Groups cells by the number of their key, of which there are so many; their order stays.
    pub fn group(cells: &[(u32, (u32, u32))], count: usize) -> Self {
        let mut ends = vec![0_usize; count];
        for (number, _) in cells {
            ends[*number as usize] += 1;
        }
        let mut start = 0;
        for end in &mut ends {
            start += std::mem::replace(end, start);
        }
        let mut grouped = vec![(0, 0); cells.len()];
        for (number, cell) in cells {
            let at = &mut ends[*number as usize];
            grouped[*at] = *cell;
            *at += 1;
        }
        Self { cells: grouped, ends }
    }

    /// The cells of a key.
    pub fn of(&self, number: u32) -> &[(u32, u32)] {
        let number = number as usize;
        let start = number.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.cells[start..self.ends[number]]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_numbered_as_they_come() {
        let mut keys = Keys::default();
        let texts: Vec<String> = (0..1000).map(|at| format!("{}", at * 7 % 100)).collect();
        let mut known: Vec<&str> = Vec::new();
        for text in &texts {
            let number = keys.number(text.as_bytes());
            let wanted = known.iter().position(|other| other == text).unwrap_or_else(|| {
                known.push(text);
                known.len() - 1
            });
            assert_eq!(number as usize, wanted);
            assert_eq!(keys.number(text.as_bytes()), number, "the same again");
            assert_eq!(keys.find(text.as_bytes()), Some(number));
            assert_eq!(keys.text(number), text.as_bytes());
        }
        assert_eq!(keys.find(b"none"), None);
        assert_eq!(keys.number(b""), 100, "an empty text is one too");
    }

    #[test]
    fn cells_of_a_key_come_together_in_order() {
        let waiting = Waiting::group(&[(1, (0, 5)), (0, (0, 6)), (1, (0, 7)), (3, (0, 8))], 4);
        assert_eq!(waiting.of(0), [(0, 6)]);
        assert_eq!(waiting.of(1), [(0, 5), (0, 7)]);
        assert_eq!(waiting.of(2), []);
        assert_eq!(waiting.of(3), [(0, 8)]);
    }
}
