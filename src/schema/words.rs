//! What apollo-compiler says of a document, in our words and with what to type instead.

use std::collections::HashMap;

use apollo_compiler::ast::{Definition, Document};

use crate::error::did_you_mean;

/// The names that may stand in a document.
#[derive(Debug, Default)]
pub(super) struct Known {
    types: Vec<String>,
    directives: Vec<String>,
    /// Fields of an input type; arguments of `@directive`.
    members: HashMap<String, Vec<String>>,
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
            if let Definition::InputObjectTypeDefinition(input) = definition {
                let fields = input.fields.iter().map(|field| field.name.to_string()).collect();
                known.members.insert(input.name.to_string(), fields);
            }
        }
        known
    }
}

/// A message and what to type instead.
pub(super) fn reworded(message: &str, known: &Known) -> (String, Option<String>) {
    let names: Vec<&str> = message.split('`').skip(1).step_by(2).collect();
    let help = match names.as_slice() {
        [name, ..] if message.starts_with("cannot find type") => meant(name, &known.types),
        [name, ..] if message.starts_with("cannot find directive") => {
            federation_help(name).or_else(|| meant(name, &known.directives))
        }
        [name, owner, ..] if message.contains("does not exist on") => member(name, owner, known),
        [name, owner, ..] if message.contains("is not supported by") => member(name, owner, known),
        _ if message.contains("unterminated string") => Some(
            "end the text with the quote it began with; a text of several lines stands between `\"\"\"`".to_owned(),
        ),
        _ => None,
    };
    (tidy(&plain(message)), help)
}

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
        ("L_CURLY", "`{`"),
        ("R_CURLY", "`}`"),
        ("L_PAREN", "`(`"),
        ("R_PAREN", "`)`"),
        ("L_BRACK", "`[`"),
        ("R_BRACK", "`]`"),
        ("COLON", "`:`"),
        ("EOF", "the end of the file"),
        ("`connect__ConnectHTTP`", "`http` of `@connect`"),
    ];
    const INPUTS: [(&str, &str); 4] = [
        ("`connect__SourceHTTP`", "`http` of `@source`"),
        ("`connect__ConnectBatch`", "`batch`"),
        ("`connect__ConnectorErrors`", "`errors`"),
        ("`connect__HTTPHeaderMapping`", "an entry of `headers`"),
    ];
    let mut message = message.to_owned();
    for (name, sign) in SIGNS.into_iter().chain(INPUTS) {
        message = message.replace(name, sign);
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

/// What to type when a well-known directive is used without its link.
fn federation_help(name: &str) -> Option<String> {
    let known = ["@key", "@shareable", "@inaccessible", "@tag", "@external", "@requires", "@provides", "@override"];
    known.contains(&name).then(|| {
        format!(
            "import it: `@link(url: \"https://specs.apollo.dev/federation/v2.12\", import: [\"{name}\"])` on `extend schema`"
        )
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
            assert_eq!(reworded(message, &known), (text.to_owned(), help.map(str::to_owned)), "{message}");
        }
        assert_eq!(reworded("syntax error: Unexpected <EOF>.", &known).0, "the file holds no definition");
        let (_, help) = reworded("cannot find directive `@key` in this document", &known);
        assert!(help.is_some_and(|help| help.contains("federation/v2.12")));
    }
}
