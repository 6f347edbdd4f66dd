//! `${env.NAME}` and `${env.NAME:-default}`: the one place where values come from the environment.

use std::borrow::Cow;

const OPEN: &str = "${env.";

/// Looks up a variable; `None` when it is not set. The process's own environment, or a test's.
pub(super) type Lookup<'a> = &'a dyn Fn(&str) -> Option<String>;

/// A piece of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part<'a> {
    /// It says what it says.
    Text(&'a str),
    /// `${env.NAME}` or `${env.NAME:-default}`.
    Variable {
        /// Its name.
        name: &'a str,
        /// What is taken when it is not set or empty.
        default: Option<&'a str>,
    },
}

/// Takes a text apart. Errors: a name that is none, a `}` that is missing.
pub(super) fn parts(text: &str) -> Result<Vec<Part<'_>>, String> {
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some(start) = rest.find(OPEN) {
        if start > 0 {
            parts.push(Part::Text(&rest[..start]));
        }
        let inside = &rest[start + OPEN.len()..];
        let end = inside.find('}').ok_or_else(|| format!("`{OPEN}` without `}}`"))?;
        let (name, default) = match inside[..end].split_once(":-") {
            Some((name, default)) => (name, Some(default)),
            None => (&inside[..end], None),
        };
        if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
            return Err(format!("`{name}` is not the name of an environment variable"));
        }
        parts.push(Part::Variable { name, default });
        rest = &inside[end + 1..];
    }
    if !rest.is_empty() {
        parts.push(Part::Text(rest));
    }
    Ok(parts)
}

/// Expands every `${env.…}` of a text; every other `$` stays as it is. What was put in is not expanded again.
///
/// The default is taken when the variable is not set or empty, as in a shell, and goes up to the next `}`.
/// Errors: a variable that is not set and has no default, a name that is none, a `}` that is missing.
pub(super) fn expand<'a>(text: &'a str, lookup: Lookup<'_>) -> Result<Cow<'a, str>, String> {
    if !text.contains(OPEN) {
        return Ok(Cow::Borrowed(text));
    }
    let mut expanded = String::new();
    for part in parts(text)? {
        match part {
            Part::Text(text) => expanded.push_str(text),
            Part::Variable { name, default } => match (lookup(name), default) {
                (Some(value), None) => expanded.push_str(&value),
                (Some(value), Some(_)) if !value.is_empty() => expanded.push_str(&value),
                (_, Some(default)) => expanded.push_str(default),
                (None, None) => return Err(format!("the environment variable `{name}` is not set")),
            },
        }
    }
    Ok(Cow::Owned(expanded))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str) -> Result<String, String> {
        let lookup = |name: &str| match name {
            "A" => Some("one".to_owned()),
            "EMPTY" => Some(String::new()),
            "TRICKY" => Some("${env.A}".to_owned()),
            _ => None,
        };
        expand(text, &lookup).map(Cow::into_owned)
    }

    #[test]
    fn expands_names_and_defaults() {
        assert_eq!(check("plain").unwrap(), "plain");
        assert_eq!(check("<${env.A}> ${env.A}").unwrap(), "<one> one");
        assert_eq!(check("${env.B:-two}").unwrap(), "two");
        assert_eq!(check("${env.B:-}").unwrap(), "");
        assert_eq!(check("${env.A:-two}").unwrap(), "one");
        assert_eq!(check("${env.EMPTY}|${env.EMPTY:-x}").unwrap(), "|x");
    }

    #[test]
    fn leaves_other_dollars_alone() {
        assert_eq!(check("$A ${A} {$args.id} $${env.A}").unwrap(), "$A ${A} {$args.id} $one");
    }

    #[test]
    fn what_was_put_in_is_not_expanded_again() {
        assert_eq!(check("${env.TRICKY}").unwrap(), "${env.A}");
    }

    #[test]
    fn says_what_is_wrong() {
        assert_eq!(check("${env.B}").unwrap_err(), "the environment variable `B` is not set");
        assert_eq!(check("${env.A").unwrap_err(), "`${env.` without `}`");
        assert_eq!(check("${env.a b}").unwrap_err(), "`a b` is not the name of an environment variable");
    }
}
