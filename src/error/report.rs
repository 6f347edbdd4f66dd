//! Draws diagnostics on their source lines, or as JSON. The only file that knows the drawing library.

use std::fmt::{self, Write as _};

use miette::{
    GraphicalReportHandler, GraphicalTheme, LabeledSpan, MietteError, MietteSpanContents, SourceCode, SourceSpan,
    SpanContents,
};
use serde_json::json;

use super::{Diagnostic, Label, Severity, SourceText};

/// How findings are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Drawn on the source, for people; `color` as the terminal allows.
    Human {
        /// Whether to use ANSI colours.
        color: bool,
    },
    /// A JSON document, for tools.
    Json,
    /// A workflow command for each finding, as GitHub Actions and what is compatible with it show at the line.
    Github,
}

/// Columns that a drawing may take.
const WIDTH: usize = 100;

/// All findings as one text, in the order given.
pub fn render(diagnostics: &[Diagnostic], format: Format) -> String {
    match format {
        Format::Human { color } => draw(diagnostics, color),
        Format::Json => {
            let findings: Vec<serde_json::Value> = diagnostics.iter().map(describe).collect();
            format!("{:#}\n", serde_json::Value::Array(findings))
        }
        Format::Github => diagnostics.iter().map(annotation).collect(),
    }
}

fn draw(diagnostics: &[Diagnostic], color: bool) -> String {
    let theme = if color { GraphicalTheme::unicode() } else { GraphicalTheme::unicode_nocolor() };
    let handler = GraphicalReportHandler::new_themed(theme).with_links(false).with_width(WIDTH).with_context_lines(1);
    let mut out = String::new();
    for diagnostic in diagnostics {
        let drawn = Drawn::new(diagnostic);
        if handler.render_report(&mut out, &drawn).is_err() {
            out.push_str(&diagnostic.message);
        }
        // Marks in other files than the main one cannot be drawn on its lines.
        for label in drawn.elsewhere() {
            let (line, column) = label.source.position(label.span.start);
            // Writing to a text cannot fail.
            let _ = writeln!(out, "  see also {}:{line}:{column} {}", label.source.name, label.text);
        }
        out.push('\n');
    }
    out
}

/// A finding as the drawing library wants it.
#[derive(Debug)]
struct Drawn<'a> {
    diagnostic: &'a Diagnostic,
    source: Option<Window<'a>>,
}

/// The lines of a file around the marks of a finding. The library reads a text from its start for every mark, which would be the whole
/// file for each of many findings.
#[derive(Debug)]
struct Window<'a> {
    name: &'a str,
    /// Whole lines of the file.
    text: &'a str,
    /// Where they begin, in bytes and in lines.
    offset: usize,
    line: usize,
}

impl<'a> Window<'a> {
    /// Lines before and after the marks; the drawing shows one of each.
    const LINES: usize = 2;

    fn around(source: &'a SourceText, labels: &[&Label]) -> Self {
        let bytes = source.text.as_bytes();
        let starts = labels.iter().map(|label| label.span.start.min(bytes.len()));
        let ends = labels.iter().map(|label| label.span.end.min(bytes.len()));
        let mut lines_before = Self::LINES;
        let before = bytes[..starts.min().unwrap_or(0)].iter().rposition(|byte| {
            let is_start = *byte == b'\n' && lines_before == 0;
            lines_before -= usize::from(*byte == b'\n' && !is_start);
            is_start
        });
        let offset = before.map_or(0, |at| at + 1);
        let from = ends.max().unwrap_or(0).max(offset);
        let mut lines_after = Self::LINES;
        let after = bytes[from..].iter().position(|byte| {
            let is_end = *byte == b'\n' && lines_after == 0;
            lines_after -= usize::from(*byte == b'\n' && !is_end);
            is_end
        });
        let end = after.map_or(bytes.len(), |at| from + at + 1);
        Self { name: &source.name, text: &source.text[offset..end], offset, line: source.position(offset).0 - 1 }
    }
}

impl SourceCode for Window<'_> {
    fn read_span<'b>(
        &'b self,
        span: &SourceSpan,
        lines_before: usize,
        lines_after: usize,
    ) -> Result<Box<dyn SpanContents<'b> + 'b>, MietteError> {
        let here = SourceSpan::new(span.offset().saturating_sub(self.offset).into(), span.len());
        let read = self.text.as_bytes().read_span(&here, lines_before, lines_after)?;
        let whole = SourceSpan::new((read.span().offset() + self.offset).into(), read.span().len());
        let (line, column) = (read.line() + self.line, read.column());
        let contents =
            MietteSpanContents::new_named(self.name.to_owned(), read.data(), whole, line, column, read.line_count());
        Ok(Box::new(contents.with_language("GraphQL")))
    }
}

impl<'a> Drawn<'a> {
    fn new(diagnostic: &'a Diagnostic) -> Self {
        let main = diagnostic.labels.first().map(|label| &*label.source);
        // A file without text has no line to draw on.
        let main = main.filter(|source| !source.text.is_empty());
        let here = |label: &&Label| main.is_some_and(|main| main.name == label.source.name);
        let labels: Vec<&Label> = diagnostic.labels.iter().filter(here).collect();
        Self { diagnostic, source: main.map(|source| Window::around(source, &labels)) }
    }

    fn is_here(&self, label: &Label) -> bool {
        self.diagnostic.labels.first().is_some_and(|main| main.source.name == label.source.name)
    }

    fn elsewhere(&self) -> impl Iterator<Item = &'a Label> {
        let here: Vec<bool> = self.diagnostic.labels.iter().map(|label| self.is_here(label)).collect();
        self.diagnostic.labels.iter().zip(here).filter(|(_, here)| !here).map(|(label, _)| label)
    }
}

impl fmt::Display for Drawn<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.diagnostic.message)
    }
}

impl std::error::Error for Drawn<'_> {}

impl miette::Diagnostic for Drawn<'_> {
    fn code<'b>(&'b self) -> Option<Box<dyn fmt::Display + 'b>> {
        Some(Box::new(self.diagnostic.code))
    }

    fn severity(&self) -> Option<miette::Severity> {
        Some(match self.diagnostic.severity {
            Severity::Error => miette::Severity::Error,
            Severity::Warning => miette::Severity::Warning,
        })
    }

    fn help<'b>(&'b self) -> Option<Box<dyn fmt::Display + 'b>> {
        self.diagnostic.help.as_ref().map(|help| Box::new(help) as Box<dyn fmt::Display>)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.source.as_ref().map(|source| source as &dyn SourceCode)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        self.source.as_ref()?;
        let here = self.diagnostic.labels.iter().filter(|label| self.is_here(label));
        Some(Box::new(here.enumerate().map(|(at, label)| {
            let text = (!label.text.is_empty()).then(|| label.text.clone());
            let end = label.span.end.min(label.source.text.len());
            let start = label.span.start.min(end);
            let span = (start, end - start);
            if at == 0 {
                LabeledSpan::new_primary_with_span(text.or_else(|| Some("here".to_owned())), span)
            } else {
                LabeledSpan::new_with_span(text, span)
            }
        })))
    }
}

/// One finding for tools: lines and columns count from 1, columns in characters; the end is behind the last character.
fn describe(diagnostic: &Diagnostic) -> serde_json::Value {
    let object = json!({
        "code": diagnostic.code,
        "severity": match diagnostic.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        },
        "message": diagnostic.message,
        "help": diagnostic.help,
    });
    let places: Vec<serde_json::Value> = diagnostic.labels.iter().map(place).collect();
    let mut members = match object {
        serde_json::Value::Object(members) => members,
        _ => serde_json::Map::new(),
    };
    if let Some(serde_json::Value::Object(main)) = places.first() {
        members.extend(main.clone());
    }
    members.insert("related".to_owned(), places.into_iter().skip(1).collect());
    serde_json::Value::Object(members)
}

/// `::error file=…,line=…,col=…,endLine=…,endColumn=…,title=…::message`; the end column is that of the last character.
fn annotation(diagnostic: &Diagnostic) -> String {
    let command = match diagnostic.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    };
    let mut properties = Vec::new();
    if let Some(label) = diagnostic.labels.first().filter(|label| !label.source.name.is_empty()) {
        let (line, column) = label.source.position(label.span.start);
        let (end_line, end_column) = label.source.position(label.span.end);
        properties.push(format!("file={}", property(&label.source.name)));
        properties.push(format!("line={line},col={column},endLine={end_line}"));
        // Columns are refused by the services where a mark has several lines.
        if line == end_line {
            properties.push(format!("endColumn={}", end_column.saturating_sub(1).max(column)));
        }
    }
    properties.push(format!("title={}", property(diagnostic.code)));
    let help = diagnostic.help.as_ref().map(|help| format!("\n{help}")).unwrap_or_default();
    let message = format!("{}{help}", diagnostic.message).replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A");
    format!("::{command} {}::{message}\n", properties.join(","))
}

/// A value before the `::`, where two more characters have a meaning.
fn property(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A").replace(':', "%3A").replace(',', "%2C")
}

fn place(label: &Label) -> serde_json::Value {
    let (line, column) = label.source.position(label.span.start);
    let (end_line, end_column) = label.source.position(label.span.end);
    json!({
        "file": label.source.name,
        "line": line,
        "column": column,
        "end_line": end_line,
        "end_column": end_column,
        "label": label.text,
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn finding() -> Diagnostic {
        let source =
            Arc::new(SourceText { name: "shop.graphql".to_owned(), text: "type Query {\n  ä: Strng\n}\n".to_owned() });
        let label = Label { source, span: 19..24, text: "not a type".to_owned() };
        Diagnostic::error("GRAPH_QL_ERROR", "there is no type `Strng`", label).help("did you mean `String`?")
    }

    #[test]
    fn draws_on_the_line() {
        let text = render(&[finding()], Format::Human { color: false });
        for part in [
            "GRAPH_QL_ERROR",
            "there is no type `Strng`",
            "shop.graphql:2:",
            "ä: Strng",
            "not a type",
            "did you mean `String`?",
        ] {
            assert!(text.contains(part), "`{part}` is missing in\n{text}");
        }
        assert!(!text.contains('\u{1b}'), "no colours were asked for");
    }

    #[test]
    fn lines_far_into_a_file_keep_their_numbers() {
        let text: String = (1..=900).flat_map(|line| ["# ".to_owned(), line.to_string(), "\n".to_owned()]).collect();
        let at = |line: &str| text.find(line).expect("is there");
        let source = Arc::new(SourceText { name: "long.graphql".to_owned(), text: text.clone() });
        let label = |line: &str| Label {
            source: Arc::clone(&source),
            span: at(line)..at(line) + line.len(),
            text: format!("about {line}"),
        };
        let mut finding = Diagnostic::error("GRAPH_QL_ERROR", "far in", label("# 800"));
        finding.labels.push(label("# 777"));
        for (labels, shown) in [(2, "long.graphql:800:1"), (1, "long.graphql:800:1")] {
            finding.labels.truncate(labels);
            let drawn = render(&[finding.clone()], Format::Human { color: false });
            for part in [shown, " 799 │ # 799", " 800 │ # 800", " 801 │ # 801", "about # 800"] {
                assert!(drawn.contains(part), "`{part}` is missing in\n{drawn}");
            }
            assert_eq!(drawn.contains(" 777 │ # 777"), labels == 2, "{drawn}");
            assert!(!drawn.contains("# 802"), "{drawn}");
        }
    }

    #[test]
    fn json_counts_characters_from_one() {
        let text = render(&[finding()], Format::Json);
        let value: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        assert_eq!(value[0]["line"], 2);
        assert_eq!((value[0]["column"].as_u64(), value[0]["end_column"].as_u64()), (Some(6), Some(11)));
        assert_eq!(value[0]["severity"], "error");
    }

    #[test]
    fn annotations_escape_what_would_end_them() {
        let mut finding = finding();
        finding.message = "100 % of `Strng`: wrong\nhere".to_owned();
        let text = render(&[finding], Format::Github);
        let expected = "::error file=shop.graphql,line=2,col=6,endLine=2,endColumn=10,title=GRAPH_QL_ERROR::\
                        100 %25 of `Strng`: wrong%0Ahere%0Adid you mean `String`?\n";
        assert_eq!(text, expected);
        let unplaced = Diagnostic { labels: Vec::new(), ..self::finding() };
        assert!(render(&[unplaced], Format::Github).starts_with("::error title=GRAPH_QL_ERROR::there is no type"));
    }

    #[test]
    fn a_span_beyond_the_text_is_drawn_at_its_end() {
        let mut finding = finding();
        finding.labels[0].span = 900..901;
        let text = render(&[finding], Format::Human { color: false });
        assert!(text.contains("there is no type"));
    }
}
