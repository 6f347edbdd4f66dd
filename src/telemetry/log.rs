//! The log: readable on a terminal, JSON elsewhere, always on stderr. Lines of a request carry the id of its trace.
//! The audit log goes there too or to a file of its own, whatever the level is.

use std::{fmt, io::IsTerminal};

use tracing::{Event, Level, Subscriber};
use tracing_subscriber::{
    EnvFilter, Layer, Registry,
    filter::{FilterExt as _, filter_fn},
    fmt::{
        FmtContext, FormatEvent, FormatFields, MakeWriter,
        format::{self, JsonFields, Writer},
    },
    layer::SubscriberExt,
    registry::LookupSpan,
    util::SubscriberInitExt,
};

use super::{
    audit::{self, Appender, Audit},
    export::{Exporter, Traces},
    span,
};

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LogFormat {
    /// Text when stderr is a terminal, JSON otherwise.
    #[default]
    Auto,
    /// Lines for people.
    Text,
    /// One JSON object per line.
    Json,
}

/// Settings of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Log {
    /// How lines look.
    pub format: LogFormat,
    /// A level, or directives such as `info,weft::upstream=debug`.
    pub level: String,
}

impl Default for Log {
    fn default() -> Self {
        Self { format: LogFormat::Auto, level: "info".to_owned() }
    }
}

impl Log {
    /// Whether `level` can be read.
    pub fn check_level(level: &str) -> Result<(), String> {
        EnvFilter::try_new(level).map(drop).map_err(|error| error.to_string())
    }
}

/// What the process tells, until it ends. Dropped, it sends the spans that wait, and tells what the audit log still owes.
#[derive(Debug)]
#[must_use = "spans that wait are sent when it is dropped"]
pub struct Telemetry {
    _exporter: Option<Exporter>,
}

impl Drop for Telemetry {
    fn drop(&mut self) {
        audit::finish();
    }
}

/// A layer of lines.
type Lines = Box<dyn Layer<Registry> + Send + Sync>;

/// Installs log, audit log and traces for the process, with OpenTelemetry's environment variables. Call it inside the runtime.
/// Errors: the level or a variable cannot be read, the audit log's file cannot be written, or there is a log already.
pub fn init(log: &Log, audited: &Audit, traces: &Traces) -> Result<Telemetry, String> {
    let layers = layers(log, audited)?;
    let exporter = Exporter::start(traces, &|name| std::env::var(name).ok())?;
    let spans = exporter.as_ref().map(|exporter| {
        tracing_opentelemetry::layer()
            .with_tracer(exporter.tracer())
            .with_context_activation(false)
            .with_location(false)
            .with_threads(false)
            .with_target(false)
            .with_tracked_inactivity(false)
            .with_filter(
                filter_fn(|metadata| metadata.is_span() && metadata.target() == span::TARGET)
                    .with_max_level_hint(Level::DEBUG),
            )
    });
    let subscriber = tracing_subscriber::registry().with(layers).with(spans);
    subscriber.try_init().map_err(|error| error.to_string())?;
    audit::start(audited);
    Ok(Telemetry { _exporter: exporter })
}

/// What writes the log and the audit log. Errors: the level cannot be read, or the audit log's file not be written.
fn layers(log: &Log, audited: &Audit) -> Result<Vec<Lines>, String> {
    let filter = EnvFilter::try_new(&log.level).map_err(|error| format!("log level `{}`: {error}", log.level))?;
    // At its level `trace` it tells what it signs, headers with secrets of the caller among it.
    let mute = "aws_sigv4=off".parse().map_err(|error| format!("log level: {error}"))?;
    let filter = filter.add_directive(mute);
    let terminal = std::io::stderr().is_terminal();
    let json = match log.format {
        LogFormat::Auto => !terminal,
        LogFormat::Text => false,
        LogFormat::Json => true,
    };
    let on_stderr = || lines(std::io::stderr, json, terminal);
    let is_audit = |target: &str| target == audit::TARGET;
    // Without the hint all spans of all libraries would be looked at: two filters have a level only where both say one.
    let others = filter_fn(move |it| !is_audit(it.target())).with_max_level_hint(Level::TRACE);
    let mut layers = vec![on_stderr().with_filter(filter.and(others)).boxed()];
    if audited.enabled {
        let layer = match &audited.file {
            None => on_stderr(),
            Some(path) => {
                let appender = Appender::open(path)?;
                lines(move || appender, true, false)
            }
        };
        let filter = filter_fn(move |it| is_audit(it.target())).with_max_level_hint(Level::INFO);
        layers.push(layer.with_filter(filter).boxed());
    }
    Ok(layers)
}

/// Lines of events for a writer. `colored`: for a terminal.
fn lines<W>(writer: W, json: bool, colored: bool) -> Lines
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let lines = tracing_subscriber::fmt::layer().with_writer(writer);
    if json {
        let format = Traced { format: format::json().flatten_event(true), json };
        return Box::new(lines.fmt_fields(JsonFields::new()).event_format(format));
    }
    // The library looks at `NO_COLOR`; whether there is a terminal it does not.
    let lines = if colored { lines } else { lines.with_ansi(false) };
    Box::new(lines.event_format(Traced { format: format::format().compact(), json }))
}

/// A format of lines, with the id of the trace at the end.
struct Traced<F> {
    format: F,
    json: bool,
}

impl<S, N, F> FormatEvent<S, N> for Traced<F>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
    F: FormatEvent<S, N>,
{
    fn format_event(&self, context: &FmtContext<'_, S, N>, mut out: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let Some(trace) = span::current() else { return self.format.format_event(context, out, event) };
        let mut line = String::new();
        self.format.format_event(context, Writer::new(&mut line), event)?;
        let line = line.trim_end_matches('\n');
        match line.strip_suffix('}').filter(|_| self.json) {
            Some(open) => writeln!(out, "{open},\"trace_id\":\"{trace}\"}}"),
            None => writeln!(out, "{line} trace_id={trace}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_level_may_be_directives() {
        assert_eq!(Log::check_level("info"), Ok(()));
        assert_eq!(Log::check_level("warn,weft::upstream=debug"), Ok(()));
        assert!(Log::check_level("weft=loud").is_err());
    }

    /// What no layer wants costs a look at one number: a filter that names no level makes every span of a request.
    #[test]
    fn nothing_is_made_that_is_not_written() {
        let log = Log { level: "info".to_owned(), format: LogFormat::Json };
        for enabled in [true, false] {
            let layers = layers(&log, &Audit { enabled, ..Audit::default() }).unwrap();
            let hint = tracing_subscriber::registry().with(layers).max_level_hint();
            assert_eq!(hint, Some(Level::INFO.into()), "audit log: {enabled}");
        }
    }
}
