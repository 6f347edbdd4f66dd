//! The commands around the schema, as the shell has them: what they print, and their exit codes.

use std::{
    fs,
    path::PathBuf,
    process::{Command, Stdio},
};

use serde_json::{Value, json};

use crate::support::{
    process::Weft,
    raw::{Behaviour, Upstream, answer},
    root, runtime, scratch,
};

/// A folder that goes with the test.
struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

struct Printed {
    code: i32,
    out: String,
    err: String,
}

impl Folder {
    fn new(name: &str) -> Self {
        Self(scratch(name))
    }

    fn write(&self, name: &str, text: &str) -> String {
        let path = self.0.join(name);
        fs::create_dir_all(path.parent().expect("in the folder")).expect("a scratch folder");
        fs::write(&path, text).expect("a scratch folder");
        path.display().to_string()
    }

    /// Runs weft in the folder.
    fn weft(&self, arguments: &[&str]) -> Printed {
        self.weft_with(arguments, "")
    }

    fn weft_with(&self, arguments: &[&str], input: &str) -> Printed {
        let mut child = Command::new(env!("CARGO_BIN_EXE_weft"))
            .args(arguments)
            .current_dir(&self.0)
            .env("NO_COLOR", "1")
            .env_remove("WEFT_CONFIG")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary starts");
        std::io::Write::write_all(&mut child.stdin.take().expect("piped"), input.as_bytes())
            .expect("it reads or has ended");
        let output = child.wait_with_output().expect("it ends");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let code = output.status.code().expect("it ended by itself");
        Printed { code, out: text(&output.stdout), err: text(&output.stderr) }
    }
}

const SCHEMA: &str = r#"extend schema
  @link(url: "https://specs.apollo.dev/connect/v0.3", import: ["@source", "@connect"])
  @source(name: "api", http: { baseURL: "https://api.example.com" })
type Query {
  book: Book @connect(source: "api", http: { GET: "/book" }, selection: "id title")
}
type Book { id: ID! title: String }
"#;

#[test]
fn init_writes_a_folder_that_runs_and_never_overwrites() {
    let folder = Folder::new("init");
    let printed = folder.weft(&["init", "shop"]);
    assert_eq!((printed.code, printed.err.as_str()), (0, ""), "{}", printed.out);
    assert!(printed.out.contains("cd shop && weft serve --dev"), "{}", printed.out);
    let shop = folder.0.join("shop");
    let checked = folder.weft(&["check", "shop"]);
    assert_eq!((checked.code, checked.err.as_str()), (0, ""));
    assert!(checked.out.starts_with("the schema can be served: 2 types, 1 connector, 1 source"), "{}", checked.out);
    assert_eq!(folder.weft(&["check", "shop/examples"]).code, 0);

    // The one service that it asks is weft's own listener for operators; here somebody else says the same.
    runtime().block_on(async {
        let ready = Upstream::start(|_| Behaviour::Bytes(answer(200, "text/plain; charset=utf-8", b"ready\n"))).await;
        let path = shop.join("weft.yaml");
        let config = fs::read_to_string(&path).expect("it was written");
        let config = config
            .replace("\"http://127.0.0.1:9090\"", &format!("\"http://{}\"", ready.address))
            .replace("listen: 127.0.0.1:9090", "listen: off")
            .replace("listen: 127.0.0.1:4000", "listen: 127.0.0.1:0");
        fs::write(&path, config).expect("it can be written");
        let weft = Weft::start(&path, &[]).expect("weft starts");
        let query = fs::read_to_string(shop.join("operations/hello.graphql")).expect("it was written");
        let (_, answer) = weft.ask(&json!({ "query": query }), &[]).await.expect("an answer");
        assert_eq!(answer, json!({ "data": { "gateway": { "state": "ready\n", "status": 200 } } }));
    });

    fs::write(shop.join("README.md"), "mine").expect("it can be written");
    fs::remove_file(shop.join("operations/hello.graphql")).expect("it is there");
    let again = folder.weft(&["init", "shop"]);
    assert_eq!((again.code, again.out.as_str()), (1, ""));
    assert!(again.err.contains("nothing was written") && again.err.contains("weft.yaml"), "{}", again.err);
    assert_eq!(fs::read_to_string(shop.join("README.md")).ok().as_deref(), Some("mine"));
    assert!(!shop.join("operations/hello.graphql").exists(), "nothing means nothing");
}

#[test]
fn check_tells_people_tools_and_services_apart_by_exit_codes() {
    let folder = Folder::new("check");
    folder.write("good/api.graphql", SCHEMA);
    folder.write("bad/api.graphql", &SCHEMA.replace("id title\"", "id titel\""));
    let good = folder.weft(&["check", "good"]);
    assert_eq!((good.code, good.out.as_str()), (0, "the schema can be served: 2 types, 1 connector, 1 source\n"));
    assert_eq!(folder.weft(&["check", "good", "--format", "json"]).out, "[]\n");
    assert_eq!(folder.weft(&["check", "good", "--format", "github"]).out, "");

    let bad = folder.weft(&["check", "bad"]);
    assert_eq!(bad.code, 1);
    assert!(
        bad.out.contains("did you mean `title`?")
            && bad.out.ends_with("\n1 error; `weft explain SELECTED_FIELD_NOT_FOUND` says more\n"),
        "{}",
        bad.out
    );
    let json: Value = serde_json::from_str(&folder.weft(&["check", "bad", "--format", "json"]).out).expect("JSON");
    assert_eq!((&json[0]["code"], &json[0]["line"]), (&json!("SELECTED_FIELD_NOT_FOUND"), &json!(5)));
    let annotated = folder.weft(&["check", "bad", "--format", "github"]);
    let expected = "::error file=bad/api.graphql,line=5,col=77,endLine=5,endColumn=81,title=SELECTED_FIELD_NOT_FOUND::";
    assert!(annotated.code == 1 && annotated.out.starts_with(expected), "{}", annotated.out);

    assert_eq!(folder.weft(&["check", "--format", "xml"]).code, 2);
    let nothing = folder.weft(&["check"]);
    assert!(nothing.code == 1 && nothing.err.contains("weft init"), "{}", nothing.err);
    folder.write("one/weft.yaml", "schema: [../good]");
    assert_eq!(folder.weft(&["check", "one"]).code, 0);
    let two = folder.weft(&["check", "one", "one/weft.yaml"]);
    assert!(two.code == 1 && two.err.contains("both configurations"), "{}", two.err);
}

#[test]
fn diff_fails_when_something_breaks() {
    let folder = Folder::new("diff");
    folder.write("old/api.graphql", SCHEMA);
    folder.write("new/schema/api.graphql", &SCHEMA.replace("title", "name"));
    folder.write("new/weft.yaml", "schema: [schema]");
    let broken = folder.weft(&["diff", "old", "new"]);
    assert_eq!(broken.code, 1);
    assert!(
        broken.out.contains("FIELD_REMOVED  Book.title") && broken.out.ends_with("1 breaking, 0 dangerous, 1 safe\n")
    );
    let json: Value =
        serde_json::from_str(&folder.weft(&["diff", "old", "new/weft.yaml", "--format", "json"]).out).expect("JSON");
    assert_eq!((&json[0]["level"], &json[0]["kind"]), (&json!("breaking"), &json!("FIELD_REMOVED")));

    // What was printed once can be kept and compared with.
    let printed = folder.weft(&["schema", "print", "--schema", "old"]);
    folder.write("api.graphql", &printed.out);
    let same = folder.weft(&["diff", "api.graphql", "old/api.graphql"]);
    assert_eq!((same.code, same.out.as_str()), (0, "the API is the same\n"), "{}", same.err);

    let missing = folder.weft(&["diff", "old", "nowhere"]);
    assert!(missing.code == 1 && missing.out.is_empty() && missing.err.contains("`nowhere`"), "{}", missing.err);
    assert_eq!(folder.weft(&["diff", "old"]).code, 2);
}

#[test]
fn the_api_is_printed_as_introspection_and_for_editors() {
    let folder = Folder::new("schema-print");
    folder.write("api.graphql", SCHEMA);
    let json = folder.weft(&["schema", "print", "--json", "--schema", "api.graphql"]);
    let json: Value = serde_json::from_str(&json.out).expect("JSON");
    assert_eq!(json["__schema"]["queryType"]["name"], "Query");
    let types: Vec<&str> =
        json["__schema"]["types"].as_array().expect("a list").iter().filter_map(|ty| ty["name"].as_str()).collect();
    assert!(types.contains(&"Book") && !types.iter().any(|name| name.starts_with("connect__")), "{types:?}");
    let definitions = folder.weft(&["schema", "definitions"]);
    assert!(definitions.code == 0 && definitions.out.contains("directive @connect("));
}

#[test]
fn plan_reads_files_and_stdin_and_draws_what_is_wrong() {
    let folder = Folder::new("plan");
    folder.write("api.graphql", SCHEMA);
    let plan = folder.weft_with(&["plan", "-", "--schema", "api.graphql"], "{ book { id } }");
    assert!(plan.code == 0 && plan.out.contains("GET api (api:Query.book[0])"), "{}{}", plan.out, plan.err);
    let wrong = folder.weft_with(&["plan", "-", "--schema", "api.graphql"], "{ book { titel } }");
    assert_eq!((wrong.code, wrong.out.as_str()), (1, ""));
    assert!(wrong.err.contains("stdin:1:10") && wrong.err.contains("did you mean `title`?"), "{}", wrong.err);
    let missing = folder.weft(&["plan", "nope.graphql", "--schema", "api.graphql"]);
    assert!(missing.code == 1 && missing.err.contains("nope.graphql"), "{}", missing.err);
}

#[test]
fn explain_prints_pages() {
    let folder = Folder::new("explain");
    let page = folder.weft(&["explain", "selected-field-not-found"]);
    assert!(
        page.code == 0 && page.out.starts_with("SELECTED_FIELD_NOT_FOUND\n\n") && !page.out.contains("```"),
        "{}",
        page.out
    );
    let unknown = folder.weft(&["explain", "INVALID_URI"]);
    assert!(unknown.code == 1 && unknown.err.contains("did you mean `INVALID_URL`?"), "{}", unknown.err);
    let all = folder.weft(&["explain"]);
    assert!(all.code == 0 && all.out.contains("CONNECTOR_FETCH") && all.out.contains("UNKNOWN_KEY"));
}

#[test]
fn definitions_for_editors_are_those_that_schemas_link() {
    // Every argument and input field that the editor offers has to be accepted.
    let text = fs::read_to_string(root().join("src/schema/definitions.graphql")).expect("it is in the project");
    let link = r#"@link(url: "https://specs.apollo.dev/connect/v0.3", import: ["@source", "@connect"])"#;
    let links = r#"@link(url: "https://specs.apollo.dev/federation/v2.12", import: [
    "@key", "@shareable", "@inaccessible", "@tag", "@override", "@interfaceObject", "@authenticated", "@requiresScopes", "@policy"
    "@cost", "@listSize", "@cacheTag", "FieldSet", "Scope", "Policy"
  ])
  @link(url: "https://specs.apollo.dev/connect/v0.3", import: [
    "@source", "@connect", "SourceHTTP", "ConnectHTTP", "HTTPHeaderMapping", "ConnectBatch", "ConnectorErrors", "JSONSelection"
    "URLTemplate"
  ])"#;
    let folder = Folder::new("definitions");
    assert!(SCHEMA.contains(link));
    folder.write("api.graphql", &format!("{}\n{text}", SCHEMA.replace(link, links)));
    let checked = folder.weft(&["check", "api.graphql"]);
    assert_eq!(checked.code, 0, "{}", checked.out);
}

/// What `weft check --production` finds in the shop's production settings with one line changed: its exit code, and the codes.
fn production(change: impl Fn(&str) -> String) -> (i32, Vec<String>) {
    let text = fs::read_to_string(root().join("schema/production.yaml")).expect("a readable file");
    let changed = change(&text).replace("[./", "[").replace(" ./", " ");
    let folder = Folder::new("production");
    for name in ["accounts", "catalog", "inventory", "orders", "reviews"] {
        let file = format!("{name}.graphql");
        folder.write(&file, &fs::read_to_string(root().join("schema").join(&file)).expect("a readable file"));
    }
    folder.write("weft.yaml", &changed);
    let printed = folder.weft(&["check", "--production", "--format", "json"]);
    let found: Value =
        serde_json::from_str(&printed.out).unwrap_or_else(|error| panic!("{error}: {}{}", printed.out, printed.err));
    let list =
        found.as_array().cloned().unwrap_or_else(|| found["diagnostics"].as_array().cloned().unwrap_or_default());
    (printed.code, list.iter().map(|finding| finding["code"].as_str().unwrap_or_default().to_owned()).collect())
}

#[test]
fn production_settings_pass_and_each_fault_is_named() {
    assert_eq!(production(str::to_owned), (0, Vec::new()));
    let faults: [(&str, &str, &str); 24] = [
        ("timeout: 10s", "timeout: 10s\n  introspection: true", "PRODUCTION_INTROSPECTION"),
        ("timeout: 10s", "timeout: 10s\n  graphiql: true", "PRODUCTION_GRAPHIQL"),
        ("[\"https://shop.example\"], credentials: true", "[\"*\"]", "PRODUCTION_CORS"),
        ("timeout: 10s", "timeout: 10s\n  csrf: { enabled: false }", "PRODUCTION_CSRF"),
        ("limits: { depth: 12", "limits: { mode: report, depth: 12", "PRODUCTION_LIMITS"),
        ("depth: 12", "depth: 1000", "PRODUCTION_LIMITS"),
        ("limits: {", "documents: { report: { manifest: seen.json } }\nlimits: {", "PRODUCTION_DOCUMENTS"),
        ("cost: 5000", "cost: 100000000", "PRODUCTION_LIMITS"),
        ("body_max: 256KiB", "body_max: 1GiB", "PRODUCTION_LIMITS"),
        ("timeout: 10s", "timeout: 10s\n  batching: { enabled: true, operations_max: 1000 }", "PRODUCTION_BATCHING"),
        ("timeout: 10s", "timeout: 10m", "PRODUCTION_TIMEOUT"),
        ("rate_limits:\n  - { by: ip, requests: 600, per: 1m, burst: 100 }", "", "PRODUCTION_RATE_LIMITS"),
        ("[10.0.0.0/8]", "[0.0.0.0/0]", "PRODUCTION_PROXIES"),
        ("[10.0.0.0/8]", "[\"::/0\"]", "PRODUCTION_PROXIES"),
        ("required: true", "required: false", "PRODUCTION_ANONYMOUS"),
        ("jwks: https://", "jwks: http://", "PRODUCTION_PLAIN_HTTP"),
        ("https://orders.example", "http://orders.example", "PRODUCTION_PLAIN_HTTP"),
        ("http://10.20.0.5", "http://203.0.113.5", "PRODUCTION_PLAIN_HTTP"),
        ("sources:", "cache: { redis: \"redis://cache.example:6379\" }\nsources:", "PRODUCTION_PLAIN_HTTP"),
        ("sources:", "headers: { propagate: [{ matching: \".*\" }] }\nsources:", "PRODUCTION_PROPAGATE"),
        (
            "{ urls: [\"https://orders.example\"] }",
            "{ urls: [\"https://orders.example\"], headers: { propagate: [{ matching: auth }] } }",
            "PRODUCTION_PROPAGATE",
        ),
        ("trusted_proxies: [10.0.0.0/8]", "", "PRODUCTION_PLAIN_LISTENER"),
        ("127.0.0.1:9090", "0.0.0.0:9090", "PRODUCTION_ADMIN"),
        ("sources:", "telemetry: { log: { level: debug } }\nsources:", "PRODUCTION_LOG"),
    ];
    for (from, to, code) in faults {
        let (exit, codes) = production(|text| {
            assert!(text.contains(from), "{from}");
            text.replacen(from, to, 1)
        });
        assert_eq!(codes, [code], "{from} → {to}");
        let warnings = ["PRODUCTION_ANONYMOUS", "PRODUCTION_DOCUMENTS", "PRODUCTION_PLAIN_LISTENER", "PRODUCTION_LOG"];
        let is_warning = warnings.contains(&code);
        assert_eq!(exit, i32::from(!is_warning), "{from} → {to}");
    }
}

#[test]
fn config_print_shows_what_holds_and_no_secret() {
    let folder = Folder::new("config-print");
    folder.write("api.graphql", SCHEMA);
    let config = "schema: [api.graphql]\n\
                  headers: { set: { x-key: lit-key } }\n\
                  sources: { api: { urls: [\"${env.API}\"], credentials: { bearer: { token: \"${env.TOKEN}\" } } } }\n";
    folder.write("weft.yaml", config);
    let run = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_weft"));
        command
            .args(arguments)
            .current_dir(&folder.0)
            .env("API", "https://u:env-pass@api.example")
            .env("TOKEN", "env-token");
        let output = command.env("WEFT_LISTEN", "127.0.0.1:4711").env("WEFT_LOG", "warn").output().expect("it runs");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (output.status.code(), text(&output.stdout), text(&output.stderr))
    };
    let (code, printed, err) = run(&["config", "print", "--dev"]);
    assert_eq!((code, err.as_str()), (Some(0), ""));
    for secret in ["lit-key", "env-pass", "env-token"] {
        assert!(!printed.contains(secret), "{printed}");
    }
    for line in [
        "  listen: \"127.0.0.1:4711\"  # --listen or WEFT_LISTEN\n",
        "  introspection: true  # --dev\n",
        "      - url: \"${env.API}\"  # environment: API\n",
        "        token: \"${env.TOKEN}\"  # environment: TOKEN\n",
        "    x-key: \"***\"  # file\n",
        "    level: \"warn\"  # WEFT_LOG\n",
        "  timeout: 30s  # default\n",
    ] {
        assert!(printed.contains(line), "{line}{printed}");
    }
    folder.write("elsewhere/printed.yaml", &printed);
    let (code, out, err) = run(&["check", "elsewhere/printed.yaml"]);
    assert_eq!((code, err.as_str()), (Some(0), ""), "{out}");

    folder.write("weft.yaml", &config.replace("sources:", "source:"));
    let (code, out, err) = run(&["config", "print"]);
    assert!(code == Some(1) && out.is_empty() && err.contains("did you mean `sources`?"), "{out}{err}");
}
