//! No answer has a value that a naive oracle denies: generated schemas with requirements strewn over them, callers, operations. Through
//! interfaces, unions, aliases, fragments, batches, keys of joins, and with replies that are kept and shared between callers.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, atomic::Ordering},
};

use jsonwebtoken::EncodingKey;
use proptest::{
    collection::vec,
    prelude::any,
    test_runner::{TestCaseError, TestError},
};
use serde_json::{Value, json};
use weft::{
    config::{self, Overrides},
    error::{Format, SourceText, render},
    gateway::{Gateway, Request, Snapshot},
    schema::File,
    upstream::{Kept, Transport},
};

use super::{
    Services,
    choices::Choices,
    number,
    operation::{Node, Operation, Selected},
    runner, serve,
    world::World,
};
use crate::support::{compare::same, runtime, scratch};

/// Operations asked of one schema, each by all callers at once.
const OPERATIONS: usize = 10;
/// Operations in all, unless the environment says otherwise.
const CASES: usize = 1_000;
const SECRET: &str = "thirty-two bytes that nobody may know";

/// What an element requires.
#[derive(Debug, Clone)]
enum Rule {
    Authenticated,
    Scopes(Vec<Vec<&'static str>>),
    /// `claims.level >= 2`
    Level,
    /// `this.key in claims.mine || claims.level == 3`
    Own,
}

/// Who asks.
#[derive(Debug, Clone, Copy)]
struct Caller {
    /// `None`: nobody in particular.
    scopes: Option<&'static [&'static str]>,
    level: i64,
    /// Keys of the entities that are theirs.
    mine: &'static [&'static str],
}

const CALLERS: [Caller; 5] = [
    Caller { scopes: None, level: 0, mine: &[] },
    Caller { scopes: Some(&[]), level: 1, mine: &["k1", "k3"] },
    Caller { scopes: Some(&["a"]), level: 2, mine: &["k2"] },
    Caller { scopes: Some(&["b", "c"]), level: 0, mine: &["k1", "k2", "k3"] },
    Caller { scopes: Some(&["a", "b", "c"]), level: 3, mine: &[] },
];

impl Caller {
    /// `key`: of the object that has the field, where it is known.
    fn satisfies(self, rule: &Rule, key: Option<&str>) -> bool {
        match (rule, self.scopes) {
            (_, None) => false,
            (Rule::Authenticated, Some(_)) => true,
            (Rule::Level, Some(_)) => self.level >= 2,
            (Rule::Own, Some(_)) => self.level == 3 || key.is_some_and(|key| self.mine.contains(&key)),
            (Rule::Scopes(lists), Some(scopes)) => {
                lists.iter().any(|list| list.iter().all(|scope| scopes.contains(scope)))
            }
        }
    }

    fn headers(self) -> http::HeaderMap {
        let mut headers = http::HeaderMap::new();
        if let Some(scopes) = self.scopes {
            let claims = json!({ "iss": "i", "aud": "weft", "exp": 4_102_444_800_i64, "scope": scopes.join(" "), "level": self.level, "mine": self.mine });
            let key = EncodingKey::from_secret(SECRET.as_bytes());
            let token = jsonwebtoken::encode(&jsonwebtoken::Header::default(), &claims, &key).expect("a token");
            headers.insert("authorization", format!("Bearer {token}").parse().expect("a header"));
        }
        headers
    }
}

/// The requirements of a world, by element: `T0`, `T0.f1`.
#[derive(Debug, Default)]
struct Oracle {
    rules: BTreeMap<String, Vec<Rule>>,
    /// The named type of each field.
    results: BTreeMap<String, String>,
    /// Types that implement `Node`.
    nodes: BTreeSet<String>,
}

impl Oracle {
    /// All that says something about a field of a type, looked up by itself.
    fn denies(&self, caller: Caller, ty: &str, field: &str, key: Option<&str>) -> bool {
        let result = self.results.get(&format!("{ty}.{field}")).map_or("", String::as_str);
        let mut elements = vec![ty.to_owned(), format!("{ty}.{field}")];
        // What the value requires of its own objects, those are asked.
        let mut of_value = vec![result.to_owned()];
        if self.nodes.contains(ty) {
            elements.extend(["Node".to_owned(), format!("Node.{field}")]);
        }
        if self.nodes.contains(result) {
            of_value.push("Node".to_owned());
        }
        let rules = |elements: Vec<String>| -> Vec<&Rule> {
            elements.iter().filter_map(|element| self.rules.get(element)).flatten().collect()
        };
        rules(elements).into_iter().any(|rule| !caller.satisfies(rule, key))
            || rules(of_value).into_iter().any(|rule| !matches!(rule, Rule::Own) && !caller.satisfies(rule, None))
    }

    /// The values of an answer that should not be there. `told`: the same place of an answer in which entities tell their keys.
    fn leaks(
        &self,
        caller: Caller,
        world: &World,
        nodes: &[Node],
        object: &Value,
        told: &Value,
        out: &mut Vec<String>,
    ) {
        let Value::Object(members) = object else {
            if let Value::Array(items) = object {
                for (at, item) in items.iter().enumerate() {
                    self.leaks(caller, world, nodes, item, &told[at], out);
                }
            }
            return;
        };
        let ty = members.get("tn").and_then(Value::as_str).expect("every selection asks for its type");
        for node in nodes {
            match node {
                Node::Fragment { on, selection, .. } => {
                    let is_other = on.as_ref().is_some_and(|on| on.starts_with('T') && on != ty);
                    if !is_other {
                        self.leaks(caller, world, selection, object, told, out);
                    }
                }
                Node::Field { field: Selected::Typename, .. } => {}
                Node::Field { key, field, selection, .. } => {
                    let Some(value) = members.get(key).filter(|value| !value.is_null()) else { continue };
                    let name = name(world, ty, field);
                    if self.denies(caller, ty, &name, told["told"].as_str()) {
                        out.push(format!("{ty}.{name} as `{key}`: {value}"));
                    } else {
                        self.leaks(caller, world, selection, value, &told[key], out);
                    }
                }
            }
        }
    }
}

fn name(world: &World, ty: &str, field: &Selected) -> String {
    match field {
        Selected::Typename => "__typename".to_owned(),
        Selected::Id => "id".to_owned(),
        Selected::Key => "key".to_owned(),
        Selected::Code => "code".to_owned(),
        Selected::CodeA => "a".to_owned(),
        Selected::CodeB => "b".to_owned(),
        Selected::All(entity) => format!("all{entity}"),
        Selected::One { entity, is_write, .. } => format!("{}{entity}", if *is_write { "do" } else { "one" }),
        Selected::Field(at) => {
            let (kind, number) = ty.split_at(1);
            let number: usize = number.parse().expect("a generated type");
            let fields = if kind == "T" { &world.entities[number].fields } else { &world.values[number] };
            fields[*at].name.clone()
        }
    }
}

/// Requirements strewn over the files of a world; the first file knows the directives under other names.
fn strew(files: Vec<String>, choices: &mut Choices) -> (Vec<String>, Oracle) {
    let mut oracle = Oracle::default();
    let files = files.into_iter().enumerate().map(|(at, text)| file(&text, at == 0, choices, &mut oracle));
    (files.collect(), oracle)
}

fn file(text: &str, is_renamed: bool, choices: &mut Choices, oracle: &mut Oracle) -> String {
    let mut out = Vec::new();
    let mut ty = String::new();
    for line in text.lines() {
        let word = |at: usize| line.split([' ', '{']).nth(at).unwrap_or_default().to_owned();
        if line.contains("federation/v2.11") {
            let names = if is_renamed {
                r#"[
    "@key" { name: "@authenticated", as: "@known" } { name: "@requiresScopes", as: "@needs" } { name: "@policy", as: "@rule" }
  ]"#
            } else {
                r#"["@key", "@authenticated", "@requiresScopes", "@policy"]"#
            };
            out.push(line.replace(r#"["@key"]"#, names));
        } else if let Some(rest) = line.strip_prefix("enum Color") {
            let directive = require("Color", is_renamed, choices, oracle);
            out.push(format!("enum Color{directive}{rest}"));
        } else if line.starts_with("type Code {") {
            let mut field = |name: &str| {
                oracle.results.insert(format!("Code.{name}"), "ID".to_owned());
                require(&format!("Code.{name}"), is_renamed, choices, oracle)
            };
            let (a, b) = (field("a"), field("b"));
            let directive = require("Code", is_renamed, choices, oracle);
            out.push(format!("type Code{directive} {{ a: ID{a} b: ID{b} }}"));
        } else if line.starts_with("interface Node") {
            let mut field = |name: &str| require(&format!("Node.{name}"), is_renamed, choices, oracle);
            let (id, key) = (field("id"), field("key"));
            let directive = require("Node", is_renamed, choices, oracle);
            out.push(format!("interface Node{directive} {{ id: ID!{id} key: String!{key} }}"));
        } else if line.starts_with("type ") && !line.contains('}') {
            ty = word(1);
            if line.contains("implements Node") {
                oracle.nodes.insert(ty.clone());
            }
            // The roots are left alone, or few operations would say anything.
            let directive = if ty.len() > 2 { String::new() } else { require(&ty, is_renamed, choices, oracle) };
            let (head, brace) = line.split_once(" {").map_or((line, ""), |(head, _)| (head, " {"));
            out.push(format!("{head}{directive}{brace}"));
        } else if let Some(declared) = line.strip_prefix("  ").filter(|line| line.starts_with(char::is_lowercase)) {
            let name = declared.split(['(', ':']).next().unwrap_or_default();
            let (before, connect) = declared.split_once(" @connect").map_or((declared, None), |(a, b)| (a, Some(b)));
            let result = before.rsplit(": ").next().unwrap_or_default().trim_matches(['[', ']', '!', ' ']);
            oracle.results.insert(format!("{ty}.{name}"), result.to_owned());
            let directive = require(&format!("{ty}.{name}"), is_renamed, choices, oracle);
            let connect = connect.map(|connect| format!(" @connect{connect}")).unwrap_or_default();
            out.push(format!("  {before}{directive}{connect}"));
        } else {
            out.push(line.to_owned());
        }
    }
    out.join("\n")
}

/// A directive, or nothing.
fn require(element: &str, is_renamed: bool, choices: &mut Choices, oracle: &mut Oracle) -> String {
    if !choices.chance(18) {
        return String::new();
    }
    let has_key = element.starts_with('T') || element.starts_with("Node");
    let (rule, name, arguments) = match choices.below(7) {
        6 if has_key => (Rule::Own, ["policy", "rule"], r#"(policies: [["own"]])"#.to_owned()),
        0 | 1 | 6 => (Rule::Authenticated, ["authenticated", "known"], String::new()),
        2 => (Rule::Level, ["policy", "rule"], r#"(policies: [["level"]])"#.to_owned()),
        at => {
            let lists = [vec![vec!["a"]], vec![vec!["a", "b"], vec!["c"]], vec![vec!["b"]]][at - 3].clone();
            let text = serde_json::to_string(&lists).expect("JSON");
            (Rule::Scopes(lists), ["requiresScopes", "needs"], format!("(scopes: {text})"))
        }
    };
    oracle.rules.entry(element.to_owned()).or_default().push(rule);
    format!(" @{}{arguments}", name[usize::from(is_renamed)])
}

/// Asks for the type in every selection.
fn typed(nodes: &mut Vec<Node>) {
    for node in nodes.iter_mut() {
        let (Node::Field { selection, .. } | Node::Fragment { selection, .. }) = node;
        if !selection.is_empty() {
            typed(selection);
        }
    }
    let (field, conditions, selection) = (Selected::Typename, Vec::new(), Vec::new());
    nodes.push(Node::Field { key: "tn".to_owned(), field, conditions, selection });
}

#[test]
fn no_answer_has_a_value_that_its_caller_may_not_have() {
    let runtime = runtime();
    let services = Services::default();
    let address = runtime.block_on(serve(services.clone()));
    let settings = settings(&format!("http://{address}"));
    let cases = number("WEFT_PROPERTY_CASES").unwrap_or(CASES).div_ceil(OPERATIONS);
    let streams = (vec(any::<u16>(), 0..400), vec(any::<u16>(), 0..300), vec(vec(any::<u16>(), 0..150), OPERATIONS));
    let denied = std::cell::Cell::new(0_usize);
    let result = runner(cases).run(&streams, |(world, strewn, operations)| {
        let world = Arc::new(World::generate(&mut Choices::new(&world)));
        *services.world.lock().expect("no panic in the services") = Some(world.clone());
        let (files, oracle) = strew(world.sdl(), &mut Choices::new(&strewn));
        let sdl = files.join("\n# --- next file\n");
        runtime.block_on(async {
            let guarded = gateway(&settings, &files).map_err(|why| TestCaseError::fail(format!("refused:\n{why}\n{sdl}")))?;
            let open = gateway(&settings, &world.sdl()).map_err(TestCaseError::fail)?;
            for stream in operations {
                let mut operation = Operation::generate(&world, &mut Choices::new(&stream));
                typed(&mut operation.selection);
                let text = operation.text(&world);
                let calls = || services.calls.swap(0, Ordering::Relaxed);
                let everything = ask(&open, &text, &operation, CALLERS[0]).await;
                let told = ask(&open, &operation.keyed(&world).text(&world), &operation, CALLERS[0]).await;
                // All at once, so that what can be shared is; then again, from replies that are stored.
                let all_at_once = || futures_util::future::join_all(CALLERS.map(|caller| ask(&guarded, &text, &operation, caller)));
                let mut answers = all_at_once().await;
                answers.extend(all_at_once().await);
                calls();
                for (caller, answer) in CALLERS.into_iter().cycle().zip(answers) {
                    let mut leaks = Vec::new();
                    oracle.leaks(caller, &world, &operation.selection, &answer["data"], &told["data"], &mut leaks);
                    let codes = ["FORBIDDEN", "UNAUTHENTICATED"];
                    let errors = answer["errors"].as_array().cloned().unwrap_or_default();
                    let denials = errors.iter().filter(|error| codes.iter().any(|code| error["extensions"]["code"] == *code)).count();
                    denied.set(denied.get() + denials);
                    if let Some(refused) = answer.get("refused") {
                        leaks.push(format!("refused: {refused}"));
                    }
                    // Who is denied nothing gets all of it.
                    if denials == 0 && errors.len() < 100 && !same(&answer["data"], &everything["data"]) {
                        leaks.push(format!("another answer than without requirements: {everything}"));
                    }
                    if !leaks.is_empty() {
                        return Err(TestCaseError::fail(format!(
                            "{}\n--- caller\n{caller:?}\n--- operation\n{text}\n--- schema\n{sdl}\n--- answer\n{answer}",
                            leaks.join("\n")
                        )));
                    }
                }
            }
            Ok(())
        })
    });
    match result {
        Ok(()) => {}
        Err(TestError::Fail(reason, _)) => panic!("{reason}"),
        Err(error) => panic!("{error}"),
    }
    assert!(denied.get() > cases, "{} fields were denied: the generator says little", denied.get());
    println!("{} fields were denied", denied.get());
}

fn settings(url: &str) -> config::Settings {
    let folder = scratch("property-access");
    let file = folder.join("weft.yaml");
    let settings = json!({
        "schema": [],
        "sources": { "rest": { "urls": [url], "share": "coalesce", "cache": { "ttl": "1m" } } },
        "auth": { "jwt": { "issuers": [{ "issuer": "i", "secret": SECRET, "audiences": ["weft"] }] } },
        "authorization": { "policies": {
            "level": "claims.level >= 2",
            "own": "claims.level == 3 || this.key in claims.mine",
        } },
        // Generated operations are larger than those that people write.
        "limits": { "depth": 1000, "height": 100_000, "aliases": 1000, "root_fields": 1000, "directives": 1000,
            "cost": 1_000_000_000, "upstream_calls": 1_000_000_000 },
        "cost": { "list_size": 1 },
    });
    std::fs::write(&file, settings.to_string()).expect("the scratch folder can be written");
    let settings = config::load(Some(&file), &Overrides::default())
        .unwrap_or_else(|findings| panic!("{}", render(&findings, Format::Human { color: false })));
    let _ = std::fs::remove_dir_all(folder);
    settings
}

fn gateway(settings: &config::Settings, texts: &[String]) -> Result<Gateway, String> {
    let files = texts.iter().enumerate().map(|(number, text)| {
        let source = SourceText { name: format!("world{number}.graphql"), text: text.clone() };
        File { subgraph: format!("world{number}"), source: Arc::new(source) }
    });
    let files: Vec<File> = files.collect();
    let built = Snapshot::of_files(settings, &files, &Transport::default(), &Kept::default());
    built.map(|(snapshot, _)| Gateway::new(snapshot)).map_err(|found| render(&found, Format::Human { color: false }))
}

async fn ask(gateway: &Gateway, query: &str, operation: &Operation, caller: Caller) -> Value {
    let variables = weft::mapping::Value::from(&Value::Object(operation.variables.clone()));
    let weft::mapping::Value::Object(variables) = variables else { unreachable!("given an object") };
    let headers = Arc::new(caller.headers());
    let asked = async {
        let identity = gateway.identify(&headers, None, None).await?;
        let request =
            Request { query: Some(query.into()), variables, identity, headers: headers.clone(), ..Default::default() };
        gateway.answer(&request).await
    };
    match asked.await {
        Ok(answer) => serde_json::from_slice(&answer.body).unwrap_or_else(
            |error| json!({ "refused": format!("{error}: {}", String::from_utf8_lossy(&answer.body)) }),
        ),
        Err(refusal) => json!({ "refused": format!("{refusal:?}") }),
    }
}
