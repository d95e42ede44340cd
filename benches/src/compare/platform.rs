//! A platform of either build on a folder.

use std::fs;
use std::path::{Path, PathBuf};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use super::arguments::Options;
use super::measure::Build;
use super::model::QuickModel;
use crate::load::LoadError;
use crate::load::soma::Soma;

/// What scenes are played on.
#[derive(Debug)]
pub(super) struct Ground<'a> {
    pub(super) options: &'a Options,
    model: &'a QuickModel,
}

impl<'a> Ground<'a> {
    pub(super) const fn new(options: &'a Options, model: &'a QuickModel) -> Self {
        Self { options, model }
    }

    /// A folder that is gone when it is dropped.
    pub(super) fn folder(&self) -> Result<TempDir, LoadError> {
        tempfile::Builder::new()
            .prefix("soma-compare-")
            .tempdir_in(&self.options.folder)
            .map_err(LoadError::io("make a folder"))
    }

    /// A copy of a folder of files.
    pub(super) fn copy(&self, of: &Path) -> Result<TempDir, LoadError> {
        let failed = LoadError::io("copy a folder");
        let copy = self.folder()?;
        for entry in fs::read_dir(of).map_err(&failed)? {
            let entry = entry.map_err(&failed)?;
            if entry.file_type().map_err(&failed)?.is_file() {
                fs::copy(entry.path(), copy.path().join(entry.file_name())).map_err(&failed)?;
            }
        }
        Ok(copy)
    }

    pub(super) async fn start(&self, build: Build, data: &Path) -> Result<Soma, LoadError> {
        let binary: &PathBuf = match build {
            Build::Before => &self.options.before,
            Build::After => &self.options.after,
        };
        let settings = [
            ("SLM_BASE_URL", self.model.base_url.as_str()),
            ("SLM_MODEL", "quick"),
            ("SOMA_WORKER_CONCURRENCY", "128"),
            ("SOMA_TENANT_CONCURRENCY", "128"),
        ];
        Soma::start(binary, data, &settings).await
    }
}

/// Stops a platform as an operator would, and waits until it is gone.
pub(super) async fn stop(soma: Soma) -> Result<(), LoadError> {
    let failed = LoadError::io("stop soma");
    if let Some(pid) = soma.pid().and_then(|pid| Pid::from_raw(pid.cast_signed())) {
        kill_process(pid, Signal::TERM).map_err(|error| failed(error.into()))?;
    }
    soma.ended().await
}

/// How much a folder of files takes, in bytes.
pub(super) fn size(folder: &Path) -> Result<u64, LoadError> {
    let failed = LoadError::io("look at a folder");
    let mut bytes = 0;
    for entry in fs::read_dir(folder).map_err(&failed)? {
        let entry = entry.map_err(&failed)?;
        bytes += entry.metadata().map_err(&failed)?.len();
    }
    Ok(bytes)
}
