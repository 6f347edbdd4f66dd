//! A page of `docs/`: its fenced blocks, and the way back into the file for those that weft prints.

use std::path::{Path, PathBuf};

/// A page.
pub struct Page {
    path: PathBuf,
    /// Path below the project.
    pub name: String,
    lines: Vec<String>,
    /// Its blocks in order.
    pub blocks: Vec<Block>,
    replaced: Vec<(usize, usize, String)>,
}

/// A fenced block: ```` ```language word word ````.
#[derive(Debug, Clone)]
pub struct Block {
    /// Line of the opening fence, from 1.
    pub line: usize,
    /// What follows the fence.
    pub language: String,
    /// What follows the language.
    pub words: Vec<String>,
    /// The lines between the fences, each ended.
    pub text: String,
    /// The heading above it.
    pub heading: String,
}

impl Block {
    /// `graphql operation`, `http call`: the language and the first word, of which a file name is `FILE`.
    pub fn kind(&self) -> String {
        let word = self.words.first().map_or("", String::as_str);
        let word = if word.contains('.') { "FILE" } else { word };
        format!("{} {word}", self.language).trim_end().to_owned()
    }
}

/// Set, printed blocks are written anew instead of compared: `UPDATE_DOCS=1 cargo test --test gateway docs`. Read what changed.
fn updates() -> bool {
    std::env::var_os("UPDATE_DOCS").is_some()
}

impl Page {
    /// Reads a page.
    pub fn read(path: &Path) -> Self {
        let text = std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let name = path.strip_prefix(crate::support::root()).unwrap_or(path).display().to_string();
        let lines: Vec<String> = text.lines().map(str::to_owned).collect();
        let mut blocks: Vec<Block> = Vec::new();
        let mut heading = String::new();
        let mut open: Option<Block> = None;
        for (at, line) in lines.iter().enumerate() {
            match (&mut open, line.strip_prefix("```")) {
                (None, Some(words)) => {
                    let mut words = words.split_whitespace().map(str::to_owned);
                    let language = words.next().unwrap_or_default();
                    let words = words.collect();
                    open = Some(Block { line: at + 1, language, words, text: String::new(), heading: heading.clone() });
                }
                (None, None) => {
                    if line.starts_with('#') {
                        line.trim_start_matches('#').trim().clone_into(&mut heading);
                    }
                }
                (Some(_), Some(_)) => blocks.extend(open.take()),
                (Some(block), None) => block.text.extend([line, "\n"]),
            }
        }
        assert!(open.is_none(), "{name}: a block is not closed");
        Self { path: path.to_owned(), name, lines, blocks, replaced: Vec::new() }
    }

    /// Compares a block with what was printed. Gives back what to say when they differ; with `UPDATE_DOCS` the block is
    /// written anew instead.
    pub fn printed(&mut self, block: &Block, given: &str) -> Option<String> {
        let clean = |text: &str| text.lines().map(str::trim_end).collect::<Vec<_>>().join("\n").trim().to_owned();
        let (wanted, given) = (clean(&block.text), clean(given));
        if wanted == given {
            return None;
        }
        if updates() {
            self.replaced.push((block.line, block.text.lines().count(), given));
            return None;
        }
        let at = format!("{}:{}", self.name, block.line);
        Some(format!("{at}: the page shows\n{wanted}\n  and it is (UPDATE_DOCS=1 writes it)\n{given}"))
    }

    /// Writes the page with its new blocks.
    pub fn finish(mut self) {
        if self.replaced.is_empty() {
            return;
        }
        for (line, count, text) in self.replaced.drain(..).rev() {
            self.lines.splice(line..line + count, text.lines().map(str::to_owned));
        }
        std::fs::write(&self.path, self.lines.join("\n") + "\n").expect("the page can be written");
    }
}

/// All pages below a folder of the project, by name.
pub fn pages(folder: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut open = vec![crate::support::root().join(folder)];
    while let Some(path) = open.pop() {
        if path.is_dir() {
            open.extend(
                std::fs::read_dir(&path).expect("a readable folder").map(|entry| entry.expect("a file").path()),
            );
        } else if path.extension().is_some_and(|extension| extension == "md") {
            found.push(path);
        }
    }
    found.sort();
    found
}
