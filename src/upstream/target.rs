//! The URL of a call: sent as it was rendered, or not at all.

use http::Uri;

/// Reads an absolute http or https URL. Errors: why it cannot be sent, without the URL.
///
/// Servers and what stands before them repair what they read: `..` climbs a level, `\` becomes `/`, spaces and quotes are
/// encoded. A repaired URL may name another resource than the schema's author or a check of the rendered text meant, so what
/// anybody could repair is refused (RFC 3986, 3.3 and 3.4; WHATWG URL, "path" and "query" percent-encode sets).
pub(super) fn read(text: &str) -> Result<Uri, String> {
    let (scheme, rest) = text.split_once("://").ok_or("the URL has no `://`")?;
    if !scheme.eq_ignore_ascii_case("http") && !scheme.eq_ignore_ascii_case("https") {
        return Err("the URL is neither http nor https".to_owned());
    }
    let (authority, tail) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    check_tail(tail)?;
    let uri = if authority.is_ascii() && tail.starts_with('/') {
        Uri::try_from(text)
    } else {
        // Without a path the request line has `/`; a name in another script goes out as DNS has it (RFC 5891).
        let slash = if tail.starts_with('/') { "" } else { "/" };
        Uri::try_from(format!("{scheme}://{}{slash}{tail}", in_ascii(authority)?))
    };
    let uri = uri.map_err(|error| error.to_string())?;
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let port = host.rsplit_once(':').map_or("", |(_, port)| port);
    if uri.port_u16().is_none() && !port.is_empty() && !port.ends_with(']') {
        return Err("the URL has a port that is none".to_owned());
    }
    Ok(uri)
}

/// Errors: a path or query that could be read in two ways.
fn check_tail(tail: &str) -> Result<(), String> {
    if tail.contains('#') {
        return Err("the URL has a fragment".to_owned());
    }
    let (path, query) = tail.split_once('?').unwrap_or((tail, ""));
    let is_plain = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'<' | b'>');
    let in_path = |byte: u8| is_plain(byte) && !matches!(byte, b'`' | b'{' | b'}' | b'\\');
    if !path.bytes().all(in_path) || !query.bytes().all(is_plain) || path.split('/').any(climbs) {
        return Err("the path or query has a segment `.` or `..` or a character that must be encoded".to_owned());
    }
    Ok(())
}

/// Whether a segment is `.` or `..`, each dot written plainly or as `%2e`.
fn climbs(segment: &str) -> bool {
    // Most segments are told by their first byte.
    segment.starts_with(['.', '%']) && matches!(segment.to_ascii_lowercase().replace("%2e", ".").as_str(), "." | "..")
}

fn in_ascii(authority: &str) -> Result<String, String> {
    if authority.is_ascii() {
        return Ok(authority.to_owned());
    }
    let (user, host) = authority.rsplit_once('@').map_or((None, authority), |(user, host)| (Some(user), host));
    let (name, port) = host.rsplit_once(':').map_or((host, None), |(name, port)| (name, Some(port)));
    let name = url::Host::parse(name).map_err(|error| error.to_string())?;
    let user = user.map(|user| format!("{user}@")).unwrap_or_default();
    let port = port.map(|port| format!(":{port}")).unwrap_or_default();
    Ok(format!("{user}{name}{port}"))
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
            "http://[::1]/x",
            "http://a/x?it's",
            "http://a:/x",
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
            "http://a/x?q=a b",
            "http://a/é",
            "http://a/x ",
            "http://a/x\n",
            "http://a/x#part",
            "http://a/x?<",
            "http://a/{x}",
            "http://a:99999/x",
            "http://a b/x",
            "http:///",
        ] {
            assert!(read(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_name_goes_out_as_dns_has_it() {
        let of = |text| read(text).unwrap().to_string();
        assert_eq!(of("http://b\u{fc}cher.example:81/x"), "http://xn--bcher-kva.example:81/x");
        assert_eq!(of("http://a?x=1"), "http://a/?x=1");
        assert_eq!(of("http://a"), "http://a/");
    }
}
