//! Who may have what: the requirements of an operation's fields, held against a caller, become a mask before anything is called.
//!
//! What depends on an object is decided when that is there: it stands behind a guard of the plan, which asks here.
//! `policy` are the expressions of `@policy`, `this` what they read of objects, `facts` what they are asked about. Where a requirement is written, and what it means for which field, the graph knows
//! (`schema::Access`).

mod check;
mod facts;
mod policy;
mod this;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, OnceLock, PoisonError},
};

use http::HeaderMap;
use indexmap::IndexSet;

use self::{
    facts::{Facts, Scope},
    policy::{Policy, Reads},
};
use super::Identity;
use crate::{
    config,
    error::{Diagnostic, ErrorCode, Refusal, Severity, denial, did_you_mean},
    execute::Judge,
    mapping::{KeyTree, Object},
    operation::{self, FieldRef, Include, Operation, Selected, Selection, VariableValues},
    plan::{Gate, Gates, Mask, Needs, Verdict},
    schema::{AccessId, Graph, Requirement, Rule},
};

/// What one configuration says of its graph's requirements.
#[derive(Debug, Default)]
pub struct Authorization {
    policies: HashMap<Arc<str>, Policy>,
    rejects: bool,
    hides: bool,
}

/// Whoever asks, and what.
#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    /// Who.
    pub identity: &'a Identity,
    /// The headers of the request.
    pub headers: &'a HeaderMap,
    /// What.
    pub operation: &'a Operation,
    /// Its variables.
    pub variables: &'a VariableValues,
}

impl Authorization {
    /// Errors: an expression that cannot be read, a policy that the schema names and nobody has written.
    pub fn new(settings: &config::Authorization, graph: &Graph) -> Result<Self, Vec<Diagnostic>> {
        let mut findings = Vec::new();
        let mut policies = HashMap::new();
        for (name, text) in &settings.policies {
            match Policy::compile(text) {
                Ok(policy) => drop(policies.insert(Arc::from(name.as_str()), policy)),
                Err(reason) => {
                    let message = format!("`authorization.policies.{name}` cannot be used: {reason}");
                    findings.push(finding("INVALID_POLICY", message));
                }
            }
        }
        for name in graph.access.policies() {
            if settings.policies.contains_key(&**name) {
                continue;
            }
            let message = format!("the schema has fields for whom the policy `{name}` holds, which is not written");
            let help = did_you_mean(name, settings.policies.keys().map(String::as_str)).unwrap_or_else(|| {
                format!("write it in the configuration: `authorization: {{ policies: {{ {name}: \"claims.sub == 'admin'\" }} }}`")
            });
            findings.push(finding("UNKNOWN_POLICY", message).help(help));
        }
        findings.extend(check::misplaced(graph, &policies));
        if findings.is_empty() {
            Ok(Self { policies, rejects: settings.reject, hides: settings.hide })
        } else {
            Err(findings)
        }
    }

    /// What a requirement depends on beside the caller.
    pub fn needs(&self, graph: &Graph, access: AccessId) -> Needs {
        let requirement = &graph.access[access];
        let arguments = self.named(requirement.rules()).any(Policy::reads_arguments);
        let mut this = KeyTree::default();
        self.named(requirement.own.iter()).for_each(|policy| this.add(policy.this()));
        Needs { arguments, this }
    }

    /// Whether an answer may depend on headers that cannot be listed.
    pub fn reads_headers(&self, graph: &Graph) -> bool {
        self.named(graph.access.requirements.iter().flat_map(Requirement::rules)).any(Policy::reads_headers)
    }

    fn named<'a>(&'a self, rules: impl Iterator<Item = &'a Rule>) -> impl Iterator<Item = &'a Policy> {
        rules.flat_map(Rule::policies).filter_map(|name| self.policies.get(name))
    }

    /// What of an operation is denied, and what depends on objects.
    ///
    /// Errors: `UNAUTHENTICATED` or `FORBIDDEN` where something that would be in the answer is denied and `authorization.reject` says so.
    pub fn judge(&self, graph: &Graph, gates: &Gates, asked: &Question<'_>) -> Result<Mask, Refusal> {
        let mut mask = Mask::default();
        let judging = self.judging(graph, gates, *asked);
        for (number, gate) in gates.gates.iter().enumerate() {
            let requirement = &graph.access[gate.access];
            let holds = |rule| judging.holds(rule, || judging.facts(number));
            let own = all(requirement.own.iter().map(holds));
            // Each field of the value asks about the value.
            let of_value = all(requirement.of_value.iter().map(holds)).unwrap_or(true);
            match own.filter(|_| of_value) {
                Some(true) => {}
                None if of_value => mask.guard(number),
                Some(false) | None => mask.deny(number),
            }
        }
        if self.rejects
            && let Some(denied) = first_denied(graph, gates, &mask, &asked.operation.selection, asked.variables)
        {
            return Err(refusal(graph, denied, asked.identity));
        }
        Ok(mask)
    }

    /// Coordinates of the fields that would be in the answer and that a mask denies, each once.
    pub fn denied(graph: &Graph, gates: &Gates, mask: &Mask, asked: &Question<'_>) -> Vec<String> {
        let mut found = IndexSet::new();
        let mut open = vec![&asked.operation.selection];
        while let Some(selection) = open.pop() {
            let fields = selection.variants.iter().flat_map(|variant| &variant.fields);
            for selected in fields.filter(|selected| is_included(&selected.include, asked.variables)) {
                if gates.verdict(graph, mask, selected) == Verdict::Denied {
                    found.insert(coordinate(graph, selected));
                } else {
                    open.extend(selected.selection.as_ref());
                }
            }
        }
        found.into_iter().collect()
    }

    /// By requirement, which fields are not shown to a caller in introspection: those that they may not have, whatever they ask and
    /// of whatever object. `None`: all are shown.
    pub fn hidden(&self, graph: &Graph, asked: Question<'_>) -> Option<Mask> {
        if !self.hides {
            return None;
        }
        let gates = Gates::default();
        let judging = self.judging(graph, &gates, asked);
        let facts = OnceLock::new();
        let facts = || {
            let all = graph.access.requirements.iter();
            facts.get_or_init(|| Facts::of_request(&asked, Scope::Anything, self.reads(all), None))
        };
        let mut hidden = Mask::default();
        for (number, requirement) in graph.access.requirements.iter().enumerate() {
            if all(requirement.rules().map(|rule| judging.holds(rule, facts))) == Some(false) {
                hidden.deny(number);
            }
        }
        (!hidden.is_empty()).then_some(hidden)
    }

    /// Decides for a request what depends on objects.
    pub fn judging<'a>(&'a self, graph: &'a Graph, gates: &'a Gates, asked: Question<'a>) -> Judging<'a> {
        let of_gates = gates.gates.iter().map(|_| OnceLock::new()).collect();
        Judging {
            authorization: self,
            graph,
            gates,
            asked,
            shared: OnceLock::new(),
            of_gates,
            closed: Mutex::default(),
        }
    }

    /// What the policies of some requirements read.
    fn reads<'r>(&'r self, requirements: impl Iterator<Item = &'r Requirement>) -> Reads {
        let policies = self.named(requirements.flat_map(Requirement::rules));
        policies.fold(Reads::default(), |all, policy| std::array::from_fn(|at| all[at] || policy.reads()[at]))
    }
}

/// The requirements of an operation's fields, held against a request.
#[derive(Debug)]
pub struct Judging<'a> {
    authorization: &'a Authorization,
    graph: &'a Graph,
    gates: &'a Gates,
    asked: Question<'a>,
    /// What the request says, for all gates that know no arguments.
    shared: OnceLock<Facts<'static>>,
    /// The same with the arguments of the others.
    of_gates: Vec<OnceLock<Facts<'static>>>,
    /// Gates that some object did not pass.
    closed: Mutex<Mask>,
}

impl Judge for Judging<'_> {
    fn allows(&self, number: usize, this: Object) -> bool {
        let gate = &self.gates.gates[number];
        let facts = self.facts(number).and_this(&this);
        let holds = |rule| self.holds(rule, || &facts);
        let allows = all(self.graph.access[gate.access].own.iter().map(holds)) == Some(true);
        if !allows {
            self.closed.lock().unwrap_or_else(PoisonError::into_inner).deny(number);
        }
        allows
    }
}

impl Judging<'_> {
    /// The gates that some object did not pass.
    pub fn into_closed(self) -> Mask {
        self.closed.into_inner().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is known at a gate before its object is.
    fn facts(&self, number: usize) -> &Facts<'static> {
        let (asked, gates) = (&self.asked, &self.gates.gates);
        let requirement = |gate: &Gate| &self.graph.access[gate.access];
        let Some((field, written)) = &gates[number].arguments else {
            return self.shared.get_or_init(|| {
                let alike = gates.iter().filter(|gate| gate.arguments.is_none()).map(requirement);
                Facts::of_request(asked, Scope::Operation, self.authorization.reads(alike), None)
            });
        };
        self.of_gates[number].get_or_init(|| {
            let reads = self.authorization.reads(std::iter::once(requirement(&gates[number])));
            let arguments = operation::arguments(self.graph, *field, written, asked.variables);
            Facts::of_request(asked, Scope::Operation, reads, Some(&arguments))
        })
    }

    /// Whether a rule holds, by `facts`; `None`: that depends on what is not known.
    fn holds<'f>(&self, rule: &Rule, facts: impl Fn() -> &'f Facts<'f>) -> Option<bool> {
        let identity = self.asked.identity;
        match rule {
            Rule::Authenticated => Some(!identity.is_anonymous()),
            Rule::Scopes(lists) => {
                Some(lists.iter().any(|scopes| scopes.iter().all(|scope| identity.has_scope(scope))))
            }
            Rule::Policies(lists) => any(lists.iter().map(|names| {
                all(names.iter().map(|name| {
                    // One that nobody has written is found at the start; here it holds for nobody.
                    let Some(policy) = self.authorization.policies.get(name) else { return Some(false) };
                    policy.holds(facts())
                }))
            })),
        }
    }
}

/// Whether all hold, as far as that is decided.
fn all(mut parts: impl Iterator<Item = Option<bool>>) -> Option<bool> {
    parts
        .try_fold(Some(true), |all, part| match part {
            Some(false) => Err(()),
            Some(true) => Ok(all),
            None => Ok(None),
        })
        .unwrap_or(Some(false))
}

/// Whether one holds, as far as that is decided.
fn any(parts: impl Iterator<Item = Option<bool>>) -> Option<bool> {
    all(parts.map(|part| part.map(|holds| !holds))).map(|none| !none)
}

/// The first field that would be in the answer and is denied.
fn first_denied<'s>(
    graph: &Graph,
    gates: &Gates,
    mask: &Mask,
    selection: &'s Selection,
    variables: &VariableValues,
) -> Option<&'s Selected> {
    let fields = selection.variants.iter().flat_map(|variant| &variant.fields);
    fields.filter(|selected| is_included(&selected.include, variables)).find_map(|selected| {
        if gates.verdict(graph, mask, selected) == Verdict::Denied {
            return Some(selected);
        }
        first_denied(graph, gates, mask, selected.selection.as_ref()?, variables)
    })
}

fn is_included(include: &Include, variables: &VariableValues) -> bool {
    match include {
        Include::Always => true,
        Include::AnyOf(alternatives) => {
            alternatives.iter().any(|clauses| clauses.iter().all(|clause| clause.holds(variables) == Some(true)))
        }
    }
}

fn refusal(graph: &Graph, denied: &Selected, identity: &Identity) -> Refusal {
    let name = coordinate(graph, denied);
    let (code, message) = denial(&name, !identity.is_anonymous());
    let mut refusal = Refusal::new(code, message);
    refusal.errors[0].locations.push(denied.location);
    if code == ErrorCode::Unauthenticated {
        refusal.challenge = Some("Bearer realm=\"weft\"".to_owned());
    }
    refusal.fields.push(name);
    refusal
}

/// `Type.field`.
fn coordinate(graph: &Graph, selected: &Selected) -> String {
    match selected.field {
        FieldRef::Field(field) => format!("{}.{}", graph[graph[field].parent].name, graph[field].name),
        FieldRef::Typename | FieldRef::Introspection => selected.key.to_string(),
    }
}

fn finding(code: &'static str, message: String) -> Diagnostic {
    Diagnostic { code, severity: Severity::Error, message, labels: Vec::new(), help: None }
}
