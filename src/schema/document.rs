//! One SDL file, read: parsed, its links resolved, definitions of the specs added, validated as GraphQL.

use std::{collections::HashSet, sync::Arc};

use apollo_compiler::{
    Name, Node, Schema,
    ast::{Definition, Document as Ast, ObjectTypeDefinition, OperationType},
    parser::Parser,
    schema::{ExtendedType, SchemaBuilder},
};

use super::{
    File,
    check::federation::WITHOUT_EFFECT,
    findings::Findings,
    interface_object::{self, Interfaces},
    link::{self, Link, Links},
    prelude,
    words::Known,
};
use crate::{
    error::{Diagnostic, SourceText, did_you_mean},
    mapping::Version,
};

/// Name of the query root that stands in for a missing one. It holds nothing and is dropped when documents are merged.
pub(super) const NO_QUERY: &str = "Query";
/// The only field of that root.
pub(super) const NO_QUERY_FIELD: &str = "_weft_nothing";

/// Nesting of the document beyond which the parser gives up.
const RECURSION_MAX: usize = 128;

/// Names in a document of what the specs define.
#[derive(Debug, Clone)]
pub(super) struct Names {
    pub(super) source: String,
    pub(super) connect: String,
    pub(super) key: Option<String>,
    pub(super) inaccessible: Option<String>,
    pub(super) cache_tag: String,
    pub(super) cost: Option<String>,
    pub(super) list_size: Option<String>,
    /// Those that say who may have something.
    pub(super) access: Option<AccessNames>,
    /// Federation directives without effect, each with what to do instead.
    pub(super) without_effect: Vec<(String, &'static str)>,
}

/// Names in a document of the directives that say who may have something.
#[derive(Debug, Clone)]
pub(super) struct AccessNames {
    pub(super) authenticated: String,
    pub(super) requires_scopes: String,
    pub(super) policy: String,
}

/// A valid GraphQL document with its links.
#[derive(Debug)]
pub(super) struct Document {
    /// Subgraph name.
    pub(super) subgraph: Arc<str>,
    /// The file.
    pub(super) source: Arc<SourceText>,
    /// The schema, spec definitions included.
    pub(super) schema: Schema,
    /// `None` for a document without a connect link: it has no connectors.
    pub(super) version: Option<Version>,
    /// Names of directives.
    pub(super) names: Names,
    /// Names of directive definitions and types that belong to the specs, not to the API.
    pub(super) machinery: HashSet<String>,
    /// Interfaces that it declares by `@interfaceObject` only.
    pub(super) interface_objects: HashSet<Name>,
}

/// Reads files. Those that are too broken for further checks are left out; the findings say why.
pub(super) fn read_all(files: &[File], findings: &mut Findings) -> Vec<Document> {
    // Every file is parsed first, so that all syntax errors are seen at once.
    let parsed: Vec<(&File, Ast)> =
        files.iter().filter_map(|file| parse(file, findings).map(|ast| (file, ast))).collect();
    let interfaces = Interfaces::of(&parsed.iter().map(|(_, ast)| ast).collect::<Vec<_>>());
    parsed.into_iter().filter_map(|(file, ast)| read(file, ast, &interfaces, findings)).collect()
}

fn read(file: &File, mut ast: Ast, interfaces: &Interfaces, findings: &mut Findings) -> Option<Document> {
    let links = link::read(&ast);
    let bad_names = links.bad_names();
    for (name, span) in &bad_names {
        let help = Some("use letters, digits and `_`, and begin with no digit".to_owned());
        findings.error_with_help("INVALID_LINK_IDENTIFIER", format!("`{name}` is no GraphQL name"), *span, help);
    }
    if !bad_names.is_empty() {
        return None;
    }
    let version = match &links.connect {
        None => None,
        Some(connect) => Some(known_version(connect, findings)?),
    };
    if let Some(federation) = &links.federation {
        refuse_context(federation, findings);
    }
    drop_unimported_source(&mut ast, &links, findings);
    let connect = links.connect.as_ref().map(|link| link.directive("connect", "connect")).unwrap_or_default();
    let interface_objects = interface_object::expand(&mut ast, links.federation.as_ref(), &connect, interfaces);
    let own: HashSet<String> = ast.definitions.iter().filter_map(definition_name).collect();
    let mut added = Parser::new().parse_ast(prelude::sdl(&links), "prelude.graphql").expect("the prelude is valid SDL");
    let machinery = added.definitions.iter().filter_map(definition_name).filter(|name| name != "@oneOf").collect();
    check_written(&ast, &added, &links, findings);
    added.definitions.retain(|definition| definition_name(definition).is_none_or(|name| !own.contains(&name)));
    add_missing_query(&ast, &mut added);

    let built = SchemaBuilder::new().adopt_orphan_extensions().add_ast(&ast).add_ast(&added).build();
    let schema = match built
        .map_err(|broken| broken.errors)
        .and_then(|schema| schema.validate().map_err(|broken| broken.errors))
    {
        Ok(schema) => schema.into_inner(),
        Err(errors) => {
            findings.adopt(&errors, false, &Known::of(&[&ast, &added]));
            return None;
        }
    };
    let name = |link: &Option<Link>, name: &str| link.as_ref().map(|link| link.directive(name, "connect"));
    // Who defines them as the cost directives' draft does needs no link.
    let name_or_own = |wanted: &str| {
        if own.contains(&format!("@{wanted}")) { Some(wanted.to_owned()) } else { name(&links.federation, wanted) }
    };
    Some(Document {
        subgraph: Arc::from(file.subgraph.as_str()),
        source: Arc::clone(&file.source),
        schema,
        version,
        names: Names {
            source: name(&links.connect, "source").unwrap_or_default(),
            connect,
            key: name(&links.federation, "key"),
            inaccessible: name(&links.federation, "inaccessible"),
            cache_tag: name(&links.federation, "cacheTag").unwrap_or_else(|| "cacheTag".to_owned()),
            cost: name_or_own("cost"),
            list_size: name_or_own("listSize"),
            access: links.federation.as_ref().map(access_names),
            without_effect: links.federation.as_ref().map(without_effect).unwrap_or_default(),
        },
        machinery,
        interface_objects,
    })
}

/// Whether a file has a query field of its own.
pub(super) fn has_query(document: &Document) -> bool {
    let root = document.schema.root_operation(OperationType::Query).and_then(|name| document.schema.types.get(name));
    matches!(root, Some(ExtendedType::Object(query)) if query.fields.keys().any(|field| field != NO_QUERY_FIELD))
}

fn access_names(federation: &Link) -> AccessNames {
    let local = |name: &str| federation.directive(name, "federation");
    AccessNames {
        authenticated: local("authenticated"),
        requires_scopes: local("requiresScopes"),
        policy: local("policy"),
    }
}

/// The names in a document of directives that mean nothing here.
fn without_effect(federation: &Link) -> Vec<(String, &'static str)> {
    let local = |name: &str| federation.directive(name, "federation");
    WITHOUT_EFFECT.iter().map(|(name, help)| (local(name), *help)).collect()
}

/// A document may repeat the definitions of `@source` and `@connect`, with fewer arguments but not with others.
fn check_written(ast: &Ast, known: &Ast, links: &Links, findings: &mut Findings) {
    let Some(connect) = &links.connect else { return };
    let directives = |document: &Ast, name: &str| {
        document.definitions.iter().find_map(|definition| match definition {
            Definition::DirectiveDefinition(directive) if directive.name == name => Some(directive.clone()),
            _ => None,
        })
    };
    for name in ["source", "connect"] {
        let name = connect.directive(name, "connect");
        let (Some(own), Some(ours)) = (directives(ast, &name), directives(known, &name)) else { continue };
        for argument in &own.arguments {
            let wanted = ours.argument_by_name(&argument.name).map(|ours| &ours.ty);
            let fits = wanted.is_some_and(|wanted| wanted.inner_named_type() == argument.ty.inner_named_type());
            if !fits {
                let message = format!("the definition of `@{name}` is not the one of the connect spec");
                let help = match wanted {
                    Some(wanted) => format!("`{}` has the type `{wanted}`", argument.name),
                    None => {
                        format!("it has no argument `{}`; remove the definition, it need not be written", argument.name)
                    }
                };
                findings.error_with_help("DIRECTIVE_DEFINITION_INVALID", message, argument.location(), Some(help));
            }
        }
    }
}

/// Parses the text and makes its file known to the findings.
fn parse(file: &File, findings: &mut Findings) -> Option<Ast> {
    let text = file.source.text.as_str();
    let parsed = Parser::new().recursion_limit(RECURSION_MAX).parse_ast(text, file.source.name.as_str());
    let (ast, errors) = match parsed {
        Ok(ast) => (ast, None),
        Err(broken) => (broken.partial, Some(broken.errors)),
    };
    let sources = Arc::clone(&ast.sources);
    for id in sources.keys() {
        findings.register(*id, &file.source);
    }
    if let Some(errors) = errors {
        findings.adopt(&errors, true, &Known::default());
        return None;
    }
    Some(ast)
}

/// The version of the connect link; nothing else of a document with an unknown one is checked.
fn known_version(connect: &Link, findings: &mut Findings) -> Option<Version> {
    let version = match connect.version {
        Some((0, 1)) => Some(Version::V0_1),
        Some((0, 2)) => Some(Version::V0_2),
        Some((0, 3)) => Some(Version::V0_3),
        Some((0, 4)) => Some(Version::V0_4),
        _ => None,
    };
    if version.is_none() {
        let written = connect.version.map_or_else(|| "no version".to_owned(), |(a, b)| format!("v{a}.{b}"));
        findings.error_with_help(
            "UNKNOWN_CONNECTORS_VERSION",
            format!("the connect spec is linked with {written}, which is not known"),
            connect.span,
            Some("known versions are `v0.1`, `v0.2`, `v0.3` and `v0.4`".to_owned()),
        );
    }
    version
}

/// `@context` and `@fromContext` cannot be honoured.
fn refuse_context(federation: &Link, findings: &mut Findings) {
    for name in ["@context", "@fromContext"] {
        if let Some((_, span)) = federation.imports.get(name) {
            findings.error_with_help(
                "CONNECTORS_UNSUPPORTED_FEDERATION_DIRECTIVE",
                format!("`{name}` is not supported in a schema with connectors"),
                span.or(federation.span),
                Some(format!("remove `\"{name}\"` from the import")),
            );
        }
    }
}

/// `@source` that is used but not imported: a warning, and the uses mean nothing.
fn drop_unimported_source(ast: &mut Ast, links: &Links, findings: &mut Findings) {
    let Some(connect) = &links.connect else { return };
    let defined = ast.definitions.iter().filter_map(definition_name).any(|name| name == "@source");
    if connect.directive("source", "connect") == "source" || defined {
        return;
    }
    for definition in &mut ast.definitions {
        let directives = match definition {
            Definition::SchemaDefinition(schema) => &mut schema.make_mut().directives,
            Definition::SchemaExtension(schema) => &mut schema.make_mut().directives,
            _ => continue,
        };
        directives.0.retain(|directive| {
            let used = directive.name == "source";
            if used {
                let label = findings.label(directive.location(), "has no meaning without an import");
                findings.push(
                    Diagnostic::warning("NO_SOURCE_IMPORT", "`@source` is used but not imported", label)
                        .help("add `\"@source\"` to the `import` of the connect link"),
                );
            }
            !used
        });
    }
}

/// Adds an empty query root where the file has none: a file may hold only types that others refer to.
fn add_missing_query(ast: &Ast, added: &mut Ast) {
    let has_query = ast.definitions.iter().any(|definition| match definition {
        Definition::SchemaDefinition(schema) => !schema.root_operations.is_empty(),
        Definition::SchemaExtension(schema) => !schema.root_operations.is_empty(),
        Definition::ObjectTypeDefinition(object) => object.name == NO_QUERY,
        Definition::ObjectTypeExtension(object) => object.name == NO_QUERY,
        _ => false,
    });
    if has_query {
        return;
    }
    let field = apollo_compiler::ast::FieldDefinition {
        description: None,
        name: Name::new_static(NO_QUERY_FIELD).expect("a GraphQL name"),
        arguments: Vec::new(),
        ty: apollo_compiler::ty!(Boolean),
        directives: apollo_compiler::ast::DirectiveList::default(),
    };
    added.definitions.push(Definition::ObjectTypeDefinition(Node::new(ObjectTypeDefinition {
        description: None,
        name: Name::new_static(NO_QUERY).expect("a GraphQL name"),
        implements_interfaces: Vec::new(),
        directives: apollo_compiler::ast::DirectiveList::default(),
        fields: vec![Node::new(field)],
    })));
}

/// What a definition defines: a type's name, or `@` and a directive's.
fn definition_name(definition: &Definition) -> Option<String> {
    match definition {
        Definition::DirectiveDefinition(directive) => Some(format!("@{}", directive.name)),
        Definition::ScalarTypeDefinition(ty) => Some(ty.name.to_string()),
        Definition::ObjectTypeDefinition(ty) => Some(ty.name.to_string()),
        Definition::InterfaceTypeDefinition(ty) => Some(ty.name.to_string()),
        Definition::UnionTypeDefinition(ty) => Some(ty.name.to_string()),
        Definition::EnumTypeDefinition(ty) => Some(ty.name.to_string()),
        Definition::InputObjectTypeDefinition(ty) => Some(ty.name.to_string()),
        _ => None,
    }
}

/// `` `name` `` with a suggestion, for messages about names that are not there.
pub(super) fn known_names<'a>(name: &str, known: impl IntoIterator<Item = &'a str> + Clone) -> Option<String> {
    did_you_mean(name, known.clone()).or_else(|| {
        let names: Vec<String> =
            known.into_iter().filter(|name| !name.is_empty()).take(12).map(|name| format!("`{name}`")).collect();
        (!names.is_empty()).then(|| format!("known here: {}", names.join(", ")))
    })
}
