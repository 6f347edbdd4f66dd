//! Text to a JSON value: YAML or JSON, within bounds.

use serde_json::Value;

/// Most bytes of one document. GitHub's has 13 MB.
pub(super) const DOCUMENT_MAX: usize = 64 << 20;

/// Nodes of a YAML document beyond which it is refused: aliases can make much of little.
const NODES_MAX: usize = 8_000_000;

/// Nesting beyond which a document is refused. `serde_json` has the same limit for JSON.
const DEPTH_MAX: usize = 120;

/// Parses a document. Errors: in words, with the place.
pub(super) fn parse(text: &str) -> Result<Value, String> {
    if text.len() > DOCUMENT_MAX {
        return Err(format!("it has {} bytes; documents of up to {} MiB are read", text.len(), DOCUMENT_MAX >> 20));
    }
    let text = text.trim_start_matches('\u{feff}');
    if text.trim().is_empty() {
        return Err("it is empty".to_owned());
    }
    if text.trim_start().starts_with(['{', '[']) {
        // What begins like JSON can still be YAML in flow style: the error of JSON is the better one to tell.
        return serde_json::from_str(text).map_err(|error| match error.classify() {
            serde_json::error::Category::Eof => format!("it ends in the middle: {error}"),
            _ => format!("it is not JSON: {error}"),
        });
    }
    let options = serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_events: NODES_MAX,
            max_nodes: NODES_MAX,
            max_depth: DEPTH_MAX,
            max_documents: 1,
            max_total_scalar_bytes: DOCUMENT_MAX,
        },
        alias_limits: serde_saphyr::alias_limits! { max_total_replayed_events: 1_000_000 },
        // As JSON has it.
        duplicate_keys: serde_saphyr::options::DuplicateKeyPolicy::LastWins,
        with_snippet: false,
    };
    let value: Value = serde_saphyr::from_str_with_options(text, options).map_err(|error| {
        let text = error.without_snippet().to_string();
        let text = text.strip_prefix("error: ").unwrap_or(&text);
        format!("it is not YAML: {}", text.lines().next().unwrap_or("unreadable"))
    })?;
    Ok(value)
}
