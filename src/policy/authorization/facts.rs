//! What policies are asked about: what a request says, as names with values of CEL. It is made once for a request; for an object, only
//! what is known of that is added.

use std::{collections::HashMap, sync::Arc};

use cel::{Context, Value as Cel};
use http::HeaderMap;

use super::{
    Question,
    policy::{FUNCTIONS, Reads, THIS},
};
use crate::{
    mapping::{Object, Value},
    operation::Operation,
};

/// Names with values.
pub(super) struct Facts<'f> {
    pub(super) context: Context<'f, 'static>,
    /// Which names have values, in the order of the variables; of those that nobody reads it does not matter.
    pub(super) known: Reads,
}

impl std::fmt::Debug for Facts<'_> {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Facts").field("known", &self.known).finish_non_exhaustive()
    }
}

/// What is known of what is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scope {
    /// This operation.
    Operation,
    /// Anything that its caller could ask.
    Anything,
}

impl Facts<'static> {
    /// What a request says, as far as somebody reads it. `arguments`: those of the field, where they are known.
    pub(super) fn of_request(asked: &Question<'_>, scope: Scope, reads: Reads, arguments: Option<&Object>) -> Self {
        let [claims, headers, args, operation, _, certificate] = reads;
        let mut facts = Self {
            context: Context::with_env(Arc::clone(&FUNCTIONS)),
            known: [true, true, arguments.is_some(), scope == Scope::Operation, false, true],
        };
        let none = Object::new();
        if claims {
            facts.add("claims", object(asked.identity.claims().unwrap_or(&none)));
        }
        if headers {
            facts.add("headers", self::headers(asked.headers));
        }
        if let Some(arguments) = arguments.filter(|_| args) {
            facts.add("args", object(arguments));
        }
        if operation && scope == Scope::Operation {
            facts.add("operation", self::operation(asked.operation));
        }
        if certificate {
            // Empty where none was shown.
            facts.add("certificate", object(asked.identity.certificate_values().unwrap_or(&none)));
        }
        facts
    }
}

impl Facts<'_> {
    /// The same, and what is known of an object.
    pub(super) fn and_this(&self, this: &Object) -> Facts<'_> {
        let mut facts = Facts { context: self.context.new_inner_scope(), known: self.known };
        facts.add(THIS, object(this));
        facts.known[4] = true;
        facts
    }

    fn add(&mut self, name: &str, value: Cel) {
        self.context.add_variable_from_value(name, value);
    }
}

fn headers(headers: &HeaderMap) -> Cel {
    let texts = headers.keys().filter_map(|name| {
        let value = headers.get(name)?.to_str().ok()?;
        Some((name.as_str().to_owned(), Cel::from(value)))
    });
    Cel::Map(texts.collect::<HashMap<String, Cel>>().into())
}

fn operation(operation: &Operation) -> Cel {
    let name = operation.name.as_deref().map_or(Cel::Null, Cel::from);
    let members = [("name".to_owned(), name), ("kind".to_owned(), Cel::from(operation.kind.as_str()))];
    Cel::Map(HashMap::<String, Cel>::from_iter(members).into())
}

fn object(object: &Object) -> Cel {
    let members = object.iter().map(|(name, member)| (name.to_string(), value(member)));
    Cel::Map(members.collect::<HashMap<String, Cel>>().into())
}

fn value(value: &Value) -> Cel {
    match value {
        Value::Null => Cel::Null,
        Value::Bool(bool) => Cel::Bool(*bool),
        Value::Number(number) => match number.as_i64() {
            Some(int) => Cel::Int(int),
            None => number.as_f64().map_or(Cel::Null, Cel::Float),
        },
        Value::String(text) => Cel::from(text.as_str()),
        Value::Array(items) => Cel::List(Arc::new(items.iter().map(self::value).collect())),
        Value::Object(members) => object(members),
    }
}
