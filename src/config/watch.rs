//! Notices that a configuration or a schema has other content (`--dev`).
//!
//! The operating system's events make it quick, a look every few seconds makes it certain: folders that were replaced and file
//! systems that send no events. What counts is content, so links that are swapped and files that are only touched are seen for
//! what they are.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use notify_debouncer_full::{
    DebounceEventResult, Debouncer, RecommendedCache, new_debouncer,
    notify::{RecommendedWatcher, RecursiveMode},
};
use tokio::sync::Notify;

use super::schema_files;

/// How long it has to be quiet before files are looked at: editors write in several steps.
const QUIET: Duration = Duration::from_millis(100);
/// How often files are looked at without an event.
const LOOK: Duration = Duration::from_secs(2);

/// Watches files, and folders for their `*.graphql` files.
pub struct Watch {
    roots: Vec<PathBuf>,
    seen: Contents,
    events: Arc<Notify>,
    /// `None` where the operating system gives no events.
    debouncer: Option<Debouncer<RecommendedWatcher, RecommendedCache>>,
}

/// What lies at each path; `None` for what is not there or cannot be read.
type Contents = BTreeMap<PathBuf, Option<Vec<u8>>>;

impl Watch {
    /// Takes what the paths hold now as seen.
    pub fn new(roots: Vec<PathBuf>) -> Self {
        let events = Arc::new(Notify::new());
        let wake = Arc::clone(&events);
        let debouncer = new_debouncer(QUIET, None, move |_: DebounceEventResult| wake.notify_one())
            .inspect_err(|error| tracing::info!(%error, "no file events here: files are looked at every two seconds"))
            .ok();
        let mut watch = Self { roots, seen: Contents::new(), events, debouncer };
        watch.listen();
        watch.seen = read(&watch.roots);
        watch
    }

    /// Watches other paths from now on. Call it when they have just been loaded: what new ones hold now counts as seen.
    pub fn follow(&mut self, roots: Vec<PathBuf>) {
        if self.roots != roots {
            self.roots = roots;
            self.listen();
            let now = read(&self.roots);
            // Of the others a change may still be to be told.
            self.seen =
                now.into_iter().map(|(path, text)| (path.clone(), self.seen.remove(&path).unwrap_or(text))).collect();
        }
    }

    /// Waits until something differs from what was seen last, and gives back which paths. May be dropped while it waits.
    pub async fn changed(&mut self) -> Vec<PathBuf> {
        loop {
            tokio::select! {
                () = self.events.notified() => {}
                () = tokio::time::sleep(LOOK) => {}
            }
            // A folder that was replaced has to be listened to again.
            self.listen();
            let now = read(&self.roots);
            let paths: BTreeSet<&PathBuf> = self.seen.keys().chain(now.keys()).collect();
            let changed: Vec<PathBuf> =
                paths.into_iter().filter(|path| self.seen.get(*path) != now.get(*path)).cloned().collect();
            if !changed.is_empty() {
                self.seen = now;
                return changed;
            }
        }
    }

    /// Asks for events of all folders. A file is watched by its folder: editors replace files, and new ones count.
    fn listen(&mut self) {
        let Some(debouncer) = &mut self.debouncer else { return };
        let folders: BTreeSet<PathBuf> = self
            .roots
            .iter()
            .map(|root| match root.parent() {
                _ if root.is_dir() => root.clone(),
                Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
                _ => PathBuf::from("."),
            })
            .collect();
        for folder in folders {
            // Not there at the moment: the next look tries again.
            if let Err(error) = debouncer.watch(&folder, RecursiveMode::NonRecursive) {
                tracing::debug!(folder = %folder.display(), %error, "no events of a folder");
            }
        }
    }
}

impl std::fmt::Debug for Watch {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Watch").field("roots", &self.roots).finish_non_exhaustive()
    }
}

fn read(roots: &[PathBuf]) -> Contents {
    let content = |path: &Path| (path.to_owned(), std::fs::read(path).ok());
    let mut contents = Contents::new();
    for root in roots {
        if root.is_dir() {
            contents.extend(schema_files::search(root).unwrap_or_default().iter().map(|path| content(path)));
        } else {
            contents.extend([content(root)]);
        }
    }
    contents
}
