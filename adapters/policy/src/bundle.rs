//! A bundle: the Rego and data files that make up one policy.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use regorus::{Engine, Value};
use soma_core::digest::Digest32;

use crate::engine::{ALLOW, REASONS};

/// The platform's own bundle, by file name.
const DEFAULT: &[(&str, &str)] = &[
    ("soma.rego", include_str!("../bundle/soma.rego")),
    ("admin.rego", include_str!("../bundle/admin.rego")),
    ("conversation.rego", include_str!("../bundle/conversation.rego")),
    ("memory.rego", include_str!("../bundle/memory.rego")),
    ("own.rego", include_str!("../bundle/own.rego")),
    ("tool.rego", include_str!("../bundle/tool.rego")),
];

/// Why a bundle cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum BundleError {
    /// Its folder or a file of it cannot be read.
    #[error("cannot read {}", path.display())]
    Unreadable {
        /// The folder or the file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// There is no policy in its folder.
    #[error("no .rego file in {}", .0.display())]
    Empty(PathBuf),
    /// Files of it are wrong; all of them are listed.
    #[error("invalid policy:\n{}", listed(.0))]
    Invalid(Vec<Problem>),
}

/// What is wrong with one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The engine's words: file, line and column, the line itself, and what is wrong.
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

fn listed(problems: &[Problem]) -> String {
    let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
    lines.join("\n")
}

/// A bundle that can be asked.
#[derive(Clone)]
pub(crate) struct Bundle {
    /// Loaded and prepared: each call is answered by a copy.
    pub(crate) engine: Engine,
    /// The SHA-256 of its files: see [`Loading::digest`].
    pub(crate) digest: Digest32,
}

impl Bundle {
    /// The platform's own bundle.
    pub(crate) fn platform() -> Result<Self, BundleError> {
        let mut loading = Loading::default();
        for (name, text) in DEFAULT {
            loading.policy(Path::new(name), (*text).into());
        }
        loading.finish()
    }

    /// The bundle of a folder: its `.rego` files, without tests, and its `.json` files as data.
    pub(crate) fn of_folder(folder: &Path) -> Result<Self, BundleError> {
        let mut loading = Loading::default();
        let mut policies = 0;
        for path in files(folder).map_err(|source| unreadable(folder, source))? {
            let read = || fs::read_to_string(&path).map_err(|source| unreadable(&path, source));
            match kind(&path) {
                Kind::Policy => {
                    policies += 1;
                    loading.policy(&path, read()?);
                }
                Kind::Data => loading.data(&path, &read()?),
                Kind::Other => {}
            }
        }
        if policies == 0 {
            return Err(BundleError::Empty(folder.into()));
        }
        loading.finish()
    }
}

/// The files of a bundle, and what is wrong with those that were added so far.
#[derive(Default)]
struct Loading {
    engine: Engine,
    files: BTreeMap<Vec<u8>, String>,
    problems: Vec<Problem>,
}

impl Loading {
    fn policy(&mut self, path: &Path, text: String) {
        self.keep(path, &text);
        if let Err(error) = self.engine.add_policy(path.display().to_string(), text) {
            self.problem(&error.to_string());
        }
    }

    fn data(&mut self, path: &Path, text: &str) {
        self.keep(path, text);
        let added = Value::from_json_str(text).and_then(|data| self.engine.add_data(data));
        if let Err(error) = added {
            self.problem(&format!("--> {}\nerror: {error:#}", path.display()));
        }
    }

    fn keep(&mut self, path: &Path, text: &str) {
        let name = path.file_name().unwrap_or_default();
        self.files.insert(name.as_encoded_bytes().to_vec(), text.into());
    }

    /// The SHA-256 of the files in the order of their names: of each its name, a zero byte, the number
    /// of its bytes in decimal, a zero byte, and what is in it. `docs/redis-and-opa.md` has it in shell.
    fn digest(&self) -> Digest32 {
        let mut bytes = Vec::new();
        for (name, text) in &self.files {
            bytes.extend_from_slice(name);
            bytes.extend_from_slice(format!("\0{}\0{text}", text.len()).as_bytes());
        }
        Digest32::of(&bytes)
    }

    fn problem(&mut self, message: &str) {
        self.problems.push(Problem { message: message.trim().into() });
    }

    /// Asks the engine once: what it finds only when it evaluates is found at the start, and what
    /// it prepares is there for every decision.
    fn finish(mut self) -> Result<Bundle, BundleError> {
        if self.problems.is_empty() {
            self.engine.set_input(Value::new_object());
            for rule in [ALLOW, REASONS] {
                if let Err(error) = self.engine.eval_rule(rule.into()) {
                    self.problem(&format!("{rule}: {error:#}"));
                }
            }
        }
        if self.problems.is_empty() {
            Ok(Bundle { digest: self.digest(), engine: self.engine })
        } else {
            Err(BundleError::Invalid(self.problems))
        }
    }
}

/// What a file is to a bundle.
enum Kind {
    Policy,
    Data,
    Other,
}

fn kind(path: &Path) -> Kind {
    let stem = path.file_stem().and_then(OsStr::to_str).unwrap_or_default();
    match path.extension().and_then(OsStr::to_str) {
        Some("rego") if !stem.ends_with("_test") => Kind::Policy,
        Some("json") => Kind::Data,
        Some(_) | None => Kind::Other,
    }
}

/// The files of a folder, in the order of their names.
fn files(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let entries = fs::read_dir(folder)?.map(|entry| entry.map(|entry| entry.path()));
    let mut paths = entries.collect::<io::Result<Vec<_>>>()?;
    paths.retain(|path| path.is_file());
    paths.sort();
    Ok(paths)
}

fn unreadable(path: &Path, source: io::Error) -> BundleError {
    BundleError::Unreadable { path: path.into(), source }
}
