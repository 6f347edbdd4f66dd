//! The audit log: what was refused, to whom and why, and what operators did, as events with a target of their own.
//!
//! A flood does not fill it. Of each reason so many events a second are written; then one line says how many more there were. What
//! is not written is not even put together, and what is remembered is two numbers for each reason. Who asked, and what, is found out
//! by whoever tells (`gateway`, `server`); where lines go to is said in `log`.

use std::{
    fs::{File, OpenOptions},
    io,
    net::IpAddr,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    sync::{
        Mutex, OnceLock, PoisonError,
        atomic::{AtomicU32, AtomicU64, Ordering},
    },
    time::Duration,
};

use super::{Untrusted, sparse::Window};
use crate::error::{ErrorCode, Refusal};

/// The target of all events of the audit log.
pub const TARGET: &str = "weft::audit";
/// Most letters of a text that a caller chose.
const TEXT_MAX: usize = 128;
/// Most items of a list in one event.
const ITEMS_MAX: usize = 20;
/// Error codes, then the other reasons.
const CODES: usize = ErrorCode::Internal as usize + 1;
const REASONS: usize = CODES + 2 + Action::Certificate as usize + 1;

/// Settings of the audit log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Audit {
    /// Whether there is one.
    pub enabled: bool,
    /// Where it is written to, as JSON lines; `None`: to the log on stderr.
    pub file: Option<PathBuf>,
    /// Most events of one reason that are written in a second.
    pub events_max: usize,
}

impl Default for Audit {
    fn default() -> Self {
        // On: nobody can turn it on after the attack. Ten of a kind show what is going on, and 300 lines a second are the worst case.
        Self { enabled: true, file: None, events_max: 10 }
    }
}

/// Something an operator did, or that happened to what operators are in charge of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// `POST /cache/purge`.
    Purge,
    /// The configuration was read again.
    Reload,
    /// The file of API keys has changed.
    ApiKeys,
    /// The certificate has changed.
    Certificate,
}

impl Action {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Purge => "cache_purge",
            Self::Reload => "reload",
            Self::ApiKeys => "api_keys_changed",
            Self::Certificate => "certificate_changed",
        }
    }
}

/// Why something is told: events of one reason are counted together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reason {
    Refused(ErrorCode),
    Denied,
    Untrusted,
    Acted(Action),
}

impl Reason {
    const fn index(self) -> usize {
        match self {
            Self::Refused(code) => code as usize,
            Self::Denied => CODES,
            Self::Untrusted => CODES + 1,
            Self::Acted(action) => CODES + 2 + action as usize,
        }
    }

    /// What lines call it.
    const fn event(self) -> &'static str {
        match self {
            Self::Refused(_) => "refused",
            Self::Denied => "denied",
            Self::Untrusted => "untrusted_document",
            Self::Acted(action) => action.as_str(),
        }
    }
}

/// Who asked. Credentials are not in it.
#[derive(Debug, Clone, Default)]
pub struct Asker {
    /// Whom a token stands for, where `auth.jwt.identify` names a claim.
    pub subject: Option<String>,
    /// Who made that token.
    pub issuer: Option<String>,
    /// Name of an API key.
    pub api_key: Option<String>,
    /// Whom a client certificate stands for.
    pub certificate: Option<String>,
    /// Its subject (RFC 4514).
    pub certificate_subject: Option<String>,
    /// Its SHA-256 in hexadecimal digits.
    pub certificate_sha256: Option<String>,
    /// Where the request came from, as proxies that are trusted say.
    pub address: Option<IpAddr>,
    /// `X-Request-Id` of the request.
    pub request_id: Option<String>,
}

/// Who asked for what.
#[derive(Debug, Clone, Default)]
pub struct Asked {
    /// Who.
    pub asker: Asker,
    /// Name of the operation.
    pub operation: Option<String>,
    /// SHA-256 of the document, else the id by which the request named it.
    pub document: Option<String>,
}

/// Tells of a refused request; what was asked is only looked at where the event is written.
pub fn refused(refusal: &Refusal, asked: impl FnOnce() -> Asked) {
    // A step of the protocol: the client sends the document next.
    if refusal.code != ErrorCode::PersistedQueryNotFound && LOG.admits(Reason::Refused(refusal.code)) {
        write(Reason::Refused(refusal.code), Why::Refusal(refusal), &asked(), "request refused");
    }
}

/// Tells of fields that an answer does not have because its caller may not have them: `found` gives who asked, and the code and
/// coordinates of the fields, if there are any.
pub fn denied(found: impl FnOnce() -> Option<(Asked, Refusal)>) {
    if LOG.admits(Reason::Denied)
        && let Some((asked, refusal)) = found()
    {
        write(Reason::Denied, Why::Refusal(&refusal), &asked, "fields denied");
    }
}

/// Tells of a document that is answered although it is in no list of trusted ones, and what became of it.
pub fn untrusted(outcome: Untrusted, asked: impl FnOnce() -> Asked) {
    if LOG.admits(Reason::Untrusted) {
        write(Reason::Untrusted, Why::Outcome(outcome.as_str()), &asked(), "document is not trusted");
    }
}

/// What is said of a request beside who asked for what.
#[derive(Debug, Clone, Copy)]
enum Why<'a> {
    Refusal(&'a Refusal),
    Outcome(&'static str),
}

fn write(reason: Reason, why: Why<'_>, Asked { asker, operation, document }: &Asked, message: &str) {
    let text = |text: &Option<String>| text.as_deref().map(plain);
    let (refusal, outcome) = match why {
        Why::Refusal(refusal) => (Some(refusal), None),
        Why::Outcome(outcome) => (None, Some(outcome)),
    };
    let (limit, more) = refusal.map(limits).unwrap_or_default();
    let Limit { name, maximum, value } = limit.unwrap_or_default();
    tracing::info!(
        target: TARGET,
        event = reason.event(),
        code = refusal.map(|refusal| refusal.code.as_str()),
        reason = refusal.and_then(explained), outcome,
        limit = name, limit.maximum = maximum, limit.value = value, limit.more = more,
        operation = text(operation), document = text(document), fields = refusal.and_then(|refusal| list(&refusal.fields)),
        subject = text(&asker.subject), issuer = text(&asker.issuer), api_key = text(&asker.api_key),
        certificate = text(&asker.certificate), certificate.subject = text(&asker.certificate_subject),
        certificate.sha256 = text(&asker.certificate_sha256),
        client.address = asker.address.map(tracing::field::display), request.id = text(&asker.request_id),
        "{message}"
    );
}

/// Tells of an action: who or what caused it, what it was about, and how it went (`Err`: why not).
pub fn acted(action: Action, by: &str, about: &str, outcome: Result<(), &str>) {
    let reason = Reason::Acted(action);
    if LOG.admits(reason) {
        tracing::info!(
            target: TARGET,
            event = reason.event(),
            outcome = if outcome.is_ok() { "done" } else { "refused" },
            reason = outcome.err().map(plain),
            by = plain(by),
            about = (!about.is_empty()).then(|| plain(about)),
            "operator's action"
        );
    }
}

/// Which limit was passed.
#[derive(Debug, Default)]
struct Limit<'a> {
    name: Option<&'a str>,
    maximum: Option<u64>,
    value: Option<u64>,
}

/// The first limit that a refusal names, and the others as text.
fn limits(refusal: &Refusal) -> (Option<Limit<'_>>, Option<String>) {
    let mut limits = refusal.errors.iter().filter_map(|error| {
        let number = |name: &str| error.extensions.get(name).and_then(serde_json::Value::as_u64);
        let name = error.extensions.get("limit")?.as_str()?;
        Some(Limit { name: Some(name), maximum: number("maximum"), value: number("value") })
    });
    let first = limits.next();
    let told = |Limit { name, maximum, value }: Limit<'_>| {
        let number = |number: Option<u64>| number.map_or_else(|| "?".to_owned(), |number| number.to_string());
        format!("{} {} of {}", name.unwrap_or_default(), number(value), number(maximum))
    };
    let more: Vec<String> = limits.map(told).collect();
    (first, list(&more))
}

/// What the caller was told, where that has nothing in it that they sent.
fn explained(refusal: &Refusal) -> Option<String> {
    match refusal.code {
        ErrorCode::GraphqlParseFailed
        | ErrorCode::GraphqlValidationFailed
        | ErrorCode::BadUserInput
        | ErrorCode::OperationResolutionFailure => None,
        _ => refusal.errors.first().map(|error| plain(&error.message)),
    }
}

fn list(items: &[String]) -> Option<String> {
    let shown = items.iter().take(ITEMS_MAX).map(String::as_str).collect::<Vec<_>>().join(", ");
    match items.len() {
        0 => None,
        1..=ITEMS_MAX => Some(shown),
        more => Some(format!("{shown} and {} more", more - ITEMS_MAX)),
    }
}

/// A text as it may stand in a line: of bounded length, and nothing in it that ends the line or moves a terminal's cursor.
fn plain(text: &str) -> String {
    let mut shown: String =
        text.chars().take(TEXT_MAX).map(|it| if it.is_control() { '\u{fffd}' } else { it }).collect();
    if shown.len() < text.len() && text.chars().nth(TEXT_MAX).is_some() {
        shown.push('…');
    }
    shown
}

/// The sampling of this process.
static LOG: Sampling = Sampling::new();

/// How much of each reason was written lately, and how much was not.
struct Sampling {
    /// Most events of a reason in a second; 0: there is no audit log.
    events_max: AtomicU32,
    slots: [Slot; REASONS],
}

struct Slot {
    /// Events that were written.
    window: Window,
    /// Events that nobody was told of yet.
    left_out: AtomicU64,
    /// What it counts, once something was left out.
    reason: OnceLock<Reason>,
}

impl Sampling {
    const fn new() -> Self {
        Self { events_max: AtomicU32::new(0), slots: [const { Slot::new() }; REASONS] }
    }

    /// Whether an event is to be written. What is not is counted, and told of a second later.
    fn admits(&'static self, reason: Reason) -> bool {
        let most = self.events_max.load(Ordering::Relaxed);
        if most == 0 {
            return false;
        }
        let slot = &self.slots[reason.index()];
        if slot.window.admits(most) {
            return true;
        }
        slot.reason.get_or_init(|| reason);
        // The first to be left out sees to it that it is told of, whether or not anything else happens; without a runtime the end does.
        if slot.left_out.fetch_add(1, Ordering::Relaxed) == 0
            && let Ok(runtime) = tokio::runtime::Handle::try_current()
        {
            runtime.spawn(async {
                tokio::time::sleep(Duration::from_secs(1)).await;
                slot.tell();
            });
        }
        false
    }
}

impl Slot {
    const fn new() -> Self {
        Self { window: Window::new(), left_out: AtomicU64::new(0), reason: OnceLock::new() }
    }

    /// Says how many events were left out.
    fn tell(&self) {
        let left_out = self.left_out.swap(0, Ordering::Relaxed);
        let Some(reason) = self.reason.get().filter(|_| left_out > 0) else { return };
        let code = match reason {
            Reason::Refused(code) => Some(code.as_str()),
            Reason::Denied | Reason::Untrusted | Reason::Acted(_) => None,
        };
        tracing::info!(target: TARGET, event = reason.event(), code, left_out, "more events of this reason, not written");
    }
}

/// From here on events are written.
pub(super) fn start(settings: &Audit) {
    let most = if settings.enabled { u32::try_from(settings.events_max).unwrap_or(u32::MAX) } else { 0 };
    LOG.events_max.store(most, Ordering::Relaxed);
}

/// Tells of what was left out in the last second.
pub(super) fn finish() {
    LOG.slots.iter().for_each(Slot::tell);
}

/// The file of the audit log, for as long as the process lives.
static FILE: OnceLock<(PathBuf, Mutex<File>)> = OnceLock::new();

/// What is written goes to its end.
#[derive(Debug, Clone, Copy)]
pub(super) struct Appender;

impl Appender {
    /// Opens the file. Errors: it cannot be written.
    pub(super) fn open(path: &Path) -> Result<Self, String> {
        let file = append(path)
            .map_err(|error| format!("`telemetry.audit.file`: cannot write `{}`: {error}", path.display()))?;
        FILE.get_or_init(|| (path.to_owned(), Mutex::new(file)));
        Ok(Self)
    }
}

impl io::Write for Appender {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let Some((_, file)) = FILE.get() else { return Ok(line.len()) };
        // A poisoned file is still a file.
        file.lock().unwrap_or_else(PoisonError::into_inner).write(line)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Opens the file of the audit log again: whoever rotates it has moved it away. One that cannot be opened stays as it is.
pub fn reopen() {
    let Some((path, file)) = FILE.get() else { return };
    match append(path) {
        Ok(new) => *file.lock().unwrap_or_else(PoisonError::into_inner) = new,
        Err(error) => tracing::warn!(file = %path.display(), %error, "the audit log's file stays the old one"),
    }
}

/// For its owner only: it says who asks for what.
fn append(path: &Path) -> io::Result<File> {
    OpenOptions::new().create(true).append(true).mode(0o600).open(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_has_a_place_of_its_own() {
        let last = Reason::Acted(Action::Certificate).index();
        assert_eq!(last, REASONS - 1);
        assert!(Reason::Refused(ErrorCode::Internal).index() < Reason::Denied.index());
        assert!(Reason::Denied.index() < Reason::Untrusted.index());
        assert!(Reason::Untrusted.index() < Reason::Acted(Action::Purge).index());
    }

    #[test]
    fn nothing_that_a_caller_chose_ends_a_line_or_fills_it() {
        assert_eq!(plain("a\nb\u{1b}[31mc"), "a\u{fffd}b\u{fffd}[31mc");
        assert_eq!(plain(&"ü".repeat(TEXT_MAX)), "ü".repeat(TEXT_MAX));
        assert_eq!(plain(&"ü".repeat(5000)), format!("{}…", "ü".repeat(TEXT_MAX)));
        let many = (0..500).map(|number| number.to_string()).collect::<Vec<_>>();
        assert!(list(&many).is_some_and(|text| text.ends_with("18, 19 and 480 more")));
    }

    #[test]
    fn all_limits_are_named() {
        let mut refusal = Refusal::limit_exceeded("depth", 15, 16, None);
        refusal.errors.extend(Refusal::limit_exceeded("height", 500, 900, None).errors);
        let (first, more) = limits(&refusal);
        let first = first.expect("a limit");
        assert_eq!((first.name, first.maximum, first.value), (Some("depth"), Some(15), Some(16)));
        assert_eq!(more.as_deref(), Some("height 900 of 500"));
    }

    #[test]
    fn what_quotes_the_caller_is_left_out() {
        assert_eq!(explained(&Refusal::new(ErrorCode::BadUserInput, "`$password` cannot be \"s3cret\"")), None);
        assert_eq!(
            explained(&Refusal::new(ErrorCode::Unauthenticated, "the token has expired")).as_deref(),
            Some("the token has expired")
        );
    }
}
