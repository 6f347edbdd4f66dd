//! Joining the parts of a URL (reference 2.3 and 2.4).

use super::{RenderError, encode};

/// A URL in parts, all encoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::schema) struct Location {
    /// `https://host:port`
    pub(in crate::schema) origin: String,
    /// Empty, or beginning with a slash.
    pub(in crate::schema) path: String,
    /// Without `?`.
    pub(in crate::schema) query: String,
}

/// The scheme of an absolute URL; `None` for a text that does not begin with `scheme://`.
pub(in crate::schema) fn scheme_of(text: &str) -> Option<&str> {
    let (scheme, _) = text.trim_start().split_once("://")?;
    let is_scheme = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'));
    is_scheme.then_some(scheme)
}

/// Path and query of a relative template; the fragment is dropped.
pub(super) fn split_relative(text: &str) -> (&str, &str) {
    let text = text.split_once('#').map_or(text, |(before, _)| before);
    text.split_once('?').unwrap_or((text, ""))
}

impl Location {
    /// Splits an absolute URL. Errors: it is not absolute, not http, or has no host.
    pub(in crate::schema) fn split_absolute(text: &str) -> Result<Self, RenderError> {
        let text = text.trim_start_matches("%20");
        let refused = || RenderError::new("the base URL is not an absolute `http://` or `https://` URL");
        let scheme = scheme_of(text).ok_or_else(refused)?;
        if !scheme.eq_ignore_ascii_case("http") && !scheme.eq_ignore_ascii_case("https") {
            return Err(refused());
        }
        let after = scheme.len() + "://".len();
        let end = text[after..].find(['/', '?', '#']).map_or(text.len(), |at| after + at);
        if end == after {
            return Err(refused());
        }
        let (path, query) = split_relative(&text[end..]);
        Ok(Self { origin: text[..end].to_owned(), path: path.to_owned(), query: query.to_owned() })
    }

    /// Appends a path with exactly one slash between; a path of `/` adds nothing.
    pub(super) fn append_path(&mut self, path: &str) {
        let path = path.strip_prefix('/').unwrap_or(path);
        if !path.is_empty() {
            if !self.path.ends_with('/') {
                self.path.push('/');
            }
            self.path.push_str(path);
        }
    }

    /// Appends each value as a segment of its own, an empty one too: `/users//posts` is not `/users/posts`.
    pub(super) fn append_segments(&mut self, values: &[impl AsRef<str>]) {
        for (index, value) in values.iter().enumerate() {
            // One slash between this part of the path and the one before it.
            if index > 0 || !self.path.ends_with('/') {
                self.path.push('/');
            }
            encode::value(value.as_ref(), &mut self.path);
        }
    }

    /// Appends an encoded query.
    pub(super) fn append_query(&mut self, query: &str) {
        if !query.is_empty() {
            if !self.query.is_empty() {
                self.query.push('&');
            }
            self.query.push_str(query);
        }
    }

    /// Appends a parameter.
    pub(super) fn push_parameter(&mut self, name: &str, value: &str) {
        if !self.query.is_empty() {
            self.query.push('&');
        }
        encode::value(name, &mut self.query);
        self.query.push('=');
        encode::value(value, &mut self.query);
    }

    /// The whole URL. Errors: a segment that climbs, however its dots are written.
    pub(super) fn finish(self) -> Result<String, RenderError> {
        if self.path.split('/').any(climbs) {
            return Err(RenderError::new("a path segment of the URL is `.` or `..`"));
        }
        let Self { mut origin, path, query } = self;
        if path.is_empty() {
            origin.push('/');
        }
        origin.push_str(&path);
        if !query.is_empty() {
            origin.push('?');
            origin.push_str(&query);
        }
        Ok(origin)
    }
}

/// Whether a segment is `.` or `..`, each dot written plainly or as `%2e`.
fn climbs(segment: &str) -> bool {
    let bytes = segment.as_bytes();
    let (mut at, mut dots) = (0, 0);
    while at < bytes.len() {
        if bytes[at] == b'.' {
            at += 1;
        } else if bytes[at..].len() >= 3 && bytes[at..at + 3].eq_ignore_ascii_case(b"%2e") {
            at += 3;
        } else {
            return false;
        }
        dots += 1;
    }
    matches!(dots, 1 | 2)
}
