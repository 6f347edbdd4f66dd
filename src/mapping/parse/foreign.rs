//! What to write here for signs that other languages have.

/// Signs and what to write instead; longer ones first.
const SIGNS: [(&str, &str); 18] = [
    ("=>", "an argument is evaluated for each element, which is `@`: write `->map(@.name)`"),
    ("==", "write `a->eq(b)`"),
    ("=", "write `name: value` to name a value, `a->eq(b)` to compare two"),
    ("!=", "write `a->ne(b)`"),
    ("!", "write `a->not`"),
    ("&&", "write `a->and(b)`"),
    ("||", "write `$(a ?? b)` for the first that is there, `a->or(b)` for booleans"),
    ("|", "write `$(a ?? b)` for the first that is there"),
    ("<=", "write `a->lte(b)`"),
    ("<", "write `a->lt(b)`"),
    (">=", "write `a->gte(b)`"),
    (">", "write `a->gt(b)`"),
    ("+", "write `a->add(b)` for numbers, `$([a, b])->joinNotNull(' ')` for texts"),
    ("-", "write `a->sub(b)`, and `$.'a-b'` for a name with a dash"),
    ("/", "write `a->div(b)`"),
    ("%", "write `a->mod(b)`"),
    ("`", "texts stand between single or double quotes"),
    (";", "nothing stands between selections but white space"),
];

/// Help for an error at `at`, from what stands there and before it; `None` when nothing is recognized.
pub(super) fn help(text: &str, at: usize, message: &str) -> Option<&'static str> {
    let (before, rest) = (text.get(..at)?.trim_end(), text.get(at..)?);
    let follows_word =
        before.ends_with(|c: char| c.is_alphanumeric() || matches!(c, '_' | '"' | '\'' | ')' | ']' | '@'));
    match rest.chars().next()? {
        '[' if follows_word => Some("write `->get(0)` for an element, `->first` and `->last` for those at the ends"),
        '[' => Some("a list stands inside `$( )` before v0.4: `$([a, b])`"),
        '(' if follows_word => {
            Some("methods are called with an arrow: `value->method(…)`; fields take no arguments here")
        }
        '(' => Some("write `$( … )`"),
        '*' if follows_word => Some("write `a->mul(b)`"),
        '*' => Some("name each field that is wanted"),
        '{' if before.is_empty() && rest[1..].trim_start().starts_with('$') => {
            Some("one brace is enough: `{$args.name}`")
        }
        '{' if before.is_empty() => Some("before v0.4 write the names without braces around all of them: `a b { c }`"),
        _ if message.starts_with("expected `]`") || message.starts_with("expected `)`") => {
            let is_value = |c: char| c.is_alphanumeric() || "_\"'$@{".contains(c);
            let sign = SIGNS.iter().find(|(sign, _)| rest.starts_with(sign)).map(|(_, help)| *help);
            sign.or_else(|| rest.starts_with(is_value).then_some("a comma stands between two values"))
        }
        _ => SIGNS.iter().find(|(sign, _)| rest.starts_with(sign)).map(|(_, help)| *help),
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Version, parse};

    #[test]
    fn signs_of_other_languages_are_told() {
        for (text, wanted) in [
            ("a: b + c", "->add"),
            ("a: b[0]", "->get(0)"),
            ("a: $(b || c)", "??"),
            ("a: b->filter(@.c == 1)", "->eq"),
            ("a: b->map(x => x.id)", "`@`"),
            ("a: b.first()", "arrow"),
            ("a: (b)", "$( … )"),
            ("*", "name each field"),
            ("{$args.id}", "one brace"),
            ("{ \"id\": \"id\" }", "without braces"),
            ("a: b->match([1 2])", "comma"),
            ("a: $(!b)", "->not"),
            ("a: [b]", "$([a, b])"),
            ("a; b", "white space"),
        ] {
            let error = parse(text, Version::V0_3).expect_err(text);
            assert!(error.help.as_deref().is_some_and(|help| help.contains(wanted)), "{text}: {error:?}");
        }
    }
}
