//! A case of a contract suite cannot be written and never run.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a failed unwrap is a failed test")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

#[test]
fn every_case_is_listed() {
    let suites = suites();

    for (suite, sources) in &suites {
        let source = sources.concat();
        let (listed, written) = (listed(suite, &source), written(&source));
        let either = listed.symmetric_difference(&written).collect::<Vec<_>>();
        assert!(either.is_empty(), "listed or written but not both, in {suite}: {either:?}");
    }
    assert!(suites.contains_key("store"), "this test looks where the suites are");
}

/// The sources of each suite: `contract/NAME.rs`, or every file of `contract/NAME/`.
fn suites() -> BTreeMap<String, Vec<String>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/contract");
    let mut suites = BTreeMap::<String, Vec<String>>::new();
    for file in rust_files(&root) {
        let place = file.strip_prefix(&root).unwrap().with_extension("");
        let suite = place.iter().next().unwrap().to_str().unwrap().to_owned();
        suites.entry(suite).or_default().push(fs::read_to_string(&file).unwrap());
    }
    // What suites are made with, not suites.
    for tool in ["mod", "at_once"] {
        suites.remove(tool);
    }
    suites.retain(|_, sources| sources.iter().any(|source| !written(source).is_empty()));
    suites
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let (folders, files): (Vec<_>, Vec<_>) = entries.partition(|path| path.is_dir());
    files.into_iter().chain(folders.iter().flat_map(|folder| rust_files(folder))).collect()
}

fn written(source: &str) -> BTreeSet<&str> {
    let starts = source.lines().filter_map(|line| line.strip_prefix("pub async fn "));
    starts.map(|rest| rest.split(['<', '(']).next().unwrap_or(rest)).collect()
}

fn listed<'a>(suite: &str, source: &'a str) -> BTreeSet<&'a str> {
    let list = source.split_once("suite! {").map_or("", |(_, rest)| rest);
    let list = list.split_once('}').map_or(list, |(list, _)| list);
    let (name, cases) = list.split_once(':').unwrap_or_else(|| panic!("{suite} has no `suite!`"));
    assert_eq!(name.trim(), suite);
    let lines = cases.lines().filter(|line| !line.trim_start().starts_with("//"));
    let cases = lines.flat_map(|line| line.split(',')).map(str::trim);
    cases.filter(|case| !case.is_empty()).collect()
}
