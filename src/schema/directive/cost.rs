//! `@cost` and `@listSize`: what a field weighs and how long a list gets.
//!
//! Source: GraphQL Cost Directives (IBM's draft of 2021), with the federation spec's `weight: Int!`. A document has them by its
//! federation link, or defines them itself as the draft writes them (`weight: String!`, whole numbers here).
//! Not here: what an operation costs (`policy`).

use std::{collections::HashMap, sync::Arc};

use apollo_compiler::{
    Node,
    ast::{Directive, DirectiveList, FieldDefinition, InputValueDefinition, Type, Value},
    schema::ExtendedType,
};

use crate::{
    error::did_you_mean,
    schema::{
        FieldId, TypeId, document::Document, document::known_names, findings::Findings, merge::Renames, tables::Tables,
    },
};

/// What the cost directives of all files say; what no directive weighs has no entry. Where two files weigh one thing, the larger counts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Costs {
    /// Weights of objects, enums and scalars.
    pub types: HashMap<TypeId, u64>,
    /// Output fields.
    pub fields: HashMap<FieldId, FieldCost>,
    /// Weights of input fields, by input type and name.
    pub inputs: HashMap<TypeId, HashMap<Arc<str>, u64>>,
}

/// What the directives on one field say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FieldCost {
    /// `@cost` of the field; it counts instead of its type's.
    pub weight: Option<u64>,
    /// `@cost` of its arguments, by name.
    pub arguments: HashMap<Arc<str>, u64>,
    /// `@listSize`.
    pub list: Option<ListSize>,
}

/// One `@listSize`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ListSize {
    /// Items where no slicing argument is given.
    pub assumed: Option<u64>,
    /// Arguments that say how many items come, as paths into input objects. A list counts its own items.
    pub slicing: Vec<Vec<Arc<str>>>,
    /// Fields of the returned object that are the lists; empty: the field is.
    pub sized: Vec<Arc<str>>,
    /// Exactly one slicing argument has to be given.
    pub one_required: bool,
}

/// Reports wrong uses in one document.
pub(in crate::schema) fn check(document: &Document, findings: &mut Findings) {
    for ty in document.schema.types.values().filter(|ty| !ty.is_built_in()) {
        let mut weigh = |directives: Option<&Node<Directive>>, what: &dyn Fn() -> String| {
            if let Some(directive) = directives {
                check_weight(directive, what, findings);
            }
        };
        let name = document.names.cost.as_deref().unwrap_or_default();
        weigh(ty.directives().get(name).map(|directive| &directive.node), &|| ty.name().to_string());
        if let ExtendedType::InputObject(input) = ty {
            for field in input.fields.values() {
                weigh(field.directives.get(name), &|| format!("{}.{}", ty.name(), field.name));
            }
        }
        for field in fields(ty) {
            weigh(field.directives.get(name), &|| format!("{}.{}", ty.name(), field.name));
            for argument in &field.arguments {
                let place = || format!("{}.{}({}:)", ty.name(), field.name, argument.name);
                weigh(argument.directives.get(name), &place);
            }
        }
        let Some(name) = &document.names.list_size else { continue };
        for field in fields(ty) {
            if let Some(directive) = field.directives.get(name) {
                let place = format!("{}.{}", ty.name(), field.name);
                Sizes { document, field, directive, place: &place, findings }.check();
            }
        }
    }
}

/// Reads the directives of all documents.
pub(in crate::schema) fn read(documents: &[&Document], renames: &[Renames], tables: &Tables) -> Costs {
    let mut costs = Costs::default();
    for (document, renames) in documents.iter().zip(renames) {
        for (name, ty) in document.schema.types.iter().filter(|(_, ty)| !ty.is_built_in()) {
            let name = renames.get(name).unwrap_or(name);
            if let Some(&id) = tables.by_name.get(name.as_str()) {
                costs.add(document, ty, id, tables);
            }
        }
    }
    costs.inherit(tables);
    costs
}

impl Costs {
    fn add(&mut self, document: &Document, ty: &ExtendedType, id: TypeId, tables: &Tables) {
        let cost = document.names.cost.as_deref().unwrap_or_default();
        let of_type = ty.directives().get(cost).and_then(|directive| weight(directive));
        let weight_of = |directives: &DirectiveList| directives.get(cost).and_then(|directive| weight(directive));
        if let Some(weight) = of_type {
            raise(self.types.entry(id).or_default(), weight);
        }
        if let ExtendedType::InputObject(input) = ty {
            for field in input.fields.values() {
                let Some(weight) = weight_of(&field.directives) else { continue };
                let known = self.inputs.entry(id).or_default();
                raise(known.entry(field.name.as_str().into()).or_default(), weight);
            }
        }
        for field in fields(ty) {
            let Some(&id) = tables.types[id.0 as usize].fields.get(field.name.as_str()) else { continue };
            let mut of_field = FieldCost { weight: weight_of(&field.directives), ..FieldCost::default() };
            for argument in &field.arguments {
                if let Some(weight) = weight_of(&argument.directives) {
                    of_field.arguments.insert(argument.name.as_str().into(), weight);
                }
            }
            let list = document.names.list_size.as_deref().and_then(|name| field.directives.get(name));
            of_field.list = list.map(|directive| list_size(directive));
            if of_field != FieldCost::default() {
                self.fields.entry(id).or_default().join(of_field);
            }
        }
    }

    /// A field of an object type is as its interface says where it says nothing itself.
    fn inherit(&mut self, tables: &Tables) {
        let mut inherited = Vec::new();
        for interface in tables.types.iter().filter(|ty| ty.kind == crate::schema::TypeKind::Interface) {
            for (name, id) in &interface.fields {
                let Some(cost) = self.fields.get(id) else { continue };
                let objects = interface.possible.iter().map(|object| &tables.types[object.0 as usize]);
                inherited.extend(objects.filter_map(|object| Some((*object.fields.get(name)?, cost.clone()))));
            }
        }
        for (id, cost) in inherited {
            let own = self.fields.entry(id).or_default();
            own.weight = own.weight.or(cost.weight);
            own.list = own.list.take().or(cost.list);
            for (name, weight) in cost.arguments {
                own.arguments.entry(name).or_insert(weight);
            }
        }
    }
}

impl FieldCost {
    fn join(&mut self, other: Self) {
        self.weight = self.weight.max(other.weight);
        self.list = self.list.take().or(other.list);
        for (name, weight) in other.arguments {
            raise(self.arguments.entry(name).or_default(), weight);
        }
    }
}

fn raise(known: &mut u64, weight: u64) {
    *known = weight.max(*known);
}

fn fields(ty: &ExtendedType) -> impl Iterator<Item = &FieldDefinition> {
    let fields = match ty {
        ExtendedType::Object(object) => Some(&object.fields),
        ExtendedType::Interface(interface) => Some(&interface.fields),
        _ => None,
    };
    fields.into_iter().flat_map(|fields| fields.values()).map(|field| &***field)
}

fn weight(directive: &Directive) -> Option<u64> {
    let value = directive.specified_argument_by_name("weight")?;
    match &**value {
        Value::Int(number) => number.as_str().parse().ok(),
        Value::String(text) => text.parse().ok(),
        _ => None,
    }
}

fn names<'a>(directive: &'a Directive, argument: &str) -> impl Iterator<Item = (&'a str, &'a Node<Value>)> {
    let items = super::argument(directive, argument).map(super::elements).unwrap_or_default();
    items.iter().filter_map(|item| Some((item.as_str()?, item)))
}

fn list_size(directive: &Directive) -> ListSize {
    let assumed = directive.specified_argument_by_name("assumedSize").and_then(|value| value.to_i32());
    let one_required = directive.specified_argument_by_name("requireOneSlicingArgument");
    let slicing: Vec<_> =
        names(directive, "slicingArguments").map(|(path, _)| path.split('.').map(Arc::from).collect()).collect();
    ListSize {
        assumed: assumed.and_then(|size| u64::try_from(size).ok()),
        one_required: !slicing.is_empty() && one_required.and_then(|value| value.to_bool()).unwrap_or(true),
        slicing,
        sized: names(directive, "sizedFields").map(|(name, _)| Arc::from(name)).collect(),
    }
}

fn check_weight(directive: &Node<Directive>, place: &dyn Fn() -> String, findings: &mut Findings) {
    if weight(directive).is_none() {
        let message = format!("`@{}` of `{}` has no weight that can be used", directive.name, place());
        let help = Some("weights are whole numbers from 0; what is free has the weight 0".to_owned());
        let value = directive.specified_argument_by_name("weight").and_then(Node::location);
        findings.error_with_help("INVALID_COST", message, value.or(directive.location()), help);
    }
}

/// The checks of one `@listSize`.
struct Sizes<'a> {
    document: &'a Document,
    field: &'a FieldDefinition,
    directive: &'a Node<Directive>,
    place: &'a str,
    findings: &'a mut Findings,
}

impl Sizes<'_> {
    fn check(mut self) {
        let directive = self.directive;
        if let Some(value) = directive.specified_argument_by_name("assumedSize")
            && value.to_i32().is_some_and(|size| size < 0)
        {
            self.find("a list cannot be assumed to have less than 0 items", Some(value), "write a number from 0");
        }
        let mut has_slicing = false;
        for (path, value) in names(directive, "slicingArguments") {
            has_slicing = true;
            self.check_slicing(path, value);
        }
        let has_assumed =
            directive.specified_argument_by_name("assumedSize").is_some_and(|value| value.to_i32().is_some());
        if !has_slicing && !has_assumed {
            let help = "give `assumedSize`, `slicingArguments`, or both";
            self.find("nothing says how long the list is", None, help);
        }
        let mut is_sized = false;
        for (name, value) in names(directive, "sizedFields") {
            is_sized = true;
            self.check_sized(name, value);
        }
        if !is_sized && !self.field.ty.is_list() {
            let help = "name the fields of it that are lists in `sizedFields`, or remove the directive";
            self.find("the field is no list", None, help);
        } else if is_sized && self.field.ty.is_list() {
            let help = "remove `sizedFields`, and put a `@listSize` on the lists inside";
            self.find("the field is a list itself, so `sizedFields` cannot be", None, help);
        }
    }

    fn find(&mut self, message: &str, value: Option<&Node<Value>>, help: &str) {
        let span = value.and_then(Node::location).or(self.directive.location());
        let message = format!("`@{}` of `{}`: {message}", self.directive.name, self.place);
        self.findings.error_with_help("INVALID_LIST_SIZE", message, span, Some(help.to_owned()));
    }

    /// A path leads through input objects to a number or a list.
    fn check_slicing(&mut self, path: &str, value: &Node<Value>) {
        let mut known: Vec<&InputValueDefinition> = self.field.arguments.iter().map(|argument| &**argument).collect();
        let mut ty: Option<&Type> = None;
        for step in path.split('.') {
            let Some(found) = known.iter().find(|argument| argument.name == step) else {
                let names: Vec<&str> = known.iter().map(|argument| argument.name.as_str()).collect();
                let help = known_names(step, names).unwrap_or_else(|| "the field has no arguments".to_owned());
                return self.find(&format!("there is no argument `{step}`"), Some(value), &help);
            };
            ty = Some(&found.ty);
            known = match self.document.schema.types.get(found.ty.inner_named_type()) {
                Some(ExtendedType::InputObject(input)) if !found.ty.is_list() => {
                    input.fields.values().map(|field| &***field).collect()
                }
                _ => Vec::new(),
            };
        }
        if !ty.is_some_and(|ty| ty.is_list() || ty.inner_named_type() == "Int") {
            let help = "a slicing argument is an `Int`, or a list whose items are counted";
            self.find(&format!("`{path}` does not say how many"), Some(value), help);
        }
    }

    fn check_sized(&mut self, name: &str, value: &Node<Value>) {
        let of = self.document.schema.types.get(self.field.ty.inner_named_type());
        let all: Vec<&FieldDefinition> = of.into_iter().flat_map(fields).collect();
        match all.iter().find(|field| field.name == name) {
            None => {
                let ty = self.field.ty.inner_named_type();
                let help = did_you_mean(name, all.iter().map(|field| field.name.as_str()));
                let help = help.unwrap_or_else(|| format!("`sizedFields` are fields of `{ty}` that are lists"));
                self.find(&format!("`{ty}` has no field `{name}`"), Some(value), &help);
            }
            Some(field) if !field.ty.is_list() => {
                self.find(
                    &format!("`{name}` is no list"),
                    Some(value),
                    "`sizedFields` names the fields that are lists",
                );
            }
            Some(_) => {}
        }
    }
}
