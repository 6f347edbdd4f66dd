//! Documents in, schemas out: each is compiled, because a schema that the gateway refuses is worth nothing.
#![expect(clippy::needless_pass_by_value, reason = "calls read better with literals")]

use std::sync::Arc;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::{
    error::{Format, SourceText, render},
    schema,
};

fn translated(document: &Value) -> Imported {
    let fetched = Fetched::of_text(&document.to_string()).unwrap();
    translate(&fetched, &Options::default()).unwrap_or_else(|why| panic!("{why}"))
}

/// Compiles what came out. Panics with the findings when it is refused.
fn compiled(imported: &Imported) -> schema::Graph {
    let source = Arc::new(SourceText { name: "api.graphql".to_owned(), text: imported.schema.clone() });
    let file = schema::File { subgraph: "api".to_owned(), source };
    match schema::compile(&[file], &schema::Options::default()) {
        Ok(compiled) => compiled.graph,
        Err(found) => panic!("{}\n{}", render(&found, Format::Human { color: false }), imported.schema),
    }
}

/// A document with these paths and schemas.
fn document(paths: Value, schemas: Value) -> Value {
    json!({
        "openapi": "3.0.3",
        "info": { "title": "Shop API", "version": "1" },
        "servers": [{ "url": "https://{region}.shop.example/v1/", "variables": { "region": { "default": "eu" } } }],
        "paths": paths,
        "components": { "schemas": schemas }
    })
}

fn answers(schema: Value) -> Value {
    json!({ "200": { "description": "", "content": { "application/json": { "schema": schema } } } })
}

/// The schema of a document, checked, without its head.
fn sdl(paths: Value, schemas: Value) -> String {
    let imported = translated(&document(paths, schemas));
    compiled(&imported);
    imported.schema
}

fn has(schema: &str, part: &str) {
    let squeezed = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(squeezed(schema).contains(&squeezed(part)), "there is no\n{part}\nin\n{schema}");
}

#[test]
fn a_get_by_id_is_an_entity_and_ids_are_joined() {
    let schema = sdl(
        json!({
            "/users/{user_id}": { "get": { "parameters": [{ "name": "user_id", "in": "path", "required": true, "schema": { "type": "string" } }],
                "responses": answers(json!({ "$ref": "#/components/schemas/User" })) } },
            "/orders": { "get": { "responses": answers(json!({ "type": "array", "items": { "$ref": "#/components/schemas/Order" } })) } }
        }),
        json!({
            "User": { "type": "object", "required": ["id"], "properties": { "id": { "type": "string" }, "full_name": { "type": "string" } } },
            "Order": { "type": "object", "required": ["id"], "properties": {
                "id": { "type": "integer" }, "user_id": { "type": "string", "nullable": true }, "shipped_at": { "type": "string", "format": "date-time" } } }
        }),
    );
    has(&schema, "user(id: ID!): User");
    has(&schema, "http: { GET: \"/users/{$args.id}\" }");
    has(&schema, "entity: true");
    has(&schema, "type User @key(fields: \"id\") { id: ID! fullName: String }");
    has(&schema, "user: user_id? { id: $ }");
    has(&schema, "type Order { id: ID! userId: ID shippedAt: DateTime user: User }");
    has(&schema, "baseURL: \"https://eu.shop.example/v1\"");
}

#[test]
fn many_at_once_is_a_batch_however_it_is_asked() {
    let many = |parameter: Value| {
        sdl(
            json!({ "/users": { "get": { "parameters": [parameter],
                "responses": answers(json!({ "type": "array", "items": { "$ref": "#/components/schemas/User" } })) } } }),
            json!({ "User": { "type": "object", "required": ["id"], "properties": { "id": { "type": "integer" }, "name": { "type": "string" } } } }),
        )
    };
    let list = json!({ "type": "array", "items": { "type": "integer" }, "maxItems": 80 });
    let repeated = many(json!({ "name": "id", "in": "query", "schema": list }));
    has(&repeated, "queryParams: \"id: $batch.id\" } batch: { maxSize: 80 }");
    let joined = many(json!({ "name": "ids", "in": "query", "explode": false, "schema": list }));
    has(&joined, "queryParams: \"ids: $batch.id->joinNotNull(',')\"");
    let text = many(
        json!({ "name": "ids", "in": "query", "description": "at most 30, separated by commas", "schema": { "type": "string" } }),
    );
    has(&text, "queryParams: \"ids: $batch.id->joinNotNull(',')\" } batch: { maxSize: 30 }");
    let by_body = sdl(
        json!({ "/users/query": { "post": {
            "requestBody": { "required": true, "content": { "application/json": { "schema": { "type": "object", "required": ["ids"],
                "properties": { "ids": { "type": "array", "items": { "type": "integer" } } } } } } },
            "responses": answers(json!({ "type": "array", "items": { "$ref": "#/components/schemas/User" } })) } } }),
        json!({ "User": { "type": "object", "properties": { "id": { "type": "integer" } } } }),
    );
    has(&by_body, "body: \"ids: $batch.id->map(@->parseInt)\"");
    let other = many(json!({ "name": "teams", "in": "query", "schema": list }));
    assert!(!other.contains("$batch"), "{other}");
}

#[test]
fn envelopes_are_opened_and_pages_keep_what_they_tell() {
    let schema = sdl(
        json!({
            "/items": { "get": { "parameters": [{ "name": "page_size", "in": "query", "schema": { "type": "integer", "default": 20 } }],
                "responses": answers(json!({ "type": "object", "required": ["data"], "properties": {
                    "data": { "type": "array", "items": { "$ref": "#/components/schemas/Item" } },
                    "page": { "type": "object", "properties": { "next_cursor": { "type": "string" }, "total": { "type": "integer" } } } } })) } },
            "/items/{id}": { "get": { "responses": answers(json!({ "type": "object", "properties": { "item": { "$ref": "#/components/schemas/Item" } } })) } }
        }),
        json!({ "Item": { "type": "object", "properties": { "id": { "type": "string" }, "tags": { "type": "array", "items": { "type": "string" } } } } }),
    );
    has(&schema, "items(pageSize: Int = 20): ItemPage");
    has(&schema, "type ItemPage { items: [Item!]! nextCursor: String total: Int }");
    has(&schema, "items: data { id tags } nextCursor: page.next_cursor total: page.total");
    has(&schema, "selection: \"$.item { id tags }\"");
}

#[test]
fn enums_that_are_no_names_are_translated_both_ways() {
    let schema = sdl(
        json!({ "/jobs": { "get": {
            "parameters": [{ "name": "state", "in": "query", "schema": { "$ref": "#/components/schemas/State" } }],
            "responses": answers(json!({ "type": "array", "items": { "$ref": "#/components/schemas/Job" } })) } } }),
        json!({
            "State": { "type": "string", "enum": ["in-progress", "done", "-created", null] },
            "Kind": { "type": "string", "enum": ["small", "large"] },
            "Job": { "type": "object", "required": ["kind"], "properties": {
                "state": { "$ref": "#/components/schemas/State" }, "kind": { "$ref": "#/components/schemas/Kind" },
                "history": { "type": "array", "items": { "$ref": "#/components/schemas/State" } } } }
        }),
    );
    has(&schema, "enum State { IN_PROGRESS DONE MINUS_CREATED }");
    has(
        &schema,
        "state: $args.state?->match(['IN_PROGRESS', 'in-progress'], ['DONE', 'done'], ['MINUS_CREATED', '-created'])",
    );
    has(&schema, "state: state?->match(['in-progress', 'IN_PROGRESS']");
    has(&schema, "history: history?->map(@?->match(");
    has(&schema, "kind: Kind!");
    assert!(!schema.contains("['small'"), "values that are names stay as they are");
}

#[test]
fn alternatives_become_unions_and_interfaces_where_a_value_tells_them_apart() {
    let pets = json!({
        "Cat": { "type": "object", "required": ["kind", "lives"], "properties": { "kind": { "type": "string" }, "lives": { "type": "integer" }, "owner": { "$ref": "#/components/schemas/Owner" } } },
        "Dog": { "type": "object", "required": ["kind"], "properties": { "kind": { "type": "string" }, "owner": { "type": "string" } } },
        "Owner": { "type": "object", "properties": { "name": { "type": "string" } } },
        "Pet": { "oneOf": [{ "$ref": "#/components/schemas/Cat" }, { "$ref": "#/components/schemas/Dog" }],
            "discriminator": { "propertyName": "kind", "mapping": { "cat": "#/components/schemas/Cat", "hound": "#/components/schemas/Dog" } } },
        "Loose": { "oneOf": [{ "$ref": "#/components/schemas/Cat" }, { "$ref": "#/components/schemas/Owner" }] },
        "Shape": { "type": "object", "required": ["type"], "discriminator": { "propertyName": "type" }, "properties": { "type": { "type": "string" }, "area": { "type": "number" } } },
        "Circle": { "allOf": [{ "$ref": "#/components/schemas/Shape" }, { "type": "object", "properties": { "radius": { "type": "number" } } }] },
        "Square": { "allOf": [{ "$ref": "#/components/schemas/Shape" }, { "type": "object", "properties": { "side": { "type": "number" } } }] }
    });
    let one = |name: &str| {
        sdl(
            json!({ "/things": { "get": { "responses": answers(json!({ "$ref": format!("#/components/schemas/{name}") })) } } }),
            pets.clone(),
        )
    };
    let pet = one("Pet");
    has(&pet, "interface Pet { kind: String! }");
    has(&pet, "['cat', { __typename: 'Cat', kind: $.kind, lives: $.lives, owner: $.owner { name } }]");
    has(&pet, "['hound', { __typename: 'Dog', kind: $.kind, owner: $.owner }]");
    has(&pet, "connect/v0.4");
    let loose = one("Loose");
    has(
        &loose,
        "# The alternatives cannot be told apart: this has the fields of all of them. type Loose { kind: String lives: Int owner: Owner name: String }",
    );
    let shape = one("Shape");
    has(&shape, "interface Shape { type: String! area: Float }");
    has(&shape, "type Circle implements Shape {");
    has(&shape, "['Circle', { __typename: 'Circle'");
}

#[test]
fn both_dialects_of_null_and_all_of_are_understood() {
    let schemas = json!({
        "Base": { "type": "object", "required": ["id"], "properties": { "id": { "type": "string" } } },
        "Old": { "type": "string", "nullable": true },
        "Thing": { "allOf": [{ "$ref": "#/components/schemas/Base" }, { "type": "object", "required": ["old", "new", "maybe", "plain"], "properties": {
            "old": { "$ref": "#/components/schemas/Old" },
            "new": { "type": ["string", "null"] },
            "maybe": { "anyOf": [{ "$ref": "#/components/schemas/Base" }, { "type": "null" }] },
            "plain": { "allOf": [{ "$ref": "#/components/schemas/Base" }], "description": "the same type" }
        } }] }
    });
    let schema = sdl(
        json!({ "/thing": { "get": { "responses": answers(json!({ "$ref": "#/components/schemas/Thing" })) } } }),
        schemas,
    );
    has(&schema, "type Thing { id: ID! old: String new: String maybe: Base \"the same type\" plain: Base! }");
}

#[test]
fn types_that_contain_themselves_are_cut_once_and_nothing_is_selected_twice_on_one_way() {
    let schema = sdl(
        json!({ "/comments": { "get": { "responses": answers(json!({ "type": "array", "items": { "$ref": "#/components/schemas/Comment" } })) } } }),
        json!({
            "Comment": { "type": "object", "properties": { "text": { "type": "string" }, "replies": { "type": "array", "items": { "$ref": "#/components/schemas/Comment" } }, "author": { "$ref": "#/components/schemas/Author" } } },
            "Author": { "type": "object", "properties": { "name": { "type": "string" }, "last_comment": { "$ref": "#/components/schemas/Comment" } } }
        }),
    );
    has(&schema, "# JSON: its type contains itself. replies: [JSON!]");
    has(&schema, "# JSON: its type contains itself. lastComment: JSON");
    let options = schema::Options { compatibility: schema::Compatibility::Strict, ..schema::Options::default() };
    let source = Arc::new(SourceText { name: "api.graphql".to_owned(), text: schema });
    let strict = schema::compile(&[schema::File { subgraph: "api".to_owned(), source }], &options);
    assert!(strict.is_ok(), "{:#?}", strict.err());
}

#[test]
fn bodies_are_inputs_with_the_services_names_in_the_mapping() {
    let schema = sdl(
        json!({
            "/orders": { "post": { "operationId": "create_order",
                "requestBody": { "required": true, "content": { "application/json": { "schema": { "$ref": "#/components/schemas/NewOrder" } } } },
                "responses": { "201": { "content": { "application/json": { "schema": { "$ref": "#/components/schemas/Order" } } } }, "202": { "description": "later" } } } },
            "/orders/{id}/cancel": { "post": { "responses": { "204": { "description": "" } } } },
            "/login": { "post": { "requestBody": { "content": { "application/x-www-form-urlencoded": { "schema": { "type": "object", "properties": { "user": { "type": "string" } } } } } },
                "responses": answers(json!({ "type": "object", "properties": { "token": { "type": "string" } } })) } },
            "/upload": { "post": { "requestBody": { "required": true, "content": { "multipart/form-data": { "schema": {} } } }, "responses": { "204": {} } } }
        }),
        json!({
            "Order": { "type": "object", "properties": { "id": { "type": "integer", "readOnly": true }, "odd-key": { "type": "string" } } },
            "NewOrder": { "type": "object", "required": ["lines"], "properties": { "id": { "type": "integer", "readOnly": true }, "note": { "type": "string" },
                "lines": { "type": "array", "items": { "type": "object", "required": ["product_id"], "properties": { "product_id": { "type": "integer" }, "odd-key": { "type": "string" } } } } } }
        }),
    );
    has(&schema, "createOrder(input: NewOrderInput!): Order");
    has(&schema, "body: \"$args.input { note lines { product_id: productId->parseInt 'odd-key': oddKey } }\"");
    has(&schema, "id oddKey: $.'odd-key'");
    has(&schema, "cancelOrder(id: ID!): Boolean");
    has(&schema, "selection: \"$(true)\"");
    has(&schema, "{ name: \"content-type\", value: \"application/x-www-form-urlencoded\" }");
    has(&schema, "# Left out: # POST /upload: its body is `multipart/form-data`");
}

#[test]
fn parameters_go_where_they_belong() {
    let schema = sdl(
        json!({ "/find": { "get": {
            "parameters": [
                { "name": "q", "in": "query", "required": true, "schema": { "type": "string" } },
                { "name": "tags", "in": "query", "explode": false, "schema": { "type": "array", "items": { "type": "string" } } },
                { "name": "filter", "in": "query", "style": "deepObject", "schema": { "type": "object", "properties": { "min_price": { "type": "number" } } } },
                { "name": "X-Tenant", "in": "header", "required": true, "schema": { "type": "string" } },
                { "name": "X-Trace", "in": "header", "schema": { "type": "string" } },
                { "name": "Authorization", "in": "header", "required": true, "schema": { "type": "string" } },
                { "name": "session", "in": "cookie", "schema": { "type": "string" } }
            ],
            "responses": answers(json!({ "type": "array", "items": { "type": "string" } })) } } }),
        json!({}),
    );
    has(&schema, "find(q: String!, tags: [String!], filter: FindFilterInput, xTenant: String!): [String!]");
    has(&schema, "tags: $args.tags?->joinNotNull(',') 'filter[min_price]': $args.filter.minPrice");
    has(&schema, "{ name: \"x-tenant\", value: \"{$args.xTenant}\" }");
    has(&schema, "{ name: \"x-trace\", from: \"x-trace\" }");
}

#[test]
fn security_becomes_headers_and_settings() {
    let mut with_key =
        document(json!({ "/a": { "get": { "responses": answers(json!({ "type": "string" })) } } }), json!({}));
    with_key["components"]["securitySchemes"] = json!({ "ApiKey": { "type": "apiKey", "in": "header", "name": "X-Key" }, "Bearer": { "type": "http", "scheme": "bearer" } });
    with_key["security"] = json!([{ "ApiKey": [], "Bearer": [] }]);
    let imported = translated(&with_key);
    compiled(&imported);
    has(
        &imported.schema,
        "headers: [{ name: \"x-key\", value: \"{$config.apiKey}\" }, { name: \"authorization\", from: \"authorization\" }]",
    );
    assert!(imported.settings.contains("    config:\n      apiKey: ${env.SHOP_API_KEY:-}"), "{}", imported.settings);
    let folder = scratch("settings");
    std::fs::write(folder.join("weft.yaml"), imported.settings.replace("[.]", "[]")).unwrap();
    let settings = crate::config::load(Some(&folder.join("weft.yaml")), &crate::config::Overrides::default());
    assert!(settings.is_ok(), "{:#?}", settings.err());
}

#[test]
fn swagger_2_and_yaml_are_read_too() {
    let text = r"
swagger: '2.0'
info: { title: Old }
host: old.example
basePath: /api
schemes: [https]
produces: [application/json]
paths:
  /users/{id}:
    get:
      parameters:
        - { name: id, in: path, required: true, type: integer }
        - { name: fields, in: query, type: array, items: { type: string } }
      responses:
        200: { description: fine, schema: { $ref: '#/definitions/User' } }
    post:
      parameters: [{ name: user, in: body, required: true, schema: { $ref: '#/definitions/User' } }]
      responses: { 204: { description: done } }
definitions:
  User: { type: object, properties: { id: { type: integer }, name: { type: string } } }
";
    let imported = translate(&Fetched::of_text(text).unwrap(), &Options::default()).unwrap();
    compiled(&imported);
    has(&imported.schema, "baseURL: \"https://old.example/api\"");
    has(&imported.schema, "user(id: ID!, fields: [String!]): User");
    has(&imported.schema, "fields: $args.fields?->joinNotNull(',')");
    has(&imported.schema, "updateUser(id: ID!, input: UserInput!): Boolean");
    has(&imported.schema, "GET: \"/users/{$this.id}\"");
}

#[test]
fn what_is_no_document_is_told_so() {
    let why = |text: &str| match Fetched::of_text(text).and_then(|fetched| translate(&fetched, &Options::default())) {
        Ok(imported) => panic!("{}", imported.schema),
        Err(why) => why,
    };
    for (text, part) in [
        ("", "it is empty"),
        ("[]", "no object at its root"),
        ("{\"openapi\": \"3.0.0\"", "it ends in the middle"),
        ("a: [b", "it is not YAML"),
        ("{\"openapi\": \"4.0.0\", \"paths\": {}}", "`4.0.0`"),
        ("{\"openapi\": \"3.0.0\", \"paths\": {}}", "no operations"),
        (
            "{\"openapi\": \"3.0.0\", \"paths\": {\"/a\": {\"get\": {\"responses\": {\"200\": {\"content\": {\"image/png\": {}}}}}}}}",
            "image/png",
        ),
    ] {
        let told = why(text);
        assert!(told.contains(part), "{text}: {told}");
    }
    let deep = "[".repeat(5_000);
    assert!(why(&deep).contains("recursion"), "{}", why(&deep));
    assert!(why(&format!("a: {}", "[".repeat(5_000))).contains("YAML"));
}

#[test]
fn circles_and_chains_end() {
    let mut schemas = serde_json::Map::new();
    for at in 0..5_000 {
        let next = format!("#/components/schemas/T{}", (at + 1) % 5_000);
        schemas.insert(
            format!("T{at}"),
            json!({ "type": "object", "properties": { "next": { "$ref": next }, "id": { "type": "string" } } }),
        );
        schemas.insert(format!("A{at}"), json!({ "allOf": [{ "$ref": format!("#/components/schemas/A{}", at + 1) }, { "$ref": format!("#/components/schemas/A{}", at + 1) }] }));
    }
    schemas.insert("Self".to_owned(), json!({ "$ref": "#/components/schemas/Self" }));
    schemas.insert("List".to_owned(), json!({ "type": "array", "items": { "$ref": "#/components/schemas/List" } }));
    schemas.insert(
        "Both".to_owned(),
        json!({ "oneOf": [{ "$ref": "#/components/schemas/Both" }, { "$ref": "#/components/schemas/T1" }] }),
    );
    let of = |name: &str| json!({ "get": { "responses": answers(json!({ "$ref": format!("#/components/schemas/{name}") })) } });
    let paths = json!({ "/t": of("T0"), "/a": of("A0"), "/s": of("Self"), "/l": of("List"), "/b": of("Both"), "/m": of("Missing") });
    compiled(&translated(&document(paths, schemas.into())));
}

#[test]
fn the_same_document_gives_the_same_bytes_and_choices_are_kept() {
    let get = || json!({ "get": { "tags": ["a"], "operationId": "one", "responses": answers(json!({ "type": "object", "properties": { "x": { "type": "string" } } })) } });
    let document = document(json!({ "/users": get(), "/users/{id}": get(), "/usersettings": get() }), json!({}));
    assert_eq!(translated(&document).schema, translated(&document).schema);
    let fetched = Fetched::of_text(&document.to_string()).unwrap();
    let chosen = |choice: Choice| {
        translate(&fetched, &Options { choice, ..Options::default() }).map(|imported| imported.counts.queries)
    };
    assert_eq!(chosen(Choice { paths: vec!["/users".to_owned()], ..Choice::default() }), Ok(2));
    assert_eq!(chosen(Choice { tags: vec!["a".to_owned()], ..Choice::default() }), Ok(3));
    assert!(
        chosen(Choice { operations: vec!["two".to_owned()], ..Choice::default() }).unwrap_err().contains("--operation")
    );
}

fn scratch(name: &str) -> std::path::PathBuf {
    let folder = std::env::temp_dir().join(format!("weft-import-{}-{name}", std::process::id()));
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

#[test]
fn a_newer_document_keeps_hand_edits() {
    let version = |properties: Value| {
        translated(&document(
            json!({ "/things": { "get": { "responses": answers(json!({ "$ref": "#/components/schemas/Thing" })) } } }),
            json!({ "Thing": { "type": "object", "properties": properties } }),
        ))
    };
    let names = |names: &[&str]| {
        Value::Object(names.iter().map(|name| ((*name).to_owned(), json!({ "type": "string" }))).collect())
    };
    let first = version(names(&["alpha_name", "beta_name", "gamma_name", "delta_name", "epsilon_name", "zeta_name"]));
    let folder = scratch("merge");
    let (outcome, _) = write(&first, &folder, Writing::default()).unwrap();
    let file = folder.join("shop.graphql");
    assert_eq!(outcome, Outcome::Created(file.clone()));
    assert!(folder.join("weft.yaml").is_file());
    assert_eq!(write(&first, &folder, Writing::default()).unwrap().0, Outcome::Unchanged(file.clone()));

    let edited = std::fs::read_to_string(&file).unwrap().replace("alphaName", "alpha");
    std::fs::write(&file, &edited).unwrap();
    let second = version(names(&[
        "alpha_name",
        "beta_name",
        "gamma_name",
        "delta_name",
        "epsilon_name",
        "zeta_name",
        "eta_name",
    ]));
    let check = Writing { check: true, ..Writing::default() };
    assert!(
        matches!(write(&second, &folder, check).unwrap().0, Outcome::Differs(_, difference) if difference.contains("+  etaName: String"))
    );
    assert_eq!(std::fs::read_to_string(&file).unwrap(), edited, "a check writes nothing");
    assert_eq!(write(&second, &folder, Writing::default()).unwrap().0, Outcome::Merged(file.clone()));
    let merged = std::fs::read_to_string(&file).unwrap();
    assert!(merged.contains("alpha: alpha_name") && merged.contains("etaName: eta_name"), "{merged}");
    assert_eq!(write(&second, &folder, check).unwrap().0, Outcome::Unchanged(file.clone()));

    let third = version(names(&["first_name", "beta_name", "gamma_name"]));
    assert!(matches!(write(&third, &folder, Writing::default()).unwrap().0, Outcome::Conflicts(_, count) if count > 0));
    assert!(std::fs::read_to_string(&file).unwrap().contains("<<<<<<<"));
    assert!(write(&first, &folder, Writing::default()).unwrap_err().contains("settle them"));
    std::fs::remove_file(folder.join("shop.graphql.imported")).unwrap();
    std::fs::write(&file, "type Query { mine: Int }").unwrap();
    assert!(write(&first, &folder, Writing::default()).unwrap_err().contains("--force"));
    std::fs::remove_dir_all(&folder).unwrap();
}

#[tokio::test]
async fn files_beside_the_document_are_read_and_others_are_not() {
    let folder = scratch("beside");
    std::fs::create_dir_all(folder.join("api/schemas")).unwrap();
    std::fs::write(folder.join("secret.json"), "{\"User\": {\"type\": \"string\"}}").unwrap();
    std::fs::write(
        folder.join("api/schemas/user.yaml"),
        "type: object\nproperties:\n  id: { type: string }\n  team: { $ref: '../common.json#/Team' }\n",
    )
    .unwrap();
    std::fs::write(
        folder.join("api/common.json"),
        "{\"Team\": {\"type\": \"object\", \"properties\": {\"title\": {\"type\": \"string\"}}}}",
    )
    .unwrap();
    let of = |reference: &str| json!({ "get": { "responses": answers(json!({ "$ref": reference })) } });
    let text = document(
        json!({ "/user": of("schemas/user.yaml"), "/secret": of("../secret.json#/User"), "/far": of("https://elsewhere.example/x.json") }),
        json!({}),
    );
    let path = folder.join("api/openapi.json");
    std::fs::write(&path, text.to_string()).unwrap();
    let fetched = fetch(path.to_str().unwrap(), &crate::upstream::Transport::default()).await.unwrap();
    let imported = translate(&fetched, &Options::default()).unwrap();
    compiled(&imported);
    has(&imported.schema, "type User { id: ID team: Team }");
    has(&imported.schema, "secret: JSON");
    let lines: Vec<&str> = imported.report.lines().collect();
    assert!(
        lines.iter().any(|line| line.contains("`../secret.json`") && line.contains("not in the folder")),
        "{lines:#?}"
    );
    assert!(lines.iter().any(|line| line.contains("elsewhere.example")), "{lines:#?}");
    std::fs::remove_dir_all(&folder).unwrap();
}

/// A document that has something of everything.
fn sample() -> String {
    include_str!("../../../tests/cases/import/sample.json").to_owned()
}

#[test]
fn the_sample_gives_a_schema() {
    compiled(&translate(&Fetched::of_text(&sample()).unwrap(), &Options::default()).unwrap());
}

/// Replaces, drops or doubles one value of a document.
fn mutilate(value: &mut Value, mut at: usize, how: usize) -> usize {
    let strange = [
        json!(null),
        json!(7),
        json!(""),
        json!([]),
        json!({}),
        json!("§\u{7}\"\\'{}"),
        json!(true),
        json!({ "$ref": "#/components/schemas/Order" }),
        json!({ "$ref": "#" }),
        json!([[[{}]]]),
        json!(1e300),
    ];
    let total = at;
    match value {
        Value::Object(members) => {
            for key in members.keys().cloned().collect::<Vec<_>>() {
                if at == 0 {
                    if how == 0 {
                        members.shift_remove(&key);
                    } else if how == 1 {
                        let moved = members.shift_remove(&key).unwrap();
                        members.insert(format!("{key}\u{0}'\"\"\""), moved);
                    } else {
                        members.insert(key, strange[(how - 2) % strange.len()].clone());
                    }
                    return usize::MAX;
                }
                at = mutilate(members.get_mut(&key).unwrap(), at - 1, how);
                if at == usize::MAX {
                    return at;
                }
            }
        }
        Value::Array(items) => {
            for item in items {
                if at == 0 {
                    *item = strange[how % strange.len()].clone();
                    return usize::MAX;
                }
                at = mutilate(item, at - 1, how);
                if at == usize::MAX {
                    return at;
                }
            }
        }
        _ => {}
    }
    debug_assert!(at <= total);
    at
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    #[test]
    fn mutilated_documents_give_a_smaller_schema_or_a_message(cuts in prop::collection::vec((0..600_usize, 0..13_usize), 1..4)) {
        let mut document: Value = serde_json::from_str(&sample()).unwrap();
        for (at, how) in cuts {
            mutilate(&mut document, at, how);
        }
        if let Ok(imported) = translate(&Fetched::of_text(&document.to_string()).unwrap(), &Options::default()) {
            compiled(&imported);
        }
    }

    #[test]
    fn changed_bytes_give_a_schema_or_a_message(changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4)) {
        let mut bytes = sample().into_bytes();
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Ok(imported) = Fetched::of_text(&text).and_then(|fetched| translate(&fetched, &Options::default())) {
            compiled(&imported);
        }
    }
}
