//! The last words of a program that cannot go on.

use std::error::Error;
use std::io::ErrorKind;
use std::process::ExitCode;

use crate::config::{ConfigError, NotEmbeddable};
use crate::data_dir::DataDirError;
use crate::telemetry::TelemetryError;

/// Why a program cannot go on, and what to do about it.
#[derive(Debug)]
pub struct Fatal {
    error: Box<dyn Error + Send + Sync>,
    advice: String,
}

impl Fatal {
    /// An error that ends the program; `advice` tells a person what to do, in the imperative.
    pub fn new(error: impl Into<Box<dyn Error + Send + Sync>>, advice: impl Into<String>) -> Self {
        Self { error: error.into(), advice: advice.into() }
    }

    /// Prints it once, on standard error, and tells how the program ends.
    #[expect(clippy::print_stderr, reason = "there may be no log yet, and a person waits")]
    pub fn report(&self, program: &str) -> ExitCode {
        eprintln!("{program}: {}", self.text());
        ExitCode::FAILURE
    }

    /// The error with all that led to it, then the advice.
    pub fn text(&self) -> String {
        let chain = chain(self.error.as_ref());
        if self.advice.is_empty() { chain } else { format!("{chain}; {}", self.advice) }
    }
}

/// An error and its sources in one line, each said once.
pub fn chain(error: &dyn Error) -> String {
    let mut line = error.to_string();
    let mut next = error.source();
    while let Some(source) = next {
        let said = source.to_string();
        if !line.ends_with(&said) {
            line = format!("{line}: {said}");
        }
        next = source.source();
    }
    line
}

impl From<ConfigError> for Fatal {
    fn from(error: ConfigError) -> Self {
        Self::new(error, "")
    }
}

impl From<NotEmbeddable> for Fatal {
    fn from(error: NotEmbeddable) -> Self {
        Self::new(error, "unset SOMA_AGENT_ENV or set it to DEV")
    }
}

impl From<DataDirError> for Fatal {
    fn from(error: DataDirError) -> Self {
        let advice = match &error {
            DataDirError::InUse { .. } => "stop that one, or set SOMA_DATA to another folder",
            DataDirError::NotWritable { source, .. } | DataDirError::NotMade { source, .. }
                if matches!(source.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded) =>
            {
                "make room on the disk, or set SOMA_DATA to a folder on another"
            }
            DataDirError::NotAFolder(_) | DataDirError::NotMade { .. } => {
                "set SOMA_DATA to another folder"
            }
            DataDirError::NotWritable { .. } => {
                "give yourself the right to write there, or set SOMA_DATA to another folder"
            }
        };
        Self::new(error, advice)
    }
}

impl From<TelemetryError> for Fatal {
    fn from(error: TelemetryError) -> Self {
        Self::new(error, "")
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    #[test]
    fn error_is_one_line_with_its_sources_and_what_to_do() {
        let source = std::io::Error::other("disk on fire");
        let error = DataDirError::NotWritable { path: PathBuf::from("/data"), source };

        assert_eq!(
            Fatal::from(error).text(),
            "cannot write in the folder /data: disk on fire; give yourself the right to write \
             there, or set SOMA_DATA to another folder"
        );
    }

    #[test]
    fn full_disk_is_told_to_make_room() {
        let source = std::io::Error::from(ErrorKind::StorageFull);
        let error = DataDirError::NotWritable { path: PathBuf::from("/data"), source };

        assert!(Fatal::from(error).text().contains("make room on the disk"));
    }

    #[test]
    fn source_that_an_error_repeats_is_said_once() {
        let inner = std::io::Error::other(std::io::Error::other("cause"));

        assert_eq!(chain(&inner), "cause");
    }
}
