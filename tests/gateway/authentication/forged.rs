//! Tokens that nobody should take. Each has one thing wrong with it, and a good signature wherever that is possible.

use jsonwebtoken::{Algorithm, EncodingKey};
use serde_json::{Value, json};

use super::provider::{Signer, encode};

/// What forgers know and have.
pub struct Forger<'a> {
    /// Keys of the issuer whose tokens are forged: RSA, EC, Ed25519.
    pub keys: [&'a Signer; 3],
    /// The key of another issuer that is trusted too.
    pub neighbour: &'a Signer,
    /// A key of their own.
    pub own: &'a Signer,
    /// A good set of claims.
    pub claims: Value,
    /// The other issuer's name.
    pub neighbour_issuer: String,
    /// Where their own server listens.
    pub evil: String,
    /// The time, and the leeway of the gateway.
    pub now: i64,
    pub leeway: i64,
}

type Forged = Vec<(String, String)>;

impl Forger<'_> {
    /// All of them, with what is wrong.
    pub fn all(&self) -> Forged {
        let mut all = Vec::new();
        self.without_signature(&mut all);
        self.confused(&mut all);
        self.claims(&mut all);
        self.of_others(&mut all);
        self.signatures(&mut all);
        self.shapes(&mut all);
        self.headers(&mut all);
        all
    }

    fn with(&self, name: &str, value: Value) -> Value {
        let mut claims = self.claims.clone();
        claims[name] = value;
        claims
    }

    fn without(&self, name: &str) -> Value {
        let mut claims = self.claims.clone();
        claims.as_object_mut().expect("an object").remove(name);
        claims
    }

    fn without_signature(&self, all: &mut Forged) {
        let good = self.keys[0].token(&self.claims);
        let signature = good.rsplit('.').next().expect("a signature");
        for algorithm in ["none", "None", "NONE", "nOnE", "", "null"] {
            for signature in ["", "AA", signature] {
                let header = json!({ "alg": algorithm, "typ": "JWT", "kid": self.keys[0].kid });
                let token = format!("{}.{}.{signature}", encode(header.to_string()), encode(self.claims.to_string()));
                all.push((format!("alg {algorithm:?} with signature {signature:.8}"), token));
            }
        }
        for algorithm in [json!(null), json!(0), json!(true), json!(["RS256"]), json!({ "a": "RS256" })] {
            let header = json!({ "alg": algorithm, "kid": self.keys[0].kid });
            all.push((format!("alg {algorithm}"), self.keys[0].sign(&header.to_string(), &self.claims.to_string())));
        }
        let header = json!({ "typ": "JWT", "kid": self.keys[0].kid });
        all.push(("no alg".to_owned(), self.keys[0].sign(&header.to_string(), &self.claims.to_string())));
    }

    fn confused(&self, all: &mut Forged) {
        let rsa = self.keys[0];
        let secrets = [
            ("the public key as PEM", rsa.public_pem.clone()),
            ("the public key as PEM without its last line feed", rsa.public_pem.trim_end().to_owned()),
            ("the modulus", rsa.jwk["n"].as_str().expect("a modulus").to_owned()),
            ("the published key", rsa.jwk.to_string()),
            ("the key's name", rsa.kid.clone()),
        ];
        for (what, secret) in secrets {
            for algorithm in [Algorithm::HS256, Algorithm::HS384, Algorithm::HS512] {
                let forger = Signer { key: EncodingKey::from_secret(secret.as_bytes()), algorithm, ..rsa.clone() };
                all.push((format!("{algorithm:?} with {what}"), forger.token(&self.claims)));
            }
        }
        // The key's owner signs well, but not in the way that the key is for.
        let ways = [Algorithm::RS384, Algorithm::RS512, Algorithm::PS256, Algorithm::PS384, Algorithm::PS512];
        for algorithm in ways {
            let header = json!({ "alg": format!("{algorithm:?}"), "kid": rsa.kid }).to_string();
            all.push((
                format!("{algorithm:?} of an RS256 key"),
                rsa.sign_as(algorithm, &header, &self.claims.to_string()),
            ));
        }
        let names = [
            "HS256", "RS256", "RS384", "PS256", "PS512", "ES256", "ES384", "ES512", "EdDSA", "ES256K", "RS1", "dir",
            "rs256",
        ];
        for key in self.keys {
            for name in names.iter().filter(|name| **name != key.name()) {
                let header = json!({ "alg": name, "kid": key.kid }).to_string();
                all.push((
                    format!("{name} on a signature by {}", key.name()),
                    key.sign(&header, &self.claims.to_string()),
                ));
            }
        }
    }

    fn claims(&self, all: &mut Forged) {
        let (now, leeway) = (self.now, self.leeway);
        let wrong = [
            ("exp", json!("9999999999")),
            ("exp", json!(null)),
            ("exp", json!(true)),
            ("exp", json!([9_999_999_999_i64])),
            ("exp", json!({ "a": 1 })),
            ("exp", json!(-1)),
            ("exp", json!(0)),
            ("exp", json!(1e300)),
            ("exp", json!((now + 600) * 1000)),
            ("exp", json!(now - leeway)),
            ("exp", json!(now - leeway - 1)),
            ("exp", json!(now - 86_400)),
            ("nbf", json!("0")),
            ("nbf", json!(null)),
            ("nbf", json!(false)),
            ("nbf", json!([0])),
            ("nbf", json!(-5)),
            ("nbf", json!(now + leeway + 300)),
            ("nbf", json!((now - 600) * 1000)),
            ("iat", json!("0")),
            ("iat", json!(null)),
            ("iat", json!({})),
            ("iss", json!(null)),
            ("iss", json!(1)),
            ("iss", json!([self.claims["iss"]])),
            ("iss", json!("")),
            ("iss", json!("https://somebody.example")),
            ("iss", json!(format!("{}/", self.claims["iss"].as_str().expect("text")))),
            ("iss", json!(self.claims["iss"].as_str().expect("text").to_uppercase())),
            ("sub", json!(1)),
            ("sub", json!(["a"])),
            ("sub", json!(null)),
            ("jti", json!(1)),
            ("aud", json!(null)),
            ("aud", json!(1)),
            ("aud", json!({ "weft": true })),
            ("aud", json!([])),
            ("aud", json!(["other", "another"])),
            ("aud", json!(["weft", 1])),
            ("aud", json!("other")),
            ("aud", json!("WEFT")),
            ("aud", json!("weft ")),
            ("aud", json!("weft,other")),
        ];
        for (name, value) in wrong {
            all.push((format!("{name}: {value}"), self.keys[0].token(&self.with(name, value))));
        }
        for name in ["exp", "iss", "aud"] {
            all.push((format!("no {name}"), self.keys[1].token(&self.without(name))));
        }
        let text = self.claims.to_string();
        let twice = [r#"{"exp":1,"#, r#"{"iss":"a","#, r#"{"aud":"a","#, r#"{"sub":"root","#, r#"{"\u0073ub":"root","#];
        for start in twice {
            let payload = text.replacen('{', start, 1);
            all.push((format!("twice: {start}"), self.keys[0].sign(&self.header(0), &payload)));
        }
        let nested = text.replacen('{', r#"{"a":{"b":1,"b":2},"#, 1);
        all.push(("twice, further down".to_owned(), self.keys[0].sign(&self.header(0), &nested)));
    }

    fn header(&self, at: usize) -> String {
        json!({ "alg": self.keys[at].name(), "typ": "JWT", "kid": self.keys[at].kid }).to_string()
    }

    fn of_others(&self, all: &mut Forged) {
        let named = |signer: &Signer, kid: &str| Signer { kid: kid.to_owned(), ..signer.clone() };
        let kid = &self.keys[0].kid;
        for (what, signer) in [("a trusted neighbour", self.neighbour), ("nobody", self.own)] {
            all.push((format!("signed by {what}"), signer.token(&self.claims)));
            all.push((format!("signed by {what} under our key's name"), named(signer, kid).token(&self.claims)));
            let header = json!({ "alg": signer.name() }).to_string();
            all.push((format!("signed by {what} without a name"), signer.sign(&header, &self.claims.to_string())));
        }
        let theirs = self.with("iss", json!(self.neighbour_issuer));
        all.push(("our key for the neighbour".to_owned(), self.keys[0].token(&theirs)));
        all.push((
            "our key for the neighbour, under its name".to_owned(),
            named(self.keys[0], &self.neighbour.kid).token(&theirs),
        ));
    }

    fn signatures(&self, all: &mut Forged) {
        for (at, key) in self.keys.iter().enumerate() {
            let good = key.token(&self.claims);
            let (message, signature) = good.rsplit_once('.').expect("a signature");
            let other = key.token(&self.with("sub", json!("other")));
            let other = other.rsplit('.').next().expect("a signature");
            let mut flipped = signature.to_owned();
            let last = if flipped.starts_with('A') { "B" } else { "A" };
            flipped.replace_range(..1, last);
            let zeros = encode(vec![0; signature.len() * 3 / 4]);
            for (what, signature) in [
                ("", ""),
                ("the first half", &signature[..signature.len() / 2]),
                ("without its last byte", &signature[..signature.len() - 2]),
                ("with more", &format!("{signature}AAAA")),
                ("padded", &format!("{signature}==")),
                ("of another token", other),
                ("with another first byte", flipped.as_str()),
                ("of zeros", zeros.as_str()),
                ("of letters that are none", &signature.replacen(|_: char| true, "+", 1)),
            ] {
                all.push((format!("signature {what}, key {at}"), format!("{message}.{signature}")));
            }
            let (header, _) = message.split_once('.').expect("a header");
            let payload = encode(self.with("sub", json!("root")).to_string());
            all.push((format!("another payload, key {at}"), format!("{header}.{payload}.{signature}")));
        }
    }

    fn shapes(&self, all: &mut Forged) {
        let key = self.keys[0];
        let good = key.token(&self.claims);
        let parts: Vec<&str> = good.split('.').collect();
        for (what, token) in [
            ("a word", "token".to_owned()),
            ("dots", "..".to_owned()),
            ("more dots", "....".to_owned()),
            ("one part", parts[0].to_owned()),
            ("two parts", format!("{}.{}", parts[0], parts[1])),
            ("four parts", format!("{good}.{}", parts[2])),
            ("five parts", format!("{good}.{}.{}", parts[1], parts[2])),
            ("a dot in front", format!(".{good}")),
            ("a dot behind", format!("{good}.")),
            ("no header", format!(".{}.{}", parts[1], parts[2])),
            ("no payload", format!("{}..{}", parts[0], parts[2])),
            ("a header cut off", format!("{}.{}.{}", &parts[0][..parts[0].len() / 2], parts[1], parts[2])),
            ("a payload cut off", format!("{}.{}.{}", parts[0], &parts[1][..parts[1].len() / 2], parts[2])),
            ("the first hundred letters", good[..100].to_owned()),
            ("padded parts", format!("{}==.{}==.{}", parts[0], parts[1], parts[2])),
            ("JSON serialization", format!("{{\"payload\":\"{}\",\"signature\":\"{}\"}}", parts[1], parts[2])),
        ] {
            all.push((what.to_owned(), token));
        }
        for header in ["[]", "\"RS256\"", "1", "null", "", "{", "{\"alg\":\"RS256\"} {}", "\u{feff}{\"alg\":\"RS256\"}"]
        {
            all.push((format!("header {header:?}"), key.sign(header, &self.claims.to_string())));
        }
        let deep = format!("{{\"a\":{}{}}}", "[".repeat(1000), "]".repeat(1000));
        for payload in ["[]", "\"a\"", "1", "null", "", "{", "{\"exp\":9999999999}{}", "{\"exp\":1e999}", &deep, &good]
        {
            all.push((format!("payload {payload:.30}"), key.sign(&self.header(0), payload)));
        }
        let filler = self.with("filler", json!("x".repeat(9000)));
        all.push(("more than 8 KiB".to_owned(), key.token(&filler)));
        let filler = self.with("filler", json!("x".repeat(40_000)));
        all.push(("more than 50 KiB".to_owned(), key.token(&filler)));
    }

    fn headers(&self, all: &mut Forged) {
        let key = self.keys[0];
        let base = json!({ "alg": key.name(), "typ": "JWT", "kid": key.kid });
        let more = [
            ("crit", json!(["exp"])),
            ("crit", json!([])),
            ("crit", json!(["http://example.com/unknown"])),
            ("crit", json!("exp")),
            ("b64", json!(false)),
            ("b64", json!(true)),
            ("zip", json!("DEF")),
            ("enc", json!("A256GCM")),
            ("cty", json!("JWT")),
            ("cty", json!("jwt")),
            ("typ", json!("dpop+jwt")),
            ("typ", json!("logout+jwt")),
            ("typ", json!("secevent+jwt")),
            ("typ", json!("JWE")),
            ("typ", json!(1)),
            ("kid", json!("")),
            ("kid", json!(1)),
            ("kid", json!(null)),
            ("kid", json!([key.kid])),
            ("kid", json!(self.keys[1].kid)),
            ("kid", json!("../../../../dev/null")),
            ("kid", json!("/etc/passwd")),
            ("kid", json!("' OR '1'='1")),
            ("kid", json!("x' UNION SELECT 'secret' --")),
            ("kid", json!("file:///etc/hosts")),
            ("kid", json!(format!("{}/keys", self.evil))),
            ("kid", json!("a\u{0}b")),
            ("kid", json!("k".repeat(3000))),
            ("kid", json!(key.kid.to_uppercase())),
            ("kid", json!(format!("{} ", key.kid))),
        ];
        for (name, value) in more {
            let mut header = base.clone();
            header[name] = value.clone();
            all.push((format!("{name}: {value:.40}"), key.sign(&header.to_string(), &self.claims.to_string())));
        }
        for start in [r#"{"alg":"none","#, r#"{"kid":"a","#] {
            let header = base.to_string().replacen('{', start, 1);
            all.push((format!("twice: {start}"), key.sign(&header, &self.claims.to_string())));
        }
        // Keys that a token brings or points to.
        let own = self.own;
        for kid in [&own.kid, &key.kid] {
            for (name, value) in [
                ("jwk", own.jwk.clone()),
                ("jku", json!(format!("{}/keys", self.evil))),
                ("x5u", json!(format!("{}/cert.pem", self.evil))),
                ("x5c", json!([own.public_pem])),
            ] {
                let mut header = json!({ "alg": own.name(), "typ": "JWT", "kid": kid });
                header[name] = value;
                all.push((format!("{name} with kid {kid}"), own.sign(&header.to_string(), &self.claims.to_string())));
            }
        }
    }
}
