//! From a pruned mapping and its layout to tries. `None` wherever one pass will not do.

use std::collections::HashSet;

use super::{Action, Key, Plan, Reader, Trie};
use crate::mapping::{
    Kind, Layout, Mapping, Node, Slot, Span,
    ast::{Expr, ExprKind, Group, Head, Path, Selection, StepKind},
    pour::place,
};

/// Keys of one input object that are told apart by a bit each.
const KEYS_MAX: usize = 128;

/// Levels of the layout below the root.
const DEPTH_MAX: usize = 64;

impl Reader {
    /// Compiles a mapping that is pruned to the layout; `None` when only the evaluator can do it.
    pub(in crate::mapping) fn compile(mapping: &Mapping, layout: &Layout) -> Option<Self> {
        let mut compiler = Compiler { layout, constants: Vec::new(), key_count: 0 };
        let mut root = match &mapping.root.kind {
            ExprKind::Group(group) => compiler.group_action(group, layout.root, 0, false, 0)?,
            ExprKind::Path(path) => {
                let keys = keys_of(path)?;
                let action = compiler.end_action(path, layout.root, 0, keys.optional, 0)?;
                let mut trie = Trie::default();
                if keys.steps.is_empty() {
                    action
                } else {
                    compiler.insert(&mut trie, &keys.steps, action)?;
                    Action::Descend { trie, optional: false }
                }
            }
            _ => return None,
        };
        let mut trie_count = 0;
        number(&mut root, &mut trie_count);
        Some(Self { root, constants: compiler.constants, key_count: compiler.key_count, trie_count })
    }
}

/// Numbers the tries of an action.
fn number(action: &mut Action, count: &mut usize) {
    let trie = match action {
        Action::Take { .. } => return,
        Action::Group { plan, .. } => &mut plan.trie,
        Action::Descend { trie, .. } | Action::Spread(trie) => trie,
    };
    trie.number = *count;
    trie.all = (0..trie.keys.len()).fold(0, |all, index| all | (1 << index));
    *count += 1;
    trie.keys.iter_mut().flat_map(|key| &mut key.actions).for_each(|action| number(action, count));
}

/// A path of keys from `$`.
struct Keys<'a> {
    steps: Vec<KeyStep<'a>>,
    /// Whether a `?` ends it: null is missing then.
    optional: bool,
}

struct KeyStep<'a> {
    name: &'a str,
    span: &'a Span,
    /// Whether a `?` follows: absence is no problem then.
    quiet: bool,
}

/// The keys of a path that consists of nothing else.
fn keys_of(path: &Path) -> Option<Keys<'_>> {
    let mut steps = Vec::new();
    match &path.head {
        Head::Root | Head::Current => {}
        Head::Key(name) => steps.push(KeyStep { name, span: &path.head_span, quiet: false }),
        Head::Variable(_) | Head::Expr(_) => return None,
    }
    let mut optional = false;
    for step in &path.steps {
        match &step.kind {
            StepKind::Key(name) => {
                steps.push(KeyStep { name, span: &step.span, quiet: false });
                optional = false;
            }
            StepKind::Question => {
                optional = true;
                if let Some(last) = steps.last_mut() {
                    last.quiet = true;
                }
            }
            StepKind::Method(..) => return None,
        }
    }
    Some(Keys { steps, optional })
}

/// Whether the expression has the same value whatever the input is.
fn is_constant(expr: &Expr) -> bool {
    match &expr.kind {
        ExprKind::Literal(_) => true,
        ExprKind::Array(items) | ExprKind::Chain(_, items) => items.iter().all(is_constant),
        ExprKind::Object(_) | ExprKind::Group(_) => false,
        ExprKind::Path(path) => {
            let head = match &path.head {
                Head::Variable(_) => true,
                Head::Expr(inner) => is_constant(inner),
                Head::Root | Head::Current | Head::Key(_) => false,
            };
            head && path.group.is_none() && path.steps.iter().all(|step| !matches!(step.kind, StepKind::Method(..)))
        }
    }
}

struct Compiler<'a> {
    layout: &'a Layout,
    constants: Vec<Expr>,
    key_count: usize,
}

/// An output object under construction, and those over the same input inside it.
#[derive(Default)]
struct Frame {
    plan: Plan,
    /// Cells that have a source; a second one would have to be merged.
    taken: HashSet<u32>,
}

impl Compiler<'_> {
    fn node(&self, kind: Kind) -> Option<&Node> {
        match kind {
            Kind::Object(node) => self.layout.nodes.get(node.0 as usize),
            Kind::Leaf => None,
        }
    }

    /// What is done with the value at the end of a path.
    fn end_action(&mut self, path: &Path, kind: Kind, cell: u32, optional: bool, depth: usize) -> Option<Action> {
        match (&path.group, kind) {
            (Some(group), _) => self.group_action(group, kind, cell, optional, depth),
            (None, Kind::Leaf) => Some(Action::Take { cell, optional }),
            (None, Kind::Object(_)) => {
                let plan = Box::new(self.whole(kind, depth)?);
                Some(Action::Group { cell, optional, plan })
            }
        }
    }

    fn group_action(&mut self, group: &Group, kind: Kind, cell: u32, optional: bool, depth: usize) -> Option<Action> {
        if depth == DEPTH_MAX || group.sole {
            return None;
        }
        let mut frame = Frame::default();
        let start = self.open(&mut frame, kind)?;
        self.group(&mut frame, start, group, kind, depth)?;
        Some(Action::Group { cell, optional, plan: Box::new(frame.plan) })
    }

    /// A value taken as it is where an object is wanted: what the layout wants of it, by name.
    fn whole(&mut self, kind: Kind, depth: usize) -> Option<Plan> {
        if depth == DEPTH_MAX {
            return None;
        }
        let node = self.node(kind)?;
        let columns = node.columns.clone();
        let mut plan = Plan { template: vec![Slot::Missing; node.width()], ..Plan::default() };
        for (index, column) in columns.iter().enumerate() {
            let cell = place(index).ok()?;
            let action = match column.kind {
                Kind::Leaf => Action::Take { cell, optional: false },
                kind @ Kind::Object(_) => {
                    Action::Group { cell, optional: false, plan: Box::new(self.whole(kind, depth + 1)?) }
                }
            };
            plan.trie.keys.push(Key { name: (*column.name).into(), actions: vec![action], report: None, span: 0..0 });
        }
        (plan.trie.keys.len() <= KEYS_MAX).then_some(plan)
    }

    /// Adds the cells of an object to the frame; gives the first.
    fn open(&self, frame: &mut Frame, kind: Kind) -> Option<u32> {
        let start = frame.plan.template.len();
        frame.plan.template.resize(start + self.node(kind)?.width(), Slot::Missing);
        place(start).ok()
    }

    /// The selections of a group whose cells begin at `start` of the frame.
    fn group(&mut self, frame: &mut Frame, start: u32, group: &Group, kind: Kind, depth: usize) -> Option<()> {
        for selection in &group.selections {
            match selection {
                Selection::Named(name, value) => {
                    let (cell, kind) = self.column(frame, start, &name.text, kind)?;
                    self.named(frame, cell, kind, value, depth)?;
                }
                Selection::Anonymous(value) | Selection::Spread(value) => {
                    let mut trie = std::mem::take(&mut frame.plan.trie);
                    self.spread(frame, &mut trie, start, value, kind, depth)?;
                    frame.plan.trie = trie;
                }
            }
        }
        Some(())
    }

    /// The cell of a name; `None` when it has a source already.
    fn column(&self, frame: &mut Frame, start: u32, name: &str, kind: Kind) -> Option<(u32, Kind)> {
        let columns = &self.node(kind)?.columns;
        let index = columns.iter().position(|column| &*column.name == name)?;
        let cell = start + place(index).ok()?;
        frame.taken.insert(cell).then_some((cell, columns[index].kind))
    }

    fn named(&mut self, frame: &mut Frame, cell: u32, kind: Kind, value: &Expr, depth: usize) -> Option<()> {
        if kind == Kind::Leaf && is_constant(value) {
            frame.plan.constants.push((cell, self.constants.len()));
            self.constants.push(value.clone());
            return Some(());
        }
        match &value.kind {
            // A group over the same input: its cells are cells of this frame.
            ExprKind::Group(group) => {
                if depth == DEPTH_MAX || group.sole {
                    return None;
                }
                let start = self.open(frame, kind)?;
                frame.plan.template[cell as usize] = Slot::Object { start };
                frame.plan.frames.push(cell);
                self.group(frame, start, group, kind, depth + 1)
            }
            ExprKind::Path(path) => {
                let keys = keys_of(path)?;
                if keys.steps.is_empty() {
                    let whole = path.group.is_none() && kind == Kind::Leaf && !keys.optional;
                    return whole.then(|| frame.plan.selves.push(cell));
                }
                let action = self.end_action(path, kind, cell, keys.optional, depth + 1)?;
                self.insert(&mut frame.plan.trie, &keys.steps, action)
            }
            ExprKind::Literal(_) | ExprKind::Array(_) | ExprKind::Object(_) | ExprKind::Chain(..) => None,
        }
    }

    /// `a.b { x y }` without a name: members for the same object, from further down.
    fn spread(
        &mut self,
        frame: &mut Frame,
        trie: &mut Trie,
        start: u32,
        value: &Expr,
        kind: Kind,
        depth: usize,
    ) -> Option<()> {
        let ExprKind::Path(path) = &value.kind else { return None };
        let keys = keys_of(path)?;
        let group = path.group.as_ref()?;
        if depth == DEPTH_MAX || group.sole || keys.optional || keys.steps.is_empty() {
            return None;
        }
        let mut inner = Trie::default();
        for selection in &group.selections {
            match selection {
                Selection::Named(name, value) => {
                    let (cell, kind) = self.column(frame, start, &name.text, kind)?;
                    let ExprKind::Path(path) = &value.kind else { return None };
                    let keys = keys_of(path)?;
                    if keys.steps.is_empty() {
                        return None;
                    }
                    let action = self.end_action(path, kind, cell, keys.optional, depth + 1)?;
                    self.insert(&mut inner, &keys.steps, action)?;
                }
                Selection::Anonymous(value) | Selection::Spread(value) => {
                    self.spread(frame, &mut inner, start, value, kind, depth + 1)?;
                }
            }
        }
        self.insert(trie, &keys.steps, Action::Spread(inner))
    }

    /// Adds an action at the end of a path of keys (at least one).
    fn insert(&mut self, trie: &mut Trie, steps: &[KeyStep<'_>], action: Action) -> Option<()> {
        let (first, rest) = steps.split_first()?;
        let index = match trie.keys.iter().position(|key| &*key.name == first.name) {
            Some(index) => index,
            None if trie.keys.len() == KEYS_MAX => return None,
            None => {
                let key = Key { name: first.name.into(), actions: Vec::new(), report: None, span: first.span.clone() };
                trie.keys.push(key);
                trie.keys.len() - 1
            }
        };
        let key = &mut trie.keys[index];
        if !first.quiet && key.report.is_none() {
            key.report = Some(self.key_count);
            self.key_count += 1;
        }
        if rest.is_empty() {
            key.actions.push(action);
            return Some(());
        }
        let optional = first.quiet;
        let found = key.actions.iter_mut().enumerate().find_map(|(at, action)| match action {
            Action::Descend { trie, optional: before } if *before == optional => Some((at, std::mem::take(trie))),
            _ => None,
        });
        let (at, mut below) = found.unwrap_or_else(|| {
            key.actions.push(Action::Descend { trie: Trie::default(), optional });
            (key.actions.len() - 1, Trie::default())
        });
        self.insert(&mut below, rest, action)?;
        trie.keys[index].actions[at] = Action::Descend { trie: below, optional };
        Some(())
    }
}
