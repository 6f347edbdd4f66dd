//! What operations are called: queries after what they give, mutations after what they do.

use super::words::{self, Names, camel, singular_words, words};

/// Words that say what is done.
const VERBS: [&str; 92] = [
    "accept",
    "acknowledge",
    "activate",
    "add",
    "allow",
    "apply",
    "approve",
    "archive",
    "assign",
    "attach",
    "authorize",
    "block",
    "bulk",
    "cancel",
    "capture",
    "change",
    "charge",
    "check",
    "clear",
    "clone",
    "close",
    "complete",
    "confirm",
    "convert",
    "copy",
    "create",
    "deactivate",
    "decline",
    "delete",
    "deny",
    "deploy",
    "detach",
    "disable",
    "dismiss",
    "download",
    "enable",
    "execute",
    "exchange",
    "export",
    "finalize",
    "follow",
    "fork",
    "generate",
    "grant",
    "import",
    "install",
    "invite",
    "invoke",
    "join",
    "leave",
    "link",
    "lock",
    "login",
    "logout",
    "mark",
    "merge",
    "migrate",
    "move",
    "open",
    "pause",
    "ping",
    "post",
    "preview",
    "process",
    "publish",
    "purge",
    "rebuild",
    "refresh",
    "refund",
    "register",
    "reject",
    "release",
    "remove",
    "rename",
    "reopen",
    "replace",
    "request",
    "resend",
    "reset",
    "restart",
    "restore",
    "resume",
    "retry",
    "revoke",
    "rotate",
    "run",
    "send",
    "set",
    "start",
    "stop",
    "sync",
    "test",
];

/// Further ones that are nouns as often, and count only at the end of a path that leads through an object.
const LATE_VERBS: [&str; 22] = [
    "star",
    "transfer",
    "trigger",
    "unarchive",
    "unassign",
    "unblock",
    "unfollow",
    "unlink",
    "unlock",
    "unpin",
    "pin",
    "unpublish",
    "unstar",
    "unsubscribe",
    "update",
    "upgrade",
    "upload",
    "validate",
    "verify",
    "void",
    "subscribe",
    "submit",
];

/// A `POST` to these reads.
const READS: [&str; 9] = ["query", "search", "lookup", "find", "filter", "_search", "batchget", "multiget", "graphql"];

/// Verbs with which a document's own name of a mutation is better than one made of the path.
const OWN: [&str; 17] = [
    "create", "update", "delete", "add", "remove", "set", "replace", "cancel", "send", "patch", "upsert", "enable",
    "disable", "start", "stop", "archive", "restore",
];

/// What a name is made of.
pub(super) struct Subject<'a> {
    pub(super) method: &'a str,
    pub(super) path: &'a str,
    pub(super) id: Option<&'a str>,
    /// Whether the path has both `PUT` and `PATCH`.
    pub(super) has_patch: bool,
}

/// A part of a path.
#[derive(Debug, PartialEq, Eq)]
enum Part {
    Word(Vec<String>),
    Parameter(String),
}

/// Whether an operation reads, and under which name.
pub(super) fn title(subject: &Subject<'_>, queries: &mut Names, mutations: &mut Names) -> (bool, String) {
    let parts = parts(subject.path);
    let is_query = subject.method == "GET" || subject.method == "POST" && reads(&parts);
    let own = subject.id.map(|id| words(id.rsplit('/').next().unwrap_or(id)));
    let mut wanted: Vec<Vec<String>> = Vec::new();
    if is_query {
        let name = query(&parts);
        if let (Some(Part::Parameter(last)), false) = (parts.last(), name.is_empty()) {
            let by = [name.clone(), vec!["by".to_owned()], words(last)].concat();
            wanted.extend([name, by]);
        } else {
            wanted.push(name);
        }
        wanted.extend(
            own.map(|own| own.into_iter().skip_while(|word| ["get", "list"].contains(&word.as_str())).collect()),
        );
    } else {
        let good = |own: &Vec<String>| own.len() > 1 && OWN.contains(&own[0].as_str());
        let by_path = mutation(subject, &parts);
        match own.clone().filter(good).filter(|_| subject.id.is_some_and(|id| !id.contains('/'))) {
            Some(own) => wanted.extend([own, by_path]),
            None => wanted.push(by_path),
        }
        wanted.extend(own);
    }
    if let Some(id) = subject.id {
        wanted.push(words(id));
    }
    let mut wanted: Vec<String> =
        wanted.iter().filter_map(|words| camel(words)).filter(|name| words::is_name(name)).collect();
    if wanted.is_empty() {
        wanted.push(if is_query { "root" } else { "call" }.to_owned());
    }
    (is_query, if is_query { queries } else { mutations }.give(&wanted))
}

/// The parts of a path, without those in front that only say which API this is.
fn parts(path: &str) -> Vec<Part> {
    let mut parts = Vec::new();
    for segment in path.split(['/', '#', '?']).filter(|segment| !segment.is_empty()) {
        let segment = [".json", ".xml", ".php"].iter().find_map(|end| segment.strip_suffix(end)).unwrap_or(segment);
        // `{id}:cancel`, `{owner}.{name}`
        let mut rest = segment;
        while let Some((before, after)) = rest.split_once('{') {
            let (name, behind) = after.split_once('}').unwrap_or((after, ""));
            push_word(&mut parts, before);
            parts.push(Part::Parameter(name.to_owned()));
            rest = behind;
        }
        push_word(&mut parts, rest);
    }
    let is_preamble = |part: &Part| match part {
        Part::Word(words) => {
            let text = words.join("");
            ["api", "apis", "rest", "public"].contains(&text.as_str())
                || text.strip_prefix('v').unwrap_or(&text).chars().all(|char| char.is_ascii_digit())
                || text.starts_with('v') && text[1..].starts_with(|char: char| char.is_ascii_digit()) && text.len() < 10
        }
        Part::Parameter(_) => false,
    };
    let skipped = parts.iter().take_while(|part| is_preamble(part)).count();
    if skipped < parts.len() {
        parts.drain(..skipped);
    }
    parts
}

fn push_word(parts: &mut Vec<Part>, text: &str) {
    let words = words(text);
    if !words.is_empty() {
        parts.push(Part::Word(words));
    }
}

fn reads(parts: &[Part]) -> bool {
    matches!(parts.last(), Some(Part::Word(words)) if READS.contains(&words.concat().as_str()) || words.last().is_some_and(|last| READS[..5].contains(&last.as_str())))
}

/// Words for what lies at the end of a path: `/users/{id}/orders` is `user orders`.
fn query(parts: &[Part]) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    for (at, part) in parts.iter().enumerate() {
        let Part::Word(words) = part else { continue };
        let is_one = matches!(parts.get(at + 1), Some(Part::Parameter(_)));
        let words = if is_one { singular_words(words) } else { words.clone() };
        extend(&mut out, &words);
    }
    out
}

/// `/users/{id}/user_emails` has one `user`.
fn extend(out: &mut Vec<String>, words: &[String]) {
    let is_repeated = out.last().is_some_and(|last| words.len() > 1 && words.first() == Some(last));
    out.extend_from_slice(&words[usize::from(is_repeated)..]);
}

fn mutation(subject: &Subject<'_>, parts: &[Part]) -> Vec<String> {
    let ends_in_parameter = matches!(parts.last(), Some(Part::Parameter(_)));
    let all_singular = |parts: &[Part]| {
        let mut words = Vec::new();
        for part in parts {
            if let Part::Word(part) = part {
                extend(&mut words, &singular_words(part));
            }
        }
        words
    };
    let named = |verb: &str, words: Vec<String>| [vec![verb.to_owned()], words].concat();
    // What is done is often the last word of the path.
    if let (Some((Part::Word(last), before)), true) = (parts.split_last(), subject.method != "DELETE") {
        let behind_object = matches!(before.last(), Some(Part::Parameter(_)));
        let is_verb = |word: &String| {
            VERBS.contains(&word.as_str()) || (behind_object || last.len() == 1) && LATE_VERBS.contains(&word.as_str())
        };
        if subject.method == "POST" || behind_object && last.len() == 1 {
            if is_verb(&last[0]) {
                return [vec![last[0].clone()], all_singular(before), last[1..].to_vec()].concat();
            }
            if last.len() > 1 && last.iter().any(is_verb) {
                return [all_singular(before), last.clone()].concat();
            }
        }
    }
    match subject.method {
        "POST" if ends_in_parameter => named("update", all_singular(parts)),
        "POST" => named("create", all_singular(parts)),
        "PUT" if subject.has_patch => named("replace", query(parts)),
        "PUT" | "PATCH" => named("update", query(parts)),
        "DELETE" => named("delete", query(parts)),
        other => named(&other.to_ascii_lowercase(), query(parts)),
    }
}

/// The words of what a path's last word is one of: `/users/{id}` is about a `user`.
pub(super) fn resource(path: &str) -> Vec<String> {
    let parts = parts(path);
    let last = parts.iter().rev().find_map(|part| match part {
        Part::Word(words) => Some(singular_words(words)),
        Part::Parameter(_) => None,
    });
    last.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(method: &str, path: &str, id: Option<&str>) -> String {
        title(&Subject { method, path, id, has_patch: false }, &mut Names::default(), &mut Names::default()).1
    }

    #[test]
    fn queries_are_named_after_what_they_give() {
        for (path, name) in [
            ("/users", "users"),
            ("/users/{id}", "user"),
            ("/api/v1/users/{user_id}/orders", "userOrders"),
            ("/repos/{owner}/{repo}/issues/{number}/comments", "repoIssueComments"),
            ("/2010-04-01/Accounts/{Sid}/Calls.json", "accountCalls"),
            ("/categories/{id}.json", "category"),
            ("/chat.postMessage", "chatPostMessage"),
            ("/", "root"),
            ("/v1", "v1"),
        ] {
            assert_eq!(named("GET", path, None), name, "{path}");
        }
        assert_eq!(
            title(
                &Subject { method: "POST", path: "/stock/query", id: None, has_patch: false },
                &mut Names::default(),
                &mut Names::default()
            ),
            (true, "stockQuery".to_owned())
        );
    }

    #[test]
    fn mutations_are_named_after_what_they_do() {
        for (method, path, id, name) in [
            ("POST", "/users", None, "createUser"),
            ("POST", "/users", Some("users/create"), "createUser"),
            ("POST", "/user", Some("createUser"), "createUser"),
            ("PUT", "/orders/{id}", None, "updateOrder"),
            ("DELETE", "/orders/{id}", None, "deleteOrder"),
            ("POST", "/orders/{id}/cancel", None, "cancelOrder"),
            ("POST", "/orders/{id}/lines/{line}/cancel", None, "cancelOrderLine"),
            ("POST", "/orders/{id}:refund", None, "refundOrder"),
            ("POST", "/login", Some("login"), "login"),
            ("POST", "/chat.postMessage", None, "chatPostMessage"),
            ("POST", "/customers/{customer}", Some("PostCustomersCustomer"), "updateCustomer"),
            ("PUT", "/gists/{id}/star", None, "starGist"),
            ("DELETE", "/gists/{id}/star", None, "deleteGistStar"),
            ("POST", "/repos/{owner}/{repo}/issues/{n}/labels", None, "createRepoIssueLabel"),
        ] {
            assert_eq!(named(method, path, id), name, "{method} {path}");
        }
    }
}
