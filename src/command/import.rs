//! `weft import`.

use std::{path::PathBuf, process::ExitCode};

use weft::import::openapi::{self, Choice, Options, Writing};

use super::{Failure, Outcome, output, runtime, serve::test_transport};

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Make a schema of an OpenAPI document.
    ///
    /// Reads OpenAPI 3.0 and 3.1 and Swagger 2.0, as JSON or YAML, with the files beside it that it refers to. What cannot be
    /// expressed is left out, with a comment in the schema and a line on stderr.
    ///
    /// Edit the schema as you like. Beside it lies the text as it was imported (`NAME.graphql.imported`; commit both): when you
    /// import a newer document into the same file, what changed in the document is merged into your file line by line, as a
    /// version control system does it. Where both changed the same lines they are marked, and the exit code is 1.
    Openapi(Arguments),
}

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The document: a file, a URL, or `-` for stdin.
    spec: String,
    /// Where the schema goes: a `.graphql` file, or a folder in which it is named after the source. A proposal for `weft.yaml`
    /// is put beside it when there is none. Without this the schema is printed.
    #[arg(short, long, value_name = "PATH")]
    output: Option<PathBuf>,
    /// Name of the source, of the schema file, and so of the subgraph; else made of the document's title.
    #[arg(long, value_name = "NAME", default_value = "")]
    name: String,
    /// Put before the name of every type, so that two services can both have a `User`.
    #[arg(long, value_name = "PREFIX", default_value = "")]
    prefix: String,
    /// Only operations with this tag; may be repeated.
    #[arg(long, value_name = "TAG")]
    tag: Vec<String>,
    /// Only this path and what is below it; may be repeated.
    #[arg(long, value_name = "PATH")]
    path: Vec<String>,
    /// Only the operation with this `operationId`; may be repeated.
    #[arg(long, value_name = "ID")]
    operation: Vec<String>,
    /// Write nothing; exit with 1 and print the difference when the document has changed since it was imported to PATH.
    #[arg(long, requires = "output")]
    check: bool,
    /// Write over what is there, hand edits included.
    #[arg(long, requires = "output", conflicts_with = "check")]
    force: bool,
    /// Do not say what was left out, only how much.
    #[arg(short, long)]
    quiet: bool,
}

pub(super) fn run(command: &Command) -> Outcome {
    let Command::Openapi(arguments) = command;
    let spec = &arguments.spec;
    let transport = test_transport().map_err(Failure::Message)?;
    let fetched = runtime()?.block_on(openapi::fetch(spec, &transport)).map_err(Failure::Message)?;
    let choice =
        Choice { tags: arguments.tag.clone(), paths: arguments.path.clone(), operations: arguments.operation.clone() };
    let options = Options { name: arguments.name.clone(), prefix: arguments.prefix.clone(), choice };
    let imported = openapi::translate(&fetched, &options)
        .map_err(|why| Failure::Message(format!("cannot make a schema of `{spec}`: {why}")))?;
    if arguments.quiet {
        eprintln!("{} notes are not shown (`--quiet`)", imported.report.lines().count() + imported.report.more());
    } else {
        imported.report.lines().for_each(|line| eprintln!("{line}"));
        if imported.report.more() > 0 {
            eprintln!("and {} more notes", imported.report.more());
        }
    }
    eprintln!("{}", imported.counts);
    let Some(target) = &arguments.output else { return output::result(&imported.schema) };
    let writing = Writing { check: arguments.check, force: arguments.force };
    let (outcome, remains) = openapi::write(&imported, target, writing).map_err(Failure::Message)?;
    for line in &remains {
        eprintln!("{line}");
    }
    match outcome {
        openapi::Outcome::Created(file) => eprintln!("wrote `{}`", file.display()),
        openapi::Outcome::Unchanged(file) => eprintln!("`{}` is up to date", file.display()),
        openapi::Outcome::Updated(file) => eprintln!("wrote `{}` anew; it had no hand edits to keep", file.display()),
        openapi::Outcome::Merged(file) => eprintln!("merged what is new into `{}`", file.display()),
        openapi::Outcome::Conflicts(file, count) => {
            return Err(Failure::Message(format!(
                "`{}`: the document and hand edits contradict each other at {count} places, marked with `<<<<<<<`",
                file.display()
            )));
        }
        openapi::Outcome::Differs(file, difference) => {
            output::print(&difference);
            return Err(Failure::Message(format!("`{}` is not what the document gives now", file.display())));
        }
    }
    Ok(ExitCode::SUCCESS)
}
