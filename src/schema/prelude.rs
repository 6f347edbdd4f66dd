//! Definitions that a document need not write: those of the connect, federation and link specs (reference 1.4).

use super::link::Links;

/// SDL of all definitions that a document may use under its links, under the names it uses.
pub(super) fn sdl(links: &Links) -> String {
    let mut out = String::from(LINK);
    out.push_str(CACHING);
    out.push_str(SENSITIVE);
    if links.federation.is_none() {
        out.push_str(CACHE_TAG);
    }
    if let Some(federation) = &links.federation {
        let mut text = FEDERATION.to_owned();
        for name in FEDERATION_DIRECTIVES {
            let local = federation.directive(name, "federation");
            text = text.replace(&format!("@<{name}>"), &format!("@{local}"));
        }
        for name in ["FieldSet", "Scope", "Policy", "ContextFieldValue"] {
            text = text.replace(&format!("<{name}>"), &federation.ty(name));
        }
        out.push_str(&text);
    }
    if let Some(connect) = &links.connect {
        let mut text = CONNECT.to_owned();
        for name in ["source", "connect"] {
            text = text.replace(&format!("@<{name}>"), &format!("@{}", connect.directive(name, "connect")));
        }
        for name in CONNECT_TYPES {
            text = text.replace(&format!("<{name}>"), &connect.ty(name));
        }
        out.push_str(&text);
    }
    out
}

/// Types of the connect spec.
const CONNECT_TYPES: [&str; 7] = [
    "SourceHTTP",
    "ConnectHTTP",
    "HTTPHeaderMapping",
    "ConnectBatch",
    "ConnectorErrors",
    "JSONSelection",
    "URLTemplate",
];

/// Directives of the federation spec.
pub(super) const FEDERATION_DIRECTIVES: [&str; 19] = [
    "key",
    "external",
    "requires",
    "provides",
    "shareable",
    "inaccessible",
    "tag",
    "override",
    "extends",
    "composeDirective",
    "interfaceObject",
    "authenticated",
    "requiresScopes",
    "policy",
    "cost",
    "listSize",
    "context",
    "fromContext",
    "cacheTag",
];

const LINK: &str = "
directive @link(url: String!, as: String, for: link__Purpose, import: [link__Import]) repeatable on SCHEMA
directive @oneOf on INPUT_OBJECT
scalar link__Import
enum link__Purpose { SECURITY EXECUTION }
";

/// As servers of GraphQL have it; it belongs to no spec, so it needs no link.
const CACHING: &str = "
directive @cacheControl(maxAge: Int, scope: CacheControlScope, inheritMaxAge: Boolean) on FIELD_DEFINITION | OBJECT | INTERFACE | UNION
enum CacheControlScope { PUBLIC PRIVATE }
";

/// Ours: what nobody should read. It needs no link either.
const SENSITIVE: &str = "
directive @sensitive on ARGUMENT_DEFINITION | FIELD_DEFINITION | INPUT_FIELD_DEFINITION
";

/// For documents without the federation link, which has it too.
const CACHE_TAG: &str = "
directive @cacheTag(format: String!) repeatable on OBJECT | FIELD_DEFINITION
";

const CONNECT: &str = "
directive @<source>(name: String!, http: <SourceHTTP>!, errors: <ConnectorErrors>, isSuccess: <JSONSelection>) repeatable on SCHEMA
directive @<connect>(
  source: String, id: String, http: <ConnectHTTP>, batch: <ConnectBatch>, errors: <ConnectorErrors>,
  selection: <JSONSelection>!, entity: Boolean = false, isSuccess: <JSONSelection>
) repeatable on FIELD_DEFINITION | OBJECT
input <SourceHTTP> { baseURL: String!  headers: [<HTTPHeaderMapping>!]  path: <JSONSelection>  queryParams: <JSONSelection> }
input <ConnectHTTP> {
  GET: <URLTemplate>  POST: <URLTemplate>  PUT: <URLTemplate>  PATCH: <URLTemplate>  DELETE: <URLTemplate>
  body: <JSONSelection>  headers: [<HTTPHeaderMapping>!]  path: <JSONSelection>  queryParams: <JSONSelection>
}
input <HTTPHeaderMapping> { name: String!  from: String  value: String }
input <ConnectBatch> { maxSize: Int }
input <ConnectorErrors> { message: <JSONSelection>  extensions: <JSONSelection> }
scalar <JSONSelection>
scalar <URLTemplate>
";

const FEDERATION: &str = "
directive @<key>(fields: <FieldSet>!, resolvable: Boolean = true) repeatable on OBJECT | INTERFACE
directive @<external>(reason: String) on OBJECT | FIELD_DEFINITION
directive @<requires>(fields: <FieldSet>!) on FIELD_DEFINITION
directive @<provides>(fields: <FieldSet>!) on FIELD_DEFINITION
directive @<shareable> repeatable on OBJECT | FIELD_DEFINITION
directive @<inaccessible> on FIELD_DEFINITION | OBJECT | INTERFACE | UNION | ENUM | ENUM_VALUE | SCALAR | INPUT_OBJECT | INPUT_FIELD_DEFINITION | ARGUMENT_DEFINITION
directive @<tag>(name: String!) repeatable on FIELD_DEFINITION | OBJECT | INTERFACE | UNION | ENUM | ENUM_VALUE | SCALAR | INPUT_OBJECT | INPUT_FIELD_DEFINITION | ARGUMENT_DEFINITION | SCHEMA
directive @<override>(from: String!, label: String) on FIELD_DEFINITION
directive @<extends> on OBJECT | INTERFACE
directive @<composeDirective>(name: String!) repeatable on SCHEMA
directive @<interfaceObject> on OBJECT
directive @<authenticated> on FIELD_DEFINITION | OBJECT | INTERFACE | SCALAR | ENUM
directive @<requiresScopes>(scopes: [[<Scope>!]!]!) on FIELD_DEFINITION | OBJECT | INTERFACE | SCALAR | ENUM
directive @<policy>(policies: [[<Policy>!]!]!) on FIELD_DEFINITION | OBJECT | INTERFACE | SCALAR | ENUM
directive @<cost>(weight: Int!) on ARGUMENT_DEFINITION | ENUM | FIELD_DEFINITION | INPUT_FIELD_DEFINITION | OBJECT | SCALAR
directive @<listSize>(assumedSize: Int, slicingArguments: [String!], sizedFields: [String!], requireOneSlicingArgument: Boolean = true) on FIELD_DEFINITION
directive @<context>(name: String!) repeatable on OBJECT | INTERFACE | UNION
directive @<fromContext>(field: <ContextFieldValue>) on ARGUMENT_DEFINITION
directive @<cacheTag>(format: String!) repeatable on OBJECT | FIELD_DEFINITION
scalar <FieldSet>
scalar <Scope>
scalar <Policy>
scalar <ContextFieldValue>
";
