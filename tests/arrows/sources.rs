//! The Rust files of the workspace.

use std::fs;
use std::path::{Path, PathBuf};

/// A Rust file.
pub(crate) struct Source {
    /// Its path in the workspace.
    pub(crate) path: String,
    pub(crate) text: String,
}

impl Source {
    /// The room of `core/src` it belongs to.
    pub(crate) fn room(&self) -> &str {
        self.path.trim_start_matches("core/src/").split('/').next().unwrap()
    }

    /// Whether it is a file of tests.
    pub(crate) fn is_test(&self) -> bool {
        ["/tests.rs", "/properties.rs"].iter().any(|end| self.path.ends_with(end))
    }

    /// Its lines up to the tests that it ends with, without comments and documentation.
    pub(crate) fn product(&self) -> impl Iterator<Item = &str> {
        self.code().map(|(_, line)| line).take_while(|line| line.trim() != "mod tests {")
    }

    /// Its lines with their numbers, without comments and documentation.
    pub(crate) fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        let lines = self.text.lines().map(|line| line.split("//").next().unwrap_or_default());
        lines.enumerate().map(|(index, line)| (index + 1, line))
    }
}

/// The workspace's folder.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

/// The Rust files below a folder of the workspace.
pub(crate) fn below(folder: &str) -> Vec<Source> {
    let mut found = Vec::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() && !is_apart(&path) {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(source(&path));
            }
        }
    }
    assert!(!found.is_empty(), "no files in {folder}: the test is blind");
    found
}

/// Whether `line` has `word` as a word of its own.
pub(crate) fn mentions(line: &str, word: &str) -> bool {
    let part_of_a_word = |c: char| c.is_alphanumeric() || c == '_';
    line.split(|c| !part_of_a_word(c)).any(|found| found == word)
}

/// The rooms of core that `line` names by their paths.
pub(crate) fn rooms_mentioned(line: &str) -> impl Iterator<Item = &str> {
    let end = |c: char| !(c.is_alphanumeric() || c == '_');
    line.split("crate::").skip(1).filter_map(move |rest| rest.split(end).next())
}

/// Build results and hidden folders are not ours to look at.
fn is_apart(path: &Path) -> bool {
    let name = path.file_name().unwrap().to_string_lossy();
    name == "target" || name.starts_with('.')
}

fn source(path: &PathBuf) -> Source {
    let relative = path.strip_prefix(root()).unwrap();
    Source { path: relative.display().to_string(), text: fs::read_to_string(path).unwrap() }
}
