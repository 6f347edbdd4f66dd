//! Puts a schema where hand edits live, and keeps them.
//!
//! Beside the schema lies the text that the import made (`shop.graphql.imported`). What differs between the two is the author's; what
//! differs between that text and a newer import is the document's; both are taken into the schema line by line.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use super::Imported;

/// What an author's file begins a conflict with.
const CONFLICT: &str = "<<<<<<<";

/// What was done with the files.
#[derive(Debug, PartialEq, Eq)]
pub enum Outcome {
    /// There was none before.
    Created(PathBuf),
    /// The document says what it said before.
    Unchanged(PathBuf),
    /// There were no hand edits, and the new text is there.
    Updated(PathBuf),
    /// Hand edits and what is new are both there.
    Merged(PathBuf),
    /// Both are there, but at these many places they contradict each other and are marked.
    Conflicts(PathBuf, usize),
    /// Nothing was written, it was only asked: the document has changed in this way.
    Differs(PathBuf, String),
}

/// How files are written.
#[derive(Debug, Clone, Copy, Default)]
pub struct Writing {
    /// Only say whether there is something new.
    pub check: bool,
    /// Write over a file that no import has made, and over hand edits.
    pub force: bool,
}

/// Writes the schema to a file, or to one named after it in a folder; and `weft.yaml` beside it, when there is none.
///
/// Gives what was done, and what remains to be done by hand. Errors: in words.
pub fn write(imported: &Imported, target: &Path, writing: Writing) -> Result<(Outcome, Vec<String>), String> {
    let is_folder = target.is_dir() || target.extension().is_none();
    let file = if is_folder { target.join(format!("{}.graphql", imported.name)) } else { target.to_owned() };
    if file.extension().is_none_or(|extension| extension != "graphql") {
        return Err(format!("`{}`: a schema file ends in `.graphql`", file.display()));
    }
    let kept = PathBuf::from(format!("{}.imported", file.display()));
    let (current, base) = (read(&file)?, read(&kept)?);
    let new = imported.schema.as_str();
    let outcome = decide(&file, current.as_deref(), base.as_deref(), new, writing)?;
    let (text, outcome) = match outcome {
        Step::Nothing(outcome) => (None, outcome),
        Step::Write(text, outcome) => (Some(text), outcome),
    };
    let mut remains = Vec::new();
    if writing.check {
        return Ok((outcome, remains));
    }
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::create_dir_all(folder).map_err(|error| format!("cannot make the folder `{}`: {error}", folder.display()))?;
    if let Some(text) = text {
        put(&file, &text)?;
    }
    if base.as_deref() != Some(new) {
        put(&kept, new)?;
    }
    let settings = folder.join("weft.yaml");
    match read(&settings)? {
        None => put(&settings, &imported.settings)?,
        Some(known) if !known.contains(&format!("{}:", imported.name)) => {
            remains.push(format!("add to `sources` of `{}`:\n{}", settings.display(), imported.sources.trim_end()));
        }
        Some(_) => {}
    }
    Ok((outcome, remains))
}

enum Step {
    Nothing(Outcome),
    Write(String, Outcome),
}

fn decide(file: &Path, current: Option<&str>, base: Option<&str>, new: &str, writing: Writing) -> Result<Step, String> {
    let path = file.to_owned();
    if writing.check {
        return Ok(Step::Nothing(match base.or(current) {
            Some(known) if known == new => Outcome::Unchanged(path),
            known => Outcome::Differs(path, diffy::create_patch(known.unwrap_or_default(), new).to_string()),
        }));
    }
    Ok(match (current, base) {
        (None, _) => Step::Write(new.to_owned(), Outcome::Created(path)),
        (Some(current), _) if current == new => Step::Nothing(Outcome::Unchanged(path)),
        (Some(_), _) if writing.force => Step::Write(new.to_owned(), Outcome::Updated(path)),
        (Some(current), _) if current.lines().any(|line| line.starts_with(CONFLICT)) => {
            return Err(format!("`{}` holds conflicts of an earlier import: settle them first", file.display()));
        }
        (Some(_), None) => {
            return Err(format!(
                "`{0}` is there, and the text that an import made is not beside it (`{0}.imported`), so hand edits cannot be told \
                 from it: name another file with `-o`, or `--force` to write over it",
                file.display()
            ));
        }
        (Some(_), Some(base)) if base == new => Step::Nothing(Outcome::Unchanged(path)),
        (Some(current), Some(base)) if current == base => Step::Write(new.to_owned(), Outcome::Updated(path)),
        (Some(current), Some(base)) => match diffy::merge(base, current, new) {
            Ok(text) => Step::Write(text, Outcome::Merged(path)),
            Err(text) => {
                let count = text.lines().filter(|line| line.starts_with(CONFLICT)).count();
                Step::Write(text, Outcome::Conflicts(path, count))
            }
        },
    })
}

fn read(path: &Path) -> Result<Option<String>, String> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(format!("cannot read `{}`: {error}", path.display())),
    }
}

/// Writes a file as a whole or not at all.
fn put(path: &Path, text: &str) -> Result<(), String> {
    let beside = PathBuf::from(format!("{}.new", path.display()));
    fs::write(&beside, text)
        .and_then(|()| fs::rename(&beside, path))
        .map_err(|error| format!("cannot write `{}`: {error}", path.display()))
}
