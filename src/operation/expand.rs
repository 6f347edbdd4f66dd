//! How large a document is with its fragments expanded, summed over all its operations; measured on the parsed tree, before
//! anything walks that expansion.
//!
//! Each fragment is measured once and counted where it is spread, in saturating arithmetic. Fragments that spread
//! themselves have no size: they are refused here.

use std::collections::HashMap;

use apollo_compiler::{Name, Node, ast};

use super::findings::{Findings, Lines};
use super::parse::Limits;
use crate::error::{ErrorCode, Refusal};

/// Nodes (selections, arguments, values, directives) allowed for each allowed selection: validation walks them all.
const NODES_PER_SELECTION: u64 = 10;
/// How many look-ups of a variable, or copies of a value, cost as much as one node.
const STEPS_PER_NODE: u64 = 16;

/// What a piece of a document costs, expanded.
#[derive(Debug, Clone, Copy, Default)]
struct Size {
    selections: u64,
    nodes: u64,
    variable_uses: u64,
    fields_with_arguments: u64,
    height: u64,
}

/// A piece as written: its own size and the fragments it spreads, with the depth of the spread.
#[derive(Debug, Default)]
struct Piece {
    own: Size,
    spreads: Vec<(usize, u64)>,
    /// Nodes of its largest argument.
    argument_max: u64,
}

/// Checks the expansion against the limits. Errors: `LIMIT_EXCEEDED`, and `GRAPHQL_VALIDATION_FAILED` for fragment cycles.
pub(super) fn check(document: &ast::Document, limits: &Limits, lines: &Lines) -> Result<(), Refusal> {
    let mut names = HashMap::new();
    let mut fragments = Vec::new();
    for definition in &document.definitions {
        // The first of equal names counts; the second is a finding of validation.
        if let ast::Definition::FragmentDefinition(fragment) = definition
            && !names.contains_key(&fragment.name)
        {
            names.insert(fragment.name.clone(), fragments.len());
            fragments.push(fragment);
        }
    }
    let pieces: Vec<Piece> = fragments
        .iter()
        .map(|fragment| Piece::new(&names, &fragment.selection_set, nodes_of_directives(&fragment.directives)))
        .collect();
    let sizes = sizes(&pieces).map_err(|cyclic| cycle_refusal(&cyclic, &fragments, lines))?;

    let mut argument_max = pieces.iter().map(|piece| piece.argument_max).max().unwrap_or(0);
    let mut total = Size::default();
    for definition in &document.definitions {
        let ast::Definition::OperationDefinition(operation) = definition else { continue };
        let mut piece = Piece::new(&names, &operation.selection_set, nodes_of_directives(&operation.directives));
        for variable in &operation.variables {
            let value = variable.default_value.as_ref().map_or(0, |value| nodes_of_value(value, &mut 0));
            piece.own.nodes += 1 + value + nodes_of_directives(&variable.directives);
        }
        argument_max = argument_max.max(piece.argument_max);
        let mut size = piece.expanded(|fragment| sizes[fragment]);
        let declared = u64::try_from(operation.variables.len()).unwrap_or(u64::MAX);
        size.nodes = size.nodes.saturating_add(size.variable_uses.saturating_mul(declared) / STEPS_PER_NODE);
        total.add(size);
        let location = Some(lines.at(operation.location()));
        exceeded("nesting", limits.nesting_max, size.height, location)?;
        exceeded("selections", limits.selections_max, total.selections, location)?;
    }
    total.nodes = total.nodes.saturating_add(total.fields_with_arguments.saturating_mul(argument_max) / STEPS_PER_NODE);
    let nodes_max = limits.selections_max.saturating_mul(usize::try_from(NODES_PER_SELECTION).unwrap_or(usize::MAX));
    exceeded("nodes", nodes_max, total.nodes, None)
}

fn exceeded(limit: &str, maximum: usize, value: u64, location: Option<crate::error::Location>) -> Result<(), Refusal> {
    let value = usize::try_from(value).unwrap_or(usize::MAX);
    if value > maximum { Err(Refusal::limit_exceeded(limit, maximum, value, location)) } else { Ok(()) }
}

/// The size of each fragment, dependencies first; no recursion over the fragments. Errors: those that are in a cycle.
fn sizes(pieces: &[Piece]) -> Result<Vec<Size>, Vec<usize>> {
    let mut spread_by = vec![Vec::new(); pieces.len()];
    let mut open: Vec<usize> = pieces.iter().map(|piece| piece.spreads.len()).collect();
    for (index, piece) in pieces.iter().enumerate() {
        for &(fragment, _) in &piece.spreads {
            spread_by[fragment].push(index);
        }
    }
    let mut sizes = vec![Size::default(); pieces.len()];
    let mut ready: Vec<usize> = (0..pieces.len()).filter(|&index| open[index] == 0).collect();
    let mut done = vec![false; pieces.len()];
    while let Some(index) = ready.pop() {
        sizes[index] = pieces[index].expanded(|fragment| sizes[fragment]);
        done[index] = true;
        for &user in &spread_by[index] {
            open[user] -= 1;
            if open[user] == 0 {
                ready.push(user);
            }
        }
    }
    if done.iter().all(|&done| done) { Ok(sizes) } else { Err(in_cycles(pieces, done)) }
}

/// Of the fragments that could not be measured, those that others of them spread: the cycles, without what leads into them.
fn in_cycles(pieces: &[Piece], mut outside: Vec<bool>) -> Vec<usize> {
    let mut users = vec![0usize; pieces.len()];
    for (_, piece) in pieces.iter().enumerate().filter(|(index, _)| !outside[*index]) {
        for &(fragment, _) in &piece.spreads {
            users[fragment] += 1;
        }
    }
    let mut unused: Vec<usize> = (0..pieces.len()).filter(|&index| !outside[index] && users[index] == 0).collect();
    while let Some(index) = unused.pop() {
        outside[index] = true;
        for &(fragment, _) in &pieces[index].spreads {
            users[fragment] -= 1;
            if users[fragment] == 0 && !outside[fragment] {
                unused.push(fragment);
            }
        }
    }
    (0..pieces.len()).filter(|&index| !outside[index]).collect()
}

fn cycle_refusal(cyclic: &[usize], fragments: &[&Node<ast::FragmentDefinition>], lines: &Lines) -> Refusal {
    let mut findings = Findings::new(ErrorCode::GraphqlValidationFailed);
    for &index in cyclic {
        let fragment = fragments[index];
        findings.push(Some(lines.at(fragment.location())), || {
            format!("fragment `{}` cannot spread itself, neither directly nor through others", fragment.name)
        });
    }
    findings.into_refusal().expect("an unmeasured fragment is in a cycle or leads to one")
}

impl Size {
    fn add(&mut self, other: Self) {
        self.selections = self.selections.saturating_add(other.selections);
        self.nodes = self.nodes.saturating_add(other.nodes);
        self.variable_uses = self.variable_uses.saturating_add(other.variable_uses);
        self.fields_with_arguments = self.fields_with_arguments.saturating_add(other.fields_with_arguments);
    }
}

impl Piece {
    fn new(names: &HashMap<Name, usize>, selections: &[ast::Selection], nodes: u64) -> Self {
        let mut piece = Self::default();
        piece.own.nodes = 1 + nodes;
        piece.walk(names, selections, 1);
        piece
    }

    /// Recursion is bounded by the nesting of the text, which was checked.
    fn walk(&mut self, names: &HashMap<Name, usize>, selections: &[ast::Selection], depth: u64) {
        if !selections.is_empty() {
            self.own.height = self.own.height.max(depth);
        }
        for selection in selections {
            self.own.selections += 1;
            match selection {
                ast::Selection::Field(field) => {
                    let mut arguments = 0;
                    for argument in &field.arguments {
                        arguments += 1 + nodes_of_value(&argument.value, &mut self.own.variable_uses);
                    }
                    self.argument_max = self.argument_max.max(arguments);
                    self.own.fields_with_arguments += u64::from(arguments > 0);
                    self.own.nodes += 1 + arguments;
                    self.directives(&field.directives);
                    self.walk(names, &field.selection_set, depth + 1);
                }
                ast::Selection::InlineFragment(inline) => {
                    self.own.nodes += 1;
                    self.directives(&inline.directives);
                    self.walk(names, &inline.selection_set, depth + 1);
                }
                ast::Selection::FragmentSpread(spread) => {
                    self.own.nodes += 1;
                    self.directives(&spread.directives);
                    if let Some(&fragment) = names.get(&spread.fragment_name) {
                        self.spreads.push((fragment, depth));
                    }
                }
            }
        }
    }

    fn directives(&mut self, directives: &ast::DirectiveList) {
        for directive in directives {
            self.own.nodes += 1;
            for argument in &directive.arguments {
                self.own.nodes += 1 + nodes_of_value(&argument.value, &mut self.own.variable_uses);
            }
        }
    }

    fn expanded(&self, size_of: impl Fn(usize) -> Size) -> Size {
        let mut size = self.own;
        for &(fragment, depth) in &self.spreads {
            let inner = size_of(fragment);
            size.add(inner);
            size.height = size.height.max(depth.saturating_add(inner.height));
        }
        size
    }
}

fn nodes_of_directives(directives: &ast::DirectiveList) -> u64 {
    let arguments = directives.iter().flat_map(|directive| &directive.arguments);
    arguments.map(|argument| 1 + nodes_of_value(&argument.value, &mut 0)).sum::<u64>()
        + u64::try_from(directives.len()).unwrap_or(u64::MAX)
}

fn nodes_of_value(value: &ast::Value, variable_uses: &mut u64) -> u64 {
    match value {
        ast::Value::List(items) => 1 + items.iter().map(|item| nodes_of_value(item, variable_uses)).sum::<u64>(),
        ast::Value::Object(fields) => {
            1 + fields.iter().map(|(_, value)| 1 + nodes_of_value(value, variable_uses)).sum::<u64>()
        }
        ast::Value::Variable(_) => {
            *variable_uses += 1;
            1
        }
        ast::Value::Null
        | ast::Value::Enum(_)
        | ast::Value::String(_)
        | ast::Value::Float(_)
        | ast::Value::Int(_)
        | ast::Value::Boolean(_) => 1,
    }
}
