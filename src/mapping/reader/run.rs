//! One body read by tries.

use super::{Action, Outcome, Plan, Reader, Trie, constant, problem};
use crate::mapping::{
    JsonError, Kind, Layout, Problem, Slot, Slots, Variables,
    pour::{place, pour},
    scan::{DEPTH_MAX, Scanner},
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
        Ok(Slot::Span { reply: self.reply, start: place(start)?, len: place(self.scanner.at - start)? })
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
            loop {
                let slot = self.plan(plan, first, depth + 1)?;
                self.items.push(slot);
                match self.scanner.token()? {
                    b',' => self.scanner.at += 1,
                    b']' => break self.scanner.at += 1,
                    _ => return Ok(self.scanner.fail("expected a comma or the end of a list or object")?),
                }
                first = self.scanner.token()?;
            }
        }
        let start = self.out.cells.len();
        self.out.cells.extend(self.items.drain(mark..));
        Ok(Slot::List { start: place(start)?, len: place(self.out.cells.len() - start)? })
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
        let mut next = self.scanner.token()?;
        if next == b'}' {
            self.scanner.at += 1;
        } else {
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
                match trie.keys.iter().position(|key| key.name.as_bytes() == name) {
                    None => self.scanner.skip_value(depth + 1)?,
                    Some(index) => {
                        if seen & (1 << index) != 0 {
                            return Err(Stop::GiveBack);
                        }
                        seen |= 1 << index;
                        let key = &trie.keys[index];
                        let start = self.scanner.at;
                        for action in &key.actions {
                            self.scanner.at = start;
                            self.act(action, base, depth + 1)?;
                        }
                    }
                }
                match self.scanner.token()? {
                    b',' => self.scanner.at += 1,
                    b'}' => break self.scanner.at += 1,
                    _ => return Ok(self.scanner.fail("expected a comma or the end of a list or object")?),
                }
                next = self.scanner.token()?;
            }
        }
        if seen.count_ones() as usize != trie.keys.len() {
            self.report_unseen(trie, seen);
        }
        Ok(())
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
