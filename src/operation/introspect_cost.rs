//! A bound on how long an answer to introspection may get: with aliases, 64 KiB of text could ask for the whole schema a
//! thousand times.
//!
//! The estimate multiplies the lengths of the lists on the way: averages where all types are listed, the longest list where
//! one type could be asked for again and again. The maximum grows with the schema, and leaves the usual tools' query alone.

use apollo_compiler::{
    ExecutableDocument,
    executable::{Selection, SelectionSet},
    schema::{ExtendedType, Schema},
};

/// Values allowed for each element of the schema; a tool's full query asks for about a third of it.
const VALUES_PER_ELEMENT: u64 = 200;
/// Values allowed for any schema.
const VALUES_MIN: u64 = 20_000;

/// What introspection would answer, estimated, where that is more than allowed: the maximum and the estimate.
pub(super) fn excess(schema: &Schema, document: &ExecutableDocument, root: &SelectionSet) -> Option<(u64, u64)> {
    let lengths = Lengths::of(schema);
    let maximum = VALUES_MIN.saturating_add(VALUES_PER_ELEMENT.saturating_mul(lengths.elements));
    let estimate = Walk { document, lengths }.values(root, 1, At::Root);
    (estimate > maximum).then_some((maximum, estimate))
}

/// Where a selection stands.
#[derive(Debug, Clone, Copy, PartialEq)]
enum At {
    /// The root, where only `__schema` and `__type` count.
    Root,
    /// Each of all types, or each of their fields.
    Each,
    /// Something chosen by the caller.
    Chosen,
}

/// Lengths of one kind of list in a schema.
#[derive(Debug, Default)]
struct Length {
    total: u64,
    longest: u64,
}

impl Length {
    fn add(&mut self, length: usize) {
        let length = u64::try_from(length).unwrap_or(u64::MAX);
        self.total = self.total.saturating_add(length);
        self.longest = self.longest.max(length);
    }

    fn factor(&self, at: At, lists: u64) -> u64 {
        if at == At::Each { self.total.div_ceil(lists.max(1)) } else { self.longest }.max(1)
    }
}

#[derive(Debug, Default)]
struct Lengths {
    elements: u64,
    types: u64,
    directives: u64,
    fields: Length,
    arguments: Length,
    input_fields: Length,
    enum_values: Length,
    interfaces: Length,
    possible: Length,
}

impl Lengths {
    fn of(schema: &Schema) -> Self {
        let mut lengths = Self::default();
        for ty in schema.types.values() {
            lengths.types += 1;
            match ty {
                ExtendedType::Object(ty) => {
                    let arguments = ty.fields.values().map(|field| field.arguments.len());
                    lengths.composite(arguments, ty.implements_interfaces.len());
                }
                ExtendedType::Interface(ty) => {
                    let arguments = ty.fields.values().map(|field| field.arguments.len());
                    lengths.composite(arguments, ty.implements_interfaces.len());
                }
                ExtendedType::Union(ty) => lengths.possible.add(ty.members.len()),
                ExtendedType::Enum(ty) => lengths.enum_values.add(ty.values.len()),
                ExtendedType::InputObject(ty) => lengths.input_fields.add(ty.fields.len()),
                ExtendedType::Scalar(_) => {}
            }
        }
        for implementers in schema.implementers_map().values() {
            lengths.possible.add(implementers.objects.len());
        }
        for directive in schema.directive_definitions.values() {
            lengths.directives += 1;
            lengths.arguments.add(directive.arguments.len());
        }
        let lists =
            [&lengths.fields, &lengths.arguments, &lengths.input_fields, &lengths.enum_values, &lengths.possible];
        lengths.elements =
            lists.iter().map(|list| list.total).fold(lengths.types + lengths.directives, u64::saturating_add);
        lengths
    }

    fn composite(&mut self, arguments: impl ExactSizeIterator<Item = usize>, interfaces: usize) {
        self.fields.add(arguments.len());
        self.interfaces.add(interfaces);
        arguments.for_each(|length| self.arguments.add(length));
    }
}

struct Walk<'a> {
    document: &'a ExecutableDocument,
    lengths: Lengths,
}

impl Walk<'_> {
    /// Values below a selection that is answered `times` times. Recursion is bounded by the expanded nesting.
    fn values(&self, set: &SelectionSet, times: u64, at: At) -> u64 {
        let mut values: u64 = 0;
        for selection in &set.selections {
            let more = match selection {
                Selection::Field(field) => {
                    let (factor, below) = self.below(&field.name, at);
                    let times = times.saturating_mul(factor);
                    match at {
                        At::Root if factor == 0 => 0,
                        _ => times.saturating_add(self.values(&field.selection_set, times, below)),
                    }
                }
                Selection::InlineFragment(inline) => self.values(&inline.selection_set, times, at),
                Selection::FragmentSpread(spread) => {
                    let fragment = self.document.fragments.get(&spread.fragment_name);
                    fragment.map_or(0, |fragment| self.values(&fragment.selection_set, times, at))
                }
            };
            values = values.saturating_add(more);
        }
        values
    }

    /// How many values a field has in each place, and what stands below it.
    fn below(&self, name: &str, at: At) -> (u64, At) {
        let lengths = &self.lengths;
        match (name, at) {
            ("__schema" | "__type", At::Root) => (1, At::Chosen),
            (_, At::Root) => (0, At::Root),
            ("types", _) => (lengths.types, At::Each),
            ("directives", _) => (lengths.directives, At::Each),
            ("fields", at) => (lengths.fields.factor(at, lengths.types), at),
            ("args", at) => (lengths.arguments.factor(at, lengths.fields.total), at),
            ("inputFields", at) => (lengths.input_fields.factor(at, lengths.types), at),
            ("enumValues", at) => (lengths.enum_values.factor(at, lengths.types), at),
            ("interfaces", at) => (lengths.interfaces.factor(at, lengths.types), At::Chosen),
            ("possibleTypes", at) => (lengths.possible.factor(at, lengths.types), At::Chosen),
            _ => (1, At::Chosen),
        }
    }
}
