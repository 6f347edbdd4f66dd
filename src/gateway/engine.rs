//! The gateway under async-graphql's transports (WebSocket, multipart): it speaks their types and runs our plans.

use std::sync::Arc;

use async_graphql::{Data, Executor, Response, ServerError};
use futures_util::{FutureExt as _, StreamExt as _, stream, stream::BoxStream};
use http::HeaderMap;

use super::{Answer, Gateway, Request};
use crate::{
    mapping::{Object, Value},
    telemetry::Trace,
};

/// The adapter. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Engine {
    gateway: Arc<Gateway>,
}

impl Engine {
    /// Over a gateway.
    pub fn new(gateway: Arc<Gateway>) -> Self {
        Self { gateway }
    }

    /// `headers`: those of the request that opened the transport.
    async fn answer(gateway: Arc<Gateway>, request: async_graphql::Request, headers: Arc<HeaderMap>) -> Response {
        let variables = serde_json::to_value(&request.variables).unwrap_or_default();
        let variables = match Value::from(&variables) {
            Value::Object(object) => object,
            _ => Object::new(),
        };
        let identity = match gateway.identify(&headers, None, None).await {
            Ok(identity) => identity,
            Err(refusal) => return response(&Answer::refused(&refusal)),
        };
        let request = Request {
            identity,
            query: Some(request.query),
            document_id: None,
            operation_name: request.operation_name,
            variables,
            headers,
            peer: None,
            read_only: false,
            trace: Trace::default(),
        };
        let answer = gateway.answer(&request).await.unwrap_or_else(|refusal| Answer::refused(&refusal));
        response(&answer)
    }
}

/// Their type again; once more through a tree, which transports that are not HTTP can afford.
fn response(answer: &Answer) -> Response {
    serde_json::from_slice(&answer.body)
        .unwrap_or_else(|error| Response::from_errors(vec![ServerError::new(error.to_string(), None)]))
}

impl Executor for Engine {
    async fn execute(&self, request: async_graphql::Request) -> Response {
        Self::answer(Arc::clone(&self.gateway), request, Arc::default()).await
    }

    fn execute_stream(
        &self,
        request: async_graphql::Request,
        session_data: Option<Arc<Data>>,
    ) -> BoxStream<'static, Response> {
        let headers = session_data.and_then(|data| headers_of(&data)).unwrap_or_default();
        // Queries and mutations: a stream of one answer.
        stream::once(Self::answer(Arc::clone(&self.gateway), request, headers).boxed()).boxed()
    }
}

/// The headers of the request that opened the session, where the transport kept them.
fn headers_of(data: &Data) -> Option<Arc<HeaderMap>> {
    data.get(&std::any::TypeId::of::<Arc<HeaderMap>>())?.downcast_ref::<Arc<HeaderMap>>().cloned()
}
