//! How long a start takes, and what a platform needs that does nothing.
#![expect(clippy::disallowed_methods, reason = "it measures real time")]

use std::time::{Duration, Instant};

use tokio::time::interval;

use super::client::Client;
use super::error::LoadError;
use super::patience::within;
use super::soma::Soma;
use super::stage::Stage;
use crate::report::{Scene, Unit};

/// How long a platform may take to become ready.
const PATIENCE: Duration = Duration::from_secs(30);
/// How many seconds it is left alone for.
const IDLE: u32 = 3;

/// A start in an empty folder, and one in a folder that has been used.
pub(super) async fn scene(stage: &Stage) -> Result<Scene, LoadError> {
    let mut scene = Scene::new("start");
    let (soma, span) = ready(stage).await?;
    scene.time("until ready, empty folder", span);
    scene.figure("memory when ready", soma.process.resident()?, Unit::Bytes);
    soma.kill().await?;
    let (soma, span) = ready(stage).await?;
    scene.time("until ready, after kill -9", span);
    scene.time("processor per second, doing nothing", idle(&soma).await?);
    Ok(scene)
}

/// The processor time of a second in which nobody asks for anything.
async fn idle(soma: &Soma) -> Result<Duration, LoadError> {
    let before = soma.process.cpu()?;
    let mut seconds = interval(Duration::from_secs(1));
    for _ in 0..=IDLE {
        seconds.tick().await;
    }
    Ok(soma.process.cpu()?.saturating_sub(before) / IDLE)
}

/// Starts the platform, and waits until it takes requests.
pub(super) async fn ready(stage: &Stage) -> Result<(Soma, Duration), LoadError> {
    let began = Instant::now();
    let soma = stage.start().await?;
    let client = Client::of(&soma.url)?;
    let answer = async { while client.page("/readyz").await.is_err() {} };
    within(PATIENCE, "soma to become ready", answer).await?;
    Ok((soma, began.elapsed()))
}
