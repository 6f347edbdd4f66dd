//! `auth:` as it is meant.

use data_encoding::HEXLOWER;

use super::{
    super::{
        ApiKey, ApiKeys, Auth, CertificateClient, CertificateMatch, CertificateName, ClientCertificates, Fetching,
        Issuer, Jwt, KeySource, OtherCertificates, Quota, QuotaPeriod, auth::Algorithm, value::Json,
    },
    named,
    tree::{At, Node},
    unit_key,
};

/// Who may ask.
pub(super) fn auth(
    at: At<'_>,
    Auth { required, jwt: tokens, api_keys: keys, client_certificates: certificates }: &Auth,
) -> Node {
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
        ("client_certificates", &|at| match certificates {
            None => Node::Unset("nobody is known by one"),
            Some(certificates) => client_certificates(at, certificates),
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
        ("algorithms", &|at| at.list(algorithms, |at, algorithm| at.plain(named(&Algorithm::ALL, *algorithm)))),
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

fn client_certificates(at: At<'_>, ClientCertificates { clients, others, forwarded }: &ClientCertificates) -> Node {
    at.map([
        ("clients", &|at| at.list(clients, certificate_client)),
        ("others", &|at| at.plain(named(&OtherCertificates::ALL, *others))),
        ("forwarded", &|at| at.plain(forwarded)),
    ])
}

fn certificate_client(at: At<'_>, client: &CertificateClient) -> Node {
    let CertificateClient { by, matches, name, scopes, claims } = client;
    let matched = match matches {
        CertificateMatch::Is(names) => at.map([("is", &|at| at.list(names, At::text))]),
        CertificateMatch::StartsWith(start) => at.map([("starts_with", &|at| at.text(start))]),
        CertificateMatch::EndsWith(end) => at.map([("ends_with", &|at| at.text(end))]),
    };
    let rest = at.map([
        ("name", &|at| name.as_ref().map_or(Node::Unset("that of the certificate"), |name| at.text(name))),
        ("scopes", &|at| at.list(scopes, At::text)),
        ("claims", &|at| at.secrets(&Json::Object(claims.0.clone()))),
    ]);
    Node::all([at.map([("by", &|at| at.plain(named(&CertificateName::ALL, *by)))]), matched, rest])
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
