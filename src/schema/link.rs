//! `@link`: which specs a document uses, and under which names (reference 1.1 and 1.2).

use apollo_compiler::{
    Name, Node,
    ast::{Definition, Directive, Document, Value},
    parser::SourceSpan,
};
use indexmap::IndexMap;

/// One linked spec.
#[derive(Debug, Clone)]
pub(super) struct Link {
    /// `0.3` of `…/v0.3`; `None` when the URL has another ending.
    pub(super) version: Option<(u32, u32)>,
    /// What stands before `__`: the spec's name, or `as`.
    pub(super) prefix: String,
    /// Name in the spec (directives with `@`) to name in the document (without), and where it is imported.
    pub(super) imports: IndexMap<String, (String, Option<SourceSpan>)>,
    /// Where the link is.
    pub(super) span: Option<SourceSpan>,
}

impl Link {
    /// The name in the document of a directive of the spec. The directive called like the spec needs no import.
    pub(super) fn directive(&self, name: &str, spec: &str) -> String {
        match self.imports.get(&format!("@{name}")) {
            Some((local, _)) => local.clone(),
            None if name == spec => self.prefix.clone(),
            None => format!("{}__{name}", self.prefix),
        }
    }

    /// The name in the document of a type of the spec.
    pub(super) fn ty(&self, name: &str) -> String {
        match self.imports.get(name) {
            Some((local, _)) => local.clone(),
            None => format!("{}__{name}", self.prefix),
        }
    }
}

/// The links that matter here.
#[derive(Debug, Clone, Default)]
pub(super) struct Links {
    /// `https://specs.apollo.dev/connect/…`
    pub(super) connect: Option<Link>,
    /// `https://specs.apollo.dev/federation/…`
    pub(super) federation: Option<Link>,
}

impl Links {
    /// Names given by `as` or an import that are no GraphQL names, with their places.
    pub(super) fn bad_names(&self) -> Vec<(String, Option<SourceSpan>)> {
        let mut bad = Vec::new();
        for link in [&self.connect, &self.federation].into_iter().flatten() {
            let imports = link.imports.iter().map(|(name, (local, span))| (name.trim_start_matches('@'), local, *span));
            for (name, local, span) in imports {
                bad.extend(
                    [name, local].into_iter().find(|name| Name::new(name).is_err()).map(|name| (name.to_owned(), span)),
                );
            }
            if Name::new(&link.prefix).is_err() {
                bad.push((link.prefix.clone(), link.span));
            }
        }
        bad
    }
}

/// Reads the links of a document.
pub(super) fn read(document: &Document) -> Links {
    let mut links = Links::default();
    for definition in &document.definitions {
        let directives = match definition {
            Definition::SchemaDefinition(schema) => &schema.directives,
            Definition::SchemaExtension(schema) => &schema.directives,
            _ => continue,
        };
        for directive in directives.iter().filter(|directive| directive.name == "link") {
            match spec(directive) {
                Some(("connect", link)) => links.connect = links.connect.or(Some(link)),
                Some(("federation", link)) => links.federation = links.federation.or(Some(link)),
                _ => {}
            }
        }
    }
    links
}

/// The spec that a link names, when it is one of ours.
fn spec(directive: &Node<Directive>) -> Option<(&'static str, Link)> {
    let text = |name: &str| directive.specified_argument_by_name(name).and_then(|value| value.as_str());
    let rest = text("url")?.strip_prefix("https://specs.apollo.dev/")?;
    let (name, version) = rest.split_once('/').unwrap_or((rest, ""));
    let name = ["connect", "federation"].into_iter().find(|known| *known == name)?;
    let version = version.strip_prefix('v').and_then(|version| version.split_once('.'));
    let version = version.and_then(|(major, minor)| Some((major.parse().ok()?, minor.parse().ok()?)));
    let prefix = text("as").unwrap_or(name).to_owned();
    let mut imports = IndexMap::new();
    let listed = directive.specified_argument_by_name("import").and_then(|value| value.as_list()).unwrap_or_default();
    for import in listed {
        if let Some((name, local)) = imported(import) {
            imports.insert(name, (local.trim_start_matches('@').to_owned(), import.location()));
        }
    }
    Some((name, Link { version, prefix, imports, span: directive.location() }))
}

/// `"@source"`, or `{ name: "@source", as: "@api" }`.
fn imported(import: &Node<Value>) -> Option<(String, String)> {
    if let Some(name) = import.as_str() {
        return Some((name.to_owned(), name.to_owned()));
    }
    let members = import.as_object()?;
    let text = |wanted: &str| members.iter().find(|(name, _)| name == wanted).and_then(|(_, value)| value.as_str());
    let name = text("name")?;
    Some((name.to_owned(), text("as").unwrap_or(name).to_owned()))
}
