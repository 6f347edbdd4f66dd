//! Every code that a diagnostic can have, with a line that says what it means: for `weft explain` and the documentation.
//!
//! The codes of connectors are those of the reference, so that what people know and search for keeps its name.

/// A code of [`super::Diagnostic`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DiagnosticCode {
    /// The stable name, as printed.
    pub code: &'static str,
    /// What it means: one line, lowercase, no final period.
    pub summary: &'static str,
}

/// All codes, in alphabetical order. `tests/architecture.rs` holds the list and the uses in the code to each other.
pub const CODES: &[DiagnosticCode] = &[
    code("ABSOLUTE_CONNECT_URL_WITH_SOURCE", "a connector names a source and an absolute URL as well"),
    code("ABSTRACT_WITHOUT_TYPENAME", "a value of an interface or union does not say its type"),
    code(
        "ACCESS_DIRECTIVE_INVALID",
        "`@requiresScopes` or `@policy` holds an empty list, or something else than texts",
    ),
    code("AUTHENTICATION", "what callers are known by cannot be set up: a file of API keys, a client for keys"),
    code("CIRCULAR_REFERENCE", "a selection leads back to its own type (only with `compatibility: strict`)"),
    code("CONFIG_UNREADABLE", "the configuration file cannot be read"),
    code(
        "CONNECTORS_BATCH_KEY_NOT_IN_SELECTION",
        "a batch does not select the key by which its results are told apart",
    ),
    code("CONNECTORS_CANNOT_RESOLVE_KEY", "the key that a connector implies is no field set of its type"),
    code("CONNECTORS_FIELD_WITH_ARGUMENTS", "a selection fills a field that has arguments"),
    code(
        "CONNECTORS_UNRESOLVED_FIELD",
        "a field is neither selected by a connector, nor has one, nor is part of a key",
    ),
    code("CONNECTORS_UNSATISFIABLE", "a field cannot be had from everywhere its type is reached"),
    code("CONNECTORS_UNSUPPORTED_ABSTRACT_TYPE", "an interface or union below connect v0.4, or a connector on one"),
    code("CONNECTORS_UNSUPPORTED_FEDERATION_DIRECTIVE", "a federation directive that connectors cannot honour"),
    code("CONNECT_BATCH_AND_THIS", "one connector uses both `$batch` and `$this`"),
    code("CONNECT_ON_ROOT", "`@connect` stands on a root type instead of its fields"),
    code("CONNECT_ON_TYPE_MUST_BE_ENTITY", "a connector on a type says `entity: false`"),
    code("DIRECTIVE_DEFINITION_INVALID", "a written definition of a connect directive differs from the spec"),
    code("DOCUMENTS_REPORT_UNUSABLE", "the manifest of reported documents cannot be written, or is something else"),
    code("DUPLICATE_ID_NAME", "two connectors have one `id`"),
    code("DUPLICATE_KEY", "a key of the configuration is given twice"),
    code("DUPLICATE_SOURCE_NAME", "two sources of a file have one name"),
    code("DUPLICATE_SUBGRAPH_NAME", "two schema files have one subgraph name"),
    code("EMPTY_SOURCE_NAME", "a source has an empty name"),
    code("ENTITY_NOT_ON_ROOT_QUERY", "`entity: true` elsewhere than on a query field"),
    code(
        "ENTITY_RESOLVER_ARGUMENT_MISMATCH",
        "an argument of an entity field is no field of the entity, or of another type",
    ),
    code("ENTITY_TYPE_INVALID", "an entity field does not return one nullable object"),
    code(
        "FEDERATION_DIRECTIVE_WITHOUT_EFFECT",
        "a federation directive that means nothing where connectors are all there is",
    ),
    code("FIELD_TYPE_MISMATCH", "a field is declared with different types in two files"),
    code("GRAPH_QL_ERROR", "the text is not valid GraphQL"),
    code("GROUP_SELECTION_IS_NOT_OBJECT", "a selection goes into a value that has no fields"),
    code("GROUP_SELECTION_REQUIRED_FOR_OBJECT", "an object is selected without the fields that are wanted of it"),
    code("HTTP_HEADER_NAME_COLLISION", "one directive names a header twice"),
    code("HTTP_OMITTED_REQUIRES_V0_4", "a connector has no `http`, which connect v0.4 brought"),
    code("INVALID_BODY", "a request body does not parse, or uses what is not there"),
    code("INVALID_CACHE_CONTROL", "`@cacheControl` has a lifetime that is none"),
    code("INVALID_CACHE_TAG", "`@cacheTag` does not parse, or reads what is not known before there is a reply"),
    code("INVALID_CONNECTOR_ID_NAME", "the `id` of a connector is no GraphQL name"),
    code("INVALID_COST", "a weight of `@cost` is no whole number from 0"),
    code("INVALID_ENVIRONMENT", "an environment variable that the configuration names is missing or not usable"),
    code("INVALID_ERRORS_MESSAGE", "`errors.message` is no text, or `errors.extensions` is no object"),
    code("INVALID_HEADER", "a header rule has a bad name or value, or a reserved name"),
    code("INVALID_IS_SUCCESS", "`isSuccess` does not parse or is not a boolean"),
    code("INVALID_LINK_IDENTIFIER", "a `@link` gives a name that is no GraphQL name"),
    code("INVALID_LIST_SIZE", "`@listSize` on what is no list, without a size, or with a name that is not there"),
    code("INVALID_POLICY", "the expression of a policy cannot be read, or uses what is not there"),
    code("INVALID_SCHEMA_PATH", "a schema path of the configuration leads to no schema file"),
    code("INVALID_SELECTION", "a selection does not parse, is empty, or uses a variable that is not there"),
    code(
        "INVALID_SOURCE_NAME",
        "the name of a source has other characters than letters, digits, `-` and `_`, or is too long",
    ),
    code("INVALID_URL", "a URL or URL template cannot be used"),
    code("INVALID_URL_PROPERTY", "`path` is not a list of scalars, or `queryParams` is no object"),
    code("INVALID_URL_SCHEME", "a URL is neither http nor https"),
    code("INVALID_VALUE", "a value of the configuration is not of its kind or out of range"),
    code("INVALID_YAML", "the configuration is not YAML"),
    code("MISSING_ENTITY_CONNECTOR", "a resolvable `@key` that no connector takes"),
    code("MISSING_HTTP_METHOD", "a connector has no method"),
    code("MISSING_KEY", "a key that the configuration needs is missing"),
    code("MULTIPLE_HTTP_METHODS", "a connector has more than one method"),
    code("NO_SCHEMA", "there is no schema file"),
    code("NO_SOURCES_DEFINED", "a connector names a source, but its file has none"),
    code("NO_SOURCE_IMPORT", "`@source` is used but not imported"),
    code("ONE_CALL_PER_ITEM", "a join over a list that makes one call for each item"),
    code("PRODUCTION_ADMIN", "the operator's listener can be reached from outside"),
    code("PRODUCTION_ANONYMOUS", "callers can say who they are, and need not"),
    code("PRODUCTION_BATCHING", "one request may hold very many operations"),
    code("PRODUCTION_CERTIFICATES", "whoever has any certificate of an authority counts as somebody"),
    code("PRODUCTION_CORS", "every page on the internet may read answers"),
    code("PRODUCTION_CSRF", "foreign pages can send operations"),
    code("PRODUCTION_DOCUMENTS", "documents that are not trusted are answered and written down"),
    code("PRODUCTION_GRAPHIQL", "a page for developers is served to everybody"),
    code("PRODUCTION_INTROSPECTION", "everybody can read all of the schema"),
    code("PRODUCTION_LIMITS", "a limit on operations bounds nothing"),
    code("PRODUCTION_LOG", "details of calls are logged for each request"),
    code("PRODUCTION_PLAIN_HTTP", "a service over a foreign network is called without TLS"),
    code("PRODUCTION_PLAIN_LISTENER", "requests come in by plain HTTP"),
    code("PRODUCTION_PROPAGATE", "a pattern passes callers' secrets on"),
    code("PRODUCTION_PROXIES", "every caller can say which address it has"),
    code("PRODUCTION_RATE_LIMITS", "nothing limits how often a caller asks"),
    code("PRODUCTION_TIMEOUT", "an operation may take longer than any caller waits"),
    code("PRODUCTION_TOKENS", "tokens are taken that others can make or that are for others"),
    code("RELATIVE_CONNECT_URL_WITHOUT_SOURCE", "a connector has a path only, and no source"),
    code("REQUESTLESS_SELECTION_USES_REQUEST_DATA", "a connector without a request reads a reply"),
    code("REQUIRED_INACCESSIBLE", "an argument or input field is required and hidden from clients"),
    code("SCHEMA_FILE", "a schema file cannot be read"),
    code("SELECTED_FIELD_NOT_FOUND", "a selection yields a name that is no field of its type"),
    code("SOURCE_NAME_MISMATCH", "a connector names a source that is not there"),
    code("SUBSCRIPTION_IN_CONNECTORS", "a schema with connectors has a subscription root"),
    code("TRANSPORT", "the HTTP client cannot be set up"),
    code("TRUSTED_DOCUMENTS_UNREADABLE", "the list of trusted documents cannot be read"),
    code("TRUSTED_DOCUMENT_INVALID", "a trusted document does not fit the schema"),
    code("TYPE_MISMATCH", "a type is declared differently in two files"),
    code("UNDEFINED_ARGUMENT", "a mapping uses an argument that its field does not have"),
    code("UNDEFINED_FIELD", "a mapping uses a field that its type does not have"),
    code("UNKNOWN_CONNECTORS_VERSION", "the linked version of the connect spec is not known"),
    code("UNKNOWN_KEY", "a key of the configuration is not known"),
    code("UNKNOWN_METHOD", "a mapping calls a method that does not exist"),
    code("UNKNOWN_POLICY", "the schema names a policy that the configuration does not have"),
    code("UNKNOWN_SOURCE", "the configuration names a source that no schema file declares"),
    code("UNREACHABLE_CONNECTOR", "no operation can reach the fields that a connector gives"),
    code("UNSUPPORTED_VARIABLE_TYPE", "a path of a variable leads through an interface or a union"),
    code("UNUSED_SOURCE", "no connector uses a source"),
];

const fn code(code: &'static str, summary: &'static str) -> DiagnosticCode {
    DiagnosticCode { code, summary }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_in_order_and_say_something() {
        assert!(CODES.windows(2).all(|pair| pair[0].code < pair[1].code), "sorted, none twice");
        for code in CODES {
            assert!(
                !code.summary.ends_with('.') && !code.summary.contains('\n') && code.summary.len() > 15,
                "{code:?}"
            );
        }
    }
}
