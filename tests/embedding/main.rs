//! The program of `docs/embedding.md`, built as anyone would: outside of the workspace, from the
//! packages that are published, with the page's own files.
#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod packages;
mod page;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use packages::Packages;

/// The workspace's folder.
fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

/// A command of the cargo that runs this test. Nothing is fetched: what the workspace needs is here.
fn cargo(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO"));
    command.arg("--offline").args(arguments);
    command
}

fn succeeds(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let failed = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?} failed:\n{said}\n{failed}");
    said
}

/// A folder of this checkout outside of it, the same each time, so that not everything is built anew.
fn outside() -> PathBuf {
    let name: String = root().to_str().unwrap().chars().map(slug).collect();
    std::env::temp_dir().join(format!("soma-embedding{name}"))
}

fn slug(character: char) -> char {
    if character.is_alphanumeric() { character } else { '-' }
}

#[test]
fn program_of_the_page_builds_from_packages_and_answers() {
    let packages = Packages::published();
    let place = outside();
    let unpacked = packages.unpack(&place.join("packages"));

    let program = place.join("program");
    let files = page::files(&root().join("docs/embedding.md"));
    assert!(files.len() >= 4, "the page shows a manifest, a library, a program and a test");
    for (path, text) in &files {
        page::write(&program.join(path), text);
    }
    let patched = format!("{}\n{}", files["Cargo.toml"], unpacked.patches());
    page::write(&program.join("Cargo.toml"), &patched);
    // The versions that the workspace has are those that can be had without a network.
    fs::copy(root().join("Cargo.lock"), program.join("Cargo.lock")).unwrap();

    let mut test = cargo(&["test", "--target-dir"]);
    test.arg(concat!(env!("CARGO_TARGET_TMPDIR"), "/embedding")).current_dir(&program);
    let said = succeeds(&mut test);

    assert!(said.contains("test model::answer_ends_with_one_done ... ok"), "{said}");
    assert!(said.contains("test question_is_answered_with_a_tool ... ok"), "{said}");
}

#[test]
fn packages_say_what_they_are() {
    for package in Packages::published().iter() {
        for field in ["description", "license", "readme"] {
            assert!(package[field].is_string(), "{} has no {field}", package["name"]);
        }
        let keywords = package["keywords"].as_array().unwrap();
        assert!(!keywords.is_empty(), "{} has no keywords", package["name"]);
    }
}
