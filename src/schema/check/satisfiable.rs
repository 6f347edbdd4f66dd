//! Every field can be had from every place its type is reached (DESIGN, section 4).
//!
//! A walk over (type, what is known of the object), by the same rule as the planner's (`reach`): whatever can be called is called, then
//! each field of the type has to be known, and each composite field is walked in turn with all parts that give of it. States are
//! remembered, so that recursive types end.

use std::{collections::HashSet, sync::Arc};

use apollo_compiler::{Schema, parser::SourceSpan, schema::ExtendedType};
use indexmap::IndexMap;

use super::advice::{PerItem, is_list};
use crate::{
    error::Diagnostic,
    schema::{
        ConnectorId, FieldId, Graph, Provides, Scalar, TypeId, TypeKind,
        directive::key,
        findings::Findings,
        reach::{Budget, Part},
    },
};

/// Steps beyond which the walk gives up and accepts: a hundred times what a schema of thousands of types takes.
const STEPS_MAX: usize = 50_000_000;

/// Nesting beyond which nothing new can be found but long paths.
const PATH_MAX: usize = 64;

/// Findings beyond which the rest is left out.
const FINDINGS_MAX: usize = 50;

/// What was met on the way.
#[derive(Debug)]
pub(in crate::schema) struct Walked {
    /// By connector: whether something can be reached that calls it.
    pub(super) used: Vec<bool>,
    /// Joins over lists that no batch serves, each with the first place where it was met.
    pub(super) per_item: Vec<PerItem>,
    /// Whether the walk came to its end.
    pub(super) is_complete: bool,
}

/// Reports fields that no connector can provide from where they are reached.
pub(in crate::schema) fn check(
    graph: &Graph,
    spans: &[Option<SourceSpan>],
    schema: &Schema,
    findings: &mut Findings,
) -> Walked {
    let mut walk = Walk::new(graph, spans, schema, Some(findings));
    walk.all();
    let is_complete = !walk.budget.is_exhausted();
    Walked { used: walk.used, per_item: walk.per_item.into_values().collect(), is_complete }
}

/// Whether there is nothing to report.
pub(in crate::schema) fn is_met(graph: &Graph, schema: &Schema) -> bool {
    let mut walk = Walk::new(graph, &[], schema, None);
    walk.all();
    walk.gaps == 0
}

/// What is known below a field, and the connector that brought it.
type Brought<'a> = (&'a Provides, ConnectorId);

/// Where a walk is: below which kind of root, whether calls for fields are writes there, and whether there can be many objects.
#[derive(Debug, Clone, Copy)]
struct Place {
    prefix: &'static str,
    is_write: bool,
    is_many: bool,
}

struct Walk<'a, 'f> {
    graph: &'a Graph,
    spans: &'a [Option<SourceSpan>],
    schema: &'a Schema,
    /// `None`: gaps are only counted, and places are not looked up.
    findings: Option<&'f mut Findings>,
    /// States that were walked, or are being walked.
    seen: HashSet<(TypeId, bool, bool, Vec<usize>)>,
    /// Fields that were reported, with the connector they were reached by.
    reported: HashSet<(FieldId, Option<ConnectorId>)>,
    gaps: usize,
    /// Names from the root to here.
    path: Vec<Arc<str>>,
    /// The connector that made the object at hand.
    origin: Option<ConnectorId>,
    budget: Budget,
    used: Vec<bool>,
    per_item: IndexMap<ConnectorId, PerItem>,
}

impl<'a, 'f> Walk<'a, 'f> {
    fn new(
        graph: &'a Graph,
        spans: &'a [Option<SourceSpan>],
        schema: &'a Schema,
        findings: Option<&'f mut Findings>,
    ) -> Self {
        Self {
            graph,
            spans,
            schema,
            findings,
            seen: HashSet::new(),
            reported: HashSet::new(),
            gaps: 0,
            path: Vec::new(),
            origin: None,
            budget: Budget::new(STEPS_MAX),
            used: vec![false; graph.connectors.len()],
            per_item: IndexMap::new(),
        }
    }

    fn all(&mut self) {
        let graph = self.graph;
        for (root, prefix) in [(Some(graph.query), ""), (graph.mutation, "mutation ")] {
            let Some(root) = root else { continue };
            for field in graph[root].fields.values() {
                self.root(*field, Place { prefix, is_write: !prefix.is_empty(), is_many: false });
            }
        }
    }
}

impl<'a> Walk<'a, '_> {
    fn root(&mut self, field: FieldId, place: Place) {
        let graph = self.graph;
        let connectors = &graph[field].connectors;
        let Some(first) = connectors.first() else {
            self.gaps += 1;
            return self.unreachable(field, &[], place);
        };
        let parts: Vec<Brought<'a>> = connectors.iter().map(|id| (&graph[*id].provides, *id)).collect();
        self.origin = Some(*first);
        for id in connectors {
            self.used[id.0 as usize] = true;
        }
        self.below(field, &parts, place);
    }

    /// Walks what a field gives. A field that writes is called through one of its connectors only.
    fn below(&mut self, field: FieldId, parts: &[Brought<'a>], place: Place) {
        let graph = self.graph;
        let ty = graph[field].ty.named();
        if graph[ty].possible.is_empty() {
            return;
        }
        self.path.push(Arc::clone(&graph[field].name));
        let namespace = parts.iter().all(|(_, id)| graph[*id].request.is_none());
        let is_many = place.is_many || is_list(&graph[field].ty);
        let inner = Place { is_write: place.is_write && namespace, is_many, ..place };
        match parts {
            [_, _, ..] if place.is_write => {
                let alone = (0..parts.len()).find(|at| self.is_enough(ty, &parts[*at..=*at], inner)).unwrap_or(0);
                self.objects(ty, &parts[alone..=alone], inner);
            }
            _ => self.objects(ty, parts, inner),
        }
        self.path.pop();
    }

    /// Whether all fields below can be had with those parts.
    fn is_enough(&mut self, ty: TypeId, parts: &[Brought<'a>], place: Place) -> bool {
        let mut trial = Walk::new(self.graph, self.spans, self.schema, None);
        trial.path.clone_from(&self.path);
        trial.budget = self.budget;
        trial.used = std::mem::take(&mut self.used);
        trial.objects(ty, parts, place);
        self.budget = trial.budget;
        self.used = trial.used;
        trial.gaps == 0
    }

    /// Walks all objects that a value of the type can be.
    fn objects(&mut self, ty: TypeId, parts: &[Brought<'a>], place: Place) {
        for object in &self.graph[ty].possible {
            self.object(*object, parts, place);
        }
    }

    fn object(&mut self, ty: TypeId, given: &[Brought<'a>], place: Place) {
        let graph = self.graph;
        let mut state: Vec<usize> = given.iter().map(|(provides, _)| std::ptr::from_ref(*provides) as usize).collect();
        state.sort_unstable();
        state.dedup();
        if self.path.len() > PATH_MAX
            || !self.budget.spend()
            || !self.seen.insert((ty, place.is_write, place.is_many, state))
        {
            return;
        }
        let before = self.origin;
        let mut known: Vec<Part<'a>> = given.iter().map(|(provides, _)| Part::Object(provides)).collect();
        let mut brought: Vec<ConnectorId> = given.iter().map(|(_, id)| *id).collect();
        for giver in graph.closure(ty, &known, &mut self.budget) {
            known.push(giver.part);
            brought.push(giver.connector);
            self.used[giver.connector.0 as usize] = true;
        }
        let mut missing = Vec::new();
        for (name, field) in &graph[ty].fields {
            let mut parts: Vec<Brought<'a>> =
                known.iter().zip(&brought).filter_map(|(part, id)| Some((part.under(name)?, *id))).collect();
            for id in &graph[*field].connectors {
                // Those that need no arguments are known already.
                if !parts.iter().any(|(_, known)| known == id) && graph.is_ready(ty, &known, *id, &mut self.budget) {
                    parts.push((&graph[*id].provides, *id));
                    self.used[id.0 as usize] = true;
                }
            }
            let is_given = known[..given.len()].iter().any(|part| part.under(name).is_some());
            if place.is_many && !is_given {
                self.note_join(name, &parts);
            }
            match parts.first() {
                None => missing.push(*field),
                Some((_, id)) => {
                    self.origin = Some(*id);
                    self.below(*field, &parts, place);
                }
            }
            self.origin = before;
        }
        self.gaps += missing.len();
        let causes: Vec<FieldId> = missing.iter().copied().filter(|field| !self.follows(*field, &missing)).collect();
        for field in if causes.is_empty() { missing } else { causes } {
            self.unreachable_from(field, &known, place);
        }
    }

    /// Whether a field cannot be had only because its connectors need another that cannot be had: to mend that one mends both.
    fn follows(&self, field: FieldId, missing: &[FieldId]) -> bool {
        let graph = self.graph;
        let needs = |id: &ConnectorId| {
            let key = &graph.own_key(*id).keys;
            missing.iter().any(|other| *other != field && key.contains_key(&graph[*other].name))
        };
        !graph[field].connectors.is_empty() && graph[field].connectors.iter().all(needs)
    }

    /// Remembers a field of many objects that only calls for one object each can bring.
    fn note_join(&mut self, field: &Arc<str>, parts: &[Brought<'a>]) {
        let graph = self.graph;
        let is_single = |id: ConnectorId| {
            let connector = &graph[id];
            let is_by_key = !connector.key.keys.is_empty();
            connector.batch.is_none() && connector.request.is_some() && is_by_key
        };
        let Some((_, first)) = parts.first() else { return };
        if parts.iter().all(|(_, id)| is_single(*id)) {
            let path = self.path.join(".");
            let field = Arc::clone(field);
            self.per_item.entry(*first).or_insert_with(|| PerItem { connector: *first, field, path });
        }
    }

    fn unreachable_from(&mut self, field: FieldId, known: &[Part<'a>], place: Place) {
        let ty = &self.graph[self.graph[field].parent];
        let there: Vec<&Arc<str>> =
            ty.fields.keys().filter(|name| known.iter().any(|part| part.under(name).is_some())).collect();
        self.unreachable(field, &there, place);
    }

    /// Reports a field that cannot be had where `there` are the names that can.
    fn unreachable(&mut self, field: FieldId, there: &[&Arc<str>], place: Place) {
        if self.findings.is_none() || self.reported.len() >= FINDINGS_MAX || !self.reported.insert((field, self.origin))
        {
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
            let prefix = place.prefix;
            format!(
                "no connector can provide `{}.{name}` where `{reached}` reaches it: `{prefix}{{ {query} }}`",
                parent.name
            )
        };
        let help = self.help(field, there);
        let definition = self.definition(field);
        let origin = self.origin.map(|origin| self.spans[origin.0 as usize]);
        let Some(findings) = &mut self.findings else { return };
        let label = match origin.flatten() {
            Some(span) => findings.label(Some(span), format!("this yields a `{}` without `{name}`", parent.name)),
            None => findings.label(definition, ""),
        };
        let mut finding = Diagnostic::error("CONNECTORS_UNSATISFIABLE", message, label).help(help);
        if origin.is_some() {
            finding.labels.push(findings.label(definition, "declared here"));
        }
        findings.push(finding);
    }

    /// What would mend it: a key of a connector that does provide the field, or else a new connector by what is known here.
    fn help(&self, field: FieldId, there: &[&Arc<str>]) -> String {
        let graph = self.graph;
        let (parent, name) = (&graph[graph[field].parent], &graph[field].name);
        if self.path.is_empty() {
            return format!("give `{name}` a connector: `@connect(…)`");
        }
        let providers = parent.connectors.iter().filter(|id| graph[**id].provides.fields.contains_key(name));
        let providers = providers.chain(&graph[field].connectors);
        let keys: Vec<String> = providers
            .map(|id| key::text(&graph[*id].key))
            .filter(|key| !key.is_empty())
            .map(|key| format!("`{key}`"))
            .collect();
        if !keys.is_empty() {
            let keys = keys.join(" or ");
            return format!("select `{name}` here, or a key by which `{}` can be completed: {keys}", parent.name);
        }
        let source = self
            .origin
            .and_then(|origin| graph[origin].source)
            .or((!graph.sources.is_empty()).then_some(crate::schema::SourceId(0)));
        let source = source.map(|source| format!("source: \"{}\", ", graph[source].name)).unwrap_or_default();
        let is_id = |at: &&&Arc<str>| {
            let ty = parent.fields.get(&***at).map(|field| &graph[graph[*field].ty.named()].kind);
            matches!(ty, Some(TypeKind::Scalar(Scalar::Id)))
        };
        let is_leaf = |at: &&&Arc<str>| {
            parent.fields.get(&***at).is_some_and(|field| graph[graph[*field].ty.named()].possible.is_empty())
        };
        let selected = if graph[graph[field].ty.named()].possible.is_empty() {
            name.to_string()
        } else {
            format!("{name} {{ … }}")
        };
        match there.iter().find(is_id).or_else(|| there.iter().find(is_leaf)) {
            Some(key) => format!(
                "select `{name}` here, or add a connector to `type {}`: \
                 `@connect({source}http: {{ GET: \"/…/{{$this.{key}}}\" }}, selection: \"{key} {selected}\")`",
                parent.name
            ),
            None => format!(
                "select `{name}` here, or select a key of `{0}` here and add a connector to `type {0}` that takes it",
                parent.name
            ),
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
