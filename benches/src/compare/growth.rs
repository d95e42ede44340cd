//! Whether a turn costs more where much was said before.
#![expect(clippy::disallowed_methods, reason = "it measures real time")]

use std::time::{Duration, Instant};

use super::fixture::Fixture;
use super::measure::{Build, Figures, Goal, Measure};
use super::platform::Ground;
use super::talk::Talk;
use crate::load::LoadError;
use crate::load::soma::Soma;
use crate::report::Unit;
use crate::samples::{Samples, number};

const TIMES: Measure = Measure {
    name: "turn in 10 000 events to one in 10, time",
    unit: Unit::Count,
    goal: Goal::AtMost(1.2),
};
const PROCESSOR: Measure = Measure {
    name: "turn in 10 000 events to one in 10, processor",
    unit: Unit::Count,
    goal: Goal::AtMost(1.2),
};
const LONG: Measure =
    Measure { name: "turn in 10 000 events, p50", unit: Unit::Seconds, goal: Goal::None };

/// Turns in a session of 10 000 events, and as many in sessions of ten events each, by turns.
pub(super) async fn long_session(
    ground: &Ground<'_>,
    build: Build,
    fixture: &Fixture,
    figures: &mut Figures,
) -> Result<(), LoadError> {
    let data = ground.copy(fixture.folder())?;
    let soma = ground.start(build, data.path()).await?;
    let mut long = Talk::resume(&soma.url, fixture.long.to_string(), fixture.long_events).await?;
    long.turn(Instant::now()).await?;
    let (mut in_long, mut in_short) = (Spent::default(), Spent::default());
    for session in &fixture.short {
        let session = session.to_string();
        let mut short = Talk::resume(&soma.url, session, fixture.short_events).await?;
        in_short.turn(&soma, &mut short).await?;
        in_long.turn(&soma, &mut long).await?;
    }
    let ratio = in_long.times().median().as_secs_f64() / in_short.times().median().as_secs_f64();
    figures.add(TIMES, build, ratio);
    figures.add(PROCESSOR, build, in_long.processor() / in_short.processor());
    figures.add(LONG, build, in_long.times().median().as_secs_f64());
    Ok(())
}

/// What turns of one kind have cost.
#[derive(Default)]
struct Spent {
    times: Vec<Duration>,
    processor: Duration,
}

impl Spent {
    async fn turn(&mut self, soma: &Soma, talk: &mut Talk) -> Result<(), LoadError> {
        let before = soma.process.cpu()?;
        self.times.push(talk.turn(Instant::now()).await?);
        // What is left to do after an answer belongs to its turn.
        tokio::time::sleep(Duration::from_millis(10)).await;
        self.processor += soma.process.cpu()?.saturating_sub(before);
        Ok(())
    }

    fn times(&self) -> Samples {
        self.times.iter().copied().collect()
    }

    /// Seconds a turn.
    fn processor(&self) -> f64 {
        self.processor.as_secs_f64() / number(self.times.len().max(1))
    }
}
