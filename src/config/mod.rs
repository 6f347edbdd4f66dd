//! `weft.yaml` and the command line to [`Settings`].
//!
//! Two steps: `document` mirrors the file as it is written and refuses unknown keys, `interpret` turns it into
//! [`Settings`] that leave nothing to decide. All findings of the second step come at once, each at its place.
//! Not here: reading the schema files themselves (`gateway`) and the flags (`main`).

mod auth;
mod auth_document;
mod auth_interpret;
mod authorization;
mod aws;
mod caching;
mod client;
mod client_certificates;
mod cost;
mod document;
mod documents;
mod environment;
mod headers;
mod interpret;
mod load;
mod print;
mod quota;
mod rate;
mod rate_store;
mod resilience;
mod resilience_document;
mod resilience_interpret;
mod schema_files;
mod settings;
#[cfg(test)]
mod tests;
mod value;
mod watch;

pub use auth::{Algorithm, ApiKey, ApiKeys, Auth, Fetching, Issuer, Jwt, KeySource};
pub use auth_interpret::{api_keys, api_keys_of};
pub use authorization::Authorization;
pub use aws::AwsKeys;
pub use caching::{Cache, ConnectorCache, Redis, Share, SourceCache};
pub use client::{Client, Known};
pub use client_certificates::{
    CERTIFICATE_VALUES, CertificateClient, CertificateMatch, CertificateName, ClientCertificates, OtherCertificates,
};
pub use cost::Cost;
pub use document::json_schema;
pub use documents::{ClientDocuments, DocumentReport, Documents};
pub use headers::{Headers, OWN_HEADERS, Propagate, RESERVED_HEADERS};
pub use load::{load, load_with};
pub use print::print;
pub use quota::{Quota, QuotaPeriod};
pub use rate::{Network, QUOTA, RateBy, RateFor, RateLimit, RateUnit};
pub use rate_store::{RateStore, WhenAway};
pub use resilience::{
    Adaptive, Balance, Breaker, Canary, Certificate, Credentials, Discovery, HashKey, Health, Hedge, HedgeAfter,
    Outlier, Priority, Retry, Token, Url,
};
pub use settings::{
    Admin, Batching, ClientAuth, ClientLimits, Compatibility, ContextValue, Cors, LimitMode, Limits, Overrides,
    SchemaFile, Server, Settings, Source, Telemetry, Tls,
};
pub use value::{Hidden, Json};
pub use watch::Watch;
