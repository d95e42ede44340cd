//! How long a start takes, and what a platform needs that does nothing.
#![expect(clippy::disallowed_methods, reason = "it measures real time")]

use std::time::{Duration, Instant};

use tokio::time::timeout;

use super::client::Client;
use super::error::LoadError;
use super::soma::Soma;
use super::stage::Stage;
use crate::report::{Scene, Unit};

/// How long a platform may take to become ready.
const PATIENCE: Duration = Duration::from_secs(30);

/// A start in an empty folder, and one in a folder that has been used.
pub(super) async fn scene(stage: &Stage) -> Result<Scene, LoadError> {
    let mut scene = Scene::new("start");
    let (soma, span) = ready(stage).await?;
    scene.time("until ready, empty folder", span);
    scene.figure("memory when ready", soma.process.resident()?, Unit::Bytes);
    soma.kill().await?;
    let (_soma, span) = ready(stage).await?;
    scene.time("until ready, after kill -9", span);
    Ok(scene)
}

/// Starts the platform, and waits until it takes requests.
pub(super) async fn ready(stage: &Stage) -> Result<(Soma, Duration), LoadError> {
    let began = Instant::now();
    let soma = stage.start().await?;
    let client = Client::of(&soma.url)?;
    let answer = async { while client.page("/readyz").await.is_err() {} };
    timeout(PATIENCE, answer).await?;
    Ok((soma, began.elapsed()))
}
