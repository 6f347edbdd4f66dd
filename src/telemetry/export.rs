//! Spans on their way out by OTLP: which are recorded, where they go.
//!
//! `weft.yaml` says it, and OpenTelemetry's own environment variables beat the file. Spans wait in a queue that is bounded (2,048,
//! `OTEL_BSP_MAX_QUEUE_SIZE`) and are sent by a thread of their own: a collector that is slow or away costs spans, never requests.

use std::{sync::OnceLock, time::Duration};

use opentelemetry::{KeyValue, trace::TracerProvider as _};
use opentelemetry_otlp::{ExporterBuildError, SpanExporter, WithExportConfig as _};
use opentelemetry_sdk::{
    Resource,
    trace::{IdGenerator as _, RandomIdGenerator, SdkTracer, SdkTracerProvider},
};

use super::trace::TraceContext;

/// Longest wait for the last spans when stopping.
const FLUSH_MAX: Duration = Duration::from_secs(5);

/// Settings of traces.
#[derive(Debug, Clone, PartialEq)]
pub struct Traces {
    /// URL of a collector; `None`: no spans are exported.
    pub otlp: Option<String>,
    /// Share of the traces that begin here that is recorded, 0 to 1. A caller's decision is followed.
    pub sample: f64,
}

impl Default for Traces {
    fn default() -> Self {
        Self { otlp: None, sample: 1.0 }
    }
}

/// How variables of the environment are looked up.
pub(super) type Lookup<'a> = &'a dyn Fn(&str) -> Option<String>;

static SAMPLER: OnceLock<Sampler> = OnceLock::new();

/// What decides which traces are recorded; `None`: none is exported.
pub(super) fn sampler() -> Option<&'static Sampler> {
    SAMPLER.get()
}

/// The exporter of the process. Dropped, it sends what waits.
#[derive(Debug)]
pub(super) struct Exporter {
    provider: SdkTracerProvider,
}

impl Exporter {
    /// Starts exporting if the settings or the environment ask for it. gRPC needs a Tokio runtime around this call.
    /// Errors: a variable that cannot be read, an address that cannot be used.
    pub(super) fn start(traces: &Traces, environment: Lookup<'_>) -> Result<Option<Self>, String> {
        let Some(target) = Target::choose(traces, environment)? else { return Ok(None) };
        let sampler = Sampler::choose(traces.sample, environment)?;
        let exporter = target.exporter().map_err(|error| format!("traces cannot be exported: {error}"))?;
        let provider = SdkTracerProvider::builder()
            // Only what the sampler took becomes a span at all.
            .with_sampler(opentelemetry_sdk::trace::Sampler::AlwaysOn)
            .with_resource(resource(environment))
            .with_batch_exporter(exporter)
            .build();
        // A second start (tests) keeps the first sampler.
        let _ = SAMPLER.set(sampler);
        Ok(Some(Self { provider }))
    }

    pub(super) fn tracer(&self) -> SdkTracer {
        self.provider.tracer("weft")
    }
}

impl Drop for Exporter {
    fn drop(&mut self) {
        if let Err(error) = self.provider.shutdown_with_timeout(FLUSH_MAX) {
            tracing::warn!(%error, "the last spans could not be sent");
        }
    }
}

fn resource(environment: Lookup<'_>) -> Resource {
    let mut resource = Resource::builder().with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")));
    let named = environment("OTEL_SERVICE_NAME").is_some_and(|name| !name.is_empty())
        || environment("OTEL_RESOURCE_ATTRIBUTES").is_some_and(|text| {
            text.split(',').any(|pair| pair.split('=').next().is_some_and(|key| key.trim() == "service.name"))
        });
    if !named {
        resource = resource.with_service_name("weft");
    }
    resource.build()
}

/// Where spans go.
#[derive(Debug, PartialEq, Eq)]
struct Target {
    /// `None`: the library reads it from the environment.
    endpoint: Option<String>,
    protocol: Protocol,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Protocol {
    /// OTLP over HTTP, as protobuf.
    Http,
    /// OTLP over gRPC.
    Grpc,
}

impl Target {
    fn choose(traces: &Traces, environment: Lookup<'_>) -> Result<Option<Self>, String> {
        let variable = |names: &[&str]| names.iter().find_map(|name| environment(name).filter(|text| !text.is_empty()));
        if variable(&["OTEL_SDK_DISABLED"]).is_some_and(|text| text.eq_ignore_ascii_case("true")) {
            return Ok(None);
        }
        let exporter = variable(&["OTEL_TRACES_EXPORTER"]);
        let asked = match exporter.as_deref() {
            None => false,
            Some("none") => return Ok(None),
            Some("otlp") => true,
            Some(other) => return Err(format!("OTEL_TRACES_EXPORTER: `{other}` is not `otlp` or `none`")),
        };
        let given = variable(&["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"]);
        let url = given.as_ref().or(traces.otlp.as_ref());
        if url.is_none() && !asked {
            return Ok(None);
        }
        let said = variable(&["OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"]);
        let protocol = match said.as_deref() {
            Some("grpc") => Protocol::Grpc,
            Some("http/protobuf") => Protocol::Http,
            Some(other) => {
                return Err(format!("OTEL_EXPORTER_OTLP_PROTOCOL: `{other}` is not `http/protobuf` or `grpc`"));
            }
            // The port that OTLP registered for gRPC; 4318 is that for HTTP.
            None if url.is_some_and(|url| url::Url::parse(url).is_ok_and(|url| url.port() == Some(4317))) => {
                Protocol::Grpc
            }
            None => Protocol::Http,
        };
        let endpoint = match (&given, &traces.otlp) {
            (None, Some(url)) if protocol == Protocol::Http => Some(traces_url(url)),
            (None, Some(url)) => Some(url.clone()),
            _ => None,
        };
        Ok(Some(Self { endpoint, protocol }))
    }

    fn exporter(self) -> Result<SpanExporter, ExporterBuildError> {
        match self.protocol {
            Protocol::Http => {
                let builder =
                    SpanExporter::builder().with_http().with_protocol(opentelemetry_otlp::Protocol::HttpBinary);
                match self.endpoint {
                    Some(endpoint) => builder.with_endpoint(endpoint).build(),
                    None => builder.build(),
                }
            }
            Protocol::Grpc => {
                let builder = SpanExporter::builder().with_tonic();
                match self.endpoint {
                    Some(endpoint) => builder.with_endpoint(endpoint).build(),
                    None => builder.build(),
                }
            }
        }
    }
}

/// The path of the traces below a collector's URL, as `OTEL_EXPORTER_OTLP_ENDPOINT` has it.
fn traces_url(url: &str) -> String {
    let url = url.trim_end_matches('/');
    if url.ends_with("/v1/traces") { url.to_owned() } else { format!("{url}/v1/traces") }
}

/// Which traces are recorded (OpenTelemetry, "Sampling").
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Sampler {
    /// Of the traces that begin here.
    share: f64,
    /// Whether a caller's decision is followed.
    parent_counts: bool,
}

/// What a sampler said.
pub(super) enum Sampled {
    /// It is recorded.
    Yes,
    /// It is not; with the context to send on if the caller gave none.
    No(TraceContext),
}

impl Sampler {
    fn choose(share: f64, environment: Lookup<'_>) -> Result<Self, String> {
        let Some(name) = environment("OTEL_TRACES_SAMPLER").filter(|name| !name.is_empty()) else {
            return Ok(Self { share, parent_counts: true });
        };
        let argument = || match environment("OTEL_TRACES_SAMPLER_ARG").filter(|text| !text.is_empty()) {
            None => Ok(1.0),
            Some(text) => match text.parse() {
                Ok(share) if (0.0..=1.0).contains(&share) => Ok(share),
                _ => Err(format!("OTEL_TRACES_SAMPLER_ARG: `{text}` is not a number from 0 to 1")),
            },
        };
        let (root, parent_counts) = match name.strip_prefix("parentbased_") {
            Some(root) => (root, true),
            None => (name.as_str(), false),
        };
        let share = match root {
            "always_on" => 1.0,
            "always_off" => 0.0,
            "traceidratio" => argument()?,
            _ => {
                return Err(format!(
                    "OTEL_TRACES_SAMPLER: `{name}` is not `always_on`, `always_off` or `traceidratio`, nor one of these after `parentbased_`"
                ));
            }
        };
        Ok(Self { share, parent_counts })
    }

    /// Decides for a request. `parent`: the caller's context.
    pub(super) fn sample(self, parent: Option<TraceContext>) -> Sampled {
        let generator = RandomIdGenerator::default();
        let trace = parent.map_or_else(|| generator.new_trace_id().to_bytes(), |parent| parent.trace);
        let is_sampled = match parent {
            Some(parent) if self.parent_counts => parent.is_sampled(),
            _ => self.takes(trace),
        };
        if is_sampled {
            return Sampled::Yes;
        }
        Sampled::No(TraceContext { trace, parent: generator.new_span_id().to_bytes(), flags: 0 })
    }

    /// By the last 56 bits of the id, which are random (W3C Trace Context, level 2, "random trace id").
    fn takes(self, trace: [u8; 16]) -> bool {
        let random = trace[9..].iter().fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
        #[expect(clippy::cast_precision_loss, reason = "53 bits are what a float holds exactly")]
        let drawn = (random >> 3) as f64 / (1_u64 << 53) as f64;
        drawn < self.share
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(otlp: Option<&str>, variables: &[(&str, &str)]) -> Result<Option<Target>, String> {
        let traces = Traces { otlp: otlp.map(str::to_owned), sample: 1.0 };
        Target::choose(&traces, &|name| {
            variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
        })
    }

    fn http(endpoint: Option<&str>) -> Target {
        Target { endpoint: endpoint.map(str::to_owned), protocol: Protocol::Http }
    }

    fn grpc(endpoint: Option<&str>) -> Target {
        Target { endpoint: endpoint.map(str::to_owned), protocol: Protocol::Grpc }
    }

    #[test]
    fn nothing_is_exported_unless_asked() {
        assert_eq!(target(None, &[]), Ok(None));
        assert_eq!(target(None, &[("OTEL_EXPORTER_OTLP_ENDPOINT", "")]), Ok(None));
        assert_eq!(target(Some("http://c:4318"), &[("OTEL_SDK_DISABLED", "true")]), Ok(None));
        assert_eq!(target(Some("http://c:4318"), &[("OTEL_TRACES_EXPORTER", "none")]), Ok(None));
        assert!(target(None, &[("OTEL_TRACES_EXPORTER", "zipkin")]).unwrap_err().contains("`zipkin`"));
    }

    #[test]
    fn the_environment_beats_the_file() {
        let endpoint = [("OTEL_EXPORTER_OTLP_ENDPOINT", "http://other:4318")];
        assert_eq!(target(Some("http://c:4317"), &endpoint), Ok(Some(http(None))));
        assert_eq!(target(None, &endpoint), Ok(Some(http(None))));
        assert_eq!(target(None, &[("OTEL_TRACES_EXPORTER", "otlp")]), Ok(Some(http(None))));
    }

    #[test]
    fn the_protocol_is_said_or_known_by_its_port() {
        assert_eq!(target(Some("http://c:4318"), &[]), Ok(Some(http(Some("http://c:4318/v1/traces")))));
        assert_eq!(target(Some("https://c/otlp/"), &[]), Ok(Some(http(Some("https://c/otlp/v1/traces")))));
        assert_eq!(target(Some("http://c/v1/traces"), &[]), Ok(Some(http(Some("http://c/v1/traces")))));
        assert_eq!(target(Some("http://c:4317"), &[]), Ok(Some(grpc(Some("http://c:4317")))));
        let said = |protocol| [("OTEL_EXPORTER_OTLP_PROTOCOL", protocol)];
        assert_eq!(
            target(Some("http://c:4317"), &said("http/protobuf")),
            Ok(Some(http(Some("http://c:4317/v1/traces"))))
        );
        assert_eq!(target(Some("http://c:9"), &said("grpc")), Ok(Some(grpc(Some("http://c:9")))));
        assert!(target(Some("http://c:9"), &said("http/json")).unwrap_err().contains("`http/json`"));
    }

    fn sampler(variables: &[(&str, &str)]) -> Result<Sampler, String> {
        Sampler::choose(0.25, &|name| {
            variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn samplers_have_their_names_from_opentelemetry() {
        let named = |name| sampler(&[("OTEL_TRACES_SAMPLER", name), ("OTEL_TRACES_SAMPLER_ARG", "0.5")]);
        let of = |share, parent_counts| Ok(Sampler { share, parent_counts });
        assert_eq!(sampler(&[]), of(0.25, true));
        assert_eq!(named("always_on"), of(1.0, false));
        assert_eq!(named("parentbased_always_off"), of(0.0, true));
        assert_eq!(named("traceidratio"), of(0.5, false));
        assert_eq!(named("parentbased_traceidratio"), of(0.5, true));
        assert!(named("sometimes").is_err());
        assert!(sampler(&[("OTEL_TRACES_SAMPLER", "traceidratio"), ("OTEL_TRACES_SAMPLER_ARG", "2")]).is_err());
    }

    #[test]
    fn a_caller_decides_and_else_the_share() {
        let parent = |flags| Some(TraceContext { trace: [1; 16], parent: [2; 8], flags });
        let is_sampled =
            |share, parent_counts, parent| matches!(Sampler { share, parent_counts }.sample(parent), Sampled::Yes);
        assert!(is_sampled(0.0, true, parent(1)));
        assert!(!is_sampled(1.0, true, parent(0)));
        assert!(is_sampled(1.0, false, parent(0)));
        assert!(!is_sampled(0.0, true, None));
        assert!(is_sampled(1.0, true, None));
        let sampler = Sampler { share: 0.5, parent_counts: true };
        let mut trace = [0xff; 16];
        assert!(!sampler.takes(trace));
        trace[9] = 0x7f;
        assert!(sampler.takes(trace));
    }

    #[test]
    fn what_is_not_sampled_is_told_so() {
        let Sampled::No(context) = (Sampler { share: 0.0, parent_counts: true }).sample(None) else {
            panic!("share 0")
        };
        assert!(!context.is_sampled());
        assert_eq!(TraceContext::parse(&context.to_string()), Some(context));
    }
}
