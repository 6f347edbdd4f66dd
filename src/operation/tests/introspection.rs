//! `__schema` and `__type`.

use std::sync::Arc;

use super::super::{
    VariableValues, introspect,
    testing::{bound, graph, shop},
};
use crate::{
    error::SourceText,
    mapping::{Object, Value},
    schema,
};

#[track_caller]
fn answer(text: &str, variables: Vec<Option<Value>>) -> String {
    let graph = shop();
    let (document, operation) = bound(&graph, text);
    let values = introspect(&graph, &document, &operation, &VariableValues(variables)).expect("is answered");
    Value::Object(values).to_json()
}

#[test]
fn answers_by_key_and_leaves_other_fields_out() {
    let found =
        answer("{ a: __type(name: \"Range\") { name kind inputFields { name } } me { id } __typename }", vec![]);
    assert_eq!(
        found,
        r#"{"a":{"name":"Range","kind":"INPUT_OBJECT","inputFields":[{"name":"low"},{"name":"high"},{"name":"steps"}]}}"#
    );
    assert_eq!(answer("{ me { id } __typename }", vec![]), "{}");
}

#[test]
fn reads_variables_and_conditions() {
    let text =
        "query ($n: String!, $a: Boolean!) { __type(name: $n) { name } __schema @include(if: $a) { __typename } }";
    let given = |wanted| vec![Some(Value::String("Book".into())), Some(Value::Bool(wanted))];
    assert_eq!(answer(text, given(false)), r#"{"__type":{"name":"Book"}}"#);
    assert_eq!(answer(text, given(true)), r#"{"__type":{"name":"Book"},"__schema":{"__typename":"__Schema"}}"#);
}

#[test]
fn says_of_input_types_whether_one_field_is_wanted() {
    let sdl = "extend schema @link(url: \"https://specs.apollo.dev/connect/v0.4\")
        input By @oneOf { id: ID name: String } input Range { low: Int }
        type Query {
            isOneOf: String @connect(http: { GET: \"https://s.example/\" }, selection: \"$\")
            a(by: [By!], range: Range): Int @connect(http: { GET: \"https://s.example/\" }, selection: \"$\") }";
    let source = Arc::new(SourceText { name: "one.graphql".to_owned(), text: sdl.to_owned() });
    let file = schema::File { subgraph: "one".to_owned(), source };
    let graph = schema::compile(&[file], &schema::Options::default()).expect("is good").graph;
    let text = "query ($all: Boolean!) {
        by: __type(name: \"By\") { isOneOf name }
        range: __type(name: \"Range\") { ...T isOneOf @skip(if: $all) }
        query: __type(name: \"Query\") { ...T fields { args { name type { isOneOf ofType { ofType { name again: isOneOf } } } } } }
        isOneOf }
        fragment T on __Type { ... on __Type { sole: isOneOf } }";
    let (document, operation) = bound(&graph, text);
    let variables = VariableValues(vec![Some(Value::Bool(true))]);
    let found = Value::Object(introspect(&graph, &document, &operation, &variables).expect("is answered")).to_json();
    assert_eq!(
        found,
        concat!(
            r#"{"by":{"isOneOf":true,"name":"By"},"range":{"sole":false},"#,
            r#""query":{"sole":null,"fields":[{"args":[]},{"args":["#,
            r#"{"name":"by","type":{"isOneOf":null,"ofType":{"ofType":{"name":"By","again":true}}}},"#,
            r#"{"name":"range","type":{"isOneOf":false,"ofType":null}}]}]}}"#
        )
    );
}

#[test]
fn lists_of_types_in_lists_of_types_are_refused() {
    let graph = shop();
    let text = "{ __schema { types { fields { type { fields { type { fields { name } } } } } } } }";
    let (document, operation) = bound(&graph, text);
    let refusal = introspect(&graph, &document, &operation, &VariableValues::default()).expect_err("grows too fast");
    assert_eq!(refusal.code.as_str(), "LIMIT_EXCEEDED");
    assert_eq!(refusal.errors[0].extensions["limit"], "nested introspection lists");
    let nothing = Object::new();
    let (document, operation) = bound(&graph, "{ me { id } }");
    assert_eq!(introspect(&graph, &document, &operation, &VariableValues::default()).expect("has none"), nothing);
}

/// What a tool sends to read the whole schema.
const FULL: &str = "query Full { __schema {
    queryType { name } mutationType { name } subscriptionType { name } types { ...Full }
    directives { name description isRepeatable locations args(includeDeprecated: true) { ...Value } } } }
    fragment Full on __Type { kind name description specifiedByURL
        fields(includeDeprecated: true) { name description args(includeDeprecated: true) { ...Value } type { ...Ref } isDeprecated }
        inputFields(includeDeprecated: true) { ...Value } interfaces { ...Ref }
        enumValues(includeDeprecated: true) { name description isDeprecated deprecationReason } possibleTypes { ...Ref } }
    fragment Value on __InputValue { name description type { ...Ref } defaultValue isDeprecated deprecationReason }
    fragment Ref on __Type { kind name ofType { kind name ofType { kind name ofType { kind name ofType { kind name
        ofType { kind name ofType { kind name ofType { kind name ofType { kind name ofType { kind name } } } } } } } } } }";

#[test]
fn the_whole_schema_once_but_not_a_hundred_times() {
    for sdl in ["type Query { a: Int }", include_str!("../../../tests/cases/validation/schema.graphql")] {
        let graph = graph(sdl);
        let (document, operation) = bound(&graph, FULL);
        let found = introspect(&graph, &document, &operation, &VariableValues::default()).expect("is answered");
        let types = found["__schema"].get("types").expect("is there");
        assert!(matches!(types, Value::Array(types) if types.len() == graph.schema.types.len()));

        for unit in ["types { ...Full }", "directives { args { type { ...Full } } }"] {
            let aliases: String = (0..100).flat_map(|index| [format!("a{index}: "), unit.to_owned()]).collect();
            let fragments = &FULL[FULL.find("fragment").expect("is there")..];
            let (document, operation) = bound(&graph, &format!("{{ __schema {{ {aliases} }} }} {fragments}"));
            let refusal = introspect(&graph, &document, &operation, &VariableValues::default()).expect_err("too long");
            assert_eq!(refusal.errors[0].extensions["limit"], "introspected values");
        }
    }
}
