//! What apollo-compiler says of a document, in our words and with what to type instead.

use std::collections::HashMap;

use apollo_compiler::ast::{Definition, Document};

use super::prelude::FEDERATION_DIRECTIVES;
use crate::error::{did_you_mean, nearest};

/// The names that may stand in a document.
#[derive(Debug, Default)]
pub(super) struct Known {
    types: Vec<String>,
    directives: Vec<String>,
    /// Fields of an input type; arguments of `@directive`.
    members: HashMap<String, Vec<String>>,
    /// URLs of links.
    links: Vec<String>,
}

impl Known {
    /// All that the documents define.
    pub(super) fn of(documents: &[&Document]) -> Self {
        let mut known = Self::default();
        known.types.extend(["Int", "Float", "String", "Boolean", "ID"].map(str::to_owned));
        for definition in documents.iter().flat_map(|document| &document.definitions) {
            if let Definition::DirectiveDefinition(directive) = definition {
                let name = format!("@{}", directive.name);
                let arguments = directive.arguments.iter().map(|argument| argument.name.to_string()).collect();
                known.directives.push(name.clone());
                known.members.insert(name, arguments);
            } else if let Some(name) = definition.name() {
                known.types.push(name.to_string());
            }
            let directives = match definition {
                Definition::SchemaDefinition(schema) => schema.directives.0.as_slice(),
                Definition::SchemaExtension(schema) => schema.directives.0.as_slice(),
                _ => &[],
            };
            let urls =
                directives.iter().filter(|it| it.name == "link").filter_map(|it| it.specified_argument_by_name("url"));
            known.links.extend(urls.filter_map(|url| url.as_str()).map(str::to_owned));
            if let Definition::InputObjectTypeDefinition(input) = definition {
                let fields = input.fields.iter().map(|field| field.name.to_string()).collect();
                known.members.insert(input.name.to_string(), fields);
            }
        }
        known
    }
}

/// A message about `marked`, a part of a file, in our words; and what to type instead.
pub(super) fn reworded(message: &str, marked: &str, known: &Known) -> (String, Option<String>) {
    let names: Vec<&str> = message.split('`').skip(1).step_by(2).collect();
    let say = |help: &str| Some(help.to_owned());
    let help = match names.as_slice() {
        [name, ..] if message.starts_with("cannot find type") => {
            meant(name, &known.types).or_else(|| Some(format!("declare it: `scalar {name}`, or `type {name} {{ … }}`")))
        }
        [name, ..] if message.starts_with("cannot find directive") => {
            connect_help(name, known).or_else(|| federation_help(name, known)).or_else(|| meant(name, &known.directives))
        }
        [_, "connect__HTTPHeaderMapping", ..] if message.contains("does not exist on") => {
            say("an entry says which header and what it holds: `{ name: \"x-tenant\", value: \"…\" }`, or `from: \"…\"`")
        }
        [name, owner, ..] if message.contains("does not exist on") => member(name, owner, known),
        [name, owner, ..] if message.contains("is not supported by") => member(name, owner, known),
        [name, ..] if message.contains("defined multiple times") => {
            Some(format!("write all of it in one place, or `extend type {name} {{ … }}` for what is added"))
        }
        ["@connect(selection:)", ..] => {
            say("add `selection: \"…\"`: what is wanted of the response, and under which names")
        }
        _ if message.contains("unterminated string") => say(
            "a quote is missing: at the end of this text, or of one that begins before it; a text of several lines stands between `\"\"\"`",
        ),
        _ if message.contains("expected value of type connect__ConnectHTTP") => {
            say("write `{ GET: \"/…\" }`, with the method as its name")
        }
        _ if message.contains("expected value of type connect__SourceHTTP") => say("write `{ baseURL: \"https://…\" }`"),
        _ if message.contains("must not contain an operation definition") => {
            say("operations stand in files of their own; `weft plan` shows what one does")
        }
        _ if marked.trim_start().starts_with(['"', '{', '[']) && message.starts_with("syntax error: expected") => {
            say("a schema is GraphQL; `weft import openapi` makes one of an OpenAPI document")
        }
        _ if message.contains("Unexpected character \"'\"") => say("texts stand between double quotes"),
        _ if message.contains("expected definition") => did_you_mean(marked, DEFINITIONS).or_else(|| {
            say("a definition begins with `type`, `input`, `enum`, `interface`, `union`, `scalar`, `directive` or `extend`")
        }),
        _ => None,
    };
    (tidy(&plain(message)), help)
}

/// Words that a definition begins with.
const DEFINITIONS: [&str; 9] =
    ["type", "input", "enum", "interface", "union", "scalar", "directive", "extend", "schema"];

fn meant(name: &str, known: &[String]) -> Option<String> {
    did_you_mean(name, known.iter().map(String::as_str))
}

/// A field of an input type or an argument of a directive: the one that was meant, or all that there are.
fn member(name: &str, owner: &str, known: &Known) -> Option<String> {
    let members = known.members.get(owner)?;
    meant(name, members).or_else(|| {
        let members: Vec<String> = members.iter().map(|member| format!("`{member}`")).collect();
        (!members.is_empty()).then(|| format!("known here: {}", members.join(", ")))
    })
}

/// Signs instead of names of tokens, and what a schema's author writes instead of the names of input types of the connect spec.
fn plain(message: &str) -> String {
    const SIGNS: [(&str, &str); 10] = [
        ("syntax error: Unexpected <EOF>", "the file holds no definition"),
        ("syntax error: Unexpected", "syntax error: unexpected"),
        ("L_CURLY", "`{`"),
        ("R_CURLY", "`}`"),
        ("L_PAREN", "`(`"),
        ("R_PAREN", "`)`"),
        ("L_BRACK", "`[`"),
        ("R_BRACK", "`]`"),
        ("COLON", "`:`"),
        ("EOF", "the end of the file"),
    ];
    const INPUTS: [(&str, &str); 5] = [
        ("connect__ConnectHTTP", "`http` of `@connect`"),
        ("connect__SourceHTTP", "`http` of `@source`"),
        ("connect__ConnectBatch", "`batch`"),
        ("connect__ConnectorErrors", "`errors`"),
        ("connect__HTTPHeaderMapping", "an entry of `headers`"),
    ];
    let mut message = message.to_owned();
    for (name, sign) in SIGNS {
        message = message.replace(name, sign);
    }
    for (name, words) in INPUTS {
        // `Input.field`, `Input`, and Input without marks.
        if let Some((before, rest)) = message.split_once(&format!("`{name}."))
            && let Some((field, after)) = rest.split_once('`')
        {
            message = format!("{before}`{field}` of {words}{after}");
        }
        message = message.replace(&format!("`{name}`"), words).replace(&format!("value of type {name}"), words);
    }
    message
}

/// A library's sentence in our style: lowercase start, no final period, one line.
fn tidy(message: &str) -> String {
    let message = message.trim().trim_end_matches('.');
    let mut chars = message.chars();
    match chars.next() {
        Some(first)
            if !message
                .starts_with(|c: char| c.is_uppercase() && message[c.len_utf8()..].starts_with(char::is_uppercase)) =>
        {
            first.to_lowercase().collect::<String>() + chars.as_str()
        }
        _ => message.to_owned(),
    }
}

/// What to type when a directive of the federation spec is used without an import.
fn federation_help(name: &str, known: &Known) -> Option<String> {
    let bare = name.trim_start_matches('@');
    if !FEDERATION_DIRECTIVES.contains(&bare) {
        return None;
    }
    if known.links.iter().any(|url| url.contains("/federation/")) {
        return Some(format!("add `\"{name}\"` to the `import` of the federation link"));
    }
    Some(format!(
        "import it: `@link(url: \"https://specs.apollo.dev/federation/v2.12\", import: [\"{name}\"])` on `extend schema`"
    ))
}

/// What to type when `@source` or `@connect` is used without a link to the connect spec.
fn connect_help(name: &str, known: &Known) -> Option<String> {
    const URL: &str = "https://specs.apollo.dev/connect/v0.3";
    if !matches!(name, "@source" | "@connect") || known.links.iter().any(|url| url.contains("/connect/")) {
        return None;
    }
    let near = known.links.iter().find(|url| nearest(url, [URL]).is_some());
    Some(match near {
        Some(url) => format!("`{url}` links another spec; did you mean `{URL}`?"),
        None => format!("link the spec: `extend schema @link(url: \"{URL}\", import: [\"@source\", \"@connect\"])`"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_suggested_and_tokens_are_signs() {
        let sdl = "type Book { id: ID } input connect__ConnectHTTP { GET: String POST: String } directive @connect(http: String) on OBJECT";
        let document = Document::parse(sdl, "test.graphql").expect("valid SDL");
        let known = Known::of(&[&document]);
        for (message, text, help) in [
            (
                "cannot find type `Bok` in this document",
                "cannot find type `Bok` in this document",
                Some("did you mean `Book`?"),
            ),
            (
                "field `get` does not exist on `connect__ConnectHTTP`",
                "field `get` does not exist on `http` of `@connect`",
                Some("did you mean `GET`?"),
            ),
            (
                "the argument `method` is not supported by `@connect`",
                "the argument `method` is not supported by `@connect`",
                Some("known here: `http`"),
            ),
            ("syntax error: expected R_CURLY, got EOF", "syntax error: expected `}`, got the end of the file", None),
        ] {
            assert_eq!(reworded(message, "", &known), (text.to_owned(), help.map(str::to_owned)), "{message}");
        }
        assert_eq!(reworded("syntax error: Unexpected <EOF>.", "", &known).0, "the file holds no definition");
        let (_, help) = reworded("cannot find directive `@key` in this document", "", &known);
        assert!(help.is_some_and(|help| help.contains("federation/v2.12")));
    }
}
