//! What nobody should read of a request: names of values, and texts without those values.
//!
//! Nothing here is looked at until something goes wrong: then what stands under such a name in variables, literals and headers is
//! gathered, and taken out of all that is told of it. Not here: where such values are (`operation`), who marks names (`schema`).

use std::{borrow::Cow, collections::HashSet};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// All but what is unreserved. Source: RFC 3986, 2.3.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');
/// What stands in the place of a value.
const REDACTED: &str = "[redacted]";
/// A text that has so many values to look for in it that it is not told at all.
const UNTOLD: &str = "what was wrong is not shown: too much of the request is not to be read";
/// Most values that are looked for.
const SECRETS_MAX: usize = 200;
/// Longer ones are looked for as they are only.
const WRITTEN_MAX: usize = 4096;
/// Fewer letters can stand in any text by chance: they are found in quotes only.
const LETTERS_MIN: usize = 4;

/// Names by which values are not to be read, whatever the configuration says. They are found in longer ones: `newPassword`, `x-api-key`.
pub const NAMES: [&str; 10] = [
    "authorization",
    "cookie",
    "password",
    "passwd",
    "passphrase",
    "secret",
    "token",
    "api_key",
    "private_key",
    "credential",
];

/// Which names are those of values that nobody should read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Redact {
    /// Parts of names, in plain form.
    parts: Vec<String>,
    /// Whole names, in plain form.
    whole: HashSet<String>,
}

impl Default for Redact {
    fn default() -> Self {
        Self::new(&[])
    }
}

impl Redact {
    /// Those that are so anywhere ([`NAMES`]), and these.
    pub fn new(more: &[String]) -> Self {
        let parts = NAMES.into_iter().chain(more.iter().map(String::as_str)).map(plain);
        Self { parts: parts.filter(|part| !part.is_empty()).collect(), whole: HashSet::new() }
    }

    /// Whoever wrote the schema says so of this name.
    pub fn mark(&mut self, name: &str) {
        self.whole.insert(plain(name));
    }

    /// Whether what has this name is not to be read.
    pub fn is_meant(&self, name: &str) -> bool {
        let name = plain(name);
        self.whole.contains(&name) || self.parts.iter().any(|part| name.contains(part.as_str()))
    }
}

/// `X-Api-Key`, `api_key` and `apiKey` are one name.
fn plain(name: &str) -> String {
    name.chars().filter(|letter| !matches!(letter, '-' | '_')).flat_map(char::to_lowercase).collect()
}

/// Values that are not to be read.
#[derive(Debug, Default)]
pub struct Secrets {
    /// As they are and as they may be written, the longest first: a part of one may be another.
    written: Vec<String>,
    /// Those with too few letters to be found without quotes.
    short: Vec<String>,
    known: HashSet<String>,
}

impl Secrets {
    /// One more.
    pub fn add(&mut self, text: &str) {
        // One beyond the maximum says that there are too many.
        if text.is_empty() || self.known.len() > SECRETS_MAX || !self.known.insert(text.to_owned()) {
            return;
        }
        if text.chars().count() < LETTERS_MIN {
            self.short.push(text.to_owned());
            return;
        }
        self.write(text.to_owned());
        if text.len() > WRITTEN_MAX {
            return;
        }
        // As it stands in JSON or in GraphQL, in a URL, and in a form.
        let escaped = serde_json::Value::from(text).to_string();
        let encoded = utf8_percent_encode(text, RESERVED).to_string();
        let in_form = encoded.replace("%20", "+");
        for written in [escaped[1..escaped.len() - 1].to_owned(), encoded, in_form] {
            if written != text {
                self.write(written);
            }
        }
    }

    fn write(&mut self, text: String) {
        let at = self.written.partition_point(|other| other.len() >= text.len());
        self.written.insert(at, text);
    }

    /// Whether a text is one of them, and not one by chance.
    pub fn contains(&self, text: &str) -> bool {
        text.len() >= LETTERS_MIN && self.known.contains(text)
    }

    /// A text without them.
    pub fn hide<'t>(&self, text: &'t str) -> Cow<'t, str> {
        if self.known.len() > SECRETS_MAX {
            return UNTOLD.into();
        }
        let mut text = Cow::Borrowed(text);
        for secret in &self.written {
            take_out(&mut text, secret, REDACTED);
        }
        for secret in &self.short {
            for quote in ['`', '"', '\''] {
                take_out(&mut text, &format!("{quote}{secret}{quote}"), &format!("{quote}{REDACTED}{quote}"));
            }
        }
        text
    }
}

fn take_out(text: &mut Cow<'_, str>, secret: &str, instead: &str) {
    if text.contains(secret) {
        *text = Cow::Owned(text.replace(secret, instead));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_in_whatever_way_they_are_written() {
        let mut redact = Redact::new(&["IBAN".to_owned(), "-".to_owned()]);
        for name in
            ["password", "newPassword", "X-Api-Key", "apikey", "refresh_token", "Set-Cookie", "iban", "ibanOfUser"]
        {
            assert!(redact.is_meant(name), "{name}");
        }
        for name in ["name", "pass", "", "pin", "key", "author"] {
            assert!(!redact.is_meant(name), "{name}");
        }
        redact.mark("pin");
        assert!(redact.is_meant("PIN") && !redact.is_meant("pinned"), "what a schema marks is meant as a whole");
    }

    #[test]
    fn values_are_taken_out_however_they_are_written() {
        let mut secrets = Secrets::default();
        for secret in ["hunter2", "hunter2-and-more", "a \"b\"\\c", "7", "", "geheim/ü"] {
            secrets.add(secret);
        }
        for (text, expected) in [
            ("no `hunter2` there", "no `[redacted]` there"),
            ("hunter2-and-more hunter2", "[redacted] [redacted]"),
            (r#"{"x":"a \"b\"\\c"}"#, r#"{"x":"[redacted]"}"#),
            ("at /users/geheim%2F%C3%BC?x", "at /users/[redacted]?x"),
            ("`7` is not in 1 to 17", "`[redacted]` is not in 1 to 17"),
            ("nothing", "nothing"),
        ] {
            assert_eq!(secrets.hide(text), expected);
        }
        for number in 0..=SECRETS_MAX {
            secrets.add(&format!("secret {number}"));
        }
        assert_eq!(secrets.hide("anything"), UNTOLD);
    }
}
