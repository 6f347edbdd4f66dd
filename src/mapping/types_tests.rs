//! Static shapes of mappings.

use super::{Fields, Shape, ShapeKind, Variable, Version, parse};

fn plain(kind: ShapeKind) -> Shape {
    Shape { kind, span: None }
}

/// A shape in a short notation: `Group` as `base -> { … }`.
fn draw(shape: &Shape) -> String {
    let members = |fields: &Fields| {
        fields.iter().map(|(name, (_, shape))| format!("{name}: {}", draw(shape))).collect::<Vec<_>>().join(", ")
    };
    let list = |shapes: &[Shape], between: &str| shapes.iter().map(draw).collect::<Vec<_>>().join(between);
    match &shape.kind {
        ShapeKind::Unknown => "?".to_owned(),
        ShapeKind::Missing => "missing".to_owned(),
        ShapeKind::Null => "null".to_owned(),
        ShapeKind::Bool(_) => "bool".to_owned(),
        ShapeKind::Int => "int".to_owned(),
        ShapeKind::Float => "float".to_owned(),
        ShapeKind::String(Some(text)) => format!("'{text}'"),
        ShapeKind::String(None) => "string".to_owned(),
        ShapeKind::List(each) => format!("[{}]", draw(each)),
        ShapeKind::Array(items) => format!("({})", list(items, ", ")),
        ShapeKind::Object(fields) => format!("{{{}}}", members(fields)),
        ShapeKind::Group(base, fields) => format!("{} -> {{{}}}", draw(base), members(fields)),
        ShapeKind::OneOf(several) => list(several, " | "),
    }
}

fn shape(text: &str, version: Version) -> String {
    let given = |variable: Variable| match variable {
        Variable::Args => {
            let item = Fields::from_iter([("qty".into(), (0..0, plain(ShapeKind::Int)))]);
            let fields = [
                ("name", plain(ShapeKind::OneOf(vec![plain(ShapeKind::String(None)), plain(ShapeKind::Null)]))),
                ("n", plain(ShapeKind::Int)),
                ("rows", plain(ShapeKind::List(Box::new(plain(ShapeKind::Object(item)))))),
            ];
            plain(ShapeKind::Object(fields.into_iter().map(|(name, shape)| (name.into(), (0..0, shape))).collect()))
        }
        Variable::Status => plain(ShapeKind::Int),
        _ => plain(ShapeKind::Unknown),
    };
    draw(&parse(text, version).unwrap().shape(&given))
}

#[test]
fn shapes_of_the_third_version() {
    for (text, wanted) in [
        ("id name: $args.name", "? -> {id: ?, name: string | null}"),
        ("$args.gone", "missing"),
        ("$args.n.x", "missing"),
        ("$args.rows.qty", "[int]"),
        ("$args.rows { q: qty }", "[{qty: int}] -> {q: int}"),
        ("$($args.name ?? 'none')", "string | 'none'"),
        ("$args.name?", "string | missing"),
        ("$args.rows->map(@.qty->add(1))", "[int]"),
        ("$args.rows->map({ q: @.qty })", "[{q: int}]"),
        ("$args.rows->first.qty", "int | missing"),
        ("$args.n->div(2)", "float"),
        ("$status->eq(200)", "bool"),
        ("$args.n->match([1, 'one'], [@, null])", "'one' | null"),
        ("$args.n->match([1, 'one'])", "'one' | missing"),
        ("a.b { c }", "? -> {c: ?}"),
        ("k: $.x a.b { c }", "? -> {k: ?, c: ?}"),
        ("$([1, 'x', true])", "(int, 'x', bool)"),
        ("$args.n->as($k)->echo([@, $k])", "(int, int)"),
        ("$args.n->nope", "?"),
    ] {
        assert_eq!(shape(text, Version::V0_3), wanted, "{text}");
    }
}

#[test]
fn methods_are_unknown_before_the_third_version() {
    assert_eq!(shape("$args.name->size", Version::V0_2), "?");
    assert_eq!(shape("$args.name->size", Version::V0_3), "int");
}

#[test]
fn spreads_of_alternatives_give_alternatives() {
    let text = "id ...$args.n->match([1, { t: 'A' }], [@, { t: 'B', u: 1 }])";
    assert_eq!(shape(text, Version::V0_4), "? -> {id: ?, t: 'A'} | ? -> {id: ?, t: 'B', u: int}");
    assert_eq!(shape("{ a: 1, b: [x] }", Version::V0_4), "? -> {a: int, b: (?)}");
}
