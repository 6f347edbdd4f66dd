//! `@sensitive`: what nobody should read of a request, and what follows from it for URLs in traces.

use apollo_compiler::{ast::DirectiveList, schema::ExtendedType};

use super::{Connector, document::Document};
use crate::{
    mapping::{KeyTree, Mapping, Variable},
    telemetry::Redact,
};

/// The directive. It belongs to no spec, so it needs no link.
const SENSITIVE: &str = "sensitive";

/// What is not to be read.
#[derive(Debug, Clone, Default)]
pub struct Redaction {
    /// Names of values: those of the configuration, and those that a schema marks.
    pub names: Redact,
    /// By connector, whether such a value stands in the path of its URL.
    paths: Vec<bool>,
}

/// `names`, and what documents mark. A mark means the name: whatever else has it is not to be read either.
pub(super) fn marked(mut names: Redact, documents: &[&Document]) -> Redact {
    for ty in documents.iter().flat_map(|document| document.schema.types.values()) {
        let mut mark = |name: &str, directives: &DirectiveList| {
            if directives.has(SENSITIVE) {
                names.mark(name);
            }
        };
        if let ExtendedType::InputObject(input) = ty {
            input.fields.values().for_each(|field| mark(&field.name, &field.directives));
        }
        let fields = match ty {
            ExtendedType::Object(object) => Some(&object.fields),
            ExtendedType::Interface(interface) => Some(&interface.fields),
            _ => None,
        };
        for field in fields.into_iter().flat_map(|fields| fields.values()) {
            mark(&field.name, &field.directives);
            field.arguments.iter().for_each(|argument| mark(&argument.name, &argument.directives));
        }
    }
    names
}

impl Redaction {
    /// What that means for connectors.
    pub(super) fn new(names: Redact, connectors: &[Connector]) -> Self {
        let has_secret = |connector: &Connector| {
            let request = connector.request.as_ref();
            request.is_some_and(|request| request.url_mappings().any(|mapping| reads_secret(&names, mapping)))
        };
        let paths = connectors.iter().map(has_secret).collect();
        Self { names, paths }
    }

    /// Whether a connector has such a value in the path of its URL, by its number.
    pub fn hides_path(&self, connector: usize) -> bool {
        self.paths.get(connector).is_some_and(|hides| *hides)
    }
}

/// Whether a mapping reads something by such a name, or all of what may have such names.
fn reads_secret(names: &Redact, mapping: &Mapping) -> bool {
    const CALLERS: [Variable; 4] = [Variable::Args, Variable::This, Variable::Batch, Variable::Context];
    const OWN: [Variable; 3] = [Variable::Config, Variable::Env, Variable::Request];
    let is_meant = |variable| mapping.needs(variable).is_some_and(|tree: KeyTree| names_secret(names, &tree));
    let is_whole = |variable| mapping.needs(variable).is_some_and(|tree: KeyTree| tree.keys.is_empty());
    CALLERS.into_iter().chain(OWN).any(is_meant) || CALLERS.into_iter().any(is_whole)
}

fn names_secret(names: &Redact, tree: &KeyTree) -> bool {
    tree.keys.iter().any(|(name, below)| names.is_meant(name) || names_secret(names, below))
}
