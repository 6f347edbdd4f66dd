//! An identity provider of our own: OpenID Connect discovery and a key set over HTTP, with keys of every kind and every bad habit.

use std::sync::{Arc, Mutex};

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, EncodingKey, jwk::Jwk};
use serde_json::{Value, json};

use crate::support::raw::{Behaviour, Seen, Upstream, answer};

/// A key that signs.
#[derive(Clone)]
pub struct Signer {
    pub kid: String,
    pub algorithm: Algorithm,
    pub key: EncodingKey,
    /// Its public half, as the provider publishes it.
    pub jwk: Value,
    /// The same as PEM.
    pub public_pem: String,
}

impl Signer {
    /// Makes one.
    pub fn new(kid: &str, algorithm: Algorithm) -> Self {
        let pair = match algorithm {
            Algorithm::ES256 => rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256),
            Algorithm::ES384 => rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P384_SHA384),
            Algorithm::EdDSA => rcgen::KeyPair::generate_for(&rcgen::PKCS_ED25519),
            _ => rcgen::KeyPair::generate_for(&rcgen::PKCS_RSA_SHA256),
        };
        let pair = pair.expect("a key");
        let pem = pair.serialize_pem();
        let key = match algorithm {
            Algorithm::ES256 | Algorithm::ES384 => EncodingKey::from_ec_pem(pem.as_bytes()),
            Algorithm::EdDSA => EncodingKey::from_ed_pem(pem.as_bytes()),
            _ => EncodingKey::from_rsa_pem(pem.as_bytes()),
        };
        let key = key.expect("a key that was just made");
        let raw = pair.public_key_raw();
        let mut jwk = match algorithm {
            Algorithm::ES256 => {
                json!({ "kty": "EC", "crv": "P-256", "x": encode(&raw[1..33]), "y": encode(&raw[33..]) })
            }
            Algorithm::ES384 => {
                json!({ "kty": "EC", "crv": "P-384", "x": encode(&raw[1..49]), "y": encode(&raw[49..]) })
            }
            Algorithm::EdDSA => json!({ "kty": "OKP", "crv": "Ed25519", "x": encode(raw) }),
            _ => serde_json::to_value(Jwk::from_encoding_key(&key, algorithm).expect("a public key")).expect("JSON"),
        };
        jwk["alg"] = json!(format!("{algorithm:?}"));
        jwk["kid"] = json!(kid);
        jwk["use"] = json!("sig");
        Self { kid: kid.to_owned(), algorithm, key, jwk, public_pem: pair.public_key_pem() }
    }

    /// Its algorithm's name.
    pub fn name(&self) -> String {
        format!("{:?}", self.algorithm)
    }

    /// A token with these claims.
    pub fn token(&self, claims: &Value) -> String {
        self.sign(&json!({ "alg": self.name(), "typ": "JWT", "kid": self.kid }).to_string(), &claims.to_string())
    }

    /// A token of these texts, whatever they are.
    pub fn sign(&self, header: &str, payload: &str) -> String {
        self.sign_as(self.algorithm, header, payload)
    }

    /// The same, signed by another algorithm of the key's family.
    pub fn sign_as(&self, algorithm: Algorithm, header: &str, payload: &str) -> String {
        let message = format!("{}.{}", encode(header), encode(payload));
        let signature = jsonwebtoken::crypto::sign(message.as_bytes(), &self.key, algorithm).expect("a signature");
        format!("{message}.{signature}")
    }
}

/// base64url, as tokens have it.
pub fn encode(text: impl AsRef<[u8]>) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(text)
}

/// What the provider does when it is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    Good,
    /// Accepts, and says nothing.
    Hang,
    /// Ends the connection.
    Down,
    /// 200 with what is no JSON.
    Garbage,
    /// 200 with a set without keys.
    Empty,
    /// 500.
    Broken,
    /// A body of 200 MB.
    Huge,
    /// A redirect to itself.
    Redirect,
    /// The configuration of somebody else.
    Liar,
}

/// A running provider.
#[derive(Clone)]
pub struct Provider {
    pub server: Upstream,
    state: Arc<Mutex<State>>,
}

struct State {
    mode: Mode,
    published: Vec<Value>,
}

impl Provider {
    /// With these keys published.
    pub async fn start(keys: &[&Signer]) -> Self {
        let published = keys.iter().map(|key| key.jwk.clone()).collect();
        let state = Arc::new(Mutex::new(State { mode: Mode::Good, published }));
        let shared = Arc::clone(&state);
        let server = Upstream::start(move |seen| behave(&shared.lock().expect("no panic in the provider"), seen)).await;
        Self { server, state }
    }

    /// Its name, as tokens have it.
    pub fn issuer(&self) -> String {
        format!("http://{}", self.server.address)
    }

    /// From now on these keys are published.
    pub fn publish(&self, keys: &[&Signer]) {
        self.state.lock().expect("no panic in the provider").published =
            keys.iter().map(|key| key.jwk.clone()).collect();
    }

    /// From now on it does this.
    pub fn set(&self, mode: Mode) {
        self.state.lock().expect("no panic in the provider").mode = mode;
    }

    /// How often its keys were asked for.
    pub fn fetches(&self) -> usize {
        self.server.count("GET /keys")
    }
}

fn behave(state: &State, seen: &Seen) -> Behaviour {
    let host = seen.header("host").unwrap_or_default();
    let document = match seen.line.as_str() {
        "GET /.well-known/openid-configuration" => {
            let issuer = if state.mode == Mode::Liar { "https://somebody.example" } else { &format!("http://{host}") };
            json!({ "issuer": issuer, "jwks_uri": format!("http://{host}/keys") })
        }
        "GET /keys" => json!({ "keys": state.published }),
        _ => return Behaviour::Bytes(answer(404, "text/plain", b"nothing here")),
    };
    let is_configuration = seen.line.ends_with("configuration");
    match state.mode {
        Mode::Good | Mode::Liar => Behaviour::Bytes(answer(200, "application/json", document.to_string().as_bytes())),
        Mode::Hang => Behaviour::Hang,
        Mode::Down => Behaviour::Close,
        // The configuration is good, so that it gets to the keys.
        _ if is_configuration => {
            Behaviour::Bytes(answer(200, "application/json", document.to_string().as_bytes()))
        }
        Mode::Garbage => Behaviour::Bytes(answer(200, "text/html", b"<html>{\"keys\":[</html>")),
        Mode::Empty => Behaviour::Bytes(answer(200, "application/json", br#"{"keys":[]}"#)),
        Mode::Broken => Behaviour::Bytes(answer(500, "application/json", document.to_string().as_bytes())),
        Mode::Redirect => Behaviour::Bytes(
            format!("HTTP/1.1 302 Found\r\nlocation: http://{host}/elsewhere\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
                .into_bytes(),
        ),
        Mode::Huge => Behaviour::Flood {
            head: b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\n\r\n{\"keys\":[".to_vec(),
            chunk: vec![b' '; 1 << 16],
            total: 200 << 20,
        },
    }
}
