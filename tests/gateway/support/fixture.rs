//! The fixture format of `tests/cases/connectors/README.md`, and what `tests/cases/language/README.md` adds to it.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use serde::Deserialize;
use serde_json::Value;

use super::root;

/// One `NN-name.http.json`.
#[derive(Debug, Deserialize)]
pub struct File {
    /// `NN-name`, from the file's name.
    #[serde(skip)]
    pub stem: String,
    /// The folder it is in.
    #[serde(skip)]
    pub folder: PathBuf,
    /// The schema beside it.
    pub schema: String,
    /// More schema files beside it; their stems are their subgraph names. Of our own cases only.
    #[serde(default)]
    pub more: Vec<String>,
    /// Subgraph name.
    #[serde(default = "api")]
    pub subgraph: String,
    /// Process environment for `$env`.
    #[serde(default)]
    pub env: BTreeMap<String, String>,
    /// Gateway configuration in the original's words.
    #[serde(default)]
    pub config: Value,
    /// `default` or `strict`; of our own cases only.
    pub compatibility: Option<String>,
    /// What is asked and what has to come out.
    #[serde(default)]
    pub cases: Vec<Case>,
}

fn api() -> String {
    "api".into()
}

/// One operation.
#[derive(Debug, Clone, Deserialize)]
pub struct Case {
    /// Unique inside the file.
    pub name: String,
    /// The document.
    pub query: String,
    /// Its variables.
    #[serde(default)]
    pub variables: Option<Value>,
    /// Headers of the client.
    #[serde(default)]
    pub headers: BTreeMap<String, OneOrMany>,
    /// `$context`.
    #[serde(default)]
    pub context: BTreeMap<String, Value>,
    /// Further keys of `weft.yaml`; of our own cases only.
    #[serde(default)]
    pub weft: BTreeMap<String, Value>,
    /// What may reach the services.
    pub upstream: Vec<Exchange>,
    /// What has to come out.
    pub response: Value,
}

/// A header's values.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub enum OneOrMany {
    /// Exactly one.
    One(String),
    /// Several in order.
    Many(Vec<String>),
}

impl OneOrMany {
    /// As a list.
    pub fn values(&self) -> Vec<&str> {
        match self {
            Self::One(value) => vec![value],
            Self::Many(values) => values.iter().map(String::as_str).collect(),
        }
    }
}

/// A request that is expected and what it is answered with.
#[derive(Debug, Clone, Deserialize)]
pub struct Exchange {
    /// Named for `after`.
    pub id: Option<String>,
    /// Exchanges whose responses have to be there before this request is sent.
    #[serde(default)]
    pub after: Vec<String>,
    /// How many identical requests.
    #[serde(default = "once")]
    pub times: usize,
    /// Matcher and assertion.
    pub request: Expected,
    /// The answer.
    pub response: Reply,
}

fn once() -> usize {
    1
}

/// What a request has to look like.
#[derive(Debug, Clone, Deserialize)]
pub struct Expected {
    /// Exact.
    pub method: String,
    /// Exact and absolute.
    pub url: String,
    /// A subset; `None`: must not be sent.
    #[serde(default)]
    pub headers: BTreeMap<String, Option<OneOrMany>>,
    /// By value; `Some(Null)`: empty; `None`: not checked.
    #[serde(default, deserialize_with = "present")]
    pub body: Option<Value>,
    /// As text.
    #[serde(rename = "bodyText")]
    pub body_text: Option<String>,
}

/// Tells `null` (present) from absent.
fn present<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}

/// What a service answers.
#[derive(Debug, Clone, Deserialize)]
pub struct Reply {
    /// Status.
    pub status: u16,
    /// Headers.
    #[serde(default)]
    pub headers: BTreeMap<String, OneOrMany>,
    /// JSON body.
    #[serde(default, deserialize_with = "present")]
    pub json: Option<Value>,
    /// Text body.
    pub text: Option<String>,
}

/// The folder of the fixtures.
pub fn folder() -> PathBuf {
    root().join("tests/cases/connectors")
}

/// The folder of our own cases.
pub fn own_folder() -> PathBuf {
    root().join("tests/cases/language")
}

/// All files with cases of a folder, in order of their names.
pub fn files(folder: &Path) -> Vec<File> {
    let mut paths: Vec<PathBuf> = std::fs::read_dir(folder)
        .expect("the cases are in the project")
        .map(|entry| entry.expect("a readable folder").path())
        .filter(|path| path.to_string_lossy().ends_with(".http.json"))
        .collect();
    paths.sort();
    let mut files = Vec::new();
    for path in paths {
        let text = std::fs::read_to_string(&path).expect("a readable fixture");
        let mut file: File = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let name = path.file_name().expect("a file").to_string_lossy().into_owned();
        name.trim_end_matches(".http.json").clone_into(&mut file.stem);
        folder.clone_into(&mut file.folder);
        if !file.cases.is_empty() {
            files.push(file);
        }
    }
    files
}

/// Host names (without ports) of all expected requests.
pub fn hosts(files: &[File]) -> Vec<String> {
    let mut hosts: Vec<String> = files
        .iter()
        .flat_map(|file| &file.cases)
        .flat_map(|case| &case.upstream)
        .map(|exchange| {
            let rest = exchange.request.url.strip_prefix("https://").expect("fixture URLs are https");
            rest.split(['/', ':', '?']).next().expect("a host").to_owned()
        })
        .collect();
    hosts.sort();
    hosts.dedup();
    hosts
}
