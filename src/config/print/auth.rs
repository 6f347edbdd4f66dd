//! `auth:` as it is meant.

use data_encoding::HEXLOWER;

use super::{
    super::{
        ApiKey, ApiKeys, Auth, Fetching, Issuer, Jwt, KeySource, Quota, QuotaPeriod, auth::Algorithm, value::Json,
    },
    tree::{At, Node},
    unit_key,
};

/// Who may ask.
pub(super) fn auth(at: At<'_>, Auth { required, jwt: tokens, api_keys: keys }: &Auth) -> Node {
    at.map([
        ("required", &|at| at.plain(required)),
        ("jwt", &|at| match tokens {
            None => Node::Unset("none are taken"),
            Some(tokens) => jwt(at, tokens),
        }),
        ("api_keys", &|at| match keys {
            None => Node::Unset("none are taken"),
            Some(keys) => api_keys(at, keys),
        }),
    ])
}

fn jwt(at: At<'_>, jwt: &Jwt) -> Node {
    let Jwt { issuers, header, cookie, leeway, bytes_max, fetching, identify } = jwt;
    let Fetching { refresh, cooldown, timeout } = fetching;
    let text = |at: At<'_>, text: &Option<String>| text.as_ref().map_or(Node::Unset("none"), |text| at.text(text));
    at.map([
        ("issuers", &|at| at.list(issuers, issuer)),
        ("header", &|at| at.text(header)),
        ("cookie", &|at| text(at, cookie)),
        ("leeway", &|at| at.time(*leeway)),
        ("bytes_max", &|at| at.size(*bytes_max)),
        ("refresh", &|at| at.time(*refresh)),
        ("cooldown", &|at| at.time(*cooldown)),
        ("timeout", &|at| at.time(*timeout)),
        ("identify", &|at| text(at, identify)),
    ])
}

fn issuer(at: At<'_>, issuer: &Issuer) -> Node {
    let Issuer { issuer: name, keys, audiences, algorithms, claims, scopes } = issuer;
    let texts = |at: At<'_>, texts: &[String]| at.list(texts, At::text);
    let named =
        |algorithm: &Algorithm| Algorithm::ALL.iter().find(|(_, known)| known == algorithm).map_or("", |it| it.0);
    at.map([
        ("issuer", &|at| at.text(name)),
        ("jwks", &|at| match keys {
            KeySource::Discovery => Node::Unset("where its OpenID configuration says"),
            KeySource::Url(url) => at.url(url),
            KeySource::File(path) => at.path(path),
            KeySource::Secret(_) => Node::Unset("none, there is a secret"),
        }),
        ("secret", &|at| match keys {
            KeySource::Secret(_) => at.secret(),
            KeySource::Discovery | KeySource::Url(_) | KeySource::File(_) => Node::Unset("none"),
        }),
        ("audiences", &|at| texts(at, audiences)),
        ("algorithms", &|at| at.list(algorithms, |at, algorithm| at.plain(named(algorithm)))),
        ("claims", &|at| {
            let values = claims.iter().map(|(name, values)| (name, Json::Array(values.clone())));
            at.named(values, At::plain)
        }),
        ("scopes", &|at| texts(at, scopes)),
    ])
}

fn api_keys(at: At<'_>, ApiKeys { header, file, keys }: &ApiKeys) -> Node {
    at.map([
        ("header", &|at| at.text(header)),
        ("file", &|at| file.as_ref().map_or(Node::Unset("none"), |path| at.path(path))),
        ("keys", &|at| at.list(keys, api_key)),
    ])
}

fn api_key(at: At<'_>, key: &ApiKey) -> Node {
    let ApiKey { id, sha256, scopes, expires, quota, claims } = key;
    at.map([
        ("id", &|at| at.text(id)),
        // A hash is no secret: of a key that nobody can guess it says nothing.
        ("sha256", &|at| at.text(HEXLOWER.encode(sha256))),
        ("scopes", &|at| at.list(scopes, At::text)),
        ("expires", &|at| match expires {
            None => Node::Unset("never"),
            Some(_) => at.text(at.expanded().unwrap_or_default()),
        }),
        ("quota", &|at| quota.map_or(Node::Unset("none"), |given| self::quota(at, given))),
        ("claims", &|at| at.secrets(&Json::Object(claims.0.clone()))),
    ])
}

fn quota(at: At<'_>, Quota { unit, amount, per }: Quota) -> Node {
    at.map([
        (unit_key(unit), &|at| at.plain(amount)),
        ("per", &|at| {
            at.plain(match per {
                QuotaPeriod::Day => "day",
                QuotaPeriod::Month => "month",
            })
        }),
    ])
}
