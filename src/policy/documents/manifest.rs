//! The file that a report phase writes: Apollo's manifest of persisted queries, which can be used as a list of trusted documents.
//!
//! It is read before each time that it is written, and what somebody wrote into it stays: notes, ids and documents of their own. Entries
//! lie in the order of their names, so that a file that is kept with code changes by few lines.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use data_encoding::HEXLOWER;
use serde_json::{Map, Value, json};

use super::{Hash, Trusted};
use crate::config::DocumentReport;

/// Bytes that the file's indentation adds to an entry.
const INDENTED: usize = 32;

/// A document to be added.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) hash: Hash,
    /// Name of the operation; empty where it has none.
    pub(super) name: String,
    /// `query` or `mutation`.
    pub(super) kind: &'static str,
    /// The text, as it was sent.
    pub(super) body: String,
}

impl Entry {
    fn id(&self) -> String {
        HEXLOWER.encode(&self.hash)
    }

    fn json(&self) -> Value {
        json!({ "id": self.id(), "name": self.name, "type": self.kind, "body": self.body })
    }

    /// Bytes that it takes in the file.
    pub(super) fn size(&self) -> usize {
        serde_json::to_string_pretty(&self.json()).map_or(usize::MAX, |text| text.len().saturating_add(INDENTED))
    }
}

/// What the file holds.
#[derive(Debug)]
pub(super) struct Manifest {
    members: Map<String, Value>,
    listed: Trusted,
    size: usize,
}

impl Manifest {
    /// Reads it; a file that is not there, or empty, holds nothing. Errors: it cannot be read or is something else, in words.
    pub(super) fn read(path: &Path) -> Result<Self, String> {
        let failed = |reason: &dyn std::fmt::Display| format!("cannot read `{}`: {reason}", path.display());
        let text = match fs::metadata(path) {
            Ok(found) if found.len() > DocumentReport::LIST_MAX as u64 => {
                return Err(failed(&"it has more than 64 MiB"));
            }
            Ok(_) => fs::read_to_string(path).map_err(|error| failed(&error))?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            Err(error) => return Err(failed(&error)),
        };
        let mut listed = Trusted::default();
        let members = if text.trim().is_empty() {
            let empty = json!({ "format": "apollo-persisted-query-manifest", "version": 1, "operations": [] });
            empty.as_object().cloned().unwrap_or_default()
        } else {
            let members: Map<String, Value> = serde_json::from_str(&text).map_err(|error| failed(&error))?;
            if !members.get("operations").is_some_and(Value::is_array) {
                return Err(failed(
                    &"it is not Apollo's manifest of persisted queries: it has no list of `operations`",
                ));
            }
            listed.operations(&members).map_err(|reason| failed(&reason))?;
            members
        };
        Ok(Self { members, listed, size: text.len() })
    }

    /// The documents in it.
    pub(super) fn hashes(&self) -> impl Iterator<Item = Hash> {
        self.listed.hashes()
    }

    /// Bytes of the file.
    pub(super) fn size(&self) -> usize {
        self.size
    }

    /// Adds what is not in it; gives how many that are, and the ids that stand for another text already.
    pub(super) fn add(&mut self, entries: &[Entry]) -> (usize, Vec<String>) {
        let Some(operations) = self.members.get_mut("operations").and_then(Value::as_array_mut) else {
            return (0, Vec::new());
        };
        let (mut added, mut taken) = (0, Vec::new());
        for entry in entries.iter().filter(|entry| !self.listed.has_text(&entry.hash)) {
            let id = entry.id();
            if self.listed.has_id(&id) {
                taken.push(id);
                continue;
            }
            operations.push(entry.json());
            added += 1;
        }
        let key = |entry: &Value| ["name", "id"].map(|key| entry[key].as_str().unwrap_or_default().to_owned());
        operations.sort_by_cached_key(key);
        (added, taken)
    }

    /// Writes it, as a whole or not at all; gives its bytes. Errors: it cannot be written, in words.
    pub(super) fn write(&self, path: &Path) -> Result<usize, String> {
        let failed = |error: io::Error| format!("cannot write `{}`: {error}", path.display());
        let mut text = serde_json::to_string_pretty(&self.members).map_err(|error| failed(error.into()))?;
        text.push('\n');
        // A link stays one: what it leads to is replaced.
        let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        let beside = beside(&path);
        let replace = || {
            let mut file = create(&beside)?;
            if let Ok(known) = fs::metadata(&path) {
                file.set_permissions(known.permissions())?;
            }
            file.write_all(text.as_bytes())?;
            file.sync_all()?;
            fs::rename(&beside, &path)
        };
        replace().map_err(|error| {
            let _ = fs::remove_file(&beside);
            failed(error)
        })?;
        Ok(text.len())
    }
}

/// Whether a manifest can be written there. Errors: why not, and what to do.
pub(super) fn check_writable(path: &Path) -> Result<(), String> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
    if !folder.is_dir() {
        return Err(format!("`{}` cannot be written: there is no folder `{}`", path.display(), folder.display()));
    }
    let beside = beside(&fs::canonicalize(path).unwrap_or_else(|_| path.to_owned()));
    create(&beside)
        .and_then(|_| fs::remove_file(&beside))
        .map_err(|error| format!("`{}` cannot be written in its folder: {error}", path.display()))
}

/// Where it is written before it takes its place; no list takes such a name for one of its files.
fn beside(path: &Path) -> PathBuf {
    PathBuf::from(format!("{}.{}.new", path.display(), std::process::id()))
}

/// For its owner only, until somebody says otherwise: documents may have values in them.
fn create(path: &Path) -> io::Result<File> {
    OpenOptions::new().create(true).write(true).truncate(true).mode(0o600).open(path)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::{super::hash_of, *};
    use crate::policy::documents::tests::Folder;

    pub(super) fn entry(name: &str, body: &str) -> Entry {
        Entry { hash: hash_of(body), name: name.to_owned(), kind: "query", body: body.to_owned() }
    }

    fn add(path: &Path, entries: &[Entry]) -> (usize, Vec<String>) {
        let mut manifest = Manifest::read(path).unwrap();
        let added = manifest.add(entries);
        let size = manifest.write(path).unwrap();
        assert_eq!(size as u64, fs::metadata(path).unwrap().len());
        added
    }

    #[test]
    fn it_is_a_list_of_trusted_documents_in_an_order_of_its_own() {
        let folder = Folder::new("manifest", &[]);
        let path = folder.0.join("seen.json");
        assert_eq!(add(&path, &[entry("B", "query B { b }"), entry("", "{ x }")]), (2, vec![]));
        let first = fs::read_to_string(&path).unwrap();
        assert_eq!(add(&path, &[entry("A", "query A { a }"), entry("B", "query B { b }")]), (1, vec![]));
        let second = fs::read_to_string(&path).unwrap();
        // Other orders of arrival come to the same file.
        let other = folder.0.join("other.json");
        add(&other, &[entry("A", "query A { a }")]);
        add(&other, &[entry("", "{ x }"), entry("B", "query B { b }")]);
        assert_eq!(fs::read_to_string(&other).unwrap(), second);
        let (kept, more): (Vec<&str>, Vec<&str>) =
            second.lines().partition(|line| first.lines().any(|old| old == *line));
        assert_eq!(
            (kept.len(), more.len()),
            (first.lines().count() + 3, 3),
            "three lines are new, and braces: {second}"
        );
        let trusted = Trusted::read(&folder.0).unwrap();
        let bodies: Vec<&str> = trusted.iter().map(|(_, text)| text).collect();
        assert_eq!(bodies, ["{ x }", "query A { a }", "query B { b }"], "two gateways' files are one list");
        assert!(trusted.find(&HEXLOWER.encode(&hash_of("{ x }"))).is_some());
    }

    #[test]
    fn what_somebody_wrote_into_it_stays() {
        let text = r#"{"version":1,"note":"ours","operations":[
            {"id":"mine","name":"Z","type":"query","body":"{ z }","owner":"web team"},
            {"id":"b0b9e3b0c2b3ed0e0d5a6a1eae8f7b2d8ff94a9bd9b6f17c1a2c35a0a2b0c5d1","name":"A","body":"{ a }"}]}"#;
        let folder = Folder::new("by-hand", &[("seen.json", text)]);
        let path = folder.0.join("seen.json");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        let link = folder.0.join("more/link.json");
        symlink(&path, &link).unwrap();
        // The text is there, under an id of somebody's own.
        assert_eq!(add(&link, &[entry("Z", "{ z }"), entry("N", "{ n }")]), (1, vec![]));
        let now: Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
        assert_eq!(now["note"], "ours");
        let names: Vec<&Value> = now["operations"].as_array().unwrap().iter().map(|one| &one["name"]).collect();
        assert_eq!(names, ["A", "N", "Z"]);
        assert_eq!(now["operations"][2]["owner"], "web team");
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink(), "a link stays one");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o644);
        let names: Vec<_> = fs::read_dir(&folder.0).unwrap().map(|one| one.unwrap().file_name()).collect();
        assert_eq!(names.len(), 2, "nothing is left beside it: {names:?}");
    }

    #[test]
    fn an_id_stands_for_one_text() {
        let id = HEXLOWER.encode(&hash_of("{ a }"));
        let text = json!({ "operations": [{ "id": id, "body": "{ changed }" }] }).to_string();
        let folder = Folder::new("taken", &[("seen.json", &text)]);
        let path = folder.0.join("seen.json");
        assert_eq!(add(&path, &[entry("", "{ a }"), entry("", "{ b }")]), (1, vec![id]));
        assert_eq!(Trusted::read(&path).unwrap().iter().count(), 2, "it is a list still");
    }

    #[test]
    fn what_is_no_manifest_is_not_touched() {
        for (text, reason) in [
            ("{", "EOF while parsing"),
            ("[]", "invalid type"),
            (r#"{"1":"{ a }"}"#, "no list of `operations`"),
            (r#"{"version":2,"operations":[]}"#, "only version 1"),
            (r#"{"operations":[{"id":"1"}]}"#, "has no `id` or no `body`"),
        ] {
            let folder = Folder::new("no-manifest", &[("seen.json", text)]);
            let error = Manifest::read(&folder.0.join("seen.json")).expect_err(text);
            assert!(error.contains(reason) && error.contains("seen.json"), "{text}: {error}");
        }
        let folder = Folder::new("empty", &[("seen.json", "\n")]);
        assert_eq!(
            add(&folder.0.join("seen.json"), &[entry("", "{ a }")]),
            (1, vec![]),
            "somebody made a place for it"
        );
        assert!(Manifest::read(&folder.0).is_err(), "a folder");
        let nowhere = check_writable(&folder.0.join("nowhere/seen.json")).unwrap_err();
        assert!(nowhere.contains("there is no folder"), "{nowhere}");
        // A file in the place of the folder's new file: what a folder that may not be written to is to everybody but root.
        let path = folder.0.join("blocked.json");
        fs::create_dir(beside(&path)).unwrap();
        assert!(check_writable(&path).unwrap_err().contains("cannot be written in its folder"));
    }

    #[test]
    fn an_entry_knows_its_size() {
        let folder = Folder::new("size", &[]);
        let path = folder.0.join("seen.json");
        let before = Manifest::read(&path).unwrap().write(&path).unwrap();
        let entries = [entry("A", "query A {\n  a(b: \"ü\")\n}"), entry("B", "{ b }")];
        add(&path, &entries);
        let grown = usize::try_from(fs::metadata(&path).unwrap().len()).unwrap() - before;
        let said: usize = entries.iter().map(Entry::size).sum();
        assert!(said >= grown && said < grown + 32, "{said} {grown}");
    }
}
