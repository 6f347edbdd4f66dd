//! The merged schema as tables: types, fields and arguments by id.

use std::sync::Arc;

use apollo_compiler::{
    Name, Node, Schema,
    ast::{self, InputValueDefinition},
    schema::ExtendedType,
};
use indexmap::IndexMap;

use super::{Argument, Field, FieldId, Scalar, Type, TypeId, TypeKind, TypeRef, directive::caching::hint};
use crate::mapping::{Number, Object, Value};

/// Nesting of default values beyond which they are cut to null.
const DEPTH_MAX: usize = 32;

/// Types and fields, related by ids.
#[derive(Debug, Default)]
pub(super) struct Tables {
    pub(super) types: Vec<Type>,
    pub(super) fields: Vec<Field>,
    pub(super) by_name: IndexMap<Arc<str>, TypeId>,
}

/// Numbers everything in the schema, also what clients do not see: connectors may need it. What a value can be for a client (enum
/// values, members of abstract types) is what the API has.
pub(super) fn build(schema: &Schema, api: &Schema) -> Tables {
    let mut tables = Tables::default();
    for name in ["String", "Int", "Float", "Boolean", "ID"] {
        let id = TypeId(index(tables.by_name.len()));
        tables.by_name.insert(Arc::from(name), id);
    }
    for name in schema.types.keys().filter(|name| !name.starts_with("__")) {
        let id = TypeId(index(tables.by_name.len()));
        tables.by_name.entry(Arc::from(name.as_str())).or_insert(id);
    }
    let names: Vec<Arc<str>> = tables.by_name.keys().map(Arc::clone).collect();
    for name in names {
        let ty = tables.one(schema, api, &name);
        tables.types.push(ty);
    }
    tables
}

fn index(len: usize) -> u32 {
    u32::try_from(len).expect("a schema has fewer than four billion elements")
}

impl Tables {
    fn one(&mut self, schema: &Schema, api: &Schema, name: &Arc<str>) -> Type {
        let id = self.by_name[name];
        let mut fields = IndexMap::new();
        let mut possible = Vec::new();
        let kind = match schema.types.get(&**name) {
            Some(ExtendedType::Object(object)) => {
                possible.push(id);
                for field in object.fields.values() {
                    fields.insert(Arc::from(field.name.as_str()), self.field(schema, field, id));
                }
                TypeKind::Object
            }
            Some(ExtendedType::Interface(interface)) => {
                for field in interface.fields.values() {
                    fields.insert(Arc::from(field.name.as_str()), self.field(schema, field, id));
                }
                possible = self.possible(api, name);
                TypeKind::Interface
            }
            Some(ExtendedType::Union(_)) => {
                possible = self.possible(api, name);
                TypeKind::Union
            }
            Some(ExtendedType::Enum(values)) => {
                let values = api.get_enum(name).unwrap_or(values);
                TypeKind::Enum { values: values.values.keys().map(|value| Arc::from(value.as_str())).collect() }
            }
            Some(ExtendedType::InputObject(input)) => TypeKind::InputObject {
                fields: input.fields.values().map(|field| self.argument(schema, field)).collect(),
            },
            Some(ExtendedType::Scalar(_)) | None => TypeKind::Scalar(match &**name {
                "Int" => Scalar::Int,
                "Float" => Scalar::Float,
                "String" => Scalar::String,
                "Boolean" => Scalar::Boolean,
                "ID" => Scalar::Id,
                _ => Scalar::Custom,
            }),
        };
        let written = schema.types.get(&**name).into_iter();
        let caching = hint(written.flat_map(|ty| ty.directives().iter()).map(|directive| &***directive));
        Type { name: Arc::clone(name), kind, fields, possible, connectors: Vec::new(), own: Vec::new(), caching }
    }

    fn possible(&self, api: &Schema, name: &str) -> Vec<TypeId> {
        let objects = api.types.iter().filter(|(_, ty)| ty.is_object());
        let members = objects.filter(|(member, _)| api.is_subtype(name, member));
        members.filter_map(|(member, _)| self.by_name.get(member.as_str()).copied()).collect()
    }

    fn field(&mut self, schema: &Schema, field: &ast::FieldDefinition, parent: TypeId) -> FieldId {
        let id = FieldId(index(self.fields.len()));
        let lowered = Field {
            name: Arc::from(field.name.as_str()),
            parent,
            ty: self.ty(&field.ty),
            arguments: field.arguments.iter().map(|argument| self.argument(schema, argument)).collect(),
            connectors: Vec::new(),
            caching: hint(field.directives.iter().map(|directive| &**directive)),
            access: None,
        };
        self.fields.push(lowered);
        id
    }

    fn argument(&self, schema: &Schema, argument: &InputValueDefinition) -> Argument {
        let default = argument.default_value.as_ref();
        Argument {
            name: Arc::from(argument.name.as_str()),
            ty: self.ty(&argument.ty),
            default: default.map(|value| coerce(schema, &argument.ty, value, DEPTH_MAX)),
        }
    }

    fn ty(&self, ty: &ast::Type) -> TypeRef {
        match ty {
            ast::Type::Named(name) => TypeRef::Named { ty: self.id(name), non_null: false },
            ast::Type::NonNullNamed(name) => TypeRef::Named { ty: self.id(name), non_null: true },
            ast::Type::List(item) => TypeRef::List { item: Box::new(self.ty(item)), non_null: false },
            ast::Type::NonNullList(item) => TypeRef::List { item: Box::new(self.ty(item)), non_null: true },
        }
    }

    fn id(&self, name: &Name) -> TypeId {
        *self.by_name.get(name.as_str()).expect("a validated schema names only types that exist")
    }
}

/// A literal of a valid schema as the value of its type (GraphQL October 2021, 3.12): single values become lists, enum values
/// text, and input objects are filled with their defaults.
fn coerce(schema: &Schema, ty: &ast::Type, value: &Node<ast::Value>, depth: usize) -> Value {
    let Some(depth) = depth.checked_sub(1) else { return Value::Null };
    if value.is_null() {
        return Value::Null;
    }
    if let ast::Type::List(item) | ast::Type::NonNullList(item) = ty {
        return match value.as_list() {
            Some(items) => Value::Array(items.iter().map(|value| coerce(schema, item, value, depth)).collect()),
            None => Value::Array(vec![coerce(schema, item, value, depth)]),
        };
    }
    let name = ty.inner_named_type();
    if let (Some(ExtendedType::InputObject(input)), Some(members)) = (schema.types.get(name), value.as_object()) {
        let mut object = Object::new();
        for field in input.fields.values() {
            let written = members.iter().find(|(name, _)| *name == field.name).map(|(_, value)| value);
            if let Some(value) = written.or(field.default_value.as_ref()) {
                object.insert(field.name.to_string(), coerce(schema, &field.ty, value, depth));
            }
        }
        return Value::Object(object);
    }
    literal(value, name == "ID", depth)
}

/// A literal by itself.
fn literal(value: &ast::Value, is_id: bool, depth: usize) -> Value {
    let Some(depth) = depth.checked_sub(1) else { return Value::Null };
    let number = |text: &str| match Number::from_text(text) {
        Some(number) if !is_id => Value::Number(number),
        _ => Value::String(text.to_owned()),
    };
    match value {
        ast::Value::Null | ast::Value::Variable(_) => Value::Null,
        ast::Value::Boolean(value) => Value::Bool(*value),
        ast::Value::Int(value) => number(value.as_str()),
        ast::Value::Float(value) => number(value.as_str()),
        ast::Value::String(text) => Value::String(text.clone()),
        ast::Value::Enum(name) => Value::String(name.to_string()),
        ast::Value::List(items) => Value::Array(items.iter().map(|item| literal(item, false, depth)).collect()),
        ast::Value::Object(members) => Value::Object(
            members.iter().map(|(name, value)| (name.to_string(), literal(value, false, depth))).collect(),
        ),
    }
}
