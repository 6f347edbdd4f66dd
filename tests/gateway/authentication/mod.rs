//! Who asks: tokens of identity providers over real HTTP, good ones and forged ones, and API keys.

mod certificates;
mod forged;
mod provider;
pub mod world;

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use jsonwebtoken::Algorithm;
use serde_json::{Value, json};

use self::{
    forged::Forger,
    provider::{Mode, Provider, Signer},
    world::{World, now},
};
use crate::support::runtime;

/// Claims that are good now.
fn claims(issuer: &str) -> Value {
    json!({
        "iss": issuer, "aud": "weft", "sub": "ann", "exp": now() + 600, "iat": now(),
        "scope": "orders:read profile", "realm_access": { "roles": ["clerk"] },
    })
}

fn discovery(issuer: &str) -> String {
    format!("auth: {{ required: true, jwt: {{ issuers: [{{ issuer: '{issuer}', audiences: [weft] }}] }} }}\n")
}

#[test]
fn a_good_token_is_taken_whatever_its_key() {
    runtime().block_on(async {
        let kinds = [Algorithm::RS256, Algorithm::PS256, Algorithm::ES256, Algorithm::ES384, Algorithm::EdDSA];
        let signers: Vec<Signer> = kinds.iter().map(|kind| Signer::new(&format!("{kind:?}"), *kind)).collect();
        let provider = Provider::start(&signers.iter().collect::<Vec<_>>()).await;
        let issuer = provider.issuer();
        let yaml = format!(
            "auth: {{ required: true, jwt: {{ cookie: session, issuers: [{{ issuer: '{issuer}', audiences: [weft], \
             algorithms: [RS256, PS256, ES256, ES384, EdDSA] }}] }} }}\n"
        );
        let world = World::start(&yaml).await;
        for signer in &signers {
            let token = signer.token(&claims(&issuer));
            for _ in 0..2 {
                let answer = world.bearer("{ me }", &token).await;
                assert_eq!(answer.status, 200, "{}: {}", signer.kid, answer.body);
                assert_eq!(answer.body["data"]["me"], "GET /me?user=ann&role=clerk", "claims reach the connector");
            }
            let answer = world.ask("{ me }", &[("cookie", &format!("a=b; session={token}"))]).await;
            assert_eq!(answer.status, 200, "{}", answer.body);
        }
        let times = [("exp", now() - 20), ("nbf", now() + 20), ("iat", now() + 500)];
        for (name, value) in times {
            let mut claims = claims(&issuer);
            claims[name] = json!(value);
            let answer = world.bearer("{ me }", &signers[2].token(&claims)).await;
            assert_eq!(answer.status, 200, "within the leeway: {name}, {}", answer.body);
        }
        let audiences = json!({ "iss": issuer, "aud": ["other", "weft"], "exp": now() + 60 });
        assert_eq!(world.bearer("{ hello }", &signers[4].token(&audiences)).await.status, 200);
        assert_eq!(provider.fetches(), 1, "keys are fetched once for all");
    });
}

#[test]
fn forged_tokens_are_refused_and_nothing_is_called() {
    runtime().block_on(async {
        let (rsa, ec, ed) = (
            Signer::new("r-1", Algorithm::RS256),
            Signer::new("e-1", Algorithm::ES256),
            Signer::new("d-1", Algorithm::EdDSA),
        );
        let (neighbour, own) = (Signer::new("n-1", Algorithm::RS256), Signer::new("x-1", Algorithm::RS256));
        let began = Instant::now();
        let provider = Provider::start(&[&rsa, &ec, &ed]).await;
        let other = Provider::start(&[&neighbour]).await;
        let evil = Provider::start(&[&own]).await;
        let issuer = provider.issuer();
        let yaml = format!(
            "auth: {{ jwt: {{ issuers: [{{ issuer: '{issuer}', audiences: [weft] }}, {{ issuer: '{}', audiences: [weft] }}] }} }}\n",
            other.issuer()
        );
        // Known or not is no matter here: a bad token is refused also where nobody need be known.
        let world = World::start(&yaml).await;
        let good = rsa.token(&claims(&issuer));
        assert_eq!(world.bearer("{ me }", &good).await.status, 200, "without a flaw it is taken");
        assert_eq!(world.bearer("{ me }", &neighbour.token(&claims(&other.issuer()))).await.status, 200);
        assert_eq!(world.ask("{ me }", &[]).await.status, 200, "nobody need be known");
        let called = world.service.seen().len();

        let smith = Forger {
            keys: [&rsa, &ec, &ed],
            neighbour: &neighbour,
            own: &own,
            claims: claims(&issuer),
            neighbour_issuer: other.issuer(),
            evil: evil.issuer(),
            now: now(),
            leeway: 30,
        };
        let forged = smith.all();
        assert!(forged.len() >= 150, "{} tokens", forged.len());
        let mut taken = Vec::new();
        for (what, token) in &forged {
            let answer = world.bearer("{ me }", token).await;
            let challenge = answer.header("www-authenticate").to_owned();
            let is_refused = answer.status == 401
                && answer.code() == "UNAUTHENTICATED"
                && answer.body.get("data").is_none()
                && challenge.starts_with("Bearer realm=\"weft\", error=\"invalid_token\"");
            // A head that is too large is refused before anybody looks at it.
            if !is_refused && answer.status != 431 {
                taken.push(format!("{what}: {} {} {challenge}", answer.status, answer.body));
            }
        }
        let double = format!("Bearer {good}");
        let headers: [&[(&str, &str)]; 6] = [
            &[("authorization", &good)],
            &[("authorization", &double), ("authorization", &double)],
            &[("authorization", "Bearer")],
            &[("authorization", "Basic YTpi")],
            &[("authorization", "Bearer  ")],
            &[("authorization", "Bearer \u{e4}.\u{e4}.\u{e4}")],
        ];
        for headers in headers {
            let answer = world.ask("{ me }", headers).await;
            if answer.status != 401 {
                taken.push(format!("{headers:?}: {} {}", answer.status, answer.body));
            }
        }
        assert!(taken.is_empty(), "{} of {} were not refused:\n{}", taken.len(), forged.len(), taken.join("\n"));
        assert_eq!(world.service.seen().len(), called, "nothing was called for a forged token");
        assert_eq!(evil.server.seen().len(), 0, "nobody fetches what a token points to");
        let (fetches, tens) = (provider.fetches() + other.fetches(), began.elapsed().as_secs() / 10);
        let most = 2 * (2 + usize::try_from(tens).expect("few"));
        assert!(fetches <= most, "{fetches} fetches, {most} for two issuers in that time");
        assert_eq!(world.bearer("{ me }", &good).await.status, 200, "and the good one is still taken");
        println!("{} forged tokens refused", forged.len() + headers.len());
    });
}

#[test]
fn who_is_not_known_is_told_how_to_be() {
    runtime().block_on(async {
        let signer = Signer::new("k", Algorithm::ES256);
        let provider = Provider::start(&[&signer]).await;
        let world = World::start(&discovery(&provider.issuer())).await;
        for answer in [
            world.ask("{ hello }", &[]).await,
            world.get("{ hello }", &[]).await,
            world.post(&json!([{ "query": "{ hello }" }]), &[]).await,
            world.post(&json!("no request at all"), &[]).await,
        ] {
            assert_eq!((answer.status, answer.code()), (401, "UNAUTHENTICATED"), "{}", answer.body);
            assert_eq!(answer.header("www-authenticate"), "Bearer realm=\"weft\"");
            assert!(answer.body.get("data").is_none());
        }
        assert_eq!(world.service.seen().len(), 0);
        let batch = json!([{ "query": "{ hello }" }, { "query": "{ me }" }]);
        let token = format!("Bearer {}", signer.token(&claims(&provider.issuer())));
        let answer = world.post(&batch, &[("authorization", &token)]).await;
        assert_eq!(answer.body[1]["data"]["me"], "GET /me?user=ann&role=clerk", "{}", answer.body);
    });
}

#[test]
fn answers_for_one_caller_are_kept_by_nobody_else() {
    runtime().block_on(async {
        let signer = Signer::new("k", Algorithm::ES256);
        let provider = Provider::start(&[&signer]).await;
        let issuer = provider.issuer();
        let yaml =
            format!("auth: {{ jwt: {{ header: x-token, issuers: [{{ issuer: '{issuer}', audiences: [weft] }}] }} }}\n");
        let world = World::start(&yaml).await;
        let anonymous = world.get("{ hello }", &[]).await;
        assert_eq!(anonymous.header("cache-control"), "max-age=60");
        assert!(anonymous.header("vary").contains("x-token"), "{:?}", anonymous.headers);
        let token = signer.token(&claims(&issuer));
        let known = world.get("{ hello }", &[("x-token", &token)]).await;
        assert!(known.header("cache-control").starts_with("private"), "{:?}", known.headers);
        let mut bob = claims(&issuer);
        bob["sub"] = json!("bob");
        let (ann, bob) = ([("x-token", token)], [("x-token", signer.token(&bob))]);
        let [ann, bob] = [&ann, &bob].map(|headers| [(headers[0].0, headers[0].1.as_str())]);
        let (ann, bob) = tokio::join!(world.get("{ me }", &ann), world.get("{ me }", &bob));
        assert_eq!(ann.body["data"]["me"], "GET /me?user=ann&role=clerk");
        assert_eq!(bob.body["data"]["me"], "GET /me?user=bob&role=clerk");
        assert!(ann.header("cache-control").starts_with("private"));
    });
}

#[test]
fn keys_are_changed_under_load_without_a_failed_request() {
    runtime().block_on(async {
        let kinds = [Algorithm::RS256, Algorithm::ES256, Algorithm::EdDSA];
        let signers: Vec<Signer> = (0..6).map(|at| Signer::new(&format!("k{at}"), kinds[at % 3])).collect();
        let provider = Provider::start(&[&signers[0]]).await;
        let issuer = provider.issuer();
        let world = Arc::new(World::start(&discovery(&issuer)).await);
        let token = Arc::new(std::sync::Mutex::new(signers[0].token(&claims(&issuer))));
        let is_over = Arc::new(AtomicBool::new(false));
        let mut clients = Vec::new();
        for _ in 0..8 {
            let (world, token, is_over) = (Arc::clone(&world), Arc::clone(&token), Arc::clone(&is_over));
            clients.push(tokio::spawn(async move {
                let mut statuses = BTreeMap::new();
                while !is_over.load(Ordering::Relaxed) {
                    let token = token.lock().expect("no panic").clone();
                    *statuses.entry(world.bearer("{ hello }", &token).await.status).or_insert(0_usize) += 1;
                }
                statuses
            }));
        }
        let began = Instant::now();
        let mut slowest = Duration::ZERO;
        for at in 1..signers.len() {
            tokio::time::sleep(Duration::from_millis(100)).await;
            // The first change comes unannounced; from then on the next key is published before it is used.
            let published: Vec<&Signer> = signers[at - 1..signers.len().min(at + 2)].iter().collect();
            provider.publish(&if at == 1 { signers[..6].iter().collect() } else { published });
            let next = signers[at].token(&claims(&issuer));
            let changed = Instant::now();
            assert_eq!(world.bearer("{ hello }", &next).await.status, 200, "the new key {at} is taken at once");
            slowest = slowest.max(changed.elapsed());
            *token.lock().expect("no panic") = next;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
        is_over.store(true, Ordering::Relaxed);
        let mut statuses = BTreeMap::new();
        for client in clients {
            for (status, count) in client.await.expect("a client") {
                *statuses.entry(status).or_insert(0) += count;
            }
        }
        assert_eq!(statuses.keys().collect::<Vec<_>>(), [&200], "{statuses:?}");
        assert!(slowest < Duration::from_secs(30));
        println!("{statuses:?}, {} fetches in {:?}, new key after {slowest:?}", provider.fetches(), began.elapsed());
    });
}

#[test]
fn known_keys_go_on_whatever_the_provider_does() {
    runtime().block_on(async {
        let (known, unknown) = (Signer::new("k", Algorithm::ES256), Signer::new("other", Algorithm::ES256));
        for mode in
            [Mode::Down, Mode::Hang, Mode::Garbage, Mode::Empty, Mode::Broken, Mode::Huge, Mode::Redirect, Mode::Liar]
        {
            let provider = Provider::start(&[&known]).await;
            let issuer = provider.issuer();
            let world = Arc::new(World::start(&discovery(&issuer)).await);
            assert_eq!(world.bearer("{ hello }", &known.token(&claims(&issuer))).await.status, 200);
            let fetched = provider.server.seen().len();
            provider.set(mode);
            let stranger = {
                // Makes it fetch, and wait for that.
                let (world, token) = (Arc::clone(&world), unknown.token(&claims(&issuer)));
                tokio::spawn(async move { world.bearer("{ hello }", &token).await.status })
            };
            provider.server.came("GET /", fetched + 1).await;
            let mut times = Vec::new();
            for at in 0..100 {
                let mut claims = claims(&issuer);
                claims["jti"] = json!(at.to_string());
                let began = Instant::now();
                let answer = world.bearer("{ hello }", &known.token(&claims)).await;
                times.push(began.elapsed());
                assert_eq!(answer.status, 200, "{mode:?}: {}", answer.body);
            }
            times.sort();
            assert!(times[98] < Duration::from_millis(1500), "{mode:?}: p99 {:?}", times[98]);
            assert_eq!(stranger.await.expect("a request"), 401, "{mode:?}");
            assert!(provider.server.sent("GET /keys") < 32 << 20, "{mode:?}: the body is not read to its end");
            provider.set(Mode::Good);
            println!("{mode:?}: p99 {:?}", times[98]);
        }
    });
}

#[test]
fn without_any_key_nobody_can_say_whether_a_token_is_good() {
    runtime().block_on(async {
        let signer = Signer::new("k", Algorithm::ES256);
        let provider = Provider::start(&[&signer]).await;
        provider.set(Mode::Broken);
        let issuer = provider.issuer();
        let yaml =
            format!("auth: {{ jwt: {{ cooldown: 100ms, issuers: [{{ issuer: '{issuer}', audiences: [weft] }}] }} }}\n");
        let world = World::start(&yaml).await;
        let token = signer.token(&claims(&issuer));
        let answer = world.bearer("{ hello }", &token).await;
        assert_eq!((answer.status, answer.code()), (503, "UPSTREAM_UNAVAILABLE"), "{}", answer.body);
        assert_eq!(world.bearer("{ hello }", "a.b.c").await.status, 401, "nonsense is nonsense without a key");
        provider.set(Mode::Good);
        let seen = provider.fetches();
        provider.server.came("GET /keys", seen + 1).await;
        let comes_in = async {
            while world.bearer("{ hello }", &token).await.status != 200 {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), comes_in).await.expect("keys that came are used");
    });
}

#[test]
fn a_flood_of_unknown_keys_makes_few_fetches() {
    runtime().block_on(async {
        let (known, stranger) = (Signer::new("k", Algorithm::ES256), Signer::new("s", Algorithm::ES256));
        let provider = Provider::start(&[&known]).await;
        let issuer = provider.issuer();
        let world = Arc::new(World::start(&discovery(&issuer)).await);
        assert_eq!(world.bearer("{ hello }", &known.token(&claims(&issuer))).await.status, 200);
        let began = Instant::now();
        let mut clients = Vec::new();
        for client in 0..8 {
            let (world, stranger, issuer) = (Arc::clone(&world), stranger.clone(), issuer.clone());
            clients.push(tokio::spawn(async move {
                for at in 0..100 {
                    let signer = Signer { kid: format!("{client}-{at}"), ..stranger.clone() };
                    assert_eq!(world.bearer("{ hello }", &signer.token(&claims(&issuer))).await.status, 401);
                }
            }));
        }
        for client in clients {
            client.await.expect("all are refused");
        }
        let (took, fetches) = (began.elapsed(), provider.fetches());
        println!("800 unknown keys: {fetches} fetches in {took:?}");
        assert!(fetches <= 2 + usize::try_from(took.as_secs() / 10).expect("few"), "{fetches} fetches in {took:?}");
    });
}

#[test]
fn keys_come_from_a_file_or_are_a_secret() {
    runtime().block_on(async {
        let (signer, secret) = (Signer::new("k", Algorithm::EdDSA), "a secret of at least thirty-two bytes");
        let set = json!({ "keys": [
            { "kty": "oct", "k": "c2VjcmV0", "kid": "oct" }, { "kty": "RSA", "n": "AQAB", "e": "AQAB", "kid": "small" },
            { "kty": "EC", "crv": "P-521", "x": "AA", "y": "AA" }, 1, signer.jwk,
        ] });
        let yaml = format!(
            "auth:\n  jwt:\n    issuers:\n      - {{ issuer: file, jwks: keys.json, audiences: [weft] }}\n      \
             - {{ issuer: secret, secret: '{secret}', audiences: [weft], claims: {{ token_use: access }} }}\n"
        );
        let world = World::with(&yaml, &[("keys.json", &set.to_string())]).await;
        let answer = world.bearer("{ me }", &signer.token(&claims("file"))).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        let own = Signer {
            key: jsonwebtoken::EncodingKey::from_secret(secret.as_bytes()),
            algorithm: Algorithm::HS256,
            ..signer.clone()
        };
        let mut claims = claims("secret");
        assert_eq!(world.bearer("{ me }", &own.token(&claims)).await.status, 401, "a claim is missing");
        claims["token_use"] = json!("id");
        assert_eq!(world.bearer("{ me }", &own.token(&claims)).await.status, 401, "a claim has another value");
        claims["token_use"] = json!("access");
        assert_eq!(world.bearer("{ me }", &own.token(&claims)).await.status, 200);
        let small = Signer { key: jsonwebtoken::EncodingKey::from_secret(b"secret"), ..own };
        let oct = Signer { kid: "oct".to_owned(), ..small };
        let mut claims = self::claims("file");
        claims["token_use"] = json!("access");
        assert_eq!(world.bearer("{ me }", &oct.token(&claims)).await.status, 401, "a published secret is none");
    });
}

#[test]
fn an_issuer_is_not_taken_for_another() {
    runtime().block_on(async {
        let signer = Signer::new("k", Algorithm::ES256);
        let provider = Provider::start(&[&signer]).await;
        provider.set(Mode::Liar);
        let world = World::start(&discovery(&provider.issuer())).await;
        let answer = world.bearer("{ hello }", &signer.token(&claims(&provider.issuer()))).await;
        assert_eq!(answer.status, 503, "a configuration of another issuer brings no keys: {}", answer.body);
        assert_eq!(provider.fetches(), 0);
    });
}

#[test]
fn api_keys_are_made_taken_and_withdrawn() {
    runtime().block_on(async {
        let folder = crate::support::scratch("api-keys");
        let made = |arguments: &[&str]| {
            let output = std::process::Command::new(env!("CARGO_BIN_EXE_weft")).args(arguments).output();
            let output = output.expect("the binary runs");
            let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("text");
            (output.status.success(), text(&output.stdout), text(&output.stderr))
        };
        let (is_made, line, told) = made(&["key", "new", "mobile", "--scope", "orders:read"]);
        assert!(is_made, "{told}");
        let key = told.trim().rsplit(' ').next().expect("a key").to_owned();
        assert!(key.starts_with("weft_") && !line.contains(&key), "{line} {told}");
        for wrong in [
            &["key", "new", "a b"][..],
            &["key", "new", "a", "--expires", "soon"],
            &["key", "new", "a", "--scope", "x y"],
        ] {
            assert!(!made(wrong).0, "{wrong:?}");
        }
        let (_, old, told) = made(&["key", "new", "old", "--expires", "2001-01-01"]);
        let expired = told.trim().rsplit(' ').next().expect("a key").to_owned();
        let file = folder.join("keys.yaml");
        std::fs::write(&file, format!("{line}{old}")).expect("a scratch folder");
        let yaml = format!("auth: {{ required: true, api_keys: {{ file: '{}' }} }}\n", file.display());
        let world = World::start(&yaml).await;
        let ask = |key: String| {
            let world = &world;
            async move { world.ask("{ me }", &[("x-api-key", &key)]).await }
        };
        let answer = ask(key.clone()).await;
        assert_eq!(answer.body["data"]["me"], "GET /me?user=mobile", "{}", answer.body);
        assert_eq!(ask(expired).await.status, 401);
        for wrong in ["", "weft_", &key[..key.len() - 1], &format!("{key}x"), &key.to_uppercase(), "\u{e4}"] {
            let answer = ask(wrong.to_owned()).await;
            assert_eq!((answer.status, answer.code()), (401, "UNAUTHENTICATED"), "{wrong}");
            assert_eq!(answer.header("www-authenticate"), "ApiKey realm=\"weft\"");
        }
        let twice = [("x-api-key", key.as_str()), ("x-api-key", key.as_str())];
        assert_eq!(world.ask("{ me }", &twice).await.status, 401);

        // A file that cannot be read changes nothing; one without the key withdraws it.
        let (_, other, told) = made(&["key", "new", "other"]);
        let newer = told.trim().rsplit(' ').next().expect("a key").to_owned();
        std::fs::write(&file, format!("{line}{other}- {{ id: broken }}\n")).expect("a scratch folder");
        let called = world.service.count("GET /me");
        assert_eq!(ask(key.clone()).await.status, 200);
        std::fs::write(&file, &other).expect("a scratch folder");
        let changed = async {
            while ask(newer.clone()).await.status != 200 {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(30), changed).await.expect("a new key is taken");
        assert_eq!(ask(key.clone()).await.status, 401, "a key that was removed is taken no more");
        assert!(world.service.count("GET /me") >= called + 2);
        let _ = std::fs::remove_dir_all(&folder);
    });
}
