//! `kill -9` while a hundred answers are under way.
#![expect(clippy::disallowed_methods, reason = "it measures real time")]

use std::time::{Duration, Instant};

use futures_util::future::try_join_all;
use soma_tests::stub_model::Ending;

use super::client::Client;
use super::error::LoadError;
use super::patience::within;
use super::stage::Stage;
use super::starting::ready;
use crate::report::{Scene, Unit};
use crate::samples::number;

const OUTSTANDING: usize = 100;

/// An answer takes two seconds, and all are given at once.
const MESSAGE: &str = "tell me more [words 18] [pace 100ms]";
const ANSWER: Duration = Duration::from_secs(2);
const PATIENCE: Duration = Duration::from_mins(1);

/// A hundred messages are accepted and being answered; then the platform is killed and started
/// again, and every one is answered.
pub(super) async fn scene(stage: &Stage) -> Result<Scene, LoadError> {
    let soma = stage.start().await?;
    let client = Client::of(&soma.url)?;
    let sessions = try_join_all((0..OUTSTANDING).map(|_| client.say(None, MESSAGE))).await?;
    let asked = stage.stub.until(|log| log.len() >= OUTSTANDING);
    within(PATIENCE, "the model to be asked", asked).await?;
    let killed = Instant::now();
    soma.kill().await?;
    let log = stage.stub.log();
    let done = log.iter().filter(|entry| entry.ending == Some(Ending::Completed)).count();
    let (soma, start) = ready(stage).await?;
    let client = Client::of(&soma.url)?;
    let answered = sessions.iter().map(|session| ended(&client, session, killed));
    let times = try_join_all(answered).await?;

    let mut scene = Scene::new("kill -9 with 100 messages accepted");
    let last = times.iter().copied().max().unwrap_or_default();
    scene
        .figure("answers under way when killed", number(OUTSTANDING - done), Unit::Count)
        .time("from start until ready again", start)
        .time("from kill until the last answer", last)
        .over("an answer", ANSWER.as_secs_f64())
        .figure("messages answered", number(times.len()), Unit::Count);
    Ok(scene)
}

async fn ended(client: &Client, session: &str, since: Instant) -> Result<Duration, LoadError> {
    client.follow(session).await?.end_of_answer().await?;
    Ok(since.elapsed())
}
