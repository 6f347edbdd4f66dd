//! Limits, and the worst documents of 64 KiB: each is refused or answered after work in proportion.

use std::fmt::Write;

use super::super::{
    Limits, bind, parse,
    testing::{graph, parsed, shop},
};
use crate::{
    error::{ErrorCode, Refusal},
    schema::Graph,
};

const SIZE: usize = 64 * 1024;

#[track_caller]
fn limit(refusal: &Refusal) -> (&str, u64, u64) {
    assert_eq!(refusal.code, ErrorCode::LimitExceeded, "{:?}", refusal.errors);
    let extensions = &refusal.errors[0].extensions;
    let number = |name: &str| extensions[name].as_u64().expect("a number");
    (extensions["limit"].as_str().expect("a text"), number("maximum"), number("value"))
}

#[track_caller]
fn check_limit(text: &str, limits: &Limits, expected: (&str, u64, u64)) {
    let refusal = parse(&shop(), text, limits).expect_err("passes a limit");
    assert_eq!(limit(&refusal), expected);
}

#[test]
fn a_document_at_its_limits_is_read_and_one_past_them_is_not() {
    let text = "{ me { name ...f } } fragment f on Person { friend { id } }";
    let exact = Limits { bytes_max: text.len(), tokens_max: 18, nesting_max: 4, selections_max: 5 };
    let graph = shop();
    assert!(parse(&graph, text, &exact).is_ok(), "{:?}", parse(&graph, text, &exact).err());
    let bytes = text.len() as u64;
    check_limit(text, &Limits { bytes_max: text.len() - 1, ..exact }, ("bytes", bytes - 1, bytes));
    check_limit(text, &Limits { tokens_max: 17, ..exact }, ("tokens", 17, 18));
    check_limit(text, &Limits { nesting_max: 1, ..exact }, ("nesting", 1, 2));
    check_limit(text, &Limits { nesting_max: 3, ..exact }, ("nesting", 3, 4));
    check_limit(text, &Limits { selections_max: 4, ..exact }, ("selections", 4, 5));
}

#[test]
fn selections_are_summed_over_operations() {
    let text = "query A { ...f } query B { ...f } fragment f on Query { me { id } }";
    let limits = Limits { selections_max: 5, ..Limits::default() };
    check_limit(text, &limits, ("selections", 5, 6));
}

/// A document that repeats `unit` up to 64 KiB.
fn repeated(before: &str, unit: impl Fn(usize) -> String, after: &str) -> String {
    let mut text = before.to_owned();
    for index in 0.. {
        let unit = unit(index);
        if text.len() + unit.len() + after.len() > SIZE {
            break;
        }
        text += &unit;
    }
    text + after
}

fn many(count: usize, unit: impl Fn(usize) -> String) -> String {
    let mut text = String::new();
    for index in 0..count {
        text += &unit(index);
    }
    text
}

/// Refused or bound; in both cases this returns.
fn outcome(graph: &Graph, text: &str, limits: &Limits) -> Result<(), Refusal> {
    let document = parse(graph, text, limits)?;
    bind(graph, &document, None).map(|_| ())
}

/// Token limits out of the way, so that what is behind them has to hold by itself.
fn wide() -> Limits {
    Limits { tokens_max: usize::MAX, ..Limits::default() }
}

#[test]
fn the_worst_documents_end() {
    let documents = [
        ("aliases", repeated("{", |index| format!("a{index}:me{{id}}"), "}")),
        ("fields", repeated("{", |_| "me{id}".into(), "}")),
        ("names", format!("{{ {} }}", "a".repeat(SIZE - 10))),
        ("directives", repeated("{ me", |_| "@skip(if:true)".into(), "{ id } }")),
        ("unknown directives", repeated("{ me", |index| format!("@d{index}"), "{ id } }")),
        ("numbers", repeated("{ products(ids: [", |_| "1 ".into(), "]) { id } }")),
        ("dashes", repeated("{ products(ids: [", |_| "1-".into(), "]) { id } }")),
        ("dots", ".".repeat(SIZE)),
        ("commas", ",".repeat(SIZE)),
        ("comments", repeated("{ me { id } }", |_| "#\n".into(), "")),
        ("quotes", "\"".repeat(SIZE)),
        ("escapes", format!("{{ number(text: \"{}\") }}", "\\\"".repeat(SIZE / 2 - 20))),
        ("emoji", "🦀".repeat(SIZE / 4)),
        ("open braces", "{".repeat(SIZE)),
        ("open brackets", format!("{{ products(grid: {}", "[".repeat(SIZE - 30))),
        ("open types", format!("query ($a: {}", "[".repeat(SIZE - 30))),
        ("nested fields", repeated("", |_| "{me".into(), "")),
        ("unknown fields", repeated("{", |index| format!("x{index} "), "}")),
        ("unknown arguments", repeated("{ me(", |index| format!("x{index}:1 "), ") { id } }")),
        ("unknown input fields", repeated("{ search(filter: {", |index| format!("x{index}:1 "), "}) { id } }")),
        ("variables", repeated("query (", |index| format!("$v{index}:Int "), ") { me { id } }")),
        ("undeclared variables", repeated("{ products(ids: [", |index| format!("$v{index} "), "]) { id } }")),
        ("operations", repeated("", |index| format!("query q{index} {{ me {{ id }} }}"), "")),
        ("anonymous operations", repeated("", |_| "{ me { id } }".into(), "")),
        (
            "fragments that are not used",
            repeated("{ me { id } }", |index| format!("fragment f{index} on Person{{id}}"), ""),
        ),
        ("spreads of one fragment", repeated("{", |_| "...f ".into(), "} fragment f on Query { me { id } }")),
        ("conflicts", repeated("{ me {", |index| format!("x:{} ", ["id", "name"][index % 2]), "} }")),
        ("conflicting lists", {
            let list = "1 ".repeat(SIZE / 4);
            repeated(
                &format!("{{ products(ids: [{list}]) {{ id }} "),
                |index| format!("products(ids:{index}){{id}}"),
                "}",
            )
        }),
        ("conditions", repeated("query ($a: Boolean!) {", |_| "me@skip(if:$a){id}".into(), "}")),
    ];
    let graph = shop();
    for (name, text) in &documents {
        assert!(text.len() <= SIZE + 64, "{name}: {}", text.len());
        for limits in [Limits::default(), wide()] {
            if let Err(refusal) = outcome(&graph, text, &limits) {
                assert!((1..=101).contains(&refusal.errors.len()), "{name}");
                let size: usize = refusal.errors.iter().map(|error| error.message.len()).sum();
                assert!(size <= SIZE, "{name}: {size} bytes of messages");
            }
        }
    }
}

/// Documents that stay under every limit, each as near to one of them as it gets.
#[test]
fn the_worst_documents_under_the_limits_are_answered() {
    let chain = |depth: usize| format!("{}id{}", "friend{".repeat(depth), "}".repeat(depth));
    let keys = many(2_400, |index| format!("k{index}:1 "));
    let documents = [
        ("aliases", format!("{{ {} }}", many(2_490, |index| format!("a{index}:me{{id}}")))),
        ("conditions", format!("query ($a: Boolean!) {{ {} }}", many(1_240, |_| "me@skip(if:$a){id}".into()))),
        ("uses of variables", {
            let declared = many(400, |index| format!("$v{index}:Any "));
            let used = many(3_700, |index| format!("$v{} ", 399 - index % 400));
            format!("query ({declared}) {{ anything(value: [{used}]) }}")
        }),
        ("deep fragments", {
            let spreads = many(20, |index| format!("a{index}: me {{ ...f friend {{ b{index}: id }} }}"));
            format!("{{ {spreads} }} fragment f on Person {{ {} }}", chain(90))
        }),
        ("operations that share a fragment", {
            let fields = many(190, |index| format!("a{index}:me{{id}}"));
            format!("fragment f on Query {{ {fields} }} {}", many(50, |index| format!("query q{index}{{...f}}")))
        }),
        ("objects compared key by key", format!("{{ anything(value: {{ {keys} }}) anything(value: {{ {keys} }}) }}")),
        ("values", format!("{{ products(ids: [{}]) {{ id }} }}", "1 ".repeat(14_900))),
        ("directives", format!("query {} {{ me {{ id }} }}", "@label(text:\"\")".repeat(2_100))),
    ];
    let graph = shop();
    for (name, text) in &documents {
        assert!(text.len() <= SIZE, "{name}: {}", text.len());
        let document = parsed(&graph, text).unwrap_or_else(|refusal| panic!("{name}: {refusal:?}"));
        if document.executable().operations.len() == 1 {
            bind(&graph, &document, None).unwrap_or_else(|refusal| panic!("{name}: {refusal:?}"));
        }
    }
}

/// As deep as the limit allows, in every way that something can be deep; a test's thread has 2 MiB of stack.
#[test]
fn the_deepest_documents_need_little_stack() {
    let nested = |open: &str, depth: usize, inner: &str, close: &str| {
        format!("{}{inner}{}", open.repeat(depth), close.repeat(depth))
    };
    let mut chain = "{ me { ...f0 } }".to_owned();
    for index in 0..98 {
        write!(chain, "fragment f{index} on Person {{ ... {{ ...f{} }} }}", index + 1).expect("writes to memory");
    }
    chain += "fragment f98 on Person { id }";
    let documents = [
        (true, format!("{{ me {} }}", nested("{ friend ", 120, "{ id }", "}"))),
        (true, nested("{ ... ", 198, "{ me { id } }", "}")),
        (true, format!("{{ anything(value: {}) }}", nested("[", 198, "1", "]"))),
        (true, format!("{{ anything(value: {}) }}", nested("{ a: ", 198, "1", "}"))),
        (true, format!("query ($v: {}) {{ anything(value: {{ a: $v }}) }}", nested("[", 199, "Int", "]"))),
        (true, chain),
        // apollo-compiler merges no deeper than 128 fields.
        (false, format!("{{ me {} }}", nested("{ friend ", 190, "{ id }", "}"))),
    ];
    let graph = shop();
    for (is_valid, text) in &documents {
        let document = parsed(&graph, text);
        let document = match document {
            Ok(document) => document,
            Err(refusal) => {
                assert!(!is_valid, "{text}: {refusal:?}");
                continue;
            }
        };
        assert!(is_valid, "{text}");
        let operation = bind(&graph, &document, None).expect("is valid");
        let deep = format!("{}1{}", "[".repeat(127), "]".repeat(127));
        let value = crate::mapping::Value::parse(deep.as_bytes()).expect("is JSON");
        let given = operation.variables.iter().map(|variable| (variable.name.to_string(), value.clone())).collect();
        let refusal = super::super::coerce(&graph, &operation, &given).err();
        // A single value for 72 lists more than it has: deeper than any value may be.
        assert_eq!(refusal.is_some(), !operation.variables.is_empty());
    }
}

#[test]
fn doubling_fragments_are_refused() {
    let mut text = "{ me { ...f0 } }".to_owned();
    for index in 0..400 {
        let next = index + 1;
        write!(text, "fragment f{index} on Person {{ ...f{next} ...f{next} }}").expect("writes to memory");
    }
    text += "fragment f400 on Person { id }";
    // Each level doubles: no number holds 2^400 selections.
    let refusal = parse(&shop(), &text, &wide()).expect_err("is too large");
    let limits = Limits { nesting_max: 1_000, ..wide() };
    assert_eq!(limit(&refusal).0, "nesting");
    let refusal = parse(&shop(), &text, &limits).expect_err("is too large");
    assert_eq!(limit(&refusal), ("selections", 20_000, u64::MAX));
}

#[test]
fn a_long_chain_of_fragments_costs_no_stack() {
    let mut text = "{ me { ...f0 } }".to_owned();
    for index in 0..1_500 {
        write!(text, "fragment f{index} on Person{{...f{}}}", index + 1).expect("writes to memory");
    }
    text += "fragment f1500 on Person { id }";
    assert_eq!(limit(&parse(&shop(), &text, &wide()).expect_err("is too deep")).0, "nesting");
    // Closed to a circle it is a finding of validation, for each of its fragments.
    let text = text.replace("f1500 on Person { id }", "f1500 on Person { ...f0 }");
    let refusal = parse(&shop(), &text, &wide()).expect_err("is a circle");
    assert_eq!(refusal.code, ErrorCode::GraphqlValidationFailed);
    assert_eq!(refusal.errors.last().expect("errors").message, "1401 more errors are not shown");
}

#[test]
fn a_shared_fragment_counts_for_each_operation() {
    let mut text = "fragment f on Query {".to_owned();
    for index in 0..600 {
        write!(text, "a{index}:me{{id}}").expect("writes to memory");
    }
    text += "}";
    for index in 0..600 {
        write!(text, "query q{index}{{...f}}").expect("writes to memory");
    }
    assert_eq!(limit(&parse(&shop(), &text, &wide()).expect_err("is too large")).0, "selections");

    // The same with few selections and many values.
    let mut text = format!("fragment f on Query {{ products(ids: [{}]) {{ id }} }}", "$a ".repeat(8_000));
    for index in 0..1_000 {
        write!(text, "query q{index}{{...f}}").expect("writes to memory");
    }
    assert_eq!(limit(&parse(&shop(), &text, &wide()).expect_err("is too large")).0, "nodes");
}

/// Selected on an interface and on each of its types, a field has one merged set for each type, at every level.
#[test]
fn sets_that_multiply_by_type_are_refused() {
    let graph = graph(
        "type Query { n: N } interface N { n: N id: ID } type A implements N { n: N id: ID } type B implements N { n: N id: ID }",
    );
    let chain = |depth: usize, leaf: &str| format!("{}{leaf}{}", "n{".repeat(depth), "}".repeat(depth));
    let document = |levels: usize| {
        let mut text = "id".to_owned();
        for level in 0..levels {
            let (a, b) =
                (chain(levels - level, &format!("a{level}:id")), chain(levels - level, &format!("b{level}:id")));
            text = format!("... on A {{ {a} }} ... on B {{ {b} }} n {{ {text} }}");
        }
        format!("{{ n {{ {text} }} }}")
    };
    assert!(outcome(&graph, &document(3), &Limits::default()).is_ok());
    let refusal = outcome(&graph, &document(25), &Limits::default()).expect_err("multiplies");
    assert_eq!(limit(&refusal).0, "merged fields");
}

#[test]
fn conditions_of_one_field_are_bounded() {
    let declared = many(12, |index| format!("$v{index}:Boolean! "));
    let mut selected = String::new();
    for first in 0..12 {
        for second in 0..first {
            write!(selected, "... @include(if: $v{first}) {{ me @include(if: $v{second}) {{ id }} }}").expect("writes");
        }
    }
    let document = parsed(&shop(), &format!("query ({declared}) {{ {selected} }}")).expect("is valid");
    let refusal = bind(&shop(), &document, None).expect_err("66 alternatives");
    assert_eq!(limit(&refusal), ("conditions of a field", 64, 65));
}
