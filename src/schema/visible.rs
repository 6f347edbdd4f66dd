//! The API schema as somebody may see it: without the fields that they may not have, and what only those lead to.

use std::collections::HashSet;

use apollo_compiler::{
    Name, Node,
    ast::InputValueDefinition,
    schema::{ExtendedType, Schema},
    validation::Valid,
};

use super::{AccessId, Graph};

/// A part of the API schema, for introspection.
#[derive(Debug)]
pub struct Visible(Valid<Schema>);

impl Visible {
    /// Of a graph, without fields of some requirements. It is a valid schema, as long as a root field is left.
    pub fn of(graph: &Graph, is_hidden: impl Fn(AccessId) -> bool) -> Self {
        let mut schema = Schema::clone(&graph.schema);
        for (name, ty) in &mut schema.types {
            let Some(&id) = graph.by_name.get(name.as_str()) else { continue };
            let access = |field: &Name| graph[*graph[id].fields.get(field.as_str())?].access;
            retain_fields(ty, |field, _| !access(field).is_some_and(&is_hidden));
        }
        while remove_empty(&mut schema) {}
        while remove_unmet_interfaces(&mut schema) {}
        remove_unreachable(&mut schema);
        Self(Valid::assume_valid(schema))
    }

    /// The schema.
    pub fn schema(&self) -> &Valid<Schema> {
        &self.0
    }
}

fn retain_fields(ty: &mut ExtendedType, keep: impl Fn(&Name, &Name) -> bool) {
    let fields = match ty {
        ExtendedType::Object(object) => &mut object.make_mut().fields,
        ExtendedType::Interface(interface) => &mut interface.make_mut().fields,
        _ => return,
    };
    fields.retain(|name, field| keep(name, field.ty.inner_named_type()));
}

/// Takes out what has nothing left, and what leads there. Whether there was something.
fn remove_empty(schema: &mut Schema) -> bool {
    let query = schema.schema_definition.query.as_ref().map(|query| query.name.clone());
    let is_empty = |ty: &ExtendedType| match ty {
        ExtendedType::Object(object) => object.fields.is_empty(),
        ExtendedType::Interface(interface) => interface.fields.is_empty(),
        ExtendedType::Union(union) => union.members.is_empty(),
        _ => false,
    };
    let empty: HashSet<Name> = schema
        .types
        .iter()
        .filter(|(name, ty)| is_empty(ty) && Some(*name) != query.as_ref())
        .map(|(name, _)| name.clone())
        .collect();
    schema.types.retain(|name, _| !empty.contains(name));
    let definition = schema.schema_definition.make_mut();
    for root in [&mut definition.mutation, &mut definition.subscription] {
        if root.as_ref().is_some_and(|root| empty.contains(&root.name)) {
            *root = None;
        }
    }
    for ty in schema.types.values_mut() {
        retain_fields(ty, |_, result| !empty.contains(result));
        match ty {
            ExtendedType::Object(object) => {
                object.make_mut().implements_interfaces.retain(|interface| !empty.contains(&interface.name));
            }
            ExtendedType::Interface(interface) => {
                interface.make_mut().implements_interfaces.retain(|interface| !empty.contains(&interface.name));
            }
            ExtendedType::Union(union) => union.make_mut().members.retain(|member| !empty.contains(&member.name)),
            _ => {}
        }
    }
    !empty.is_empty()
}

/// A type that lacks a field of an interface, or one of its interfaces, no longer implements it. Whether there was one.
fn remove_unmet_interfaces(schema: &mut Schema) -> bool {
    let mut unmet: Vec<(Name, Name)> = Vec::new();
    for (name, ty) in &schema.types {
        let (fields, interfaces) = match ty {
            ExtendedType::Object(object) => (&object.fields, &object.implements_interfaces),
            ExtendedType::Interface(interface) => (&interface.fields, &interface.implements_interfaces),
            _ => continue,
        };
        for interface in interfaces {
            let Some(ExtendedType::Interface(wanted)) = schema.types.get(&interface.name) else { continue };
            let is_met = wanted.fields.keys().all(|field| fields.contains_key(field))
                && wanted.implements_interfaces.iter().all(|above| interfaces.contains(&above.name));
            if !is_met {
                unmet.push((name.clone(), interface.name.clone()));
            }
        }
    }
    for (name, interface) in &unmet {
        match schema.types.get_mut(name) {
            Some(ExtendedType::Object(object)) => {
                object.make_mut().implements_interfaces.retain(|other| other.name != *interface);
            }
            Some(ExtendedType::Interface(ty)) => {
                ty.make_mut().implements_interfaces.retain(|other| other.name != *interface);
            }
            _ => {}
        }
    }
    !unmet.is_empty()
}

/// Takes out types that no field, argument or directive leads to any more.
fn remove_unreachable(schema: &mut Schema) {
    let definition = &schema.schema_definition;
    let roots = [&definition.query, &definition.mutation, &definition.subscription];
    let mut queue: Vec<Name> = roots.into_iter().flatten().map(|root| root.name.clone()).collect();
    let arguments = |list: &[Node<InputValueDefinition>]| -> Vec<Name> {
        list.iter().map(|argument| argument.ty.inner_named_type().clone()).collect()
    };
    for directive in schema.directive_definitions.values() {
        queue.extend(arguments(&directive.arguments));
    }
    let implementers = schema.implementers_map();
    let mut reached: HashSet<Name> = HashSet::new();
    while let Some(name) = queue.pop() {
        if !reached.insert(name.clone()) {
            continue;
        }
        let fields = match schema.types.get(&name) {
            Some(ExtendedType::Object(object)) => {
                queue.extend(object.implements_interfaces.iter().map(|interface| interface.name.clone()));
                &object.fields
            }
            Some(ExtendedType::Interface(interface)) => {
                queue.extend(interface.implements_interfaces.iter().map(|interface| interface.name.clone()));
                queue.extend(implementers.get(&name).into_iter().flat_map(|found| found.iter().cloned()));
                &interface.fields
            }
            Some(ExtendedType::Union(union)) => {
                queue.extend(union.members.iter().map(|member| member.name.clone()));
                continue;
            }
            Some(ExtendedType::InputObject(input)) => {
                queue.extend(input.fields.values().map(|field| field.ty.inner_named_type().clone()));
                continue;
            }
            Some(ExtendedType::Scalar(_) | ExtendedType::Enum(_)) | None => continue,
        };
        for field in fields.values() {
            queue.push(field.ty.inner_named_type().clone());
            queue.extend(arguments(&field.arguments));
        }
    }
    schema.types.retain(|name, ty| ty.is_built_in() || reached.contains(name));
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{
        error::{Format, SourceText, render},
        schema::{File, Options, compile},
    };

    const SCHEMA: &str = r#"
extend schema
  @link(url: "https://specs.apollo.dev/federation/v2.12", import: ["@requiresScopes", "@authenticated"])
  @link(url: "https://specs.apollo.dev/connect/v0.4", import: ["@source", "@connect"])
  @source(name: "s", http: { baseURL: "http://s.example" })

type Query {
  open: String @connect(source: "s", http: { GET: "/open" }, selection: "$.text")
  nodes: [Node] @connect(source: "s", http: { GET: "/nodes" }, selection: "__typename id name owner { login }")
  any(by: Filter): [Any] @connect(source: "s", http: { GET: "/any", queryParams: "by: $args.by.color" }, selection: "__typename id name owner { login }")
}

type Mutation {
  close: String @requiresScopes(scopes: [["close"]]) @connect(source: "s", http: { POST: "/close" }, selection: "$.text")
}

input Filter { color: Color }
enum Color @requiresScopes(scopes: [["colors"]]) { RED }
interface Base { id: ID! }
interface Node implements Base { id: ID! name: String @requiresScopes(scopes: [["names"]]) owner: User @authenticated }
union Any = Book | Film
type Book implements Node & Base { id: ID! name: String owner: User }
type Film implements Node & Base @requiresScopes(scopes: [["films"]]) { id: ID! @requiresScopes(scopes: [["ids"]]) name: String owner: User }
type User { login: String @requiresScopes(scopes: [["logins"]]) }
"#;

    #[test]
    fn every_part_is_a_valid_schema() {
        let source = Arc::new(SourceText { name: "api.graphql".to_owned(), text: SCHEMA.to_owned() });
        let file = File { subgraph: "api".to_owned(), source };
        let compiled = compile(&[file], &Options::default());
        let graph = compiled.unwrap_or_else(|found| panic!("{}", render(&found, Format::Human { color: false }))).graph;
        let count = graph.access.requirements.len();
        assert!((6..12).contains(&count), "{count} requirements");
        let mut sizes = HashSet::new();
        for hidden in 0_u32..1 << count {
            let visible = Visible::of(&graph, |access| hidden >> access.0 & 1 == 1);
            let schema = visible.schema().clone().into_inner();
            sizes.insert(schema.types.len());
            let text = schema.to_string();
            if let Err(errors) = schema.validate() {
                panic!("{}\n{text}", errors.errors);
            }
        }
        assert!(sizes.len() > 3, "types come and go: {sizes:?}");
        let all = Visible::of(&graph, |_| true);
        let names = |name: &str| all.schema().types.contains_key(name);
        assert_eq!(
            ["Mutation", "Film", "User", "Query", "Book", "Filter"].map(names),
            [false, false, false, true, true, true]
        );
    }
}
