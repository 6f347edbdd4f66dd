//! The model as SDL: the same model, the same bytes.

use std::collections::HashSet;

use super::{
    connector::{self, connector},
    cut,
    model::{Field, Kind, Model, Operation, Scalar, Ty, TypeId, TypeKind, Usage},
};

/// Longest description, in characters.
const DESCRIPTION_MAX: usize = 1_500;

/// Longest line that arguments may share.
const WIDTH: usize = 110;

/// What the file begins with.
pub(super) struct Heading<'a> {
    pub(super) title: &'a str,
    pub(super) source: &'a str,
}

/// The document.
pub(super) fn sdl(model: &Model, heading: &Heading<'_>) -> String {
    let reached = cut::reached(model);
    let is_abstract = |id: &TypeId| matches!(model[*id].kind, TypeKind::Abstract { .. });
    let has_query = model.operations.iter().any(|operation| operation.is_query);
    let version = if !has_query || reached.iter().any(is_abstract) { "v0.4" } else { "v0.3" };
    let federation = if version == "v0.4" { "v2.13" } else { "v2.12" };
    let has_key = reached.iter().any(|id| model[*id].is_entity());
    let mut out = String::new();
    line(&mut out, 0, &format!("# {}, from its OpenAPI document by `weft import openapi`.", one_line(heading.title)));
    line(&mut out, 0, "# Edit it as you like: importing a newer document again keeps your edits.");
    line(&mut out, 0, "extend schema");
    if has_key {
        line(
            &mut out,
            1,
            &format!("@link(url: \"https://specs.apollo.dev/federation/{federation}\", import: [\"@key\"])"),
        );
    }
    line(
        &mut out,
        1,
        &format!("@link(url: \"https://specs.apollo.dev/connect/{version}\", import: [\"@source\", \"@connect\"])"),
    );
    for index in 0..model.sources.len() {
        connector::source(model, index, &mut out);
    }
    root(model, "Query", true, heading.source, &mut out);
    root(model, "Mutation", false, heading.source, &mut out);
    for (at, ty) in model.types.iter().enumerate() {
        if reached.contains(&TypeId(at)) && ty.usage == Usage::Output {
            print_type(model, TypeId(at), &reached, &mut out);
        }
    }
    for (at, ty) in model.types.iter().enumerate() {
        if reached.contains(&TypeId(at)) && ty.usage == Usage::Input {
            print_type(model, TypeId(at), &reached, &mut out);
        }
    }
    scalars(model, &reached, &mut out);
    if !model.left_out.is_empty() {
        out.push('\n');
        line(&mut out, 0, "# Left out:");
        for (what, why) in &model.left_out {
            line(&mut out, 0, &format!("#   {}: {}", one_line(what), one_line(why)));
        }
    }
    out
}

fn root(model: &Model, name: &str, is_query: bool, source: &str, out: &mut String) {
    let operations: Vec<&Operation> =
        model.operations.iter().filter(|operation| operation.is_query == is_query).collect();
    if operations.is_empty() && !is_query {
        return;
    }
    out.extend(["\ntype ", name, " {\n"]);
    if operations.is_empty() {
        line(out, 1, "\"The service itself, which has nothing to read: a schema needs a query.\"");
        let field = super::words::field_name(&format!("{source} service"));
        line(out, 1, &format!("{field}: String @connect(selection: \"$({})\")", super::selection::text(source)));
    }
    for (at, operation) in operations.iter().enumerate() {
        if at > 0 {
            out.push('\n');
        }
        root_field(model, operation, out);
    }
    out.push_str("}\n");
}

fn root_field(model: &Model, operation: &Operation, out: &mut String) {
    for comment in &operation.comments {
        line(out, 1, &format!("# {}", one_line(comment)));
    }
    describe(operation.description.as_deref(), 1, out);
    let deprecated = if operation.is_deprecated { " @deprecated" } else { "" };
    let result = format!(": {}{deprecated}", shown(model, &operation.result));
    let arguments: Vec<(Option<String>, String)> = operation
        .arguments
        .iter()
        .map(|argument| {
            let default = connector::default(argument).map(|value| format!(" = {value}")).unwrap_or_default();
            (argument.description.clone(), format!("{}: {}{default}", argument.name, shown(model, &argument.ty)))
        })
        .collect();
    let short = arguments.iter().map(|(_, text)| text.as_str()).collect::<Vec<_>>().join(", ");
    let is_told =
        arguments.iter().any(|(description, _)| description.as_deref().is_some_and(|text| !text.trim().is_empty()));
    if arguments.is_empty() {
        line(out, 1, &format!("{}{result}", operation.name));
    } else if !is_told && short.len() + operation.name.len() + result.len() < WIDTH {
        line(out, 1, &format!("{}({short}){result}", operation.name));
    } else {
        line(out, 1, &format!("{}(", operation.name));
        for (description, text) in &arguments {
            describe(description.as_deref(), 2, out);
            line(out, 2, text);
        }
        line(out, 1, &format!("){result}"));
    }
    connector(model, operation, None, 2, out);
}

fn print_type(model: &Model, id: TypeId, reached: &HashSet<TypeId>, out: &mut String) {
    let ty = &model[id];
    out.push('\n');
    if let Some(comment) = &ty.comment {
        line(out, 0, &format!("# {}", one_line(comment)));
    }
    describe(ty.description.as_deref(), 0, out);
    match &ty.kind {
        TypeKind::Enum { values, .. } => {
            line(out, 0, &format!("enum {} {{", ty.name));
            for value in values {
                line(out, 1, &value.name);
            }
            line(out, 0, "}");
        }
        TypeKind::Abstract { fields, members, .. } if fields.is_empty() => {
            let members: Vec<&str> = members.iter().map(|member| model[member.ty].name.as_str()).collect();
            let short = format!("union {} = {}", ty.name, members.join(" | "));
            if short.len() < WIDTH {
                line(out, 0, &short);
            } else {
                line(out, 0, &format!("union {} =", ty.name));
                for member in members {
                    line(out, 1, &format!("| {member}"));
                }
            }
        }
        TypeKind::Abstract { fields, .. } => {
            line(out, 0, &format!("interface {} {{", ty.name));
            for field in fields {
                print_field(model, field, out);
            }
            line(out, 0, "}");
        }
        TypeKind::Object { fields, .. } if ty.usage == Usage::Input => {
            line(out, 0, &format!("input {} {{", ty.name));
            for field in fields {
                print_field(model, field, out);
            }
            line(out, 0, "}");
        }
        TypeKind::Object { fields, implements } => {
            let interfaces: Vec<&str> = implements
                .iter()
                .filter(|of| reached.contains(of) && !model[**of].fields().is_empty())
                .map(|of| model[*of].name.as_str())
                .collect();
            let implements =
                if interfaces.is_empty() { String::new() } else { format!(" implements {}", interfaces.join(" & ")) };
            let head = format!("type {}{implements}", ty.name);
            let key = |key: &Vec<usize>| {
                let names: Vec<&str> = key.iter().map(|at| fields[*at].name.as_str()).collect();
                format!("@key(fields: \"{}\")", names.join(" "))
            };
            match ty.keys.as_slice() {
                [] => line(out, 0, &head),
                [one] if ty.connectors.is_empty() => line(out, 0, &format!("{head} {}", key(one))),
                all => {
                    line(out, 0, &head);
                    for one in all {
                        line(out, 1, &key(one));
                    }
                }
            }
            for of_type in &ty.connectors {
                connector(model, &model.operations[of_type.operation], Some((id, of_type)), 1, out);
            }
            out.pop();
            out.push_str(" {\n");
            for field in fields {
                print_field(model, field, out);
            }
            line(out, 0, "}");
        }
    }
}

fn print_field(model: &Model, field: &Field, out: &mut String) {
    if let Some(comment) = &field.comment {
        line(out, 1, &format!("# {}", one_line(comment)));
    }
    describe(field.description.as_deref(), 1, out);
    // What has to be given cannot be deprecated.
    let deprecated = if field.is_deprecated && field.ty.is_nullable { " @deprecated" } else { "" };
    line(out, 1, &format!("{}: {}{deprecated}", field.name, shown(model, &field.ty)));
}

fn scalars(model: &Model, reached: &HashSet<TypeId>, out: &mut String) {
    let mut used: Vec<Scalar> = Vec::new();
    let mut add = |ty: &Ty| {
        let mut ty = ty;
        while let Kind::List(item) = &ty.kind {
            ty = item;
        }
        if let Kind::Scalar(scalar) = ty.kind {
            used.push(scalar);
        }
    };
    for operation in &model.operations {
        add(&operation.result);
        for argument in &operation.arguments {
            add(&argument.ty);
        }
    }
    for id in reached {
        for field in model[*id].fields() {
            add(&field.ty);
        }
    }
    used.sort_unstable();
    used.dedup();
    for scalar in used {
        let Some((description, specification)) = scalar.definition() else { continue };
        let url = specification.map(|url| format!(" @specifiedBy(url: \"{url}\")")).unwrap_or_default();
        out.push('\n');
        line(out, 0, &format!("\"{description}\""));
        line(out, 0, &format!("scalar {}{url}", scalar.name()));
    }
}

/// A type as it is written.
pub(super) fn shown(model: &Model, ty: &Ty) -> String {
    let inner = match &ty.kind {
        Kind::Scalar(scalar) => scalar.name().to_owned(),
        Kind::Named(id) => model[*id].name.clone(),
        Kind::List(item) => format!("[{}]", shown(model, item)),
    };
    if ty.is_nullable { inner } else { format!("{inner}!") }
}

/// Writes a line.
pub(super) fn line(out: &mut String, depth: usize, text: &str) {
    for _ in 0..depth {
        out.push_str("  ");
    }
    out.push_str(text);
    out.push('\n');
}

/// A text without line breaks and without what a terminal or a parser would trip over.
pub(super) fn one_line(text: &str) -> String {
    let clean = text.chars().map(|char| if is_harmful(char) || char.is_whitespace() { ' ' } else { char });
    clean.collect::<String>().split_whitespace().collect::<Vec<_>>().join(" ")
}

fn is_harmful(char: char) -> bool {
    char.is_control()
        || matches!(char, '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Writes a description, when there is one.
fn describe(text: Option<&str>, depth: usize, out: &mut String) {
    let Some(text) = text else { return };
    let text = text.replace("\r\n", "\n").replace(['\r', '\u{2028}', '\u{2029}'], "\n").replace('\t', "  ");
    let mut text: String = text.chars().filter(|char| *char == '\n' || !is_harmful(*char)).collect();
    // Paragraphs of HTML are paragraphs.
    if text.contains("<p>") {
        text = text.replace("<p>", "").replace("</p>", "");
    }
    let cut = text.trim().chars().count() > DESCRIPTION_MAX;
    let mut text: String = text.trim().chars().take(DESCRIPTION_MAX).collect();
    if cut {
        text.push('…');
    }
    if text.is_empty() {
        return;
    }
    if !text.contains(['\n', '"', '\\']) && text.chars().count() + 2 * depth <= WIDTH {
        return line(out, depth, &format!("\"{text}\""));
    }
    line(out, depth, "\"\"\"");
    for each in text.replace("\"\"\"", "\\\"\"\"").lines() {
        let each = each.trim_end();
        if each.is_empty() { out.push('\n') } else { line(out, depth, each) }
    }
    line(out, depth, "\"\"\"");
}
