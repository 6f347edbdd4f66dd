//! The URL of a call: sent as it was rendered, or not at all; with one exception, `'` in a query.

use std::{
    borrow::Cow,
    sync::{PoisonError, RwLock},
};

use url::{Position, Url};

/// Origins that one upstream is asked at; more than these are read anew each time.
const ORIGINS_MAX: usize = 16;

/// Reads URLs of calls. Scheme, host and port are the same for most calls of an upstream, and reading a host is most of the
/// work of reading a URL: those seen before are remembered.
#[derive(Debug, Default)]
pub(super) struct Targets {
    /// `http://host:port` as written, and what it means.
    origins: RwLock<Vec<(Box<str>, Url)>>,
}

impl Targets {
    /// Reads an absolute http or https URL. Errors: why it cannot be sent, without the URL.
    pub(super) fn read(&self, text: &str) -> Result<Url, String> {
        let Some(after) = text.find("://").map(|at| at + 3) else { return read(text) };
        let Some(end) = text[after..].find('/').map(|at| at + after) else { return read(text) };
        let (origin, tail) = text.split_at(end);
        // Two slashes, of either kind, would be a host of their own.
        if origin.contains(['?', '#', '\\']) || tail[1..].starts_with(['/', '\\']) {
            return read(text);
        }
        let known = self.origins.read().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, base)) = known.iter().find(|(known, _)| **known == *origin) {
            let url = base.join(tail).map_err(|error| error.to_string())?;
            return unchanged(url, tail);
        }
        let is_full = known.len() >= ORIGINS_MAX;
        drop(known);
        let url = read(text)?;
        if !is_full && let Ok(base) = Url::parse(origin) {
            let mut known = self.origins.write().unwrap_or_else(PoisonError::into_inner);
            // Somebody may have been here meanwhile.
            if known.len() < ORIGINS_MAX && !known.iter().any(|(known, _)| **known == *origin) {
                known.push((origin.into(), base));
            }
        }
        Ok(url)
    }
}

fn read(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|error| error.to_string())?;
    if !["http", "https"].contains(&url.scheme()) {
        return Err("the URL is neither http nor https".to_owned());
    }
    let (_, rest) = text.split_once("://").ok_or("the URL has no `://`")?;
    unchanged(url, &rest[rest.find(['/', '?', '#']).unwrap_or(rest.len())..])
}

/// URL parsers repair what they read: `..` climbs a level, `\` becomes `/`. A repaired URL may name another resource than the
/// schema's author or a check of the rendered text meant, so it is refused. A `'` in a query is sent as `%27`, which the parser
/// insists on (WHATWG, special-query percent-encode set): whoever reads a query decodes both to the same.
fn unchanged(url: Url, tail: &str) -> Result<Url, String> {
    let tail = with_encoded_apostrophes(tail);
    let tail = &*tail;
    let understood = &url[Position::BeforePath..];
    // Without a path the request line has `/`.
    let same = if tail.starts_with('/') { understood == tail } else { understood.strip_prefix('/') == Some(tail) };
    match () {
        () if tail.contains('#') => Err("the URL has a fragment".to_owned()),
        () if same => Ok(url),
        () => Err("the path or query has a segment `.` or `..` or a character that must be encoded".to_owned()),
    }
}

/// Path and query as the client will have them where nothing is repaired.
fn with_encoded_apostrophes(tail: &str) -> Cow<'_, str> {
    match tail.split_once('?') {
        Some((path, query)) if query.contains('\'') => Cow::Owned(format!("{path}?{}", query.replace('\'', "%27"))),
        _ => Cow::Borrowed(tail),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stays_as_it_is_passes() {
        for text in [
            "http://a",
            "http://a?x=1",
            "http://A.example:80/x",
            "https://user:pass@a/x",
            "http://127.0.0.1:5001/v1/a//b/?q=a+b&c=%2F%20&d=[1]{}|",
            "http://a/x/...;=,:@!$&'()*~-_.%2F%41%zz",
            "http://[::1]:8080/x",
        ] {
            let targets = Targets::default();
            let first = targets.read(text);
            assert!(first.is_ok(), "{text}: {first:?}");
            assert_eq!(targets.read(text), first, "{text}: from memory");
        }
    }

    #[test]
    fn apostrophes_in_queries_are_encoded() {
        for (text, sent) in [
            ("http://a/it's?it's", "http://a/it's?it%27s"),
            ("http://a?''&'", "http://a/?%27%27&%27"),
            ("http://a/x?q=%27", "http://a/x?q=%27"),
        ] {
            assert_eq!(read(text).expect("it can be sent").as_str(), sent);
        }
    }

    #[test]
    fn what_would_be_changed_is_refused() {
        for text in [
            "",
            "/x",
            "a/x",
            "ftp://a/x",
            "file:///etc/passwd",
            "http:///x",
            "http:a/x",
            "http://a/x/../y",
            "http://a/x/%2e%2E/y",
            "http://a/./y",
            "http://a/x/..",
            "http://a\\x",
            "http://a/x\\y",
            "http://a/x?q=a b",
            "http://a/é",
            "http://a/x ",
            "http://a/x\n",
            "http://a/x#part",
            "http://a//..",
            "http://a/\\b/x",
            "http://a/\t/b/x",
            "http://a/x?<",
        ] {
            let targets = Targets::default();
            // What is remembered must not let through what is refused otherwise.
            let _ = targets.read("http://a/");
            assert!(targets.read(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_path_is_never_a_host() {
        let targets = Targets::default();
        for text in ["http://a/x", "http://a/x", "http://a//b/x", "http://a/y?u=http://b/", "http://a/@b/"] {
            assert_eq!(
                targets.read(text).map(|url| (url.to_string(), url.host_str() == Some("a"))),
                Ok((text.to_owned(), true))
            );
        }
        assert_eq!(targets.origins.read().unwrap().len(), 1);
    }

    #[test]
    fn memory_is_bounded() {
        let targets = Targets::default();
        for number in 0..2 * ORIGINS_MAX {
            assert!(targets.read(&format!("http://a{number}/x")).is_ok());
        }
        assert_eq!(targets.origins.read().unwrap().len(), ORIGINS_MAX);
    }
}
