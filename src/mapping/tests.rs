//! The language against the recorded vectors, and what the vectors cannot say.

use super::{Mapping, Number, Problem, Value, Variable, Variables, Version, parse};

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

fn number_value(number: &Number) -> f64 {
    number.as_f64().unwrap()
}

/// Numbers by value, order of keys aside.
fn equal(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Number(left), Value::Number(right)) => number_value(left).total_cmp(&number_value(right)).is_eq(),
        (Value::Array(left), Value::Array(right)) => {
            left.len() == right.len() && left.iter().zip(right).all(|(left, right)| equal(left, right))
        }
        (Value::Object(left), Value::Object(right)) => {
            left.len() == right.len() && left.iter().all(|(key, left)| right.get(key).is_some_and(|it| equal(left, it)))
        }
        _ => left == right,
    }
}

#[test]
fn agrees_with_every_vector() {
    let file = Value::parse(include_bytes!("../../tests/cases/connectors/mapping-vectors.json")).unwrap();
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
                        wrong.push(format!("{text}: {:?} {problems:?}\n   wanted {}", value, vector.to_json()));
                    }
                    continue;
                }
            };
            if !good {
                wrong.push(format!("{text}: {:?}\n   wanted {}", outcome.map(|it| it.root), vector.to_json()));
            }
        }
    }
    assert!(count > 500, "{count} vectors");
    assert!(wrong.is_empty(), "{} of {count} vectors:\n{}", wrong.len(), wrong.join("\n"));
}

pub(super) fn mapping(text: &str) -> Mapping {
    parse(text, Version::V0_3).unwrap()
}
