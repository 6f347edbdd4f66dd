//! What the objects of a list have in common: services write all rows of a list with the same keys in the same order. The bytes between two
//! values (comma, key, colon, blanks) are remembered from one row, and the next row is compared with them, which finds the key and
//! checks the structure in one step.

use super::{Action, Trie};

/// Keys that are remembered of one object; those of wider ones are looked up.
const LINKS_MAX: usize = 64;

/// Links that a row may leave out before the next key is looked up.
const LEFT_OUT_MAX: usize = 3;

/// Rows in a row that did not follow before another one is learned from …
const MISSES_MAX: u32 = 4;

/// … and how often that is done for one body.
const LESSONS_MAX: u32 = 8;

/// Bytes of a link that are compared as one word.
const WORD: usize = size_of::<u128>();

/// What the last learned object of a trie looked like.
#[derive(Debug, Default)]
pub(super) struct Shape {
    links: Vec<Link>,
    /// Objects in a row that did not follow.
    misses: u32,
    /// How often it was learned.
    lessons: u32,
}

/// The bytes from the end of a value (or the opening brace) to the next value, and what is wanted of that.
#[derive(Debug)]
pub(super) struct Link {
    /// The first bytes; those beyond the length are zero.
    word: u128,
    /// Which of them count.
    mask: u128,
    /// Where in the body they were seen.
    start: usize,
    len: usize,
    /// The bit of the key; 0 where nothing is wanted.
    pub bit: u128,
    /// What is wanted.
    pub want: Want,
}

/// How an object is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Course {
    /// It is learned from; nothing is remembered of others.
    Learn,
    /// It is compared with what is remembered.
    Follow,
    /// By itself: the objects of this list have little in common.
    Alone,
}

/// What is wanted of a value.
#[derive(Debug, Clone, Copy)]
pub(super) enum Want {
    /// Nothing.
    Nothing,
    /// Itself, in that cell.
    Whole(usize),
    /// Itself, in the cells of all actions of the key with that index.
    Wholes(usize),
    /// What the actions of the key with that index do.
    Key(usize),
}

impl Want {
    fn of(trie: &Trie, key: Option<usize>) -> Self {
        match key {
            None => Self::Nothing,
            Some(index) => match trie.keys[index].actions.as_slice() {
                [Action::Take { cell, optional: false }] => Self::Whole(*cell as usize),
                actions if actions.iter().all(|action| matches!(action, Action::Take { optional: false, .. })) => {
                    Self::Wholes(index)
                }
                _ => Self::Key(index),
            },
        }
    }
}

impl Shape {
    /// What to do with the object that begins.
    #[inline]
    pub fn course(&mut self) -> Course {
        if !self.links.is_empty() && self.misses < MISSES_MAX {
            return Course::Follow;
        }
        if self.lessons == LESSONS_MAX {
            return Course::Alone;
        }
        self.links.clear();
        self.misses = 0;
        self.lessons += 1;
        Course::Learn
    }

    /// Remembers the link from `start` to `end`, before a value of that key.
    pub fn learn(&mut self, body: &[u8], start: usize, end: usize, trie: &Trie, key: Option<usize>) {
        if self.links.len() == LINKS_MAX {
            return;
        }
        let len = end - start;
        let unused = u32::try_from(8 * WORD.saturating_sub(len)).unwrap_or(0);
        let mut word = [0; WORD];
        let seen = &body[start..end.min(start + WORD)];
        word[..seen.len()].copy_from_slice(seen);
        self.links.push(Link {
            word: u128::from_le_bytes(word),
            mask: u128::MAX >> unused,
            start,
            len,
            bit: key.map_or(0, |index| 1 << index),
            want: Want::of(trie, key),
        });
    }

    /// The first of the links from `next` on that is at `at`, the place after it in the body, and the next link. A few may be left out.
    #[inline]
    pub fn follow(&self, body: &[u8], at: usize, next: usize) -> Option<(&Link, usize, usize)> {
        let word = u128::from_le_bytes(*body.get(at..)?.first_chunk::<WORD>()?);
        let link = self.links.get(next)?;
        if link.is_at(body, at, word) {
            return Some((link, at + link.len, next + 1));
        }
        self.later(body, at, word, next)
    }

    /// A link after one that is left out.
    #[inline(never)]
    fn later(&self, body: &[u8], at: usize, word: u128, next: usize) -> Option<(&Link, usize, usize)> {
        let later =
            (next + 1..self.links.len()).take(LEFT_OUT_MAX).find(|later| self.links[*later].is_at(body, at, word))?;
        Some((&self.links[later], at + self.links[later].len, later + 1))
    }

    /// Notes whether an object followed to its end.
    #[inline]
    pub fn note(&mut self, followed: bool) {
        self.misses = if followed { 0 } else { self.misses + 1 };
    }
}

impl Link {
    #[inline]
    fn is_at(&self, body: &[u8], at: usize, word: u128) -> bool {
        (word ^ self.word) & self.mask == 0 && (self.len <= WORD || self.rest_is_at(body, at))
    }

    fn rest_is_at(&self, body: &[u8], at: usize) -> bool {
        body[at + WORD..].starts_with(&body[self.start + WORD..self.start + self.len])
    }
}
