//! How large one operation is, fragments expanded, in the measures that limits are set on. Judging them is not done here
//! (`policy`).
//!
//! What `__schema` and `__type` are asked is not counted in depth and height: it has bounds of its own (`introspect_cost`), and
//! the usual tools ask deeper than any operation should.

use std::collections::HashMap;

use apollo_compiler::{
    ExecutableDocument, Name,
    executable::{self, SelectionSet},
};

use super::Selection;

/// Sizes of an operation. Counts do not wrap.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Measure {
    /// Fields on the longest way from the root to a leaf, the leaf and `__typename` included.
    pub depth: usize,
    /// Fields of the answer's shape: every response key at every place once, lists counted as one item.
    pub height: usize,
    /// Fields with an alias, each as often as its fragments are spread.
    pub aliases: usize,
    /// Response keys of the root.
    pub root_fields: usize,
    /// Directives of the operation, its variables, fields and fragments, each as often as its fragments are spread.
    pub directives: usize,
}

/// Measures an operation of a valid document; `selection` is what it was bound to.
pub(super) fn measure(
    document: &ExecutableDocument,
    operation: &executable::Operation,
    selection: &Selection,
) -> Measure {
    let written = Written { document, fragments: HashMap::new() }.of(&operation.selection_set, true);
    let of_variables = operation.variables.iter().map(|variable| variable.directives.len());
    let directives = of_variables.fold(operation.directives.len(), usize::saturating_add);
    Measure {
        depth: written.depth,
        height: height(selection),
        aliases: written.aliases,
        root_fields: keys(selection).len(),
        directives: directives.saturating_add(written.directives),
    }
}

/// What is counted on the text.
#[derive(Debug, Clone, Copy, Default)]
struct Size {
    depth: usize,
    aliases: usize,
    directives: usize,
}

/// Counts selection sets; each fragment once, whatever spreads it. Recursion is bounded by the limit on nesting, fragments
/// expanded, and a valid document has no cycles.
struct Written<'a> {
    document: &'a ExecutableDocument,
    fragments: HashMap<&'a Name, Size>,
}

impl<'a> Written<'a> {
    fn of(&mut self, set: &'a SelectionSet, is_root: bool) -> Size {
        let mut total = Size::default();
        for selection in &set.selections {
            total.directives = total.directives.saturating_add(selection.directives().len());
            let below = match selection {
                executable::Selection::Field(field) => {
                    total.aliases = total.aliases.saturating_add(usize::from(field.alias.is_some()));
                    let mut below = self.of(&field.selection_set, false);
                    let is_introspection = is_root && (field.name == "__schema" || field.name == "__type");
                    below.depth = if is_introspection { 1 } else { below.depth.saturating_add(1) };
                    below
                }
                executable::Selection::InlineFragment(inline) => self.of(&inline.selection_set, is_root),
                executable::Selection::FragmentSpread(spread) => self.fragment(&spread.fragment_name, is_root),
            };
            total.depth = total.depth.max(below.depth);
            total.aliases = total.aliases.saturating_add(below.aliases);
            total.directives = total.directives.saturating_add(below.directives);
        }
        total
    }

    fn fragment(&mut self, name: &'a Name, is_root: bool) -> Size {
        if let Some(size) = self.fragments.get(name) {
            return *size;
        }
        let Some(fragment) = self.document.fragments.get(name) else { return Size::default() };
        // A fragment on the root type can only be spread at the root, or where the root type is a field's type: `is_root` differs
        // between spreads only in the latter, where introspection fields are not valid.
        let mut size = self.of(&fragment.selection_set, is_root);
        size.directives = size.directives.saturating_add(fragment.directives.len());
        self.fragments.insert(name, size);
        size
    }
}

/// The response keys of a selection, over all types an object there can have, with the height below each.
fn keys(selection: &Selection) -> HashMap<&str, usize> {
    let mut keys: HashMap<&str, usize> = HashMap::new();
    for field in selection.variants.iter().flat_map(|variant| &variant.fields) {
        let below = field.selection.as_ref().map_or(0, height);
        let known = keys.entry(&field.key).or_default();
        *known = below.max(*known);
    }
    keys
}

fn height(selection: &Selection) -> usize {
    keys(selection).values().fold(0, |height, below| height.saturating_add(1).saturating_add(*below))
}
