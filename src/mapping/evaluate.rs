//! A mapping applied to a value: never fails, records problems.

use super::{Mapping, Span, Value, Variable};

/// What the variables of a mapping stand for.
pub trait Variables {
    /// The value of a variable; `None` where it has none.
    fn get(&self, variable: Variable) -> Option<&Value>;
}

/// Something that did not go as the mapping expects; never an error by itself.
#[derive(Debug, Clone)]
pub struct Problem {
    /// What happened.
    pub message: String,
    /// Which part of the mapping.
    pub span: Span,
}

impl Mapping {
    /// Applies the mapping to `input`. `None`: no value (not null). Problems are appended, up to a bound of 100.
    pub fn evaluate(&self, input: &Value, variables: &dyn Variables, problems: &mut Vec<Problem>) -> Option<Value> {
        let _ = (input, variables, problems);
        todo!()
    }
}
