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

/// 500 clients come, go, and come again.
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
        .figure("memory once all are closed", seen.closed, bytes)
        .figure("memory with 500 open again", seen.again, bytes);
    Ok(scene)
}

/// What was seen of a platform whose clients came and went: its memory in bytes, and when it noticed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seen {
    pub(crate) idle: f64,
    pub(crate) open: f64,
    pub(crate) closed: f64,
    again: f64,
    pub(crate) noticed: Duration,
}

impl Seen {
    pub(crate) fn per_stream(&self) -> f64 {
        (self.open - self.idle) / number(EACH * SESSIONS)
    }
}

/// Opens 500 streams, closes them, and opens them again.
pub(crate) async fn come_and_go(soma: &Soma) -> Result<Seen, LoadError> {
    let client = Client::of(&soma.url)?;
    let sessions = try_join_all((0..SESSIONS).map(|_| answered(&client))).await?;
    let idle = settled(soma, 0).await?;
    let count = EACH * SESSIONS;
    let watches = watches(&client, &sessions).await?;
    let open = settled(soma, count).await?;
    drop(watches);
    let left = Instant::now();
    let closed = settled(soma, 0).await?;
    let noticed = left.elapsed();
    let watches = self::watches(&client, &sessions).await?;
    let again = settled(soma, count).await?;
    drop(watches);
    Ok(Seen { idle, open, closed, again, noticed })
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

/// The memory of the platform once it says that it has so many followers; it counts every second.
async fn settled(soma: &Soma, followers: usize) -> Result<f64, LoadError> {
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
    within(PATIENCE, "the gateway to know who watches", agreed).await??;
    soma.process.resident()
}
