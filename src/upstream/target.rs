//! The URL of a call: sent as it was rendered, or not at all.

use url::{Position, Url};

/// Reads an absolute http or https URL. Errors: why it cannot be sent, without the URL.
///
/// URL parsers repair what they read: `..` climbs a level, `\` becomes `/`, `'` in a query is encoded. A repaired URL
/// may name another resource than the schema's author or a check of the rendered text meant, so it is refused.
pub(super) fn read(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|error| error.to_string())?;
    if !["http", "https"].contains(&url.scheme()) {
        return Err("the URL is neither http nor https".to_owned());
    }
    let (_, rest) = text.split_once("://").ok_or("the URL has no `://`")?;
    let tail = &rest[rest.find(['/', '?', '#']).unwrap_or(rest.len())..];
    let understood = &url[Position::BeforePath..];
    // Without a path the request line has `/`.
    let same = if tail.starts_with('/') { understood == tail } else { understood.strip_prefix('/') == Some(tail) };
    match () {
        () if tail.contains('#') => Err("the URL has a fragment".to_owned()),
        () if same => Ok(url),
        () => Err("the path or query has a segment `.` or `..` or a character that must be encoded".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stays_as_it_is_passes() {
        for text in [
            "http://a",
            "http://a?x=1",
            "http://A.example:80/x",
            "https://user:pass@a/x",
            "http://127.0.0.1:5001/v1/a//b/?q=a+b&c=%2F%20&d=[1]{}|",
            "http://a/x/...;=,:@!$&'()*~-_.%2F%41%zz",
            "http://[::1]:8080/x",
        ] {
            assert!(read(text).is_ok(), "{text}: {:?}", read(text));
        }
    }

    #[test]
    fn what_would_be_changed_is_refused() {
        for text in [
            "",
            "/x",
            "a/x",
            "ftp://a/x",
            "file:///etc/passwd",
            "http:///x",
            "http:a/x",
            "http://a/x/../y",
            "http://a/x/%2e%2E/y",
            "http://a/./y",
            "http://a/x/..",
            "http://a\\x",
            "http://a/x\\y",
            "http://a/x?it's",
            "http://a/x?q=a b",
            "http://a/é",
            "http://a/x ",
            "http://a/x\n",
            "http://a/x#part",
            "http://a/x?<",
        ] {
            assert!(read(text).is_err(), "{text}");
        }
    }
}
