//! A secret in a file, read again now and then.

use std::{
    fmt,
    path::{Path, PathBuf},
    time::Duration,
};

use tokio::time::Instant;

use crate::upstream::{clock, report::Report};

/// How often a file with a secret is read again. Kubernetes rotates them minutes before they end.
const READ_AGAIN: Duration = Duration::from_secs(10);

type Parse<T> = Box<dyn Fn(&str) -> Option<T> + Send + Sync>;

/// What a file holds; the last good one when it cannot be read now.
pub(super) struct Watched<T> {
    path: PathBuf,
    /// What the log says when there is nothing in it.
    problem: &'static str,
    parse: Parse<T>,
    read: tokio::sync::Mutex<Option<(Instant, T)>>,
    report: Report,
}

impl<T> fmt::Debug for Watched<T> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Watched").field("path", &self.path).finish_non_exhaustive()
    }
}

impl<T: Clone> Watched<T> {
    /// `parse` finds in the text what is wanted.
    pub(super) fn new(
        path: &Path,
        problem: &'static str,
        parse: impl Fn(&str) -> Option<T> + Send + Sync + 'static,
    ) -> Self {
        let (path, parse) = (path.to_owned(), Box::new(parse));
        Self { path, problem, parse, read: tokio::sync::Mutex::default(), report: Report::default() }
    }

    /// What it holds now, or held when it could last be read; `None`: it never could.
    pub(super) async fn get(&self, upstream: &str) -> Option<T> {
        let mut read = self.read.lock().await;
        let now = clock::now();
        if let Some((at, value)) = &*read
            && now.saturating_duration_since(*at) < READ_AGAIN
        {
            return Some(value.clone());
        }
        let text = tokio::fs::read_to_string(&self.path).await.ok();
        let found = text.and_then(|text| (self.parse)(&text));
        if found.is_none() {
            self.report.failure(upstream, &self.problem);
        }
        let value = found.or_else(|| read.as_ref().map(|(_, value)| value.clone()))?;
        *read = Some((now, value.clone()));
        Some(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn it_is_read_again_and_the_last_good_one_stays() {
        let path = std::env::temp_dir().join(format!("weft-secret-{}", uuid::Uuid::now_v7()));
        let file = Watched::new(&path, "nothing there", |text| Some(text.to_owned()).filter(|text| !text.is_empty()));
        assert_eq!(file.get("a").await, None);
        std::fs::write(&path, "one").unwrap();
        assert_eq!(file.get("a").await.as_deref(), Some("one"));
        std::fs::write(&path, "two").unwrap();
        assert_eq!(file.get("a").await.as_deref(), Some("one"), "not yet");
        let later = async || {
            if let Some((at, _)) = &mut *file.read.lock().await {
                *at -= READ_AGAIN;
            }
        };
        later().await;
        assert_eq!(file.get("a").await.as_deref(), Some("two"));
        for is_empty in [true, false] {
            if is_empty {
                std::fs::write(&path, "").unwrap();
            } else {
                std::fs::remove_file(&path).unwrap();
            }
            later().await;
            assert_eq!(file.get("a").await.as_deref(), Some("two"));
        }
    }
}
