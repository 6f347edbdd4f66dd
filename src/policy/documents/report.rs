//! Documents that are proposed for a list of trusted ones, on their way to the manifest.
//!
//! What is new is put aside, and a moment later a task of its own writes it. Bounded: so many documents and bytes, of the file and of
//! what waits for it together.

use std::{
    collections::HashSet,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use super::{
    Hash,
    manifest::{Entry, Manifest, check_writable},
};
use crate::{config::DocumentReport, telemetry::Untrusted, upstream::Kept};

/// How long news are collected before they are written, and how long after a failure it is tried again.
const PAUSE: Duration = Duration::from_secs(1);

/// What a gateway saw, on its way to the file. It outlives a reload.
#[derive(Debug)]
pub struct Report {
    path: PathBuf,
    state: Mutex<State>,
    /// One writes at a time. Taken before `state`.
    writing: Mutex<()>,
    /// Somebody will write soon.
    is_due: AtomicBool,
}

#[derive(Debug, Default)]
struct State {
    documents_max: usize,
    size_max: usize,
    /// In the file, or waiting for it.
    known: HashSet<Hash>,
    /// Bytes of both.
    size: usize,
    waiting: Vec<Entry>,
    /// Somebody was told that there is no more room.
    is_full: bool,
    /// Why it could not be written the last time.
    failure: Option<String>,
}

impl Report {
    /// The report of these settings: with what waits from an earlier snapshot, and what the file holds now.
    ///
    /// Errors: the file is there and no manifest, or it cannot be written; in words.
    pub fn open(settings: &DocumentReport, kept: &Kept) -> Result<Arc<Self>, String> {
        let path = &settings.manifest;
        let new = || Self {
            path: path.clone(),
            state: Mutex::default(),
            writing: Mutex::default(),
            is_due: AtomicBool::new(false),
        };
        check_writable(path)?;
        let report = kept.share(&"".into(), path, new);
        report.write();
        let one = report.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let manifest = Manifest::read(path)?;
        let mut state = report.state();
        // What waits came since it was written, or could not be.
        let waiting: Vec<(Hash, usize)> = state.waiting.iter().map(|entry| (entry.hash, entry.size())).collect();
        state.known = manifest.hashes().chain(waiting.iter().map(|(hash, _)| *hash)).collect();
        state.size = manifest.size() + waiting.iter().map(|(_, size)| size).sum::<usize>();
        (state.documents_max, state.size_max) = (settings.documents_max, settings.size_max);
        state.is_full = false;
        drop((state, one));
        Ok(report)
    }

    /// Errors: there is a file in its place that is no manifest; in words. It need not be there, nor be writable.
    pub fn check(manifest: &Path) -> Result<(), String> {
        Manifest::read(manifest).map(drop)
    }

    /// Proposes a document that is not trusted: what becomes of it, and whether it is proposed for the first time.
    pub(super) fn propose(self: &Arc<Self>, hash: Hash, entry: impl FnOnce() -> Entry) -> (Untrusted, bool) {
        let mut state = self.state();
        if state.known.contains(&hash) {
            return (Untrusted::Proposed, false);
        }
        let entry = (state.known.len() < state.documents_max).then(entry);
        let Some(entry) = entry.filter(|entry| state.size.saturating_add(entry.size()) <= state.size_max) else {
            if !std::mem::replace(&mut state.is_full, true) {
                let (documents_max, size_max) = (state.documents_max, state.size_max);
                let manifest = self.path.display();
                tracing::warn!(%manifest, documents_max, size_max, "the manifest is full: further documents are left out");
            }
            return (Untrusted::LeftOut, false);
        };
        state.known.insert(hash);
        state.size += entry.size();
        state.waiting.push(entry);
        drop(state);
        self.write_soon();
        (Untrusted::Proposed, true)
    }

    /// Sees to it that what waits is written. Without a runtime, whoever ends the process does it.
    fn write_soon(self: &Arc<Self>) {
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        if self.is_due.swap(true, Ordering::AcqRel) {
            return;
        }
        let report = Arc::clone(self);
        runtime.spawn(async move {
            loop {
                tokio::time::sleep(PAUSE).await;
                // Ahead of the writing: what comes from now on needs another turn.
                report.is_due.store(false, Ordering::Release);
                let writer = Arc::clone(&report);
                let is_written = tokio::task::spawn_blocking(move || writer.write()).await.unwrap_or(true);
                // Another task looks after it, or no snapshot is left that would.
                if is_written || Arc::strong_count(&report) == 1 || report.is_due.swap(true, Ordering::AcqRel) {
                    return;
                }
            }
        });
    }

    /// Writes what waits; blocks. Whether nothing waits any more. What goes wrong is told once, and nothing is lost.
    pub(super) fn write(&self) -> bool {
        let _one = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let news = std::mem::take(&mut self.state().waiting);
        if news.is_empty() {
            return true;
        }
        let manifest = self.path.display();
        let written = Manifest::read(&self.path).and_then(|mut file| {
            let (added, taken) = file.add(&news);
            Ok((file.write(&self.path)?, added, taken))
        });
        let mut state = self.state();
        match written {
            Ok((size, added, taken)) => {
                state.size = size + state.waiting.iter().map(Entry::size).sum::<usize>();
                state.failure = None;
                tracing::info!(%manifest, added, documents = state.known.len(), "documents were added to the manifest");
                for id in taken {
                    tracing::warn!(%manifest, id, "an id of the manifest stands for another text than clients send");
                }
                true
            }
            Err(reason) => {
                state.waiting.splice(0..0, news);
                if state.failure.as_ref() != Some(&reason) {
                    let waiting = state.waiting.len();
                    tracing::warn!(%manifest, %reason, waiting, "documents cannot be added to the manifest; it is tried again");
                    state.failure = Some(reason);
                }
                false
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing panics half way through a change.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::{super::hash_of, *};
    use crate::policy::documents::{Trusted, tests::Folder};

    fn settings(folder: &Folder, documents_max: usize) -> DocumentReport {
        DocumentReport { documents_max, ..DocumentReport::new(folder.0.join("seen.json")) }
    }

    fn propose(report: &Arc<Report>, body: &str) -> (Untrusted, bool) {
        let hash = hash_of(body);
        report.propose(hash, || Entry { hash, name: String::new(), kind: "query", body: body.to_owned() })
    }

    fn listed(folder: &Folder) -> Vec<String> {
        let list = Trusted::read(&folder.0.join("seen.json"));
        let mut bodies: Vec<String> =
            list.iter().flat_map(|list| list.iter().map(|(_, text)| text.to_owned())).collect();
        bodies.sort();
        bodies
    }

    const NEW: (Untrusted, bool) = (Untrusted::Proposed, true);
    const KNOWN: (Untrusted, bool) = (Untrusted::Proposed, false);
    const FULL: (Untrusted, bool) = (Untrusted::LeftOut, false);

    #[test]
    fn a_document_is_proposed_once_also_over_reloads_and_restarts() {
        let folder = Folder::new("report", &[]);
        let kept = Kept::default();
        let report = Report::open(&settings(&folder, 10), &kept).unwrap();
        assert_eq!((propose(&report, "{ a }"), propose(&report, "{ a }")), (NEW, KNOWN));
        assert!(!folder.0.join("seen.json").exists(), "not on the thread of a request");
        assert!(report.write());
        assert_eq!(listed(&folder), ["{ a }"]);
        // A reload: the same report, and what waits is written.
        propose(&report, "{ b }");
        let again = Report::open(&settings(&folder, 10), &kept).unwrap();
        assert!(Arc::ptr_eq(&report, &again));
        assert_eq!(listed(&folder), ["{ a }", "{ b }"]);
        // A restart, after which somebody takes one out.
        drop((report, again));
        let report = Report::open(&settings(&folder, 10), &Kept::default()).unwrap();
        assert_eq!((propose(&report, "{ a }"), propose(&report, "{ c }")), (KNOWN, NEW));
        let text = fs::read_to_string(folder.0.join("seen.json")).unwrap();
        let mut json: serde_json::Value = serde_json::from_str(&text).unwrap();
        json["operations"].as_array_mut().unwrap().retain(|entry| entry["body"] != "{ a }");
        fs::write(folder.0.join("seen.json"), json.to_string()).unwrap();
        assert!(report.write());
        assert_eq!(listed(&folder), ["{ b }", "{ c }"], "what somebody took out does not come back");
    }

    #[test]
    fn documents_and_bytes_are_bounded() {
        let folder = Folder::new("bounds", &[]);
        let kept = Kept::default();
        let report = Report::open(&settings(&folder, 2), &kept).unwrap();
        let found = ["{ a }", "{ b }", "{ c }", "{ a }"].map(|body| propose(&report, body));
        assert_eq!(found, [NEW, NEW, FULL, KNOWN]);
        report.write();
        assert_eq!(propose(&report, "{ c }"), FULL, "what is in the file counts");
        // More room, with a reload.
        let report = Report::open(&settings(&folder, 3), &kept).unwrap();
        assert_eq!((propose(&report, "{ c }"), propose(&report, "{ d }")), (NEW, FULL));
        report.write();
        assert_eq!(listed(&folder).len(), 3);

        let narrow = DocumentReport { size_max: 2000, ..settings(&folder, 1000) };
        let report = Report::open(&narrow, &kept).unwrap();
        assert_eq!(propose(&report, &format!("{{ {} }}", "x".repeat(2000))), FULL);
        for number in 0..100 {
            propose(&report, &format!("{{ f{number} }}"));
        }
        report.write();
        let size = fs::metadata(&narrow.manifest).unwrap().len();
        assert!((1700..=2000).contains(&size), "{size}");
    }

    #[test]
    fn a_file_that_was_broken_loses_nothing_and_is_left_alone() {
        let folder = Folder::new("broken", &[]);
        let (kept, path) = (Kept::default(), folder.0.join("seen.json"));
        let report = Report::open(&settings(&folder, 10), &kept).unwrap();
        propose(&report, "{ a }");
        fs::write(&path, "{ half an edit").unwrap();
        assert!(!report.write());
        assert!(Report::open(&settings(&folder, 10), &kept).is_err(), "a reload says so");
        propose(&report, "{ b }");
        assert!(!report.write());
        assert_eq!(fs::read_to_string(&path).unwrap(), "{ half an edit");
        fs::remove_file(&path).unwrap();
        assert!(report.write());
        assert_eq!(listed(&folder), ["{ a }", "{ b }"]);
    }

    #[tokio::test]
    async fn a_task_writes_and_tries_again() {
        let folder = Folder::new("task", &[]);
        let path = folder.0.join("seen.json");
        let report = Report::open(&settings(&folder, 10), &Kept::default()).unwrap();
        // Somebody else holds it, as a snapshot does.
        let _snapshot = Arc::clone(&report);
        fs::write(&path, "no manifest").unwrap();
        propose(&report, "{ a }");
        let until = async |is_done: &dyn Fn() -> bool| {
            while !is_done() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        until(&|| report.state().failure.is_some()).await;
        assert_eq!(fs::read_to_string(&path).unwrap(), "no manifest");
        fs::remove_file(&path).unwrap();
        until(&|| path.exists()).await;
        assert_eq!(listed(&folder), ["{ a }"]);
        propose(&report, "{ b }");
        until(&|| listed(&folder).len() == 2).await;
    }
}
