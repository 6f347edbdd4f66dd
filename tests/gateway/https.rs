//! HTTPS as an operator sets it up: certificates from files, renewed while it serves, and clients that have to show one.

use std::{
    fs,
    io::{Read, Write},
    net::TcpStream,
    path::{Path, PathBuf},
};

use serde_json::json;

use crate::support::{process::Weft, runtime, scratch, tls::Root};

const SCHEMA: &str = "extend schema @link(url: \"https://specs.apollo.dev/connect/v0.4\", import: [\"@connect\"])\n\
    type Query { greeting: String @connect(selection: \"$('hi')\") }\n";

struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

impl Folder {
    fn new(name: &str, tls: &serde_json::Value) -> Self {
        let folder = Self(scratch(name));
        folder.write("api.graphql", SCHEMA);
        let server = json!({ "listen": "127.0.0.1:0", "tls": tls, "header_timeout": "1s" });
        let config = json!({ "schema": ["api.graphql"], "server": server, "admin": { "listen": "off" } });
        folder.write("weft.yaml", &config.to_string());
        folder
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.0.join(name), text).expect("a writable folder");
    }

    fn certify(&self, authority: &Root) {
        let (cert, key) = authority.sign_pem("localhost");
        self.write("cert.pem", &cert);
        self.write("key.pem", &key);
    }

    fn config(&self) -> PathBuf {
        self.0.join("weft.yaml")
    }
}

fn client(root: &str, identity: Option<(String, String)>) -> reqwest::Client {
    let root = reqwest::Certificate::from_pem(root.as_bytes()).expect("a certificate");
    let mut builder = reqwest::Client::builder().no_proxy().tls_certs_only([root]).pool_max_idle_per_host(0);
    if let Some((cert, key)) = identity {
        builder = builder.identity(reqwest::Identity::from_pem(format!("{cert}{key}").as_bytes()).expect("PEM"));
    }
    builder.build().expect("a client")
}

/// Status, version and body of one question; an error where no connection is made.
async fn ask(client: &reqwest::Client, weft: &Weft) -> Result<(u16, http::Version, String), reqwest::Error> {
    let url = format!("{}/graphql", weft.origin.replace("127.0.0.1", "localhost"));
    let request = client.post(url).header("content-type", "application/json").body(r#"{"query":"{ greeting }"}"#);
    let response = request.send().await?;
    Ok((response.status().as_u16(), response.version(), response.text().await?))
}

fn files() -> serde_json::Value {
    json!({ "cert": "cert.pem", "key": "key.pem" })
}

#[test]
fn it_answers_by_https_and_renews_its_certificate_without_losing_a_request() {
    let (first, second) = (Root::new(), Root::new());
    let folder = Folder::new("https", &files());
    folder.certify(&first);
    let weft = Weft::start(&folder.config(), &[]).expect("weft starts");
    assert!(weft.origin.starts_with("https://127.0.0.1:"), "{}", weft.origin);
    runtime().block_on(async {
        let (of_first, of_second) = (client(&first.pem, None), client(&second.pem, None));
        let answer = (200, http::Version::HTTP_2, r#"{"data":{"greeting":"hi"}}"#.to_owned());
        assert_eq!(ask(&of_first, &weft).await.expect("an answer"), answer);
        ask(&of_second, &weft).await.expect_err("another authority");

        // What cannot be used changes nothing.
        folder.write("cert.pem", "nothing");
        weft.hang_up();
        weft.wait_for("the new certificate cannot be used");
        assert_eq!(ask(&of_first, &weft).await.expect("an answer"), answer);

        folder.certify(&second);
        weft.hang_up();
        weft.wait_for("the certificate was renewed");
        assert_eq!(ask(&of_second, &weft).await.expect("an answer"), answer);
        // Who is connected stays so; who connects anew sees the new one.
        assert_eq!(ask(&of_first, &weft).await.expect("an answer"), answer);
        ask(&client(&first.pem, None), &weft).await.expect_err("the old one is gone");
    });
}

#[test]
fn clients_have_to_show_a_certificate_where_that_is_wanted() {
    let (server, clients) = (Root::new(), Root::new());
    let folder =
        Folder::new("https-mutual", &json!({ "cert": "cert.pem", "key": "key.pem", "client_ca": "clients.pem" }));
    folder.certify(&server);
    folder.write("clients.pem", &clients.pem);
    let weft = Weft::start(&folder.config(), &[]).expect("weft starts");
    runtime().block_on(async {
        let known = client(&server.pem, Some(clients.sign_pem("app")));
        assert_eq!(ask(&known, &weft).await.expect("an answer").0, 200);
        ask(&client(&server.pem, None), &weft).await.expect_err("without");
        ask(&client(&server.pem, Some(server.sign_pem("app"))), &weft).await.expect_err("of another authority");
        assert_eq!(ask(&known, &weft).await.expect("an answer").0, 200);
    });
}

#[test]
fn authorities_of_clients_are_renewed_and_who_is_connected_stays_who_it_is() {
    let (server, old, new) = (Root::new(), Root::new(), Root::new());
    let folder =
        Folder::new("https-authorities", &json!({ "cert": "cert.pem", "key": "key.pem", "client_ca": "clients.pem" }));
    folder.certify(&server);
    folder.write("clients.pem", &old.pem);
    let weft = Weft::start(&folder.config(), &[]).expect("weft starts");
    let keeping = |identity: (String, String)| {
        let root = reqwest::Certificate::from_pem(server.pem.as_bytes()).expect("a certificate");
        let identity = reqwest::Identity::from_pem(format!("{}{}", identity.0, identity.1).as_bytes()).expect("PEM");
        reqwest::Client::builder().no_proxy().tls_certs_only([root]).identity(identity).build().expect("a client")
    };
    runtime().block_on(async {
        let (of_old, of_new) = (old.sign_pem("app"), new.sign_pem("app"));
        let connected = keeping(of_old.clone());
        assert_eq!(ask(&connected, &weft).await.expect("an answer").0, 200);
        ask(&keeping(of_new.clone()), &weft).await.expect_err("not yet");

        // Half of a file is not fewer authorities.
        folder.write("clients.pem", &format!("{}-----BEGIN CERTIFICATE-----\nMIIB", new.pem));
        weft.hang_up();
        weft.wait_for("the new certificate cannot be used");
        ask(&keeping(of_new.clone()), &weft).await.expect_err("not yet");
        assert_eq!(ask(&keeping(of_old.clone()), &weft).await.expect("an answer").0, 200);

        folder.write("clients.pem", &new.pem);
        weft.hang_up();
        weft.wait_for("the certificate was renewed");
        assert_eq!(ask(&keeping(of_new), &weft).await.expect("an answer").0, 200);
        // No session of before is taken up again.
        ask(&client(&server.pem, Some(of_old)), &weft).await.expect_err("an authority of before");
        assert_eq!(ask(&connected, &weft).await.expect("the same connection").0, 200);
    });
}

#[test]
fn the_audit_log_says_which_certificate_was_refused_what() {
    let (server, clients) = (Root::new(), Root::new());
    let folder =
        Folder::new("https-audit", &json!({ "cert": "cert.pem", "key": "key.pem", "client_ca": "clients.pem" }));
    folder.certify(&server);
    folder.write("clients.pem", &clients.pem);
    let mut config: serde_json::Value =
        serde_json::from_slice(&fs::read(folder.config()).expect("a file")).expect("JSON");
    config["auth"] =
        json!({ "client_certificates": { "clients": [{ "by": "dns", "is": "app.example", "name": "app" }] } });
    config["limits"] = json!({ "aliases": 1 });
    config["telemetry"] = json!({ "log": { "format": "json" } });
    folder.write("weft.yaml", &config.to_string());
    let weft = Weft::start(&folder.config(), &[]).expect("weft starts");
    runtime().block_on(async {
        for (name, stands_for) in [("app.example", json!("app")), ("other.example", json!(null))] {
            let mut params = rcgen::CertificateParams::new(vec![name.to_owned()]).expect("a DNS name");
            params.distinguished_name = rcgen::DistinguishedName::new();
            params.distinguished_name.push(rcgen::DnType::CommonName, "a,\"b\" ü");
            let client = client(&server.pem, Some(clients.issue(&params)));
            let url = format!("{}/graphql", weft.origin.replace("127.0.0.1", "localhost"));
            let request = client.post(url).header("content-type", "application/json");
            let answer = request.body(r#"{"query":"{ a: greeting b: greeting }"}"#).send().await.expect("an answer");
            assert!(answer.text().await.expect("an answer").contains("LIMIT_EXCEEDED"));
            let told = weft.wait_for("weft::audit");
            let line = told.lines().find(|line| line.contains("weft::audit")).expect("a line");
            let event: serde_json::Value = serde_json::from_str(line).expect("JSON");
            assert_eq!(event["certificate"], stands_for, "{event}");
            assert_eq!(event["certificate.subject"], "CN=a\\,\\\"b\\\" ü", "{event}");
            assert_eq!(event["certificate.sha256"].as_str().map(str::len), Some(64), "{event}");
        }
    });
}

#[test]
fn who_does_not_speak_tls_is_not_answered_and_holds_no_place() {
    let authority = Root::new();
    let folder = Folder::new("https-plain", &files());
    folder.certify(&authority);
    let weft = Weft::start(&folder.config(), &[]).expect("weft starts");
    let address = weft.origin.trim_start_matches("https://").to_owned();
    for said in [b"POST /graphql HTTP/1.1\r\nhost: x\r\n\r\n".as_slice(), b"", b"\x16\x03\x01"] {
        let mut stream = TcpStream::connect(&address).expect("a connection");
        stream.set_read_timeout(Some(std::time::Duration::from_secs(20))).expect("a socket");
        stream.write_all(said).expect("bytes go out");
        let mut answer = Vec::new();
        // The end of the connection, at the latest when the time of a head is over; an alert perhaps, nothing of HTTP.
        let _ = stream.read_to_end(&mut answer);
        assert!(!answer.starts_with(b"HTTP"), "{answer:?}");
    }
    runtime().block_on(async {
        assert_eq!(ask(&client(&authority.pem, None), &weft).await.expect("an answer").0, 200);
    });
}

#[test]
fn files_that_cannot_be_used_are_told_at_the_start() {
    let authority = Root::new();
    let folder = Folder::new("https-broken", &files());
    let refused = |expected: &str| {
        let error = Weft::start(&folder.config(), &[]).err().expect("it does not start");
        assert!(error.contains("cannot serve HTTPS (`server.tls`)") && error.contains(expected), "{error}");
    };
    refused("cert.pem`: No such file or directory");
    folder.certify(&authority);
    folder.write("key.pem", &authority.sign_pem("localhost").1);
    refused("do not go together");
    folder.write("key.pem", "nothing");
    refused("holds no PEM private key");
    folder.write("cert.pem", "");
    refused("holds no PEM certificate");
    assert!(Path::exists(&folder.config()));
}
