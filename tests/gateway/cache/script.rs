//! The format of `tests/cases/cache/*.md`: a heading names a case, a paragraph says what is required and where, indented lines are
//! the script.

use std::time::Duration;

use crate::support::root;

/// One case.
#[derive(Debug)]
pub struct Case {
    /// `file: heading`
    pub name: String,
    /// Where it is required: `RFC 9111 4.2`.
    pub source: String,
    /// `MUST`, `SHOULD`, `MAY`, or `weft` for what we promise beyond.
    pub level: String,
    /// What is required.
    pub sentence: String,
    /// What is done.
    pub lines: Vec<Line>,
}

/// A line of a script.
#[derive(Debug)]
pub struct Line {
    /// As written.
    pub text: String,
    /// What it does.
    pub action: Action,
}

/// Headers by name and value.
pub type Headers = Vec<(String, String)>;

/// What a line does.
#[derive(Debug)]
pub enum Action {
    /// A line of the source's configuration: of `cache`, or `share`.
    Config(String),
    /// What reads are answered with from now on.
    Reply(u16, Headers),
    /// What conditional reads are answered with.
    Revalidation(u16, Headers),
    /// What writes are answered with.
    Written(u16, Headers),
    /// The service ends connections without an answer.
    Down(bool),
    /// Time passes.
    Wait(Duration),
    /// The date is wrong by so many milliseconds.
    Wrong(i64),
    /// A query: `ask`, `ask post`, `ask get`.
    Ask { how: How, id: String, headers: Headers, expected: Expected },
    /// A query until it gives what is expected; until then it gives what it gave before.
    Soon(u64),
    /// A mutation by that method.
    Write { method: String, id: String, is_refused: bool },
    /// Tags are purged.
    Purge(String),
    /// So many reads reached the service.
    Calls(usize),
    /// The last request had (or had not) this header.
    Sent(String, Option<String>),
}

/// How a query is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum How {
    /// A connector by GET, the operation by POST.
    Plain,
    /// A connector by POST.
    Post,
    /// The operation by GET.
    Get,
}

/// What is in `data`.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub enum Given {
    /// There is an error.
    #[default]
    Error,
    /// `n` of the item.
    Number(u64),
    /// Null, without an error.
    Null,
    /// The answer has no body.
    NoBody,
}

/// What comes of a query.
#[derive(Debug, Default)]
pub struct Expected {
    /// What is in `data`.
    pub data: Given,
    /// `http.status` of the error.
    pub status: Option<u64>,
    /// Of the HTTP answer: name and value; `None`: it is not there.
    pub headers: Vec<(String, Option<String>)>,
    /// Its status.
    pub answered: Option<u16>,
    /// Whether the answer says that it is stale.
    pub stale: Option<bool>,
}

/// All cases, by file and place.
pub fn cases() -> Vec<Case> {
    let folder = root().join("tests/cases/cache");
    let entries = std::fs::read_dir(folder).expect("the cases are in the project");
    let mut paths: Vec<_> = entries.map(|entry| entry.expect("a readable folder").path()).collect();
    paths.retain(|path| path.extension().is_some_and(|it| it == "md") && !path.ends_with("README.md"));
    paths.sort();
    let of = |path: &std::path::PathBuf| {
        let stem = path.file_stem().expect("a file").to_string_lossy().into_owned();
        let text = std::fs::read_to_string(path).expect("a readable file");
        text.split("\n## ").skip(1).map(|text| case(&stem, text)).collect::<Vec<_>>()
    };
    paths.iter().flat_map(of).collect()
}

fn case(stem: &str, text: &str) -> Case {
    let mut lines = text.lines();
    let name = format!("{stem}: {}", lines.next().expect("a heading").trim());
    let (script, prose): (Vec<&str>, Vec<&str>) =
        lines.filter(|line| !line.trim().is_empty()).partition(|line| line.starts_with("    "));
    let prose = prose.join(" ");
    let (place, sentence) = prose.split_once(": ").unwrap_or_else(|| panic!("{name}: `SOURCE LEVEL: sentence`"));
    let (source, level) = place.rsplit_once(' ').unwrap_or_else(|| panic!("{name}: `SOURCE LEVEL: sentence`"));
    assert!(["MUST", "SHOULD", "MAY", "weft"].contains(&level), "{name}: `{level}` is no level");
    let read = |text: &str| Line { text: text.trim().to_owned(), action: action(&name, text.trim()) };
    let lines: Vec<Line> = script.into_iter().map(read).collect();
    let is_counted = lines.iter().any(|line| matches!(line.action, Action::Calls(_)));
    assert!(is_counted, "{name}: calls are not counted");
    Case { source: source.to_owned(), level: level.to_owned(), sentence: sentence.to_owned(), lines, name }
}

fn action(case: &str, line: &str) -> Action {
    let bad = || -> ! { panic!("{case}: cannot read `{line}`") };
    let (command, rest) = line.split_once(' ').unwrap_or((line, ""));
    let (main, expected) = rest.rsplit_once(" = ").or_else(|| rest.strip_prefix("= ").map(|it| ("", it))).unzip();
    let mut parts = main.unwrap_or(rest).split(" | ").map(str::trim);
    let first = parts.next().unwrap_or_default();
    let (first, more) = first.strip_prefix("| ").map_or((first, None), |header| ("", Some(header)));
    let headers: Headers = more.into_iter().chain(parts).map(|text| header(text).unwrap_or_else(|| bad())).collect();
    let status = |default: u16| if first.is_empty() { default } else { first.parse().unwrap_or_else(|_| bad()) };
    match command {
        "config" => Action::Config(rest.to_owned()),
        "reply" => Action::Reply(status(200), headers),
        "revalidation" => Action::Revalidation(status(304), headers),
        "written" => Action::Written(status(200), headers),
        "down" => Action::Down(true),
        "up" => Action::Down(false),
        "wait" => Action::Wait(Duration::from_millis(milliseconds(rest).unwrap_or_else(|| bad()).unsigned_abs())),
        "wrong" => Action::Wrong(milliseconds(rest).unwrap_or_else(|| bad())),
        "ask" => {
            let (how, id) = match first.split_once(' ').unwrap_or((first, "")) {
                ("post", id) => (How::Post, id),
                ("get", id) => (How::Get, id),
                (id, "") => (How::Plain, id),
                _ => bad(),
            };
            let id = if id.is_empty() { "1" } else { id }.to_owned();
            Action::Ask {
                how,
                id,
                headers,
                expected: expect(expected.unwrap_or_else(|| bad())).unwrap_or_else(|| bad()),
            }
        }
        "soon" => Action::Soon(expected.and_then(|text| text.parse().ok()).unwrap_or_else(|| bad())),
        "write" => {
            let (method, id) = first.split_once(' ').unwrap_or((first, "1"));
            Action::Write { method: method.to_owned(), id: id.to_owned(), is_refused: expected == Some("error") }
        }
        "purge" => Action::Purge(rest.to_owned()),
        "calls" => Action::Calls(rest.parse().unwrap_or_else(|_| bad())),
        "sent" => {
            let (name, value) = header(rest).unwrap_or_else(|| bad());
            Action::Sent(name, Some(value))
        }
        "unsent" => Action::Sent(rest.to_owned(), None),
        _ => bad(),
    }
}

/// `N`, `null`, `nothing`, `error`, `error STATUS`; then `; age N`, `; NAME: VALUE`, `; no NAME`, `; stale`, `; fresh`, `; status N`.
fn expect(text: &str) -> Option<Expected> {
    let mut parts = text.split("; ").map(str::trim);
    let mut expected = Expected::default();
    match parts.next()? {
        "error" => {}
        "nothing" => expected.data = Given::NoBody,
        "null" => expected.data = Given::Null,
        first => match first.strip_prefix("error ") {
            Some(status) => expected.status = Some(status.parse().ok()?),
            None => expected.data = Given::Number(first.parse().ok()?),
        },
    }
    for part in parts {
        match part.split_once(' ').unwrap_or((part, "")) {
            ("stale", "") => expected.stale = Some(true),
            ("fresh", "") => expected.stale = Some(false),
            ("status", status) => expected.answered = Some(status.parse().ok()?),
            ("no", name) => expected.headers.push((name.to_owned(), None)),
            _ => {
                let (name, value) = header(part)?;
                expected.headers.push((name, Some(value)));
            }
        }
    }
    Some(expected)
}

fn header(text: &str) -> Option<(String, String)> {
    let (name, value) = text.split_once(':')?;
    Some((name.trim().to_ascii_lowercase(), value.trim().to_owned()))
}

/// `59s`, `-1h`, `500ms`, `2d`.
pub fn milliseconds(text: &str) -> Option<i64> {
    let digits = text.find(|char: char| char.is_ascii_alphabetic())?;
    let factor = match &text[digits..] {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return None,
    };
    text[..digits].trim_start_matches('+').parse::<i64>().ok().map(|number| number * factor)
}
