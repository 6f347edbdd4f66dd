//! A gateway that knows an identity provider, over a service that counts.

use std::{
    net::SocketAddr,
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use serde_json::{Value, json};
use weft::{
    config::{self, Overrides},
    gateway::{Gateway, Snapshot},
    server::Server,
    upstream::{Kept, Transport},
};

use crate::support::{
    raw::{Behaviour, Seen, Upstream, answer},
    scratch,
};

/// What every configuration has that does not say otherwise.
const FIXED: &str = "server: { listen: 127.0.0.1:0, introspection: true, batching: { enabled: true } }\n\
     context: { user: { claim: sub }, role: { claim: realm_access.roles } }\n";

const SCHEMA: &str = r#"
extend schema
  @link(url: "https://specs.apollo.dev/connect/v0.3", import: ["@source", "@connect"])
  @source(name: "s", http: { baseURL: "BASE" })

type Query {
  hello: String @connect(source: "s", http: { GET: "/hello" }, selection: "$.text")
  me: String @connect(source: "s", http: { GET: "/me", queryParams: "user: $context.user role: $context.role" }, selection: "$.text")
}
"#;

/// All of it, until dropped.
pub struct World {
    pub service: Upstream,
    address: SocketAddr,
    client: reqwest::Client,
    server: tokio::task::JoinHandle<()>,
}

impl Drop for World {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// One HTTP answer.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: http::HeaderMap,
    pub body: Value,
}

impl Answer {
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().expect("text"))
    }

    pub fn code(&self) -> &str {
        self.body["errors"][0]["extensions"]["code"].as_str().unwrap_or_default()
    }
}

impl World {
    /// With this `auth:` block and further configuration.
    pub async fn start(yaml: &str) -> Self {
        Self::with(yaml, &[]).await
    }

    /// The same, with files beside the configuration.
    pub async fn with(yaml: &str, files: &[(&str, &str)]) -> Self {
        Self::over(SCHEMA, yaml, files, |seen| {
            let text = json!({ "text": seen.line }).to_string();
            let text = text.as_bytes();
            let fresh = format!(
                "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncache-control: max-age=60\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
                text.len()
            );
            match seen.line.as_str() {
                "GET /hello" => Behaviour::Bytes([fresh.as_bytes(), text].concat()),
                _ => Behaviour::Bytes(answer(200, "application/json", text)),
            }
        })
        .await
    }

    /// With another schema, over a service that behaves like this.
    pub async fn over(
        schema: &str,
        yaml: &str,
        files: &[(&str, &str)],
        behave: impl Fn(&Seen) -> Behaviour + Send + Sync + 'static,
    ) -> Self {
        Self::configured(schema, &format!("{FIXED}{yaml}"), files, behave).await
    }

    /// The same, with all of the configuration but its `schema` and `admin`.
    pub async fn configured(
        schema: &str,
        yaml: &str,
        files: &[(&str, &str)],
        behave: impl Fn(&Seen) -> Behaviour + Send + Sync + 'static,
    ) -> Self {
        let service = Upstream::start(behave).await;
        let folder = scratch(&format!("auth-{}", service.address.port()));
        for (name, text) in files {
            std::fs::write(folder.join(name), text).expect("a writable folder");
        }
        std::fs::write(folder.join("api.graphql"), schema.replace("BASE", &format!("http://{}", service.address)))
            .expect("a writable folder");
        let file = folder.join("weft.yaml");
        let text = format!("schema: [api.graphql]\nadmin: {{ listen: off }}\n{yaml}");
        std::fs::write(&file, text).expect("a writable folder");
        let settings = config::load(Some(&file), &Overrides::default());
        let settings = settings.unwrap_or_else(|findings| panic!("{yaml}: {findings:#?}"));
        let built = Snapshot::build(&settings, &Transport::default(), &Kept::default());
        let (snapshot, _) = built.unwrap_or_else(|findings| panic!("{findings:#?}"));
        let server = Server::bind(&settings, Arc::new(Gateway::new(snapshot)), Vec::new()).await.expect("a free port");
        let address = server.address();
        let server = tokio::spawn(server.run(std::future::pending()));
        let client = reqwest::Client::builder().no_proxy().tls_certs_only([]).build().expect("a client");
        Self { service, address, client, server }
    }

    /// Asks with these headers.
    pub async fn ask(&self, query: &str, headers: &[(&str, &str)]) -> Answer {
        self.post(&json!({ "query": query }), headers).await
    }

    /// Asks with a token.
    pub async fn bearer(&self, query: &str, token: &str) -> Answer {
        self.ask(query, &[("authorization", &format!("Bearer {token}"))]).await
    }

    /// Sends a body.
    pub async fn post(&self, body: &Value, headers: &[(&str, &str)]) -> Answer {
        let url = format!("http://{}/graphql", self.address);
        let request = self.client.post(url).header("content-type", "application/json").body(body.to_string());
        send(request, headers).await
    }

    /// The port at which it listens.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// Asks by GET.
    pub async fn get(&self, query: &str, headers: &[(&str, &str)]) -> Answer {
        let mut url = reqwest::Url::parse(&format!("http://{}/graphql", self.address)).expect("a URL");
        url.query_pairs_mut().append_pair("query", query);
        send(self.client.get(url).header("apollo-require-preflight", "1"), headers).await
    }
}

async fn send(mut request: reqwest::RequestBuilder, headers: &[(&str, &str)]) -> Answer {
    for (name, value) in headers {
        request = request.header(*name, value.as_bytes());
    }
    read(request.send().await.expect("an answer")).await
}

/// What came back.
pub async fn read(response: reqwest::Response) -> Answer {
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let bytes = response.bytes().await.expect("a whole answer");
    let body = match serde_json::from_slice(&bytes) {
        Ok(body) => body,
        Err(_) if bytes.is_empty() => Value::Null,
        Err(error) => panic!("{error}: {bytes:?}"),
    };
    Answer { status, headers, body }
}

/// Seconds since 1970.
pub fn now() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970");
    i64::try_from(now.as_secs()).expect("before the end of time")
}
