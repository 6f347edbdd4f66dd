//! What an answer cost: the same sum as the estimate, over the objects and lists that came. Null costs nothing.
//!
//! Reads the answer's bytes once, without building anything; only where somebody wants to know.

use std::sync::Arc;

use super::{
    expression::{Expression, type_weight},
    price::Pricer,
};
use crate::operation::{Selection, VariableValues};

/// The weights of a selection, as the answer shows it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Shape {
    /// Of what an object can be: its own weight, and those of its fields.
    variants: Vec<(u64, Vec<Field>)>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Field {
    key: Arc<str>,
    /// Once for each object that it is a field of.
    arguments: Expression,
    /// Of each value without fields.
    weight: u64,
    below: Option<Shape>,
}

impl Shape {
    /// Of an operation.
    pub(super) fn of(pricer: &mut Pricer<'_>, selection: &Selection) -> Self {
        Self::below(pricer, selection, Some(0))
    }

    fn below(pricer: &mut Pricer<'_>, selection: &Selection, weight: Option<u64>) -> Self {
        let mut variants = Vec::with_capacity(selection.variants.len());
        for variant in &selection.variants {
            let mut fields = Vec::with_capacity(variant.fields.len());
            for field in &variant.fields {
                // Types that share a variant cannot be told apart in the answer: the cheapest counts.
                let found = pricer.definitions(variant, field).into_iter().map(|id| {
                    let parts = pricer.parts(id, field, None);
                    (parts.weight, pricer.leaf_weight(id, parts.weight), parts.arguments)
                });
                let found = found.min_by_key(|(own, leaf, _)| (*own, *leaf));
                let (own, leaf, arguments) = found.unwrap_or((None, 0, Expression::ZERO));
                let below = field.selection.as_ref().map(|below| Self::below(pricer, below, own));
                fields.push(Field { key: Arc::clone(&field.key), arguments, weight: leaf, below });
            }
            let own = variant.types.iter().map(|ty| type_weight(pricer.graph, *ty)).min();
            variants.push((weight.or(own).unwrap_or(0), fields));
        }
        Self { variants }
    }

    /// What the answer `{"data":…}` cost.
    pub(super) fn cost(&self, answer: &[u8], variables: &VariableValues) -> u64 {
        let Some(data) = answer.strip_prefix(b"{\"data\":") else { return 0 };
        let mut reader = Reader { text: data, at: 0, variables };
        if reader.peek() == b'{' { reader.object(self) } else { 0 }
    }
}

/// Walks JSON that this process wrote: valid, without blanks between tokens.
struct Reader<'a> {
    text: &'a [u8],
    at: usize,
    variables: &'a VariableValues,
}

impl<'a> Reader<'a> {
    fn peek(&self) -> u8 {
        self.text.get(self.at).copied().unwrap_or_default()
    }

    fn object(&mut self, shape: &Shape) -> u64 {
        match shape.variants.as_slice() {
            [(own, fields)] => self.members(*own, fields),
            variants => {
                let start = self.at;
                let keys = self.keys();
                let end = self.at;
                let fits =
                    |fields: &[Field]| keys.iter().all(|key| fields.iter().any(|field| field.key.as_bytes() == *key));
                let mut least = None;
                for (own, fields) in variants.iter().filter(|(_, fields)| fits(fields)) {
                    self.at = start;
                    let cost = self.members(*own, fields);
                    least = Some(least.map_or(cost, |least: u64| least.min(cost)));
                }
                self.at = end;
                least.unwrap_or(0)
            }
        }
    }

    /// The keys of the object here; ends behind it.
    fn keys(&mut self) -> Vec<&'a [u8]> {
        let mut ranges = Vec::new();
        self.at += 1;
        while self.peek() == b'"' {
            let start = self.at + 1;
            self.string();
            ranges.push(start..self.at - 1);
            self.at += 1;
            self.skip();
            if self.peek() == b',' {
                self.at += 1;
            }
        }
        self.at += 1;
        let text = self.text;
        ranges.into_iter().map(|range| &text[range]).collect()
    }

    fn members(&mut self, own: u64, fields: &[Field]) -> u64 {
        let mut sum = own;
        let mut next = 0;
        self.at += 1;
        while self.peek() == b'"' {
            let start = self.at + 1;
            self.string();
            let key = &self.text[start..self.at - 1];
            self.at += 1;
            // Keys come in the order of the fields, some of them left out.
            let found = (next..fields.len()).chain(0..next).find(|at| fields[*at].key.as_bytes() == key);
            match found {
                Some(at) => {
                    next = at + 1;
                    let field = &fields[at];
                    sum = sum.saturating_add(field.arguments.value(self.variables)).saturating_add(self.value(field));
                }
                None => self.skip(),
            }
            if self.peek() == b',' {
                self.at += 1;
            }
        }
        self.at += 1;
        sum
    }

    fn value(&mut self, field: &Field) -> u64 {
        match (self.peek(), &field.below) {
            (b'{', Some(below)) => self.object(below),
            (b'[', _) if field.below.is_some() || field.weight > 0 => {
                let mut sum = 0_u64;
                self.at += 1;
                while !matches!(self.peek(), b']' | 0) {
                    sum = sum.saturating_add(self.value(field));
                    if self.peek() == b',' {
                        self.at += 1;
                    }
                }
                self.at += 1;
                sum
            }
            (b'n', _) => {
                self.skip();
                0
            }
            _ => {
                self.skip();
                field.weight
            }
        }
    }

    /// Behind the string that starts here.
    fn string(&mut self) {
        self.at += 1;
        loop {
            let rest = self.text.get(self.at..).unwrap_or_default();
            let Some(found) = memchr::memchr2(b'"', b'\\', rest) else {
                self.at = self.text.len();
                return;
            };
            self.at += found + 1;
            if rest[found] == b'"' {
                return;
            }
            self.at += 1;
        }
    }

    /// Behind the value that starts here.
    fn skip(&mut self) {
        let mut depth = 0_usize;
        loop {
            match self.peek() {
                b'"' => self.string(),
                b'{' | b'[' => {
                    depth += 1;
                    self.at += 1;
                }
                b'}' | b']' => {
                    depth = depth.saturating_sub(1);
                    self.at += 1;
                }
                0 => return,
                _ => {
                    let rest = self.text.get(self.at..).unwrap_or_default();
                    let stop = |byte: &u8| matches!(byte, b',' | b'}' | b']' | b'{' | b'[' | b'"');
                    let length = rest.iter().position(stop).unwrap_or(rest.len());
                    // A separator inside of a value.
                    self.at += length.max(1);
                }
            }
            if depth == 0 {
                return;
            }
        }
    }
}
