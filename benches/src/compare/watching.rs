//! Clients that follow and say nothing.

use super::measure::{Build, Figures, Goal, Measure};
use super::platform::Ground;
use crate::load::{LoadError, followers};
use crate::report::Unit;

const PER_STREAM: Measure =
    Measure { name: "memory per open stream", unit: Unit::Bytes, goal: Goal::AtMost(16_384.0) };
const KEPT: Measure = Measure {
    name: "share of it kept once all are closed",
    unit: Unit::Count,
    goal: Goal::AtMost(0.25),
};
const NOTICED: Measure = Measure {
    name: "until clients that left are noticed",
    unit: Unit::Seconds,
    goal: Goal::AtMost(10.0),
};

/// 500 clients come and go.
pub(super) async fn streams(
    ground: &Ground<'_>,
    build: Build,
    figures: &mut Figures,
) -> Result<(), LoadError> {
    let data = ground.folder()?;
    let soma = ground.start(build, data.path()).await?;
    let seen = followers::come_and_go(&soma).await?;
    figures.add(PER_STREAM, build, seen.per_stream());
    figures.add(KEPT, build, (seen.closed - seen.idle) / (seen.open - seen.idle));
    figures.add(NOTICED, build, seen.noticed.as_secs_f64());
    Ok(())
}
