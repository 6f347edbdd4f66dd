//! Where configuration and schema are: flags that most commands share, and paths that stand for either.

use std::path::{Path, PathBuf};

use weft::{
    config::{self, Overrides, Settings},
    error::Diagnostic,
    gateway,
    schema::Graph,
};

use super::Failure;

/// The configuration that is taken when none is named.
const USUAL: &str = "weft.yaml";

/// Where configuration and schema are.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct Source {
    /// The configuration; without it `weft.yaml` of this folder, if there is one.
    #[arg(short, long, env = "WEFT_CONFIG", value_name = "FILE")]
    pub(super) config: Option<PathBuf>,
    /// A schema file or folder, instead of those of the configuration; may be repeated.
    #[arg(long, value_name = "PATH")]
    pub(super) schema: Vec<PathBuf>,
}

impl Source {
    /// The configuration file that counts. Errors: there is nothing to go by.
    pub(super) fn config(&self) -> Result<Option<PathBuf>, Failure> {
        if let Some(file) = &self.config {
            return Ok(Some(if file.is_dir() { file.join(USUAL) } else { file.clone() }));
        }
        let usual = Path::new(USUAL);
        if usual.is_file() {
            return Ok(Some(usual.to_owned()));
        }
        if self.schema.is_empty() {
            let message = "there is no `weft.yaml` here: name one with `--config FILE`, or schema files with `--schema PATH`; \
                           `weft init` writes a folder to start from, and `weft demo` needs no files";
            return Err(Failure::Message(message.to_owned()));
        }
        Ok(None)
    }

    pub(super) fn settings(&self) -> Result<Settings, Failure> {
        let overrides = Overrides { schema: self.schema.clone(), ..Overrides::default() };
        Ok(config::load(self.config()?.as_deref(), &overrides)?)
    }

    /// The graph, with warnings.
    pub(super) fn graph(&self) -> Result<(Graph, Vec<Diagnostic>), Failure> {
        Ok(gateway::compile(&self.settings()?)?)
    }

    /// With paths of the command line added: a configuration (or its folder) is one, everything else is schema.
    /// Errors: two configurations.
    pub(super) fn with(&self, paths: &[PathBuf]) -> Result<Self, Failure> {
        let mut source = self.clone();
        for path in paths {
            match configuration(path) {
                None => source.schema.push(path.clone()),
                Some(file) => {
                    if let Some(first) = source.config.replace(file) {
                        let message = format!("`{}` and `{}` are both configurations", first.display(), path.display());
                        return Err(Failure::Message(message));
                    }
                }
            }
        }
        Ok(source)
    }
}

/// The settings that one path stands for, whatever lies in this folder: those of a configuration or of the folder that holds
/// one, or the defaults with a schema file or folder.
pub(super) fn settings_at(path: &Path) -> Result<Settings, Failure> {
    let config = configuration(path);
    let schema = if config.is_some() { Vec::new() } else { vec![path.to_owned()] };
    Ok(config::load(config.as_deref(), &Overrides { schema, ..Overrides::default() })?)
}

/// The configuration that a path names: a YAML file, or the one in a folder.
fn configuration(path: &Path) -> Option<PathBuf> {
    if path.is_dir() {
        return Some(path.join(USUAL)).filter(|file| file.is_file());
    }
    let yaml = path.extension().is_some_and(|extension| extension == "yaml" || extension == "yml");
    yaml.then(|| path.to_owned())
}
