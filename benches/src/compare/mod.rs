//! Two builds of the platform, measured in turns in one run: what is compared are ratios.

mod arguments;
mod connection;
mod crowd;
mod fixture;
mod growth;
mod measure;
mod model;
mod platform;
mod recall;
mod talk;
mod watching;

pub use arguments::Arguments;
pub use measure::Comparison;
pub use model::QuickModel;

use crate::load::LoadError;
use arguments::Options;
use fixture::Fixture;
use measure::{Build, Figures};
use platform::Ground;

/// Measures both builds, scene by scene; which of them comes first alternates.
///
/// # Errors
///
/// [`LoadError`] if a scene cannot be played to its end: then there are no figures to trust.
pub async fn run(arguments: &Arguments) -> Result<Comparison, LoadError> {
    soma_model::install_tls();
    let options = Options::of(arguments)?;
    let model = QuickModel::start(0).await.map_err(LoadError::io("start the model"))?;
    let ground = Ground::new(&options, &model);
    let fixture = Fixture::make(&ground).await?;
    let mut figures = Figures::default();
    for round in 0..options.rounds {
        for build in Build::in_order(round) {
            crowd::busy(&ground, build, &mut figures).await?;
        }
        for build in Build::in_order(round) {
            crowd::alone(&ground, build, &mut figures).await?;
        }
        for build in Build::in_order(round) {
            crowd::paced(&ground, build, &mut figures).await?;
        }
    }
    for build in Build::in_order(0) {
        growth::long_session(&ground, build, &fixture, &mut figures).await?;
    }
    for memories in options.memories {
        let filled = fixture.with_memories(&ground, *memories)?;
        for build in Build::in_order(0) {
            recall::search(&ground, build, (&filled, *memories), &mut figures).await?;
        }
    }
    if options.watching {
        for build in Build::in_order(0) {
            watching::streams(&ground, build, &mut figures).await?;
        }
    }
    Ok(figures.compared())
}
