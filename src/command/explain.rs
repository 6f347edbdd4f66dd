//! `weft explain`: the pages of `docs/diagnostics`, part of the binary.

use std::fmt::Write as _;

use weft::error::did_you_mean;

use super::{Failure, Outcome, output};

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// A code that weft printed, such as `SELECTED_FIELD_NOT_FOUND`; without one all codes are listed.
    code: Option<String>,
}

/// Pages in the order in which a newcomer meets them. Each code is a section, `## CODE`.
const PAGES: [&str; 8] = [
    include_str!("../../docs/diagnostics/configuration.md"),
    include_str!("../../docs/diagnostics/document.md"),
    include_str!("../../docs/diagnostics/connectors.md"),
    include_str!("../../docs/diagnostics/selections.md"),
    include_str!("../../docs/diagnostics/entities.md"),
    include_str!("../../docs/diagnostics/operations.md"),
    include_str!("../../docs/diagnostics/answers.md"),
    include_str!("../../docs/diagnostics/production.md"),
];

pub(super) fn run(arguments: &Arguments) -> Outcome {
    let Some(code) = &arguments.code else { return output::result(&contents()) };
    let wanted = code.to_uppercase().replace('-', "_");
    if let Some((code, text)) = sections().find(|(code, _)| *code == wanted) {
        return output::result(&format!("{code}\n\n{}", plain(text)));
    }
    let help = did_you_mean(&wanted, sections().map(|(code, _)| code));
    let help = help.unwrap_or_else(|| "`weft explain` lists all codes".to_owned());
    Err(Failure::Message(format!("there is no code `{code}`: {help}")))
}

/// Every code with its text, in the order of the pages.
fn sections() -> impl Iterator<Item = (&'static str, &'static str)> {
    PAGES.iter().flat_map(|page| {
        page.split("\n## ").skip(1).filter_map(|section| {
            let (code, text) = section.split_once('\n')?;
            Some((code.trim(), text.trim()))
        })
    })
}

/// Without what makes it Markdown: blocks are moved in instead of fenced.
fn plain(text: &str) -> String {
    let mut inside = false;
    let mut out = String::new();
    for line in text.lines() {
        if line.starts_with("```") {
            inside = !inside;
        } else {
            out.extend([if inside && !line.is_empty() { "    " } else { "" }, line, "\n"]);
        }
    }
    out
}

/// The title of each page, and its codes with their first sentence.
fn contents() -> String {
    let mut out = String::new();
    for page in PAGES {
        let title = page.lines().next().unwrap_or_default().trim_start_matches("# ");
        // Writing to a text cannot fail.
        let _ = writeln!(out, "{title}");
        for section in page.split("\n## ").skip(1) {
            let (code, text) = section.split_once('\n').unwrap_or((section, ""));
            let text = text.trim().split("\n\n").next().unwrap_or_default().replace('\n', " ");
            let (text, warning) = match text.strip_prefix("Warning. ") {
                Some(text) => (text, " (warning)"),
                None => (text.as_str(), ""),
            };
            let sentence = text.split_inclusive(". ").next().unwrap_or_default().trim_end().trim_end_matches('.');
            let _ = writeln!(out, "  {code:44} {sentence}{warning}");
        }
        out.push('\n');
    }
    out
}
