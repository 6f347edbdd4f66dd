//! Starts the gateway over the demo's graph.

use std::{net::SocketAddr, sync::Arc};

use super::{Options, shop};
use crate::{
    config::{Settings, Source},
    error::{Diagnostic, Format, SourceText, render},
    gateway::{Gateway, Snapshot},
    schema::File,
    server::{BindError, Server, Tab},
    upstream::{Kept, Transport},
};

/// The gateway with its sockets open, in front of these services.
///
/// Errors: a busy port; a graph that is not valid, which would be ours to mend.
pub(super) async fn open(options: &Options, services: &[(&'static str, SocketAddr)]) -> anyhow::Result<Server> {
    open_with(options, services, &files()).await
}

/// As [`open`], with another graph.
pub(super) async fn open_with(
    options: &Options,
    services: &[(&'static str, SocketAddr)],
    files: &[File],
) -> anyhow::Result<Server> {
    let mut settings = settings(options, services);
    let (snapshot, _) =
        Snapshot::of_files(&settings, files, &Transport::default(), &Kept::default()).map_err(|found| drawn(&found))?;
    let gateway = Arc::new(Gateway::new(snapshot));
    match Server::bind(&settings, Arc::clone(&gateway), tabs()).await {
        // Nobody types the operator's port from memory: a free one will do.
        Err(BindError::InUse { address, .. }) if Some(address) == settings.admin.listen => {
            settings.admin.listen = Some(at(0));
            Server::bind(&settings, gateway, tabs()).await.map_err(explain)
        }
        bound => bound.map_err(explain),
    }
}

/// The same in the words of this command.
fn explain(error: BindError) -> anyhow::Error {
    match error {
        BindError::InUse { address, .. } => anyhow::anyhow!(
            "port {} is in use: stop what listens there, or choose another with `--port` (0 takes a free one)",
            address.port()
        ),
        refused @ (BindError::Tls(_) | BindError::Refused { .. }) => refused.into(),
    }
}

fn at(port: u16) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], port))
}

fn settings(options: &Options, services: &[(&'static str, SocketAddr)]) -> Settings {
    let mut settings = Settings::default();
    settings.server.listen = at(options.port);
    settings.server.graphiql = true;
    settings.server.introspection = true;
    settings.admin.listen = Some(at(options.admin_port));
    settings.sources = services
        .iter()
        .map(|(name, address)| {
            let source = Source { urls: vec![format!("http://{address}").as_str().into()], ..Source::default() };
            ((*name).to_owned(), source)
        })
        .collect();
    settings
}

/// The schema files in the binary.
pub(super) fn files() -> Vec<File> {
    let file = |(subgraph, text): (&str, &str)| File {
        subgraph: subgraph.to_owned(),
        source: Arc::new(SourceText { name: format!("schema/{subgraph}.graphql"), text: text.to_owned() }),
    };
    shop::SCHEMA.map(file).into()
}

/// What GraphiQL opens with; the demo's token is there already.
fn tabs() -> Vec<Tab> {
    let headers = serde_json::json!({ "authorization": format!("Bearer {}", kit::token::demo()) });
    let tab = |query: &str| Tab { query: query.to_owned(), variables: None, headers: Some(format!("{headers:#}")) };
    shop::OPERATIONS.map(tab).into()
}

fn drawn(found: &[Diagnostic]) -> anyhow::Error {
    anyhow::anyhow!("the demo's graph is not valid\n{}", render(found, Format::Human { color: false }))
}
