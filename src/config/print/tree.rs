//! Settings on their way to YAML: values with where they come from, and secrets that do not get there.

use std::{
    fmt::{Display, Write as _},
    path::Path,
    time::Duration,
};

use super::super::{
    environment::{Lookup, Part, expand, parts},
    value::Json,
};

/// What stands for a secret.
const MASK: &str = "***";

/// A value, or what is below a key.
#[derive(Debug)]
pub(super) enum Node {
    /// YAML, and where it comes from.
    Scalar(String, Option<Origin>),
    /// Keys in order.
    Map(Vec<(String, Node)>),
    /// Items in order.
    List(Vec<Node>),
    /// It is not set, and means something nevertheless: a comment.
    Unset(&'static str),
}

/// Where a value comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Origin {
    /// Nobody said.
    Default,
    /// The file.
    File,
    /// The file, with these variables.
    Environment(Vec<String>),
    /// The command line, or a variable that stands for an option.
    Flag(&'static str),
}

/// A place in the file, which may not be there.
#[derive(Clone, Copy)]
pub(super) struct At<'a> {
    raw: Option<&'a Json>,
    environment: Lookup<'a>,
}

impl<'a> At<'a> {
    /// All of a file.
    pub(super) fn file(raw: &'a Json, environment: Lookup<'a>) -> Self {
        Self { raw: Some(raw), environment }
    }

    /// What is below a key. Where a text stands for a mapping it is the value of its first key.
    pub(super) fn key(self, name: &str) -> Self {
        Self { raw: self.raw.and_then(|raw| raw.get(name)), ..self }
    }

    /// An item of a list.
    pub(super) fn item(self, index: usize) -> Self {
        Self { raw: self.raw.and_then(|raw| raw.get(index)), ..self }
    }

    /// The value of a key, or the text that stands in the place of the mapping.
    pub(super) fn key_or_text(self, name: &str) -> Self {
        if self.raw.is_some_and(Json::is_string) { self } else { self.key(name) }
    }

    /// Whether the file says something here.
    pub(super) fn is_there(self) -> bool {
        self.raw.is_some()
    }

    /// The text as it means, `${env.…}` expanded.
    pub(super) fn expanded(self) -> Option<String> {
        Some(expand(self.raw?.as_str()?, self.environment).ok()?.into_owned())
    }

    fn origin(self) -> Origin {
        let Some(raw) = self.raw else { return Origin::Default };
        let names = variables(raw);
        if names.is_empty() { Origin::File } else { Origin::Environment(names) }
    }

    /// A number, a switch, or a text that needs no quotes.
    pub(super) fn plain(self, value: impl Display) -> Node {
        Node::Scalar(value.to_string(), Some(self.origin()))
    }

    /// A text.
    pub(super) fn text(self, text: impl AsRef<str>) -> Node {
        Node::Scalar(quoted(text.as_ref()), Some(self.origin()))
    }

    /// A path, absolute: it means the same wherever it is read.
    pub(super) fn path(self, path: &Path) -> Node {
        let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        self.text(path.to_string_lossy())
    }

    /// A time.
    pub(super) fn time(self, time: Duration) -> Node {
        if time.subsec_nanos() == 0 {
            return self.plain(format_args!("{}s", time.as_secs()));
        }
        self.plain(format_args!("{}ms", time.as_secs_f64() * 1e3))
    }

    /// A number of bytes.
    pub(super) fn size(self, bytes: usize) -> Node {
        match bytes {
            0 => self.plain("0B"),
            bytes if bytes.is_multiple_of(1 << 20) => self.plain(format_args!("{}MiB", bytes >> 20)),
            bytes if bytes.is_multiple_of(1 << 10) => self.plain(format_args!("{}KiB", bytes >> 10)),
            bytes => self.plain(format_args!("{bytes}B")),
        }
    }

    /// A secret: the variables that it comes from, else nothing of it.
    pub(super) fn secret(self) -> Node {
        let masked = self.raw.and_then(Json::as_str).and_then(masked);
        Node::Scalar(quoted(masked.as_deref().unwrap_or(MASK)), Some(self.origin()))
    }

    /// A URL without what is secret in it: user and password, values of the query.
    pub(super) fn url(self, text: &str) -> Node {
        let Ok(mut url) = url::Url::parse(text) else { return self.secret() };
        let has_user = !url.username().is_empty() || url.password().is_some();
        if !has_user && url.query().is_none() && url.fragment().is_none() {
            return self.text(text);
        }
        if let Some(masked) = self.raw.and_then(Json::as_str).and_then(masked) {
            return self.text(masked);
        }
        // Both fail only for URLs without a host, which have no user either.
        let _ = url.set_password(None);
        let _ = url.set_username(if has_user { MASK } else { "" });
        let query = url.query().map(|query| {
            let names = query
                .split('&')
                .map(|pair| pair.split_once('=').map_or(MASK.to_owned(), |(name, _)| format!("{name}={MASK}")));
            names.collect::<Vec<_>>().join("&")
        });
        url.set_query(query.as_deref());
        url.set_fragment(None);
        self.text(url)
    }

    /// JSON of which nobody knows what is secret: its keys.
    pub(super) fn secrets(self, value: &Json) -> Node {
        match value {
            Json::Object(members) if !members.is_empty() => {
                let members = members.iter().map(|(name, value)| (name.clone(), self.key(name).secrets(value)));
                Node::Map(members.collect())
            }
            Json::Array(items) if !items.is_empty() => {
                Node::List(items.iter().enumerate().map(|(at, value)| self.item(at).secrets(value)).collect())
            }
            Json::Object(_) | Json::Array(_) | Json::Null => self.plain(value),
            Json::String(_) | Json::Number(_) | Json::Bool(_) => self.secret(),
        }
    }

    /// A mapping, key by key.
    pub(super) fn map<const N: usize>(self, members: [(&str, &dyn Fn(Self) -> Node); N]) -> Node {
        Node::Map(members.iter().map(|(name, node)| ((*name).to_owned(), node(self.key(name)))).collect())
    }

    /// A list, item by item.
    pub(super) fn list<T>(self, items: impl IntoIterator<Item = T>, node: impl Fn(Self, T) -> Node) -> Node {
        let items: Vec<Node> = items.into_iter().enumerate().map(|(at, item)| node(self.item(at), item)).collect();
        if items.is_empty() { self.plain("[]") } else { Node::List(items) }
    }

    /// A mapping with names that the file chose.
    pub(super) fn named<N: AsRef<str>, T>(
        self,
        members: impl IntoIterator<Item = (N, T)>,
        node: impl Fn(Self, T) -> Node,
    ) -> Node {
        let named = members.into_iter().map(|(name, value)| {
            let name = name.as_ref().to_owned();
            let node = node(self.key(&name), value);
            (name, node)
        });
        let members: Vec<(String, Node)> = named.collect();
        if members.is_empty() { self.plain("{}") } else { Node::Map(members) }
    }
}

impl Node {
    /// Mappings one after the other.
    pub(super) fn all<const N: usize>(maps: [Self; N]) -> Self {
        let members = maps.into_iter().flat_map(|map| match map {
            Self::Map(members) => members,
            Self::Scalar(..) | Self::List(_) | Self::Unset(_) => Vec::new(),
        });
        Self::Map(members.collect())
    }

    /// The same from somewhere else.
    pub(super) fn by(self, flag: Option<&'static str>) -> Self {
        match (self, flag) {
            (Self::Scalar(text, _), Some(flag)) => Self::Scalar(text, Some(Origin::Flag(flag))),
            (node, _) => node,
        }
    }

    /// As YAML, below so many spaces.
    pub(super) fn write(&self, out: &mut String, depth: usize) {
        let Self::Map(members) = self else { return };
        for (name, node) in members {
            let name = if is_plain(name) { name.clone() } else { quoted(name) };
            match node {
                Self::Unset(meaning) => line(out, depth, &format!("# {name}: {meaning}"), None),
                Self::Scalar(text, origin) => line(out, depth, &format!("{name}: {text}"), origin.as_ref()),
                Self::Map(_) => {
                    line(out, depth, &format!("{name}:"), None);
                    node.write(out, depth + 2);
                }
                Self::List(items) => {
                    line(out, depth, &format!("{name}:"), None);
                    for item in items {
                        item.write_item(out, depth + 2);
                    }
                }
            }
        }
    }

    fn write_item(&self, out: &mut String, depth: usize) {
        match self {
            Self::Scalar(text, origin) => line(out, depth, &format!("- {text}"), origin.as_ref()),
            Self::Unset(meaning) => line(out, depth, &format!("# {meaning}"), None),
            Self::List(items) => {
                line(out, depth, "-", None);
                for item in items {
                    item.write_item(out, depth + 2);
                }
            }
            Self::Map(_) => {
                let start = out.len();
                self.write(out, depth + 2);
                // The first key stands behind the dash; comments before it do as well.
                out.replace_range(start + depth..=start + depth, "-");
            }
        }
    }
}

fn line(out: &mut String, depth: usize, text: &str, origin: Option<&Origin>) {
    let origin = match origin {
        None => String::new(),
        Some(Origin::Default) => "  # default".to_owned(),
        Some(Origin::File) => "  # file".to_owned(),
        Some(Origin::Environment(names)) => format!("  # environment: {}", names.join(", ")),
        Some(Origin::Flag(flag)) => format!("  # {flag}"),
    };
    // Writing to memory does not fail.
    let _ = writeln!(out, "{:depth$}{text}{origin}", "");
}

/// A text in quotes, as JSON has it and YAML too.
fn quoted(text: &str) -> String {
    Json::from(text).to_string()
}

/// Whether a key needs no quotes.
fn is_plain(name: &str) -> bool {
    name.starts_with(|letter: char| letter.is_ascii_alphabetic())
        && name.chars().all(|letter| letter.is_ascii_alphanumeric() || "_-.".contains(letter))
        && !["true", "false", "null", "yes", "no", "on", "off", "y", "n"].contains(&name.to_ascii_lowercase().as_str())
}

/// The variables that a value names, each once.
fn variables(raw: &Json) -> Vec<String> {
    let Some(parts) = raw.as_str().and_then(|text| parts(text).ok()) else { return Vec::new() };
    let mut names = Vec::new();
    for part in parts {
        if let Part::Variable { name, .. } = part
            && !names.iter().any(|known| known == name)
        {
            names.push(name.to_owned());
        }
    }
    names
}

/// A text that is made of variables and nothing else, without their defaults; `None`: it says something itself.
fn masked(text: &str) -> Option<String> {
    let mut shown = String::new();
    for part in parts(text).ok()? {
        let Part::Variable { name, default } = part else { return None };
        let default = default.map(|default| if default.is_empty() { ":-".to_owned() } else { format!(":-{MASK}") });
        // Writing to memory does not fail.
        let _ = write!(shown, "${{env.{name}{}}}", default.unwrap_or_default());
    }
    (!shown.is_empty()).then_some(shown)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn shown(node: &Node) -> String {
        match node {
            Node::Scalar(text, _) => text.clone(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn of_a_secret_only_its_variables_are_shown() {
        let nobody = |_: &str| None;
        let secret = |text: &str| shown(&At::file(&json!(text), &nobody).secret());
        assert_eq!(secret("hunter2"), r#""***""#);
        assert_eq!(secret("${env.A}"), r#""${env.A}""#);
        assert_eq!(secret("${env.A}${env.B:-}"), r#""${env.A}${env.B:-}""#);
        assert_eq!(secret("${env.A:-hunter2}"), r#""${env.A:-***}""#);
        assert_eq!(secret("Bearer ${env.A}"), r#""***""#, "what stands beside it may be a secret too");
    }

    #[test]
    fn urls_are_shown_without_user_and_values() {
        let nobody = |_: &str| None;
        let url = |raw: &str, meant: &str| shown(&At::file(&json!(raw), &nobody).url(meant));
        assert_eq!(url("http://a", "http://a"), r#""http://a""#);
        assert_eq!(url("x", "redis://:pw@a:1/0"), r#""redis://***@a:1/0""#);
        assert_eq!(url("x", "https://tok@a/x?key=s&flag&b=c=d#e"), r#""https://***@a/x?key=***&***&b=***""#);
        assert_eq!(url("${env.R}", "redis://u:pw@a/0"), r#""${env.R}""#);
        assert_eq!(url("${env.R}", "redis://a/0"), r#""redis://a/0""#);
    }
}
