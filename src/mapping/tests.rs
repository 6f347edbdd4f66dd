//! The language against the recorded vectors, and what the vectors cannot say.

use super::{Number, Problem, Value, Variable, Variables, Version, parse};

/// Variables given as an object with names as written (`$args`).
pub(super) struct Given(pub Value);

impl Variables for Given {
    fn get(&self, variable: Variable) -> Option<&Value> {
        self.0.as_object()?.iter().find(|(name, _)| Variable::from_name(&name[1..]) == Some(variable)).map(|(_, it)| it)
    }
}

impl Value {
    fn as_object(&self) -> Option<&super::Object> {
        match self {
            Self::Object(object) => Some(object),
            _ => None,
        }
    }

    fn array(&self) -> &[Value] {
        match self {
            Self::Array(items) => items,
            _ => panic!("no list: {self:?}"),
        }
    }

    fn text(&self) -> &str {
        match self {
            Self::String(text) => text,
            _ => panic!("no text: {self:?}"),
        }
    }
}

fn version(text: &str) -> Version {
    match text {
        "0.1" => Version::V0_1,
        "0.2" => Version::V0_2,
        "0.3" => Version::V0_3,
        _ => Version::V0_4,
    }
}

/// Numbers by value, order of keys aside.
fn equal(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Number(left), Value::Number(right)) => left.compare(right).is_eq(),
        (Value::Array(left), Value::Array(right)) => {
            left.len() == right.len() && left.iter().zip(right).all(|(left, right)| equal(left, right))
        }
        (Value::Object(left), Value::Object(right)) => {
            left.len() == right.len() && left.iter().all(|(key, left)| right.get(key).is_some_and(|it| equal(left, it)))
        }
        _ => left == right,
    }
}

/// The vectors of a file, each applied; how many there are, and those that come out otherwise.
fn failing_vectors(file: &[u8]) -> (usize, Vec<String>) {
    let file = Value::parse(file).unwrap();
    let mut wrong = Vec::new();
    let mut count = 0;
    for group in file.get("groups").unwrap().array() {
        let variables = Given(group.get("variables").cloned().unwrap_or_default());
        for vector in group.get("vectors").unwrap().array() {
            count += 1;
            let text = vector.get("selection").unwrap().text();
            let expected = vector.get("better").unwrap_or(vector);
            let invalid = expected.get("invalid").is_some();
            let mut problems: Vec<Problem> = Vec::new();
            let outcome = parse(text, version(vector.get("connect").unwrap().text()));
            let good = match &outcome {
                Err(_) => invalid,
                Ok(_) if invalid => false,
                Ok(mapping) => {
                    let value = mapping.evaluate(group.get("data").unwrap(), &variables, &mut problems);
                    let same = match (&value, expected.get("result")) {
                        (None, None) => expected.get("missing").is_some(),
                        (Some(value), Some(wanted)) => equal(value, wanted),
                        _ => false,
                    };
                    let noted =
                        vector.get("better").is_some() || problems.is_empty() == vector.get("problems").is_none();
                    if !same || !noted {
                        let found = value.map(|value| value.to_json());
                        wrong.push(format!("{text}: {found:?} {problems:?}\n   wanted {}", vector.to_json()));
                    }
                    continue;
                }
            };
            if !good {
                wrong.push(format!("{text}: {:?}\n   wanted {}", outcome.map(|it| it.root), vector.to_json()));
            }
        }
    }
    (count, wrong)
}

#[test]
fn agrees_with_every_vector() {
    let (count, wrong) = failing_vectors(include_bytes!("../../tests/cases/connectors/mapping-vectors.json"));
    assert!(count > 500, "{count} vectors");
    assert!(wrong.is_empty(), "{} of {count} vectors:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn agrees_with_our_own_vectors() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases/language");
    let (mut count, mut wrong) = (0, Vec::new());
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if name.ends_with(".vectors.json") {
            let (more, failing) = failing_vectors(&std::fs::read(&path).unwrap());
            count += more;
            wrong.extend(failing.into_iter().map(|text| format!("{name}: {text}")));
        }
    }
    assert!(count > 1500, "{count} vectors");
    assert!(wrong.is_empty(), "{} of {count} vectors:\n{}", wrong.len(), wrong.join("\n"));
}

fn evaluate(text: &str, input: &str) -> (Option<Value>, Vec<Problem>) {
    let mut problems = Vec::new();
    let variables = Given(Value::Null);
    let value = parse(text, Version::V0_3).unwrap().evaluate(
        &Value::parse(input.as_bytes()).unwrap(),
        &variables,
        &mut problems,
    );
    (value, problems)
}

#[test]
fn numbers_keep_their_text() {
    let body = r#"{"big":123456789012345678901234567890,"decimal":1.50,"exponent":1e400}"#;
    assert_eq!(evaluate("big decimal exponent", body).0.unwrap().to_json(), body);
    assert_eq!(evaluate("$(big->gt(decimal))", body).0, Some(Value::Bool(true)));
    assert_eq!(evaluate("$(big->toString)", body).0.unwrap().text(), "123456789012345678901234567890");
}

#[test]
fn overflow_and_division_by_zero_are_problems() {
    let body = r#"{"max":9223372036854775807,"one":1}"#;
    for text in ["$(max->add(1))", "$(max->mul(2))", "$(one->mod(0))", "$(one->div(0))", "$(one->mod(0.0))"] {
        let (value, problems) = evaluate(text, body);
        assert_eq!(value, None, "{text}");
        assert_eq!(problems.len(), 1, "{text}");
    }
}

#[test]
fn problems_are_bounded() {
    let body = format!("[{}null]", "null,".repeat(500));
    assert_eq!(evaluate("id", &body).1.len(), 100);
}

#[test]
fn nesting_is_bounded_in_texts() {
    for text in ["$(".repeat(5000), "a{".repeat(5000), "a: {".repeat(5000), "$([".repeat(5000), "a->map(".repeat(5000)]
    {
        for version in [Version::V0_3, Version::V0_4] {
            assert!(parse(&text, version).is_err(), "{}", &text[..6]);
        }
    }
    let steps = format!("$.a{}", "->as($x)".repeat(5000));
    assert!(parse(&steps, Version::V0_3).unwrap_err().message.contains("steps"));
}

#[test]
fn deep_groups_over_deep_lists_end_with_a_problem() {
    let deep = format!("{}1{}", "[".repeat(127), "]".repeat(127));
    let variables = Given(Value::parse(format!(r#"{{"$args":{{"x":{deep}}}}}"#).as_bytes()).unwrap_or_default());
    let text = format!("{}y: @{}", "x: $args.x { ".repeat(40), "}".repeat(40));
    let mut problems = Vec::new();
    let _ = parse(&text, Version::V0_3).unwrap().evaluate(&Value::Null, &variables, &mut problems);
    assert!(!problems.is_empty());
}

#[test]
fn errors_of_a_text_tell_place_and_remedy() {
    for (text, version, place, help) in [
        (".town", Version::V0_3, ".", Some("write `$.town`")),
        ("a, b", Version::V0_3, ",", Some("selections are separated by white space before v0.4")),
        ("a.b c", Version::V0_3, "a.b", Some("give it a name: `name: path`")),
        ("a { b }->size", Version::V0_3, "-", Some("write `$(path { … })->method`")),
        ("v: a ?? b", Version::V0_3, "?", None),
        ("a: 'text", Version::V0_3, "'text", None),
        ("a { b", Version::V0_3, "{", None),
        ("v: 1e3", Version::V0_4, "1e", None),
    ] {
        let error = parse(text, version).unwrap_err();
        assert_eq!(&text[error.span.clone()], place, "{text}: {error}");
        if help.is_some() {
            assert_eq!(error.help.as_deref(), help, "{text}");
        }
    }
}

#[test]
fn any_text_is_parsed_or_refused() {
    let marks = [
        "$", "@", "(", ")", "{", "}", "[", "]", ".", "->", "?", "??", "?!", ",", ":", "...", "a", "'", "\"", "é", "-",
        "5", " ", "#", "\n", "true",
    ];
    let mut state = 7_u64;
    for _ in 0..20_000 {
        let mut text = String::new();
        for _ in 0..12 {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            text.push_str(marks[usize::try_from(state % marks.len() as u64).unwrap()]);
        }
        for version in [Version::V0_2, Version::V0_3, Version::V0_4] {
            match parse(&text, version) {
                Ok(mapping) => {
                    let mut problems = Vec::new();
                    let _ = mapping.evaluate(&Value::Null, &Given(Value::Null), &mut problems);
                    let _ = (
                        mapping.uses(),
                        mapping.shape(&|_| super::Shape { kind: super::ShapeKind::Unknown, span: None }),
                    );
                }
                Err(error) => assert!(text.get(error.span.clone()).is_some(), "{text}: {:?}", error.span),
            }
        }
    }
}

#[test]
fn what_grows_without_end_is_cut_off() {
    let rows = format!("{{\"rows\":[{}0]}}", "0,".repeat(1000));
    for (text, input) in [
        (format!("$('{}'){}", "x".repeat(1000), "->echo([@, @])".repeat(40)), "null"),
        (format!("$('x'){}", "->as($s)->echo([$s, $s])->joinNotNull('')".repeat(40)), "null"),
        // Each time the backslashes double.
        (format!("$('\"'){}", "->jsonStringify".repeat(60)), "null"),
        (format!("$('x'){}", "->echo([@, @, @, @])->joinNotNull($([@])->jsonStringify)".repeat(40)), "null"),
        // Loops in loops in loops.
        ("$.rows->map($.rows->map($.rows->map($.rows->map(@))))".to_owned(), rows.as_str()),
        ("$.rows->map($.rows->filter($.rows->filter(false)->size->eq(1)))".to_owned(), rows.as_str()),
        (
            "$.rows->map($.rows->map([]))->map($.rows->map(@.x))->map($.rows->contains($.rows))".to_owned(),
            rows.as_str(),
        ),
    ] {
        let input = Value::parse(input.as_bytes()).unwrap();
        let mut problems = Vec::new();
        let mapping = parse(&text, Version::V0_3).unwrap();
        let _ = mapping.evaluate_within(1 << 24, &input, &Given(Value::Null), &mut problems);
        assert!(problems.iter().any(|problem| problem.message.contains("too much")), "{}", &text[..40]);
    }
}

#[test]
fn work_that_grows_with_the_body_is_done() {
    let ids: Vec<String> = (0..2000).map(|id| id.to_string()).collect();
    let rows: Vec<String> = (0..2000).map(|id| format!(r#"{{"id":{id},"text":"{}"}}"#, "x".repeat(100))).collect();
    let body = format!(
        r#"{{"ids":[{}],"rows":[{}],"head":{{"title":"{}"}}}}"#,
        ids.join(","),
        rows.join(","),
        "t".repeat(5000)
    );
    for (text, len) in [
        ("rows->filter(@.id->in($.ids))", 2000),
        ("$.head->as($h)->echo($.rows->map({ n: @.id, c: $h.title->size, d: $h.gone }))", 2000),
    ] {
        let (value, problems) = evaluate(text, &body);
        assert!(!problems.iter().any(|problem| problem.message.contains("too much")), "{text}");
        assert_eq!(value.unwrap().array().len(), len, "{text}");
    }
}

#[test]
fn shapes_that_double_come_to_an_end() {
    let given = |_| super::Shape { kind: super::ShapeKind::Unknown, span: None };
    let arms = |name: &str| {
        format!(
            "...k->match({}) ",
            (0..5).map(|at| format!("[{at}, {{ {name}{at}: 1 }}]")).collect::<Vec<_>>().join(", ")
        )
    };
    let mut nested = "x: 1".to_owned();
    for _ in 0..20 {
        nested = format!("{} {} x: $({{ {nested} }})", arms("a"), arms("b"));
    }
    for text in [
        format!("$('x'){}", "->echo([@, @])".repeat(200)),
        format!("$('x'){}", "->as($s)->echo({ a: $s, b: $s })".repeat(100)),
        nested,
    ] {
        let _ = parse(&text, Version::V0_4).unwrap().shape(&given);
    }
}

#[test]
fn numbers_compare_by_what_they_are() {
    let number = |text: &str| Number::from_text(text).unwrap();
    let rising = [
        "-1e400",
        "-123456789012345678901234567890.5",
        "-123456789012345678901234567890",
        "-10",
        "-9.99",
        "-1e-400",
        "0",
        "1e-401",
        "1e-400",
        "0.1",
        "0.10000000000000000001",
        "1",
        "1.5",
        "9007199254740992",
        "9007199254740992.5",
        "9007199254740993",
        "123456789012345678901234567890",
        "123456789012345678901234567891",
        "1e30",
        "1.1e30",
        "1e400",
    ];
    for (at, left) in rising.iter().enumerate() {
        for (other, right) in rising.iter().enumerate() {
            assert_eq!(number(left).compare(&number(right)), at.cmp(&other), "{left} {right}");
        }
    }
    for (left, right) in [("1e2", "100"), ("0", "-0.0e5"), ("1.50", "15e-1"), ("0.001", "1E-3"), ("120e1", "1.2e+3")] {
        assert!(number(left).compare(&number(right)).is_eq(), "{left} {right}");
    }
}
