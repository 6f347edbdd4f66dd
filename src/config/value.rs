//! Texts with a meaning: durations, sizes, addresses; and values that are not printed.

use std::{borrow::Cow, fmt, marker::PhantomData, net::SocketAddr, ops::Deref, ops::Range, time::Duration};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, de};
use serde_saphyr::Spanned;

/// A value of the file that is passed on as it is.
pub use serde_json::Value as Json;

/// A value that may hold secrets: it prints as `***`.
#[derive(Clone, PartialEq, Eq, Hash, Default)]
pub struct Hidden<T>(pub T);

impl<T> fmt::Debug for Hidden<T> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("***")
    }
}

impl<T> Deref for Hidden<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

/// What a text of the file can mean.
pub(super) trait Meaning: Sized {
    /// Name in the JSON Schema.
    const NAME: &'static str;

    /// Reads the text, `${env.…}` already expanded. Errors: what is expected, to follow ``found `x`, ``.
    fn read(text: &str) -> Result<Self, String>;

    /// Its JSON Schema.
    fn schema() -> Schema;
}

/// A scalar of the file, as written, with its place; [`Meaning::read`] is called by `interpret`.
#[derive(Debug, Clone)]
pub(super) struct Given<T> {
    pub(super) text: String,
    pub(super) span: Range<usize>,
    meaning: PhantomData<T>,
}

impl<T> Given<T> {
    pub(super) fn new(text: String, span: Range<usize>) -> Self {
        Self { text, span, meaning: PhantomData }
    }
}

impl<'de, T> Deserialize<'de> for Given<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let scalar = Spanned::<Scalar>::deserialize(deserializer)?;
        let span = range(&scalar);
        Ok(Self::new(scalar.value.0, span))
    }
}

impl<T: Meaning> JsonSchema for Given<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        T::NAME.into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        T::schema()
    }
}

/// The bytes that a value covers.
pub(super) fn range<T>(spanned: &Spanned<T>) -> Range<usize> {
    let span = spanned.referenced.span();
    let offset = |number: Option<u64>| number.and_then(|number| usize::try_from(number).ok()).unwrap_or(0);
    let start = offset(span.byte_offset());
    start..start + offset(span.byte_len())
}

/// A text, or a mapping with more.
pub(super) enum TextOr<T> {
    Text(String),
    More(T),
}

/// A mapping in whose place a text may stand.
pub(super) trait OrText {
    /// What is expected, to follow `expected`.
    const EXPECTED: &'static str;
}

/// Told apart by the first event rather than by trying both, so that errors inside keep their place.
impl<'de, T: Deserialize<'de> + OrText> Deserialize<'de> for TextOr<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de> + OrText> de::Visitor<'de> for Visitor<T> {
            type Value = TextOr<T>;

            fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str(T::EXPECTED)
            }

            fn visit_str<E>(self, text: &str) -> Result<TextOr<T>, E> {
                Ok(TextOr::Text(text.to_owned()))
            }

            fn visit_map<A: de::MapAccess<'de>>(self, map: A) -> Result<TextOr<T>, A::Error> {
                T::deserialize(de::value::MapAccessDeserializer::new(map)).map(TextOr::More)
            }
        }

        deserializer.deserialize_any(Visitor(PhantomData))
    }
}

/// The text of any scalar but null.
struct Scalar(String);

impl<'de> Deserialize<'de> for Scalar {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;

        impl de::Visitor<'_> for Visitor {
            type Value = Scalar;

            fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str("a text, a number, `true` or `false`")
            }

            fn visit_str<E>(self, text: &str) -> Result<Scalar, E> {
                Ok(Scalar(text.to_owned()))
            }

            fn visit_bool<E>(self, value: bool) -> Result<Scalar, E> {
                Ok(Scalar(value.to_string()))
            }

            fn visit_i64<E>(self, value: i64) -> Result<Scalar, E> {
                Ok(Scalar(value.to_string()))
            }

            fn visit_u64<E>(self, value: u64) -> Result<Scalar, E> {
                Ok(Scalar(value.to_string()))
            }

            fn visit_f64<E>(self, value: f64) -> Result<Scalar, E> {
                Ok(Scalar(value.to_string()))
            }
        }

        deserializer.deserialize_any(Visitor)
    }
}

impl Meaning for String {
    const NAME: &'static str = "Text";

    fn read(text: &str) -> Result<Self, String> {
        Ok(text.to_owned())
    }

    fn schema() -> Schema {
        json_schema!({ "type": "string" })
    }
}

impl Meaning for bool {
    const NAME: &'static str = "Switch";

    fn read(text: &str) -> Result<Self, String> {
        match text {
            "true" => Ok(true),
            "false" => Ok(false),
            _ => Err("expected `true` or `false`".to_owned()),
        }
    }

    fn schema() -> Schema {
        json_schema!({ "anyOf": [{ "type": "boolean" }, { "type": "string", "pattern": "\\$\\{env\\." }] })
    }
}

/// A positive number of something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Count(pub(super) usize);

impl Meaning for Count {
    const NAME: &'static str = "Count";

    fn read(text: &str) -> Result<Self, String> {
        match text.parse() {
            // Semaphores hold less than all of `usize`; nobody means more than this.
            Ok(count @ 1..=1_000_000_000) => Ok(Self(count)),
            _ => Err("expected a whole number from 1 to 1000000000".to_owned()),
        }
    }

    fn schema() -> Schema {
        json_schema!({ "anyOf": [
            { "type": "integer", "minimum": 1, "maximum": 1_000_000_000 },
            { "type": "string", "pattern": "\\$\\{env\\." }
        ] })
    }
}

impl Meaning for Duration {
    const NAME: &'static str = "Duration";

    fn read(text: &str) -> Result<Self, String> {
        let expected = || "expected a duration such as `250ms`, `5s`, `1m` or `2h`".to_owned();
        let (number, unit) = split(text).ok_or_else(expected)?;
        let seconds = match unit {
            "ms" => number / 1e3,
            "s" => number,
            "m" => number * 60.0,
            "h" => number * 3600.0,
            _ => return Err(expected()),
        };
        if !(0.001..=86_400.0).contains(&seconds) {
            return Err("expected a duration from `1ms` to `24h`".to_owned());
        }
        // Rounded to whole nanoseconds by the library; 0.25s is 250ms exactly.
        Ok(Self::from_secs_f64(seconds))
    }

    fn schema() -> Schema {
        json_schema!({ "type": "string", "pattern": r"^[0-9]+(\.[0-9]+)?\s*(ms|s|m|h)$|\$\{env\.", "examples": ["250ms", "5s", "1m"] })
    }
}

/// How long something may be used; zero is never.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Lifetime(pub(super) Duration);

impl Meaning for Lifetime {
    const NAME: &'static str = "Lifetime";

    fn read(text: &str) -> Result<Self, String> {
        let expected = || "expected a time such as `0s`, `30s`, `10m`, `6h` or `7d`".to_owned();
        let (number, unit) = split(text).ok_or_else(expected)?;
        let seconds = match unit {
            "ms" => number / 1e3,
            "s" => number,
            "m" => number * 60.0,
            "h" => number * 3600.0,
            "d" => number * 86_400.0,
            _ => return Err(expected()),
        };
        if !(0.0..=86_400.0 * 366.0).contains(&seconds) {
            return Err("expected a time from `0s` to `366d`".to_owned());
        }
        Ok(Self(Duration::from_secs_f64(seconds)))
    }

    fn schema() -> Schema {
        json_schema!({ "type": "string", "pattern": r"^[0-9]+(\.[0-9]+)?\s*(ms|s|m|h|d)$|\$\{env\.", "examples": ["0s", "30s", "7d"] })
    }
}

/// A number of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Size(pub(super) usize);

impl Meaning for Size {
    const NAME: &'static str = "Size";

    fn read(text: &str) -> Result<Self, String> {
        let expected = || "expected a size such as `64KiB`, `2MiB`, `1GiB` or `500kB`".to_owned();
        let (number, unit) = split(text).ok_or_else(expected)?;
        let factor = match unit {
            "B" => 1.0,
            "kB" | "KB" => 1e3,
            "MB" => 1e6,
            "GB" => 1e9,
            "KiB" => 1024.0,
            "MiB" => 1_048_576.0,
            "GiB" => 1_073_741_824.0,
            _ => return Err(expected()),
        };
        let bytes = (number * factor).round();
        if !(1.0..=68_719_476_736.0).contains(&bytes) {
            return Err("expected a size from `1B` to `64GiB`".to_owned());
        }
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked to be within 1 and 2^36")]
        Ok(Self(bytes as usize))
    }

    fn schema() -> Schema {
        json_schema!({ "type": "string", "pattern": r"^[0-9]+(\.[0-9]+)?\s*(B|[kKMG]B|[KMG]iB)$|\$\{env\.", "examples": ["64KiB", "2MiB"] })
    }
}

impl Meaning for SocketAddr {
    const NAME: &'static str = "Address";

    fn read(text: &str) -> Result<Self, String> {
        let numeric = text.strip_prefix("localhost:").map(|port| format!("127.0.0.1:{port}"));
        let numeric = numeric.as_deref().unwrap_or(text);
        numeric.parse().map_err(|_| "expected an address and a port such as `127.0.0.1:4000` or `[::]:4000`".to_owned())
    }

    fn schema() -> Schema {
        json_schema!({ "type": "string", "examples": ["127.0.0.1:4000", "0.0.0.0:4000", "[::]:4000"] })
    }
}

/// An absolute URL of HTTP.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct HttpUrl(pub(super) String);

impl Meaning for HttpUrl {
    const NAME: &'static str = "Url";

    fn read(text: &str) -> Result<Self, String> {
        let is_http = |url: &url::Url| ["http", "https"].contains(&url.scheme()) && url.has_host();
        if url::Url::parse(text).is_ok_and(|url| is_http(&url)) {
            return Ok(Self(text.to_owned()));
        }
        Err("expected an absolute URL such as `http://localhost:4318`".to_owned())
    }

    fn schema() -> Schema {
        json_schema!({ "type": "string", "pattern": r"^https?://|\$\{env\.", "examples": ["http://localhost:4318"] })
    }
}

/// A part of a whole, from 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Share(pub(super) f64);

impl Meaning for Share {
    const NAME: &'static str = "Share";

    fn read(text: &str) -> Result<Self, String> {
        match text.parse() {
            Ok(share) if (0.0..=1.0).contains(&share) => Ok(Self(share)),
            _ => Err("expected a number from 0 to 1 such as `0.05`".to_owned()),
        }
    }

    fn schema() -> Schema {
        json_schema!({ "anyOf": [
            { "type": "number", "minimum": 0, "maximum": 1 },
            { "type": "string", "pattern": "\\$\\{env\\." }
        ] })
    }
}

/// Splits `1.5MiB` into number and unit; spaces between them do not matter.
fn split(text: &str) -> Option<(f64, &str)> {
    let end = text.find(|letter: char| !letter.is_ascii_digit() && letter != '.').unwrap_or(text.len());
    let number = &text[..end];
    // `.5`, `5.` and `1.2.3` are more often typing errors than meant.
    let well_formed = number.starts_with(|digit: char| digit.is_ascii_digit()) && !number.ends_with('.');
    Some((number.parse().ok().filter(|_| well_formed)?, text[end..].trim_start()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        for (text, milliseconds) in [("250ms", 250), ("5s", 5_000), ("0.25s", 250), ("1m", 60_000), ("2 h", 7_200_000)]
        {
            assert_eq!(Duration::read(text), Ok(Duration::from_millis(milliseconds)), "{text}");
        }
        for text in ["", "5", "s", "5 seconds", "-5s", ".5s", "5.s", "0s", "25h", "1e3s", "NaNs", "5S"] {
            assert!(Duration::read(text).is_err(), "{text}");
        }
    }

    #[test]
    fn lifetimes() {
        for (text, seconds) in [("0s", 0), ("30s", 30), ("10m", 600), ("366d", 31_622_400)] {
            assert_eq!(Lifetime::read(text), Ok(Lifetime(Duration::from_secs(seconds))), "{text}");
        }
        for text in ["", "0", "-1s", "367d", "1w"] {
            assert!(Lifetime::read(text).is_err(), "{text}");
        }
    }

    #[test]
    fn sizes() {
        for (text, bytes) in
            [("1B", 1), ("64KiB", 65_536), ("500kB", 500_000), ("2MiB", 2_097_152), ("1.5 MiB", 1_572_864)]
        {
            assert_eq!(Size::read(text), Ok(Size(bytes)), "{text}");
        }
        for text in ["", "5", "0B", "-1B", "2mib", "100GiB", "99999999999999999999GiB"] {
            assert!(Size::read(text).is_err(), "{text}");
        }
    }

    #[test]
    fn addresses_and_counts() {
        assert_eq!(SocketAddr::read("localhost:80"), Ok(SocketAddr::from(([127, 0, 0, 1], 80))));
        assert!(SocketAddr::read("[::]:4000").is_ok());
        assert!(SocketAddr::read("4000").is_err());
        assert_eq!(Count::read("7"), Ok(Count(7)));
        assert!(Count::read("0").is_err());
        assert!(Count::read("1.5").is_err());
    }

    #[test]
    fn hidden_values_are_not_printed() {
        assert_eq!(format!("{:?}", Hidden("s3cret")), "***");
    }
}
