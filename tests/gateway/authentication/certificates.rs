//! Client certificates as identity, over real TLS: whom they stand for, who is refused, and what that means for a request.

use std::time::Duration;

use jsonwebtoken::EncodingKey;
use rcgen::{CertificateParams, DistinguishedName, DnType, SanType};
use serde_json::{Value, json};

use super::world::{self, Answer, World, now};
use crate::support::{
    raw::{Behaviour, Seen},
    runtime,
    tls::Root,
};

const SECRET: &str = "thirty-two bytes that nobody may know";
const KEY: &str = "key-that-nobody-may-read";

const SCHEMA: &str = r#"
extend schema
  @link(url: "https://specs.apollo.dev/federation/v2.12", import: ["@policy", "@requiresScopes"])
  @link(url: "https://specs.apollo.dev/connect/v0.4", import: ["@source", "@connect"])
  @source(name: "s", http: { baseURL: "BASE" })

type Query {
  me: String @connect(source: "s", http: { GET: "/me", queryParams: "user: $context.user tier: $context.tier uris: $context.uris" }, selection: "$.text")
  bills: String @requiresScopes(scopes: [["bills"]]) @connect(source: "s", http: { GET: "/bills" }, selection: "$.text")
  shop: String @policy(policies: [["shop"]]) @connect(source: "s", http: { GET: "/shop" }, selection: "$.text")
}
"#;

const CLIENTS: &str = r#"
    clients:
      - { by: uri, is: "spiffe://acme.example/ns/shop/billing", name: billing, scopes: [bills], claims: { tier: gold } }
      - { by: uri, starts_with: "spiffe://acme.example/ns/shop/" }
      - { by: dns, ends_with: ".partner.example" }
      - { by: subject, is: "CN=Report\\, nightly,O=Acme", name: report }
"#;

/// What connectors and policies see of a caller.
const KNOWN: &str = "context: { user: { claim: sub }, tier: { claim: tier }, uris: { certificate: uris } }
authorization: { policies: { shop: \"certificate.uris.exists(uri, uri.startsWith('spiffe://acme.example/ns/shop/'))\" } }
";

/// A gateway that asks for certificates, and the authorities of both sides.
struct Mutual {
    world: World,
    server: Root,
    clients: Root,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Http {
    One,
    Two,
}

impl Mutual {
    async fn start(client_auth: &str, auth: &str, more: &str) -> Self {
        Self::start_with("", client_auth, auth, more).await
    }

    /// `server_more`: more of its settings, with a comma behind each.
    async fn start_with(server_more: &str, client_auth: &str, auth: &str, more: &str) -> Self {
        let (server, clients) = (Root::new(), Root::new());
        let (cert, key) = server.sign_pem("localhost");
        let yaml = format!(
            "server: {{ listen: 127.0.0.1:0, {server_more}tls: {{ cert: cert.pem, key: key.pem, client_ca: clients.pem, client_auth: {client_auth} }} }}\n\
             {KNOWN}\
             auth:\n  {auth}\n{more}"
        );
        let files = [("cert.pem", &*cert), ("key.pem", &key), ("clients.pem", &clients.pem)];
        let behave = |seen: &Seen| {
            let line = percent_encoding::percent_decode_str(&seen.line).decode_utf8_lossy();
            let text = json!({ "text": line }).to_string();
            let fresh = if seen.line.starts_with("GET /me") { "cache-control: max-age=60\r\n" } else { "" };
            let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\n";
            Behaviour::Bytes(format!("{head}{fresh}content-length: {}\r\n\r\n{text}", text.len()).into_bytes())
        };
        Self { world: World::configured(SCHEMA, &yaml, &files, behave).await, server, clients }
    }

    /// A client with a certificate of these names; it keeps its connections.
    fn client(&self, http: Http, params: &CertificateParams) -> Client {
        self.shows(http, Some(self.clients.issue(params)))
    }

    fn shows(&self, http: Http, identity: Option<(String, String)>) -> Client {
        let root = reqwest::Certificate::from_pem(self.server.pem.as_bytes()).expect("a certificate");
        // A client that was thrown out after its part of the handshake, and has sent a request by then, has been seen to wait for ever.
        let mut builder = reqwest::Client::builder().no_proxy().tls_certs_only([root]).timeout(PATIENCE);
        if http == Http::One {
            builder = builder.http1_only();
        }
        if let Some((cert, key)) = identity {
            builder = builder.identity(reqwest::Identity::from_pem(format!("{cert}{key}").as_bytes()).expect("PEM"));
        }
        Client { client: builder.build().expect("a client"), port: self.world.port() }
    }
}

/// Longest wait of a client.
const PATIENCE: Duration = Duration::from_secs(10);

struct Client {
    client: reqwest::Client,
    port: u16,
}

impl Client {
    /// Errors: no connection is made.
    async fn try_ask(&self, query: &str, headers: &[(&str, &str)]) -> Result<(http::Version, Answer), reqwest::Error> {
        let request = self.client.post(format!("https://localhost:{}/graphql", self.port));
        let mut request =
            request.header("content-type", "application/json").body(json!({ "query": query }).to_string());
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = request.send().await?;
        Ok((response.version(), world::read(response).await))
    }

    async fn ask(&self, query: &str, headers: &[(&str, &str)]) -> Answer {
        self.try_ask(query, headers).await.expect("a connection").1
    }

    async fn data(&self, query: &str) -> Value {
        let answer = self.ask(query, &[]).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer.body["data"].clone()
    }
}

fn named(common_name: Option<&str>, names: Vec<SanType>) -> CertificateParams {
    let mut params = CertificateParams::new(Vec::new()).expect("no names are valid names");
    params.distinguished_name = DistinguishedName::new();
    if let Some(name) = common_name {
        params.distinguished_name.push(DnType::CommonName, name);
    }
    params.subject_alt_names = names;
    params
}

fn uri(text: &str) -> SanType {
    SanType::URI(text.try_into().expect("ASCII"))
}

fn dns(text: &str) -> SanType {
    SanType::DnsName(text.try_into().expect("ASCII"))
}

fn billing() -> CertificateParams {
    named(None, vec![dns("billing.acme.example"), uri("spiffe://acme.example/ns/shop/billing")])
}

fn token(claims: &Value) -> String {
    let mut all = json!({ "iss": "https://id.example", "aud": "weft", "exp": now() + 600, "sub": "ann" });
    all.as_object_mut().expect("an object").extend(claims.as_object().expect("an object").clone());
    let key = EncodingKey::from_secret(SECRET.as_bytes());
    format!("Bearer {}", jsonwebtoken::encode(&jsonwebtoken::Header::default(), &all, &key).expect("a token"))
}

/// Tokens and keys beside certificates.
fn others() -> String {
    let hash = data_encoding::HEXLOWER.encode(&<sha2::Sha256 as sha2::Digest>::digest(KEY));
    format!(
        "jwt: {{ issuers: [{{ issuer: 'https://id.example', secret: '{SECRET}', audiences: [weft] }}] }}\n  \
         api_keys: {{ keys: [{{ id: mobile, sha256: {hash} }}] }}\n  client_certificates:{CLIENTS}"
    )
}

#[test]
fn a_certificate_says_who_asks_for_all_requests_of_its_connection() {
    runtime().block_on(async {
        let auth = format!("required: true\n  client_certificates:{CLIENTS}");
        let mutual = Mutual::start("required", &auth, "").await;
        for http in [Http::One, Http::Two] {
            let client = mutual.client(http, &billing());
            let (version, answer) = client.try_ask("{ me bills shop }", &[]).await.expect("a connection");
            assert_eq!(version, if http == Http::One { http::Version::HTTP_11 } else { http::Version::HTTP_2 });
            let me = "GET /me?user=billing&tier=gold&uris=spiffe://acme.example/ns/shop/billing";
            let whole = json!({ "data": { "me": me, "bills": "GET /bills", "shop": "GET /shop" } });
            assert_eq!((answer.status, &answer.body), (200, &whole));
            assert_eq!(client.data("{ me }").await["me"], me, "the next request of the connection");

            // By a part of a name: it is called by the name that fits, and has no scopes.
            let other = mutual.client(http, &named(Some("x"), vec![uri("spiffe://acme.example/ns/shop/cart")]));
            let answer = other.ask("{ me bills shop }", &[]).await;
            let me = answer.body["data"]["me"].as_str().expect("an answer");
            assert!(me.starts_with("GET /me?user=spiffe://acme.example/ns/shop/cart&"), "{me}");
            assert_eq!(answer.body["data"]["bills"], Value::Null);
            assert_eq!(answer.code(), "FORBIDDEN", "{}", answer.body);
            assert_eq!(answer.body["data"]["shop"], "GET /shop");

            let partner = mutual.client(http, &named(None, vec![dns("a.example"), dns("B.Partner.example")]));
            assert_eq!(partner.data("{ me }").await["me"], "GET /me?user=b.partner.example");
            let mut report = named(None, Vec::new());
            report.distinguished_name.push(DnType::OrganizationName, "Acme");
            report.distinguished_name.push(DnType::CommonName, "Report, nightly");
            assert_eq!(mutual.client(http, &report).data("{ me }").await["me"], "GET /me?user=report");
        }
        assert_eq!(mutual.world.service.count("GET /bills"), 2, "nobody else's was asked for");
    });
}

#[test]
fn who_is_not_named_is_nobody_unless_configured() {
    runtime().block_on(async {
        // What only looks like the name of somebody.
        let strangers = [
            named(Some("spiffe://acme.example/ns/shop/billing"), vec![dns("spiffe://acme.example/ns/shop/billing")]),
            named(Some("billing"), vec![uri("spiffe://acme.example.evil/ns/shop/billing")]),
            named(None, vec![uri("spiffe://acme.example/ns/other/billing"), dns("partner.example")]),
            named(None, vec![uri("SPIFFE://acme.example/ns/shop/billing"), dns("evil-partner.example")]),
            named(Some("CN=Report\\, nightly,O=Acme"), vec![uri(" spiffe://acme.example/ns/shop/billing")]),
        ];
        let required = Mutual::start("required", &format!("required: true\n  client_certificates:{CLIENTS}"), "").await;
        for stranger in &strangers {
            let answer = required.client(Http::Two, stranger).ask("{ me }", &[]).await;
            assert_eq!((answer.status, answer.code()), (401, "UNAUTHENTICATED"), "{}", answer.body);
        }
        assert_eq!(required.world.service.seen().len(), 0, "nothing was called for strangers");

        let open = Mutual::start("required", &format!("client_certificates:{CLIENTS}"), "").await;
        let client = open.client(Http::Two, &strangers[2]);
        let answer = client.ask("{ me bills }", &[]).await;
        assert_eq!(
            answer.body["data"]["me"], "GET /me?uris=spiffe://acme.example/ns/other/billing",
            "it can be looked at"
        );
        assert_eq!((answer.code(), &answer.body["data"]["bills"]), ("UNAUTHENTICATED", &Value::Null));

        let refused = Mutual::start("required", "client_certificates: { others: refused }", "").await;
        let answer = refused.client(Http::One, &billing()).ask("{ me }", &[]).await;
        assert_eq!((answer.status, refused.world.service.seen().len()), (401, 0), "{}", answer.body);

        let known = Mutual::start("required", "required: true\n  client_certificates: { others: known }", "").await;
        let named = named(Some("any"), Vec::new());
        assert_eq!(known.client(Http::Two, &named).data("{ me }").await["me"], "GET /me?user=CN=any");
    });
}

#[test]
fn nobody_gets_in_with_a_certificate_that_is_not_good() {
    runtime().block_on(async {
        let other = Root::new();
        let mut expired = billing();
        (expired.not_before, expired.not_after) = (rcgen::date_time_ymd(2001, 1, 1), rcgen::date_time_ymd(2002, 1, 1));
        let mut early = billing();
        early.not_before = rcgen::date_time_ymd(4000, 1, 1);
        for client_auth in ["required", "optional"] {
            let mutual = Mutual::start(client_auth, &format!("client_certificates:{CLIENTS}"), "").await;
            let own = rcgen::KeyPair::generate().expect("a key");
            let of_itself = billing().self_signed(&own).expect("a certificate").pem();
            let bad = [
                other.issue(&billing()),
                mutual.server.issue(&billing()),
                mutual.clients.issue(&expired),
                mutual.clients.issue(&early),
                (of_itself, own.serialize_pem()),
            ];
            for http in [Http::One, Http::Two] {
                for identity in &bad {
                    mutual.shows(http, Some(identity.clone())).try_ask("{ me }", &[]).await.expect_err(client_auth);
                }
            }
            assert_eq!(mutual.world.service.seen().len(), 0, "nothing was called");
            // A header says nothing of who is there.
            let headers = [
                ("client-cert", ":bWlzdGFrZQ==:"),
                ("x-forwarded-client-cert", "URI=spiffe://acme.example/ns/shop/billing"),
            ];
            let without = mutual.shows(Http::Two, None).try_ask("{ me bills }", &headers).await;
            match without {
                Err(_) => assert_eq!(client_auth, "required"),
                Ok((_, answer)) => {
                    assert_eq!(client_auth, "optional");
                    assert_eq!(answer.body["data"], json!({ "me": "GET /me", "bills": null }));
                    assert_eq!(answer.code(), "UNAUTHENTICATED");
                }
            }
            let good = mutual.client(Http::Two, &billing()).data("{ bills }").await;
            assert_eq!(good["bills"], "GET /bills");
        }
        let needed = Mutual::start("optional", &format!("required: true\n  client_certificates:{CLIENTS}"), "").await;
        let answer = needed.shows(Http::Two, None).ask("{ me }", &[]).await;
        assert_eq!((answer.status, needed.world.service.seen().len()), (401, 0));
        assert_eq!(answer.body["errors"][0]["message"], "a client certificate is needed here");
    });
}

#[test]
fn names_that_hide_something_are_refused() {
    runtime().block_on(async {
        let mutual = Mutual::start("required", &format!("client_certificates:{CLIENTS}"), "").await;
        let good = "spiffe://acme.example/ns/shop/billing";
        let long = format!("{good}{}", "x".repeat(2000));
        let many = (0..101).map(|number| dns(&format!("n{number}.partner.example"))).collect();
        let bad = [
            named(None, vec![uri(&format!("{good}\0.evil"))]),
            named(None, vec![uri(good), dns("a.partner.example\0.evil.example")]),
            named(Some("billing\0evil"), vec![uri(good)]),
            named(Some("line\r\nlevel=ERROR"), vec![uri(good)]),
            named(Some("\u{1b}[31mred"), vec![uri(good)]),
            named(Some("\u{202e}gnillib"), vec![uri(good)]),
            named(None, vec![uri(&long)]),
            named(None, vec![uri(""), uri(good)]),
            named(None, many),
        ];
        for params in &bad {
            let answer = mutual.client(Http::Two, params).ask("{ me }", &[]).await;
            let message = answer.body["errors"][0]["message"].as_str().unwrap_or_default();
            assert_eq!((answer.status, answer.code()), (401, "UNAUTHENTICATED"), "{}", answer.body);
            assert!(
                message.contains("too many names, or one that is empty, too long or has letters that nobody sees"),
                "{message}"
            );
        }
        assert_eq!(mutual.world.service.seen().len(), 0, "nothing was called");
        assert_eq!(mutual.client(Http::Two, &billing()).data("{ bills }").await["bills"], "GET /bills");
    });
}

#[test]
fn a_token_or_a_key_says_who_asks_and_the_certificate_is_still_seen() {
    runtime().block_on(async {
        let mutual = Mutual::start("optional", &others(), "").await;
        let client = mutual.client(Http::Two, &billing());
        let me = |user: &str| format!("GET /me?user={user}&uris=spiffe://acme.example/ns/shop/billing");
        for (name, value, user) in
            [("authorization", token(&json!({})), "ann"), ("x-api-key", KEY.to_owned(), "mobile")]
        {
            let answer = client.ask("{ me bills shop }", &[(name, &value)]).await;
            // The scopes are those of whoever asks: a service does not lend its own to its users.
            assert_eq!(answer.body["data"], json!({ "me": me(user), "bills": null, "shop": "GET /shop" }));
            assert_eq!(answer.code(), "FORBIDDEN");
        }
        let answer = client.ask("{ bills }", &[("authorization", &token(&json!({ "scope": "bills" })))]).await;
        assert_eq!(answer.body["data"]["bills"], "GET /bills");
        // A bad token is refused, whatever else says who asks.
        let answer = client.ask("{ me }", &[("authorization", "Bearer a.b.c")]).await;
        assert_eq!(answer.status, 401);
        assert_eq!(client.data("{ bills }").await["bills"], "GET /bills");
    });
}

#[test]
fn a_token_that_is_bound_to_a_certificate_comes_with_it() {
    runtime().block_on(async {
        let mutual = Mutual::start("optional", &others(), "").await;
        let (cert, key) = mutual.clients.issue(&billing());
        let der =
            <rustls::pki_types::CertificateDer as rustls::pki_types::pem::PemObject>::from_pem_slice(cert.as_bytes());
        let hash = <sha2::Sha256 as sha2::Digest>::digest(der.expect("a certificate"));
        let thumbprint = base64::Engine::encode(&base64::prelude::BASE64_URL_SAFE_NO_PAD, hash);
        let bound = token(&json!({ "cnf": { "x5t#S256": thumbprint } }));
        let owner = mutual.shows(Http::Two, Some((cert, key)));
        assert_eq!(owner.ask("{ shop }", &[("authorization", &bound)]).await.status, 200);
        let called = mutual.world.service.seen().len();
        // Twice, because a token that was checked is remembered.
        for _ in 0..2 {
            for thief in [mutual.client(Http::Two, &billing()), mutual.shows(Http::One, None)] {
                let answer = thief.ask("{ me }", &[("authorization", &bound)]).await;
                assert_eq!((answer.status, answer.code()), (401, "UNAUTHENTICATED"), "{}", answer.body);
                assert!(answer.header("www-authenticate").contains("invalid_token"), "{answer:?}");
            }
        }
        for odd in
            [json!({ "x5t#S256": 5 }), json!({ "x5t#S256": "" }), json!({ "x5t#S256": format!("{thumbprint}AA") })]
        {
            let answer = owner.ask("{ me }", &[("authorization", &token(&json!({ "cnf": odd })))]).await;
            assert_eq!(answer.status, 401, "{odd}");
        }
        assert_eq!(mutual.world.service.seen().len(), called, "nothing was called");
    });
}

#[test]
fn a_certificate_ends_also_on_a_connection_that_goes_on() {
    runtime().block_on(async {
        let mutual = Mutual::start("required", &format!("client_certificates:{CLIENTS}"), "").await;
        for http in [Http::One, Http::Two] {
            // A machine that is busy may take longer to connect than a certificate holds: then one that holds longer.
            let mut connected = None;
            for seconds in [3, 15, 60] {
                let mut brief = billing();
                let ends = std::time::SystemTime::now().checked_add(Duration::from_secs(seconds)).expect("a time");
                brief.not_after = ends.into();
                let client = mutual.client(http, &brief);
                if client.try_ask("{ bills }", &[]).await.is_ok_and(|(_, answer)| answer.status == 200) {
                    connected = Some(client);
                    break;
                }
            }
            let client = connected.expect("a connection within a minute");
            let refused = async {
                loop {
                    // On the same connection: a new one would not be made.
                    let answer = client.ask("{ bills }", &[]).await;
                    if answer.status == 401 {
                        return answer;
                    }
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            };
            let answer = tokio::time::timeout(Duration::from_mins(2), refused).await.expect("it ends");
            assert_eq!(answer.body["errors"][0]["message"], "the client certificate has expired");
        }
    });
}

#[test]
fn limits_and_rates_know_certificates() {
    runtime().block_on(async {
        let more = "limits: { root_fields: 2, clients: [{ by: certificate, is: billing, root_fields: 3 }] }\n\
                    rate_limits: [{ by: certificate, for: certificate, requests: 2, per: 1h }]\n";
        let mutual = Mutual::start("optional", &format!("client_certificates:{CLIENTS}"), more).await;
        let (one, same) = (mutual.client(Http::Two, &billing()), mutual.client(Http::One, &billing()));
        let cart = mutual.client(Http::Two, &named(None, vec![uri("spiffe://acme.example/ns/shop/cart")]));
        let query = "{ me bills shop }";
        assert_eq!(cart.ask(query, &[]).await.code(), "LIMIT_EXCEEDED");
        assert_eq!(one.ask(query, &[]).await.status, 200);
        assert_eq!(same.ask(query, &[]).await.status, 200);
        let called = mutual.world.service.seen().len();
        for client in [&one, &same] {
            let answer = client.ask("{ me }", &[]).await;
            assert_eq!((answer.status, answer.code()), (429, "RATE_LIMITED"), "one share, whatever the connection");
        }
        assert_eq!(mutual.world.service.seen().len(), called);
        assert_eq!(cart.ask("{ me }", &[]).await.status, 200, "it has a share of its own");
        let nobody = mutual.shows(Http::Two, None);
        for _ in 0..3 {
            assert_eq!(nobody.ask("{ me }", &[]).await.status, 200, "the limit is not for those without");
        }
    });
}

#[test]
fn answers_to_whoever_shows_a_certificate_are_for_them_only() {
    runtime().block_on(async {
        let mutual = Mutual::start("optional", &format!("client_certificates:{CLIENTS}"), "").await;
        let stranger = mutual.client(Http::Two, &named(Some("stranger"), Vec::new()));
        for (client, is_private) in [(stranger, true), (mutual.shows(Http::Two, None), false)] {
            let answer = client.ask("{ me }", &[]).await;
            let said = answer.header("cache-control");
            assert!(said.contains("max-age=") && said.contains("private") == is_private, "{answer:?}");
        }
    });
}

/// What a proxy says of a certificate.
fn client_cert(params: &CertificateParams) -> String {
    let (pem, _) = Root::new().issue(params);
    let body: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
    format!(":{}:", body.trim())
}

#[test]
fn a_proxy_says_which_certificate_its_caller_has() {
    runtime().block_on(async {
        let yaml = |proxies: &str| {
            format!(
                "server: {{ listen: 127.0.0.1:0, trusted_proxies: [{proxies}] }}\n\
                 {KNOWN}\
                 auth:\n  required: true\n  client_certificates:\n    forwarded: true{CLIENTS}"
            )
        };
        let behave = |seen: &Seen| {
            let text = json!({ "text": seen.line }).to_string();
            Behaviour::Bytes(crate::support::raw::answer(200, "application/json", text.as_bytes()))
        };
        let behind = World::configured(SCHEMA, &yaml("127.0.0.0/8"), &[], behave).await;
        let (billing, cart) =
            (client_cert(&billing()), client_cert(&named(Some("x"), vec![uri("spiffe://acme.example/ns/shop/cart")])));
        // Each request has a caller of its own, whatever the one before it on the same connection had.
        for _ in 0..2 {
            let answer = behind.ask("{ bills shop }", &[("client-cert", &billing)]).await;
            assert_eq!(answer.body, json!({ "data": { "bills": "GET /bills", "shop": "GET /shop" } }));
            let answer = behind.ask("{ me bills shop }", &[("client-cert", &cart)]).await;
            let me = answer.body["data"]["me"].as_str().expect("an answer");
            assert!(me.starts_with("GET /me?user=spiffe") && me.contains("shop%2Fcart"), "{me}");
            assert_eq!(
                (&answer.body["data"]["bills"], &answer.body["data"]["shop"]),
                (&Value::Null, &json!("GET /shop"))
            );
            let answer = behind.ask("{ me }", &[]).await;
            assert_eq!(
                (answer.status, &answer.body["errors"][0]["extensions"]["code"]),
                (401, &json!("UNAUTHENTICATED"))
            );
        }
        let calls = behind.service.seen().len();
        let mut over = self::billing();
        (over.not_before, over.not_after) = (rcgen::date_time_ymd(2019, 1, 1), rcgen::date_time_ymd(2020, 1, 1));
        for (value, message) in [
            ("none".to_owned(), "RFC 9440"),
            (format!("{billing}, {cart}"), "RFC 9440"),
            (":aGVsbG8=:".to_owned(), "cannot be read"),
            (client_cert(&over), "has expired"),
            (client_cert(&named(None, vec![uri("spiffe://acme.example\u{7f}/ns/shop/x")])), "letters that nobody sees"),
        ] {
            let answer = behind.ask("{ me }", &[("client-cert", &value)]).await;
            let told = answer.body["errors"][0]["message"].as_str().unwrap_or_default();
            assert!(answer.status == 401 && told.contains(message), "{} {}", answer.status, answer.body);
        }
        let answer = behind.ask("{ me }", &[("client-cert", &billing), ("client-cert", &billing)]).await;
        assert_eq!(answer.status, 401, "{}", answer.body);
        // Nobody is believed who is no proxy.
        let apart = World::configured(SCHEMA, &yaml("192.0.2.0/24"), &[], behave).await;
        assert_eq!(apart.ask("{ me }", &[("client-cert", &billing)]).await.status, 401);
        assert_eq!(
            (behind.service.seen().len(), apart.service.seen().len()),
            (calls, 0),
            "nobody who is refused is answered by calls"
        );
    });
}

#[test]
fn a_proxys_own_certificate_is_not_its_callers() {
    runtime().block_on(async {
        let auth = format!("required: true\n  client_certificates:\n    forwarded: true{CLIENTS}");
        let mutual = Mutual::start_with("trusted_proxies: [127.0.0.0/8, \"::1\"], ", "required", &auth, "").await;
        let proxy = mutual.client(Http::Two, &billing());
        let cart = client_cert(&named(None, vec![uri("spiffe://acme.example/ns/shop/cart")]));
        let answer = proxy.ask("{ bills shop }", &[("client-cert", &cart)]).await;
        assert_eq!(answer.body["data"], json!({ "bills": null, "shop": "GET /shop" }), "{}", answer.body);
        assert_eq!(proxy.ask("{ bills }", &[]).await.status, 401, "it has billing's certificate, its caller has none");
    });
}
