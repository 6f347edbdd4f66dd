//! `weft plan`.

use std::{
    io::Read as _,
    path::{Path, PathBuf},
    sync::Arc,
};

use weft::{
    error::{Diagnostic, Label, Location, Refusal, Severity, SourceText, did_you_mean},
    gateway, operation, plan,
    schema::Graph,
};

use super::{Failure, Outcome, output, source::Source};

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The file with the operation; `-` reads stdin.
    operation: PathBuf,
    /// Which operation, where the file has several.
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    #[command(flatten)]
    source: Source,
}

pub(super) fn run(Arguments { operation: file, name, source }: &Arguments) -> Outcome {
    let text = read(file)?;
    let settings = source.settings()?;
    let (graph, _) = gateway::compile(&settings)?;
    let refused = |refusal: Refusal| Failure::Findings(findings(&text, &refusal, &graph));
    let document = operation::parse(&graph, &text.text, &gateway::limits(&settings)).map_err(refused)?;
    let operation = operation::bind(&graph, &document, name.as_deref()).map_err(refused)?;
    let plan = plan::build(&graph, Arc::new(operation)).map_err(|error| Failure::Message(error.to_string()))?;
    output::result(&plan::explain(&graph, &plan))
}

pub(super) fn read(file: &Path) -> Result<Arc<SourceText>, Failure> {
    let (name, text) = if file == Path::new("-") {
        let mut text = String::new();
        ("stdin".to_owned(), std::io::stdin().read_to_string(&mut text).map(|_| text))
    } else {
        (file.display().to_string(), std::fs::read_to_string(file))
    };
    let text = text.map_err(|error| Failure::Message(format!("cannot read the operation `{name}`: {error}")))?;
    Ok(Arc::new(SourceText { name, text }))
}

/// What a caller would be told, drawn on the operation.
pub(super) fn findings(source: &Arc<SourceText>, refusal: &Refusal, graph: &Graph) -> Vec<Diagnostic> {
    let label =
        |place: &Location| Label { source: Arc::clone(source), span: word(&source.text, *place), text: String::new() };
    refusal
        .errors
        .iter()
        .map(|error| Diagnostic {
            code: refusal.code.as_str(),
            severity: Severity::Error,
            message: error.message.clone(),
            labels: error.locations.iter().map(label).collect(),
            help: suggestion(&error.message, graph),
        })
        .collect()
}

/// The field or argument that was meant. Only here and not in answers: those must not tell names of the schema to whoever asks.
fn suggestion(message: &str, graph: &Graph) -> Option<String> {
    let names: Vec<&str> = message.split('`').skip(1).step_by(2).collect();
    let fields = |ty: &str| graph.by_name.get(ty).map(|id| &graph.types[id.0 as usize].fields);
    match names.as_slice() {
        [ty, field] if message.contains("does not have a field") => {
            did_you_mean(field, fields(ty)?.keys().map(|name| &**name))
        }
        [argument, place, ..] if message.contains("is not supported by") => {
            let (ty, field) = place.split_once('.')?;
            let field = &graph.fields[fields(ty)?.get(field)?.0 as usize];
            did_you_mean(argument, field.arguments.iter().map(|argument| &*argument.name))
        }
        _ => None,
    }
}

/// The bytes of the word, or the character, at a place.
fn word(text: &str, Location { line, column }: Location) -> std::ops::Range<usize> {
    let (line, column) = (line.saturating_sub(1) as usize, column.saturating_sub(1) as usize);
    let start: usize = text.split_inclusive('\n').take(line).map(str::len).sum();
    let rest = text.get(start..).unwrap_or_default();
    let start = start + rest.char_indices().nth(column).map_or(rest.len(), |(at, _)| at);
    let rest = text.get(start..).unwrap_or_default();
    let is_name = |letter: char| letter.is_alphanumeric() || matches!(letter, '_' | '$' | '@');
    let length = match rest.find(|letter| !is_name(letter)) {
        Some(0) => rest.chars().next().map_or(0, char::len_utf8),
        Some(end) => end,
        None => rest.len(),
    };
    start..start + length
}
