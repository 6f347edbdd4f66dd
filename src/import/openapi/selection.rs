//! Mappings: what a selection takes out of an answer, what a body is made of.

use super::model::{Argument, Edge, EnumValue, Field, Kind, Model, Scalar, Ty, TypeId, TypeKind};

/// Columns of a line, from the left of the mapping.
const WIDTH: usize = 90;

/// Columns of a mapping that is one line as a whole.
const SHORT: usize = 60;

/// A part of a mapping that is written on one line when it fits.
#[derive(Debug, Clone)]
pub(super) struct Piece {
    head: String,
    /// What stands between braces or brackets behind the head.
    inner: Vec<Piece>,
    open: &'static str,
    close: &'static str,
    /// Between the inner pieces.
    comma: bool,
}

impl Piece {
    fn leaf(head: String) -> Self {
        Self { head, inner: Vec::new(), open: "", close: "", comma: false }
    }

    fn group(head: String, inner: Vec<Self>) -> Self {
        Self { head, inner, open: "{", close: "}", comma: false }
    }

    fn flat(&self, out: &mut String) {
        out.push_str(&self.head);
        if self.open.is_empty() {
            return;
        }
        let is_call = self.open == "(";
        if !self.head.is_empty() && !is_call {
            out.push(' ');
        }
        let pad = if is_call || self.open == "[" { "" } else { " " };
        out.push_str(self.open);
        out.push_str(pad);
        for (at, piece) in self.inner.iter().enumerate() {
            if at > 0 {
                out.push_str(if self.comma { ", " } else { " " });
            }
            piece.flat(out);
            if out.len() > 4 * WIDTH {
                return;
            }
        }
        out.push_str(pad);
        out.push_str(self.close);
    }

    fn write(&self, depth: usize, end: &str, lines: &mut Vec<String>) {
        let indent = "  ".repeat(depth);
        let mut flat = String::new();
        self.flat(&mut flat);
        if self.open.is_empty() || flat.len() + indent.len() <= WIDTH {
            lines.push(format!("{indent}{flat}{end}"));
            return;
        }
        let gap = if self.head.is_empty() || self.open == "(" { "" } else { " " };
        lines.push(format!("{indent}{}{gap}{}", self.head, self.open));
        for (at, piece) in self.inner.iter().enumerate() {
            let comma = if self.comma && at + 1 < self.inner.len() { "," } else { "" };
            piece.write(depth + 1, comma, lines);
        }
        lines.push(format!("{indent}{}{end}", self.close));
    }
}

/// A part that is written as it is.
pub(super) fn raw(text: String) -> Piece {
    Piece::leaf(text)
}

/// The lines of pieces.
pub(super) fn lines(pieces: &[Piece]) -> Vec<String> {
    let mut short = String::new();
    for piece in pieces {
        if !short.is_empty() {
            short.push(' ');
        }
        piece.flat(&mut short);
        if short.len() > SHORT {
            break;
        }
    }
    if short.len() <= SHORT {
        return vec![short];
    }
    let mut lines = Vec::new();
    for piece in pieces {
        piece.write(0, "", &mut lines);
    }
    lines
}

/// A text in single quotes.
pub(super) fn text(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"))
}

fn is_key(name: &str) -> bool {
    name.starts_with(|char: char| char.is_ascii_alphabetic() || char == '_')
        && name.chars().all(|char| char.is_ascii_alphanumeric() || char == '_')
        && !["true", "false", "null"].contains(&name)
}

/// A key before a colon.
pub(super) fn key(name: &str) -> String {
    if is_key(name) { name.to_owned() } else { text(name) }
}

/// A path from the object at hand. `rooted`: with `$.` in front, where a bare key would mean something else.
fn path(names: &[String], rooted: bool) -> String {
    let mut out = String::new();
    for (at, name) in names.iter().enumerate() {
        if at > 0 {
            out.push('.');
        } else if rooted || !is_key(name) {
            out.push_str("$.");
        }
        out.push_str(&if is_key(name) { name.clone() } else { text(name) });
    }
    if names.is_empty() { "$".to_owned() } else { out }
}

/// The selection of a value of the type at the end of a path of names.
pub(super) fn selection(model: &Model, ty: &Ty, envelope: &[String]) -> Vec<Piece> {
    let Some(id) = ty.inner().filter(|id| !matches!(model[*id].kind, TypeKind::Enum { .. })) else {
        return vec![Piece::leaf(format!("{}{}", path(envelope, true), translation(model, ty, false)))];
    };
    let inner = group(model, id);
    if envelope.is_empty() { inner } else { vec![Piece::group(path(envelope, true), inner)] }
}

/// What is selected of an object.
fn group(model: &Model, id: TypeId) -> Vec<Piece> {
    match &model[id].kind {
        TypeKind::Object { fields, .. } => fields.iter().map(|field| piece(model, field, false)).collect(),
        TypeKind::Abstract { members, discriminator, .. } => {
            let mut arms = Vec::new();
            for member in members {
                let mut inner = vec![Piece::leaf(format!("__typename: {}", text(&model[member.ty].name)))];
                inner.extend(model[member.ty].fields().iter().map(|field| piece(model, field, true)));
                for tag in &member.tags {
                    let tag = tag.as_str().map_or_else(|| tag.to_string(), text);
                    let object = Piece { comma: true, ..Piece::group(String::new(), inner.clone()) };
                    let inner = vec![Piece::leaf(tag), object];
                    arms.push(Piece { head: String::new(), inner, open: "[", close: "]", comma: true });
                }
            }
            arms.push(Piece::leaf("[@, null]".to_owned()));
            let head = format!("... {}->match", path(std::slice::from_ref(discriminator), false));
            vec![Piece { head, inner: arms, open: "(", close: ")", comma: true }]
        }
        TypeKind::Enum { .. } => Vec::new(),
    }
}

/// One field of a selection. `in_arm`: inside of a literal object, where bare keys and braces mean something else.
fn piece(model: &Model, field: &Field, in_arm: bool) -> Piece {
    let from = path(&field.path, in_arm);
    let name = &field.name;
    if let Some((to, key_at)) = field.join {
        let own = &model[to].fields()[key_at].name;
        let (may_be_null, is_list) = (field.is_integer, field.ty.is_list());
        if is_list {
            return Piece::group(format!("{name}: {from}"), vec![Piece::leaf(format!("{own}: $"))]);
        }
        if may_be_null {
            return Piece::group(format!("{name}: {from}?"), vec![Piece::leaf(format!("{own}: $"))]);
        }
        let head = if in_arm { format!("{name}: $") } else { format!("{name}:") };
        return Piece::group(head, vec![Piece::leaf(format!("{own}: {}", path(&field.path, false)))]);
    }
    let named = if from == *name { from.clone() } else { format!("{name}: {from}") };
    let id = field.ty.inner().filter(|id| !matches!(model[*id].kind, TypeKind::Enum { .. }));
    match (id, &field.edge) {
        (Some(id), Edge::Whole) => Piece::group(named, group(model, id)),
        (Some(id), Edge::Key) => {
            let ty = &model[id];
            let keys: Vec<usize> = ty.keys.first().cloned().unwrap_or_default();
            Piece::group(named, keys.iter().map(|at| piece(model, &ty.fields()[*at], false)).collect())
        }
        _ => {
            let translation = translation(model, &field.ty, field.ty.is_nullable);
            if translation.is_empty() {
                Piece::leaf(named)
            } else {
                Piece::leaf(format!("{name}: {from}{translation}"))
            }
        }
    }
}

/// `->match(…)` from the service's values to the enum's names; empty where they are equal.
fn translation(model: &Model, ty: &Ty, may_be_null: bool) -> String {
    let pair = |value: &EnumValue| format!("[{}, {}]", text(&value.wire), text(&value.name));
    convert(model, ty, may_be_null, &pair, None)
}

/// What is done with a value of an argument before it is sent; empty when nothing is.
fn untranslation(model: &Model, ty: &Ty, is_integer: bool) -> String {
    let pair = |value: &EnumValue| format!("[{}, {}]", text(&value.name), text(&value.wire));
    let convert_id = (is_integer && ty.inner().is_none()).then_some("->parseInt");
    convert(model, ty, ty.is_nullable, &pair, convert_id)
}

fn convert(
    model: &Model,
    ty: &Ty,
    may_be_null: bool,
    pair: &dyn Fn(&EnumValue) -> String,
    scalar: Option<&str>,
) -> String {
    let guard = if may_be_null { "?" } else { "" };
    match &ty.kind {
        Kind::Scalar(Scalar::Id) => scalar.map(|method| format!("{guard}{method}")).unwrap_or_default(),
        Kind::Scalar(_) => String::new(),
        Kind::Named(id) => match &model[*id].kind {
            TypeKind::Enum { values, is_translated: true } => {
                let pairs: Vec<String> = values.iter().map(pair).collect();
                format!("{guard}->match({})", pairs.join(", "))
            }
            _ => String::new(),
        },
        Kind::List(item) => match convert(model, item, item.is_nullable, pair, scalar) {
            inner if inner.is_empty() => inner,
            inner => format!("{guard}->map(@{inner})"),
        },
    }
}

/// The value of an argument as it is sent in a path, a query or a header.
pub(super) fn value(model: &Model, argument: &Argument) -> String {
    // Numbers and text are the same there.
    format!("$args.{}{}", argument.name, untranslation(model, &argument.ty, false))
}

/// The value of a property of an argument, as it is sent in a query. `None`: it is an object or a list of objects.
pub(super) fn property(model: &Model, argument: &Argument, field: &Field) -> Option<String> {
    let is_leaf = |id: TypeId| matches!(model[id].kind, TypeKind::Enum { .. });
    let fits = field.ty.inner().is_none_or(is_leaf) && field.ty.kind != Kind::Scalar(Scalar::Json);
    fits.then(|| format!("$args.{}.{}{}", argument.name, field.name, untranslation(model, &field.ty, false)))
}

/// The body that an argument gives.
pub(super) fn body(model: &Model, argument: &Argument) -> Vec<Piece> {
    let from = format!("$args.{}", argument.name);
    match argument.ty.inner().filter(|_| !is_verbatim(model, &argument.ty, 64)) {
        Some(id) if !matches!(model[id].kind, TypeKind::Enum { .. }) => vec![Piece::group(from, members(model, id))],
        _ => vec![Piece::leaf(format!("{from}{}", untranslation(model, &argument.ty, argument.is_integer)))],
    }
}

/// A member of a body that is an argument of its own.
pub(super) fn member(model: &Model, argument: &Argument) -> Piece {
    Piece::leaf(format!(
        "{}: $args.{}{}",
        key(&argument.wire),
        argument.name,
        untranslation(model, &argument.ty, argument.is_integer)
    ))
}

fn members(model: &Model, id: TypeId) -> Vec<Piece> {
    let one = |field: &Field| {
        let wire = field.path.first().map(String::as_str).unwrap_or_default();
        let from = path(std::slice::from_ref(&field.name), false);
        let named = if from == wire { from.clone() } else { format!("{}: {from}", key(wire)) };
        let id = field.ty.inner().filter(|id| !matches!(model[*id].kind, TypeKind::Enum { .. }));
        match id.filter(|_| !is_verbatim(model, &field.ty, 64)) {
            Some(id) => Piece::group(named, members(model, id)),
            None => match untranslation(model, &field.ty, field.is_integer) {
                done if done.is_empty() => Piece::leaf(named),
                done => Piece::leaf(format!("{}: {from}{done}", key(wire))),
            },
        }
    };
    model[id].fields().iter().map(one).collect()
}

/// Whether a value is sent as the caller gave it.
fn is_verbatim(model: &Model, ty: &Ty, depth: usize) -> bool {
    let Some(depth) = depth.checked_sub(1) else { return false };
    let Some(id) = ty.inner() else { return true };
    match &model[id].kind {
        TypeKind::Enum { is_translated, .. } => !is_translated,
        TypeKind::Object { fields, .. } => fields.iter().all(|field| {
            field.path.first() == Some(&field.name)
                && !(field.is_integer && field.ty.inner().is_none())
                && is_verbatim(model, &field.ty, depth)
        }),
        TypeKind::Abstract { .. } => true,
    }
}
