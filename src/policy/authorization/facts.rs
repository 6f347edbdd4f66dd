//! What policies are asked about: all that a request says, as values of CEL. Each is made once, when a policy first reads it.

use std::{
    collections::HashMap,
    sync::{Arc, OnceLock},
};

use cel::Value as Cel;
use http::HeaderMap;

use super::Question;
use crate::{
    mapping::{Object, Value},
    operation::Operation,
};

/// A request.
#[derive(Debug)]
pub(super) struct Facts<'a> {
    pub(super) asked: Question<'a>,
    /// Whether it is about anything that its caller could ask.
    is_open: bool,
    claims: OnceLock<Cel>,
    certificate: OnceLock<Cel>,
    headers: OnceLock<Cel>,
    operation: OnceLock<Cel>,
}

impl<'a> Facts<'a> {
    pub(super) fn new(asked: Question<'a>) -> Self {
        let (claims, certificate, headers) = (OnceLock::new(), OnceLock::new(), OnceLock::new());
        Self { asked, is_open: false, claims, certificate, headers, operation: OnceLock::new() }
    }

    /// Whatever its caller could ask.
    pub(super) fn open(asked: Question<'a>) -> Self {
        Self { is_open: true, ..Self::new(asked) }
    }

    pub(super) fn claims(&self) -> &Cel {
        let claims = || self.asked.identity.claims().map_or_else(|| object(&Object::new()), object);
        self.claims.get_or_init(claims)
    }

    /// Empty where none was shown.
    pub(super) fn certificate(&self) -> &Cel {
        let values = || self.asked.identity.certificate_values().map_or_else(|| object(&Object::new()), object);
        self.certificate.get_or_init(values)
    }

    pub(super) fn headers(&self) -> &Cel {
        self.headers.get_or_init(|| headers(self.asked.headers))
    }

    /// `None`: what is asked is not known.
    pub(super) fn operation(&self) -> Option<&Cel> {
        (!self.is_open).then(|| self.operation.get_or_init(|| operation(self.asked.operation)))
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

pub(super) fn object(object: &Object) -> Cel {
    let members = object.iter().map(|(name, member)| (name.clone(), value(member)));
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
