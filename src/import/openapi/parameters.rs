//! Parameters and bodies become arguments.

use super::{
    flat::Kinds,
    model::{Argument, BodyKind, Kind, Place, Scalar, Style, Ty, TypeId, TypeKind, Usage},
    operations::{Draft, Media, media},
    report::Report,
    types::{Types, as_id, is_plain},
    words::{self, Names, field_name},
};

/// Headers that the gateway or the credentials take care of.
const HANDLED: [&str; 5] = ["accept", "content-type", "authorization", "accept-encoding", "user-agent"];

/// Headers that belong to the connection, or cannot be taken from a caller.
const FIXED: [&str; 11] = [
    "host",
    "connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "content-length",
    "content-encoding",
    "keep-alive",
    "proxy-authorization",
    "proxy-authenticate",
];

/// Arguments of one field; the rest is left out.
const ARGUMENTS_MAX: usize = 200;

/// A parameter as it is declared.
#[derive(Clone, Copy)]
struct Declared<'a, 'd> {
    wire: &'a str,
    node: super::document::Node<'d>,
    is_required: bool,
}

/// What an operation is asked with.
#[derive(Default)]
pub(super) struct Parameters {
    pub(super) arguments: Vec<Argument>,
    /// Optional headers: passed on as the caller sent them.
    pub(super) forwarded: Vec<String>,
    pub(super) comments: Vec<String>,
    names: Names,
    /// Swagger 2.0's `formData`.
    has_form: bool,
}

impl Parameters {
    /// Reads the parameters of the path and of the operation. Errors: one that has to be sent cannot be.
    pub(super) fn read<'d>(
        &mut self,
        draft: &Draft<'d>,
        types: &mut Types<'d>,
        hint: &str,
        report: &mut Report,
    ) -> Result<(), String> {
        let document = types.flats.document;
        let mut all: Vec<(String, &str, super::document::Node<'d>)> = Vec::new();
        for node in draft.item.items_of("parameters").chain(draft.node.items_of("parameters")) {
            let node = match document.resolve(node) {
                Ok(node) => node,
                Err(why) => {
                    report.left_out(&format!("a parameter of {} {}", draft.method, draft.path), &why);
                    continue;
                }
            };
            let (Some(name), Some(place)) = (node.text("name"), node.text("in")) else { continue };
            match all.iter().position(|(known, at, _)| known == name && *at == place) {
                Some(known) => all[known].2 = node,
                None if all.len() < ARGUMENTS_MAX => all.push((name.to_owned(), place, node)),
                None => {
                    report.left_out(&format!("a parameter of {} {}", draft.method, draft.path), "there are too many");
                }
            }
        }
        // In the path's order, declared or not; then the others in the document's.
        for wire in path_parameters(draft.path) {
            let declared =
                all.iter().find(|(name, place, _)| *name == wire && *place == "path").map(|(_, _, node)| *node);
            let (ty, integer, description) = if let Some(node) = declared {
                Self::value(node, types, hint, &wire, report)
            } else {
                self.comments.push(format!("`{wire}` is in the path and not described."));
                (
                    Ty::scalar(if wire.to_ascii_lowercase().ends_with("id") { Scalar::Id } else { Scalar::String }),
                    false,
                    None,
                )
            };
            if !is_plain(&wire) {
                return Err("a parameter of its path has no name".to_owned());
            }
            if ty.is_list() || ty.inner().is_some_and(|id| !is_enum(types, id)) {
                return Err(format!("`{wire}` in its path is no plain value"));
            }
            self.push(&wire, ty.nullable(false), Place::Path, integer, description);
        }
        for (wire, place, node) in all {
            let is_required = node.is_true("required");
            let what = format!("`{wire}` of {} {}", draft.method, draft.path);
            match place {
                "query" => self.query(&Declared { wire: &wire, node, is_required }, types, hint, &what, report)?,
                "header" => self.header(&Declared { wire: &wire, node, is_required }, types, hint)?,
                "cookie" => {
                    if is_required {
                        return Err(format!("it has to be sent the cookie `{wire}`"));
                    }
                    report.left_out(&what, "it is a cookie");
                }
                "formData" if !is_plain(&wire) || node.text("type") == Some("file") => {
                    if is_required {
                        return Err(format!("it has to be sent the file `{wire}`"));
                    }
                    report.left_out(&what, "it is a file");
                }
                "formData" => {
                    self.has_form = true;
                    let (ty, integer, description) = Self::value(node, types, hint, &wire, report);
                    self.push(&wire, ty.nullable(!is_required), Place::Body, integer, description);
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// The type of a parameter.
    fn value<'d>(
        node: super::document::Node<'d>,
        types: &mut Types<'d>,
        hint: &str,
        wire: &str,
        report: &mut Report,
    ) -> (Ty, bool, Option<String>) {
        let description = node.text("description").map(str::to_owned);
        let by_media = node.members_of("content").next().and_then(|(_, media)| media.get("schema"));
        // Swagger 2.0 writes the schema into the parameter.
        let schema = node.get("schema").or(by_media).unwrap_or(node);
        let flat = types.flats.read(schema, report);
        let mut ty = types.of(&flat, &format!("{hint}{}", words::type_name(wire)), Usage::Input, 16, report);
        let mut is_integer = as_id(&mut ty, wire, &flat, types, report);
        if let (Kind::Scalar(Scalar::Json), true) = (&ty.kind, flat.kinds.within(Kinds::STRING.with(Kinds::INTEGER))) {
            // Text and numbers look the same in a URL.
            ty.kind = Kind::Scalar(Scalar::String);
            is_integer = false;
        }
        (ty, is_integer, description.or_else(|| flat.description.map(str::to_owned)))
    }

    fn query<'d>(
        &mut self,
        declared: &Declared<'_, 'd>,
        types: &mut Types<'d>,
        hint: &str,
        what: &str,
        report: &mut Report,
    ) -> Result<(), String> {
        let Declared { wire, node, is_required } = *declared;
        let refuse = |why: &str, report: &mut Report| {
            if is_required {
                return Err(format!("`{wire}` has to be in its query, and {why}"));
            }
            report.left_out(what, why);
            Ok(())
        };
        if !is_plain(wire) {
            return refuse("its name cannot be written in a mapping", report);
        }
        let (ty, integer, description) = Self::value(node, types, hint, wire, report);
        let explode = node.value.get("explode").and_then(serde_json::Value::as_bool);
        let style = if node.has("content") {
            Style::Json
        } else if ty.is_list() {
            if matches!(&ty.kind, Kind::List(item) if item.is_list() || item.inner().is_some_and(|id| !is_enum(types, id)))
            {
                return refuse("it is a list of lists or objects", report);
            }
            match (node.text("style"), node.text("collectionFormat"), explode) {
                (Some("spaceDelimited"), _, Some(false)) | (_, Some("ssv"), _) => Style::Joined(" "),
                (Some("pipeDelimited"), _, Some(false)) | (_, Some("pipes"), _) => Style::Joined("|"),
                (_, Some("tsv"), _) => return refuse("its elements are separated by tabs", report),
                (_, Some("multi"), _) => Style::Repeated,
                (Some("deepObject"), _, _) => Style::RepeatedBrackets,
                (_, Some("csv"), _) | (_, None, Some(false)) => Style::Joined(","),
                // Swagger 2.0's default.
                (None, None, None) if !node.has("schema") => Style::Joined(","),
                _ => Style::Repeated,
            }
        } else if ty.inner().is_some_and(|id| !is_enum(types, id)) {
            if node.text("style") == Some("deepObject") { Style::Brackets } else { Style::Properties }
        } else if ty.kind == Kind::Scalar(Scalar::Json) {
            return refuse("it is an object of which nothing is known", report);
        } else {
            Style::Repeated
        };
        let schema = node.get("schema").unwrap_or(node);
        let flat = types.flats.read(schema, report);
        self.push(wire, ty.nullable(!is_required), Place::Query(style), integer, description);
        if let Some(argument) = self.arguments.last_mut() {
            argument.items_max = flat.max_items;
            argument.default = flat.default.cloned();
        }
        Ok(())
    }

    fn header<'d>(&mut self, declared: &Declared<'_, 'd>, types: &mut Types<'d>, hint: &str) -> Result<(), String> {
        let Declared { wire, node, is_required } = *declared;
        let name = wire.to_ascii_lowercase();
        let is_legal =
            !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
        if HANDLED.contains(&name.as_str()) {
            return Ok(());
        }
        if !is_legal || FIXED.contains(&name.as_str()) {
            return if is_required { Err(format!("it has to be sent the header `{wire}`")) } else { Ok(()) };
        }
        if !is_required {
            // Without a value it would be sent empty; from the caller it is sent only when it is there.
            self.forwarded.push(name);
            return Ok(());
        }
        let mut silent = Report::default();
        let (ty, integer, description) = Self::value(node, types, hint, wire, &mut silent);
        let is_text = !ty.is_list() && ty.inner().is_none_or(|id| is_enum(types, id));
        let ty = if is_text { ty } else { Ty::scalar(Scalar::String) };
        self.push(&name, ty.nullable(false), Place::Header, integer, description);
        Ok(())
    }

    fn push(&mut self, wire: &str, ty: Ty, place: Place, is_integer: bool, description: Option<String>) {
        let name = self.names.give(&[field_name(wire)]);
        let argument = Argument {
            name,
            wire: wire.to_owned(),
            ty,
            description,
            place,
            is_integer,
            items_max: None,
            default: None,
        };
        self.arguments.push(argument);
    }

    /// Reads the body. Errors: it cannot be written by a mapping.
    pub(super) fn body<'d>(
        &mut self,
        draft: &Draft<'d>,
        types: &mut Types<'d>,
        hint: &str,
        report: &mut Report,
    ) -> Result<Option<BodyKind>, String> {
        let document = types.flats.document;
        if self.has_form {
            return Ok(Some(BodyKind::Form));
        }
        let old = draft.item.items_of("parameters").chain(draft.node.items_of("parameters"));
        let old = old.filter_map(|node| document.resolve(node).ok()).find(|node| node.text("in") == Some("body"));
        let body = match draft.node.get("requestBody") {
            Some(node) => document.resolve(node).map_err(|why| format!("its body: {why}"))?,
            None => match old {
                Some(node) => node,
                None => return Ok(None),
            },
        };
        let is_required = body.is_true("required");
        let (kind, schema) = match media(body, draft.node, document.root(), "consumes") {
            Media::None => return Ok(None),
            Media::Json(kind, schema) => (kind, schema),
            Media::Form(schema) => (BodyKind::Form, schema),
            Media::Text if is_required => return Err("its body is text".to_owned()),
            Media::Other(name) if is_required => return Err(format!("its body is `{name}`")),
            Media::Text | Media::Other(_) => {
                self.comments.push("Its body is not JSON and may be left out: it is not sent.".to_owned());
                return Ok(None);
            }
        };
        let mut ty = schema.map_or_else(Ty::json, |schema| types.ty(schema, hint, Usage::Input, report));
        if kind == BodyKind::Form && ty.inner().is_none() {
            if is_required {
                return Err("its form is no object".to_owned());
            }
            return Ok(None);
        }
        if let (Kind::Scalar(Scalar::Json), true) = (&ty.kind, kind == BodyKind::Form) {
            ty = Ty::json();
        }
        let description = body.text("description").map(str::to_owned);
        let name = self.names.give(&["input".to_owned()]);
        self.arguments.push(Argument {
            name,
            wire: String::new(),
            ty: ty.nullable(!is_required),
            description,
            place: Place::Body,
            is_integer: false,
            items_max: None,
            default: None,
        });
        Ok(Some(kind))
    }
}

fn is_enum(types: &Types<'_>, id: TypeId) -> bool {
    matches!(types.all[id.0].kind, TypeKind::Enum { .. })
}

/// The names between braces.
pub(super) fn path_parameters(path: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    let mut rest = path;
    while let Some((_, after)) = rest.split_once('{') {
        let (name, behind) = after.split_once('}').unwrap_or((after, ""));
        if !found.iter().any(|known| known == name) {
            found.push(name.to_owned());
        }
        rest = behind;
    }
    found
}
