//! Finds the schema files and names their subgraphs.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use super::SchemaFile;

/// The files behind one entry: the file itself, or all `*.graphql` in the folder, sorted by path. Folders in it are not
/// searched: operations of clients often lie there.
///
/// Errors: nothing is there, it cannot be read, or the folder holds no schema.
pub(super) fn find(path: &Path) -> Result<Vec<SchemaFile>, String> {
    let say = |error: io::Error| match error.kind() {
        io::ErrorKind::NotFound => format!("there is no file or folder `{}`", path.display()),
        _ => format!("cannot read `{}`: {error}", path.display()),
    };
    if !fs::metadata(path).map_err(say)?.is_dir() {
        return Ok(vec![named(path, None)?]);
    }
    let paths = search(path).map_err(say)?;
    if paths.is_empty() {
        return Err(format!("the folder `{}` holds no `.graphql` file", path.display()));
    }
    paths.iter().map(|path| named(path, None)).collect()
}

/// A file with the name of its subgraph. Errors: its stem is no text.
pub(super) fn named(path: &Path, subgraph: Option<String>) -> Result<SchemaFile, String> {
    let stem = || path.file_stem().and_then(|stem| stem.to_str()).map(str::to_owned);
    let subgraph = subgraph.or_else(stem);
    let subgraph = subgraph.ok_or_else(|| format!("`{}` gives no subgraph name; write `name`", path.display()))?;
    Ok(SchemaFile { path: path.to_owned(), subgraph })
}

/// Two files with one subgraph name: their paths and the name.
pub(super) fn twins(files: &[SchemaFile]) -> Option<(&SchemaFile, &SchemaFile)> {
    let mut seen = std::collections::HashMap::new();
    files.iter().find_map(|file| seen.insert(file.subgraph.as_str(), file).map(|earlier| (earlier, file)))
}

/// The `*.graphql` files of a folder, sorted by path.
pub(super) fn search(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let hidden = path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
        // `is_file` follows links: ConfigMaps mount files as links into a hidden folder.
        if !hidden && path.extension().is_some_and(|extension| extension == "graphql") && path.is_file() {
            found.push(path);
        }
    }
    // By path, and not in the order of the file system: the same on every machine.
    found.sort();
    Ok(found)
}
