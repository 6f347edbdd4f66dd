//! An OpenAPI document becomes a schema: what a person would have written, and a word on everything that could not be.
//!
//! In reading order: `fetch` and `read` get the text and the files beside it, `document` and `flat` say what a schema means, `types`
//! (with `variants` and `envelope`) makes types of schemas, `operations` (with `parameters`, `title` and `security`) makes root fields
//! of paths, `entity`, `cut` and `join` decide what hangs together, `print` (with `connector` and `selection`) writes it down, and
//! `file` puts it where hand edits live. Not here: any model of OpenAPI; documents in the wild fit none.

mod connector;
mod cut;
mod document;
mod entity;
mod envelope;
mod fetch;
mod file;
mod flat;
mod join;
mod model;
mod operations;
mod parameters;
mod print;
mod read;
mod report;
mod security;
mod selection;
mod settings;
#[cfg(test)]
mod tests;
mod title;
mod types;
mod variants;
mod words;

use std::collections::HashMap;

use serde_json::Value;

pub use document::Document;
pub use fetch::{Fetched, fetch};
pub use file::{Outcome, Writing, write};
pub use report::Report;

use document::Node;
use flat::Flats;
use model::{Model, TypeKind};
use security::Servers;
use types::Types;

/// Which operations are taken; an empty list takes all. What is listed under two headings has to fit both.
#[derive(Debug, Clone, Default)]
pub struct Choice {
    /// Tags.
    pub tags: Vec<String>,
    /// Paths, each with all that is below it.
    pub paths: Vec<String>,
    /// `operationId`s.
    pub operations: Vec<String>,
}

impl Choice {
    fn takes(&self, path: &str, operation: Node<'_>) -> bool {
        let by_tag = self.tags.is_empty()
            || operation
                .items_of("tags")
                .filter_map(|tag| tag.value.as_str())
                .any(|tag| self.tags.iter().any(|wanted| wanted == tag));
        let below = |wanted: &String| {
            let wanted = wanted.trim_end_matches('/');
            path.strip_prefix(wanted).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        let by_path = self.paths.is_empty() || self.paths.iter().any(below);
        let by_id = self.operations.is_empty()
            || operation.text("operationId").is_some_and(|id| self.operations.iter().any(|wanted| wanted == id));
        by_tag && by_path && by_id
    }
}

/// How a document is imported.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Name of the source and of the schema file; made of the document's title when it is empty.
    pub name: String,
    /// Put before the name of every type.
    pub prefix: String,
    /// Which operations.
    pub choice: Choice,
}

/// What came of a document.
#[derive(Debug)]
pub struct Imported {
    /// The name of the source.
    pub name: String,
    /// SDL.
    pub schema: String,
    /// A `weft.yaml` to begin with, for the folder of the schema file.
    pub settings: String,
    /// The entries of `sources`, for a `weft.yaml` that is there.
    pub sources: String,
    /// What was left out or decided.
    pub report: Report,
    /// How much there was and what it became.
    pub counts: Counts,
}

/// How much there was and what it became.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Operations of the document.
    pub operations: usize,
    /// Those that were chosen.
    pub chosen: usize,
    /// Root fields that read.
    pub queries: usize,
    /// Root fields that write.
    pub mutations: usize,
    /// Types of all kinds.
    pub types: usize,
    /// Types with a key.
    pub entities: usize,
    /// Connectors that serve many keys with one call.
    pub batches: usize,
    /// Fields that lead from one entity to another.
    pub joins: usize,
}

impl std::fmt::Display for Counts {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let left = self.chosen.saturating_sub(self.queries + self.mutations);
        write!(
            out,
            "{} operations, {} chosen: {} queries, {} mutations, {left} left out; {} types, {} entities, {} batches, {} joins",
            self.operations,
            self.chosen,
            self.queries,
            self.mutations,
            self.types,
            self.entities,
            self.batches,
            self.joins
        )
    }
}

/// Makes a schema of a document that was fetched.
///
/// Errors: it is no OpenAPI document, or nothing of it can be called; in words for whoever gave it.
pub fn translate(fetched: &Fetched, options: &Options) -> Result<Imported, String> {
    let document = &fetched.document;
    let root = document.root();
    check_version(root)?;
    let mut report = Report::default();
    for (what, why) in &fetched.problems {
        report.left_out(what, why);
    }
    let title = root
        .get("info")
        .and_then(|info| info.text("title"))
        .filter(|title| !title.trim().is_empty())
        .unwrap_or("A service");
    let name = source_name(&options.name, title, &fetched.stem)?;

    let mut types = Types::new(Flats::new(document), &options.prefix, &mut report);
    let mut servers = Servers::new(root, fetched.address.as_ref(), &mut report);
    let mut model = Model { schemes: security::schemes(root, &mut report), ..Model::default() };
    let (drafts, tally) = operations::drafts(&types, &options.choice, &mut report);
    operations::read(&drafts, &mut types, &mut servers, &mut report, &mut model);
    types.finish(&mut report);
    model.types = std::mem::take(&mut types.all);
    if model.operations.is_empty() {
        return Err(nothing(tally.all, tally.chosen, &report));
    }

    cut::drop_empty(&mut model);
    entity::find(&mut model, &mut report);
    let fits = cut::cut(&mut model);
    if fits < model.operations.len() {
        shorten(&mut model, fits, &mut report);
    }
    let joins = join::propose(&mut model, &mut report);
    cut::settle(&mut model);
    variants::share_fields(&mut model);
    for (index, url) in servers.urls.iter().enumerate() {
        let name = if index == 0 { name.clone() } else { format!("{name}{}", index + 1) };
        model.sources.insert(name, url.clone());
    }
    keep_used_sources(&mut model);
    model.shares_security = connector::sharing(&model);
    let schema = print::sdl(&model, &print::Heading { title, source: &name });
    let counts = count(&model, &tally, joins);
    let settings = settings::yaml(&model, &servers, title);
    let sources = settings::sources(&model, &servers);
    Ok(Imported { name, schema, settings, sources, report, counts })
}

/// Errors: this is no document that can be read here.
fn check_version(root: Node<'_>) -> Result<(), String> {
    let Value::Object(_) = root.value else {
        return Err("it is no OpenAPI document: there is no object at its root".to_owned());
    };
    let version = root.value.get("openapi").or_else(|| root.value.get("swagger"));
    let version = match version {
        Some(Value::String(text)) => text.clone(),
        // YAML without quotes: `swagger: 2.0`.
        Some(Value::Number(number)) => number.to_string(),
        _ if root.has("asyncapi") => return Err("it is an AsyncAPI document; OpenAPI is needed".to_owned()),
        _ => return Err("it is no OpenAPI document: it has neither `openapi` nor `swagger` at its root".to_owned()),
    };
    if ["2.", "3.0", "3.1", "3.2"].iter().any(|known| version.starts_with(known)) || version == "3" || version == "2" {
        return Ok(());
    }
    Err(format!("it is of the version `{}`; 2.0, 3.0 and 3.1 are read", print::one_line(&version)))
}

/// Words of titles that name nothing.
const NOISE: [&str; 14] = [
    "api",
    "apis",
    "rest",
    "the",
    "openapi",
    "swagger",
    "specification",
    "spec",
    "http",
    "public",
    "external",
    "v",
    "web",
    "documentation",
];

/// A name for the source: as it was asked for, else from the title, else from the file.
fn source_name(asked: &str, title: &str, stem: &str) -> Result<String, String> {
    if !asked.is_empty() {
        let is_legal = asked.len() <= 64
            && asked.starts_with(|char: char| char.is_ascii_alphabetic())
            && asked.chars().all(|char| char.is_ascii_alphanumeric() || char == '_' || char == '-');
        if is_legal {
            return Ok(asked.to_owned());
        }
        return Err(format!(
            "`{asked}` is no name for a source: letters, digits, `_` and `-`, at most 64, with a letter first"
        ));
    }
    let words: Vec<String> = words::words(title)
        .into_iter()
        .filter(|word| {
            !NOISE.contains(&word.as_str()) && !word.trim_start_matches('v').chars().all(|char| char.is_ascii_digit())
        })
        .take(3)
        .collect();
    let usable =
        |name: String| (name.starts_with(|char: char| char.is_ascii_alphabetic()) && name.len() <= 60).then_some(name);
    let by_title = usable(words.join("-"));
    Ok(by_title.or_else(|| usable(words::words(stem).join("-"))).unwrap_or_else(|| "service".to_owned()))
}

fn nothing(all: usize, chosen: usize, report: &Report) -> String {
    let mut message = match (all, chosen) {
        (0, _) => "it has no operations under `paths`".to_owned(),
        (all, 0) => format!("none of its {all} operations is chosen; look at `--tag`, `--path` and `--operation`"),
        (_, chosen) => format!("none of the {chosen} operations chosen can be called"),
    };
    for line in report.lines().filter(|_| chosen > 0).take(5) {
        message.push_str("\n  ");
        message.push_str(line);
    }
    message
}

/// Leaves out the operations that are too many, and decides again what hangs together.
fn shorten(model: &mut Model, fits: usize, report: &mut Report) {
    for operation in model.operations.drain(fits.max(1)..) {
        let why = "the schema would be too long; choose with `--tag`, `--path` or `--operation`";
        report.left_out(&operation.title, why);
    }
    for ty in &mut model.types {
        ty.keys.clear();
        ty.connectors.clear();
    }
    for operation in &mut model.operations {
        operation.is_entity = false;
    }
    entity::find(model, report);
    cut::cut(model);
}

/// Sources that nobody uses are not declared.
fn keep_used_sources(model: &mut Model) {
    let used: Vec<usize> = (0..model.sources.len())
        .filter(|at| model.operations.iter().any(|operation| operation.source == *at))
        .collect();
    let places: HashMap<usize, usize> = used.iter().enumerate().map(|(new, old)| (*old, new)).collect();
    for operation in &mut model.operations {
        operation.source = places.get(&operation.source).copied().unwrap_or(0);
    }
    let mut at = 0;
    model.sources.retain(|_, _| {
        at += 1;
        places.contains_key(&(at - 1))
    });
}

fn count(model: &Model, tally: &operations::Tally, joins: usize) -> Counts {
    let reached = cut::reached(model);
    let all = || reached.iter().map(|id| &model[*id]);
    let queries = model.operations.iter().filter(|operation| operation.is_query).count();
    Counts {
        operations: tally.all,
        chosen: tally.chosen,
        queries,
        mutations: model.operations.len() - queries,
        types: all().filter(|ty| !matches!(&ty.kind, TypeKind::Object { fields, .. } if fields.is_empty())).count(),
        entities: all().filter(|ty| ty.is_entity()).count(),
        batches: all().flat_map(|ty| &ty.connectors).filter(|connector| connector.batch.is_some()).count(),
        joins,
    }
}
