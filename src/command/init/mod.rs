//! `weft init`: a folder to start from. It runs at once, on a machine without a network too: the REST service that it asks is
//! the one that is surely there, weft's own listener for operators.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use weft::{config, schema::DEFINITIONS};

use super::{Failure, Outcome, output};

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Where; the folder is made when it is not there.
    #[arg(default_value = ".", value_name = "DIR")]
    folder: PathBuf,
}

/// Nothing is overwritten: where one of the files is there already, none is written.
pub(super) fn run(Arguments { folder }: &Arguments) -> Outcome {
    let json_schema = config::json_schema();
    let files = [
        ("weft.yaml", include_str!("weft.yaml")),
        ("schema/starter.graphql", include_str!("starter.graphql")),
        ("operations/hello.graphql", include_str!("hello.graphql")),
        ("examples/posts.graphql", include_str!("posts.graphql")),
        ("README.md", include_str!("README.md")),
        (".graphqlrc.yml", include_str!("graphqlrc.yml")),
        ("editor/definitions.graphql", DEFINITIONS),
        ("editor/weft.schema.json", &json_schema),
    ];
    let there: Vec<&str> =
        files.iter().map(|(name, _)| *name).filter(|name| folder.join(name).symlink_metadata().is_ok()).collect();
    if let [first, more @ ..] = there.as_slice() {
        let (more, are) =
            if more.is_empty() { (String::new(), "is") } else { (format!(" and {} more", more.len()), "are") };
        let message = format!(
            "nothing was written: `{}`{more} {are} there already; name a new folder: `weft init DIR`",
            folder.join(first).display()
        );
        return Err(Failure::Message(message));
    }
    for (name, text) in files {
        let path = folder.join(name);
        write(&path, text).map_err(|error| Failure::Message(format!("cannot write `{}`: {error}", path.display())))?;
    }
    let go = if folder == Path::new(".") { String::new() } else { format!("cd {} && ", folder.display()) };
    output::result(&format!(
        "wrote {} files to `{}`\n\n  {go}weft serve --dev\n\nthen open http://127.0.0.1:4000/graphql; `README.md` tells what to change",
        files.len(),
        folder.display()
    ))
}

fn write(path: &Path, text: &str) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    // Not over a file that came in the meantime either.
    let mut file = fs::File::create_new(path)?;
    io::Write::write_all(&mut file, text.as_bytes())
}
