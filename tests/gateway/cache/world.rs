//! weft over one service whose answers a script sets, with a clock that a script moves.

use std::{
    fmt::Write as _,
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use serde_json::{Value, json};
use weft::{
    config::{self, Overrides},
    gateway::{Gateway, Snapshot},
    server::Server,
    upstream::{Clock, Kept, Transport},
};

use super::script::{Headers, How, milliseconds};
use crate::support::{
    raw::{Behaviour, Seen, Upstream},
    scratch,
};

const SCHEMA: &str = r#"
extend schema
  @link(url: "https://specs.apollo.dev/federation/v2.12", import: ["@key"])
  @link(url: "https://specs.apollo.dev/connect/v0.3", import: ["@source", "@connect"])
  @source(name: "s", http: { baseURL: "BASE", headers: [
    { name: "authorization", from: "authorization" }
    { name: "cookie", from: "cookie" }
    { name: "accept-language", from: "accept-language" }
    { name: "x-tenant", from: "x-tenant" }
    { name: "cache-control", from: "cache-control" }
    { name: "pragma", from: "pragma" }
    { name: "range", from: "range" }
    { name: "if-none-match", from: "x-if-none-match" }
    { name: "if-modified-since", from: "x-if-modified-since" }
    { name: "idempotency-key", from: "idempotency-key" }
  ] })

type Query {
  item(id: ID!): Item @connect(source: "s", http: { GET: "/items/{$args.id}" }, selection: "id n who")
  post(id: ID!): Item @connect(source: "s", http: { POST: "/search", body: "id: $args.id" }, selection: "id n who")
}

type Mutation {
  post(id: ID!): Item @connect(source: "s", http: { POST: "/items/{$args.id}" }, selection: "id n who")
  put(id: ID!): Item @connect(source: "s", http: { PUT: "/items/{$args.id}" }, selection: "id n who")
  patch(id: ID!): Item @connect(source: "s", http: { PATCH: "/items/{$args.id}" }, selection: "id n who")
  delete(id: ID!): Item @connect(source: "s", http: { DELETE: "/items/{$args.id}" }, selection: "id n who")
  read(id: ID!): Item @connect(source: "s", http: { GET: "/items/{$args.id}" }, selection: "id n who")
}

type Item {
  id: ID!
  n: Int
  who: String
}
"#;

/// What the service does.
#[derive(Debug, Default)]
pub struct Service {
    pub reply: (u16, Headers),
    pub revalidation: Option<(u16, Headers)>,
    pub written: (u16, Headers),
    pub is_down: bool,
    /// What time it is for everybody.
    pub clock: Clock,
    /// Reads that came.
    pub reads: u64,
}

/// A gateway and its service, for one script.
pub struct World {
    pub upstream: Upstream,
    pub service: Arc<Mutex<Service>>,
    pub clock: Clock,
    address: SocketAddr,
    admin: SocketAddr,
    client: reqwest::Client,
    server: tokio::task::JoinHandle<()>,
}

impl Drop for World {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// One HTTP answer.
pub struct Answer {
    pub status: u16,
    pub headers: http::HeaderMap,
    pub body: Value,
}

impl Answer {
    /// A header's value.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }
}

impl World {
    /// Starts all of it; `yaml` is the configuration of the source and what is beside it.
    pub async fn start(yaml: &str) -> Self {
        let clock = Clock::by_hand();
        let always = || (200, Vec::new());
        let service = Service { reply: always(), written: always(), clock: clock.clone(), ..Service::default() };
        let service = Arc::new(Mutex::new(service));
        let shared = Arc::clone(&service);
        let upstream = Upstream::start(move |seen| shared.lock().expect("no panic in the stub").behave(seen)).await;
        Self::over(upstream, service, yaml).await
    }

    /// Over a service that is there already.
    pub async fn over(upstream: Upstream, service: Arc<Mutex<Service>>, yaml: &str) -> Self {
        Self::of(SCHEMA, upstream, service, yaml).await
    }

    /// With a schema of the test's own, in which `BASE` stands for the service.
    pub async fn of(schema: &str, upstream: Upstream, service: Arc<Mutex<Service>>, yaml: &str) -> Self {
        let folder = scratch(&format!("cache-{}", upstream.address.port()));
        let schema = schema.replace("BASE", &format!("http://{}", upstream.address));
        std::fs::write(folder.join("api.graphql"), schema).expect("a writable folder");
        let file = folder.join("weft.yaml");
        let fixed = "schema: [api.graphql]\nserver: { listen: 127.0.0.1:0 }\nadmin: { listen: 127.0.0.1:0 }\n";
        std::fs::write(&file, format!("{fixed}{yaml}")).expect("a writable folder");
        let settings = config::load(Some(&file), &Overrides::default());
        let settings = settings.unwrap_or_else(|findings| panic!("{yaml}: {findings:#?}"));
        let clock = service.lock().expect("no panic in the stub").clock.clone();
        let transport = Transport { clock: clock.clone(), ..Transport::default() };
        let built = Snapshot::build(&settings, &transport, &Kept::default());
        let (snapshot, _) = built.unwrap_or_else(|findings| panic!("{findings:#?}"));
        let gateway = Arc::new(Gateway::new(snapshot));
        let server = Server::bind(&settings, gateway, Vec::new()).await.expect("a free port");
        let (address, admin) = (server.address(), server.admin_address().expect("an admin listener"));
        let server = tokio::spawn(server.run(std::future::pending()));
        std::fs::remove_dir_all(&folder).ok();
        let client = reqwest::Client::builder().no_proxy().tls_certs_only([]).build().expect("a client");
        Self { upstream, service, clock, address, admin, client, server }
    }

    /// Asks a query for one item.
    pub async fn ask(&self, how: How, id: &str, headers: &[(String, String)]) -> Answer {
        let field = if how == How::Post { "post" } else { "item" };
        let query = format!("{{ it: {field}(id: \"{id}\") {{ id n who }} }}");
        self.send(how == How::Get, &query, headers).await
    }

    /// Sends an operation.
    pub async fn send(&self, by_get: bool, query: &str, headers: &[(String, String)]) -> Answer {
        let url = format!("http://{}/graphql", self.address);
        let mut request = if by_get {
            let mut url = reqwest::Url::parse(&url).expect("a URL");
            url.query_pairs_mut().append_pair("query", query);
            self.client.get(url).header("apollo-require-preflight", "1").header("content-type", "application/json")
        } else {
            self.client.post(url).header("content-type", "application/json").body(json!({ "query": query }).to_string())
        };
        for (name, value) in headers {
            request = request.header(name, value);
        }
        Self::answer(request).await
    }

    /// Posts a request as it is.
    pub async fn post(&self, body: &Value) -> Answer {
        let request = self.client.post(format!("http://{}/graphql", self.address));
        Self::answer(request.header("content-type", "application/json").body(body.to_string())).await
    }

    async fn answer(request: reqwest::RequestBuilder) -> Answer {
        let response = request.send().await.expect("an answer");
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let bytes = response.bytes().await.expect("a whole answer");
        let body = if bytes.is_empty() { Value::Null } else { serde_json::from_slice(&bytes).expect("JSON") };
        Answer { status, headers, body }
    }

    /// How many answers of this process were given again.
    pub async fn repeated(&self) -> u64 {
        let text = self.client.get(format!("http://{}/metrics", self.admin)).send().await.expect("an answer");
        let text = text.text().await.expect("a whole answer");
        let line = text.lines().find_map(|line| line.strip_prefix("weft_answers_repeated_total "));
        line.map_or(0, |number| number.parse().expect("a number"))
    }

    /// Runs a mutation.
    pub async fn write(&self, method: &str, id: &str) -> Answer {
        self.send(false, &format!("mutation {{ it: {}(id: \"{id}\") {{ id }} }}", method.to_ascii_lowercase()), &[])
            .await
    }

    /// Sends a purge to the operator's listener.
    pub async fn purge(&self, body: &Value) -> (u16, Value) {
        let url = format!("http://{}/cache/purge", self.admin);
        let request = self.client.post(url).header("content-type", "application/json").body(body.to_string());
        let response = request.send().await.expect("an answer");
        let status = response.status().as_u16();
        (status, serde_json::from_slice(&response.bytes().await.expect("a whole answer")).unwrap_or_default())
    }

    /// Reads that reached the service.
    pub fn reads(&self) -> usize {
        usize::try_from(self.service.lock().expect("no panic in the stub").reads).expect("a small number")
    }
}

impl Service {
    /// What it does with a request.
    pub fn behave(&mut self, seen: &Seen) -> Behaviour {
        let is_read = seen.line.starts_with("GET ") || seen.line.ends_with("/search");
        self.reads += u64::from(is_read);
        if self.is_down {
            return Behaviour::Close;
        }
        let is_conditional = ["if-none-match", "if-modified-since"].iter().any(|name| seen.header(name).is_some());
        let (status, headers) = match &self.revalidation {
            _ if !is_read => &self.written,
            Some(revalidation) if is_conditional => revalidation,
            _ => &self.reply,
        };
        let id = seen.line.rsplit('/').next().unwrap_or_default();
        let who = seen.header("authorization").or_else(|| seen.header("x-tenant"));
        let body = json!({ "id": id, "n": self.reads, "who": who }).to_string();
        let body = if [204, 304].contains(status) { String::new() } else { body };
        let mut text = format!("HTTP/1.1 {status} Stub\r\nconnection: close\r\n");
        if *status != 304 {
            write!(text, "content-type: application/json\r\ncontent-length: {}\r\n", body.len()).expect("memory");
        }
        for (name, value) in headers {
            write!(text, "{name}: {}\r\n", self.expand(value)).expect("memory");
        }
        Behaviour::Bytes(format!("{text}\r\n{body}").into_bytes())
    }

    /// Replaces `{now}`, `{now-60s}`, `{now+1h}` by dates.
    pub fn expand(&self, value: &str) -> String {
        let Some((before, rest)) = value.split_once("{now") else { return value.to_owned() };
        let (shift, after) = rest.split_once('}').expect("a closed brace");
        let shift = if shift.is_empty() { 0 } else { milliseconds(shift).expect("a time") };
        let by = Duration::from_millis(shift.unsigned_abs());
        let now = self.clock.date();
        let date = if shift < 0 { now - by } else { now + by };
        format!("{before}{}{after}", httpdate::fmt_http_date(date))
    }
}
