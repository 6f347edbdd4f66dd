//! Names: words taken apart and put together in GraphQL's style, and names that are given once.

use std::collections::{HashMap, HashSet};

/// Longest name that is made; longer ones are cut.
const NAME_MAX: usize = 120;

/// Most words of one name.
const WORDS_MAX: usize = 24;

/// The words of a name, in lower case: `HTMLUrl`, `html_url` and `html-url` are `html`, `url`.
pub(super) fn words(text: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut word = String::new();
    let chars: Vec<char> = text.chars().take(4 * NAME_MAX).collect();
    let mut end = |word: &mut String| {
        if !word.is_empty() && words.len() < WORDS_MAX {
            words.push(std::mem::take(word));
        }
    };
    for (at, char) in chars.iter().enumerate() {
        if !char.is_ascii_alphanumeric() {
            end(&mut word);
            continue;
        }
        if char.is_ascii_uppercase() {
            let before = at.checked_sub(1).map(|before| chars[before]);
            let after = chars.get(at + 1);
            let begins = before.is_some_and(|before| before.is_ascii_lowercase() || before.is_ascii_digit());
            // The last capital of `HTMLUrl` begins a word; the plural of `IDs` does not.
            let ends_capitals = before.is_some_and(|before| before.is_ascii_uppercase())
                && after.is_some_and(char::is_ascii_lowercase)
                && !(after == Some(&'s') && chars.get(at + 2).is_none_or(|next| !next.is_ascii_lowercase()));
            if begins || ends_capitals {
                end(&mut word);
            }
        }
        word.push(char.to_ascii_lowercase());
    }
    end(&mut word);
    words
}

/// `userId`. `None` when nothing is left that a name could be made of.
pub(super) fn camel(words: &[String]) -> Option<String> {
    let mut out = String::new();
    for word in words {
        if out.is_empty() {
            out.push_str(word);
        } else {
            capital(word, &mut out);
        }
    }
    legal(out)
}

/// `UserId`. `None` when nothing is left that a name could be made of.
pub(super) fn pascal(words: &[String]) -> Option<String> {
    let mut out = String::new();
    for word in words {
        capital(word, &mut out);
    }
    legal(out)
}

/// `USER_ID`. `None` when nothing is left that a name could be made of.
pub(super) fn screaming(words: &[String]) -> Option<String> {
    legal(words.join("_").to_ascii_uppercase())
}

fn capital(word: &str, out: &mut String) {
    // `2` after `1` has to stay apart from `12`.
    if out.ends_with(|char: char| char.is_ascii_digit()) && word.starts_with(|char: char| char.is_ascii_digit()) {
        out.push('_');
    }
    let mut chars = word.chars();
    out.extend(chars.next().map(|first| first.to_ascii_uppercase()));
    out.extend(chars);
}

fn legal(mut name: String) -> Option<String> {
    name.truncate(NAME_MAX);
    if name.is_empty() {
        return None;
    }
    if name.starts_with(|char: char| char.is_ascii_digit()) {
        name.insert(0, '_');
    }
    Some(name)
}

/// Whether a text is a name in GraphQL, and not one that GraphQL keeps for itself.
pub(super) fn is_name(text: &str) -> bool {
    text.len() <= NAME_MAX
        && !text.starts_with("__")
        && text.starts_with(|char: char| char.is_ascii_alphabetic() || char == '_')
        && text.chars().all(|char| char.is_ascii_alphanumeric() || char == '_')
}

/// Whether a text is already written as a field is in GraphQL.
pub(super) fn is_camel(text: &str) -> bool {
    is_name(text) && text.starts_with(|char: char| char.is_ascii_lowercase()) && !text.contains('_')
}

/// The name of a field: as it is when it is in style, else put in style.
pub(super) fn field_name(text: &str) -> String {
    if is_camel(text) {
        return text.to_owned();
    }
    // A sign in front of a number carries the meaning: `+1` and `-1` of reactions.
    let spelled = match text.as_bytes() {
        [b'+', rest @ ..] if rest.first().is_some_and(u8::is_ascii_digit) => format!("plus {}", &text[1..]),
        [b'-', rest @ ..] if rest.first().is_some_and(u8::is_ascii_digit) => format!("minus {}", &text[1..]),
        _ => text.to_owned(),
    };
    camel(&words(&spelled)).unwrap_or_else(|| "value".to_owned())
}

/// The name of a type.
pub(super) fn type_name(text: &str) -> String {
    if is_name(text) && text.starts_with(|char: char| char.is_ascii_uppercase()) && !text.contains('_') {
        return text.to_owned();
    }
    pascal(&words(text)).unwrap_or_else(|| "Value".to_owned())
}

/// Words that look like plurals and are none, or are both.
const UNCOUNTED: [&str; 22] = [
    "access",
    "address",
    "analysis",
    "analytics",
    "aws",
    "basis",
    "canvas",
    "chassis",
    "dns",
    "https",
    "kubernetes",
    "metadata",
    "news",
    "os",
    "previous",
    "process",
    "progress",
    "series",
    "sms",
    "status",
    "tls",
    "windows",
];

/// Words in -us that are one: `menus` and `skus` are several.
const LATIN: [&str; 14] = [
    "status",
    "virus",
    "bus",
    "campus",
    "bonus",
    "census",
    "corpus",
    "focus",
    "nexus",
    "radius",
    "surplus",
    "apparatus",
    "plus",
    "us",
];

/// One of them: `categories` is `category`. A word that is no plural stays.
pub(super) fn singular(word: &str) -> String {
    let irregular = [
        ("people", "person"),
        ("children", "child"),
        ("indices", "index"),
        ("vertices", "vertex"),
        ("movies", "movie"),
    ];
    if let Some((_, one)) = irregular.iter().find(|(many, _)| *many == word) {
        return (*one).to_owned();
    }
    if word.len() < 3 || UNCOUNTED.contains(&word) || !word.ends_with('s') {
        return word.to_owned();
    }
    if word.ends_with("ss")
        || word.ends_with("is")
        || LATIN.iter().any(|latin| word.ends_with(latin) && (latin.len() > 2 || word == *latin))
    {
        return word.to_owned();
    }
    if let Some(stem) = word.strip_suffix("ies").filter(|stem| stem.len() > 1) {
        return format!("{stem}y");
    }
    for ending in ["sses", "shes", "ches", "xes", "zzes", "uses"] {
        if word.ends_with(ending) && word != "caches" && word != "uses" && !word.ends_with("auses") {
            return word[..word.len() - 2].to_owned();
        }
    }
    word[..word.len() - 1].to_owned()
}

/// The words with the last one as one of them.
pub(super) fn singular_words(words: &[String]) -> Vec<String> {
    let mut words = words.to_vec();
    if let Some(last) = words.last_mut() {
        *last = singular(last);
    }
    words
}

/// Names of one scope, each given once.
#[derive(Debug, Default)]
pub(super) struct Names {
    given: HashSet<String>,
    /// For names that were wanted again, the last number behind them.
    numbers: HashMap<String, u32>,
}

impl Names {
    /// A scope in which these are taken.
    pub(super) fn with(taken: &[&str]) -> Self {
        Self { given: taken.iter().map(|name| (*name).to_owned()).collect(), numbers: HashMap::new() }
    }

    /// Takes exactly this name; whether it was free.
    pub(super) fn take(&mut self, name: &str) -> bool {
        self.given.insert(name.to_owned())
    }

    /// Whether the name is free.
    pub(super) fn is_free(&self, name: &str) -> bool {
        !self.given.contains(name)
    }

    /// The first of the names that is free, else the first with a number behind it.
    pub(super) fn give(&mut self, wanted: &[String]) -> String {
        if let Some(free) = wanted.iter().find(|name| self.is_free(name)) {
            self.take(free);
            return free.clone();
        }
        let base = wanted.first().map_or("value", String::as_str);
        // `v2` with a number behind would read as `v22`.
        let gap = if base.ends_with(|char: char| char.is_ascii_digit()) { "_" } else { "" };
        loop {
            let number = self.numbers.entry(base.to_owned()).or_insert(1);
            *number += 1;
            let name = format!("{base}{gap}{number}");
            if self.take(&name) {
                return name;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_come_in_style() {
        for (given, field, ty) in [
            ("user_id", "userId", "UserId"),
            ("HTMLUrl", "htmlUrl", "HTMLUrl"),
            ("imageURL", "imageURL", "ImageUrl"),
            ("x-rate-limit", "xRateLimit", "XRateLimit"),
            ("+1", "plus1", "_1"),
            ("3ds", "_3ds", "_3ds"),
            ("io.k8s.api.v1.Pod", "ioK8sApiV1Pod", "IoK8sApiV1Pod"),
            ("ürün", "rN", "RN"),
            ("__typename", "typename", "Typename"),
            ("§§", "value", "Value"),
            ("userIDs", "userIDs", "UserIds"),
        ] {
            assert_eq!((field_name(given).as_str(), type_name(given).as_str()), (field, ty), "{given}");
        }
        assert_eq!(screaming(&words("in-progress")).as_deref(), Some("IN_PROGRESS"));
        assert_eq!(type_name("v1_2"), "V1_2");
    }

    #[test]
    fn one_of_many() {
        for (many, one) in [
            ("categories", "category"),
            ("boxes", "box"),
            ("addresses", "address"),
            ("statuses", "status"),
            ("status", "status"),
            ("databases", "database"),
            ("licenses", "license"),
            ("branches", "branch"),
            ("people", "person"),
            ("news", "news"),
            ("ids", "id"),
            ("skus", "sku"),
            ("bonus", "bonus"),
            ("s", "s"),
            ("data", "data"),
            ("ties", "tie"),
            ("causes", "cause"),
        ] {
            assert_eq!(singular(many), one, "{many}");
        }
    }

    #[test]
    fn a_name_is_given_once() {
        let mut names = Names::with(&["Query"]);
        assert_eq!(names.give(&["Query".into()]), "Query2");
        assert_eq!(names.give(&["Query".into(), "Root".into()]), "Root");
        assert_eq!(names.give(&["V2".into()]), "V2");
        assert_eq!(names.give(&["V2".into()]), "V2_2");
    }
}
