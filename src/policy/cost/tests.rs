//! Estimates worked by hand, and what must hold of all of them.

use std::{
    fmt::Write as _,
    sync::{Arc, LazyLock},
};

use proptest::prelude::*;
use serde_json::{Value as Json, json};

use super::{Costing, Estimate, Price};
use crate::{
    error::{Refusal, SourceText},
    mapping::{Object, Value},
    operation::{self, Limits, VariableValues},
    plan::{self, Plan},
    schema::{File, Graph, Options, compile},
};

const COSTING: Costing = Costing { list_size: 10, actual: true, extensions: false, header: false };

fn graph() -> &'static Graph {
    static GRAPH: LazyLock<Graph> = LazyLock::new(|| {
        let text = include_str!("tests.graphql").to_owned();
        let source = Arc::new(SourceText { name: "shop.graphql".to_owned(), text });
        let file = File { subgraph: "shop".to_owned(), source };
        compile(&[file], &Options::default()).unwrap_or_else(|found| panic!("{found:#?}")).graph
    });
    &GRAPH
}

fn planned(graph: &Graph, text: &str, variables: &Json) -> (Plan, VariableValues) {
    let document =
        operation::parse(graph, text, &Limits::default()).unwrap_or_else(|found| panic!("{text}: {found:?}"));
    let operation = operation::bind(graph, &document, None).unwrap_or_else(|found| panic!("{text}: {found:?}"));
    let variables = match Value::from(variables) {
        Value::Object(object) => object,
        _ => Object::new(),
    };
    let variables =
        operation::coerce(graph, &operation, &variables).unwrap_or_else(|found| panic!("{text}: {found:?}"));
    (plan::build(graph, Arc::new(operation)).unwrap_or_else(|error| panic!("{text}: {error}")), variables)
}

fn estimate(graph: &Graph, text: &str, variables: &Json) -> (Estimate, VariableValues) {
    let (plan, variables) = planned(graph, text, variables);
    (Estimate::new(graph, &plan, COSTING), variables)
}

/// Operation, variables, cost, calls.
const WORKED: &[(&str, &str, u64, u64)] = &[
    // Leaves are free, unless weighed.
    ("{ __typename }", "{}", 0, 0),
    ("{ version }", "{}", 0, 1),
    ("{ rate }", "{}", 3, 1),
    ("{ rate again: rate }", "{}", 6, 2),
    // An argument that is given adds its weight, or its type's: 2 for `a`, 4 for an enum, 5 for a scalar.
    ("{ sum }", "{}", 0, 1),
    ("{ sum(a: 1) }", "{}", 2, 1),
    ("{ sum(a: 1, color: RED) }", "{}", 6, 1),
    ("{ sum(a: 1, color: RED, data: { x: [1, 2] }) }", "{}", 11, 1),
    ("{ sum(a: null) }", "{}", 0, 1),
    ("query($a: Int) { sum(a: $a) }", "{}", 0, 1),
    ("query($a: Int) { sum(a: $a) }", r#"{"a":7}"#, 2, 1),
    // An object is 1; a list is its size times what each item is.
    ("{ me { id name } }", "{}", 1, 1),
    ("{ plain { id } }", "{}", 10, 1),
    ("{ users { id } }", "{}", 5, 1),
    ("{ users(first: 3) { id } }", "{}", 3, 1),
    ("{ users(first: 3, last: 8) { id } }", "{}", 8, 1),
    ("{ users(first: 0) { id } }", "{}", 0, 1),
    ("{ users(first: -4) { id } }", "{}", 0, 1),
    ("{ users(first: null) { id } }", "{}", 5, 1),
    ("query($n: Int) { users(first: $n) { id } }", r#"{"n":6}"#, 6, 1),
    ("query($n: Int) { users(first: $n) { id } }", "{}", 5, 1),
    ("query($n: Int = 9) { users(first: $n) { id } }", "{}", 9, 1),
    ("query($n: Int) { users(first: $n, last: 2) { id } }", r#"{"n":1}"#, 2, 1),
    ("{ strict(last: 12) { id } }", "{}", 12, 1),
    ("{ dear { id } }", "{}", 28, 1),
    // A list of keys is as long as it is.
    (r#"{ byIds(ids: ["a", "b", "c"]) { id } }"#, "{}", 3, 1),
    (r#"{ byIds(ids: "a") { id } }"#, "{}", 1, 1),
    ("query($ids: [ID!]!) { byIds(ids: $ids) { id } }", r#"{"ids":["a","b"]}"#, 2, 1),
    ("query($id: ID!) { byIds(ids: [$id, $id]) { id } }", r#"{"id":"a"}"#, 2, 1),
    // The page is 1, its sized list is `first` (20 by default), its other list 10 tags with a label of 1 each.
    ("{ page { total } }", "{}", 1, 1),
    ("{ page { nodes { id } } }", "{}", 21, 1),
    ("{ page(first: 2) { nodes { id } } }", "{}", 3, 1),
    ("{ page(first: 2) { nodes { id } tags { label } } }", "{}", 13, 1),
    ("query($n: Int) { page(first: $n) { nodes { id } } }", r#"{"n":4}"#, 5, 1),
    ("query($n: Int) { page(first: $n) { nodes { id } } }", "{}", 21, 1),
    // Slicing by a path: the input object itself is 1.
    ("{ find(by: { limit: 6 }) { id } }", "{}", 7, 1),
    (r#"{ find(by: { name: "x" }) { id } }"#, "{}", 3, 1),
    ("query($by: Filter) { find(by: $by) { id } }", r#"{"by":{"limit":4}}"#, 5, 1),
    ("query($by: Filter) { find(by: $by) { id } }", "{}", 2, 1),
    ("query($n: Int) { find(by: { limit: $n }) { id } }", r#"{"n":3}"#, 4, 1),
    // Lists of leaves weigh what their items do: nothing, and 2 × 4.
    ("{ grid }", "{}", 0, 1),
    ("{ colors }", "{}", 8, 1),
    // 4 posts of 1 for each of 10 users of 1: 10 × (1 + 4), and a call for each user.
    ("{ plain { posts { title } } }", "{}", 50, 11),
    // Pictures are 3: 10 × (1 + 4 × (1 + 3)).
    ("{ plain { posts { picture { url } } } }", "{}", 170, 11),
    ("query($n: Int) { users(first: $n) { posts { title } } }", r#"{"n":2}"#, 10, 3),
    // Batches of 3: 10 users are 4 calls. Tags are free, their labels 1: 10 × (1 + 10 × 1).
    ("{ plain { bio } }", "{}", 10, 5),
    ("{ plain { tags { label } } }", "{}", 110, 5),
    ("{ me { bio } }", "{}", 1, 2),
    ("query($n: Int) { users(first: $n) { bio } }", r#"{"n":0}"#, 0, 1),
    // Of what can be there the dearest: a book is 1 + 6, a film 2 + 1.
    ("{ media { title } }", "{}", 6, 1),
    ("{ media { ... on Book { pages } title } }", "{}", 14, 1),
    ("{ media { ... on Film { title } } }", "{}", 6, 1),
    ("{ media { picture { url } ... on Book { pages } } }", "{}", 20, 1),
    // What is left out costs nothing; what is asked twice is one field.
    ("query($a: Boolean!) { plain @include(if: $a) { id } rate }", r#"{"a":false}"#, 3, 1),
    ("query($a: Boolean!) { plain @include(if: $a) { id } rate }", r#"{"a":true}"#, 13, 2),
    ("query($a: Boolean!) { plain { id posts @skip(if: $a) { title } } }", r#"{"a":true}"#, 10, 1),
    ("{ rate @skip(if: true) me { id } }", "{}", 1, 1),
    ("{ ...F me { name } } fragment F on Query { me { id } }", "{}", 1, 1),
    // A mutation's input: the object 1, its name 1; an address 1 + 2, two of them 6; a color 4.
    (r#"mutation { save(input: { name: "x" }) { id } }"#, "{}", 12, 1),
    (r#"mutation { save(input: { address: { city: "x" } }) { id } }"#, "{}", 14, 1),
    (
        "mutation($i: UserInput!) { save(input: $i) { id } }",
        r#"{"i":{"addresses":[{"city":"a"},{"city":"b"}],"color":"RED"}}"#,
        21,
        1,
    ),
    ("mutation($c: String) { save(input: { address: { city: $c } }) { id } }", r#"{"c":null}"#, 12, 1),
];

#[test]
fn estimates_are_as_worked_by_hand() {
    let graph = graph();
    assert!(WORKED.len() >= 40);
    for (text, variables, cost, calls) in WORKED {
        let variables = serde_json::from_str(variables).unwrap();
        let (estimate, values) = estimate(graph, text, &variables);
        assert!(estimate.check_sliced(&values).is_ok(), "{text}");
        assert_eq!(estimate.price(&values), Price { cost: *cost, calls: *calls }, "{text} {variables}");
    }
}

#[test]
fn what_the_document_says_alone_is_a_number() {
    let graph = graph();
    for (text, is_constant) in [
        ("{ plain { posts { title } } page(first: 3) { nodes { id } } }", true),
        // A variable that weighs nothing and slices nothing is not looked at.
        (
            "query($n: Int) { page(first: 3) { nodes { id } } sum(a: 1) find(by: { limit: 2, name: null }) { id } }",
            true,
        ),
        ("query($n: Int) { users(first: $n) { id } }", false),
    ] {
        let (estimate, _) = estimate(graph, &text.replace("($n: Int) { page", " { page"), &json!({}));
        let constant = |expression: &super::Expression| matches!(expression, super::Expression::Constant(_));
        assert_eq!(constant(&estimate.cost) && constant(&estimate.calls), is_constant, "{text}");
    }
}

#[test]
fn a_list_that_wants_one_slicing_argument_gets_exactly_one() {
    let graph = graph();
    let refused = |text: &str, variables: Json| -> Vec<String> {
        let (estimate, values) = estimate(graph, text, &variables);
        let refusal: Option<Refusal> = estimate.check_sliced(&values).err();
        refusal.into_iter().flat_map(|refusal| refusal.errors).map(|error| error.message).collect()
    };
    let message = |count| {
        format!(
            "`Query.strict` has to be given exactly one of `first`, `last`, not {count}: what it costs depends on it"
        )
    };
    assert_eq!(refused("{ strict { id } }", json!({})), [message(0)]);
    assert_eq!(refused("{ strict(first: 1, last: 2) { id } }", json!({})), [message(2)]);
    assert_eq!(refused("{ a: strict { id } b: strict { id } }", json!({})).len(), 2);
    let variable = "query($n: Int) { strict(first: $n) { id } }";
    assert_eq!(refused(variable, json!({})), [message(0)]);
    assert!(refused(variable, json!({ "n": 1 })).is_empty());
    let left_out = "query($a: Boolean!) { strict @include(if: $a) { id } }";
    assert!(refused(left_out, json!({ "a": false })).is_empty());
    assert_eq!(refused(left_out, json!({ "a": true })), [message(0)]);
}

#[test]
fn numbers_stay_at_the_largest() {
    let graph = graph();
    let mut text = "posts { author { id } }".to_owned();
    for _ in 0..40 {
        text = format!("posts {{ author {{ {text} }} }}");
    }
    let text = format!("query($n: Int) {{ users(first: $n) {{ {text} }} }}");
    let (estimate, values) = estimate(graph, &text, &json!({ "n": 2_147_483_647 }));
    assert_eq!(estimate.price(&values), Price { cost: u64::MAX, calls: u64::MAX });
}

#[test]
fn answers_cost_what_is_in_them() {
    let graph = graph();
    for (text, data, cost) in [
        ("{ rate version }", r#"{"rate":5,"version":"x"}"#, 3),
        ("{ rate version }", r#"{"rate":null,"version":"a\"b\\"}"#, 0),
        (
            "{ plain { id posts { title } } }",
            r#"{"plain":[{"id":"1","posts":[{"title":"}]"},null]},{"id":"2","posts":null}]}"#,
            3,
        ),
        ("{ dear { id } }", r#"{"dear":[{"id":"1"}]}"#, 7),
        ("{ colors grid }", r#"{"colors":["RED",null],"grid":[[{"a":[1]}],[]]}"#, 4),
        (
            "{ page(first: 9) { nodes { id } tags { label } } }",
            r#"{"page":{"nodes":[{"id":"1"},{"id":"2"}],"tags":[{"label":"x"}]}}"#,
            4,
        ),
        (
            "{ media { __typename title ... on Book { pages } ... on Film { length } } }",
            r#"{"media":[{"__typename":"Book","title":"x","pages":3},{"__typename":"Film","title":"y","length":4}]}"#,
            10,
        ),
        (r#"mutation { save(input: { name: "x" }) { id } }"#, r#"{"save":{"id":"1"}}"#, 12),
        ("{ me { id } }", r"null", 0),
    ] {
        let (estimate, values) = estimate(graph, text, &json!({}));
        for tail in ["}", r#","errors":[{"message":"{["}]}"#] {
            let answer = format!(r#"{{"data":{data}{tail}"#);
            assert_eq!(estimate.actual(answer.as_bytes(), &values), Some(cost), "{text} {answer}");
        }
    }
}

/// A selection on `User` or `Media`, and an answer to it whose lists are as long as `@listSize` says, or shorter.
fn fields(depth: usize) -> BoxedStrategy<Vec<(String, Json)>> {
    let leaf = prop_oneof![
        Just(("id".to_owned(), json!("1"))),
        Just(("bio".to_owned(), json!("b"))),
        Just(("name".to_owned(), Json::Null)),
        (0..=10_usize)
            .prop_map(|count| ("tags { label }".to_owned(), json!({ "tags": vec![json!({ "label": "x" }); count] }))),
    ];
    if depth == 0 {
        return proptest::collection::vec(leaf, 1..4).boxed();
    }
    let posts = (fields(depth - 1), 0..=4_usize, any::<bool>()).prop_map(|(below, count, has_picture)| {
        let (text, author) = object(&below);
        let picture = if has_picture { json!({ "url": "u" }) } else { Json::Null };
        let post = json!({ "author": author, "picture": picture });
        (format!("posts {{ author {{ {text} }} picture {{ url }} }}"), json!({ "posts": vec![post; count] }))
    });
    proptest::collection::vec(prop_oneof![leaf, posts], 1..4).boxed()
}

/// The fields under keys of their own, and an object with their values.
fn object(fields: &[(String, Json)]) -> (String, Json) {
    let (mut text, mut object) = (String::new(), serde_json::Map::new());
    for (at, (field, value)) in fields.iter().enumerate() {
        let _ = write!(text, " k{at}: {field}");
        let value = match value {
            Json::Object(members) => members.values().next().cloned().unwrap_or_default(),
            other => other.clone(),
        };
        object.insert(format!("k{at}"), value);
    }
    (text, Json::Object(object))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn an_estimate_is_never_below_the_actual_cost(
        fields in fields(2), size in 0..8_usize, less in 0..8_usize, sliced in any::<bool>(),
    ) {
        let graph = graph();
        let (text, user) = object(&fields);
        let (query, size) = if sliced { ("users(first: $n)", size) } else { ("plain", 10) };
        let text = format!("query($n: Int!) {{ {query} {{ {text} }} a: page(first: $n) {{ nodes {{ id }} }} }}");
        let count = size.saturating_sub(less);
        let answer = json!({ "data": { query.split('(').next().unwrap(): vec![user; count], "a": null } });
        let (estimate, values) = estimate(graph, &text, &json!({ "n": size }));
        let actual = estimate.actual(answer.to_string().as_bytes(), &values).expect("it is reckoned");
        let price = estimate.price(&values);
        prop_assert!(price.cost >= actual, "{text}\n{answer}\n{price:?} {actual}");
        if count > 0 {
            prop_assert!(actual >= count as u64, "each user is 1: {actual}");
        }
    }

    #[test]
    fn adding_a_field_never_lowers_an_estimate(fields in fields(2), more in fields(2), n in 0..9_u32) {
        let graph = graph();
        let price = |fields: &[(String, Json)]| {
            let text = format!("query($n: Int) {{ users(first: $n) {{ id {} }} }}", object(fields).0);
            let (estimate, values) = estimate(graph, &text, &json!({ "n": n }));
            estimate.price(&values)
        };
        let before = price(&fields);
        let after = price(&[fields, more].concat());
        prop_assert!(after.cost >= before.cost && after.calls >= before.calls, "{before:?} {after:?}");
    }
}
