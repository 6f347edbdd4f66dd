//! AWS Signature Version 4: a request that carries the proof that it is ours, made over what is really sent.

use std::time::SystemTime;

use aws_credential_types::Credentials;
use aws_sigv4::{
    http_request::{
        PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SigningSettings,
        UriPathNormalizationMode, sign,
    },
    sign::v4,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use url::{Position, Url};

use crate::config::Hidden;

/// Headers that only we may give.
const OWN: [HeaderName; 4] = [
    header::AUTHORIZATION,
    HeaderName::from_static("x-amz-date"),
    HeaderName::from_static("x-amz-security-token"),
    HeaderName::from_static("x-amz-content-sha256"),
];

/// Headers that somebody on the way may change (RFC 9110, 7.6.1, and those of traces), or that the client adds.
const UNSIGNED: [&str; 20] = [
    "accept-encoding",
    "baggage",
    "cache-control",
    "connection",
    "content-length",
    "expect",
    "forwarded",
    "keep-alive",
    "max-forwards",
    "pragma",
    "proxy-authorization",
    "te",
    "traceparent",
    "tracestate",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "user-agent",
    "via",
    "x-amzn-trace-id",
];

/// Services that take the path once encoded and as it is; all others take it encoded once more, and without empty segments.
const STORES: [&str; 4] = ["s3", "s3-outposts", "s3-object-lambda", "s3express"];

/// What is not encoded in a path. Source: RFC 3986, 2.3.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Keys of an account, and what they sign for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Signer {
    pub(super) region: String,
    pub(super) service: String,
    pub(super) keys: Keys,
}

/// Keys of an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Keys {
    /// Access key id.
    pub(super) id: String,
    /// Secret access key.
    pub(super) secret: Hidden<String>,
    /// Session token of temporary keys.
    pub(super) session: Option<Hidden<String>>,
}

impl Signer {
    /// Adds the signature, the time and the hash of the body to the headers; signs host, path, query, body and all headers but those
    /// that change on the way. `host` is what is sent when the headers have none.
    ///
    /// Errors: what cannot be signed, without what is in it.
    /// Source: "Create a signed AWS API request" of the AWS IAM User Guide.
    pub(super) fn sign(
        &self,
        method: &Method,
        url: &Url,
        headers: &mut HeaderMap,
        body: &[u8],
        at: SystemTime,
    ) -> Result<(), &'static str> {
        // Also for services that do not ask for it: some do, and none minds.
        self.sign_with(PayloadChecksumKind::XAmzSha256, (method, url, body), headers, at)
    }

    fn sign_with(
        &self,
        checksum: PayloadChecksumKind,
        (method, url, body): (&Method, &Url, &[u8]),
        headers: &mut HeaderMap,
        at: SystemTime,
    ) -> Result<(), &'static str> {
        for name in OWN {
            headers.remove(name);
        }
        let mut settings = SigningSettings::default();
        settings.payload_checksum_kind = checksum;
        let mut path = url.path().to_owned();
        if STORES.contains(&self.service.as_str()) {
            settings.percent_encoding_mode = PercentEncodingMode::Single;
            settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
            path = encoded_once(&path)?;
        }
        if let Some(query) = url.query() {
            // The service would see other characters than we sign.
            percent_decode_str(query).decode_utf8().map_err(|_| "its query is not UTF-8, so it cannot be signed")?;
            path = format!("{path}?{query}");
        }
        let host = &url[Position::BeforeHost..Position::AfterPort];
        let host = (!headers.contains_key(header::HOST)).then_some(("host", host));
        let sent = headers.iter().filter(|(name, _)| !UNSIGNED.contains(&name.as_str()));
        let sent = sent.filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?)));
        let request = SignableRequest::new(method.as_str(), path, sent.chain(host), SignableBody::Bytes(body))
            .map_err(|_| "its path cannot be signed")?;
        let Keys { id, secret, session } = &self.keys;
        let session = session.as_ref().map(|token| token.0.clone());
        let identity = Credentials::new(id.as_str(), secret.as_str(), session, None, "weft").into();
        let parameters = v4::SigningParams::builder()
            .identity(&identity)
            .region(&self.region)
            .name(&self.service)
            .time(at)
            .settings(settings)
            .build()
            .map_err(|_| "it cannot be signed")?
            .into();
        let (instructions, _) = sign(request, &parameters).map_err(|_| "it cannot be signed")?.into_parts();
        for added in instructions.into_parts().0 {
            let mut value = HeaderValue::try_from(added.value()).map_err(|_| "its keys cannot be sent")?;
            value.set_sensitive(added.sensitive() || added.name() == header::AUTHORIZATION);
            headers.insert(HeaderName::from_static(added.name()), value);
        }
        Ok(())
    }
}

/// The path as a store reads it: every segment decoded, and encoded once in the one way that counts.
fn encoded_once(path: &str) -> Result<String, &'static str> {
    let mut encoded = String::with_capacity(path.len());
    for (at, segment) in path.split('/').enumerate() {
        if at > 0 {
            encoded.push('/');
        }
        let segment =
            percent_decode_str(segment).decode_utf8().map_err(|_| "its path is not UTF-8, so it cannot be signed")?;
        encoded.extend(utf8_percent_encode(&segment, RESERVED));
    }
    Ok(encoded)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The account of the test suite that AWS published for implementers, its region, its service and its moment.
    fn signer(session: Option<&str>) -> Signer {
        Signer {
            region: "us-east-1".to_owned(),
            service: "service".to_owned(),
            keys: Keys {
                id: "AKIDEXAMPLE".to_owned(),
                secret: Hidden("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY".to_owned()),
                session: session.map(|token| Hidden(token.to_owned())),
            },
        }
    }

    fn moment() -> SystemTime {
        httpdate::parse_http_date("Sun, 30 Aug 2015 12:36:00 GMT").unwrap()
    }

    fn headers(given: &[(&'static str, &str)]) -> HeaderMap {
        given.iter().map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap())).collect()
    }

    /// The signature of a request to the suite's host, without the body's hash among the headers.
    fn signature(signer: &Signer, request: &str, given: &[(&'static str, &str)], body: &str) -> String {
        let (method, target) = request.split_once(' ').unwrap();
        let url = Url::parse(&format!("https://example.amazonaws.com{target}")).unwrap();
        let mut headers = headers(given);
        let request = (&method.parse().unwrap(), &url, body.as_bytes());
        signer.sign_with(PayloadChecksumKind::NoHeader, request, &mut headers, moment()).unwrap();
        let authorization = headers[header::AUTHORIZATION].to_str().unwrap();
        assert!(
            authorization.starts_with(
                "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, SignedHeaders="
            ),
            "{authorization}"
        );
        assert_eq!(headers["x-amz-date"], "20150830T123600Z");
        authorization.rsplit_once('=').unwrap().1.to_owned()
    }

    #[test]
    fn signatures_are_those_of_the_published_test_suite() {
        const LETTERS: &str = "-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
        let unreserved = format!("GET /?{LETTERS}={LETTERS}");
        for (name, request, given, body, expected) in [
            ("get-vanilla", "GET /", &[][..], "", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"),
            ("post-vanilla", "POST /", &[], "", "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"),
            (
                "get-vanilla-query-order-key-case",
                "GET /?Param2=value2&Param1=value1",
                &[],
                "",
                "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
            ),
            (
                "get-vanilla-query-unreserved",
                &unreserved,
                &[],
                "",
                "9c3e54bfcdf0b19771a7f523ee5669cdf59bc7cc0884027167c21bb143a40197",
            ),
            (
                "get-vanilla-utf8-query",
                "GET /?%E1%88%B4=bar",
                &[],
                "",
                "2cdec8eed098649ff3a119c94853b13c643bcf08f8b0a1d91e12c9027818dd04",
            ),
            (
                "post-vanilla-query",
                "POST /?Param1=value1",
                &[],
                "",
                "28038455d6de14eafc1f9222cf5aa6f1a96197d7deb8263271d420d138af7f11",
            ),
            (
                "get-header-key-duplicate",
                "GET /",
                &[("my-header1", "value2"), ("my-header1", "value2"), ("my-header1", "value1")],
                "",
                "c9d5ea9f3f72853aea855b47ea873832890dbdd183b4468f858259531a5138ea",
            ),
            (
                "get-header-value-trim",
                "GET /",
                &[("my-header1", " value1"), ("my-header2", " \"a   b   c\"")],
                "",
                "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736",
            ),
            (
                "post-header-key-sort",
                "POST /",
                &[("my-header1", "value1")],
                "",
                "c5410059b04c1ee005303aed430f6e6645f61f4dc9e1461ec8f8916fdf18852c",
            ),
            // The suite's older edition signs the body's type and no length.
            (
                "post-x-www-form-urlencoded",
                "POST /",
                &[("content-type", "application/x-www-form-urlencoded")],
                "Param1=value1",
                "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a",
            ),
            // The suite's paths with dots and spaces never leave us like that; empty segments do.
            (
                "get-slashes-normalized",
                "GET //example//",
                &[],
                "",
                "9a624bd73a37c9a373b5312afbebe7a714a789de108f0bdfe846570885f57e84",
            ),
        ] {
            assert_eq!(signature(&signer(None), request, given, body), expected, "{name}");
        }
        let session = signer(Some("6e86291e8372ff2a2260956d9b8aae1d763fbf315fa00fa31553b73ebf194267"));
        let expected = "07ec1639c89043aa0e3e2de82b96708f198cceab042d4a97044c66dd9f74e7f8";
        assert_eq!(signature(&session, "GET /", &[], ""), expected, "get-vanilla-with-session-token");
    }

    /// The `GET` of an object in "Examples: Signature Calculations" of the Amazon S3 API Reference.
    #[test]
    fn a_store_gets_its_path_encoded_once_and_the_hash_of_the_body() {
        let store = Signer {
            service: "s3".to_owned(),
            keys: Keys {
                id: "AKIAIOSFODNN7EXAMPLE".to_owned(),
                secret: Hidden("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY".to_owned()),
                session: None,
            },
            ..signer(None)
        };
        let at = httpdate::parse_http_date("Fri, 24 May 2013 00:00:00 GMT").unwrap();
        let sign = |target: &str, given: &[(&'static str, &str)]| {
            let url = Url::parse(&format!("https://examplebucket.s3.amazonaws.com{target}")).unwrap();
            let mut headers = headers(given);
            store.sign(&Method::GET, &url, &mut headers, b"", at).unwrap();
            let authorization = headers[header::AUTHORIZATION].to_str().unwrap();
            authorization.rsplit_once('=').unwrap().1.to_owned()
        };
        let of_object = sign("/test.txt", &[("range", "bytes=0-9")]);
        assert_eq!(of_object, "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41");
        let of_lifecycle = sign("/?lifecycle", &[]);
        assert_eq!(of_lifecycle, "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543");
        let of_list = sign("/?max-keys=2&prefix=J", &[]);
        assert_eq!(of_list, "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7");
        assert_eq!(encoded_once("/a//b%2fc/(1)%20%c3%a4~"), Ok("/a//b%2Fc/%281%29%20%C3%A4~".to_owned()));
        assert!(encoded_once("/%FF").is_err());
    }

    #[test]
    fn what_a_caller_sent_of_a_signature_is_replaced() {
        let mut sent = headers(&[
            ("authorization", "Bearer callers"),
            ("x-amz-security-token", "callers"),
            ("x-amz-content-sha256", "UNSIGNED-PAYLOAD"),
            ("x-amz-date", "20000101T000000Z"),
            ("traceparent", "00-1"),
            ("x-tenant", "a"),
        ]);
        let url = Url::parse("https://example.amazonaws.com:8443/x?q=%27").unwrap();
        signer(None).sign(&Method::GET, &url, &mut sent, b"", SystemTime::now()).unwrap();
        let authorization = sent[header::AUTHORIZATION].to_str().unwrap();
        let signed = "SignedHeaders=host;x-amz-content-sha256;x-amz-date;x-tenant, Signature=";
        assert!(authorization.contains(signed), "{authorization}");
        assert!(!sent.contains_key("x-amz-security-token") && !sent.contains_key(header::HOST));
        assert_ne!(sent["x-amz-content-sha256"], "UNSIGNED-PAYLOAD");
        assert_eq!(sent["traceparent"], "00-1", "it is sent, and not signed");
        let latin = Url::parse("https://example.amazonaws.com/x?q=%FF").unwrap();
        assert!(signer(None).sign(&Method::GET, &latin, &mut sent, b"", moment()).is_err());
    }

    #[test]
    fn secrets_are_not_printed() {
        let shown = format!("{:?}", signer(Some("s3ssion")));
        assert!(!shown.contains("wJalr") && !shown.contains("s3ssion"), "{shown}");
    }
}
