//! Every field can be had from every place its type is reached (DESIGN, section 4).
//!
//! A search over (type, what is known of the object): known fields grow by connectors whose key is known, until nothing is added;
//! then each field of the type has to be known, and each composite field is searched in turn. States are remembered, so that
//! recursive types end.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use apollo_compiler::{Schema, parser::SourceSpan, schema::ExtendedType};

use crate::{
    error::Diagnostic,
    mapping::{KeyTree, Version},
    schema::{
        Compatibility, ConnectorId, FieldId, Graph, Place, Provides, TypeId, TypeKind, directive::selection::merge,
        findings::Findings,
    },
};

/// States beyond which the search gives up and accepts: such a graph is judged when operations are planned.
const STATES_MAX: usize = 50_000;

/// Nesting of keys that are looked for through further connectors.
const KEY_DEPTH_MAX: usize = 3;

/// Findings beyond which the rest is left out.
const FINDINGS_MAX: usize = 50;

/// Reports fields that no connector can provide from where they are reached.
pub(in crate::schema) fn check(graph: &Graph, spans: &[Option<SourceSpan>], schema: &Schema, findings: &mut Findings) {
    let mut search = Search {
        graph,
        spans,
        schema,
        findings,
        seen: HashSet::new(),
        reported: HashSet::new(),
        path: Vec::new(),
        origin: None,
    };
    for (root, prefix) in [(Some(graph.query), ""), (graph.mutation, "mutation ")] {
        let Some(root) = root else { continue };
        for field in graph[root].fields.values() {
            search.root(*field, prefix);
        }
    }
}

struct Search<'a> {
    graph: &'a Graph,
    spans: &'a [Option<SourceSpan>],
    schema: &'a Schema,
    findings: &'a mut Findings,
    /// States that were searched, or are being searched.
    seen: HashSet<(TypeId, String)>,
    /// Fields that were reported, with the connector they were reached by.
    reported: HashSet<(FieldId, Option<ConnectorId>)>,
    /// Names from the root to here.
    path: Vec<Arc<str>>,
    /// The connector that made the object at hand.
    origin: Option<ConnectorId>,
}

impl Search<'_> {
    fn root(&mut self, field: FieldId, prefix: &'static str) {
        let connectors = &self.graph[field].connectors;
        let mut have = Provides::default();
        for id in connectors {
            merge(&mut have, self.graph[*id].provides.clone());
        }
        if connectors.is_empty() {
            return self.unreachable(field, prefix);
        }
        self.origin = connectors.first().copied();
        self.path.push(Arc::clone(&self.graph[field].name));
        self.objects(self.graph[field].ty.named(), &have, prefix);
        self.path.pop();
    }

    /// Searches all objects that a value of the type can be.
    fn objects(&mut self, ty: TypeId, have: &Provides, prefix: &'static str) {
        if !matches!(self.graph[ty].kind, TypeKind::Object | TypeKind::Interface | TypeKind::Union) {
            return;
        }
        for object in &self.graph[ty].possible {
            self.object(*object, have, prefix);
        }
    }

    fn object(&mut self, ty: TypeId, have: &Provides, prefix: &'static str) {
        let graph = self.graph;
        if self.seen.len() >= STATES_MAX || self.path.len() > 64 || !self.seen.insert((ty, canonical(have))) {
            return;
        }
        let known = closure(graph, ty, have, KEY_DEPTH_MAX);
        for (name, field) in &graph[ty].fields {
            let Some((provides, origin)) = known.get(name) else {
                self.unreachable(*field, prefix);
                continue;
            };
            let before = self.origin;
            self.origin = origin.or(before);
            self.path.push(Arc::clone(name));
            self.objects(graph[*field].ty.named(), provides, prefix);
            self.path.pop();
            self.origin = before;
        }
    }

    fn unreachable(&mut self, field: FieldId, prefix: &'static str) {
        if self.reported.len() >= FINDINGS_MAX || !self.reported.insert((field, self.origin)) {
            return;
        }
        let graph = self.graph;
        let parent = &graph[graph[field].parent];
        let name = &graph[field].name;
        let query = self.path.iter().rev().fold(name.to_string(), |inner, outer| format!("{outer} {{ {inner} }}"));
        let reached = self.path.join(".");
        let message = if reached.is_empty() {
            format!("no connector provides `{}.{name}`", parent.name)
        } else {
            format!(
                "no connector can provide `{}.{name}` where `{reached}` reaches it: `{prefix}{{ {query} }}`",
                parent.name
            )
        };
        let label = match self.origin.and_then(|origin| self.spans[origin.0 as usize]) {
            Some(span) => self.findings.label(Some(span), format!("this yields a `{}` without `{name}`", parent.name)),
            None => self.findings.label(self.definition(field), ""),
        };
        let mut finding = Diagnostic::error("CONNECTORS_UNSATISFIABLE", message, label).help(self.help(field));
        if self.origin.is_some() {
            finding.labels.push(self.findings.label(self.definition(field), "declared here"));
        }
        self.findings.push(finding);
    }

    /// Which keys would help: those of the connectors that do provide the field.
    fn help(&self, field: FieldId) -> String {
        let graph = self.graph;
        let (parent, name) = (&graph[graph[field].parent], &graph[field].name);
        let providers = parent.connectors.iter().filter(|id| graph[**id].provides.fields.contains_key(name));
        let providers = providers.chain(&graph[field].connectors);
        let keys: Vec<String> = providers
            .map(|id| crate::schema::directive::key::text(&graph[*id].key))
            .filter(|key| !key.is_empty())
            .map(|key| format!("`{key}`"))
            .collect();
        if keys.is_empty() {
            format!(
                "select `{name}` here, or add a connector that completes `{}` by a key that is selected here",
                parent.name
            )
        } else {
            format!("select `{name}` here, or a key by which `{}` can be completed: {}", parent.name, keys.join(" or "))
        }
    }

    fn definition(&self, field: FieldId) -> Option<SourceSpan> {
        let parent = &self.graph[self.graph[field].parent].name;
        let name = &self.graph[field].name;
        match self.schema.types.get(&**parent)? {
            ExtendedType::Object(object) => object.fields.get(&**name)?.name.location(),
            ExtendedType::Interface(interface) => interface.fields.get(&**name)?.name.location(),
            _ => None,
        }
    }
}

/// What is known of an object: for each field what is known below it, and the connector that brought it (`None`: the parent's).
type Known = HashMap<Arc<str>, (Provides, Option<ConnectorId>)>;

/// All fields that can be had of an object of which some are there.
fn closure(graph: &Graph, ty: TypeId, have: &Provides, depth: usize) -> Known {
    let object = &graph[ty];
    let mut known: Known = HashMap::new();
    for (name, below) in &have.fields {
        if object.fields.contains_key(name) {
            known.insert(Arc::clone(name), (below.clone(), None));
        }
    }
    let own = object.connectors.iter().map(|id| (*id, None));
    let of_fields =
        object.fields.iter().flat_map(|(name, field)| graph[*field].connectors.iter().map(move |id| (*id, Some(name))));
    let mut waiting: Vec<(ConnectorId, Option<&Arc<str>>)> = own.chain(of_fields).collect();
    loop {
        let (ready, rest): (Vec<_>, Vec<_>) = waiting
            .into_iter()
            .partition(|(id, _)| is_callable(graph, *id) && holds(graph, ty, &known, &graph[*id].key, depth));
        if ready.is_empty() {
            return known;
        }
        for (id, field) in ready {
            let provides = &graph[id].provides;
            match field {
                Some(name) => add(&mut known, name, provides, id),
                None => provides.fields.iter().for_each(|(name, below)| {
                    if object.fields.contains_key(name) {
                        add(&mut known, name, below, id);
                    }
                }),
            }
        }
        waiting = rest;
    }
}

/// Whether a connector can be called at all. The original cannot reach a field connector without a key below v0.4 (reference 3.6).
fn is_callable(graph: &Graph, id: ConnectorId) -> bool {
    let connector = &graph[id];
    let is_keyless = matches!(connector.place, Place::Field { .. }) && connector.key.keys.is_empty();
    let is_refused = graph.compatibility == Compatibility::Strict && connector.selection.version < Version::V0_4;
    !(is_keyless && is_refused)
}

fn add(known: &mut Known, name: &Arc<str>, provides: &Provides, from: ConnectorId) {
    let (below, _) = known.entry(Arc::clone(name)).or_insert_with(|| (Provides::default(), Some(from)));
    merge(below, provides.clone());
}

/// Whether a key can be read from what is known, completing nested objects where that is possible.
fn holds(graph: &Graph, ty: TypeId, known: &Known, key: &KeyTree, depth: usize) -> bool {
    key.keys.iter().all(|(name, below)| {
        let Some((provides, _)) = known.get(name) else { return false };
        if below.keys.is_empty() {
            return true;
        }
        let Some(field) = graph[ty].fields.get(name) else { return false };
        let inner = graph[*field].ty.named();
        let inner_known = match depth.checked_sub(1) {
            Some(depth) => closure(graph, inner, provides, depth),
            None => provides.fields.iter().map(|(name, below)| (Arc::clone(name), (below.clone(), None))).collect(),
        };
        holds(graph, inner, &inner_known, below, depth.saturating_sub(1))
    })
}

/// A text that is equal for equal trees, whatever the order of their names.
fn canonical(provides: &Provides) -> String {
    let mut names: Vec<String> =
        provides.fields.iter().map(|(name, below)| format!("{name}{{{}}}", canonical(below))).collect();
    names.sort_unstable();
    names.join(",")
}
