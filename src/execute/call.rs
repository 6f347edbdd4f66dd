//! The call of a connector, rendered: what all its calls of one caller have in common, put together with the keys of one.

use std::sync::Arc;

use http::HeaderMap;

use super::{
    run::Settings,
    scope::{Own, Scope, Shared},
};
use crate::{
    config::Priority,
    mapping::Value,
    schema::{Connector, ConnectorId, RenderError},
    upstream::{Call, Hints, Safety},
};

/// What the calls of a connector have in common, whoever asks.
#[derive(Debug, Clone, Copy)]
pub(super) struct Site<'a> {
    pub connector: &'a Connector,
    pub id: ConnectorId,
    pub settings: &'a Settings,
}

impl Site<'_> {
    /// Index of its upstream in `Upstreams`.
    pub fn upstream(&self) -> usize {
        self.settings.upstream.get(self.id.0 as usize).copied().unwrap_or(usize::MAX)
    }

    /// Most of its calls in one operation.
    pub fn calls_max(&self) -> Option<usize> {
        self.settings.calls_max.get(self.upstream()).copied()
    }

    /// The call for one key, or for those of a batch, without a deadline; `None` for connectors without a request.
    /// `headers`: those of the client's request. Errors: it cannot be built.
    pub fn call(
        &self,
        shared: &Shared,
        own: &Own,
        headers: &HeaderMap,
        safety: Safety,
    ) -> Result<Option<Call>, RenderError> {
        let Some(request) = &self.connector.request else { return Ok(None) };
        let scope = Scope { shared, own, answered: None };
        let mut rendered = request.render(&scope, headers)?;
        let upstream = self.upstream();
        if let Some(rules) = self.settings.headers.get(upstream) {
            rules.apply(headers, &mut rendered.headers);
        }
        Ok(Some(Call {
            upstream,
            headers: rendered.headers,
            body: rendered.body,
            safety,
            timeout: self.settings.call_timeout.get(self.id.0 as usize).copied().flatten(),
            priority: match safety {
                Safety::Safe => self.settings.priority.get(self.id.0 as usize).copied().unwrap_or_default(),
                Safety::Unsafe => Priority::Normal,
            },
            caching: self.caching(&scope),
            ..Call::new(rendered.method, rendered.url)
        }))
    }

    /// What is said of a call's reply for the cache.
    fn caching(&self, scope: &Scope<'_>) -> Option<Arc<Hints>> {
        let said = self.settings.caching.get(self.id.0 as usize).cloned().flatten();
        let tags = &self.connector.tags;
        if tags.is_empty() {
            return said;
        }
        let mut hints = said.map(|said| Hints::clone(&said)).unwrap_or_default();
        match &scope.own.batch {
            // One after the other stands for `$this`.
            Some(Value::Array(objects)) => {
                for object in objects {
                    let own = Own { this: Some(object.clone()), ..Own::default() };
                    let scope = Scope { own: &own, ..*scope };
                    hints.tags.extend(tags.iter().filter_map(|tag| tag.render(&scope)));
                }
            }
            _ => hints.tags.extend(tags.iter().filter_map(|tag| tag.render(scope))),
        }
        Some(Arc::new(hints))
    }
}
