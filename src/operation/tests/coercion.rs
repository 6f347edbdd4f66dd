//! Variables and arguments as GraphQL 6.1.2 and 6.4.1 have them.

use super::super::{
    FieldRef, VariableValues, arguments, coerce, misplaced_null,
    testing::{bound, graph, shop},
};
use crate::{
    error::{Refusal, SourceText},
    mapping::{Object, Value},
    schema::{self, Compatibility, Graph},
};

fn object(json: &str) -> Object {
    match Value::parse(json.as_bytes()).expect("is JSON") {
        Value::Object(object) => object,
        other => panic!("{other:?} is no object"),
    }
}

/// Coerces `{"v": json}` (or nothing, for an empty text) to a type.
fn coerced(graph: &Graph, ty: &str, json: &str) -> Result<VariableValues, Refusal> {
    let (_, operation) = bound(graph, &format!("query ($v: {ty}) {{ everything(any: {{ v: $v }}) }}"));
    let given = if json.is_empty() { Object::new() } else { object(&format!("{{\"v\": {json}}}")) };
    coerce(graph, &operation, &given)
}

fn inputs() -> Graph {
    graph(
        "directive @oneOf on INPUT_OBJECT
        type Query { everything(any: Any): Any }
        scalar Any
        enum Color { RED GREEN }
        input In { a: Int! b: String = \"x\" c: [In!] d: Color = RED e: Deep = {} }
        input Deep { f: Float! = 1.5 g: ID }
        input One @oneOf { a: Int b: String }",
    )
}

#[track_caller]
fn accepts(graph: &Graph, ty: &str, json: &str, expected: &str) {
    let found = coerced(graph, ty, json).unwrap_or_else(|refusal| panic!("{ty} {json}: {refusal:?}"));
    let found = found.0[0].as_ref().map(Value::to_json).unwrap_or_default();
    assert_eq!(found, expected, "{ty} from {json}");
}

#[test]
fn values_that_fit() {
    let graph = inputs();
    let table = [
        ("Int", "1", "1"),
        ("Int", "-2147483648", "-2147483648"),
        ("Int", "2147483647", "2147483647"),
        ("Int", "null", "null"),
        ("Int", "", ""),
        ("Int = 5", "", "5"),
        ("Int = 5", "null", "null"),
        ("Int! = 5", "", "5"),
        ("Float", "1", "1"),
        ("Float", "1.50", "1.50"),
        ("Float", "12345678901234567890", "12345678901234567890"),
        ("Float", "1e308", "1e308"),
        ("String", "\"\"", "\"\""),
        ("Boolean", "false", "false"),
        ("ID", "\"a\"", "\"a\""),
        ("ID", "12345678901234567890123", "\"12345678901234567890123\""),
        ("ID = 7", "", "\"7\""),
        ("Color", "\"RED\"", "\"RED\""),
        ("Color = GREEN", "", "\"GREEN\""),
        ("Any", "{\"a\":[1.0,{\"b\":null}]}", "{\"a\":[1.0,{\"b\":null}]}"),
        ("[Int]", "[1,null]", "[1,null]"),
        ("[Int]", "1", "[1]"),
        ("[Int]", "null", "null"),
        ("[[Int]]", "1", "[[1]]"),
        ("[[Int]]", "[1,[2],null]", "[[1],[2],null]"),
        ("[ID!]! = 3", "", "[\"3\"]"),
        ("Deep", "{}", "{\"f\":1.5}"),
        ("Deep", "{\"f\":2,\"g\":3}", "{\"f\":2,\"g\":\"3\"}"),
        ("In", "{\"a\":1}", "{\"a\":1,\"b\":\"x\",\"d\":\"RED\",\"e\":{\"f\":1.5}}"),
        ("In = { a: 2, b: null, e: null }", "", "{\"a\":2,\"b\":null,\"e\":null,\"d\":\"RED\"}"),
        ("[In]", "{\"a\":1,\"b\":null,\"d\":null,\"e\":null}", "[{\"a\":1,\"b\":null,\"d\":null,\"e\":null}]"),
        ("One", "{\"a\":1}", "{\"a\":1}"),
    ];
    for (ty, json, expected) in table {
        accepts(&graph, ty, json, expected);
    }
}

#[test]
fn values_that_do_not_fit() {
    let graph = inputs();
    let table = [
        ("Int!", "", "variable `$v` of type `Int!` is required"),
        ("Int!", "null", "`$v`: expected `Int!`, found null"),
        ("Int! = 1", "null", "`$v`: expected `Int!`, found null"),
        ("Int", "2147483648", "`$v`: expected `Int`, found `2147483648`"),
        ("Int", "1.0", "`$v`: expected `Int`, found `1.0`"),
        ("Int", "1e2", "`$v`: expected `Int`, found `1e2`"),
        ("Int", "\"1\"", "`$v`: expected `Int`, found a string"),
        ("Int", "true", "`$v`: expected `Int`, found `true`"),
        ("Int", "[1]", "`$v`: expected `Int`, found a list"),
        ("Float", "1e400", "`$v`: expected `Float`, found `1e400`"),
        ("Float", "\"1\"", "`$v`: expected `Float`, found a string"),
        ("String", "1", "`$v`: expected `String`, found `1`"),
        ("Boolean", "0", "`$v`: expected `Boolean`, found `0`"),
        ("ID", "1.5", "`$v`: expected `ID`, found `1.5`"),
        ("ID", "true", "`$v`: expected `ID`, found `true`"),
        ("Color", "\"red\"", "`$v`: `Color` has no value `red`"),
        ("Color", "1", "`$v`: expected `Color`, found `1`"),
        ("[Int!]", "[1,null]", "`$v[1]`: expected `Int!`, found null"),
        ("[[Int]]", "[[1],[\"a\"]]", "`$v[1][0]`: expected `Int`, found a string"),
        ("In", "1", "`$v`: expected `In`, found `1`"),
        ("In", "{\"a\":1,\"z\":2}", "`$v`: `In` has no field `z`"),
        ("In", "{}", "`$v`: the field `a` of `In` is required"),
        ("In", "{\"a\":null}", "`$v.a`: expected `Int!`, found null"),
        ("In", "{\"a\":1,\"c\":[{\"a\":2},{\"a\":\"x\"}]}", "`$v.c[1].a`: expected `Int!`, found a string"),
        ("In", "{\"a\":1,\"e\":{\"f\":null}}", "`$v.e.f`: expected `Float!`, found null"),
        ("One", "{}", "`$v`: `One` takes exactly one of its fields, and not null; 0 are given"),
        ("One", "{\"a\":1,\"b\":\"x\"}", "`$v`: `One` takes exactly one of its fields, and not null; 2 are given"),
        ("One", "{\"a\":null}", "`$v`: `One` takes exactly one of its fields, and not null; 1 are given"),
    ];
    for (ty, json, expected) in table {
        let refusal = coerced(&graph, ty, json).expect_err(&format!("{ty} {json}"));
        assert_eq!(refusal.code.as_str(), "BAD_USER_INPUT");
        let messages: Vec<_> = refusal.errors.iter().map(|error| error.message.as_str()).collect();
        assert_eq!(messages, [expected], "{ty} from {json}");
        assert_eq!(refusal.errors[0].locations[0].column, 8, "{ty} {json}");
    }
}

#[test]
fn all_findings_are_reported_within_bounds() {
    let graph = inputs();
    let keys: Vec<String> = (0..5_000).map(|index| format!("\"k{index}\":1")).collect();
    let refusal = coerced(&graph, "In", &format!("{{{}}}", keys.join(","))).expect_err("has unknown fields");
    assert_eq!(refusal.errors.len(), 101);
    assert_eq!(refusal.errors[100].message, "4901 more errors are not shown");
    let key = "é".repeat(10_000);
    let refusal = coerced(&graph, "In", &format!("{{\"a\":1,\"c\":{{\"{key}\":1,\"a\":1}}}}")).expect_err("unknown");
    assert!(refusal.errors[0].message.len() < 500);
}

#[test]
fn variables_that_are_not_declared_are_ignored() {
    let graph = inputs();
    let (_, operation) = bound(&graph, "{ everything }");
    let values = coerce(&graph, &operation, &object("{\"x\": 1}")).expect("nothing is declared");
    assert_eq!(values, VariableValues::default());
}

/// The `$args` of the first root field.
fn args(graph: &Graph, document: &str, variables: &str) -> String {
    let (_, operation) = bound(graph, document);
    let variables = coerce(graph, &operation, &object(variables)).expect("fit");
    let field = &operation.selection.variants[0].fields[0];
    let FieldRef::Field(id) = field.field else { panic!("is no field of the graph") };
    Value::Object(arguments(graph, id, &field.arguments, &variables)).to_json()
}

#[test]
fn arguments_from_literals_variables_and_defaults() {
    let graph = shop();
    let table = [
        ("{ product(id: 1) { id } }", "{}", "{\"id\":\"1\"}"),
        ("{ products(ids: 2, limit: 3) { id } }", "{}", "{\"ids\":[\"2\"],\"limit\":3}"),
        ("{ products { id } }", "{}", "{\"limit\":10}"),
        ("{ products(limit: null, grid: 1) { id } }", "{}", "{\"limit\":null,\"grid\":[[1]]}"),
        ("query ($l: Int) { products(limit: $l) { id } }", "{}", "{\"limit\":10}"),
        ("query ($l: Int) { products(limit: $l) { id } }", "{\"l\":null}", "{\"limit\":null}"),
        ("query ($l: Int = 4) { products(limit: $l) { id } }", "{}", "{\"limit\":4}"),
        ("query ($i: ID) { item(id: $i) { id } }", "{}", "{}"),
        ("query ($i: ID) { item(id: $i) { id } }", "{\"i\":5}", "{\"id\":\"5\"}"),
        (
            "query ($i: [Int]) { products(grid: [$i, 2, [3]]) { id } }",
            "{\"i\":1}",
            "{\"limit\":10,\"grid\":[[1],[2],[3]]}",
        ),
        ("query ($i: Int) { products(grid: [[1, $i]]) { id } }", "{}", "{\"limit\":10,\"grid\":[[1,null]]}"),
        ("{ color(is: RED, of: GREEN) }", "{}", "{\"is\":\"RED\",\"of\":[\"GREEN\"]}"),
        ("{ search(filter: {}) { id } }", "{}", "{\"filter\":{\"color\":\"RED\",\"limit\":3}}"),
        (
            "query ($t: String, $c: Color) { search(filter: { text: $t, color: $c, tags: \"a\", nested: { limit: 1 } }) { id } }",
            "{}",
            "{\"filter\":{\"color\":\"RED\",\"tags\":[\"a\"],\"nested\":{\"limit\":1,\"color\":\"RED\"},\"limit\":3}}",
        ),
        (
            "query ($a: Any) { anything(value: { a: $a, b: [1.50, RED, { c: $a }] }) }",
            "{\"a\":{\"x\":1.0}}",
            "{\"value\":{\"a\":{\"x\":1.0},\"b\":[1.50,\"RED\",{\"c\":{\"x\":1.0}}]}}",
        ),
        ("query ($a: Any) { anything(value: { a: $a, b: 1 }) }", "{}", "{\"value\":{\"b\":1}}"),
        (
            "{ number(float: 9007199254740993, id: 12345678901234567890) }",
            "{}",
            "{\"float\":9007199254740993,\"id\":\"12345678901234567890\"}",
        ),
    ];
    for (document, variables, expected) in table {
        assert_eq!(args(&graph, document, variables), expected, "{document} with {variables}");
    }
}

#[test]
fn strict_compatibility_fills_less() {
    let graph = Graph { compatibility: Compatibility::Strict, ..shop() };
    let table = [
        ("{ products { id } }", "{}", "{\"limit\":10}"),
        ("query ($l: Int) { products(limit: $l) { id } }", "{}", "{\"limit\":null}"),
        ("{ search(filter: { text: \"a\" }) { id } }", "{}", "{\"filter\":{\"text\":\"a\"}}"),
        (
            "query ($f: Filter) { search(filter: $f) { id } }",
            "{\"f\":{\"text\":\"a\"}}",
            "{\"filter\":{\"text\":\"a\"}}",
        ),
    ];
    for (document, variables, expected) in table {
        assert_eq!(args(&graph, document, variables), expected, "{document} with {variables}");
    }
}

#[test]
fn a_null_in_the_place_of_a_value_is_named() {
    let graph = shop();
    let table = [
        ("query ($v: Int = 1) { strict(int: $v) }", "{\"v\":null}", Some("int")),
        ("query ($v: Int) { strict(int: 1, defaulted: $v) }", "{\"v\":null}", Some("defaulted")),
        ("query ($v: Int) { strict(int: 1, defaulted: $v) }", "{}", None),
        ("query ($v: Int = 1) { strict(int: $v) }", "{}", None),
        ("query ($v: ID = 1) { products(ids: [2, $v]) { id } }", "{\"v\":null}", Some("ids[1]")),
        (
            "query ($v: Int = 1) { search(filter: { price: { low: $v } }) { id } }",
            "{\"v\":null}",
            Some("filter.price.low"),
        ),
        ("query ($v: Int = 1) { search(filters: { price: { low: 1, high: $v } }) { id } }", "{\"v\":null}", None),
    ];
    for (document, variables, expected) in table {
        let (_, operation) = bound(&graph, document);
        let variables = coerce(&graph, &operation, &object(variables)).expect("fit");
        let field = &operation.selection.variants[0].fields[0];
        let FieldRef::Field(id) = field.field else { panic!("is no field of the graph") };
        let arguments = arguments(&graph, id, &field.arguments, &variables);
        assert_eq!(misplaced_null(&graph, id, &arguments).as_deref(), expected, "{document}");
    }
}

#[test]
fn what_is_hidden_cannot_be_set() {
    let sdl = "extend schema @link(url: \"https://specs.apollo.dev/connect/v0.4\")
            @link(url: \"https://specs.apollo.dev/federation/v2.12\", import: [\"@inaccessible\"])
        scalar Any input In { a: Int tenant: String = \"acme\" @inaccessible mood: Mood } enum Mood { GOOD BAD @inaccessible }
        type Query { everything(any: Any, in: In): Any @connect(http: { GET: \"https://s.example/\" }, selection: \"$\") }";
    let source = std::sync::Arc::new(SourceText { name: "hidden.graphql".to_owned(), text: sdl.to_owned() });
    let file = schema::File { subgraph: "hidden".to_owned(), source };
    let graph = schema::compile(&[file], &schema::Options::default()).expect("is good").graph;
    accepts(&graph, "In", r#"{"a":1,"mood":"GOOD"}"#, r#"{"a":1,"mood":"GOOD","tenant":"acme"}"#);
    for (given, name) in [(r#"{"tenant":"other"}"#, "tenant"), (r#"{"mood":"BAD"}"#, "BAD")] {
        let refusal = coerced(&graph, "In", given).expect_err("is hidden");
        assert!(refusal.errors[0].message.contains(&format!("`{name}`")), "{refusal:?}");
    }
}
