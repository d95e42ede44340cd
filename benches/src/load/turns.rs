//! Turns: as many in a second as are asked for, and as many as there can be.
#![expect(clippy::disallowed_methods, reason = "it measures real time")]

use std::time::{Duration, Instant};

use futures_util::future::try_join_all;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::interval;

use super::Floors;
use super::arguments::Options;
use super::bare;
use super::client::Client;
use super::error::LoadError;
use super::process::Process;
use super::soma::Soma;
use super::stage::Stage;
use super::talk::{Talk, Timing};
use crate::report::{Scene, Unit};
use crate::samples::{Samples, number, per_second};

/// Between two turns of the open loop: five in a second.
const PACE: Duration = Duration::from_millis(200);
/// How many times as long the open loop runs: it makes few turns.
const PATIENCE: u32 = 2;
/// How many clients take turns in the open loop: more than have something to wait for.
const IN_TURN: usize = 20;

/// What clients say; the stub answers with these words and twenty more, as fast as it can.
const MESSAGE: &str = "tell me more [words 20]";

/// An open loop: a turn is due every 200 ms, whatever became of those before. Times run from when it
/// was due, so that a stall is not hidden by turns that were never begun.
pub(super) async fn paced(options: &Options, floors: &Floors) -> Result<Scene, LoadError> {
    let bare = bare::alone().await?;
    let stage = Stage::set(options)?;
    let soma = stage.start().await?;
    let talks = talks(&soma, IN_TURN).await?;
    let meter = Meter::start(&soma)?;
    let timings = one_every(PACE, options.span * PATIENCE, talks).await?;
    let mut scene = Scene::new("turns, open loop, 5/s");
    meter.stop(timings.len())?.write(&mut scene, floors.syncs_per_second);
    write_times(&mut scene, &timings, &bare, floors.sync);
    Ok(scene)
}

/// A closed loop: each client says the next as soon as it has the answer.
pub(super) async fn pressed(
    options: &Options,
    count: usize,
    floors: &Floors,
) -> Result<Scene, LoadError> {
    let bare = bare::crowded(count).await?;
    let stage = Stage::set(options)?;
    let soma = stage.start().await?;
    let talks = talks(&soma, count).await?;
    let meter = Meter::start(&soma)?;
    let end = Instant::now() + options.span;
    let mut clients = JoinSet::new();
    for mut talk in talks {
        clients.spawn(async move { talk.go_on_until(end, MESSAGE).await });
    }
    let timings = gathered(clients).await?;
    let mut scene = Scene::new(format!("turns, closed loop, {count} clients"));
    meter.stop(timings.len())?.write(&mut scene, floors.syncs_per_second);
    write_times(&mut scene, &timings, &bare, floors.sync);
    Ok(scene)
}

async fn talks(soma: &Soma, count: usize) -> Result<Vec<Talk>, LoadError> {
    let client = Client::of(&soma.url)?;
    try_join_all((0..count).map(|_| Talk::begin(client.clone()))).await
}

/// Hands a turn to the next talk at each tick; what a talk cannot begin waits for it.
async fn one_every(
    pace: Duration,
    span: Duration,
    talks: Vec<Talk>,
) -> Result<Vec<Timing>, LoadError> {
    let mut clients = JoinSet::new();
    let mut queues = Vec::new();
    for mut talk in talks {
        let (queue, mut due) = mpsc::unbounded_channel();
        queues.push(queue);
        clients.spawn(async move {
            let mut timings = Vec::new();
            while let Some(due) = due.recv().await {
                timings.push(talk.turn(MESSAGE, due).await?);
            }
            Ok(timings)
        });
    }
    let mut ticks = interval(pace);
    let end = Instant::now() + span;
    for queue in queues.iter().cycle() {
        let due = ticks.tick().await.into_std();
        // One whose talk has failed is gone; its error comes below.
        if due >= end || queue.send(due).is_err() {
            break;
        }
    }
    drop(queues);
    gathered(clients).await
}

async fn gathered(
    mut clients: JoinSet<Result<Vec<Timing>, LoadError>>,
) -> Result<Vec<Timing>, LoadError> {
    let mut timings = Vec::new();
    while let Some(some) = clients.join_next().await {
        timings.extend(some??);
    }
    Ok(timings)
}

/// What turns cost, from when it is started.
struct Meter {
    began: Instant,
    soma: Process,
    soma_before: Duration,
    harness_before: Duration,
}

impl Meter {
    fn start(soma: &Soma) -> Result<Self, LoadError> {
        Ok(Self {
            began: Instant::now(),
            soma: soma.process.clone(),
            soma_before: soma.process.cpu()?,
            harness_before: Process::own().cpu()?,
        })
    }

    fn stop(self, turns: usize) -> Result<Cost, LoadError> {
        let per_turn = |span: Duration| span.div_f64(number(turns.max(1)));
        Ok(Cost {
            turns_per_second: per_second(turns, self.began.elapsed()),
            soma: per_turn(self.soma.cpu()?.saturating_sub(self.soma_before)),
            harness: per_turn(Process::own().cpu()?.saturating_sub(self.harness_before)),
        })
    }
}

struct Cost {
    turns_per_second: f64,
    soma: Duration,
    harness: Duration,
}

impl Cost {
    fn write(&self, scene: &mut Scene, syncs_per_second: f64) {
        scene
            .figure("turns answered", self.turns_per_second, Unit::PerSecond)
            .over("fdatasync rate", syncs_per_second)
            .time("processor per turn, soma", self.soma)
            .time("processor per turn, stub and clients", self.harness);
    }
}

fn write_times(scene: &mut Scene, timings: &[Timing], bare: &Samples, sync: Duration) {
    let of = |part: fn(&Timing) -> Duration| timings.iter().map(part).collect::<Samples>();
    let accepted = of(|timing| timing.accepted);
    let durable = (bare.median() + sync).as_secs_f64();
    scene
        .time("bare HTTP 202 p50", bare.median())
        .time("POST until accepted p50", accepted.median())
        .over("bare HTTP p50 + fdatasync p50", durable)
        .time("POST until accepted p99", accepted.percentile(99))
        .over("bare HTTP p99", bare.percentile(99).as_secs_f64());
    let first = of(|timing| timing.first);
    scene.time("POST until first piece p50", first.median());
    scene.time("POST until first piece p99", first.percentile(99));
    let last = of(|timing| timing.last);
    scene.time("POST until final p50", last.median());
    scene.time("POST until final p99", last.percentile(99));
}
