//! What mappings draw on.

use super::{KeyTree, Mapping, Variable, Version, parse};

fn mapping(text: &str) -> Mapping {
    parse(text, Version::V0_3).unwrap()
}

/// A tree as a field set.
fn fields(tree: &KeyTree) -> String {
    let one = |(name, below): (&std::sync::Arc<str>, &KeyTree)| {
        if below.keys.is_empty() { name.to_string() } else { format!("{name} {{ {} }}", fields(below)) }
    };
    tree.keys.iter().map(one).collect::<Vec<_>>().join(" ")
}

fn needs(text: &str, variable: Variable) -> Option<String> {
    mapping(text).needs(variable).map(|tree| fields(&tree))
}

#[test]
fn needs_follow_paths_methods_groups_and_names() {
    for (text, wanted) in [
        ("$this.site.id", "site { id }"),
        ("a: $this.site.id b: $this.channel", "site { id } channel"),
        ("$this.parts->map({ k: @.sku, q: @.qty })", "parts { sku qty }"),
        ("$this.parts->filter(@.qty->gt(1)) { sku }", "parts { qty sku }"),
        ("$this { id site? { code } }", "id site { code }"),
        ("$this.parts->size", "parts"),
        ("$this.parts->map(1)", "parts"),
        ("$this.parts->first.sku", "parts { sku }"),
        ("$($this.a ?? $this.b).c", "a { c } b { c }"),
        ("$this.parts->map(@->as($p)->echo([$p.sku, $p.qty]))", "parts { sku qty }"),
        ("x: $this { inner: { n: $.name } }", "name"),
        ("$this.kind->match(['a', $this.x], [@, 'none'])", "kind x"),
        ("$([$this.a, { b: $this.b.c }])", "a b { c }"),
        ("$this", ""),
    ] {
        assert_eq!(needs(text, Variable::This).as_deref(), Some(wanted), "{text}");
    }
    assert_eq!(needs("id name: $args.x", Variable::This), None);
    assert_eq!(needs("$batch.id", Variable::Batch).as_deref(), Some("id"));
}

#[test]
fn uses_tell_places() {
    let text = "a: $args.in.k b: $nope c: $x->as($args)";
    let uses = mapping(text).uses();
    let told: Vec<(&str, Option<Variable>, Vec<&str>)> = uses
        .iter()
        .map(|found| {
            let path = found.path.iter().map(|(_, span)| &text[span.clone()]).collect();
            (&text[found.span.clone()], found.variable, path)
        })
        .collect();
    assert_eq!(
        told,
        [("$args", Some(Variable::Args), vec![".in", ".k"]), ("$nope", None, vec![]), ("$x", None, vec![])]
    );
}

#[test]
fn input_is_read_by_keys_and_dollar_but_not_inside_groups_over_variables() {
    for (text, places) in [
        ("$args { id name }", vec![]),
        ("$args.rows->map({ k: @.id })", vec![]),
        ("$args.x->echo(y)", vec!["y"]),
        ("$args.x->echo($.y)", vec!["$"]),
        ("a: b.c d: $args.e f: $", vec!["b", "$"]),
        ("$({ a: $args.x, b: 'text' })", vec![]),
        ("$status->eq(200)", vec![]),
        ("rows { id }", vec!["rows", "id"]),
    ] {
        let found: Vec<String> = mapping(text).reads_input().into_iter().map(|span| text[span].to_owned()).collect();
        assert_eq!(found, places, "{text}");
    }
}

#[test]
fn unknown_methods_are_named_with_a_suggestion() {
    let found = mapping("a: b->frist c: d->map(@->tostring)").unknown_methods();
    let names: Vec<&str> = found.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["frist", "tostring"]);
    assert_eq!(super::suggest_method("frist"), Some("first"));
    assert_eq!(super::suggest_method("tostring"), Some("toString"));
    assert_eq!(super::suggest_method("somethingElse"), None);
}
