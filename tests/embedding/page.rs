//! The files that a page shows: a block that begins with ```` ```rust src/lib.rs ```` is that file.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// The files, by their paths.
pub(crate) fn files(page: &Path) -> BTreeMap<String, String> {
    let text = fs::read_to_string(page).unwrap();
    let mut files = BTreeMap::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        let Some((_, path)) = line.strip_prefix("```").and_then(|info| info.split_once(' ')) else {
            continue;
        };
        let block = lines.by_ref().take_while(|line| *line != "```");
        let block: String = block.flat_map(|line| [line, "\n"]).collect();
        assert!(files.insert(path.to_owned(), block).is_none(), "{path} is shown twice");
    }
    files
}

/// Writes a file, unless it says the same: what did not change is not built anew.
pub(crate) fn write(path: &Path, text: &str) {
    if fs::read_to_string(path).is_ok_and(|written| written == text) {
        return;
    }
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}
