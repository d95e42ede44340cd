//! What a client costs that watches and says nothing.
#![expect(clippy::disallowed_methods, reason = "it measures real time")]

use std::time::{Duration, Instant};

use futures_util::future::try_join_all;
use tokio::time::interval;

use super::client::{Client, Watch};
use super::error::LoadError;
use super::patience::within;
use super::soma::Soma;
use super::stage::Stage;
use crate::report::{Scene, Unit};
use crate::samples::number;

/// How many clients watch each session.
const EACH: usize = 10;
const SESSIONS: usize = 50;

/// How often the platform is asked how many watch.
const LOOK: Duration = Duration::from_millis(100);
const PATIENCE: Duration = Duration::from_secs(45);

/// How long memory that is free may stay with the platform.
const GIVEN_BACK: Duration = Duration::from_secs(5);

/// 500 clients come and go, twice.
pub(super) async fn scene(stage: &Stage) -> Result<Scene, LoadError> {
    let soma = stage.start().await?;
    let seen = come_and_go(&soma).await?;
    let mut scene = Scene::new("500 clients that watch");
    let bytes = Unit::Bytes;
    scene
        .figure("memory before", seen.idle, bytes)
        .figure("memory with 500 open streams", seen.open, bytes)
        .figure("memory per open stream", seen.per_stream(), bytes)
        .time("until the gateway knows that all left", seen.noticed)
        .figure("memory once all are closed", seen.closed, bytes);
    Ok(scene)
}

/// What was seen of a platform whose clients came and went: its memory in bytes, and when it noticed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seen {
    pub(crate) idle: f64,
    pub(crate) open: f64,
    pub(crate) closed: f64,
    pub(crate) noticed: Duration,
}

impl Seen {
    pub(crate) fn per_stream(&self) -> f64 {
        (self.open - self.idle) / number(EACH * SESSIONS)
    }
}

/// Opens 500 streams and closes them, twice: what is seen is the second time, as the first also makes
/// what is made only once.
pub(crate) async fn come_and_go(soma: &Soma) -> Result<Seen, LoadError> {
    let client = Client::of(&soma.url)?;
    let sessions = try_join_all((0..SESSIONS).map(|_| answered(&client))).await?;
    let count = EACH * SESSIONS;
    let first = watches(&client, &sessions).await?;
    counted(soma, count).await?;
    drop(first);
    counted(soma, 0).await?;
    let idle = settled(soma).await?;
    let watches = watches(&client, &sessions).await?;
    counted(soma, count).await?;
    let open = settled(soma).await?;
    drop(watches);
    let left = Instant::now();
    counted(soma, 0).await?;
    let noticed = left.elapsed();
    let closed = settled(soma).await?;
    Ok(Seen { idle, open, closed, noticed })
}

/// A session with one answer.
async fn answered(client: &Client) -> Result<String, LoadError> {
    let session = client.say(None, "hello [words 20]").await?;
    client.follow(&session).await?.end_of_answer().await?;
    Ok(session)
}

/// Streams that have shown what there is, and wait for more.
async fn watches(client: &Client, sessions: &[String]) -> Result<Vec<Watch>, LoadError> {
    let watch = |session: String| async move {
        let mut watch = client.follow(&session).await?;
        watch.end_of_answer().await?;
        Ok(watch)
    };
    let all = sessions.iter().cycle().take(EACH * sessions.len());
    try_join_all(all.map(|session| watch(session.clone()))).await
}

/// The memory of the platform, when it has had the time to give back what is free.
async fn settled(soma: &Soma) -> Result<f64, LoadError> {
    tokio::time::sleep(GIVEN_BACK).await;
    soma.process.resident()
}

/// Waits until the platform says that it has so many followers; it counts every second.
async fn counted(soma: &Soma, followers: usize) -> Result<(), LoadError> {
    let client = Client::of(&soma.url)?;
    let wanted = format!("gateway_followers {followers}");
    let mut looks = interval(LOOK);
    let agreed = async {
        loop {
            looks.tick().await;
            let page = client.page("/metrics").await?;
            if page.lines().any(|line| line.trim() == wanted) {
                return Ok::<_, LoadError>(());
            }
        }
    };
    within(PATIENCE, "the gateway to know who watches", agreed).await?
}
