//! The sizes of operations, counted by hand.

use super::super::{
    Measure,
    testing::{bound, shop},
};

#[track_caller]
fn check(document: &str, [depth, height, aliases, root_fields, directives]: [usize; 5]) {
    let (_, operation) = bound(&shop(), document);
    assert_eq!(operation.measure, Measure { depth, height, aliases, root_fields, directives }, "{document}");
}

#[test]
fn leaves_and_typename_count() {
    check("{ __typename }", [1, 1, 0, 1, 0]);
    check("{ me { id } }", [2, 2, 0, 1, 0]);
    check("{ me { __typename friend { name } } number }", [3, 5, 0, 2, 0]);
}

#[test]
fn a_key_that_is_written_twice_is_one() {
    check("{ me { id } me { id name } }", [2, 3, 0, 1, 0]);
    check("{ a: me { id } b: me { id } ...F } fragment F on Query { a: me { id name } }", [2, 5, 3, 2, 0]);
}

#[test]
fn fragments_count_as_often_as_they_are_spread_and_add_no_depth() {
    let document = "query @hint { me { ...P friend { ...P } } }
        fragment P on Person @hint { n: name @hint ... on Person @hint { i: id } }";
    check(document, [3, 6, 4, 1, 7]);
}

#[test]
fn types_of_an_abstract_place_add_up_by_key() {
    check("{ thing { ... on Product { id name } ... on Person { id friend { id } } } }", [3, 5, 0, 1, 0]);
}

#[test]
fn introspection_has_bounds_of_its_own() {
    let document = "{ __schema { types { fields { type { ofType { ofType { name } } } } } } me { id } }";
    check(document, [2, 3, 0, 2, 0]);
}

#[test]
fn doubling_fragments_do_not_wrap() {
    let doubling = (0..12).map(|level| format!("fragment F{level} on Person {{ a: name ...F{0} ...F{0} }}", level + 1));
    let document: String = doubling.collect();
    let document = format!("{{ me {{ ...F0 }} }} {document} fragment F12 on Person {{ a: name }}");
    check(&document, [2, 2, (1 << 13) - 1, 1, 0]);
}
