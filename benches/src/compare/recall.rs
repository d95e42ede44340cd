//! Recall among many memories, as the tool `memory_search` asks for it.

use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::fixture::Filled;
use super::measure::{Build, Figures, Goal, Measure};
use super::platform::Ground;
use super::talk::Talk;
use crate::load::LoadError;
use crate::report::Unit;
use crate::samples::Samples;

const SEARCHES: usize = 60;
/// Words that a share of all memories have.
const QUERIES: [&str; 3] = [
    "which cheap offer was in hamburg by the harbour",
    "was the second green pallet late in winter",
    "the broken crane of rotterdam and the urgent invoice",
];

/// Searches, and takes the time that the tool itself says it took.
pub(super) async fn search(
    ground: &Ground<'_>,
    build: Build,
    (filled, memories): (&Filled, usize),
    figures: &mut Figures,
) -> Result<(), LoadError> {
    let data: TempDir = ground.copy(filled.folder())?;
    let soma = ground.start(build, data.path()).await?;
    let mut talk = Talk::begin(&soma.url).await?;
    let mut times = Vec::new();
    for query in QUERIES.iter().cycle().take(SEARCHES) {
        let result = talk.tool("memory_search", &json!({"query": query})).await?;
        times.push(execution_time(&result)?);
    }
    let times: Samples = times.into_iter().skip(QUERIES.len()).collect();
    let measure = Measure {
        name: if memories > 10_000 { "recall of 100 k, p95" } else { "recall of 10 k, p95" },
        unit: Unit::Seconds,
        goal: Goal::TimesAtMost(0.25),
    };
    figures.add(measure, build, times.percentile(95).as_secs_f64());
    Ok(())
}

fn execution_time(result: &str) -> Result<Duration, LoadError> {
    let result: Value = serde_json::from_str(result).unwrap_or_default();
    let seconds = result["metadata"]["execution_time"].as_f64();
    let succeeded = result["metadata"]["status"] == "success";
    seconds.filter(|_| succeeded).map(Duration::from_secs_f64).ok_or(LoadError::NoReading("a tool"))
}
