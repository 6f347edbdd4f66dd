//! What the audit log is told of requests: who asked, and what. Nothing here is looked at for requests that are answered whole.

use std::net::IpAddr;

use http::{HeaderMap, HeaderName};

use super::{Request, Snapshot};
use crate::{
    error::{Refusal, denial},
    operation::Operation,
    plan::{Gates, Mask},
    policy::{Authorization, Identity, Question, Resolved, sha256},
    telemetry::{
        self, Untrusted,
        audit::{self, Asked, Asker},
    },
};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Whoever asks, before anything is known of what.
#[derive(Debug, Clone, Copy)]
pub(super) struct Caller<'a> {
    pub(super) identity: &'a Identity,
    pub(super) headers: &'a HeaderMap,
    pub(super) peer: Option<IpAddr>,
}

impl Snapshot {
    /// Tells figures and audit log of a request that was refused. `request`: what was asked, where that came to light.
    pub(super) fn tell_refused(&self, caller: Caller<'_>, request: Option<&Request>, refusal: &Refusal) {
        telemetry::metrics().refused(refusal.code);
        audit::refused(refusal, || {
            let asked = request.map(|request| self.asked(request)).unwrap_or_default();
            Asked { asker: self.asker(caller), ..asked }
        });
    }

    /// Tells the audit log of a document that no list of its caller has, and that is answered.
    pub(super) fn tell_untrusted(
        &self,
        request: &Request,
        operation: &Operation,
        document: &Resolved<'_>,
        outcome: Untrusted,
    ) {
        audit::untrusted(outcome, || {
            let Request { identity, headers, peer, .. } = request;
            let asker = self.asker(Caller { identity, headers, peer: *peer });
            let operation = operation.name.as_deref().map(str::to_owned);
            Asked { asker, operation, document: Some(document.hash()) }
        });
    }

    /// Tells the audit log of fields that a mask denies to this caller.
    pub(super) fn tell_denied(&self, peer: Option<IpAddr>, asked: &Question<'_>, gates: &Gates, mask: &Mask) {
        audit::denied(|| {
            let fields = Authorization::denied(&self.graph, gates, mask, asked);
            let (code, message) = denial(fields.first()?, !asked.identity.is_anonymous());
            let caller = Caller { identity: asked.identity, headers: asked.headers, peer };
            let operation = asked.operation.name.as_deref().map(str::to_owned);
            let asked = Asked { asker: self.asker(caller), operation, document: None };
            Some((asked, Refusal { fields, ..Refusal::new(code, message) }))
        });
    }

    fn asker(&self, Caller { identity, headers, peer }: Caller<'_>) -> Asker {
        let text = |text: Option<&str>| text.map(str::to_owned);
        let tells_id = !self.graph.redaction.names.is_meant(REQUEST_ID.as_str());
        Asker {
            subject: text(identity.subject()),
            issuer: text(identity.issuer()),
            api_key: text(identity.api_key()),
            certificate: text(identity.certificate()),
            certificate_subject: text(identity.certificate_subject().map(|(subject, _)| subject)),
            certificate_sha256: text(identity.certificate_subject().map(|(_, hash)| hash)),
            address: peer.map(|peer| self.rules.rates.address(peer, headers)),
            request_id: text(headers.get(REQUEST_ID).and_then(|id| id.to_str().ok()).filter(|_| tells_id)),
        }
    }

    /// The name of an operation is that of its plan, where there is one: one that is alone in its document need not be named.
    fn asked(&self, request: &Request) -> Asked {
        let (asker, name) = (Asker::default(), request.operation_name.as_deref());
        let documents = &self.rules.documents;
        let own = documents.own(&request.identity, &request.headers);
        let Ok(document) = documents.resolve(own, request.query.as_deref(), request.document_id.as_ref()) else {
            let named = request.document_id.as_ref().map(|id| id.as_str().to_owned());
            let document = named.or_else(|| Some(sha256(request.query.as_deref()?)));
            return Asked { asker, operation: name.map(str::to_owned), document };
        };
        let planned = self.plans.find(&document.text, name);
        let operation = planned.and_then(|planned| planned.plan.operation.name.as_deref().map(str::to_owned));
        Asked { asker, operation: operation.or(name.map(str::to_owned)), document: Some(document.hash()) }
    }
}
