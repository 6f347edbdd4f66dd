//! What is found by hash and id, and what is refused.

use std::path::PathBuf;

use http::HeaderMap;

use super::{DocumentId, Documents, Text, Trusted};
use crate::{config, error::ErrorCode, policy::Identity};

const TEXT: &str = "{ a }";
/// SHA-256 of `TEXT`, by another program.
const DIGITS: &str = "1c7e1e347f726166b5b1c55afd61f278cc9b45e00c108ec33d540a566379811b";
const OTHER: &str = "{ b }";

fn hash(digits: &str) -> DocumentId {
    DocumentId::Hash(digits.to_owned())
}

fn id(id: &str) -> DocumentId {
    DocumentId::Trusted(id.to_owned())
}

#[track_caller]
fn refused(documents: &Documents, query: Option<&str>, id: Option<&DocumentId>) -> ErrorCode {
    documents.resolve(None, query, id).expect_err("it is refused").code
}

#[track_caller]
fn text(documents: &Documents, query: Option<&str>, id: Option<&DocumentId>) -> String {
    let resolved = documents.resolve(None, query, id).expect("it is found");
    documents.keep(&resolved);
    resolved.text.to_string()
}

#[test]
fn a_text_alone_is_itself() {
    let documents = Documents::new(true, Trusted::default(), false);
    assert!(matches!(documents.resolve(None, Some(TEXT), None).unwrap().text, Text::Sent(TEXT)));
    assert_eq!(refused(&documents, None, None), ErrorCode::BadRequest);
}

#[test]
fn a_hash_is_known_after_its_text_was_sent_with_it() {
    let documents = Documents::new(true, Trusted::default(), false);
    assert_eq!(refused(&documents, None, Some(&hash(DIGITS))), ErrorCode::PersistedQueryNotFound);
    assert_eq!(text(&documents, Some(TEXT), Some(&hash(DIGITS))), TEXT);
    assert_eq!(text(&documents, None, Some(&hash(DIGITS))), TEXT);
    assert_eq!(text(&documents, None, Some(&hash(&DIGITS.to_uppercase()))), TEXT);
    assert_eq!(text(&documents, Some(TEXT), Some(&hash(DIGITS))), TEXT);
}

#[test]
fn a_text_that_was_not_understood_is_not_kept() {
    let documents = Documents::new(true, Trusted::default(), false);
    drop(documents.resolve(None, Some(TEXT), Some(&hash(DIGITS))).unwrap());
    assert_eq!(refused(&documents, None, Some(&hash(DIGITS))), ErrorCode::PersistedQueryNotFound);
}

#[test]
fn a_hash_stands_for_its_own_text_only() {
    let documents = Documents::new(true, Trusted::default(), false);
    assert_eq!(refused(&documents, Some(OTHER), Some(&hash(DIGITS))), ErrorCode::BadRequest);
    text(&documents, Some(TEXT), Some(&hash(DIGITS)));
    assert_eq!(refused(&documents, Some(OTHER), Some(&hash(DIGITS))), ErrorCode::BadRequest);
    assert_eq!(text(&documents, None, Some(&hash(DIGITS))), TEXT);
    for digits in ["", "abc", &DIGITS[1..], &format!("{DIGITS}0"), &"x".repeat(64), &"é".repeat(32)] {
        assert_eq!(refused(&documents, None, Some(&hash(digits))), ErrorCode::BadRequest, "{digits}");
    }
}

#[test]
fn switched_off_clients_are_told_to_stop_sending_hashes() {
    let documents = Documents::new(false, Trusted::default(), false);
    assert_eq!(refused(&documents, None, Some(&hash(DIGITS))), ErrorCode::PersistedQueryNotSupported);
    assert_eq!(text(&documents, Some(TEXT), Some(&hash(DIGITS))), TEXT, "a text that came along is run");
    assert_eq!(refused(&documents, None, Some(&hash(DIGITS))), ErrorCode::PersistedQueryNotSupported);
}

/// A folder of its own for one test, gone with it.
pub(super) struct Folder(pub(super) PathBuf);

impl Folder {
    pub(super) fn new(name: &str, files: &[(&str, &str)]) -> Self {
        let path = std::env::temp_dir().join(format!("weft-trusted-{name}-{}", std::process::id()));
        std::fs::create_dir_all(path.join("more")).unwrap();
        for (name, text) in files {
            std::fs::write(path.join(name), text).unwrap();
        }
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[test]
fn all_formats_of_a_folder_are_one_list() {
    let folder = Folder::new(
        "formats",
        &[
            (
                "apollo.json",
                r#"{"format":"apollo-persisted-query-manifest","version":1,"operations":[{"id":"1","name":"A","type":"query","body":"{ one }"}]}"#,
            ),
            ("relay.json", r#"{"2":"{ two }","1":"{ one }"}"#),
            ("more/Three.graphql", "{ three }"),
            ("more/notes.txt", "not a document"),
        ],
    );
    let trusted = Trusted::read(&folder.0).unwrap();
    assert_eq!(
        trusted.iter().filter(|(id, _)| id.len() < 64).map(|(id, _)| id).collect::<Vec<_>>(),
        ["1", "Three", "2"]
    );
    let documents = Documents::new(true, trusted, true);
    for (name, expected) in [("1", "{ one }"), ("2", "{ two }"), ("Three", "{ three }")] {
        assert_eq!(text(&documents, None, Some(&id(name))), expected);
        assert_eq!(text(&documents, None, Some(&hash(name))), expected, "persistedQuery may carry any id of the list");
        assert_eq!(text(&documents, Some(expected), None), expected, "the text itself is in the list");
    }
    assert_eq!(refused(&documents, Some("{ two }"), Some(&id("1"))), ErrorCode::BadRequest);
    for (query, id) in [
        (None, Some(id("4"))),
        (Some(TEXT), None),
        (Some(TEXT), Some(id("4"))),
        (None, Some(hash(DIGITS))),
        (Some(TEXT), Some(hash(DIGITS))),
    ] {
        assert_eq!(refused(&documents, query, id.as_ref()), ErrorCode::PersistedQueryNotInList, "{query:?} {id:?}");
    }
}

#[test]
fn an_id_with_the_name_of_its_hash_is_found() {
    let folder = Folder::new("prefix", &[("a.graphql", TEXT)]);
    let documents = Documents::new(true, Trusted::read(&folder.0).unwrap(), true);
    for name in [DIGITS.to_owned(), format!("sha256:{DIGITS}"), DIGITS.to_uppercase()] {
        assert_eq!(text(&documents, None, Some(&id(&name))), TEXT, "{name}");
    }
}

#[test]
fn a_hash_finds_a_document_under_whatever_id_it_is_listed() {
    let folder = Folder::new("by-hash", &[("list.json", &format!(r#"{{"a":"{TEXT}"}}"#))]);
    for only_trusted in [true, false] {
        let documents = Documents::new(false, Trusted::read(&folder.0).unwrap(), only_trusted);
        for name in [hash(DIGITS), hash(&DIGITS.to_uppercase()), id(DIGITS), id(&format!("sha256:{DIGITS}")), id("a")] {
            assert_eq!(text(&documents, None, Some(&name)), TEXT, "{name:?}");
            assert_eq!(text(&documents, Some(TEXT), Some(&name)), TEXT, "{name:?}");
            assert_eq!(refused(&documents, Some(OTHER), Some(&name)), ErrorCode::BadRequest, "{name:?}");
        }
        assert_eq!(text(&documents, Some(TEXT), Some(&id("of another list"))), TEXT, "its text is in the list");
    }
}

#[test]
fn a_refusal_says_which_document() {
    let documents = Documents::new(true, Trusted::default(), true);
    let message = |query, id: Option<DocumentId>| {
        documents.resolve(None, query, id.as_ref()).expect_err("it is refused").errors[0].message.clone()
    };
    assert!(message(Some(TEXT), None).contains(DIGITS));
    assert!(message(Some(TEXT), Some(hash("x"))).contains(DIGITS));
    assert!(message(None, Some(hash(DIGITS))).contains(DIGITS));
    assert!(message(None, Some(id("GetThing"))).contains("`GetThing`"));
    assert!(message(None, Some(id(&"x".repeat(100_000)))).len() < 200, "an id is no way to fill an answer");
}

#[test]
fn a_list_that_cannot_be_read_says_why() {
    for (name, files, reason) in [
        ("empty", vec![], "holds no documents"),
        ("syntax", vec![("a.json", "{")], "a.json`: EOF while parsing"),
        ("list", vec![("a.json", "[]")], "neither Apollo's manifest of persisted queries nor a map"),
        ("values", vec![("a.json", r#"{"1":2}"#)], "neither Apollo's manifest of persisted queries nor a map"),
        ("body", vec![("a.json", r#"{"operations":[{"id":"1"}]}"#)], "has no `id` or no `body`"),
        ("version", vec![("a.json", r#"{"version":2,"operations":[]}"#)], "only version 1"),
        ("twice", vec![("a.json", r#"{"1":"{ a }"}"#), ("b.json", r#"{"1":"{ b }"}"#)], "`1` stands for two documents"),
    ] {
        let folder = Folder::new(name, &files);
        let error = Trusted::read(&folder.0).expect_err(name);
        assert!(error.contains(reason), "{name}: {error}");
    }
    assert!(Trusted::read(&PathBuf::from("/nowhere/list.json")).unwrap_err().starts_with("cannot read"));
}

#[test]
fn a_list_of_some_callers_is_for_them_only() {
    let folder = Folder::new(
        "clients",
        &[("all.json", r#"{"1":"{ one }","2":"{ two }"}"#), ("own.json", r#"{"2":"{ other }","3":"{ three }"}"#)],
    );
    let read = |name: &str| Trusted::read(&folder.0.join(name)).unwrap();
    let known = config::Known { by: config::RateBy::ApiKey, values: vec!["web".to_owned()] };
    let client = config::Client { callers: config::RateFor::All, known: Some(known) };
    let documents = Documents::new(true, read("all.json"), true).and_of_clients(vec![(client, read("own.json"))]);
    let (web, other) = (Identity::of_key("web", None), Identity::of_key("other", None));
    let ask = |identity: &Identity, query: Option<&str>, id: Option<&DocumentId>| {
        let resolved = documents.resolve(documents.own(identity, &HeaderMap::new()), query, id);
        resolved.map(|resolved| resolved.text.to_string()).map_err(|refusal| refusal.code)
    };
    let nobody = Identity::default();
    assert_eq!(ask(&web, None, Some(&id("3"))), Ok("{ three }".to_owned()));
    assert_eq!(ask(&web, Some("{ three }"), None), Ok("{ three }".to_owned()));
    assert_eq!(ask(&web, None, Some(&id("2"))), Ok("{ other }".to_owned()), "their own comes first");
    for identity in [&web, &other, &nobody] {
        assert_eq!(ask(identity, None, Some(&id("1"))), Ok("{ one }".to_owned()), "the list for all");
    }
    for identity in [&other, &nobody] {
        assert_eq!(ask(identity, None, Some(&id("2"))), Ok("{ two }".to_owned()));
        assert_eq!(ask(identity, None, Some(&id("3"))), Err(ErrorCode::PersistedQueryNotInList));
        assert_eq!(ask(identity, Some("{ three }"), None), Err(ErrorCode::PersistedQueryNotInList));
        assert_eq!(ask(identity, Some("{ three }"), Some(&hash(DIGITS))), Err(ErrorCode::PersistedQueryNotInList));
    }
}
