//! The `weft.yaml` that goes with an imported schema: a proposal.

use super::{
    model::Model,
    print::{line, one_line},
    security::{Scheme, Servers},
};

/// The file, for a folder of schema files.
pub(super) fn yaml(model: &Model, servers: &Servers, title: &str) -> String {
    let mut out = String::new();
    line(
        &mut out,
        0,
        &format!("# For {}: a proposal of `weft import openapi`, which never writes over it.", one_line(title)),
    );
    line(&mut out, 0, "schema: [.]");
    out.push('\n');
    line(&mut out, 0, "server:");
    line(&mut out, 1, "listen: 127.0.0.1:4000");
    out.push('\n');
    line(&mut out, 0, "sources:");
    out.push_str(&sources(model, servers));
    out
}

/// The entries under `sources`, for a `weft.yaml` that is there already.
pub(super) fn sources(model: &Model, servers: &Servers) -> String {
    let mut out = String::new();
    for (index, (name, url)) in model.sources.iter().enumerate() {
        line(&mut out, 1, &format!("{name}:"));
        line(&mut out, 2, &format!("urls: [{}]", scalar(url)));
        if index == 0 && !servers.others.is_empty() {
            for other in servers.others.iter().take(10) {
                line(&mut out, 2, &format!("# urls: [{}]", scalar(other)));
            }
        }
        let mut secrets: Vec<&str> = Vec::new();
        for operation in model.operations.iter().filter(|operation| operation.source == index) {
            for scheme in operation.security.iter().filter_map(|name| model.schemes.get(name)) {
                if let Scheme::Header { config, .. } | Scheme::Query { config, .. } = scheme
                    && !secrets.contains(&config.as_str())
                {
                    secrets.push(config);
                }
            }
        }
        if !secrets.is_empty() {
            line(&mut out, 2, "config:");
            for secret in secrets {
                let variable =
                    super::words::screaming(&super::words::words(&format!("{name} {secret}"))).unwrap_or_default();
                line(&mut out, 3, &format!("{secret}: ${{env.{variable}:-}}"));
            }
        }
    }
    out
}

/// A text that YAML reads as a text.
fn scalar(text: &str) -> String {
    let is_plain =
        text.chars().all(|char| char.is_ascii_alphanumeric() || "./:_-~%".contains(char)) && !text.ends_with(':');
    if is_plain { text.to_owned() } else { format!("'{}'", text.replace('\'', "''")) }
}
