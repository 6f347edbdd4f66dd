//! What the variables of a connector's mappings stand for (reference, section 4). Objects are built only where they are read.

use std::sync::{Arc, LazyLock};

use http::HeaderMap;

use super::run::Caller;
use crate::{
    mapping::{Number, Object, Value, Variable, Variables},
    schema::{Connector, Reads},
};

static EMPTY: LazyLock<Value> = LazyLock::new(|| Value::Object(Object::default()));
static NO_HEADERS: LazyLock<Value> =
    LazyLock::new(|| Value::Object(Object::from_iter([("headers", Value::Object(Object::default()))])));

/// What is the same for all calls of a step.
#[derive(Debug)]
pub(super) struct Shared {
    /// The field's arguments; `None` for connectors on types.
    pub args: Option<Value>,
    /// `$config`
    pub config: Option<Arc<Value>>,
    context: Option<Value>,
    env: Option<Value>,
    request: Option<Value>,
}

impl Shared {
    /// Copies what the connector reads of the caller, and nothing else.
    pub fn new(connector: &Connector, caller: &Caller, config: Option<Arc<Value>>, args: Option<Value>) -> Self {
        let Reads { context, env, request_headers, .. } = &connector.reads;
        let pick = |keys: &[Arc<str>], get: &dyn Fn(&str) -> Option<Value>| {
            (!keys.is_empty()).then(|| {
                let members = keys.iter().filter_map(|key| get(key).map(|value| (key.to_string(), value)));
                Value::Object(members.collect())
            })
        };
        Self {
            args,
            config,
            context: pick(context, &|key| caller.context.get(key).cloned()),
            env: pick(env, &|key| std::env::var(key).ok().map(Value::String)),
            request: header_values(request_headers, &caller.headers),
        }
    }
}

/// The key object of one call, under the name that the connector has for it.
#[derive(Debug, Default)]
pub(super) struct Own {
    /// `$this`
    pub this: Option<Value>,
    /// `$batch`
    pub batch: Option<Value>,
    /// `$args` of a reference call (reference 3.1).
    pub args: Option<Value>,
}

/// What is known when the reply is there.
#[derive(Debug)]
pub(super) struct Answered {
    status: Value,
    response: Option<Value>,
}

impl Answered {
    /// Of one reply.
    pub fn new(connector: &Connector, status: u16, headers: &HeaderMap) -> Self {
        Self {
            status: Value::Number(Number::from(i64::from(status))),
            response: header_values(&connector.reads.response_headers, headers),
        }
    }
}

/// All variables of one call.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scope<'a> {
    /// Of the step.
    pub shared: &'a Shared,
    /// Of the call.
    pub own: &'a Own,
    /// Of the reply.
    pub answered: Option<&'a Answered>,
}

impl Variables for Scope<'_> {
    fn get(&self, variable: Variable) -> Option<&Value> {
        match variable {
            Variable::Args => self.own.args.as_ref().or(self.shared.args.as_ref()),
            Variable::This => self.own.this.as_ref(),
            Variable::Batch => self.own.batch.as_ref(),
            Variable::Config => Some(self.shared.config.as_deref().unwrap_or(&EMPTY)),
            Variable::Context => Some(self.shared.context.as_ref().unwrap_or(&EMPTY)),
            Variable::Env => Some(self.shared.env.as_ref().unwrap_or(&EMPTY)),
            Variable::Request => Some(self.shared.request.as_ref().unwrap_or(&NO_HEADERS)),
            Variable::Response => self.answered.map(|answered| answered.response.as_ref().unwrap_or(&NO_HEADERS)),
            Variable::Status => self.answered.map(|answered| &answered.status),
        }
    }
}

/// `{ headers: { name: [value, …] } }` of the named headers that are there; `None` when no name is asked for.
fn header_values(names: &[Arc<str>], headers: &HeaderMap) -> Option<Value> {
    if names.is_empty() {
        return None;
    }
    let members = names.iter().filter_map(|name| {
        let values = headers.get_all(&**name).iter();
        let values: Vec<Value> =
            values.map(|value| Value::String(String::from_utf8_lossy(value.as_bytes()).into_owned())).collect();
        (!values.is_empty()).then(|| (name.to_string(), Value::Array(values)))
    });
    let headers = Value::Object(members.collect());
    Some(Value::Object(Object::from_iter([("headers", headers)])))
}
