//! The statements of this crate, as they stand in its sources.

use std::fs;
use std::path::Path;

/// The string literals of a source that are statements.
fn statements(source: &str) -> Vec<String> {
    let literals = source.split('"').skip(1).step_by(2);
    let statements = literals.flat_map(|literal| literal.split(';'));
    let squeezed = statements.map(|text| text.split_whitespace().collect::<Vec<_>>().join(" "));
    let verbs = ["SELECT ", "INSERT INTO ", "UPDATE ", "DELETE FROM ", "WITH "];
    squeezed.filter(|text| verbs.iter().any(|verb| text.starts_with(verb))).collect()
}

/// Every statement in the sources of a folder.
pub(crate) fn all(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(all(&path));
        } else if !path.ends_with("tests.rs") {
            let source = fs::read_to_string(path).unwrap();
            let code = source.lines().filter(|line| !line.trim_start().starts_with("//"));
            found.extend(statements(&code.collect::<Vec<_>>().join("\n")));
        }
    }
    found
}
