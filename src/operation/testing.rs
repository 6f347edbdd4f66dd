//! A graph without connectors from plain SDL, for the tests of this room.

use std::sync::Arc;

use apollo_compiler::{Schema, ast, schema::ExtendedType};
use indexmap::IndexMap;

use super::{Document, Limits, Operation, bind, literal, parse};
use crate::{
    error::Refusal,
    schema::{Argument, CacheHint, Compatibility, Costs, Field, FieldId, Graph, Scalar, Type, TypeId, TypeKind},
};

/// The schema of `tests/cases/validation`.
pub(super) fn shop() -> Graph {
    graph(include_str!("../../tests/cases/validation/schema.graphql"))
}

/// Parses and binds the only operation.
#[track_caller]
pub(super) fn bound(graph: &Graph, text: &str) -> (Document, Operation) {
    let document = parsed(graph, text).unwrap_or_else(|refusal| panic!("{text}\n{refusal:?}"));
    let operation = bind(graph, &document, None).unwrap_or_else(|refusal| panic!("{text}\n{refusal:?}"));
    (document, operation)
}

/// Parses under the default limits.
pub(super) fn parsed(graph: &Graph, text: &str) -> Result<Document, Refusal> {
    parse(graph, text, &Limits::default())
}

/// Compiles plain SDL.
#[track_caller]
pub(super) fn graph(sdl: &str) -> Graph {
    let schema = Schema::parse_and_validate(sdl, "test.graphql").unwrap_or_else(|failed| panic!("{}", failed.errors));
    let names = schema.types.keys().filter(|name| !name.starts_with("__"));
    let by_name: IndexMap<Arc<str>, TypeId> =
        (0..).zip(names).map(|(index, name)| (name.as_str().into(), TypeId(index))).collect();
    let root = |operation| schema.root_operation(operation).map(|name| by_name[name.as_str()]);
    let mut graph = Graph {
        types: Vec::new(),
        fields: Vec::new(),
        sources: Vec::new(),
        connectors: Vec::new(),
        query: root(ast::OperationType::Query).expect("a query type"),
        mutation: root(ast::OperationType::Mutation),
        by_name,
        schema: schema.clone(),
        compatibility: Compatibility::Default,
        costs: Costs::default(),
        access: crate::schema::Access::default(),
        redaction: crate::schema::Redaction::default(),
    };
    for name in graph.by_name.keys().cloned().collect::<Vec<_>>() {
        let row = row(&mut graph, &schema, &name);
        graph.types.push(row);
    }
    // Input fields first, then again: defaults may hold input objects with defaults.
    for _ in 0..2 {
        for index in 0..graph.types.len() {
            if let TypeKind::InputObject { fields } = graph.types[index].kind.clone() {
                let definition = schema.get_input_object(&graph.types[index].name).expect("is in the schema");
                let written = definition.fields.values().map(|field| &***field).collect::<Vec<_>>();
                let fields = with_defaults(&graph, &fields, &written);
                graph.types[index].kind = TypeKind::InputObject { fields };
            }
        }
    }
    for index in 0..graph.fields.len() {
        let field = &graph.fields[index];
        let definition = schema.type_field(&graph[field.parent].name, &field.name).expect("is in the schema");
        let written = definition.arguments.iter().map(|argument| &**argument).collect::<Vec<_>>();
        graph.fields[index].arguments = with_defaults(&graph, &graph.fields[index].arguments, &written);
    }
    graph
}

fn row(graph: &mut Graph, schema: &Schema, name: &Arc<str>) -> Type {
    let id = graph.by_name[name];
    let mut fields = IndexMap::new();
    let mut possible = Vec::new();
    let kind = match &schema.types[&**name] {
        ExtendedType::Scalar(_) => TypeKind::Scalar(match &**name {
            "Int" => Scalar::Int,
            "Float" => Scalar::Float,
            "String" => Scalar::String,
            "Boolean" => Scalar::Boolean,
            "ID" => Scalar::Id,
            _ => Scalar::Custom,
        }),
        ExtendedType::Enum(definition) => {
            TypeKind::Enum { values: definition.values.keys().map(|value| value.as_str().into()).collect() }
        }
        ExtendedType::InputObject(definition) => {
            TypeKind::InputObject { fields: definition.fields.values().map(|field| argument(graph, field)).collect() }
        }
        ExtendedType::Union(definition) => {
            possible.extend(definition.members.iter().map(|member| graph.by_name[member.as_str()]));
            TypeKind::Union
        }
        ExtendedType::Object(definition) => {
            possible.push(id);
            add_fields(graph, id, definition.fields.values().map(|field| &***field), &mut fields);
            TypeKind::Object
        }
        ExtendedType::Interface(definition) => {
            let implementers = schema.implementers_map();
            let objects = implementers.get(&**name).map(|found| &found.objects).into_iter().flatten();
            possible.extend(objects.map(|object| graph.by_name[object.as_str()]));
            possible.sort();
            add_fields(graph, id, definition.fields.values().map(|field| &***field), &mut fields);
            TypeKind::Interface
        }
    };
    Type {
        name: name.clone(),
        kind,
        fields,
        possible,
        connectors: Vec::new(),
        own: Vec::new(),
        caching: CacheHint::default(),
    }
}

fn add_fields<'a>(
    graph: &mut Graph,
    parent: TypeId,
    definitions: impl Iterator<Item = &'a ast::FieldDefinition>,
    fields: &mut IndexMap<Arc<str>, FieldId>,
) {
    for definition in definitions {
        let id = FieldId(u32::try_from(graph.fields.len()).expect("a small schema"));
        let name: Arc<str> = definition.name.as_str().into();
        let arguments = definition.arguments.iter().map(|one| argument(graph, one)).collect();
        let ty = literal::type_ref(graph, &definition.ty).expect("a known type");
        graph.fields.push(Field {
            name: name.clone(),
            parent,
            ty,
            arguments,
            connectors: Vec::new(),
            caching: CacheHint::default(),
            access: None,
        });
        fields.insert(name, id);
    }
}

fn argument(graph: &Graph, definition: &ast::InputValueDefinition) -> Argument {
    let ty = literal::type_ref(graph, &definition.ty).expect("a known type");
    Argument { name: definition.name.as_str().into(), ty, default: None }
}

fn with_defaults(graph: &Graph, arguments: &[Argument], written: &[&ast::InputValueDefinition]) -> Vec<Argument> {
    let both = arguments.iter().zip(written);
    both.map(|(argument, written)| Argument {
        default: written.default_value.as_ref().map(|value| literal::constant(graph, value, &argument.ty)),
        ..argument.clone()
    })
    .collect()
}
