//! Whatever the text is, parsing and binding return.

use std::sync::LazyLock;

use proptest::prelude::*;

use super::super::{
    Limits, bind, parse,
    testing::{parsed, shop},
};
use crate::schema::Graph;

/// Built once for all cases.
static SHOP: LazyLock<Graph> = LazyLock::new(shop);

const SEEDS: [&str; 6] = [
    "query A($a: ID!, $b: [Int!] = [1, 2]) @label(text: \"x\") { product(id: $a) { name ...f @include(if: true) } }",
    "fragment f on Product { id price(currency: \"EUR\") maker { friend { id } } }",
    "{ item { ... on Book { pages } ... on Product @skip(if: false) { tags } __typename } }",
    "mutation { rename(input: { id: 1, name: \"\"\"block \\\"\"\" \"\"\", note: null }) { id } }",
    "{ search(filter: { price: { low: -1 }, nested: { tags: [\"é\\u00e9\"] } }) { id } } # end",
    "query ($v: Boolean!) { me @include(if: $v) { books { author { name } } } __schema { types { name } } }",
];
const PIECES: [&str; 24] = [
    "{",
    "}",
    "(",
    ")",
    "[",
    "]",
    ":",
    "!",
    "$",
    "@",
    "...",
    "\"",
    "\"\"\"",
    "#",
    ",",
    "-",
    "1e",
    "\\u",
    "on",
    "fragment f",
    "\u{feff}",
    "\0",
    "é",
    "query",
];

fn mutated() -> impl Strategy<Value = String> {
    let edit = (any::<prop::sample::Index>(), 0usize..12, prop::sample::select(&PIECES[..]));
    (prop::collection::vec(prop::sample::select(&SEEDS[..]), 1..3), prop::collection::vec(edit, 0..6)).prop_map(
        |(seeds, edits)| {
            let mut text: Vec<char> = seeds.concat().chars().collect();
            for (place, removed, piece) in edits {
                let place = place.index(text.len() + 1);
                let end = (place + removed).min(text.len());
                text.splice(place..end, piece.chars());
            }
            text.into_iter().collect()
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn mutated_documents_are_parsed_or_refused(text in mutated()) {
        let graph = &*SHOP;
        match parsed(graph, &text) {
            Ok(document) => drop(bind(graph, &document, None)),
            Err(refusal) => prop_assert!(!refusal.errors.is_empty()),
        }
    }

    #[test]
    fn any_text_is_parsed_or_refused(text in "\\PC{0,200}") {
        let graph = &*SHOP;
        let small = Limits { bytes_max: 150, tokens_max: 40, nesting_max: 5, selections_max: 10 };
        if let Err(refusal) = parse(graph, &text, &small) {
            prop_assert!(!refusal.errors.is_empty());
        }
    }
}
