//! Turns: of many clients, of one, and as many in a second as are asked for.
#![expect(clippy::disallowed_methods, reason = "it measures real time")]

use std::time::{Duration, Instant};

use futures_util::future::try_join_all;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::interval;

use super::measure::{Build, Figures, Goal, Measure};
use super::platform::{Ground, size, stop};
use super::talk::Talk;
use crate::load::LoadError;
use crate::load::process::Process;
use crate::report::Unit;
use crate::samples::{Samples, number, per_second};

const CLIENTS: usize = 64;
/// Between two turns of the open loop: fifty in a second.
const PACE: Duration = Duration::from_millis(20);

const PROCESSOR: Measure = Measure {
    name: "processor per turn, 64 clients",
    unit: Unit::Seconds,
    goal: Goal::TimesAtMost(0.33),
};
const HARNESS: Measure = Measure {
    name: "processor per turn of the harness itself",
    unit: Unit::Seconds,
    goal: Goal::None,
};
const RATE: Measure =
    Measure { name: "turns/s, 64 clients", unit: Unit::PerSecond, goal: Goal::TimesAtLeast(3.0) };
const DISK: Measure =
    Measure { name: "disk per turn", unit: Unit::Bytes, goal: Goal::TimesAtMost(0.4) };
const ALONE: Measure =
    Measure { name: "turns/s, one client", unit: Unit::PerSecond, goal: Goal::TimesAtLeast(2.0) };
const ALONE_PROCESSOR: Measure =
    Measure { name: "processor per turn, one client", unit: Unit::Seconds, goal: Goal::None };
const PACED_P99: Measure = Measure {
    name: "POST until final, 50 turns/s, p99",
    unit: Unit::Seconds,
    goal: Goal::TimesAtMost(0.5),
};
const PACED_P50: Measure =
    Measure { name: "POST until final, 50 turns/s, p50", unit: Unit::Seconds, goal: Goal::None };

/// Every client says the next as soon as it has its answer.
pub(super) async fn busy(
    ground: &Ground<'_>,
    build: Build,
    figures: &mut Figures,
) -> Result<(), LoadError> {
    let data = ground.folder()?;
    let soma = ground.start(build, data.path()).await?;
    let empty = size(data.path())?;
    let talks = try_join_all((0..CLIENTS).map(|_| Talk::begin(&soma.url))).await?;
    let (began, processes) = (Instant::now(), [soma.process.clone(), Process::own()]);
    let before = [processes[0].cpu()?, processes[1].cpu()?];
    let times = pressed(talks, began + ground.options.span).await?;
    let turns = times.len().max(1);
    figures.add(RATE, build, per_second(turns, began.elapsed()));
    for (number_of, measure) in [PROCESSOR, HARNESS].into_iter().enumerate() {
        let used = processes[number_of].cpu()?.saturating_sub(before[number_of]);
        figures.add(measure, build, used.as_secs_f64() / number(turns));
    }
    stop(soma).await?;
    let grown = size(data.path())?.saturating_sub(empty);
    figures.add(DISK, build, bytes(grown) / number(turns + CLIENTS));
    Ok(())
}

/// One client that has the platform to itself.
pub(super) async fn alone(
    ground: &Ground<'_>,
    build: Build,
    figures: &mut Figures,
) -> Result<(), LoadError> {
    let data = ground.folder()?;
    let soma = ground.start(build, data.path()).await?;
    let talk = Talk::begin(&soma.url).await?;
    let (began, before) = (Instant::now(), soma.process.cpu()?);
    let times = pressed(vec![talk], began + ground.options.span).await?;
    let used = soma.process.cpu()?.saturating_sub(before);
    figures.add(ALONE, build, per_second(times.len(), began.elapsed()));
    figures.add(ALONE_PROCESSOR, build, used.as_secs_f64() / number(times.len().max(1)));
    Ok(())
}

/// A turn is due every 20 ms, whatever became of those before; times run from when it was due.
pub(super) async fn paced(
    ground: &Ground<'_>,
    build: Build,
    figures: &mut Figures,
) -> Result<(), LoadError> {
    let data = ground.folder()?;
    let soma = ground.start(build, data.path()).await?;
    let talks = try_join_all((0..CLIENTS).map(|_| Talk::begin(&soma.url))).await?;
    let mut clients = JoinSet::new();
    let mut queues = Vec::new();
    for mut talk in talks {
        let (queue, mut due) = mpsc::unbounded_channel();
        queues.push(queue);
        clients.spawn(async move {
            let mut times = Vec::new();
            while let Some(due) = due.recv().await {
                times.push(talk.turn(due).await?);
            }
            Ok(times)
        });
    }
    let mut ticks = interval(PACE);
    let end = Instant::now() + ground.options.span;
    for queue in queues.iter().cycle() {
        let due = ticks.tick().await.into_std();
        // One whose talk has failed is gone; its error comes below.
        if due >= end || queue.send(due).is_err() {
            break;
        }
    }
    drop(queues);
    let times: Samples = gathered(clients).await?.into_iter().collect();
    figures.add(PACED_P99, build, times.percentile(99).as_secs_f64());
    figures.add(PACED_P50, build, times.median().as_secs_f64());
    Ok(())
}

async fn pressed(talks: Vec<Talk>, end: Instant) -> Result<Vec<Duration>, LoadError> {
    let mut clients = JoinSet::new();
    for mut talk in talks {
        clients.spawn(async move { talk.go_on_until(end).await });
    }
    gathered(clients).await
}

async fn gathered(
    mut clients: JoinSet<Result<Vec<Duration>, LoadError>>,
) -> Result<Vec<Duration>, LoadError> {
    let mut times = Vec::new();
    while let Some(some) = clients.join_next().await {
        times.extend(some??);
    }
    Ok(times)
}

#[expect(clippy::cast_precision_loss, reason = "files are far below 2^52 bytes")]
const fn bytes(size: u64) -> f64 {
    size as f64
}
