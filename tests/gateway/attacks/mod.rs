//! Requests of people who mean harm, one after the other against one process: each is refused or answered within its means, nothing is
//! called that should not be, nothing of the inside is told, and the next caller is answered.

mod http2;

use std::{
    fmt::Write as _,
    fs,
    io::{Read, Write},
    net::{Shutdown, TcpStream},
    path::PathBuf,
    time::{Duration, Instant},
};

use serde_json::json;

use crate::support::{
    process::Weft,
    raw::{Behaviour, Seen, Upstream, answer},
    runtime, scratch,
};

const SCHEMA: &str = r#"
extend schema
  @link(url: "https://specs.apollo.dev/connect/v0.3", import: ["@source", "@connect"])
  @source(name: "shop", http: { baseURL: "http://shop.example/v1", headers: [{ name: "x-secret", value: "s3cret-of-the-shop" }] })

type Query {
  item(id: ID!): Item @connect(source: "shop", http: { GET: "/items/{$args.id}" }, selection: "id name")
  find(filter: Filter, tags: [String!]): [Item] @connect(source: "shop", http: { GET: "/find?q={$args.filter.text}" }, selection: "id name")
  canary: Item @connect(source: "shop", http: { GET: "/canary" }, selection: "id name")
}

type Mutation {
  remove(id: ID!): Item @connect(source: "shop", http: { DELETE: "/items/{$args.id}" }, selection: "id name")
}

input Filter { text: String and: [Filter!] or: Filter }
type Item { id: ID! name: String self: Item @connect(source: "shop", http: { GET: "/items/{$this.id}" }, selection: "id name") }
"#;

/// Most processor time of one attack. Debug builds are slower by more than an order of magnitude.
const CPU_MAX: Duration = if cfg!(debug_assertions) { Duration::from_millis(2500) } else { Duration::from_millis(60) };
/// Memory beyond ten times what came in that one attack may take: caches fill, buffers grow to their size.
const MEMORY_MAX: u64 = 24 << 20;
/// What `/proc` counts processor time in.
const TICK: Duration = Duration::from_millis(10);

struct World {
    weft: Weft,
    shop: Upstream,
    folder: PathBuf,
    /// The service runs in it.
    _runtime: tokio::runtime::Runtime,
}

impl Drop for World {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// What is sent, and what may come of it.
struct Attack {
    name: String,
    bytes: Vec<u8>,
    /// Statuses that are right; none: the connection may end without an answer too.
    statuses: &'static [u16],
    /// Whether `data` may come: it is a request like any other.
    is_answered: bool,
    /// Lines of calls that may be made.
    calls: &'static [&'static str],
    /// Whether the caller hangs up when it has sent all: a connection of HTTP/2 is kept for longer than anybody waits here.
    hangs_up: bool,
}

fn world() -> World {
    let runtime = runtime();
    let (weft, shop, folder) = runtime.block_on(async {
        let shop = Upstream::start(|_: &Seen| {
            Behaviour::Bytes(answer(200, "application/json", br#"{"id":"c","name":"canary"}"#))
        })
        .await;
        let folder = scratch("attacks");
        fs::write(folder.join("api.graphql"), SCHEMA).expect("a scratch folder");
        let config = json!({
            "schema": [folder.join("api.graphql")],
            "server": { "listen": "127.0.0.1:0", "header_timeout": "1s", "body_timeout": "1s" },
            "admin": { "listen": "off" },
            "sources": { "shop": { "urls": [format!("http://{}/v1", shop.address)], "share": "off" } },
        });
        let path = folder.join("weft.yaml");
        fs::write(&path, config.to_string()).expect("a scratch folder");
        (Weft::start(&path, &[]).expect("weft starts"), shop, folder)
    });
    World { weft, shop, folder, _runtime: runtime }
}

impl World {
    fn address(&self) -> &str {
        self.weft.origin.trim_start_matches("http://")
    }

    /// Processor time and resident bytes so far.
    fn used(&self) -> (Duration, u64) {
        let id = self.weft.id();
        let stat = fs::read_to_string(format!("/proc/{id}/stat")).expect("it lives");
        let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
        let ticks: u32 = fields[11].parse::<u32>().expect("utime") + fields[12].parse::<u32>().expect("stime");
        (TICK * ticks, fields[21].parse::<u64>().expect("rss") * 4096)
    }

    /// Sends bytes as they are; what came back before the connection ended or was silent.
    fn send(&self, bytes: &[u8], hangs_up: bool) -> Vec<u8> {
        let mut stream = TcpStream::connect(self.address()).expect("it listens");
        // Longer than its time-outs.
        stream.set_read_timeout(Some(Duration::from_secs(3))).expect("a socket");
        stream.set_write_timeout(Some(Duration::from_secs(10))).expect("a socket");
        let mut back = stream.try_clone().expect("a socket");
        let reader = std::thread::spawn(move || {
            let mut answer = Vec::new();
            let _ = back.read_to_end(&mut answer);
            answer
        });
        // It may have said no before all was sent.
        let _ = stream.write_all(bytes);
        if hangs_up {
            let _ = stream.shutdown(Shutdown::Write);
        }
        reader.join().expect("no panic")
    }
}

/// A request head with a body of the right length.
fn http(line: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let head =
        format!("{line}\r\nhost: weft.test\r\nconnection: close\r\n{headers}content-length: {}\r\n\r\n", body.len());
    [head.as_bytes(), body].concat()
}

fn post(body: &[u8]) -> Vec<u8> {
    http("POST /graphql HTTP/1.1", "content-type: application/json\r\n", body)
}

fn query(text: &str) -> Vec<u8> {
    post(json!({ "query": text }).to_string().as_bytes())
}

fn status(answer: &[u8]) -> Option<u16> {
    let text = String::from_utf8_lossy(&answer[..answer.len().min(32)]).into_owned();
    text.strip_prefix("HTTP/1.").and_then(|rest| rest.get(2..5)?.parse().ok())
}

fn numbered(times: usize, each: &dyn Fn(usize) -> String) -> String {
    (0..times).map(each).collect()
}

/// Documents that cost more than they look.
fn documents() -> Vec<(&'static str, String)> {
    let many = |text: &str, times: usize| text.repeat(times);
    let mut bomb = "{ ...F0 }".to_owned();
    for level in 0..40 {
        let _ = write!(bomb, " fragment F{level} on Query {{ ...F{} ...F{} }}", level + 1, level + 1);
    }
    bomb.push_str(" fragment F40 on Query { __typename }");
    vec![
        ("fields nested without end", format!("{}id{}", many("{ item(id: 1) ", 5000), many("}", 5000))),
        ("objects within objects", format!("{{ item(id: 1) {}id{} }}", many("{ self ", 3000), many("}", 3000))),
        ("lists in lists", format!("{{ find(tags: {}{}) {{ id }} }}", many("[", 50_000), many("]", 50_000))),
        (
            "input objects in input objects",
            format!("{{ find(filter: {}{}) {{ id }} }}", many("{ or: ", 20_000), many("}", 20_000)),
        ),
        ("ten thousand aliases", format!("{{ {} }}", numbered(10_000, &|n| format!("a{n}: canary {{ id }} ")))),
        ("one field fifty thousand times", format!("{{ canary {{ {} }} }}", many("id ", 50_000))),
        ("conflicting aliases", format!("{{ {} }}", numbered(2_000, &|n| format!("a: item(id: {n}) {{ id }} ")))),
        ("a fragment of itself", "{ ...F } fragment F on Query { ...F }".to_owned()),
        (
            "two fragments of each other",
            "{ ...A } fragment A on Query { ...B } fragment B on Query { ...A }".to_owned(),
        ),
        (
            "a fragment of itself within an object",
            "{ canary { ...F } } fragment F on Item { self { ...F } }".to_owned(),
        ),
        ("fragments that double", bomb),
        (
            "a thousand unused fragments",
            format!("{{ canary {{ id }} }} {}", numbered(1_000, &|n| format!("fragment U{n} on Item {{ id }} "))),
        ),
        (
            "a spread fifty thousand times",
            format!("{{ canary {{ {} }} }} fragment F on Item {{ id }}", many("...F ", 14_000)),
        ),
        (
            "inline fragments within each other",
            format!("{{ {} __typename {} }}", many("... {", 5_000), many("}", 5_000)),
        ),
        ("inline fragments beside each other", format!("{{ canary {{ {} }} }}", many("... { id } ", 4_000))),
        ("directives", format!("{{ canary {{ id {} }} }}", many("@skip(if: false) ", 3_000))),
        ("unknown directives", format!("{{ canary {{ id {} }} }}", many("@nothing ", 7_000))),
        ("directives of the operation", format!("query {} {{ canary {{ id }} }}", many("@x ", 7_000))),
        ("variables", format!("query ({}) {{ canary {{ id }} }}", numbered(3_000, &|n| format!("$v{n}: Int ")))),
        ("operations", numbered(2_000, &|n| format!("query Q{n} {{ canary {{ id }} }} "))),
        ("a long text", format!("{{ item(id: \"{}\") {{ id }} }}", many("x", 900_000))),
        ("a long block text", format!("{{ item(id: \"\"\"{}\"\"\") {{ id }} }}", many("x\\n ", 200_000))),
        ("a long number", format!("{{ item(id: {}) {{ id }} }}", many("9", 900_000))),
        ("a long name", format!("{{ {} }}", many("x", 900_000))),
        ("a long comment", format!("#{}\n{{ canary {{ id }} }}", many("x", 900_000))),
        ("commas", format!("{{ canary {{ id }} {} }}", many(",", 900_000))),
        ("blanks", format!("{{ canary {{ id }} {} }}", many(" ", 900_000))),
        ("braces that are not closed", many("{", 900_000)),
        ("braces that were not opened", many("}", 900_000)),
        ("brackets that are not closed", format!("{{ find(tags: {}", many("[", 900_000))),
        ("a text that is not closed", "{ item(id: \"x".to_owned()),
        ("a block text that is not closed", "{ item(id: \"\"\"x".to_owned()),
        ("half a surrogate pair", "{ item(id: \"\\ud800\") { id } }".to_owned()),
        ("no scalar value", "{ item(id: \"\\u{110000}\") { id } }".to_owned()),
        ("a NUL", "{ item(id: \"\u{0}\") { id } }".to_owned()),
        ("a byte order mark inside", "{ \u{feff}\u{feff}nothing }".to_owned()),
        ("nothing", String::new()),
        ("nothing but blanks", "   ".to_owned()),
        ("nothing but a fragment", "fragment F on Query { canary { id } }".to_owned()),
        ("a subscription", "subscription { canary { id } }".to_owned()),
        ("a type definition", "type Query { hacked: Int }".to_owned()),
        ("an extension", "extend type Query { hacked: Int } { hacked }".to_owned()),
        ("introspection", "{ __schema { types { name } } }".to_owned()),
        ("introspection of one type", "{ __type(name: \"Item\") { fields { name } } }".to_owned()),
        (
            "introspection in a fragment",
            "{ ...F } fragment F on Query { x: __schema { queryType { name } } }".to_owned(),
        ),
        (
            "introspection a thousand times",
            format!("{{ {} }}", numbered(500, &|n| format!("a{n}: __schema {{ types {{ name }} }} "))),
        ),
        (
            "introspection without end",
            format!("{{ __type(name: \"Item\") {} name {} }}", many("{ ofType ", 500), many("}", 500)),
        ),
        ("a field that is not there", "{ items { id } }".to_owned()),
        (
            "a mutation of a hundred fields",
            format!("mutation {{ {} }}", numbered(100, &|n| format!("a{n}: remove(id: {n}) {{ id }} "))),
        ),
        ("too many root fields", format!("{{ {} }}", numbered(25, &|n| format!("a{n}: canary {{ id }} ")))),
        ("too deep", format!("{{ canary {} id {} }}", many("{ self ", 20), many("}", 20))),
        ("an unknown fragment", "{ ...Nothing }".to_owned()),
        ("a list of a hundred thousand", format!("{{ find(tags: [{}]) {{ id }} }}", many("\"x\" ", 100_000))),
        (
            "default values without end",
            format!(
                "query ($f: Filter = {}{}) {{ find(filter: $f) {{ id }} }}",
                many("{ or: ", 5_000),
                many("}", 5_000)
            ),
        ),
    ]
}

/// Bodies that are no request, or one that is larger inside than outside.
fn bodies() -> Vec<(&'static str, Vec<u8>)> {
    let canary = |variables: &str| {
        format!(r#"{{"query":"query($id: ID!) {{ item(id: $id) {{ id }} }}","variables":{variables}}}"#).into_bytes()
    };
    let many = |text: &str, times: usize| text.repeat(times);
    vec![
        ("no JSON", b"query=canary".to_vec()),
        ("half of a JSON", br#"{"query":"{ canary"#.to_vec()),
        ("bytes after the JSON", br#"{"query":"{ canary { id } }"} {"query":1}"#.to_vec()),
        ("a number", b"1".to_vec()),
        ("a text", b"\"{ canary { id } }\"".to_vec()),
        ("null", b"null".to_vec()),
        ("an empty list", b"[]".to_vec()),
        ("a batch, which is off", br#"[{"query":"{ canary { id } }"},{"query":"{ canary { id } }"}]"#.to_vec()),
        ("a batch of ten thousand", format!("[{}{{}}]", many(r#"{"query":"{ canary { id } }"},"#, 10_000)).into_bytes()),
        ("lists in lists", format!("{}{}", many("[", 100_000), many("]", 100_000)).into_bytes()),
        ("objects in objects", format!("{}1{}", many(r#"{"a":"#, 100_000), many("}", 100_000)).into_bytes()),
        ("a query that is a number", br#"{"query":1}"#.to_vec()),
        ("a query that is a list", br#"{"query":["{ canary { id } }"]}"#.to_vec()),
        ("no query", br#"{"variables":{}}"#.to_vec()),
        ("invalid UTF-8", b"{\"query\":\"\xff\xfe\"}".to_vec()),
        ("UTF-16", "{\"query\":\"{ canary { id } }\"}".encode_utf16().flat_map(u16::to_le_bytes).collect()),
        ("variables that are a list", canary("[1]")),
        ("variables that are a text", canary("\"x\"")),
        ("variables without end", canary(&format!("{{\"id\":{}{}}}", many("[", 20_000), many("]", 20_000)))),
        ("a hundred thousand variables", canary(&format!("{{{}\"id\":{{}}}}", numbered(100_000, &|n| format!("\"k{n}\":{n},"))))),
        ("a variable of the wrong type", canary(r#"{"id":{"$ne":null}}"#)),
        ("a variable of a mebibyte that is an object", canary(&format!("{{\"id\":{{\"x\":\"{}\"}}}}", many("x", 1 << 20)))),
        ("a number beyond all", canary(r#"{"id":1e999999999}"#)),
        ("NaN", canary(r#"{"id":NaN}"#)),
        ("a name that is an object", br#"{"query":"{ canary { id } }","operationName":{}}"#.to_vec()),
        ("a name that is not there", br#"{"query":"query A { canary { id } }","operationName":"B"}"#.to_vec()),
        ("a long name", format!(r#"{{"query":"query A {{ canary {{ id }} }}","operationName":"{}"}}"#, many("x", 1 << 20)).into_bytes()),
        ("extensions that are a text", br#"{"query":"{ canary { id } }","extensions":"x"}"#.to_vec()),
        ("a document's hash without it", br#"{"extensions":{"persistedQuery":{"version":1,"sha256Hash":"00"}}}"#.to_vec()),
        ("a hash that is another's", format!(r#"{{"query":"{{ canary {{ id }} }}","extensions":{{"persistedQuery":{{"version":1,"sha256Hash":"{}"}}}}}}"#, many("0", 64)).into_bytes()),
        ("a hash of a mebibyte", format!(r#"{{"extensions":{{"persistedQuery":{{"version":1,"sha256Hash":"{}"}}}}}}"#, many("0", 1 << 20)).into_bytes()),
        ("a version of the protocol that is not there", br#"{"extensions":{"persistedQuery":{"version":7,"sha256Hash":"00"}}}"#.to_vec()),
        ("more than may come", format!(r#"{{"query":"{}"}}"#, many("x", 3 << 20)).into_bytes()),
    ]
}

/// Requests that other servers have been fooled by.
fn requests() -> Vec<(&'static str, Vec<u8>)> {
    let good = br#"{"query":"{ canary { id } }"}"#;
    let json = "content-type: application/json\r\n";
    let raw = |text: String| text.into_bytes();
    let post_with = |headers: &str| http("POST /graphql HTTP/1.1", headers, good);
    vec![
        ("no content type", post_with("")),
        ("plain text", post_with("content-type: text/plain\r\n")),
        ("a form", post_with("content-type: application/x-www-form-urlencoded\r\n")),
        ("a form with files", post_with("content-type: multipart/form-data; boundary=x\r\n")),
        ("JSON by a name that browsers do not ask about", post_with("content-type: text/plain; application/json\r\n")),
        ("an encoding of the body", post_with("content-type: application/json\r\ncontent-encoding: gzip\r\n")),
        ("another charset", post_with("content-type: application/json; charset=utf-16\r\n")),
        ("PUT", http("PUT /graphql HTTP/1.1", json, good)),
        ("DELETE", http("DELETE /graphql HTTP/1.1", json, good)),
        ("PATCH", http("PATCH /graphql HTTP/1.1", json, good)),
        ("TRACE", http("TRACE /graphql HTTP/1.1", json, b"")),
        ("CONNECT", raw("CONNECT 169.254.169.254:80 HTTP/1.1\r\nhost: 169.254.169.254:80\r\n\r\n".to_owned())),
        ("a method of its own", http("HACK /graphql HTTP/1.1", json, good)),
        ("a mutation by GET", http("GET /graphql?query=mutation%7Bremove(id:1)%7Bid%7D%7D HTTP/1.1", "apollo-require-preflight: 1\r\n", b"")),
        ("a query by GET that a page could send", http("GET /graphql?query=%7Bcanary%7Bid%7D%7D HTTP/1.1", "user-agent: Mozilla/5.0 (X11)\r\n", b"")),
        ("a query by GET from a foreign page", http("GET /graphql?query=%7Bcanary%7Bid%7D%7D HTTP/1.1", "origin: https://evil.example\r\ncookie: a=b\r\n", b"")),
        ("bad escapes", http("GET /graphql?query=%zz%7B HTTP/1.1", "apollo-require-preflight: 1\r\n", b"")),
        ("variables by GET that are no JSON", http("GET /graphql?query=%7Bcanary%7Bid%7D%7D&variables=%7B HTTP/1.1", "apollo-require-preflight: 1\r\n", b"")),
        ("another path", http("POST /admin HTTP/1.1", json, good)),
        ("a path that climbs", http("POST /x/../../etc/passwd HTTP/1.1", json, good)),
        ("a path that climbs, escaped", http("GET /%2e%2e/%2e%2e/etc/passwd HTTP/1.1", json, b"")),
        ("metrics, which are elsewhere", http("GET /metrics HTTP/1.1", "", b"")),
        ("a purge, which is elsewhere", http("POST /cache/purge HTTP/1.1", json, br#"{"all":true}"#)),
        ("a page, which is off", http("GET /graphql HTTP/1.1", "accept: text/html\r\n", b"")),
        ("a line without end", raw(format!("GET /graphql?query={} HTTP/1.1\r\nhost: x\r\n\r\n", "x".repeat(200_000)))),
        ("a header without end", raw(format!("POST /graphql HTTP/1.1\r\nhost: x\r\nx: {}\r\n\r\n", "x".repeat(200_000)))),
        ("a thousand headers", raw(format!("POST /graphql HTTP/1.1\r\nhost: x\r\n{}\r\n", "x: y\r\n".repeat(1000)))),
        ("no host", raw("POST /graphql HTTP/1.1\r\ncontent-type: application/json\r\ncontent-length: 29\r\n\r\n".to_owned())),
        ("a name with a blank", raw("POST /graphql HTTP/1.1\r\nhost: x\r\ncontent-length : 5\r\n\r\nhello".to_owned())),
        ("a folded header", raw("POST /graphql HTTP/1.1\r\nhost: x\r\nx: a\r\n b\r\ncontent-length: 0\r\n\r\n".to_owned())),
        ("a NUL in a header", raw("POST /graphql HTTP/1.1\r\nhost: x\r\nx: a\0b\r\n\r\n".to_owned())),
        ("two lengths", raw("POST /graphql HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\nhello!".to_owned())),
        ("a length below zero", raw("POST /graphql HTTP/1.1\r\nhost: x\r\ncontent-length: -5\r\n\r\nhello".to_owned())),
        ("a length with a sign", raw("POST /graphql HTTP/1.1\r\nhost: x\r\ncontent-length: +5\r\n\r\nhello".to_owned())),
        ("a length beyond all", raw("POST /graphql HTTP/1.1\r\nhost: x\r\ncontent-length: 99999999999999999999999\r\n\r\nhello".to_owned())),
        ("a length and chunks", raw("POST /graphql HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 4\r\ntransfer-encoding: chunked\r\n\r\n5c\r\nGET /admin HTTP/1.1\r\n\r\n0\r\n\r\n".to_owned())),
        ("chunks twice", raw("POST /graphql HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked, chunked\r\n\r\n0\r\n\r\n".to_owned())),
        ("chunks by another name", raw("POST /graphql HTTP/1.1\r\nhost: x\r\ntransfer-encoding: xchunked\r\n\r\n0\r\n\r\n".to_owned())),
        ("a chunk beyond all", raw("POST /graphql HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\nffffffffffffffffff\r\nx".to_owned())),
        ("a chunk below zero", raw("POST /graphql HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n-1\r\nx".to_owned())),
        ("a chunk that says much", raw(format!("POST /graphql HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n1;{}\r\nx\r\n0\r\n\r\n", "x".repeat(100_000)))),
        ("chunks of one byte", raw(format!("POST /graphql HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n{}0\r\n\r\n", "1\r\nx\r\n".repeat(20_000)))),
        ("less body than said", raw("POST /graphql HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 500\r\n\r\n{".to_owned())),
        ("a head that never ends", raw("POST /graphql HTTP/1.1\r\nhost: x\r\nx: ".to_owned())),
        ("nothing at all", Vec::new()),
        ("noise", (0..4096_u32).map(|n| u8::try_from(n.wrapping_mul(2_654_435_761) >> 24).expect("a byte")).collect()),
        ("HTTP/0.9", raw("GET /graphql\r\n".to_owned())),
        ("HTTP/3 on the wrong door", raw("POST /graphql HTTP/3.0\r\nhost: x\r\n\r\n".to_owned())),
        ("bare line feeds and a second request", raw("POST /graphql HTTP/1.1\nhost: x\ncontent-length: 0\n\nGET /metrics HTTP/1.1\nhost: x\n\n".to_owned())),
        ("a WebSocket", http("GET /graphql HTTP/1.1", "upgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n", b"")),
    ]
}

/// Values that look for another way at the service, with the one call that may be made of them.
fn values() -> Vec<(&'static str, &'static str)> {
    vec![
        ("a path that climbs", "../admin"),
        ("a path that climbs twice", "../../admin"),
        ("two dots", ".."),
        ("one dot", "."),
        ("dots, escaped", "%2e%2e"),
        ("dots, escaped twice", "%252e%252e%252fadmin"),
        ("a slash", "a/b"),
        ("a slash, escaped", "a%2fb"),
        ("a backslash", "..\\admin"),
        ("another host", "//169.254.169.254/latest"),
        ("a URL", "http://169.254.169.254/latest/meta-data"),
        ("a user", "@169.254.169.254/"),
        ("a query", "1?admin=true"),
        ("a fragment", "1#admin"),
        ("a parameter", "1&admin=true"),
        ("a new line", "1\r\nx-admin: true"),
        ("a request", "1 HTTP/1.1\r\nhost: evil.example\r\n\r\nGET /admin"),
        ("a NUL", "1\u{0}"),
        ("SQL", "1' OR '1'='1"),
        ("a template", "{$env.HOME}"),
        ("a command", "$(id)"),
        ("a long value", "LONG"),
    ]
}

fn attacks() -> Vec<Attack> {
    const REFUSED: &[u16] = &[200, 400, 403, 404, 405, 406, 411, 413, 414, 415, 421, 422, 431, 501, 505, 408, 426];
    let all = |name: &str, bytes: Vec<u8>| Attack {
        name: name.to_owned(),
        bytes,
        statuses: REFUSED,
        is_answered: false,
        calls: &[],
        hangs_up: false,
    };
    let mut attacks: Vec<Attack> =
        documents().into_iter().map(|(name, text)| all(&format!("document: {name}"), query(&text))).collect();
    attacks.extend(bodies().into_iter().map(|(name, body)| all(&format!("body: {name}"), post(&body))));
    attacks.extend(requests().into_iter().map(|(name, bytes)| all(&format!("request: {name}"), bytes)));
    for attack in &mut attacks {
        // A field once or fifty thousand times is one field: it may be answered.
        let harmless = [
            "one field fifty",
            "a spread fifty",
            "inline fragments beside",
            // An argument like any other, and too long for a URL.
            "a long text",
            "a long block text",
            "a long number",
            "a NUL",
            "a long comment",
            "commas",
            "blanks",
            "chunks of one byte",
            "another charset",
            "extensions that are",
        ];
        attack.is_answered = harmless.iter().any(|name| attack.name.contains(name));
        if attack.is_answered {
            attack.calls = &["GET /v1/canary", "GET /v1/items/%00"];
        }
    }
    attacks.extend(values().into_iter().map(|(name, value)| {
        let value = if value == "LONG" { "x".repeat(100_000) } else { value.to_owned() };
        let body = json!({ "query": "query ($id: ID!) { item(id: $id) { id } }", "variables": { "id": value } });
        Attack {
            name: format!("value: {name}"),
            bytes: post(body.to_string().as_bytes()),
            statuses: &[200],
            is_answered: true,
            calls: &["GET /v1/items/"],
            hangs_up: false,
        }
    }));
    let (answered, refused) = http2::attacks();
    let of = |part: Vec<(&str, Vec<u8>)>, is_answered, calls| {
        let attack = move |(name, bytes)| {
            let name = format!("HTTP/2: {name}");
            Attack { name, bytes, statuses: &[], is_answered, calls, hangs_up: true }
        };
        part.into_iter().map(attack).collect::<Vec<_>>()
    };
    attacks.extend(of(answered, true, &["GET /v1/canary"]));
    attacks.extend(of(refused, false, &[]));
    attacks
}

#[test]
fn each_is_refused_or_answered_within_its_means() {
    let world = world();
    let attacks = attacks();
    assert!(attacks.len() >= 230, "{}", attacks.len());
    let canary = query("{ canary { id name } }");
    let mut faults = Vec::new();
    // Once, so that what is made at the first request is there.
    world.send(&canary, false);
    let harmless = String::from_utf8_lossy(&world.send(&http2::harmless(), false)).into_owned();
    assert!(harmless.contains(r#"{"data":{"canary":{"id":"c"}}}"#), "{harmless:?}");
    for Attack { name, bytes, statuses, is_answered, calls, hangs_up } in attacks {
        let mut fault = |what: String| faults.push(format!("{name}: {what}"));
        let (seen, (cpu, memory)) = (world.shop.seen().len(), world.used());
        let answer = world.send(&bytes, hangs_up);
        let (cpu_after, memory_after) = world.used();
        let made: Vec<String> = world.shop.seen()[seen..].iter().map(|seen| seen.line.clone()).collect();
        let cpu = cpu_after.saturating_sub(cpu);
        if cpu > CPU_MAX {
            fault(format!("{cpu:?} of processor time"));
        }
        if memory_after.saturating_sub(memory) > MEMORY_MAX + 10 * bytes.len() as u64 {
            fault(format!("{} bytes of memory for {}", memory_after - memory, bytes.len()));
        }
        match status(&answer) {
            Some(status) if !statuses.contains(&status) => fault(format!("status {status}")),
            _ => {}
        }
        let text = String::from_utf8_lossy(&answer);
        if !is_answered && (text.contains("\"data\":{") || text.contains("101 Switching")) {
            fault(format!("it was answered: {}", text.chars().take(300).collect::<String>()));
        }
        for inside in
            ["s3cret-of-the-shop", "127.0.0.1:", "panicked", "src/", ".rs:", "shop.example", "did you mean", "root:"]
        {
            if text.to_lowercase().contains(inside) {
                fault(format!("it tells `{inside}`"));
            }
        }
        for line in &made {
            let path = line.split(' ').nth(1).unwrap_or_default();
            let is_meant = calls.iter().any(|call| line.starts_with(call))
                && path.matches('/').count() <= 3
                && !path.contains(['?', '#'])
                && !path.ends_with("/.")
                && !path.ends_with("/..")
                && !path.to_lowercase().contains("/%2e");
            if !is_meant {
                fault(format!("it called `{}`", line.chars().take(200).collect::<String>()));
            }
        }
        let asked = Instant::now();
        let after = world.send(&canary, false);
        if asked.elapsed() > Duration::from_secs(5)
            || !after.ends_with(br#"{"data":{"canary":{"id":"c","name":"canary"}}}"#)
        {
            fault(format!("the next caller: {:?}, {}", asked.elapsed(), String::from_utf8_lossy(&after)));
        }
    }
    let mut weft = world;
    assert!(weft.weft.is_alive(), "it died");
    assert!(faults.is_empty(), "{}\n{}", faults.len(), faults.join("\n"));
}
