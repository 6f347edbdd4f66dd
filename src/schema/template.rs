//! Requests, parsed once and rendered often (reference, sections 2 and 3).
//!
//! A request is the sum of its source's parts and its connector's. Not here: checks of what the author wrote, which
//! `directive` makes; a request that came through them can still fail on the values of a call.

mod encode;
mod form;
mod text;
mod url;

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, header::CONTENT_TYPE};

pub(super) use self::{
    text::{Part, Template, TemplateError},
    url::{Location, scheme_of},
};
use crate::mapping::{Mapping, Value, Variables};

/// The request of a connector, its source's parts included.
#[derive(Debug)]
pub struct Request {
    /// `GET` …
    pub method: Method,
    /// The source's URL; `None` when the template is absolute.
    pub(super) base: Option<Base>,
    /// The source's `path:` and `queryParams:`.
    pub(super) base_parts: Parts,
    /// The method's template.
    pub(super) template: Template,
    /// The connector's `path:` and `queryParams:`.
    pub(super) parts: Parts,
    /// The source's headers that the connector does not replace, then the connector's.
    pub(super) headers: Vec<Header>,
    /// `body:`
    pub(super) body: Option<Arc<Mapping>>,
}

/// The URL of a source.
#[derive(Debug, Clone)]
pub(super) enum Base {
    /// Known when the schema is loaded.
    Fixed(Location),
    /// With expressions, or not yet known to be a URL.
    Computed(Template),
}

impl From<Template> for Base {
    fn from(template: Template) -> Self {
        let fixed = template.fixed().and_then(|text| Location::split_absolute(&text).ok());
        fixed.map_or(Self::Computed(template), Self::Fixed)
    }
}

/// Computed parts of a URL.
#[derive(Debug, Clone, Default)]
pub(super) struct Parts {
    /// `path:`
    pub(super) path: Option<Arc<Mapping>>,
    /// `queryParams:`
    pub(super) query: Option<Arc<Mapping>>,
}

/// One header.
#[derive(Debug, Clone)]
pub(super) struct Header {
    /// Its name.
    pub(super) name: HeaderName,
    /// Its value.
    pub(super) value: HeaderSource,
}

/// Where a header's value comes from.
#[derive(Debug, Clone)]
pub(super) enum HeaderSource {
    /// `from:` all values of a header of the client's request.
    Client(HeaderName),
    /// `value:`
    Template(Template),
}

/// A request ready to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rendered {
    /// The method.
    pub method: Method,
    /// Absolute URL, exactly as it has to be on the wire (no fragment).
    pub url: String,
    /// Headers of schema origin, content type included.
    pub headers: HeaderMap,
    /// The body.
    pub body: Option<Bytes>,
}

/// Why a request could not be built. Text for callers: names only, no URLs.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct RenderError {
    /// What is wrong.
    pub message: String,
}

impl RenderError {
    fn new(message: impl Into<String>) -> Self {
        Self { message: message.into() }
    }
}

impl Request {
    /// The mappings of its URL.
    pub(super) fn url_mappings(&self) -> impl Iterator<Item = &Mapping> {
        let base = match &self.base {
            Some(Base::Computed(template)) => Some(template),
            Some(Base::Fixed(_)) | None => None,
        };
        let templates = base.into_iter().chain([&self.template]).flat_map(Template::expressions);
        let parts = [&self.base_parts, &self.parts].into_iter().filter_map(|parts| parts.path.as_deref());
        templates.map(|(mapping, _)| mapping).chain(parts)
    }

    /// Renders the request. `client` holds the headers of the client's request, for `from:`.
    /// Errors: a list or object in the URL, a path segment of `.` or `..`, a body that cannot be form-encoded, a bad header value.
    pub fn render(&self, variables: &dyn Variables, client: &HeaderMap) -> Result<Rendered, RenderError> {
        let url = self.render_url(variables)?;
        let mut headers = self.render_headers(variables, client)?;
        let mut body = None;
        if let Some(mapping) = &self.body {
            let value = compute(mapping, variables);
            if !headers.contains_key(CONTENT_TYPE) {
                headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
            }
            let is_form = headers.get(CONTENT_TYPE).is_some_and(|ty| ty == "application/x-www-form-urlencoded");
            body = match value {
                None => None,
                Some(value) if is_form => Some(Bytes::from(form::encode(&value)?)),
                Some(value) => {
                    let mut out = Vec::new();
                    value.write_json(&mut out);
                    Some(Bytes::from(out))
                }
            };
        }
        Ok(Rendered { method: self.method.clone(), url, headers, body })
    }

    /// Scheme and host that its calls go to, where no value decides it.
    pub fn origin(&self) -> Option<&str> {
        match &self.base {
            Some(Base::Fixed(location)) => Some(&location.origin),
            Some(Base::Computed(_)) => None,
            None => self.template.start().filter(|start| start.contains("://")),
        }
    }

    /// The headers of the client's request that are sent on.
    pub fn client_headers(&self) -> impl Iterator<Item = &HeaderName> {
        self.headers.iter().filter_map(|header| match &header.value {
            HeaderSource::Client(name) => Some(name),
            HeaderSource::Template(_) => None,
        })
    }

    fn render_url(&self, variables: &dyn Variables) -> Result<String, RenderError> {
        let template = self.template.render_url(variables, text::Trust::Data)?;
        let mut location = match &self.base {
            None => {
                let mut whole = Location::split_absolute(&template)?;
                let (path, query) = (std::mem::take(&mut whole.path), std::mem::take(&mut whole.query));
                whole.append_path(&path);
                whole.append_query(&query);
                whole
            }
            Some(base) => {
                let mut whole = match base {
                    Base::Fixed(location) => location.clone(),
                    Base::Computed(template) => {
                        Location::split_absolute(&template.render_url(variables, text::Trust::Operator)?)?
                    }
                };
                self.base_parts.append(&mut whole, variables)?;
                let (path, query) = url::split_relative(&template);
                whole.append_path(path);
                whole.append_query(query);
                whole
            }
        };
        self.parts.append(&mut location, variables)?;
        location.finish()
    }

    fn render_headers(&self, variables: &dyn Variables, client: &HeaderMap) -> Result<HeaderMap, RenderError> {
        let mut headers = HeaderMap::new();
        for header in &self.headers {
            match &header.value {
                HeaderSource::Client(from) => {
                    for value in client.get_all(from) {
                        headers.append(header.name.clone(), value.clone());
                    }
                }
                // A value that has no text (a list, an object) drops the header (reference 3.4).
                HeaderSource::Template(template) => {
                    if let Some(text) = template.render_plain(variables) {
                        let value = HeaderValue::from_bytes(text.trim_matches([' ', '\t']).as_bytes());
                        let value = value.map_err(|_| {
                            RenderError::new(format!("the header `{}` cannot hold its value", header.name))
                        })?;
                        headers.append(header.name.clone(), value);
                    }
                }
            }
        }
        Ok(headers)
    }
}

impl Parts {
    fn append(&self, location: &mut Location, variables: &dyn Variables) -> Result<(), RenderError> {
        if let Some(mapping) = &self.path {
            match compute(mapping, variables) {
                None => {}
                Some(Value::Array(elements)) => {
                    let mut segments = Vec::new();
                    for element in elements.iter().filter(|element| **element != Value::Null) {
                        let text = text::scalar(element);
                        let refused = || RenderError::new("an element of `path` is a list or an object");
                        segments.push(text.ok_or_else(refused)?);
                    }
                    location.append_segments(&segments);
                }
                Some(_) => return Err(RenderError::new("`path` is not a list")),
            }
        }
        if let Some(mapping) = &self.query {
            match compute(mapping, variables) {
                None => {}
                Some(Value::Object(members)) => {
                    for (name, value) in &members {
                        append_parameter(location, name, value)?;
                    }
                }
                Some(_) => return Err(RenderError::new("`queryParams` is not an object")),
            }
        }
        Ok(())
    }
}

fn append_parameter(location: &mut Location, name: &str, value: &Value) -> Result<(), RenderError> {
    let refused = || RenderError::new(format!("the query parameter `{name}` is an object or holds one"));
    match value {
        Value::Null => Ok(()),
        Value::Object(_) => Err(refused()),
        Value::Array(elements) => {
            for element in elements {
                location.push_parameter(name, &text::scalar(element).ok_or_else(refused)?);
            }
            Ok(())
        }
        scalar => {
            location.push_parameter(name, &text::scalar(scalar).ok_or_else(refused)?);
            Ok(())
        }
    }
}

/// A mapping of the request: its input is an empty object, only variables carry data.
fn compute(mapping: &Mapping, variables: &dyn Variables) -> Option<Value> {
    let mut problems = Vec::new();
    mapping.evaluate(&Value::Object(crate::mapping::Object::new()), variables, &mut problems)
}

#[cfg(test)]
mod tests;
