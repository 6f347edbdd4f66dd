//! What a mapping means, written down as plainly as it goes: on `serde_json::Value`, without regard to cost.
//!
//! It follows the reference's section 5 and shares no code with the room it is held against; `None` is a missing value.

use std::cmp::Ordering;

use serde_json::{Map, Number, Value as Json, json};

use crate::language::{Head, Node, Path, Selection, Step};

/// What names stand for.
#[derive(Clone)]
pub struct Scope<'a> {
    /// `$`
    pub root: Json,
    /// `@`
    pub current: Json,
    /// Bound by `->as`, the last one first found.
    pub locals: Vec<(String, Json)>,
    /// `$args` and the like, without `$`.
    pub variables: &'a Map<String, Json>,
}

/// A whole mapping applied to a body.
///
/// `is_path`: it is a single path without a name, which sees the whole body; anything else is a group over it.
pub fn mapping(selections: &[Selection], is_path: bool, body: &Json, variables: &Map<String, Json>) -> Option<Json> {
    let scope = Scope { root: body.clone(), current: body.clone(), locals: Vec::new(), variables };
    match selections {
        [Selection::Anonymous(node)] if is_path => value(node, &scope),
        _ => group(selections, body, &scope),
    }
}

/// Whether a list of selections is a single path without a name.
pub fn is_path(selections: &[Selection]) -> bool {
    matches!(selections, [Selection::Anonymous(_)])
}

fn value(node: &Node, scope: &Scope<'_>) -> Option<Json> {
    match node {
        Node::Literal(literal) => Some(literal.clone()),
        Node::Array(items) => {
            Some(Json::Array(items.iter().map(|item| value(item, scope).unwrap_or_default()).collect()))
        }
        Node::Object(members) => {
            let mut out = json!({});
            for (key, node) in members {
                if let Some(value) = value(node, scope) {
                    merge(&mut out, json!({ key: value }));
                }
            }
            Some(out)
        }
        Node::Group(selections) => group(selections, &scope.current, scope),
        Node::Path(path) => self::path(path, scope),
        Node::Chain(not_null, operands) => {
            let mut last = None;
            for operand in operands {
                last = value(operand, scope);
                match &last {
                    Some(found) if !not_null || !found.is_null() => return last,
                    _ => {}
                }
            }
            last
        }
    }
}

fn path(path: &Path, scope: &Scope<'_>) -> Option<Json> {
    let mut scope = scope.clone();
    let mut current = match &path.head {
        Head::Root => scope.root.clone(),
        Head::Current => scope.current.clone(),
        Head::Variable(name) => {
            let local = scope.locals.iter().rev().find(|(local, _)| local == name).map(|(_, value)| value);
            local.or_else(|| scope.variables.get(name))?.clone()
        }
        Head::Expr(node) => value(node, &scope)?,
    };
    for step in &path.steps {
        current = match step {
            Step::Key(key) => member(&current, key)?,
            Step::Question if current.is_null() => return None,
            Step::Question => current,
            Step::Method(name, arguments) => {
                scope.current = current;
                method(name, arguments.as_deref(), &mut scope)?
            }
        };
    }
    match &path.group {
        Some(selections) => group(selections, &current, &scope),
        None => Some(current),
    }
}

fn member(of: &Json, key: &str) -> Option<Json> {
    match of {
        Json::Object(members) => members.get(key).cloned(),
        Json::Array(items) => {
            Some(Json::Array(items.iter().map(|item| member(item, key).unwrap_or_default()).collect()))
        }
        _ => None,
    }
}

fn group(selections: &[Selection], over: &Json, scope: &Scope<'_>) -> Option<Json> {
    if let Json::Array(items) = over {
        let each = items.iter().map(|item| group(selections, item, scope).unwrap_or_default());
        return Some(Json::Array(each.collect()));
    }
    let scope = Scope { root: over.clone(), current: over.clone(), ..scope.clone() };
    let mut out = json!({});
    for selection in selections {
        match selection {
            Selection::Named(name, node) => {
                if let Some(value) = value(node, &scope) {
                    merge(&mut out, json!({ name: value }));
                }
            }
            // Without a group such a path stands alone, and its value is that of the group.
            Selection::Anonymous(node) if !matches!(node, Node::Path(path) if path.group.is_some()) => {
                return value(node, &scope);
            }
            Selection::Anonymous(node) => {
                if let Some(found) = value(node, &scope) {
                    merge(&mut out, found);
                }
            }
            Selection::Spread(node) => match value(node, &scope) {
                Some(Json::Null) => return Some(Json::Null),
                Some(found @ Json::Object(_)) => merge(&mut out, found),
                _ => {}
            },
        }
    }
    let is_empty = out.as_object().is_some_and(Map::is_empty);
    Some(if is_empty && !over.is_object() { over.clone() } else { out })
}

fn merge(into: &mut Json, more: Json) {
    match (&mut *into, more) {
        (Json::Null, _) => {}
        (Json::Object(members), Json::Object(more)) => {
            for (key, value) in more {
                match members.get_mut(&key) {
                    Some(before) => merge(before, value),
                    None => drop(members.insert(key, value)),
                }
            }
        }
        (Json::Array(items), Json::Array(more)) => {
            for (index, value) in more.into_iter().enumerate() {
                match items.get_mut(index) {
                    Some(before) => merge(before, value),
                    None => items.push(value),
                }
            }
        }
        (into, more) => *into = more,
    }
}

/// A method on `@`; `as` adds to the scope's locals.
fn method(name: &str, arguments: Option<&[Node]>, scope: &mut Scope<'_>) -> Option<Json> {
    let input = scope.current.clone();
    let given = arguments.unwrap_or_default();
    if ["first", "last", "size", "entries", "jsonStringify", "jsonParse", "not", "trim", "trimStart", "trimEnd"]
        .contains(&name)
        || name.starts_with("keysTo")
    {
        return arguments.is_none().then(|| plain(name, &input)).flatten();
    }
    if name == "as" {
        if let Some(Node::Path(path)) = given.first()
            && let (Head::Variable(local), [], None) = (&path.head, path.steps.as_slice(), &path.group)
        {
            let bound = if let Some(node) = given.get(1) { value(node, scope) } else { Some(input.clone()) };
            scope.locals.extend(bound.map(|bound| (local.clone(), bound)));
        }
        return Some(input);
    }
    let one = |node: &Node, at: &Json| value(node, &Scope { current: at.clone(), ..scope.clone() });
    let elements = || match &input {
        Json::Array(items) => items.clone(),
        other => vec![other.clone()],
    };
    match name {
        "echo" => one(given.first()?, &input),
        "map" => {
            let node = given.first()?;
            Some(Json::Array(elements().iter().map(|item| one(node, item).unwrap_or_default()).collect()))
        }
        "filter" | "find" => {
            let node = given.first()?;
            let mut kept = Vec::new();
            for item in elements() {
                if one(node, &item)?.as_bool()? {
                    if name == "find" {
                        return Some(item);
                    }
                    kept.push(item);
                }
            }
            (name == "filter").then_some(Json::Array(kept))
        }
        "match" => {
            for argument in given {
                let Node::Array(pair) = argument else { continue };
                let [candidate, result] = pair.as_slice() else { continue };
                if one(candidate, &input).is_some_and(|candidate| same(&candidate, &input, false)) {
                    return one(result, &input);
                }
            }
            None
        }
        "and" | "or" => {
            let decisive = name == "or";
            given.first()?;
            if input.as_bool()? == decisive {
                return Some(json!(decisive));
            }
            for node in given {
                if one(node, &input)?.as_bool() == Some(decisive) {
                    return Some(json!(decisive));
                }
            }
            Some(json!(!decisive))
        }
        "slice" => slice(&input, given, &one),
        "joinNotNull" => {
            let [separator] = given else { return None };
            let separator = one(separator, &input)?;
            let separator = separator.as_str()?;
            let parts = elements().iter().filter(|item| !item.is_null()).map(text).collect::<Option<Vec<_>>>()?;
            Some(json!(parts.join(separator)))
        }
        "eq" | "ne" | "gt" | "gte" | "lt" | "lte" | "in" | "contains" | "get" => {
            let [node] = given else { return None };
            let other = one(node, &input)?;
            pair(name, &input, &other)
        }
        "toString" => text(&input).map(Json::String),
        "parseInt" => parse_int(&input, given, &one),
        "add" | "sub" | "mul" | "div" | "mod" => {
            given.first()?;
            let mut result = input.as_number()?.clone();
            for node in given {
                result = compute(name, &result, one(node, &input)?.as_number()?)?;
            }
            Some(Json::Number(result))
        }
        "split" => {
            let (subject, separator) = (input.as_str()?, one(given.first()?, &input)?);
            let parts: Vec<String> = match separator.as_str()? {
                "" => subject.chars().map(String::from).collect(),
                separator => subject.split(separator).map(str::to_owned).collect(),
            };
            let most = match given.get(1) {
                None => usize::MAX,
                Some(node) => one(node, &input)?.to_string().parse().ok()?,
            };
            (given.len() <= 2).then(|| Json::from(parts.into_iter().take(most).collect::<Vec<_>>()))
        }
        _ => None,
    }
}

/// Methods without arguments.
fn plain(name: &str, input: &Json) -> Option<Json> {
    Some(match (name, input) {
        ("first", Json::Array(items)) => items.first()?.clone(),
        ("last", Json::Array(items)) => items.last()?.clone(),
        ("first", Json::String(text)) => json!(text.chars().next()?.to_string()),
        ("last", Json::String(text)) => json!(text.chars().last()?.to_string()),
        ("first" | "last", other) => other.clone(),
        ("size", Json::Array(items)) => json!(items.len()),
        ("size", Json::Object(members)) => json!(members.len()),
        ("size", Json::String(text)) => json!(text.chars().count()),
        ("entries", Json::Object(members)) => {
            Json::Array(members.iter().map(|(key, value)| json!({ "key": key, "value": value })).collect())
        }
        ("jsonStringify", any) => json!(any.to_string()),
        ("jsonParse", Json::String(text)) => serde_json::from_str(text).ok()?,
        ("not", Json::Bool(value)) => json!(!value),
        ("trim", Json::String(text)) => json!(text.trim()),
        ("trimStart", Json::String(text)) => json!(text.trim_start()),
        ("trimEnd", Json::String(text)) => json!(text.trim_end()),
        ("keysToCamelCase", Json::Object(members)) => {
            Json::Object(members.iter().map(|(key, value)| (camel(key), value.clone())).collect())
        }
        ("keysToCamelCaseDeep", Json::Object(_)) => camel_deep(input),
        _ => return None,
    })
}

type One<'a> = &'a dyn Fn(&Node, &Json) -> Option<Json>;

fn slice(input: &Json, given: &[Node], one: One<'_>) -> Option<Json> {
    let symbols: Vec<Json> = match input {
        Json::Array(items) => items.clone(),
        Json::String(text) => text.chars().map(|symbol| json!(symbol.to_string())).collect(),
        _ => return None,
    };
    if given.len() > 2 {
        return None;
    }
    let bound = |index: usize, default: usize| {
        let at = given.get(index).and_then(|node| one(node, input)).and_then(|value| integer(value.as_number()?));
        match at.and_then(|at| i64::try_from(at).ok()) {
            Some(at) => usize::try_from(at.max(0)).expect("not negative").min(symbols.len()),
            None => default,
        }
    };
    let (start, end) = (bound(0, 0), bound(1, symbols.len()));
    let part = symbols.get(start..end).unwrap_or_default();
    Some(match input {
        Json::String(_) => json!(part.iter().filter_map(Json::as_str).collect::<String>()),
        _ => Json::Array(part.to_vec()),
    })
}

fn pair(name: &str, input: &Json, other: &Json) -> Option<Json> {
    Some(json!(match name {
        "eq" => same(input, other, true),
        "ne" => !same(input, other, true),
        "in" => other.as_array()?.iter().any(|item| same(item, input, true)),
        "contains" => input.as_array()?.iter().any(|item| same(item, other, true)),
        "get" => return get(input, other),
        _ => {
            let order = match (input, other) {
                (Json::Number(left), Json::Number(right)) => order(left, right),
                (Json::String(left), Json::String(right)) => left.as_bytes().cmp(right.as_bytes()),
                _ => return None,
            };
            match name {
                "gt" => order.is_gt(),
                "gte" => order.is_ge(),
                "lt" => order.is_lt(),
                _ => order.is_le(),
            }
        }
    }))
}

fn get(input: &Json, wanted: &Json) -> Option<Json> {
    let at = |len: usize| {
        let at = integer(wanted.as_number()?)?;
        usize::try_from(if at < 0 { at + i128::try_from(len).ok()? } else { at }).ok()
    };
    match input {
        Json::Array(items) => items.get(at(items.len())?).cloned(),
        Json::String(text) => Some(json!(text.chars().nth(at(text.chars().count())?)?.to_string())),
        Json::Object(members) => members.get(wanted.as_str()?).cloned(),
        _ => None,
    }
}

fn parse_int(input: &Json, given: &[Node], one: One<'_>) -> Option<Json> {
    let base = match given {
        [] => 10,
        [node] => integer(one(node, input)?.as_number()?).filter(|base| (2..=36).contains(base))?,
        _ => return None,
    };
    match input {
        Json::String(text) => {
            let base = u32::try_from(base).ok()?;
            i64::from_str_radix(text, base).ok().map(|value| json!(value))
        }
        Json::Number(number) if is_integer(number) => Some(input.clone()),
        Json::Number(number) => {
            let whole = number.as_str().parse::<f64>().ok()?.trunc();
            format!("{whole:.0}").parse::<i64>().ok().map(|value| json!(value))
        }
        _ => None,
    }
}

fn compute(name: &str, left: &Number, right: &Number) -> Option<Number> {
    if name != "div" && is_integer(left) && is_integer(right) {
        let (left, right) = (integer(left)?, integer(right)?);
        let result = match name {
            "add" => left.checked_add(right),
            "sub" => left.checked_sub(right),
            "mul" => left.checked_mul(right),
            _ => left.checked_rem(right),
        };
        return Some(i64::try_from(result?).ok()?.into());
    }
    let (left, right) = (left.as_str().parse::<f64>().ok()?, right.as_str().parse::<f64>().ok()?);
    let result = match name {
        "add" => left + right,
        "sub" => left - right,
        "mul" => left * right,
        "div" => left / right,
        _ => left % right,
    };
    Number::from_f64(result)
}

fn text(of: &Json) -> Option<String> {
    match of {
        Json::Null => Some(String::new()),
        Json::String(text) => Some(text.clone()),
        Json::Bool(_) | Json::Number(_) => Some(of.to_string()),
        Json::Array(_) | Json::Object(_) => None,
    }
}

fn camel(key: &str) -> String {
    let mut words: Vec<String> = Vec::new();
    let mut fresh = true;
    for symbol in key.chars() {
        if !symbol.is_alphanumeric() {
            fresh = true;
            continue;
        }
        let hump = symbol.is_uppercase()
            && words.last().and_then(|word| word.chars().last()).is_some_and(|last| !last.is_uppercase());
        if fresh || hump {
            words.push(String::new());
        }
        fresh = false;
        words.last_mut().expect("begun").push(symbol);
    }
    let capital = |word: &str| word[..1].to_uppercase() + &word[1..].to_lowercase();
    match words.split_first() {
        None => key.to_owned(),
        Some((first, rest)) => first.to_lowercase() + &rest.iter().map(|word| capital(word)).collect::<String>(),
    }
}

fn camel_deep(of: &Json) -> Json {
    match of {
        Json::Object(members) => {
            Json::Object(members.iter().map(|(key, value)| (camel(key), camel_deep(value))).collect())
        }
        Json::Array(items) => Json::Array(items.iter().map(camel_deep).collect()),
        other => other.clone(),
    }
}

fn is_integer(number: &Number) -> bool {
    number.as_str().bytes().all(|byte| byte == b'-' || byte.is_ascii_digit())
}

fn integer(number: &Number) -> Option<i128> {
    if is_integer(number) { number.as_str().parse().ok() } else { None }
}

/// Equal values; `by_value`: `7` is `7.0`.
pub fn same(left: &Json, right: &Json, by_value: bool) -> bool {
    match (left, right) {
        (Json::Number(left), Json::Number(right)) => {
            (by_value || is_integer(left) == is_integer(right)) && order(left, right).is_eq()
        }
        (Json::Array(left), Json::Array(right)) => {
            left.len() == right.len() && left.iter().zip(right).all(|(left, right)| same(left, right, by_value))
        }
        (Json::Object(left), Json::Object(right)) => {
            left.len() == right.len()
                && left.iter().all(|(key, left)| right.get(key).is_some_and(|right| same(left, right, by_value)))
        }
        _ => left == right,
    }
}

/// The order of two decimals, by writing both out in full. Exponents of the generator are small enough for that.
fn order(left: &Number, right: &Number) -> Ordering {
    let (left, right) = (written_out(left), written_out(right));
    let size = |a: &(bool, String, String), b: &(bool, String, String)| {
        a.1.len().cmp(&b.1.len()).then_with(|| a.1.cmp(&b.1)).then_with(|| a.2.cmp(&b.2))
    };
    let is_zero = |it: &(bool, String, String)| it.1.is_empty() && it.2.is_empty();
    match (left.0 && !is_zero(&left), right.0 && !is_zero(&right)) {
        (false, false) => size(&left, &right),
        (true, true) => size(&right, &left),
        (true, false) => Ordering::Less,
        (false, true) => Ordering::Greater,
    }
}

/// Sign, whole part without leading zeros, fraction without trailing zeros.
fn written_out(number: &Number) -> (bool, String, String) {
    let text = number.as_str();
    let is_negative = text.starts_with('-');
    let text = text.trim_start_matches('-');
    let (digits, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let exponent: i32 = exponent.parse().expect("a small exponent");
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let (mut whole, mut fraction) = (whole.to_owned(), fraction.to_owned());
    for _ in 0..exponent {
        whole.push(if fraction.is_empty() { '0' } else { fraction.remove(0) });
    }
    for _ in exponent..0 {
        fraction.insert(0, whole.pop().unwrap_or('0'));
    }
    (is_negative, whole.trim_start_matches('0').to_owned(), fraction.trim_end_matches('0').to_owned())
}
