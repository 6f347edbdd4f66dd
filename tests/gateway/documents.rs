//! Trusted documents, from a gateway that answers everything to one that answers a list: what a report finds is enough for
//! `only_trusted`, over real processes, files, signals and restarts.

use std::{
    collections::BTreeMap,
    fs,
    net::TcpListener,
    path::PathBuf,
    process::Command,
    time::{Duration, Instant},
};

use data_encoding::HEXLOWER;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tokio::runtime::Runtime;

use crate::support::{
    process::Weft,
    raw::{Behaviour, Upstream, answer},
    runtime, scratch,
};

const SCHEMA: &str = r#"
extend schema
  @link(url: "https://specs.apollo.dev/connect/v0.4", import: ["@source", "@connect"])
  @source(name: "s", http: { baseURL: "BASE" })

type Query {
  thing(id: ID!): Thing @connect(source: "s", http: { GET: "/things/{$args.id}" }, selection: "id part { id more { id } }")
  fixed: String @connect(selection: "$('fixed')")
}
type Mutation {
  add(id: ID!): Thing @connect(source: "s", http: { POST: "/things", body: "id: $args.id" }, selection: "id part { id more { id } }")
}
type Thing { id: ID! part: Part }
type Part { id: ID! more: More }
type More { id: ID! }
"#;

const NAMED: &str = "query Named($id: ID!) { thing(id: $id) { id } }";
const ADD: &str = "mutation Add { add(id: 1) { id } }";
const BARE: &str = "{ thing(id: 2) { part { id } } }";
const HASHED: &str = "query Hashed { thing(id: 3) { id } }";
const SCHEMA_ONLY: &str = "query IntrospectionQuery { __schema { queryType { name } } t: __typename }";

/// A folder, a service that counts, and what asks gateways over them.
struct World {
    folder: PathBuf,
    service: Upstream,
    runtime: Runtime,
    client: reqwest::Client,
}

impl Drop for World {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// What came back: the status, and the code of the first error or else `ok`.
type Told = (u16, String);

impl World {
    fn new(name: &str) -> Self {
        let (runtime, folder) = (runtime(), scratch(name));
        let body = br#"{ "id": "1", "part": { "id": "2" } }"#;
        let service = runtime.block_on(Upstream::start(|_| Behaviour::Bytes(answer(200, "application/json", body))));
        let schema = SCHEMA.replace("BASE", &format!("http://{}", service.address));
        fs::write(folder.join("api.graphql"), schema).expect("a scratch folder");
        let client = reqwest::Client::builder().no_proxy().build().expect("a client");
        Self { folder, service, runtime, client }
    }

    fn configure(&self, documents: &Value, admin: &str) -> PathBuf {
        let hash = |key: &str| sha256(key);
        let config = json!({
            "schema": ["api.graphql"],
            "server": { "listen": "127.0.0.1:0", "introspection": true },
            "admin": { "listen": admin },
            "auth": { "api_keys": { "keys": [{ "id": "ios", "sha256": hash("i") }, { "id": "web", "sha256": hash("w") }] } },
            "limits": { "depth": 3 },
            "documents": documents,
        });
        self.write("weft.yaml", &config.to_string());
        self.folder.join("weft.yaml")
    }

    fn start(&self, documents: &Value) -> Weft {
        Weft::start(&self.configure(documents, "off"), &[]).expect("weft starts")
    }

    /// With a listener for operators, and its port.
    fn start_with_metrics(&self, documents: &Value) -> (Weft, u16) {
        // A port that was free a moment ago; somebody else may take it first.
        for _ in 0..5 {
            let admin = TcpListener::bind("127.0.0.1:0").and_then(|it| it.local_addr()).expect("a free port").port();
            match Weft::start(&self.configure(documents, &format!("127.0.0.1:{admin}")), &[]) {
                Ok(weft) => return (weft, admin),
                Err(reason) if reason.contains("in use") => {}
                Err(reason) => panic!("{reason}"),
            }
        }
        panic!("every port is taken a moment later");
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.folder.join(name);
        fs::create_dir_all(path.parent().expect("in the folder")).expect("a scratch folder");
        fs::write(path, text).expect("a scratch folder");
    }

    fn post(&self, weft: &Weft, body: &Value, key: Option<&str>) -> Told {
        let headers: Vec<_> = key.iter().map(|key| ("x-api-key".to_owned(), (*key).to_owned())).collect();
        let (status, answer) = self.runtime.block_on(weft.ask(body, &headers)).expect("an answer");
        (status, code(&answer))
    }

    fn ask(&self, weft: &Weft, query: &str) -> String {
        self.post(weft, &json!({ "query": query }), None).1
    }

    /// By GET, with these members of a request.
    fn get(&self, weft: &Weft, members: &[(&str, &str)]) -> String {
        let mut url = reqwest::Url::parse(&format!("{}/graphql", weft.origin)).expect("a URL");
        url.query_pairs_mut().extend_pairs(members);
        let request = self.client.get(url).header("apollo-require-preflight", "1");
        self.runtime.block_on(async {
            let text = request.send().await.expect("an answer").text().await.expect("a whole answer");
            code(&serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}")))
        })
    }

    /// Requests of untrusted documents so far: those proposed, those left out.
    fn untrusted(&self, admin: u16) -> [u64; 2] {
        let text = self.runtime.block_on(async {
            let request = self.client.get(format!("http://127.0.0.1:{admin}/metrics"));
            request.send().await.expect("an answer").text().await.expect("a whole answer")
        });
        ["proposed", "left_out"].map(|outcome| {
            let start = format!("weft_documents_untrusted_total{{outcome=\"{outcome}\"}} ");
            let line = text.lines().find_map(|line| line.strip_prefix(&start));
            line.unwrap_or_else(|| panic!("no {start}in {text}")).parse().expect("a number")
        })
    }

    /// Texts in a manifest by their ids; empty while there is none.
    fn manifest(&self, name: &str) -> BTreeMap<String, String> {
        let Ok(text) = fs::read_to_string(self.folder.join(name)) else { return BTreeMap::new() };
        let json: Value = serde_json::from_str(&text).expect("it is written as a whole");
        let member = |entry: &Value, name: &str| entry[name].as_str().expect("a text").to_owned();
        let entries = json["operations"].as_array().expect("a list").iter();
        entries.map(|entry| (member(entry, "id"), member(entry, "body"))).collect()
    }

    /// Waits until a manifest has so many documents.
    fn until(&self, name: &str, count: usize) {
        let since = Instant::now();
        while self.manifest(name).len() < count {
            assert!(since.elapsed() < Duration::from_mins(1), "{:?}", self.manifest(name));
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn calls(&self) -> usize {
        self.service.seen().len()
    }
}

fn code(answer: &Value) -> String {
    answer["errors"][0]["extensions"]["code"].as_str().unwrap_or("ok").to_owned()
}

fn sha256(text: &str) -> String {
    HEXLOWER.encode(&Sha256::digest(text))
}

fn apq(text: &str) -> String {
    json!({ "persistedQuery": { "version": 1, "sha256Hash": sha256(text) } }).to_string()
}

/// What the audit log says of documents: event, outcome or code, operation, and the document.
fn told(log: &str) -> Vec<String> {
    let lines = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let events = lines.filter(|line| line["target"] == "weft::audit");
    events
        .map(|event| {
            let of = |name: &str| event[name].as_str().unwrap_or("-").to_owned();
            let what = if event["event"] == "refused" { of("code") } else { of("outcome") };
            format!("{} {what} {} {}", of("event"), of("operation"), &of("document")[..8])
        })
        .collect()
}

fn line(start: &str, operation: &str, document: &str) -> String {
    format!("{start} {operation} {}", &sha256(document)[..8])
}

#[test]
fn what_a_report_finds_is_enough_for_only_trusted() {
    let world = World::new("documents");
    // What clients send, each as its kind of client does.
    let play = |weft: &Weft| {
        [
            world.post(weft, &json!({ "query": NAMED, "variables": { "id": "1" } }), None).1,
            world.post(weft, &json!({ "query": ADD, "operationName": "Add" }), Some("w")).1,
            world.get(weft, &[("query", BARE)]),
            world.get(weft, &[("extensions", &apq(HASHED))]),
        ]
    };
    let mut weft = world.start(&json!({ "report": { "manifest": "seen.json" } }));
    let first = play(&weft);
    assert_eq!(first, ["ok", "ok", "ok", "PERSISTED_QUERY_NOT_FOUND"]);
    assert_eq!(world.get(&weft, &[("query", HASHED), ("extensions", &apq(HASHED))]), "ok");
    assert_eq!(play(&weft), ["ok", "ok", "ok", "ok"], "a hash counts by its text");
    // None of these could be run, or is a client's.
    for (query, expected) in [
        ("{ nothing }", "GRAPHQL_VALIDATION_FAILED"),
        ("{ thing(id: 1) { part { more { id } } } }", "LIMIT_EXCEEDED"),
        (SCHEMA_ONLY, "ok"),
    ] {
        assert_eq!(world.ask(&weft, query), expected, "{query}");
    }
    assert_eq!(world.post(&weft, &json!({ "query": NAMED, "variables": { "id": [] } }), None).1, "BAD_USER_INPUT");
    assert_eq!(world.get(&weft, &[("query", "mutation Get { add(id: 1) { id } }")]), "METHOD_NOT_ALLOWED");
    let log = weft.stop();
    let known = [NAMED, ADD, BARE, HASHED];
    assert_eq!(world.manifest("seen.json"), known.map(|text| (sha256(text), text.to_owned())).into());
    let found = told(&log);
    let once = [("Named", NAMED), ("Add", ADD), ("-", BARE), ("Hashed", HASHED)];
    for (operation, text) in once {
        let line = line("untrusted_document proposed", operation, text);
        assert_eq!(found.iter().filter(|found| **found == line).count(), 1, "{line}: {log}");
    }
    assert_eq!(found.iter().filter(|found| found.starts_with("untrusted_document")).count(), 4, "{log}");
    assert!(log.contains(r#""api_key":"web""#), "who sent it: {log}");

    // The same clients, and the manifest as it stands.
    let mut weft = world.start(&json!({ "trusted": "seen.json", "only_trusted": true }));
    assert_eq!(play(&weft), ["ok", "ok", "ok", "ok"], "by hash alone too, at a gateway that never saw the text");
    let calls = world.calls();
    let other = "query Other { thing(id: 1) { id } }";
    let refused = json!({ "query": other, "operationName": "Other" });
    let (_, answer) = world.runtime.block_on(weft.ask(&refused, &[])).expect("an answer");
    assert_eq!(code(&answer), "PERSISTED_QUERY_NOT_IN_LIST");
    let message = answer["errors"][0]["message"].as_str().expect("a message");
    assert!(message.contains(&sha256(other)), "{message}");
    for (query, expected) in [
        (SCHEMA_ONLY, "PERSISTED_QUERY_NOT_IN_LIST"),
        ("query Named($id: ID!) { thing(id: $id) { id }  }", "PERSISTED_QUERY_NOT_IN_LIST"),
    ] {
        assert_eq!(world.ask(&weft, query), expected, "{query}");
    }
    assert_eq!(world.get(&weft, &[("extensions", &apq(other))]), "PERSISTED_QUERY_NOT_IN_LIST");
    assert_eq!(world.calls(), calls, "what is refused asks nobody");
    let found = told(&weft.stop());
    assert_eq!(found[0], line("refused PERSISTED_QUERY_NOT_IN_LIST", "Other", other));
    assert_eq!(found[3], line("refused PERSISTED_QUERY_NOT_IN_LIST", "-", other), "by its hash alone");
}

#[test]
fn what_is_asked_of_the_schema_counts_when_it_is_meant_to() {
    let world = World::new("documents-schema");
    let mut weft = world.start(&json!({ "report": { "manifest": "seen.json", "introspection": true } }));
    let both = "{ __schema { queryType { name } } fixed }";
    for query in [SCHEMA_ONLY, both, "{ __typename }"] {
        assert_eq!(world.ask(&weft, query), "ok");
    }
    weft.stop();
    assert_eq!(world.manifest("seen.json").len(), 3);
    fs::remove_file(world.folder.join("seen.json")).expect("it is there");
    let mut weft = world.start(&json!({ "report": { "manifest": "seen.json" } }));
    for query in [SCHEMA_ONLY, both, "{ __typename }"] {
        assert_eq!(world.ask(&weft, query), "ok");
    }
    weft.stop();
    assert_eq!(world.manifest("seen.json").into_values().collect::<Vec<_>>().len(), 2, "a client's ping is a client's");
}

#[test]
fn each_caller_has_the_list_for_all_and_its_own() {
    let world = World::new("documents-clients");
    world.write("all.json", &json!({ "common": BARE }).to_string());
    world.write("ios/app.json", &json!({ "app": HASHED }).to_string());
    let lists = |more: Value| {
        let mut documents = json!({
            "trusted": "all.json",
            "clients": [{ "by": "api_key", "is": "ios", "trusted": "ios" }],
        });
        documents.as_object_mut().expect("an object").extend(more.as_object().cloned().unwrap_or_default());
        documents
    };
    let by_text = |text: &str| json!({ "query": text });
    let by_id = |id: &str| json!({ "documentId": id });
    let by_hash =
        |text: &str| json!({ "extensions": { "persistedQuery": { "version": 1, "sha256Hash": sha256(text) } } });

    let weft = world.start(&lists(json!({ "only_trusted": true })));
    let no = "PERSISTED_QUERY_NOT_IN_LIST";
    for (body, ios, web, nobody) in [
        (by_text(BARE), "ok", "ok", "ok"),
        (by_id("common"), "ok", "ok", "ok"),
        (by_hash(BARE), "ok", "ok", "ok"),
        (by_text(HASHED), "ok", no, no),
        (by_id("app"), "ok", no, no),
        (by_hash(HASHED), "ok", no, no),
        (by_text(NAMED), no, no, no),
    ] {
        // Twice: what is known of a document is known of it for some callers only.
        for _ in 0..2 {
            let before = world.calls();
            let told = [Some("i"), Some("w"), None].map(|key| world.post(&weft, &body, key).1);
            assert_eq!(told, [ios, web, nobody], "{body}");
            let answered = told.iter().filter(|told| *told == "ok").count();
            assert_eq!(world.calls() - before, answered, "{body}");
        }
    }
    drop(weft);

    // In a report it is the same question.
    let (weft, admin) = world.start_with_metrics(&lists(json!({ "report": { "manifest": "seen.json" } })));
    let ask = |text: &str, key| assert_eq!(world.post(&weft, &by_text(text), key).1, "ok");
    for key in [Some("i"), Some("w"), None] {
        ask(BARE, key);
    }
    ask(HASHED, Some("i"));
    assert_eq!(world.untrusted(admin), [0, 0]);
    ask(HASHED, Some("w"));
    ask(HASHED, Some("i"));
    ask(HASHED, None);
    ask(HASHED, Some("w"));
    assert_eq!(world.untrusted(admin), [3, 0], "each request of those whose list has it not");
    world.until("seen.json", 1);
    assert_eq!(world.manifest("seen.json"), [(sha256(HASHED), HASHED.to_owned())].into());
}

#[test]
fn what_there_is_no_room_for_is_answered_and_told() {
    let world = World::new("documents-bounds");
    let (mut weft, admin) =
        world.start_with_metrics(&json!({ "report": { "manifest": "seen.json", "documents_max": 2 } }));
    let queries: Vec<String> = (0..5).map(|number| format!("query Q{number} {{ fixed }}")).collect();
    for _ in 0..2 {
        for query in &queries {
            assert_eq!(world.ask(&weft, query), "ok");
        }
    }
    assert_eq!(world.untrusted(admin), [4, 6]);
    let log = weft.stop();
    assert_eq!(world.manifest("seen.json").into_values().collect::<Vec<_>>().len(), 2);
    let found = told(&log);
    for (number, query) in queries.iter().enumerate() {
        let outcome = if number < 2 { "proposed" } else { "left_out" };
        let line = line(&format!("untrusted_document {outcome}"), &format!("Q{number}"), query);
        assert_eq!(found.iter().filter(|found| **found == line).count(), 1, "{line}: {found:?}");
    }
    assert_eq!(log.matches("the manifest is full").count(), 1, "{log}");
}

#[test]
fn a_manifest_that_cannot_be_one_is_told_before_anything_is_answered() {
    let world = World::new("documents-unusable");
    world.write("map.json", r#"{ "1": "{ fixed }" }"#);
    world.write("broken.json", "{");
    world.write("file", "no folder");
    fs::create_dir(world.folder.join("folder.json")).expect("a scratch folder");
    for (manifest, reason, is_checked) in [
        ("map.json", "no list of `operations`", true),
        ("broken.json", "cannot read", true),
        ("folder.json", "cannot read", true),
        ("nowhere/seen.json", "there is no folder", false),
        ("file/seen.json", "there is no folder", true),
    ] {
        let config = world.configure(&json!({ "report": { "manifest": manifest } }), "off");
        let Err(log) = Weft::start(&config, &[]) else { panic!("{manifest}: it starts") };
        assert!(log.contains("DOCUMENTS_REPORT_UNUSABLE") && log.contains(reason), "{manifest}: {log}");
        // Where it will run is not where it is checked.
        let checked = Command::new(env!("CARGO_BIN_EXE_weft")).arg("check").arg(&config).output().expect("it runs");
        assert_eq!(checked.status.success(), !is_checked, "{manifest}: {checked:?}");
    }
    assert_eq!(fs::read_to_string(world.folder.join("broken.json")).expect("it is there"), "{");
}

#[test]
fn a_manifest_that_breaks_later_is_left_alone_until_it_is_mended() {
    let world = World::new("documents-mended");
    let mut weft = world.start(&json!({ "report": { "manifest": "seen.json" } }));
    assert_eq!(world.ask(&weft, BARE), "ok");
    world.until("seen.json", 1);
    let good = fs::read_to_string(world.folder.join("seen.json")).expect("it is there");
    world.write("seen.json", "<<<<<<< half a merge");
    assert_eq!(world.ask(&weft, HASHED), "ok");
    weft.wait_for("documents cannot be added to the manifest");
    assert_eq!(world.ask(&weft, ADD), "ok");
    assert!(fs::read_to_string(world.folder.join("seen.json")).expect("it is there").starts_with("<<<"));
    world.write("seen.json", &good.replace("\"version\"", "\"note\": \"mended\", \"version\""));
    world.until("seen.json", 3);
    weft.stop();
    let text = fs::read_to_string(world.folder.join("seen.json")).expect("it is there");
    assert!(text.contains("\"note\": \"mended\""), "{text}");
}

#[test]
fn a_killed_gateway_goes_on_where_its_manifest_ends() {
    let world = World::new("documents-killed");
    let documents = json!({ "report": { "manifest": "seen.json" } });
    let weft = world.start(&documents);
    assert_eq!((world.ask(&weft, BARE), world.ask(&weft, HASHED)), ("ok".to_owned(), "ok".to_owned()));
    world.until("seen.json", 2);
    // Without a word of warning.
    drop(weft);
    let mut weft = world.start(&documents);
    for query in [ADD, BARE, HASHED] {
        assert_eq!(world.ask(&weft, query), "ok");
    }
    let log = weft.stop();
    assert_eq!(world.manifest("seen.json").len(), 3);
    assert_eq!(told(&log), [line("untrusted_document proposed", "Add", ADD)], "what is known is no news: {log}");
    let names: Vec<_> =
        fs::read_dir(&world.folder).expect("a folder").map(|it| it.expect("a file").file_name()).collect();
    assert_eq!(names.len(), 3, "nothing is left beside it: {names:?}");
}

#[test]
fn manifests_of_several_gateways_are_one_list_from_a_reload_on() {
    let world = World::new("documents-fleet");
    world.write("trusted/readme.graphql", "{ __typename }");
    let of =
        |name: &str| json!({ "trusted": "trusted", "report": { "manifest": format!("trusted/seen-{name}.json") } });
    let mut one = world.start(&of("one"));
    for query in [BARE, HASHED, "{ __typename }"] {
        assert_eq!(world.ask(&one, query), "ok");
    }
    one.stop();
    assert_eq!(world.manifest("trusted/seen-one.json").len(), 2);
    let (mut two, admin) = world.start_with_metrics(&of("two"));
    for query in [BARE, ADD] {
        assert_eq!(world.ask(&two, query), "ok");
    }
    assert_eq!(world.untrusted(admin), [1, 0], "the other's are in the list");
    // At once, without the moment in which news are collected.
    two.hang_up();
    two.wait_for("\"event\":\"reload\"");
    assert_eq!(world.manifest("trusted/seen-two.json"), [(sha256(ADD), ADD.to_owned())].into());
    for query in [BARE, ADD, HASHED] {
        assert_eq!(world.ask(&two, query), "ok");
    }
    assert_eq!(world.untrusted(admin), [1, 0], "nothing is left to be reported");
    // From open to closed without a restart.
    world.configure(&json!({ "trusted": "trusted", "only_trusted": true }), &format!("127.0.0.1:{admin}"));
    two.hang_up();
    two.wait_for("\"event\":\"reload\"");
    for query in [BARE, ADD, HASHED] {
        assert_eq!(world.ask(&two, query), "ok");
    }
    let calls = world.calls();
    assert_eq!(world.ask(&two, "query Other { thing(id: 1) { id } }"), "PERSISTED_QUERY_NOT_IN_LIST");
    assert_eq!(world.calls(), calls);
    two.stop();
}
