//! What can be typed after `weft`: arguments are parsed here, each command has its file.
//!
//! Results go to stdout, everything else to stderr. Exit codes: 0 good, 1 the input is wrong, 2 usage.

mod check;
mod config;
mod cost;
#[cfg(feature = "demo")]
mod demo;
mod diff;
mod explain;
mod healthcheck;
mod import;
mod init;
mod key;
mod operations;
mod output;
mod plan;
mod schema;
mod serve;
mod source;

use std::process::ExitCode;

use clap::{CommandFactory as _, Parser, Subcommand};
use weft::error::Diagnostic;

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
    Serve(serve::Arguments),
    /// Say what is wrong with the configuration and the schema.
    Check(check::Arguments),
    /// Show the calls that an operation makes.
    Plan(plan::Arguments),
    /// Show what an operation may cost, field by field, and how many calls it may make.
    Cost(cost::Arguments),
    /// Say what a code means that weft printed, and what to do about it.
    Explain(explain::Arguments),
    /// Write a folder to start from.
    Init(init::Arguments),
    /// Compare two APIs: what breaks clients, what may, what does not (exit code 1 when something breaks).
    Diff(diff::Arguments),
    /// Make a schema of what others have.
    #[command(subcommand)]
    Import(import::Command),
    /// Start five REST services and the API that joins them.
    #[cfg(feature = "demo")]
    Demo(demo::Arguments),
    /// About the schema that callers see.
    #[command(subcommand)]
    Schema(schema::Command),
    /// About API keys.
    #[command(subcommand)]
    Key(key::Command),
    /// About `weft.yaml`.
    #[command(subcommand)]
    Config(config::Command),
    /// Ask a running gateway whether it is ready (exit code 0).
    Healthcheck(healthcheck::Arguments),
    /// Print completions for a shell.
    Completions {
        /// Which shell.
        shell: clap_complete::Shell,
    },
}

/// How a command ended.
type Outcome = Result<ExitCode, Failure>;

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

/// Parses the command line and carries it out.
pub(crate) fn run() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::Serve(arguments) => serve::run(arguments),
        Command::Check(arguments) => check::run(&arguments),
        Command::Plan(arguments) => plan::run(&arguments),
        Command::Cost(arguments) => cost::run(&arguments),
        Command::Explain(arguments) => explain::run(&arguments),
        Command::Init(arguments) => init::run(&arguments),
        Command::Diff(arguments) => diff::run(&arguments),
        Command::Import(command) => import::run(&command),
        #[cfg(feature = "demo")]
        Command::Demo(arguments) => demo::run(arguments),
        Command::Schema(command) => schema::run(&command),
        Command::Key(command) => key::run(&command),
        Command::Config(command) => config::run(command),
        Command::Healthcheck(arguments) => healthcheck::run(&arguments),
        Command::Completions { shell } => {
            clap_complete::generate(shell, &mut Cli::command(), "weft", &mut std::io::stdout());
            Ok(ExitCode::SUCCESS)
        }
    };
    outcome.unwrap_or_else(|failure| {
        match failure {
            Failure::Findings(findings) => output::tell(&findings),
            Failure::Message(message) => eprintln!("error: {message}"),
        }
        ExitCode::FAILURE
    })
}

/// The runtime of commands that serve.
fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::Message(format!("the machine gives no threads: {error}")))
}
