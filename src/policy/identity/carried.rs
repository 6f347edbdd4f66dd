//! Where a request carries its credentials.

use http::{HeaderMap, HeaderName, header};

use super::fault::Fault;

/// The token of a request: from the header, else from the cookie. `None`: it carries none.
pub(super) fn token<'h>(
    headers: &'h HeaderMap,
    name: &HeaderName,
    cookie: Option<&str>,
) -> Result<Option<&'h str>, Fault> {
    let mut values = headers.get_all(name).iter();
    if let Some(value) = values.next() {
        if values.next().is_some() {
            return Err(Fault::Several);
        }
        let text = value.to_str().map_err(|_| Fault::Malformed)?.trim();
        let bearer = text.split_once(' ').filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
        return match bearer {
            Some((_, token)) => Ok(Some(token.trim_start())),
            // A header of one's own may hold the token alone.
            None if *name != header::AUTHORIZATION && !text.contains(' ') => Ok(Some(text)),
            None => Err(Fault::Scheme),
        };
    }
    let Some(cookie) = cookie else { return Ok(None) };
    let pairs = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let pairs = pairs.flat_map(|value| value.split(';')).filter_map(|pair| pair.trim().split_once('='));
    let mut tokens = pairs.filter(|(name, _)| *name == cookie).map(|(_, token)| token.trim_matches('"'));
    match (tokens.next(), tokens.next()) {
        // Two of one name come from different paths or domains: which one counts would be for an attacker to say.
        (Some(_), Some(_)) => Err(Fault::Several),
        (token, _) => Ok(token),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(name: &'static str, headers: &[(&'static str, &'static str)]) -> Result<Option<String>, Fault> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, value.parse().unwrap());
        }
        token(&map, &HeaderName::from_static(name), Some("session")).map(|token| token.map(str::to_owned))
    }

    #[test]
    fn a_token_is_found_where_it_may_be() {
        let found = |text: &str| Ok(Some(text.to_owned()));
        assert_eq!(of("authorization", &[("authorization", "Bearer abc")]), found("abc"));
        assert_eq!(of("authorization", &[("authorization", "bearer  abc ")]), found("abc"));
        assert_eq!(of("authorization", &[("authorization", "Bearer ")]), Err(Fault::Scheme));
        assert_eq!(of("authorization", &[("authorization", "abc")]), Err(Fault::Scheme));
        assert_eq!(of("authorization", &[("authorization", "Basic abc")]), Err(Fault::Scheme));
        let twice = [("authorization", "Bearer a"), ("authorization", "Bearer b")];
        assert_eq!(of("authorization", &twice), Err(Fault::Several));
        assert_eq!(of("x-token", &[("x-token", "abc")]), found("abc"));
        assert_eq!(of("x-token", &[("x-token", "Bearer abc")]), found("abc"));
        assert_eq!(of("x-token", &[("x-token", "Basic abc")]), Err(Fault::Scheme));
        assert_eq!(of("authorization", &[("cookie", "a=b; session=abc; c=d")]), found("abc"));
        assert_eq!(of("authorization", &[("cookie", "xsession=abc"), ("cookie", "session=\"x\"")]), found("x"));
        assert_eq!(of("authorization", &[("cookie", "session=a; session=b")]), Err(Fault::Several));
        assert_eq!(of("authorization", &[("cookie", "a=b")]), Ok(None));
        let both = [("authorization", "Bearer a"), ("cookie", "session=b")];
        assert_eq!(of("authorization", &both), found("a"), "the header comes first");
    }
}
