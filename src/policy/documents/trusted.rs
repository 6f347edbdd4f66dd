//! The list of trusted documents: what client builds write.
//!
//! Read are Apollo's manifest (`generate-persisted-query-manifest`), the map from id to text that Relay's compiler and
//! graphql-codegen's client preset write, and `.graphql` files, whose ids are their name and the SHA-256 of their text.
//! A folder is all of these in it.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    sync::Arc,
};

use data_encoding::HEXLOWER;
use serde_json::Value;

use super::{Hash, hash_from, hash_of};
use crate::config::DocumentReport;

/// Bytes of all files of a list.
const BYTES_MAX: u64 = DocumentReport::LIST_MAX as u64;
/// Folders in folders.
const DEPTH_MAX: usize = 16;

/// Documents by their ids.
#[derive(Debug, Default)]
pub struct Trusted {
    by_id: HashMap<String, Arc<str>>,
    texts: HashMap<Hash, Arc<str>>,
    /// In the order of the files.
    ids: Vec<String>,
}

impl Trusted {
    /// Reads a file or a folder. Errors: what cannot be read, in words.
    pub fn read(path: &Path) -> Result<Self, String> {
        let mut files = Vec::new();
        find(path, DEPTH_MAX, &mut files)?;
        files.sort();
        let mut trusted = Self::default();
        let mut left = BYTES_MAX;
        for file in &files {
            let failed = |error: &dyn std::fmt::Display| format!("cannot read `{}`: {error}", file.display());
            let size = std::fs::metadata(file).map_err(|error| failed(&error))?.len();
            left = left.checked_sub(size).ok_or_else(|| failed(&"the list has more than 64 MiB"))?;
            let text = std::fs::read_to_string(file).map_err(|error| failed(&error))?;
            if is(file, &["json"]) {
                trusted.manifest(&text).map_err(|reason| failed(&reason))?;
            } else {
                let stem = file.file_stem().unwrap_or_default().to_string_lossy();
                trusted.add(&HEXLOWER.encode(&hash_of(&text)), &text).map_err(|reason| failed(&reason))?;
                trusted.add(&stem, &text).map_err(|reason| failed(&reason))?;
            }
        }
        if trusted.by_id.is_empty() {
            return Err(format!("`{}` holds no documents: no manifest (.json), no .graphql files", path.display()));
        }
        Ok(trusted)
    }

    fn manifest(&mut self, text: &str) -> Result<(), String> {
        let value: Value = serde_json::from_str(text).map_err(|error| error.to_string())?;
        let Value::Object(members) = value else { return Err(FORMATS.to_owned()) };
        if members.contains_key("operations") {
            return self.operations(&members);
        }
        for (id, text) in &members {
            self.add(id, text.as_str().ok_or(FORMATS)?)?;
        }
        Ok(())
    }

    /// Apollo's: `{"format": "apollo-persisted-query-manifest", "version": 1, "operations": [{"id", "body", …}]}`.
    pub(super) fn operations(&mut self, members: &serde_json::Map<String, Value>) -> Result<(), String> {
        if members.get("version").is_some_and(|version| *version != 1) {
            return Err("only version 1 of Apollo's manifest is known".to_owned());
        }
        for operation in members.get("operations").and_then(Value::as_array).ok_or(FORMATS)? {
            let of = |name: &str| operation.get(name).and_then(Value::as_str);
            let (Some(id), Some(body)) = (of("id"), of("body")) else {
                return Err("an entry of `operations` has no `id` or no `body`".to_owned());
            };
            self.add(id, body)?;
        }
        Ok(())
    }

    fn add(&mut self, id: &str, text: &str) -> Result<(), String> {
        let id = id.strip_prefix("sha256:").unwrap_or(id);
        if let Some(known) = self.by_id.get(id) {
            // Several clients may bring one document; one id for two would be a guess.
            return if **known == *text { Ok(()) } else { Err(format!("the id `{id}` stands for two documents")) };
        }
        let (hash, text) = (hash_of(text), Arc::<str>::from(text));
        self.texts.insert(hash, Arc::clone(&text));
        self.by_id.insert(id.to_owned(), text);
        self.ids.push(id.to_owned());
        Ok(())
    }

    /// The document of an id, or of the SHA-256 of its text: clients that hash need not know under which id it was listed.
    pub(super) fn find(&self, id: &str) -> Option<&Arc<str>> {
        let by_hash = || if self.texts.is_empty() { None } else { self.texts.get(&hash_from(id)?) };
        self.by_id.get(id).or_else(by_hash)
    }

    /// Whether an id is taken.
    pub(super) fn has_id(&self, id: &str) -> bool {
        self.by_id.contains_key(id)
    }

    /// Whether a text is in the list, under whatever id.
    pub(super) fn has_text(&self, hash: &Hash) -> bool {
        self.texts.contains_key(hash)
    }

    /// The hashes of all texts, in no order.
    pub(super) fn hashes(&self) -> impl Iterator<Item = Hash> {
        self.texts.keys().copied()
    }

    /// All documents with their ids, in the order of the files; a document under two ids comes twice.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.ids.iter().map(|id| (&**id, &*self.by_id[id]))
    }
}

const FORMATS: &str = "it is neither Apollo's manifest of persisted queries nor a map from ids to documents";

/// All manifests and documents at a path.
fn find(path: &Path, depth: usize, files: &mut Vec<PathBuf>) -> Result<(), String> {
    if !path.is_dir() {
        files.push(path.to_owned());
        return Ok(());
    }
    let failed = |error: std::io::Error| format!("cannot read `{}`: {error}", path.display());
    for entry in std::fs::read_dir(path).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if path.is_dir() {
            if depth > 0 {
                find(&path, depth - 1, files)?;
            }
        } else if is(&path, &["json", "graphql", "gql"]) {
            files.push(path);
        }
    }
    Ok(())
}

fn is(path: &Path, extensions: &[&str]) -> bool {
    path.extension().is_some_and(|is| extensions.iter().any(|extension| is.eq_ignore_ascii_case(extension)))
}
