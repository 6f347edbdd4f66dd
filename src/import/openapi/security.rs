//! Where the service is, and what it wants to see of who calls.

use indexmap::IndexMap;
use serde_json::Value;
use url::Url;

use super::{
    document::Node,
    report::Report,
    words::{camel, words},
};

/// The stand-in for a scheme where a document describes none: the caller's authorization.
pub(super) const CALLER: &str = "authorization";

/// Where the service is when the document does not say.
const NOWHERE: &str = "http://localhost:8080";

/// How a service is told who calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Scheme {
    /// The caller's `authorization` header is passed on.
    Caller,
    /// A header with a secret of the configuration.
    Header { name: String, config: String },
    /// A query parameter with a secret of the configuration.
    Query { name: String, config: String },
    /// Something else.
    Unknown(String),
}

/// The security schemes of a document.
pub(super) fn schemes(root: Node<'_>, report: &mut Report) -> IndexMap<String, Scheme> {
    let new = root.get("components").into_iter().flat_map(|components| components.members_of("securitySchemes"));
    let mut schemes: IndexMap<String, Scheme> = new
        .chain(root.members_of("securityDefinitions"))
        .map(|(name, node)| (name.to_owned(), scheme(name, node)))
        .collect();
    for (name, scheme) in &schemes {
        if let Scheme::Unknown(what) = scheme {
            report.left_out(&format!("the security scheme `{name}`"), &format!("{what} is not sent"));
        }
    }
    schemes.insert(CALLER.to_owned(), Scheme::Caller);
    schemes
}

fn scheme(name: &str, node: Node<'_>) -> Scheme {
    let config = camel(&words(name)).unwrap_or_else(|| "key".to_owned());
    let wire = node.text("name").unwrap_or_default();
    match (node.text("type"), node.text("in")) {
        (Some("apiKey"), Some("header")) if wire.eq_ignore_ascii_case("authorization") => Scheme::Caller,
        (Some("apiKey"), Some("header")) if is_header(wire) => {
            Scheme::Header { name: wire.to_ascii_lowercase(), config }
        }
        (Some("apiKey"), Some("query")) if super::types::is_plain(wire) => {
            Scheme::Query { name: wire.to_owned(), config }
        }
        (Some("apiKey"), Some("cookie")) => Scheme::Unknown("a cookie".to_owned()),
        (Some("http" | "oauth2" | "openIdConnect" | "basic"), _) => Scheme::Caller,
        (Some(kind), _) => Scheme::Unknown(format!("`{kind}`")),
        (None, _) => Scheme::Unknown("a scheme without a type".to_owned()),
    }
}

fn is_header(name: &str) -> bool {
    const TAKEN: [&str; 8] = [
        "host",
        "connection",
        "te",
        "upgrade",
        "content-length",
        "content-type",
        "accept-encoding",
        "transfer-encoding",
    ];
    let lower = name.to_ascii_lowercase();
    !name.is_empty()
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
        && !TAKEN.contains(&lower.as_str())
}

/// Whether the document says anything about security.
pub(super) fn is_described(root: Node<'_>) -> bool {
    let new = root.get("components").and_then(|components| components.members_of("securitySchemes").next());
    new.or_else(|| root.members_of("securityDefinitions").next()).is_some()
}

/// The schemes that an operation asks for: those of its first alternative that is not empty.
pub(super) fn of(root: Node<'_>, operation: Node<'_>) -> Vec<String> {
    let place = if operation.has("security") { operation } else { root };
    let mut alternatives = place
        .items_of("security")
        .map(|alternative| alternative.members().map(|(name, _)| name.to_owned()).collect::<Vec<String>>());
    alternatives.find(|alternative| !alternative.is_empty()).unwrap_or_default()
}

/// Base URLs, each a source.
#[derive(Debug)]
pub(super) struct Servers {
    /// The first is the document's.
    pub(super) urls: Vec<String>,
    /// Further ones that the document names and that are not used.
    pub(super) others: Vec<String>,
    address: Option<Url>,
}

impl Servers {
    /// Those of the document; `address`: where it was read, which relative URLs are relative to.
    pub(super) fn new(root: Node<'_>, address: Option<&Url>, report: &mut Report) -> Self {
        let mut servers = Self { urls: Vec::new(), others: Vec::new(), address: address.cloned() };
        let mut all: Vec<String> = root.items_of("servers").filter_map(|node| servers.url(node)).collect();
        if all.is_empty() && root.has("host") {
            all.extend(old(root));
        }
        if all.is_empty() {
            let base =
                servers.address.as_ref().and_then(|address| absolute(address, root.text("basePath").unwrap_or("/")));
            let found = base.is_some();
            all.push(base.unwrap_or_else(|| NOWHERE.to_owned()));
            if !found {
                report
                    .note("servers", &format!("the document does not say where the service is; `{NOWHERE}` stands in"));
            }
        }
        servers.urls.push(all.remove(0));
        servers.others = all;
        servers
    }

    /// Index of the URL that an operation goes to.
    pub(super) fn of(&mut self, item: Node<'_>, operation: Node<'_>) -> usize {
        let own = operation.items_of("servers").next().or_else(|| item.items_of("servers").next());
        let Some(url) = own.and_then(|node| self.url(node)) else { return 0 };
        if let Some(known) = self.urls.iter().position(|known| *known == url) {
            return known;
        }
        if self.urls.len() >= 50 {
            return 0;
        }
        self.urls.push(url);
        self.urls.len() - 1
    }

    /// An absolute URL without variables. `None`: it is none.
    fn url(&self, node: Node<'_>) -> Option<String> {
        let mut url = node.text("url")?.trim().to_owned();
        for (name, variable) in node.members_of("variables").take(50) {
            let value = match variable.value.get("default") {
                Some(Value::String(text)) => text.clone(),
                Some(other) => other.to_string(),
                None => continue,
            };
            url = url.replace(&format!("{{{name}}}"), &value);
            if url.len() > 2_000 {
                return None;
            }
        }
        checked(&url).or_else(|| absolute(self.address.as_ref()?, &url))
    }
}

/// `schemes`, `host` and `basePath` of Swagger 2.0.
fn old(root: Node<'_>) -> Option<String> {
    let schemes: Vec<&str> = root.items_of("schemes").filter_map(|scheme| scheme.value.as_str()).collect();
    let scheme = if schemes.is_empty() || schemes.contains(&"https") { "https" } else { "http" };
    let path = root.text("basePath").unwrap_or_default().trim_matches('/');
    checked(&format!("{scheme}://{}/{path}", root.text("host")?))
}

fn absolute(base: &Url, url: &str) -> Option<String> {
    checked(base.join(url).ok()?.as_str())
}

/// The URL without a slash at its end, when it can stand in a schema.
fn checked(url: &str) -> Option<String> {
    let parsed = Url::parse(url).ok()?;
    let is_http = matches!(parsed.scheme(), "http" | "https") && parsed.host_str().is_some_and(|host| !host.is_empty());
    let is_plain = !url.contains(['{', '}', '#', '?', '"', '\\', '@'])
        && !url.chars().any(|char| char.is_control() || char.is_whitespace());
    (is_http && is_plain).then(|| url.trim_end_matches('/').to_owned())
}
