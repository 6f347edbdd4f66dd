//! What an operation looks like when it is bound.

use std::fmt::Write;

use super::super::{
    Clause, FieldRef, Include, Kind, Selection, bind,
    testing::{bound, graph, parsed, shop},
};
use crate::{
    error::ErrorCode,
    schema::{Connector, ConnectorId, Graph},
};

/// A selection as indented text: variants by their types, fields with what they are and when.
fn text(graph: &Graph, selection: &Selection, depth: usize, out: &mut String) {
    for variant in &selection.variants {
        let types: Vec<_> = variant.types.iter().map(|&ty| &*graph[ty].name).collect();
        writeln!(out, "{}on {}", "  ".repeat(depth), types.join(" | ")).expect("writes to memory");
        for field in &variant.fields {
            let name = match field.field {
                FieldRef::Field(id) => format!("{}.{}", graph[graph[id].parent].name, graph[id].name),
                other => format!("{other:?}").to_lowercase(),
            };
            let when = match &field.include {
                Include::Always => String::new(),
                Include::AnyOf(any) => {
                    let all = |all: &Vec<Clause>| {
                        let clause = |one: &Clause| format!("{}{}", if one.wanted { "" } else { "!" }, one.variable.0);
                        all.iter().map(clause).collect::<Vec<_>>().join("&")
                    };
                    format!(" if {}", any.iter().map(all).collect::<Vec<_>>().join(" or "))
                }
            };
            writeln!(out, "{}{}: {name}{when}", "  ".repeat(depth + 1), field.key).expect("writes to memory");
            if let Some(selection) = &field.selection {
                self::text(graph, selection, depth + 2, out);
            }
        }
    }
}

#[track_caller]
fn check(document: &str, expected: &str) {
    let graph = shop();
    let (_, operation) = bound(&graph, document);
    let mut found = String::new();
    text(&graph, &operation.selection, 0, &mut found);
    let expected: Vec<&str> = expected.lines().filter(|line| !line.trim().is_empty()).collect();
    let margin = expected.first().map_or(0, |line| line.len() - line.trim_start().len());
    let expected: Vec<&str> = expected.iter().map(|line| &line[margin..]).collect();
    assert_eq!(found.trim_end(), expected.join("\n"), "\n{found}");
}

#[test]
fn fragments_are_expanded_and_fields_merged_by_key() {
    check(
        "{ me { id ...f } me { n: name } ... { me { friend { id } } } } fragment f on Person { friend { name } id }",
        "
        on Query
          me: Query.me
            on Person
              id: Person.id
              friend: Person.friend
                on Person
                  name: Person.name
                  id: Person.id
              n: Person.name
        ",
    );
}

#[test]
fn conditions_are_lifted_from_fragments_and_parents() {
    check(
        "query ($a: Boolean!, $b: Boolean!) {
            me @include(if: $a) { id ... @skip(if: $b) { name friend { id } } }
            me @skip(if: $a) { id @include(if: $b) }
        }",
        "
        on Query
          me: Query.me if !0 or 0
            on Person
              id: Person.id if !0&1 or 0
              name: Person.name if 0&!1
              friend: Person.friend if 0&!1
                on Person
                  id: Person.id if 0&!1
        ",
    );
}

#[test]
fn literal_conditions_are_resolved_and_contradictions_dropped() {
    check(
        "query ($a: Boolean!) {
            me @include(if: true) @skip(if: false) { id @skip(if: true) name @include(if: false) friend { id } }
            ... @include(if: $a) { item @skip(if: $a) { id } color }
            color @include(if: $a)
        }",
        "
        on Query
          me: Query.me
            on Person
              friend: Person.friend
                on Person
                  id: Person.id
          color: Query.color if 0
        ",
    );
}

#[test]
fn a_field_that_is_also_wanted_always_is_always_there() {
    check(
        "query ($a: Boolean!) { ...f @include(if: $a) ...f } fragment f on Query { color }",
        "
        on Query
          color: Query.color
        ",
    );
}

#[test]
fn possible_types_are_grouped_by_what_applies() {
    check(
        "{ item { __typename name ... on Book { pages } ... on Sized { size } } thing { ... on Item { id } } shape { __typename } }",
        "
        on Query
          item: Query.item
            on Product
              __typename: typename
              name: Product.name
            on Book
              __typename: typename
              name: Book.name
              pages: Book.pages
              size: Book.size
          thing: Query.thing
            on Product
              id: Product.id
            on Person
          shape: Query.shape
            on Round | Square
              __typename: typename
        ",
    );
    check(
        "{ item { id related { id } } }",
        "
        on Query
          item: Query.item
            on Product | Book
              id: Product.id
              related: Product.related
                on Product | Book
                  id: Product.id
        ",
    );
}

#[test]
fn types_that_differ_in_a_field_stand_apart() {
    let sdl = "type Query { i: I } interface I { x: I y(a: Int = 1): Int z: Int }
        type A implements I { x: A y(a: Int = 1): Int z: Int }
        type B implements I { x: B y(a: Int = 2): Int z: Int }
        type C implements I { x: A y(a: Int = 1): Int z: Int }";
    let mut graph = graph(sdl);
    let groups = |graph: &Graph, document: &str| {
        let (_, operation) = bound(graph, document);
        let selection = operation.selection.variants[0].fields[0].selection.clone().expect("a selection");
        let variants = selection.variants.iter();
        variants.map(|one| one.types.iter().map(|&ty| graph[ty].name.to_string()).collect()).collect::<Vec<String>>()
    };
    assert_eq!(groups(&graph, "{ i { z } }"), ["ABC"]);
    assert_eq!(groups(&graph, "{ i { x { z } } }"), ["AC", "B"]);
    assert_eq!(groups(&graph, "{ i { y } }"), ["AC", "B"]);
    // A connector of its own: the plan has to see which type it is.
    let field = graph[graph.by_name["C"]].fields["z"];
    graph.fields[field.0 as usize].connectors.push(ConnectorId(0));
    assert_eq!(groups(&graph, "{ i { z } }"), ["AB", "C"]);
    assert!(graph.connectors.is_empty() && size_of::<Connector>() > 0);
}

#[test]
fn the_named_operation_is_bound() {
    let graph = shop();
    let document = parsed(&graph, "query A { me { id } } mutation B($x: ID = 7) { remove(id: $x) }").expect("is valid");
    assert_eq!(bind(&graph, &document, Some("A")).expect("is there").kind, Kind::Query);
    let operation = bind(&graph, &document, Some("B")).expect("is there");
    assert_eq!((operation.kind, operation.name.as_deref()), (Kind::Mutation, Some("B")));
    assert_eq!(operation.variables[0].location.column, 34);
    assert_eq!(operation.selection.variants[0].fields[0].location.column, 48);
    for name in [None, Some("C"), Some("")] {
        let refusal = bind(&graph, &document, name).expect_err("names none");
        assert_eq!(refusal.code, ErrorCode::OperationResolutionFailure);
    }
}

#[test]
fn subscriptions_are_refused() {
    let graph = shop();
    let document = parsed(&graph, "subscription { stock }").expect("is valid");
    let refusal = bind(&graph, &document, None).expect_err("there are none");
    assert_eq!(refusal.code, ErrorCode::OperationResolutionFailure);
    assert_eq!(refusal.errors[0].locations.len(), 1);
}

#[test]
fn introspection_and_typename_at_the_root() {
    check(
        "{ __typename __schema { types { name } } t: __type(name: \"Book\") { name } }",
        "
        on Query
          __typename: typename
          __schema: introspection
          t: introspection
        ",
    );
}
