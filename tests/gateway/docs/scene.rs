//! The blocks of a page, played: schema files and configuration make a gateway, `http call` is what a service is asked and
//! answers, an operation is asked, and its answer compared. How many calls were made counts too.
//!
//! | Block | What it is |
//! |---|---|
//! | `graphql NAME.graphql` | a schema file; after an answer it begins a new graph, with `beside` it joins the one before |
//! | `yaml weft.yaml` | the configuration, beside `schema` |
//! | `http call` | one call of the next operation, each exactly once: request, then `HTTP/1.1 …` and the response |
//! | `graphql operation`, `json variables`, `http client` | the operation, its variables, headers of the client |
//! | `json answer` | what comes out |
//! | `text mapping [v0.4]` | a body, then lines `mapping → what it gives` |
//! | `text findings`, `text plan` | what `weft check` and `weft plan` print |
//! | `sh run`, `text output` | a command in the folder of these files, and what it prints; `busy`: port 4000 is taken |
//! | `… fragment` | not run |

use std::{path::PathBuf, process::Command, sync::Arc};

use serde_json::{Value, json};
use weft::{
    config::{self, Overrides},
    error::{Format, render},
    gateway::{Gateway, Request, Snapshot},
    mapping::{self, Version},
    upstream::{Kept, Transport},
};

use super::page::{Block, Page};
use crate::support::{compare, fixture::Exchange, scratch, stub::Stub, tls};

/// Plays a page; gives back what was wrong.
pub async fn play(path: &std::path::Path) -> Vec<String> {
    let mut page = Page::read(path);
    let hosts = hosts(&page);
    let authority = tls::authority(&hosts);
    let stub = Stub::start(&authority).await;
    let transport = Transport {
        resolve: hosts.iter().map(|host| (host.clone(), stub.address)).collect(),
        ca_pem: Some(authority.root_pem.into_bytes()),
        ..Transport::default()
    };
    let stem = path.file_stem().expect("a page has a name").to_string_lossy().into_owned();
    let mut scene = Scene { folder: scratch(&format!("docs-{stem}")), ..Scene::default() };
    let mut faults = Vec::new();
    for block in page.blocks.clone() {
        let at = format!("{}:{}", page.name, block.line);
        let fault = match block.kind().as_str() {
            "graphql FILE" | "yaml FILE" => scene.add(&block),
            "graphql operation" => {
                scene.operation.clone_from(&block.text);
                std::fs::write(scene.folder.join("operation.graphql"), &block.text).expect("a scratch folder");
                None
            }
            "json variables" => parse(&block.text).map_or_else(Some, |json| {
                scene.variables = json;
                None
            }),
            "http client" => {
                scene.client = block.text.lines().filter_map(header).collect();
                None
            }
            "http call" => match exchange(&block.text, &scene.hosts()) {
                Ok(exchange) => {
                    scene.calls.push(exchange);
                    None
                }
                Err(fault) => Some(fault),
            },
            "json answer" => match scene.ask(&stub, &transport).await {
                Ok(answer) => shown(&mut page, &block, &answer),
                Err(fault) => Some(fault),
            },
            "text mapping" => mappings(&mut page, &block),
            "text findings" => page.printed(&block, &scene.weft(&["check"])),
            "text plan" => page.printed(&block, &scene.weft(&["plan", "operation.graphql"])),
            "sh run" => {
                scene.output = if block.words.iter().any(|word| word == "busy") {
                    scene.shell_with_busy_port(&block.text)
                } else {
                    scene.shell(&block.text)
                };
                None
            }
            "text output" => page.printed(&block, &scene.output.clone()),
            kind if kind.ends_with(" fragment") || kind.ends_with(" wrong") || kind == "text" => None,
            kind => Some(format!("a block of the kind `{kind}` is not checked; see tests/gateway/docs/scene.rs")),
        };
        faults.extend(fault.map(|fault| if fault.starts_with("docs/") { fault } else { format!("{at}: {fault}") }));
    }
    let _ = std::fs::remove_dir_all(&scene.folder);
    page.finish();
    faults
}

/// What lies in the folder and what the next operation is.
#[derive(Default)]
struct Scene {
    folder: PathBuf,
    schema: Vec<(String, String)>,
    config: String,
    operation: String,
    variables: Value,
    client: Vec<(String, String)>,
    calls: Vec<Exchange>,
    /// Something was asked or printed: a schema file begins anew.
    played: bool,
    output: String,
}

impl Scene {
    fn add(&mut self, block: &Block) -> Option<String> {
        let name = &block.words[0];
        if name == "weft.yaml" {
            self.config.clone_from(&block.text);
        } else if name.ends_with(".graphql") {
            let is_beside = block.words.iter().any(|word| word == "beside");
            if std::mem::take(&mut self.played) && !is_beside {
                for (name, _) in self.schema.drain(..) {
                    let _ = std::fs::remove_file(self.folder.join(name));
                }
                self.config.clear();
                self.calls.clear();
            }
            self.schema.push((name.clone(), block.text.clone()));
        } else {
            return Some(format!("`{name}` is neither a schema file nor `weft.yaml`"));
        }
        std::fs::write(self.folder.join(name), &block.text).expect("a scratch folder");
        // Only what the page shows beside it: the files and nothing else are the schema.
        let files: Vec<&String> = self.schema.iter().map(|(name, _)| name).collect();
        let own = if self.config.contains("schema:") { String::new() } else { format!("schema: {}\n", json!(files)) };
        std::fs::write(self.folder.join("weft.yaml"), format!("{}{own}", self.config)).expect("a scratch folder");
        None
    }

    /// Hosts of the services, in the order of the files.
    fn hosts(&self) -> Vec<String> {
        self.schema.iter().flat_map(|(_, text)| hosts_of(text)).collect()
    }

    async fn ask(&mut self, stub: &Stub, transport: &Transport) -> Result<Value, String> {
        self.played = true;
        let human = Format::Human { color: false };
        let settings = config::load(Some(&self.folder.join("weft.yaml")), &Overrides::default())
            .map_err(|found| render(&found, human))?;
        let (snapshot, _) =
            Snapshot::build(&settings, transport, &Kept::default()).map_err(|found| render(&found, human))?;
        stub.expect(&std::mem::take(&mut self.calls));
        let mut headers = http::HeaderMap::new();
        for (name, value) in self.client.drain(..) {
            let name: http::HeaderName = name.parse().map_err(|_| format!("`{name}` is no header name"))?;
            headers.append(name, value.parse().map_err(|_| format!("`{value}` is no header value"))?);
        }
        let variables = match mapping::Value::from(&std::mem::take(&mut self.variables)) {
            mapping::Value::Object(object) => object,
            _ => mapping::Object::new(),
        };
        let gateway = Gateway::new(snapshot);
        let asked = async {
            let identity = gateway.identify(&headers, None, None).await?;
            let request = Request {
                query: Some(self.operation.clone()),
                variables,
                identity,
                headers: Arc::new(headers),
                ..Request::default()
            };
            gateway.answer(&request).await
        };
        let body = match asked.await {
            Ok(answer) => answer.body,
            Err(refusal) => weft::gateway::Answer::refused(&refusal).body,
        };
        // As a process does when it ends.
        gateway.snapshot().rules.documents.write_report();
        let faults = stub.faults();
        if !faults.is_empty() {
            return Err(faults.join("\n"));
        }
        serde_json::from_slice(&body).map_err(|error| error.to_string())
    }

    /// What the binary prints in the folder, both streams.
    fn weft(&mut self, arguments: &[&str]) -> String {
        self.played = true;
        run(Command::new(env!("CARGO_BIN_EXE_weft")).args(arguments).current_dir(&self.folder))
    }

    /// While somebody else listens on port 4000, as the page has it; in truth it is a free port that the test took.
    fn shell_with_busy_port(&mut self, script: &str) -> String {
        let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = taken.local_addr().expect("a bound socket").port().to_string();
        self.shell(&script.replace("4000", &port)).replace(&port, "4000")
    }

    fn shell(&mut self, script: &str) -> String {
        self.played = true;
        let bin = std::path::Path::new(env!("CARGO_BIN_EXE_weft")).parent().expect("a file lies in a folder");
        let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap_or_default());
        run(Command::new("timeout").args(["60", "bash", "-c", script]).env("PATH", path).current_dir(&self.folder))
    }
}

/// Standard output, then standard error, without colours and without what the environment adds.
fn run(command: &mut Command) -> String {
    let output = command
        .env("NO_COLOR", "1")
        .env_remove("WEFT_CONFIG")
        .env_remove("WEFT_LISTEN")
        .env_remove("WEFT_LOG")
        .output()
        .expect("the binary starts");
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// No variables are there.
struct Nothing;

impl mapping::Variables for Nothing {
    fn get(&self, _: mapping::Variable) -> Option<&mapping::Value> {
        None
    }
}

/// Each line of the block is evaluated on the body in its first line.
fn mappings(page: &mut Page, block: &Block) -> Option<String> {
    let version = if block.words.iter().any(|word| word == "v0.4") { Version::V0_4 } else { Version::V0_3 };
    let mut lines = block.text.lines();
    let body = lines.next().unwrap_or_default();
    let input = match mapping::Value::parse(body.as_bytes()) {
        Ok(input) => input,
        Err(error) => return Some(format!("the body is not JSON: {error:?}")),
    };
    let mut given = vec![body.to_owned()];
    for line in lines {
        let (text, shown) = line.split_once(" → ").unwrap_or((line, ""));
        let result = match mapping::parse(text.trim(), version) {
            Ok(mapping) => mapping
                .evaluate(&input, &Nothing, &mut Vec::new())
                .map_or_else(|| "missing".to_owned(), |value| value.to_json()),
            Err(error) => format!("does not parse: {}", error.message),
        };
        let equal = match (parse(shown), parse(&result)) {
            (Ok(shown), Ok(result)) => compare::same(&shown, &result),
            _ => shown.trim() == result,
        };
        given.push(if equal { line.to_owned() } else { format!("{} → {result}", text.trim_end()) });
    }
    page.printed(block, &given.join("\n"))
}

/// An answer as the page shows it: equal by value, so that pages may lay it out as they like.
fn shown(page: &mut Page, block: &Block, answer: &Value) -> Option<String> {
    match parse(&block.text) {
        Ok(expected) if compare::same(&expected, answer) => None,
        _ => page.printed(block, &format!("{answer:#}")),
    }
}

fn parse(text: &str) -> Result<Value, String> {
    serde_json::from_str(text).map_err(|error| format!("not JSON: {error}"))
}

fn header(line: &str) -> Option<(String, String)> {
    let (name, value) = line.split_once(':')?;
    Some((name.trim().to_owned(), value.trim().to_owned()))
}

/// Hosts behind `https://` in all schema files of a page.
fn hosts(page: &Page) -> Vec<String> {
    let mut hosts: Vec<String> = page
        .blocks
        .iter()
        .filter(|block| block.kind().ends_with("FILE"))
        .flat_map(|block| hosts_of(&block.text))
        .collect();
    hosts.push("localhost.invalid".to_owned());
    hosts.sort();
    hosts.dedup();
    hosts
}

fn hosts_of(text: &str) -> Vec<String> {
    let urls = text.split("https://").skip(1);
    let host =
        |rest: &str| rest.split(|c: char| !(c.is_alphanumeric() || c == '.' || c == '-')).next().map(str::to_owned);
    urls.filter_map(host).filter(|host| host != "specs.apollo.dev").collect()
}

/// A call as HTTP writes it: request line, headers, body; a line `HTTP/1.1 200 OK`, headers, an empty line, the body.
fn exchange(text: &str, hosts: &[String]) -> Result<Exchange, String> {
    let at = text.find("HTTP/1.1 ").ok_or("a call without a response: no line `HTTP/1.1 …`")?;
    let (request, response) = text.split_at(at);
    let (line, rest) = request.split_once('\n').ok_or("a call without a request line")?;
    let (method, target) = line.split_once(' ').ok_or("a request line is `METHOD /path`")?;
    let mut headers = serde_json::Map::new();
    let mut body = String::new();
    let mut host = hosts.first().cloned().unwrap_or_default();
    for line in rest.lines() {
        match header(line).filter(|_| body.is_empty() && !line.starts_with(['{', '[', '"'])) {
            Some((name, value)) if name == "host" => host = value,
            Some((name, value)) => drop(headers.insert(name, value.into())),
            None if line.is_empty() && body.is_empty() => {}
            None => body.extend([line, "\n"]),
        }
    }
    let mut wanted = json!({ "method": method, "url": format!("https://{host}{}", target.trim()), "headers": headers });
    if !body.trim().is_empty() {
        match parse(body.trim()) {
            Ok(json) => wanted["body"] = json,
            Err(_) => wanted["bodyText"] = body.trim().into(),
        }
    }
    let (head, body) = response.split_once("\n\n").unwrap_or((response.trim_end(), ""));
    let mut lines = head.lines();
    let status =
        lines.next().and_then(|line| line.split(' ').nth(1)?.parse::<u16>().ok()).ok_or("a status is a number")?;
    let headers: serde_json::Map<String, Value> =
        lines.filter_map(header).map(|(name, value)| (name, value.into())).collect();
    let mut reply = json!({ "status": status, "headers": headers });
    if !body.trim().is_empty() {
        match parse(body) {
            Ok(json) => reply["json"] = json,
            Err(_) => reply["text"] = body.trim_end().into(),
        }
    }
    serde_json::from_value(json!({ "request": wanted, "response": reply })).map_err(|error| error.to_string())
}
