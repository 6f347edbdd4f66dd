//! One body read by tries.

use super::{
    Action, Outcome, Plan, Reader, Trie, constant, problem,
    shape::{Course, Shape, Want},
};
use crate::mapping::{
    JsonError, Kind, Layout, Problem, Slot, Slots, Variables,
    pour::{place, pour},
    scan::{DEPTH_MAX, Scanner, end_of_digits, end_of_plain, end_of_text},
};

/// Why reading ended early.
enum Stop {
    /// The body is no JSON.
    Json(JsonError),
    /// One pass will not do for this body.
    GiveBack,
}

impl From<JsonError> for Stop {
    fn from(error: JsonError) -> Self {
        Self::Json(error)
    }
}

type Read<T> = Result<T, Stop>;

/// Cells of a list for which room is made on the word of its first item: 1 MiB.
const CELLS_EXPECTED_MAX: usize = 1 << 16;

const NO_SEPARATOR: &str = "expected a comma or the end of a list or object";

impl Reader {
    /// Reads one body. Errors: it is no JSON.
    pub(in crate::mapping) fn read(
        &self,
        body: &[u8],
        reply: u32,
        variables: &dyn Variables,
        out: &mut Slots,
        problems: &mut Vec<Problem>,
    ) -> Result<Outcome, JsonError> {
        place(body.len())?;
        let before = (out.cells.len(), out.text.len(), problems.len());
        let mut run = Run {
            reader: self,
            scanner: Scanner::new(body),
            reply,
            variables,
            out,
            problems,
            constants: Vec::new(),
            reported: Vec::new(),
            items: Vec::new(),
            shapes: Vec::new(),
        };
        let outcome = run.whole();
        if let Ok(slot) = outcome {
            return Ok(Outcome::Slot(slot));
        }
        out.cells.truncate(before.0);
        out.text.truncate(before.1);
        problems.truncate(before.2);
        match outcome {
            Err(Stop::Json(error)) => Err(error),
            _ => Ok(Outcome::GivenBack),
        }
    }
}

/// Which members of an object come next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Members {
    /// All of them, if there are any.
    First,
    /// Those after a comma.
    Next,
}

struct Run<'r> {
    reader: &'r Reader,
    scanner: Scanner<'r>,
    reply: u32,
    variables: &'r dyn Variables,
    out: &'r mut Slots,
    problems: &'r mut Vec<Problem>,
    /// Constants computed so far.
    constants: Vec<Option<Slot>>,
    /// Keys whose absence is reported already.
    reported: Vec<bool>,
    /// Items of the lists that are open.
    items: Vec<Slot>,
    /// What the objects of lists look like, by number of their trie; empty until there is a list.
    shapes: Vec<Shape>,
}

impl Run<'_> {
    fn whole(&mut self) -> Read<Slot> {
        let result = self.out.cells.len();
        self.out.cells.push(Slot::Missing);
        self.act(&self.reader.root, result, 0)?;
        self.scanner.finish()?;
        Ok(self.out.cells[result])
    }

    /// Does one thing with the value that comes next, inside `depth` others.
    #[inline]
    fn act(&mut self, action: &Action, base: usize, depth: usize) -> Read<()> {
        let first = self.scanner.token()?;
        match action {
            Action::Take { cell, optional } => {
                let slot = self.take(first, depth)?;
                let slot = if *optional && slot == Slot::Null { Slot::Missing } else { slot };
                self.out.cells[base + *cell as usize] = slot;
            }
            Action::Group { cell, optional, plan } => {
                let slot = if *optional && first == b'n' {
                    self.scanner.plain(first)?;
                    Slot::Missing
                } else {
                    self.plan(plan, first, depth)?
                };
                self.out.cells[base + *cell as usize] = slot;
            }
            Action::Descend { trie, optional } => match first {
                b'{' => self.object(trie, base, depth)?,
                b'[' => return Err(Stop::GiveBack),
                _ => {
                    self.take(first, depth)?;
                    if !(*optional && first == b'n') {
                        self.report(trie, "no object");
                    }
                }
            },
            Action::Spread(trie) => match first {
                b'{' => self.object(trie, base, depth)?,
                _ => return Err(Stop::GiveBack),
            },
        }
        Ok(())
    }

    /// Passes a value, checking all of it.
    #[inline]
    fn take(&mut self, first: u8, depth: usize) -> Read<Slot> {
        let start = self.scanner.at;
        match first {
            b'"' => {
                self.scanner.string()?;
            }
            b'{' | b'[' => self.scanner.check_value(depth)?,
            b'n' => {
                self.scanner.plain(first)?;
                return Ok(Slot::Null);
            }
            _ => self.scanner.plain(first)?,
        }
        self.span(start, self.scanner.at)
    }

    /// A group applied to the value that comes next.
    fn plan(&mut self, plan: &Plan, first: u8, depth: usize) -> Read<Slot> {
        match first {
            b'{' => {
                let base = self.open(plan)?;
                if !plan.selves.is_empty() {
                    let start = self.scanner.at;
                    let slot = self.take(first, depth)?;
                    plan.selves.iter().for_each(|cell| self.out.cells[base + *cell as usize] = slot);
                    self.scanner.at = start;
                }
                for (cell, constant) in &plan.constants {
                    self.out.cells[base + *cell as usize] = self.constant(*constant)?;
                }
                self.object(&plan.trie, base, depth)?;
                Ok(Slot::Object { start: place(base)? })
            }
            b'[' => self.list(plan, depth),
            _ => self.scalar(plan, first, depth),
        }
    }

    /// Adds the cells of an output object.
    #[inline]
    fn open(&mut self, plan: &Plan) -> Read<usize> {
        let base = self.out.cells.len();
        let distance = place(base)?;
        self.out.cells.extend_from_slice(&plan.template);
        for cell in &plan.frames {
            if let Slot::Object { start } = &mut self.out.cells[base + *cell as usize] {
                *start += distance;
            }
        }
        Ok(base)
    }

    fn list(&mut self, plan: &Plan, depth: usize) -> Read<Slot> {
        self.enter(depth)?;
        let mark = self.items.len();
        let mut first = self.scanner.token()?;
        if first == b']' {
            self.scanner.at += 1;
        } else {
            if self.shapes.is_empty() {
                self.shapes.resize_with(self.reader.trie_count, Shape::default);
            }
            let start = self.scanner.at;
            loop {
                let slot = self.plan(plan, first, depth + 1)?;
                self.items.push(slot);
                match self.scanner.token()? {
                    b',' => self.scanner.at += 1,
                    b']' => break self.scanner.at += 1,
                    _ => return Ok(self.scanner.fail(NO_SEPARATOR)?),
                }
                if self.items.len() == mark + 1 {
                    self.expect_more(plan, self.scanner.at - start);
                }
                first = self.scanner.token()?;
            }
        }
        let start = self.out.cells.len();
        self.out.cells.extend(self.items.drain(mark..));
        Ok(Slot::List { start: place(start)?, len: place(self.out.cells.len() - start)? })
    }

    /// Makes room for the items of a list whose first one took so many bytes: as if the rest of the body were more of them.
    fn expect_more(&mut self, plan: &Plan, size: usize) {
        let more = (self.scanner.bytes.len() - self.scanner.at) / size.max(1);
        let cells = plan.template.len() + 1;
        // A few more, lest the last rows move all others.
        let more = (more + more / 4 + 1).min(CELLS_EXPECTED_MAX / cells);
        self.items.reserve(more);
        self.out.cells.reserve(more * cells);
    }

    /// A group over null, a string, a number or a boolean: the value itself, unless the group has members without keys.
    fn scalar(&mut self, plan: &Plan, first: u8, depth: usize) -> Read<Slot> {
        if !plan.frames.is_empty() {
            return Err(Stop::GiveBack);
        }
        let slot = self.take(first, depth)?;
        self.report(&plan.trie, "no object");
        let mut made = !plan.selves.is_empty();
        for (_, constant) in &plan.constants {
            made |= self.constant(*constant)? != Slot::Missing;
        }
        if !made {
            return Ok(slot);
        }
        let base = self.open(plan)?;
        plan.selves.iter().for_each(|cell| self.out.cells[base + *cell as usize] = slot);
        for (cell, constant) in &plan.constants {
            self.out.cells[base + *cell as usize] = self.constant(*constant)?;
        }
        Ok(Slot::Object { start: place(base)? })
    }

    /// Passes the bracket of a list or object. Errors: one level too many.
    #[inline]
    fn enter(&mut self, depth: usize) -> Read<()> {
        if depth >= DEPTH_MAX {
            return Ok(self.scanner.fail("nested too deeply")?);
        }
        self.scanner.at += 1;
        Ok(())
    }

    /// Reads an object by a trie, into the output object at `base`.
    fn object(&mut self, trie: &Trie, base: usize, depth: usize) -> Read<()> {
        self.enter(depth)?;
        let mut seen = 0_u128;
        if self.shapes.is_empty() {
            self.members(Members::First, trie, base, depth, &mut seen, None)?;
        } else {
            // All objects inside this one are of other tries, so that nobody misses the shape meanwhile.
            let mut shape = std::mem::take(&mut self.shapes[trie.number]);
            match shape.course() {
                Course::Learn => self.members(Members::First, trie, base, depth, &mut seen, Some(&mut shape))?,
                Course::Alone => self.members(Members::First, trie, base, depth, &mut seen, None)?,
                Course::Follow => {
                    let rest = self.like_the_last(trie, base, depth, &mut seen, &shape)?;
                    shape.note(rest.is_none());
                    if let Some(rest) = rest {
                        self.members(rest, trie, base, depth, &mut seen, None)?;
                    }
                }
            }
            self.shapes[trie.number] = shape;
        }
        if seen != trie.all {
            self.report_unseen(trie, seen);
        }
        Ok(())
    }

    /// The members of an object as far as they are like those of the one that was learned from. Gives what is left of it.
    #[inline]
    fn like_the_last(
        &mut self,
        trie: &Trie,
        base: usize,
        depth: usize,
        seen: &mut u128,
        shape: &Shape,
    ) -> Read<Option<Members>> {
        let body = self.scanner.bytes;
        let mut at = self.scanner.at;
        let mut next = 0;
        while let Some((link, value, after)) = shape.follow(body, at, next) {
            next = after;
            *seen |= link.bit;
            let first = body.get(value).copied().unwrap_or_default();
            let end = match (link.want, first) {
                (Want::Nothing, b'"') => end_of_text(body, value),
                (Want::Whole(_) | Want::Wholes(_), b'"') => end_of_plain(body, value),
                (Want::Nothing | Want::Whole(_) | Want::Wholes(_), b'0'..=b'9') => end_of_digits(body, value),
                _ => None,
            };
            let Some(end) = end else {
                at = self.closely(trie, link.want, value, base, depth)?;
                continue;
            };
            at = end;
            match link.want {
                Want::Nothing => {}
                Want::Whole(cell) => self.out.cells[base + cell] = self.span(value, end)?,
                Want::Wholes(index) | Want::Key(index) => {
                    let span = self.span(value, end)?;
                    self.put(&trie.keys[index].actions, base, span);
                }
            }
        }
        self.scanner.at = at;
        if next == 0 {
            return Ok(Some(Members::First));
        }
        Ok(self.goes_on()?.then_some(Members::Next))
    }

    /// A value of which a glance does not tell enough. Gives where it ends.
    #[inline(never)]
    fn closely(&mut self, trie: &Trie, want: Want, value: usize, base: usize, depth: usize) -> Read<usize> {
        self.scanner.at = value;
        match want {
            Want::Nothing => self.scanner.skip_value(depth + 1)?,
            Want::Whole(cell) => {
                let first = self.scanner.token()?;
                self.out.cells[base + cell] = self.take(first, depth + 1)?;
            }
            Want::Wholes(index) | Want::Key(index) => self.key(trie, index, base, depth)?,
        }
        Ok(self.scanner.at)
    }

    /// After a member: passes the comma or the closing brace. Gives whether another member follows.
    #[inline]
    fn goes_on(&mut self) -> Read<bool> {
        let next = self.scanner.token()?;
        match next {
            b',' | b'}' => self.scanner.at += 1,
            _ => return Ok(self.scanner.fail(NO_SEPARATOR)?),
        }
        Ok(next == b',')
    }

    /// The members of an object, whatever they are, and its closing brace.
    fn members(
        &mut self,
        members: Members,
        trie: &Trie,
        base: usize,
        depth: usize,
        seen: &mut u128,
        mut lesson: Option<&mut Shape>,
    ) -> Read<()> {
        let mut from = self.scanner.at;
        let mut next = self.scanner.token()?;
        if next == b'}' && members == Members::First {
            self.scanner.at += 1;
            return Ok(());
        }
        loop {
            if next != b'"' {
                return Ok(self.scanner.fail("expected a key")?);
            }
            let start = self.scanner.at + 1;
            if self.scanner.skip_string()? {
                // Escapes in a key are rare enough to leave them to the evaluator.
                return Err(Stop::GiveBack);
            }
            let name = &self.scanner.bytes[start..self.scanner.at - 1];
            self.scanner.expect(b':', "expected a colon")?;
            let key = trie.keys.iter().position(|key| key.name.as_bytes() == name);
            if let Some(shape) = &mut lesson {
                self.scanner.token()?;
                shape.learn(self.scanner.bytes, from, self.scanner.at, trie, key);
            }
            if let Some(index) = key {
                if *seen & (1 << index) != 0 {
                    return Err(Stop::GiveBack);
                }
                *seen |= 1 << index;
                self.key(trie, index, base, depth)?;
            } else {
                self.scanner.skip_value(depth + 1)?;
            }
            from = self.scanner.at;
            if !self.goes_on()? {
                return Ok(());
            }
            next = self.scanner.token()?;
        }
    }

    /// The value of a wanted key.
    #[inline]
    fn key(&mut self, trie: &Trie, index: usize, base: usize, depth: usize) -> Read<()> {
        let start = self.scanner.at;
        for action in &trie.keys[index].actions {
            self.scanner.at = start;
            self.act(action, base, depth + 1)?;
        }
        Ok(())
    }

    /// Puts a value where actions take it.
    fn put(&mut self, actions: &[Action], base: usize, slot: Slot) {
        for action in actions {
            if let Action::Take { cell, .. } = action {
                self.out.cells[base + *cell as usize] = slot;
            }
        }
    }

    #[inline]
    fn span(&self, start: usize, end: usize) -> Read<Slot> {
        Ok(Slot::Span { reply: self.reply, start: place(start)?, len: place(end - start)? })
    }

    #[cold]
    fn report(&mut self, trie: &Trie, found: &str) {
        for key in &trie.keys {
            self.report_key(key, found);
        }
    }

    #[cold]
    fn report_unseen(&mut self, trie: &Trie, seen: u128) {
        for (_, key) in trie.keys.iter().enumerate().filter(|(index, _)| seen & (1 << index) == 0) {
            self.report_key(key, "object");
        }
    }

    /// Once for each key, however many objects lack it.
    fn report_key(&mut self, key: &super::Key, found: &str) {
        let Some(report) = key.report else { return };
        if self.reported.is_empty() {
            self.reported.resize(self.reader.key_count, false);
        }
        if !std::mem::replace(&mut self.reported[report], true) {
            problem(self.problems, &key.span, format!("Property .{} not found in {found}", key.name));
        }
    }

    /// The slot of a constant, computed when it is first wanted.
    fn constant(&mut self, index: usize) -> Read<Slot> {
        if let Some(Some(slot)) = self.constants.get(index) {
            return Ok(*slot);
        }
        if self.constants.is_empty() {
            self.constants.resize(self.reader.constants.len(), None);
        }
        let value = constant(&self.reader.constants[index], self.variables, self.problems);
        let layout = Layout { root: Kind::Leaf, nodes: Vec::new() };
        let slot = match value {
            Some(value) => pour(&value, Kind::Leaf, &layout, self.out)?,
            None => Slot::Missing,
        };
        self.constants[index] = Some(slot);
        Ok(slot)
    }
}
