//! What a scene is played with: an empty folder, a stub of a language model, and the platform.

use std::path::PathBuf;

use soma_tests::stub_model::{StubModel, by_markers};
use tempfile::TempDir;

use super::arguments::Options;
use super::error::LoadError;
use super::soma::Soma;

/// A folder and a stub of their own: the stub looks through all it was asked at each request, so one
/// that is old is slow.
#[derive(Debug)]
pub(super) struct Stage {
    binary: PathBuf,
    data: TempDir,
    pub(super) stub: StubModel,
}

impl Stage {
    pub(super) fn set(options: &Options) -> Result<Self, LoadError> {
        let stub = StubModel::start(by_markers).map_err(LoadError::io("start the stub"))?;
        Ok(Self { binary: options.soma.clone(), data: folder(options)?, stub })
    }

    /// Starts the platform, or starts it again.
    pub(super) async fn start(&self) -> Result<Soma, LoadError> {
        let base = self.stub.base_url();
        let settings = [
            ("SLM_BASE_URL", base.as_str()),
            ("SLM_MODEL", "stub"),
            ("SOMA_WORKER_CONCURRENCY", "128"),
            ("SOMA_TENANT_CONCURRENCY", "128"),
        ];
        Soma::start(&self.binary, self.data.path(), &settings).await
    }
}

/// An empty folder, gone when it is dropped.
pub(super) fn folder(options: &Options) -> Result<TempDir, LoadError> {
    let named = tempfile::Builder::new().prefix("soma-load-").tempdir_in(&options.folder);
    named.map_err(LoadError::io("make a folder"))
}
