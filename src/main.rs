//! The `weft` command: arguments in, a room called, results printed.
//!
//! Results go to stdout, everything else to stderr. Exit codes: 0 good, 1 the input is wrong, 2 usage.

use std::{
    io::{IsTerminal as _, Read as _, Write as _},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Arc,
};

use clap::{CommandFactory as _, Parser, Subcommand, ValueEnum};
use weft::{
    config::{self, Overrides, Settings},
    error::{self, Diagnostic, Refusal, Severity},
    gateway::{self, Snapshot},
    operation, plan,
    schema::Graph,
    server::{self, process},
    telemetry,
    upstream::{Kept, Transport},
};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The version, with the commit where the build knew it.
const VERSION: &str = match option_env!("WEFT_VERSION_FULL") {
    Some(text) => text,
    None => env!("CARGO_PKG_VERSION"),
};

/// One GraphQL API over many REST services.
#[derive(Debug, Parser)]
#[command(name = "weft", version = VERSION, propagate_version = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve the API.
    Serve {
        #[command(flatten)]
        source: Source,
        /// Address and port instead of `server.listen`; port 0 takes a free one.
        #[arg(long, env = "WEFT_LISTEN", value_name = "ADDRESS")]
        listen: Option<String>,
        /// For development: `GraphiQL`, introspection, causes in errors, reload when a file changes.
        #[arg(long)]
        dev: bool,
    },
    /// Say what is wrong with the configuration and the schema.
    Check {
        #[command(flatten)]
        source: Source,
        /// How findings are printed.
        #[arg(long, value_enum, default_value_t = Format::Human)]
        format: Format,
    },
    /// Show the calls that an operation makes.
    Plan {
        /// The file with the operation; `-` reads stdin.
        operation: PathBuf,
        /// Which operation, where the file has several.
        #[arg(long, value_name = "NAME")]
        name: Option<String>,
        #[command(flatten)]
        source: Source,
    },
    /// Start five REST services and the API that joins them.
    #[cfg(feature = "demo")]
    Demo {
        /// Port of the API on 127.0.0.1; 0 takes a free one.
        #[arg(long, default_value_t = 4000)]
        port: u16,
        /// Port of probes and metrics on 127.0.0.1; 0 takes a free one.
        #[arg(long, default_value_t = 9090)]
        admin_port: u16,
        /// Every Nth call to reviews fails; 0: none.
        #[arg(long, default_value_t = 0, value_name = "N")]
        flaky_every: u32,
        /// Every Nth call to inventory is slow; 0: none.
        #[arg(long, default_value_t = 0, value_name = "N")]
        slow_every: u32,
    },
    /// About the schema that callers see.
    Schema {
        #[command(subcommand)]
        command: SchemaCommand,
    },
    /// About `weft.yaml`.
    Config {
        #[command(subcommand)]
        command: ConfigCommand,
    },
    /// Ask a running gateway whether it is ready (exit code 0).
    Healthcheck {
        /// Where to ask.
        #[arg(default_value = server::PROBE_DEFAULT)]
        url: String,
    },
    /// Print completions for a shell.
    Completions {
        /// Which shell.
        shell: clap_complete::Shell,
    },
}

#[derive(Debug, Subcommand)]
enum SchemaCommand {
    /// Print it as SDL.
    Print {
        #[command(flatten)]
        source: Source,
    },
}

#[derive(Debug, Subcommand)]
enum ConfigCommand {
    /// Print the JSON Schema of `weft.yaml`.
    Schema,
}

/// Where configuration and schema are.
#[derive(Debug, Clone, clap::Args)]
struct Source {
    /// The configuration; without it `weft.yaml` of this folder, if there is one.
    #[arg(short, long, env = "WEFT_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// A schema file or folder, instead of those of the configuration; may be repeated.
    #[arg(long, value_name = "PATH")]
    schema: Vec<PathBuf>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Format {
    /// Drawn on the source.
    Human,
    /// One JSON document.
    Json,
}

/// Why a command ends with exit code 1.
enum Failure {
    /// Something to read for whoever wrote the files.
    Findings(Vec<Diagnostic>),
    /// Anything else, in words.
    Message(String),
}

impl From<Vec<Diagnostic>> for Failure {
    fn from(findings: Vec<Diagnostic>) -> Self {
        Self::Findings(findings)
    }
}

fn main() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::Serve { source, listen, dev } => serve(&source, listen, dev),
        Command::Check { source, format } => return check(&source, format),
        Command::Plan { operation, name, source } => show_plan(&operation, name.as_deref(), &source),
        #[cfg(feature = "demo")]
        Command::Demo { port, admin_port, flaky_every, slow_every } => {
            demo(weft::demo::Options { port, admin_port, flaky_every, slow_every })
        }
        Command::Schema { command: SchemaCommand::Print { source } } => {
            graph(&source).map(|(graph, _)| print(&graph.schema.to_string()))
        }
        Command::Config { command: ConfigCommand::Schema } => {
            print(&config::json_schema());
            Ok(())
        }
        Command::Healthcheck { url } => healthcheck(&url),
        Command::Completions { shell } => {
            clap_complete::generate(shell, &mut Cli::command(), "weft", &mut std::io::stdout());
            Ok(())
        }
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            match failure {
                Failure::Findings(findings) => tell(&findings),
                Failure::Message(message) => eprintln!("error: {message}"),
            }
            ExitCode::FAILURE
        }
    }
}

fn serve(source: &Source, listen: Option<String>, dev: bool) -> Result<(), Failure> {
    let config = source.config()?;
    let overrides = Overrides { schema: source.schema.clone(), listen, log_level: log_level(), dev };
    let transport = test_transport().map_err(Failure::Message)?;
    let kept = Kept::default();
    let load = move || {
        let settings = config::load(config.as_deref(), &overrides)?;
        let (snapshot, warnings) = Snapshot::build(&settings, &transport, &kept)?;
        Ok((settings, snapshot, warnings, config.clone()))
    };
    let (settings, snapshot, warnings, config) = load()?;
    telemetry::init(&settings.telemetry.log).map_err(Failure::Message)?;
    tell(&warnings);
    let mut watch = Vec::new();
    if dev {
        watch.extend(config);
        watch.extend(settings.schema.iter().map(|file| file.path.clone()));
    }
    let path = settings.server.path.clone();
    let hooks = process::Hooks {
        load: move || load().map(|(settings, snapshot, warnings, _)| (settings, snapshot, warnings)),
        ready: move |server: &server::Server| print(&format!("weft answers at {}", url(server.address(), &path))),
        found: |findings: &[Diagnostic]| tell(findings),
        watch,
    };
    let running = process::run((settings, snapshot, warnings), hooks);
    runtime()?.block_on(running).map_err(|error| Failure::Message(error.to_string()))
}

/// A URL that can be clicked: an address that stands for all of them is not one.
fn url(address: SocketAddr, path: &str) -> String {
    if address.ip().is_unspecified() {
        return format!("http://localhost:{}{path}", address.port());
    }
    format!("http://{address}{path}")
}

fn check(source: &Source, format: Format) -> ExitCode {
    let findings = match graph(source) {
        Ok((graph, warnings)) => {
            if matches!(format, Format::Human) {
                let summary = format!(
                    "the schema can be served: {} types, {} connectors, {} sources",
                    graph.types.len(),
                    graph.connectors.len(),
                    graph.sources.len()
                );
                print(&summary);
            }
            warnings
        }
        Err(Failure::Findings(findings)) => findings,
        Err(Failure::Message(message)) => {
            eprintln!("error: {message}");
            return ExitCode::FAILURE;
        }
    };
    match format {
        Format::Human if findings.is_empty() => {}
        Format::Human => print(&error::render(&findings, human(std::io::stdout().is_terminal()))),
        Format::Json => print(&error::render(&findings, error::Format::Json)),
    }
    let wrong = findings.iter().any(|finding| finding.severity == Severity::Error);
    if wrong { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

fn show_plan(file: &Path, name: Option<&str>, source: &Source) -> Result<(), Failure> {
    let text = read(file).map_err(|error| Failure::Message(format!("cannot read `{}`: {error}", file.display())))?;
    let settings = source.settings()?;
    let (graph, _) = gateway::compile(&settings)?;
    let refused = |refusal: Refusal| Failure::Message(words(file, &refusal));
    let document = operation::parse(&graph, &text, &gateway::limits(&settings)).map_err(refused)?;
    let operation = operation::bind(&graph, &document, name).map_err(refused)?;
    let plan = plan::build(&graph, Arc::new(operation)).map_err(|error| Failure::Message(error.to_string()))?;
    print(&plan::explain(&graph, &plan));
    Ok(())
}

fn read(file: &Path) -> std::io::Result<String> {
    if file == Path::new("-") {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text)?;
        return Ok(text);
    }
    std::fs::read_to_string(file)
}

/// One line an error, as compilers write them.
fn words(file: &Path, refusal: &Refusal) -> String {
    let lines: Vec<String> = refusal
        .errors
        .iter()
        .map(|error| match error.locations.first() {
            Some(place) => format!("{}:{}:{}: {}", file.display(), place.line, place.column, error.message),
            None => error.message.clone(),
        })
        .collect();
    lines.join("\n")
}

#[cfg(feature = "demo")]
fn demo(options: weft::demo::Options) -> Result<(), Failure> {
    let log = telemetry::Log { level: log_level().unwrap_or_else(|| "warn".to_owned()), ..telemetry::Log::default() };
    telemetry::init(&log).map_err(Failure::Message)?;
    runtime()?.block_on(weft::demo::run(options)).map_err(|error| Failure::Message(format!("{error:#}")))
}

fn healthcheck(url: &str) -> Result<(), Failure> {
    match server::probe(url) {
        Ok(status @ 200..=299) => {
            print(&format!("{url} answers {status}"));
            Ok(())
        }
        Ok(status) => Err(Failure::Message(format!("{url} answers {status}"))),
        Err(error) => Err(Failure::Message(format!("{url} does not answer: {error}"))),
    }
}

fn graph(source: &Source) -> Result<(Graph, Vec<Diagnostic>), Failure> {
    Ok(gateway::compile(&source.settings()?)?)
}

impl Source {
    /// The configuration file that counts. Errors: there is nothing to go by.
    fn config(&self) -> Result<Option<PathBuf>, Failure> {
        if let Some(file) = &self.config {
            return Ok(Some(file.clone()));
        }
        let usual = Path::new("weft.yaml");
        if usual.is_file() {
            return Ok(Some(usual.to_owned()));
        }
        if self.schema.is_empty() {
            let message = "there is no `weft.yaml` here: name one with `--config FILE`, or schema files with `--schema PATH`; \
                           `weft demo` needs neither";
            return Err(Failure::Message(message.to_owned()));
        }
        Ok(None)
    }

    fn settings(&self) -> Result<Settings, Failure> {
        let overrides = Overrides { schema: self.schema.clone(), ..Overrides::default() };
        Ok(config::load(self.config()?.as_deref(), &overrides)?)
    }
}

fn log_level() -> Option<String> {
    std::env::var("WEFT_LOG").ok().filter(|level| !level.is_empty())
}

/// The one seam for tests, not for operators: `WEFT_TEST_RESOLVE` (`host=address:port,…`) sends calls of these hosts elsewhere,
/// `WEFT_TEST_CA` names a PEM file of certificates that are trusted beside the platform's. All else is as in production.
fn test_transport() -> Result<Transport, String> {
    let mut transport = Transport::default();
    if let Ok(text) = std::env::var("WEFT_TEST_RESOLVE") {
        for pair in text.split(',').filter(|pair| !pair.is_empty()) {
            let (host, address) =
                pair.split_once('=').ok_or_else(|| format!("WEFT_TEST_RESOLVE: `{pair}` has no `=`"))?;
            let address = address.parse().map_err(|error| format!("WEFT_TEST_RESOLVE: `{address}`: {error}"))?;
            transport.resolve.push((host.to_owned(), address));
        }
    }
    if let Ok(path) = std::env::var("WEFT_TEST_CA") {
        transport.ca_pem = Some(std::fs::read(&path).map_err(|error| format!("WEFT_TEST_CA: `{path}`: {error}"))?);
    }
    Ok(transport)
}

fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::Message(format!("the machine gives no threads: {error}")))
}

fn human(terminal: bool) -> error::Format {
    let color = terminal && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    error::Format::Human { color }
}

/// Findings for people, on stderr.
fn tell(findings: &[Diagnostic]) {
    if !findings.is_empty() {
        eprintln!("{}", error::render(findings, human(std::io::stderr().is_terminal())));
    }
}

/// A result. A reader who has left (`| head`) is no error.
fn print(text: &str) {
    let _ = writeln!(std::io::stdout(), "{}", text.trim_end_matches('\n'));
}
