//! The codes that callers see in `extensions.code`.

/// A stable, machine-readable reason; its text is part of the contract with clients.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "each variant is its text, listed in `as_str`")]
pub enum ErrorCode {
    ConnectorFetch,
    ConnectorResponseInvalid,
    ConnectorResponseShape,
    ConnectorRequestInvalid,
    ResponseTooLarge,
    HttpClientError,
    GatewayTimeout,
    RequestLimitExceeded,
    UpstreamUnavailable,
    DeadlineExceeded,
    Overloaded,
    GraphqlParseFailed,
    GraphqlValidationFailed,
    BadUserInput,
    BadRequest,
    OperationResolutionFailure,
    Unauthenticated,
    Forbidden,
    RateLimited,
    LimitExceeded,
    PersistedQueryNotFound,
    PersistedQueryNotSupported,
    PersistedQueryNotInList,
    CsrfPreventionFailed,
    MethodNotAllowed,
    IntrospectionDisabled,
    Internal,
}

impl ErrorCode {
    /// The text of the code, upper snake case.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ConnectorFetch => "CONNECTOR_FETCH",
            Self::ConnectorResponseInvalid => "CONNECTOR_RESPONSE_INVALID",
            Self::ConnectorResponseShape => "CONNECTOR_RESPONSE_SHAPE",
            Self::ConnectorRequestInvalid => "CONNECTOR_REQUEST_INVALID",
            Self::ResponseTooLarge => "RESPONSE_TOO_LARGE",
            Self::HttpClientError => "HTTP_CLIENT_ERROR",
            Self::GatewayTimeout => "GATEWAY_TIMEOUT",
            Self::RequestLimitExceeded => "REQUEST_LIMIT_EXCEEDED",
            Self::UpstreamUnavailable => "UPSTREAM_UNAVAILABLE",
            Self::DeadlineExceeded => "DEADLINE_EXCEEDED",
            Self::Overloaded => "OVERLOADED",
            Self::GraphqlParseFailed => "GRAPHQL_PARSE_FAILED",
            Self::GraphqlValidationFailed => "GRAPHQL_VALIDATION_FAILED",
            Self::BadUserInput => "BAD_USER_INPUT",
            Self::BadRequest => "BAD_REQUEST",
            Self::OperationResolutionFailure => "OPERATION_RESOLUTION_FAILURE",
            Self::Unauthenticated => "UNAUTHENTICATED",
            Self::Forbidden => "FORBIDDEN",
            Self::RateLimited => "RATE_LIMITED",
            Self::LimitExceeded => "LIMIT_EXCEEDED",
            Self::PersistedQueryNotFound => "PERSISTED_QUERY_NOT_FOUND",
            Self::PersistedQueryNotSupported => "PERSISTED_QUERY_NOT_SUPPORTED",
            Self::PersistedQueryNotInList => "PERSISTED_QUERY_NOT_IN_LIST",
            Self::CsrfPreventionFailed => "CSRF_PREVENTION_FAILED",
            Self::MethodNotAllowed => "METHOD_NOT_ALLOWED",
            Self::IntrospectionDisabled => "INTROSPECTION_DISABLED",
            Self::Internal => "INTERNAL",
        }
    }
}
