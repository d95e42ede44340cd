//! The file: its values as text, by section and key.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use toml::{Table, Value};

use super::problem::Problem;
use super::{Env, data, setting};

/// A file that was read, as far as it could be.
pub(super) struct File {
    name: String,
    /// Values by `section.key`.
    values: BTreeMap<String, String>,
    problems: Vec<Problem>,
}

impl File {
    /// Reads the file that `SOMA_CONFIG` names, or the person's own if there is one.
    pub(super) fn find(env: Env<'_>) -> Self {
        if let Some(path) = env("SOMA_CONFIG").filter(|path| !path.is_empty()) {
            return Self::open(Path::new(&path)).unwrap_or_else(|error| {
                Self::unreadable(&path, &format!("SOMA_CONFIG names {path}, but: {error}"))
            });
        }
        let Some(path) = own(env) else { return Self::empty("soma.toml") };
        let name = path.display().to_string();
        match Self::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Self::empty(&name),
            Err(error) => Self::unreadable(&name, &format!("{name}: {error}")),
        }
    }

    /// Reads the text of a file.
    pub(super) fn parse(name: &str, text: &str) -> Self {
        let mut file = Self::empty(name);
        match text.parse::<Table>() {
            Ok(table) => file.take(table),
            // Not the error's own text: it quotes the line, which may hold a key.
            Err(error) => {
                let line = error.span().map(|span| {
                    text.as_bytes().iter().take(span.start).filter(|byte| **byte == b'\n').count()
                });
                let line = line.map_or(String::new(), |line| format!(":{}", line + 1));
                file.problem(&format!("{name}{line}: not TOML: {}", error.message()));
            }
        }
        file
    }

    /// The value of a setting.
    pub(super) fn get(&self, key: &str) -> Option<&str> {
        self.values.get(key).map(String::as_str)
    }

    pub(super) fn into_problems(self) -> Vec<Problem> {
        self.problems
    }

    fn empty(name: &str) -> Self {
        Self { name: name.into(), values: BTreeMap::new(), problems: Vec::new() }
    }

    fn unreadable(name: &str, problem: &str) -> Self {
        let mut file = Self::empty(name);
        file.problem(problem);
        file
    }

    fn open(path: &Path) -> io::Result<Self> {
        Ok(Self::parse(&path.display().to_string(), &fs::read_to_string(path)?))
    }

    fn take(&mut self, table: Table) {
        for (section, value) in table {
            if let Value::Table(fields) = value {
                for (key, value) in fields {
                    self.field(format!("{section}.{key}"), &value);
                }
            } else {
                self.field(section, &value);
            }
        }
    }

    fn field(&mut self, key: String, value: &Value) {
        let text = match value {
            Value::String(text) => Some(text.clone()),
            Value::Integer(number) => Some(number.to_string()),
            Value::Float(number) => Some(number.to_string()),
            Value::Boolean(_) | Value::Datetime(_) | Value::Array(_) | Value::Table(_) => None,
        };
        let known = setting::ALL.iter().any(|setting| setting.key == key);
        match (known, text) {
            (true, Some(text)) => {
                self.values.insert(key, text);
            }
            (true, None) => {
                self.problem(&format!("{}: {key} must be a text or a number", self.name));
            }
            (false, _) => self.problem(&format!("{}: there is no setting {key}", self.name)),
        }
    }

    fn problem(&mut self, line: &str) {
        self.problems.push(Problem::new(line));
    }
}

/// The person's own file.
fn own(env: Env<'_>) -> Option<PathBuf> {
    Some(data::home(env, "XDG_CONFIG_HOME", ".config")?.join("soma.toml"))
}
