//! What one evaluation may spend, so that it ends in bounded time and space whatever the mapping and the body are.

use super::Value;

/// Units of one evaluation: bytes that values take, and work that leaves no value behind. Far beyond real mappings, and about a
/// second of work.
pub(super) const UNITS: usize = 256 << 20;

/// Further units for each byte of the input: a large body may be copied as a whole, a few times over.
const UNITS_PER_INPUT_BYTE: usize = 4;

/// What looking at one expression costs: ten million of them are within the budget.
pub(super) const EXPRESSION: usize = 24;

/// What is left to spend.
#[derive(Debug)]
pub(super) struct Budget<'b> {
    left: usize,
    /// The input, as long as its size has not been counted in.
    input: Option<&'b Value>,
    is_spent: bool,
}

impl<'b> Budget<'b> {
    /// So many units, and more for a large input.
    pub(super) fn new(units: usize, input: &'b Value) -> Self {
        Self { left: units, input: Some(input), is_spent: false }
    }

    /// Takes units. `false`: there are not so many left, and from then on there are none.
    pub(super) fn spend(&mut self, units: usize) -> bool {
        if let Some(left) = self.left.checked_sub(units) {
            self.left = left;
            return true;
        }
        self.extend(units)
    }

    /// The input is measured only when the first units have gone.
    #[cold]
    fn extend(&mut self, units: usize) -> bool {
        if let Some(input) = self.input.take() {
            self.left = self.left.saturating_add(size(input).saturating_mul(UNITS_PER_INPUT_BYTE));
            return self.spend(units);
        }
        self.is_spent = true;
        self.left = 0;
        false
    }

    /// Whether something was refused.
    pub(super) fn is_spent(&self) -> bool {
        self.is_spent
    }
}

/// Bytes that a value takes, roughly.
pub(super) fn size(value: &Value) -> usize {
    size_of::<Value>()
        + match value {
            Value::Null | Value::Bool(_) => 0,
            Value::Number(number) => number.as_str().len(),
            Value::String(text) => text.len(),
            Value::Array(items) => items.iter().map(size).sum(),
            Value::Object(object) => object.iter().map(|(key, value)| member_size(key) + size(value)).sum(),
        }
}

/// Bytes that a member of an object takes beside its value.
pub(super) fn member_size(key: &str) -> usize {
    size_of::<String>() + 2 * size_of::<usize>() + key.len()
}
