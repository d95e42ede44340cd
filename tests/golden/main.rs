//! What builds write is kept in files, and every later build must read it: `docs/compatibility.md`.
//!
//! A file that is missing, or lacks a sample, is written by `SOMA_GOLDEN=write`. What a file holds is
//! never changed by this program.
#![expect(clippy::panic, clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod samples;
mod turn;

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::fs;
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// The folder of what this build writes. If it begins to write something else, a new folder is begun,
/// and the old ones stay: they are what is in databases and logs.
const CURRENT: &str = "v1";

type File = BTreeMap<String, Value>;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("golden")
}

fn read(path: &Path) -> File {
    fs::read(path).map(|bytes| serde_json::from_slice(&bytes).unwrap()).unwrap_or_default()
}

/// Every version reads as the samples, and the current one is what this build writes.
fn holds<T>(kind: &str, samples: &[(String, T)])
where
    T: Serialize + DeserializeOwned + PartialEq + Debug,
{
    let mut versions: Vec<PathBuf> =
        fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().path()).collect();
    versions.retain(|path| path.is_dir());
    versions.sort();
    let current = folder().join(CURRENT).join(format!("{kind}.json"));
    if std::env::var_os("SOMA_GOLDEN").is_some_and(|what| what == "write") {
        write_missing(&current, samples);
    }
    for version in versions {
        let path = version.join(format!("{kind}.json"));
        for (name, stored) in read(&path) {
            let decoded: T = serde_json::from_value(stored.clone())
                .unwrap_or_else(|error| panic!("{name} of {} : {error}", path.display()));
            let sample = samples.iter().find(|(of, _)| *of == name);
            if let Some((_, sample)) = sample {
                assert_eq!(decoded, *sample, "{name} of {} means something else", path.display());
            }
        }
    }
    let written = read(&current);
    for (name, sample) in samples {
        let stored = written.get(name).unwrap_or_else(|| {
            panic!("{name} is not in {}: SOMA_GOLDEN=write adds it", current.display())
        });
        assert_eq!(
            serde_json::to_value(sample).unwrap(),
            *stored,
            "{name} is written in another way than {} says: begin a new version of the folder",
            current.display()
        );
    }
}

fn write_missing<T: Serialize>(path: &Path, samples: &[(String, T)]) {
    let mut file = read(path);
    for (name, sample) in samples {
        file.entry(name.clone()).or_insert_with(|| serde_json::to_value(sample).unwrap());
    }
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let text = serde_json::to_string_pretty(&file).unwrap();
    fs::write(path, text + "\n").unwrap();
}

#[test]
fn inputs_of_turns_are_read() {
    holds("inputs", &samples::inputs());
}

#[test]
fn events_are_read() {
    holds("events", &samples::events());
}

#[test]
fn commits_are_read() {
    holds("commits", &samples::commits());
}

#[test]
fn records_of_the_log_are_read() {
    holds("records", &samples::records());
}

#[test]
fn calls_and_outcomes_of_tools_are_read() {
    holds("calls", &samples::calls());
    holds("outcomes", &samples::outcomes());
}

#[test]
fn memories_are_read() {
    holds("memories", &samples::memories());
    holds("wal", &samples::wal());
}

#[test]
fn deltas_are_read() {
    holds("deltas", &samples::deltas());
}

#[test]
fn dead_letters_are_read() {
    holds("dead_letters", &samples::dead_letters());
}

/// A turn that an older build left is gone on with, not only decoded.
#[test]
fn recorded_turn_folds_to_its_end() {
    let path = folder().join(CURRENT).join("turn.json");
    if std::env::var_os("SOMA_GOLDEN").is_some_and(|what| what == "write") {
        write_missing(&path, &[("answered".to_owned(), turn::answered_turn())]);
    }
    let stored = read(&path);
    let record: turn::Turn = serde_json::from_value(stored["answered"].clone()).unwrap();

    let phase = record.folded();

    assert_eq!(phase, soma_core::turn::machine::Phase::Done);
}
