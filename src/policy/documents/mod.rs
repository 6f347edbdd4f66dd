//! Documents that a request names instead of sending them.
//!
//! *Automatic persisted queries*: a client sends the SHA-256 of its document; when that is not known here, it sends both once.
//! Only documents that were understood are kept, under the hash that we computed, so nobody can put a document under another's name
//! or fill the room with nonsense.
//! *Trusted documents*: a list made when the clients were built (`trusted`); some callers may have one of their own beside it. With
//! `only_trusted` nothing else is run; before that is dared, a `report` finds what would be refused, and writes the list (`manifest`).

mod cache;
mod manifest;
mod notice;
mod report;
mod trusted;

pub use notice::Standing;
pub use report::Report;
pub use trusted::Trusted;

use std::{borrow::Cow, sync::Arc};

use data_encoding::{HEXLOWER, HEXLOWER_PERMISSIVE};
use http::HeaderMap;
use sha2::{Digest as _, Sha256};

use super::{Identity, client};
use crate::{
    config,
    error::{ErrorCode, Refusal},
};
use cache::Kept;
use notice::Reporting;

/// SHA-256 of a document's text.
pub(super) type Hash = [u8; 32];

/// How a request names its document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DocumentId {
    /// `extensions.persistedQuery.sha256Hash`: the hash of the text in 64 hexadecimal digits, or an id of a trusted document.
    Hash(String),
    /// `documentId`: an id of a trusted document.
    Trusted(String),
}

/// What is known of documents.
#[derive(Debug)]
pub struct Documents {
    /// Automatic persisted queries; `None`: switched off.
    kept: Option<Kept>,
    trusted: Trusted,
    only_trusted: bool,
    /// Lists of some callers.
    clients: Vec<(config::Client, Trusted)>,
    report: Option<Reporting>,
}

/// The list of some callers.
#[derive(Debug, Clone, Copy)]
pub struct Own<'a> {
    list: &'a Trusted,
    /// Its place among those of clients.
    index: usize,
}

/// The text of a request's document, and the hash to keep it under once it is understood.
#[derive(Debug)]
pub struct Resolved<'a> {
    /// The text.
    pub text: Text<'a>,
    fresh: Option<Hash>,
}

/// A text that was sent, or is kept.
#[derive(Debug)]
pub enum Text<'a> {
    /// It came with the request.
    Sent(&'a str),
    /// It was here.
    Kept(Arc<str>),
}

impl Resolved<'_> {
    /// SHA-256 of the text in hexadecimal digits.
    pub fn hash(&self) -> String {
        sha256(&self.text)
    }
}

impl std::ops::Deref for Text<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        match self {
            Self::Sent(text) => text,
            Self::Kept(text) => text,
        }
    }
}

impl Documents {
    /// Over a list of trusted documents (which may be empty).
    pub fn new(automatic: bool, trusted: Trusted, only_trusted: bool) -> Self {
        Self { kept: automatic.then(Kept::new), trusted, only_trusted, clients: Vec::new(), report: None }
    }

    /// The same with further lists, each for some callers.
    #[must_use]
    pub fn and_of_clients(self, clients: Vec<(config::Client, Trusted)>) -> Self {
        Self { clients, ..self }
    }

    /// The list of a caller beside that for all: of the first entry that means them.
    #[inline]
    pub fn own(&self, identity: &Identity, headers: &HeaderMap) -> Option<Own<'_>> {
        let mut lists = self.clients.iter().enumerate();
        let (index, (_, list)) = lists.find(|(_, (client, _))| client::is(client, identity, headers))?;
        Some(Own { list, index })
    }

    /// The document of a request: `own` is its caller's list, `query` the text that it sent, if any.
    ///
    /// Errors: `PERSISTED_QUERY_NOT_FOUND` (send the text too), `PERSISTED_QUERY_NOT_SUPPORTED` (stop sending hashes),
    /// `PERSISTED_QUERY_NOT_IN_LIST`, `BAD_REQUEST` (there is neither text nor id, or the hash is another text's).
    #[inline]
    pub fn resolve<'a>(
        &self,
        own: Option<Own<'_>>,
        query: Option<&'a str>,
        id: Option<&DocumentId>,
    ) -> Result<Resolved<'a>, Refusal> {
        let known = |text| Ok(Resolved { text, fresh: None });
        let lists = || self.lists(own);
        if let Some(text) = id.and_then(|id| {
            let id = id.text();
            lists().find_map(|list| list.find(&id))
        }) {
            return match query {
                Some(sent) if *sent != **text => Err(other_text()),
                _ => known(Text::Kept(Arc::clone(text))),
            };
        }
        let trusted = |text: &'a str| {
            let hash = hash_of(text);
            if lists().any(|list| list.has_text(&hash)) {
                known(Text::Sent(text))
            } else {
                Err(text_not_in_list(&hash))
            }
        };
        match (query, id) {
            (None, None) => Err(bad("`query` is missing: it holds the text of the operation")),
            (None, Some(DocumentId::Trusted(id))) => Err(id_not_in_list(id)),
            (None, Some(DocumentId::Hash(id))) if self.only_trusted => Err(id_not_in_list(id)),
            // Where there is an id, it is not in the list; the text may be, under another name.
            (Some(sent), _) if self.only_trusted => trusted(sent),
            (Some(sent), None | Some(DocumentId::Trusted(_))) => known(Text::Sent(sent)),
            (query, Some(DocumentId::Hash(digits))) => self.by_hash(query, digits),
        }
    }

    /// The lists of a caller, in the order in which they count.
    fn lists<'a>(&'a self, own: Option<Own<'a>>) -> impl Iterator<Item = &'a Trusted> {
        own.map(|own| own.list).into_iter().chain([&self.trusted])
    }

    fn by_hash<'a>(&self, query: Option<&'a str>, digits: &str) -> Result<Resolved<'a>, Refusal> {
        let hash = hash_from(digits).ok_or_else(|| bad("`persistedQuery.sha256Hash` is not 64 hexadecimal digits"))?;
        let kept = self.kept.as_ref().and_then(|kept| kept.get(&hash));
        match (query, kept, &self.kept) {
            (None, Some(text), _) => Ok(Resolved { text: Text::Kept(text), fresh: None }),
            // Clients of this protocol look for these words.
            (None, None, Some(_)) => Err(Refusal::new(ErrorCode::PersistedQueryNotFound, "PersistedQueryNotFound")),
            (None, None, None) => {
                Err(Refusal::new(ErrorCode::PersistedQueryNotSupported, "PersistedQueryNotSupported"))
            }
            (Some(sent), Some(text), _) if *sent == *text => Ok(Resolved { text: Text::Sent(sent), fresh: None }),
            (Some(sent), _, _) if hash_of(sent) != hash => Err(other_text()),
            (Some(sent), _, automatic) => {
                Ok(Resolved { text: Text::Sent(sent), fresh: automatic.is_some().then_some(hash) })
            }
        }
    }

    /// Keeps a document that was understood, if it came with its hash for the first time.
    pub fn keep(&self, resolved: &Resolved<'_>) {
        if let (Some(kept), Some(hash)) = (&self.kept, resolved.fresh) {
            kept.insert(hash, &resolved.text);
        }
    }
}

impl DocumentId {
    /// As the request has it.
    pub fn as_str(&self) -> &str {
        let (Self::Hash(text) | Self::Trusted(text)) = self;
        text
    }

    /// As trusted documents are found: hexadecimal digits in lower case, without the name of the hash before them.
    fn text(&self) -> Cow<'_, str> {
        let text = self.as_str();
        let text = text.strip_prefix("sha256:").unwrap_or(text);
        let is_hash = text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        if is_hash { Cow::Owned(text.to_ascii_lowercase()) } else { Cow::Borrowed(text) }
    }
}

fn bad(message: &str) -> Refusal {
    Refusal::new(ErrorCode::BadRequest, message)
}

fn other_text() -> Refusal {
    bad("`query` is not the text that the hash or id stands for")
}

/// Letters of an id that a message repeats: those of a SHA-256.
const ID_SHOWN: usize = 64;

fn id_not_in_list(id: &str) -> Refusal {
    let shown: String = id.chars().take(ID_SHOWN).collect();
    not_in_list(format!("no document of the id `{shown}` is in the list of trusted documents"))
}

fn text_not_in_list(hash: &Hash) -> Refusal {
    let hash = HEXLOWER.encode(hash);
    not_in_list(format!("the document with the SHA-256 `{hash}` is not in the list of trusted documents"))
}

fn not_in_list(message: String) -> Refusal {
    Refusal::new(ErrorCode::PersistedQueryNotInList, message)
}

/// SHA-256 of a text in hexadecimal digits: its id in a manifest.
pub fn sha256(text: &str) -> String {
    HEXLOWER.encode(&hash_of(text))
}

/// The hash of a text.
pub(super) fn hash_of(text: &str) -> Hash {
    Sha256::digest(text.as_bytes()).into()
}

fn hash_from(digits: &str) -> Option<Hash> {
    HEXLOWER_PERMISSIVE.decode(digits.as_bytes()).ok()?.try_into().ok()
}

#[cfg(test)]
mod tests;
