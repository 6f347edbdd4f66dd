//! Error codes to HTTP statuses: the only place that knows both.

use http::StatusCode;

use super::media::Media;
use crate::error::ErrorCode;

/// The status of a request that was refused with `code`, answered as `media`.
///
/// Source: GraphQL over HTTP. With `application/graphql-response+json` a document that cannot be run is 400. With the legacy
/// `application/json` such a document is 200, because callers of that kind read `errors` and take other statuses for the words of
/// something between; what is not about the document keeps its status.
pub(super) fn of(code: ErrorCode, media: Media) -> StatusCode {
    match code {
        ErrorCode::GraphqlParseFailed
        | ErrorCode::GraphqlValidationFailed
        | ErrorCode::BadUserInput
        | ErrorCode::OperationResolutionFailure
        | ErrorCode::LimitExceeded
        | ErrorCode::IntrospectionDisabled
        | ErrorCode::RequestLimitExceeded
        | ErrorCode::PersistedQueryNotFound
        | ErrorCode::PersistedQueryNotSupported
        | ErrorCode::PersistedQueryNotInList => match media {
            Media::Response => StatusCode::BAD_REQUEST,
            Media::Json => StatusCode::OK,
        },
        ErrorCode::BadRequest | ErrorCode::CsrfPreventionFailed => StatusCode::BAD_REQUEST,
        ErrorCode::Unauthenticated => StatusCode::UNAUTHORIZED,
        ErrorCode::Forbidden => StatusCode::FORBIDDEN,
        ErrorCode::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
        ErrorCode::RateLimited => StatusCode::TOO_MANY_REQUESTS,
        ErrorCode::Overloaded | ErrorCode::UpstreamUnavailable => StatusCode::SERVICE_UNAVAILABLE,
        ErrorCode::GatewayTimeout | ErrorCode::DeadlineExceeded => StatusCode::GATEWAY_TIMEOUT,
        ErrorCode::ConnectorFetch
        | ErrorCode::ConnectorResponseInvalid
        | ErrorCode::ConnectorResponseShape
        | ErrorCode::ConnectorRequestInvalid
        | ErrorCode::ResponseTooLarge
        | ErrorCode::HttpClientError => StatusCode::BAD_GATEWAY,
        ErrorCode::Internal => StatusCode::INTERNAL_SERVER_ERROR,
    }
}
