//! Requests that are signed for AWS (Signature Version 4), seen by a service that reckons the signature anew from what it received.

use std::{
    path::PathBuf,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::support::{
    process::Weft,
    raw::{Behaviour, Seen, Upstream, answer},
    runtime, scratch,
};

const SCHEMA: &str = r#"
extend schema
  @link(url: "https://specs.apollo.dev/connect/v0.3", import: ["@source", "@connect"])
  @source(name: "items", http: {
    baseURL: "http://items.example"
    headers: [{ name: "x-tenant", value: "a  b" }, { name: "authorization", value: "schema" }]
  })

type Query {
  item(id: ID!, q: [String!]): Item @connect(
    source: "items"
    http: { GET: "/items/{$args.id}/(a)//b", queryParams: "b: $args.q A: $args.id" }
    selection: "id"
  )
}

type Mutation {
  write(id: ID!): Item @connect(source: "items", http: { POST: "/items", body: "id: $args.id" }, selection: "id")
}

type Item {
  id: ID
}
"#;

const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";

/// weft with `--dev` and all that it can log, over one source with these settings and this environment.
fn start(name: &str, source: &Value, env: &[(&str, String)]) -> (Weft, PathBuf) {
    let folder = scratch(name);
    std::fs::write(folder.join("api.graphql"), SCHEMA).expect("the scratch folder can be written");
    let config = json!({
        "schema": [folder.join("api.graphql")],
        "server": { "listen": "127.0.0.1:0" },
        "admin": { "listen": "off" },
        "sources": { "items": source },
    });
    let path = folder.join("weft.yaml");
    std::fs::write(&path, config.to_string()).expect("the scratch folder can be written");
    let mut env: Vec<(String, String)> = env.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
    env.push(("WEFT_LOG".to_owned(), "trace".to_owned()));
    (Weft::start_with(&path, &["--dev"], &env).expect("weft starts"), folder)
}

async fn ask(weft: &Weft, query: &str) -> Value {
    weft.ask(&json!({ "query": query }), &[]).await.expect("an answer").1
}

fn found() -> Behaviour {
    Behaviour::Bytes(answer(200, "application/json", br#"{"id":"x"}"#))
}

fn hex(bytes: &[u8]) -> String {
    data_encoding::HEXLOWER.encode(bytes)
}

/// RFC 2104, with SHA-256.
fn hmac(key: &[u8], text: &[u8]) -> Vec<u8> {
    let mut block = [0_u8; 64];
    block[..key.len()].copy_from_slice(key);
    let inner: Vec<u8> = block.iter().map(|byte| byte ^ 0x36).chain(text.iter().copied()).collect();
    let outer: Vec<u8> = block.iter().map(|byte| byte ^ 0x5c).chain(Sha256::digest(inner)).collect();
    Sha256::digest(outer).to_vec()
}

fn decoded(text: &str) -> Vec<u8> {
    let bytes = text.as_bytes();
    let mut out = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let pair = (bytes[at] == b'%').then(|| u8::from_str_radix(&text[at + 1..at + 3], 16).expect("hexadecimal"));
        out.push(pair.unwrap_or(bytes[at]));
        at += if pair.is_some() { 3 } else { 1 };
    }
    out
}

fn encoded(bytes: &[u8]) -> String {
    let one = |byte: &u8| match byte {
        b'-' | b'.' | b'_' | b'~' => char::from(*byte).to_string(),
        byte if byte.is_ascii_alphanumeric() => char::from(*byte).to_string(),
        byte => format!("%{byte:02X}"),
    };
    bytes.iter().map(one).collect::<Vec<_>>().concat()
}

/// What a service of AWS does: the signature, from what came. Fails where it is another one. Gives back the names that are signed.
fn verify(seen: &Seen, service: &str) -> Vec<String> {
    let authorization = seen.header("authorization").expect("credentials");
    let part = |name: &str| {
        let rest = authorization.split_once(&format!("{name}=")).expect("all parts").1;
        rest.split(',').next().unwrap_or_default().to_owned()
    };
    let (credential, names, signature) = (part("Credential"), part("SignedHeaders"), part("Signature"));
    let date = seen.header("x-amz-date").expect("a date");
    let scope = format!("{}/eu-central-1/{service}/aws4_request", &date[..8]);
    assert_eq!(credential, format!("AKIDEXAMPLE/{scope}"));
    let (method, target) = seen.line.split_once(' ').expect("a request line");
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let path = if service == "s3" {
        path.split('/').map(|segment| encoded(&decoded(segment))).collect::<Vec<_>>().join("/")
    } else {
        let segments = path.split('/').filter(|segment| !segment.is_empty());
        segments.map(|segment| format!("/{}", encoded(segment.as_bytes()))).collect::<Vec<_>>().concat()
    };
    let mut pairs: Vec<(String, String)> = query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (encoded(&decoded(name)), encoded(&decoded(value)))
        })
        .collect();
    pairs.sort();
    let query = pairs.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&");
    let headers: Vec<String> = names
        .split(';')
        .map(|name| {
            let values = seen.headers.iter().filter(|(own, _)| own == name);
            let values = values.map(|(_, value)| value.split_whitespace().collect::<Vec<_>>().join(" "));
            format!("{name}:{}\n", values.collect::<Vec<_>>().join(","))
        })
        .collect();
    let hash = hex(&Sha256::digest(&seen.body));
    assert_eq!(seen.header("x-amz-content-sha256"), Some(hash.as_str()));
    let canonical = format!("{method}\n{path}\n{query}\n{}\n{names}\n{hash}", headers.concat());
    let text = format!("AWS4-HMAC-SHA256\n{date}\n{scope}\n{}", hex(&Sha256::digest(&canonical)));
    let key = hmac(format!("AWS4{SECRET}").as_bytes(), &date.as_bytes()[..8]);
    let key = ["eu-central-1", service, "aws4_request"].iter().fold(key, |key, part| hmac(&key, part.as_bytes()));
    assert_eq!(signature, hex(&hmac(&key, text.as_bytes())), "signed was not:\n{canonical}");
    let names: Vec<String> = names.split(';').map(str::to_owned).collect();
    for needed in ["host", "x-amz-date", "x-tenant"] {
        assert!(names.iter().any(|name| name == needed), "{needed} is not signed: {names:?}");
    }
    names
}

/// Nothing that only weft may know.
fn assert_no_secret(text: &str) {
    for secret in [SECRET, "Signature=", "s3ssion"] {
        assert!(!text.contains(secret), "`{secret}` is in:\n{text}");
    }
}

#[test]
fn what_is_signed_is_what_is_sent() {
    runtime().block_on(async {
        for service in ["execute-api", "s3"] {
            let (one, two) = (Upstream::start(|_| found()).await, Upstream::start(|_| found()).await);
            let url = |upstream: &Upstream| format!("http://{}/stage", upstream.address);
            let sigv4 = json!({
                "region": "eu-central-1", "service": service,
                "access_key_id": "AKIDEXAMPLE", "secret_access_key": "${env.SECRET}",
            });
            let source = json!({
                "urls": [url(&one), url(&two)], "balance": "round_robin", "credentials": { "sigv4": sigv4 },
            });
            let env = [("SECRET", SECRET.to_owned())];
            let (mut weft, folder) = start(&format!("signatures-{service}"), &source, &env);
            for _ in 0..2 {
                let query = r#"{ item(id: "ä /:'~(1)", q: ["z", "a b&c=d+e'*/é", ""]) { id } }"#;
                assert_eq!(ask(&weft, query).await["data"]["item"]["id"], "x");
                assert_eq!(ask(&weft, "mutation { write(id: \"1\") { id } }").await["data"]["write"]["id"], "x");
            }
            for upstream in [&one, &two] {
                let seen = upstream.seen();
                assert!(!seen.is_empty(), "both are asked");
                for seen in seen {
                    let names = verify(&seen, service);
                    assert_eq!(seen.header("host"), Some(upstream.address.to_string().as_str()));
                    assert_eq!(names.iter().any(|name| name == "content-type"), !seen.body.is_empty());
                    assert!(!names.iter().any(|name| name == "traceparent" || name == "user-agent"), "{names:?}");
                }
            }
            let all: Vec<Seen> = [one.seen(), two.seen()].concat();
            assert_eq!(all.iter().filter(|seen| seen.line.starts_with("GET /stage/items/")).count(), 2);
            assert_eq!(all.iter().filter(|seen| seen.body == br#"{"id":"1"}"#).count(), 2);
            assert_no_secret(&weft.stop());
            let _ = std::fs::remove_dir_all(folder);
        }
    });
}

#[test]
fn a_further_try_is_signed_anew_and_a_refusal_tells_no_secret() {
    runtime().block_on(async {
        let count = AtomicUsize::new(0);
        let service = Upstream::start(move |_| match count.fetch_add(1, Ordering::SeqCst) {
            0 => Behaviour::Bytes(b"HTTP/1.1 503 Busy\r\nretry-after: 1\r\ncontent-length: 0\r\n\r\n".to_vec()),
            1 => found(),
            _ => Behaviour::Bytes(answer(403, "application/json", br#"{"message":"no"}"#)),
        })
        .await;
        let folder = scratch("signatures-profiles");
        let file = folder.join("credentials");
        let profiles = format!(
            "[default]\naws_access_key_id = NOBODY\naws_secret_access_key = x\n\n[shop]\n\
             aws_access_key_id = AKIDEXAMPLE\naws_secret_access_key = {SECRET}\naws_session_token = s3ssion\n"
        );
        std::fs::write(&file, profiles).expect("a writable file");
        let sigv4 = json!({ "region": "eu-central-1", "service": "lambda", "profile": "shop" });
        let source = json!({
            "urls": [format!("http://{}", service.address)],
            "retry": { "attempts": 1, "budget": 1 },
            "credentials": { "sigv4": sigv4 },
        });
        let env = [("AWS_SHARED_CREDENTIALS_FILE", file.display().to_string())];
        let (mut weft, own) = start("signatures-retry", &source, &env);
        assert_eq!(ask(&weft, "{ item(id: 1) { id } }").await["data"]["item"]["id"], "x");
        let answer = ask(&weft, "{ item(id: 1) { id } }").await;
        assert_eq!(answer["errors"][0]["extensions"]["http"]["status"], 403, "{answer}");
        assert_no_secret(&answer.to_string());
        let seen = service.seen();
        for seen in &seen {
            let names = verify(seen, "lambda");
            assert!(names.iter().any(|name| name == "x-amz-security-token"), "{names:?}");
            assert_eq!(seen.header("x-amz-security-token"), Some("s3ssion"));
        }
        let dates: Vec<&str> = seen.iter().filter_map(|seen| seen.header("x-amz-date")).collect();
        assert_eq!(dates.len(), 3, "one try more for the first, and none for what was refused");
        assert!(dates[0] < dates[1], "a second later: {dates:?}");
        assert_no_secret(&weft.stop());
        for folder in [folder, own] {
            let _ = std::fs::remove_dir_all(folder);
        }
    });
}

/// What Amazon ECS, EKS and the token service answer.
fn given(seen: &Seen) -> Behaviour {
    let keys = if seen.line.starts_with("GET ") {
        json!({
            "AccessKeyId": "AKIDEXAMPLE", "SecretAccessKey": SECRET, "Token": "s3ssion", "Expiration": "2999-01-01T00:00:00Z",
        })
    } else {
        let keys = json!({
            "AccessKeyId": "AKIDEXAMPLE", "SecretAccessKey": SECRET, "SessionToken": "s3ssion", "Expiration": 32_472_144_000_u64,
        });
        json!({ "AssumeRoleWithWebIdentityResponse": { "AssumeRoleWithWebIdentityResult": { "Credentials": keys } } })
    };
    Behaviour::Bytes(answer(200, "application/json", keys.to_string().as_bytes()))
}

#[test]
fn temporary_keys_are_asked_for_once_where_the_environment_says() {
    runtime().block_on(async {
        let asked: Arc<Mutex<Vec<Seen>>> = Arc::default();
        let log = Arc::clone(&asked);
        let giver = Upstream::start(move |seen: &Seen| {
            log.lock().expect("no panic in the stub").push(seen.clone());
            given(seen)
        })
        .await;
        let folder = scratch("signatures-temporary");
        let token = folder.join("token");
        std::fs::write(&token, "of-the-cluster\n").expect("a writable file");
        let (url, token) = (format!("http://{}/give", giver.address), token.display().to_string());
        let container = vec![
            ("AWS_CONTAINER_CREDENTIALS_FULL_URI", url.clone()),
            ("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", token.clone()),
        ];
        let cluster = vec![
            ("AWS_ROLE_ARN", "arn:aws:iam::1:role/weft".to_owned()),
            ("AWS_WEB_IDENTITY_TOKEN_FILE", token),
            ("AWS_ENDPOINT_URL_STS", url),
        ];
        for (name, env) in [("container", container), ("cluster", cluster)] {
            let service = Upstream::start(|_| found()).await;
            let sigv4 = json!({ "region": "eu-central-1", "service": "execute-api" });
            let source =
                json!({ "urls": [format!("http://{}", service.address)], "credentials": { "sigv4": sigv4 } });
            let (mut weft, own) = start(&format!("signatures-{name}"), &source, &env);
            let read = async |id: usize| ask(&weft, &format!("{{ item(id: {id}) {{ id }} }}")).await;
            let all = futures_util::future::join_all((0..8).map(read)).await;
            assert!(all.iter().all(|answer| answer["data"]["item"]["id"] == "x"), "{all:?}");
            for seen in service.seen() {
                verify(&seen, "execute-api");
                assert_eq!(seen.header("x-amz-security-token"), Some("s3ssion"));
            }
            assert_eq!(service.seen().len(), 8);
            assert_no_secret(&weft.stop());
            let _ = std::fs::remove_dir_all(own);
        }
        let asked = asked.lock().expect("no panic in the stub").clone();
        assert_eq!(asked.len(), 2, "once by each");
        assert_eq!((asked[0].line.as_str(), asked[0].header("authorization")), ("GET /give", Some("of-the-cluster")));
        let expected = "Action=AssumeRoleWithWebIdentity&Version=2011-06-15&RoleArn=arn%3Aaws%3Aiam%3A%3A1%3Arole%2Fweft\
                        &RoleSessionName=weft&WebIdentityToken=of-the-cluster";
        assert_eq!(String::from_utf8_lossy(&asked[1].body), expected);
        let _ = std::fs::remove_dir_all(folder);
    });
}
