//! `@interfaceObject`: a file adds fields to every type that implements an interface of another file, without naming those types.
//!
//! `type Media @interfaceObject { id: ID! stars: Int @connect(…) }` beside a file with `interface Media` is read as if each type that
//! implements it there had those fields and connectors here. An object's type is known from where it came from, so nothing is asked twice.
//! Not here: objects that this file alone would make. Which type such a one is nobody knows; their selection has to say it.

use std::collections::HashSet;

use apollo_compiler::{
    Name, Node,
    ast::{Definition, Directive, Document as Ast, FieldDefinition, InterfaceTypeDefinition, ObjectTypeExtension},
};
use indexmap::{IndexMap, IndexSet};

use super::link::Link;

/// Interfaces by name, with the object types that implement them, over all files.
#[derive(Debug, Default)]
pub(super) struct Interfaces(IndexMap<Name, IndexSet<Name>>);

impl Interfaces {
    /// What all files together declare.
    pub(super) fn of(files: &[&Ast]) -> Self {
        let definitions = || files.iter().flat_map(|file| &file.definitions);
        let mut interfaces: IndexMap<Name, IndexSet<Name>> = definitions()
            .filter_map(|definition| match definition {
                Definition::InterfaceTypeDefinition(interface) => Some((interface.name.clone(), IndexSet::new())),
                _ => None,
            })
            .collect();
        for definition in definitions() {
            let (name, implements) = match definition {
                Definition::ObjectTypeDefinition(ty) => (&ty.name, &ty.implements_interfaces),
                Definition::ObjectTypeExtension(ty) => (&ty.name, &ty.implements_interfaces),
                _ => continue,
            };
            for interface in implements {
                if let Some(members) = interfaces.get_mut(interface) {
                    members.insert(name.clone());
                }
            }
        }
        Self(interfaces)
    }
}

/// Rewrites the types of a file that stand for interfaces of others; their names.
pub(super) fn expand(ast: &mut Ast, federation: Option<&Link>, connect: &str, known: &Interfaces) -> HashSet<Name> {
    let Some(marker) = federation.map(|link| link.directive("interfaceObject", "federation")) else {
        return HashSet::new();
    };
    let mut expanded = HashSet::new();
    let mut added = Vec::new();
    ast.definitions.retain(|definition| {
        let Definition::ObjectTypeDefinition(ty) = definition else { return true };
        let members = known.0.get(&ty.name).filter(|members| !members.is_empty());
        let (true, Some(members)) = (ty.directives.has(&marker), members) else { return true };
        expanded.insert(ty.name.clone());
        added.push(Definition::InterfaceTypeDefinition(Node::new(InterfaceTypeDefinition {
            description: ty.description.clone(),
            name: ty.name.clone(),
            implements_interfaces: Vec::new(),
            directives: without(&ty.directives.0, &[&marker, connect]).collect(),
            fields: ty.fields.iter().map(|field| without_connectors(field, connect)).collect(),
        })));
        for (at, member) in members.iter().enumerate() {
            let mut directives: Vec<Node<Directive>> = without(&ty.directives.0, &[&marker]).collect();
            let mut fields = ty.fields.clone();
            if at > 0 {
                // An `id` names one connector.
                let fields = fields.iter_mut().flat_map(|field| field.make_mut().directives.0.iter_mut());
                fields.chain(&mut directives).filter(|it| it.name == connect).for_each(without_id);
            }
            added.push(Definition::ObjectTypeExtension(Node::new(ObjectTypeExtension {
                name: member.clone(),
                implements_interfaces: vec![ty.name.clone()],
                directives: directives.into_iter().collect(),
                fields,
            })));
        }
        false
    });
    ast.definitions.extend(added);
    expanded
}

fn without<'a>(directives: &'a [Node<Directive>], names: &'a [&str]) -> impl Iterator<Item = Node<Directive>> + 'a {
    directives.iter().filter(|directive| !names.contains(&directive.name.as_str())).cloned()
}

fn without_connectors(field: &Node<FieldDefinition>, connect: &str) -> Node<FieldDefinition> {
    let mut field = field.clone();
    field.make_mut().directives.0.retain(|directive| directive.name != connect);
    field
}

fn without_id(connector: &mut Node<Directive>) {
    connector.make_mut().arguments.retain(|argument| argument.name != "id");
}
