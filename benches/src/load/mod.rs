//! The load harness: a stub of a language model, `soma up` as a process, and clients that talk to it
//! over loopback. Every scene has a platform of its own, in an empty folder.

mod arguments;
mod bare;
mod client;
mod error;
pub(crate) mod followers;
mod killing;
mod machine;
pub(crate) mod patience;
pub(crate) mod process;
pub(crate) mod soma;
mod stage;
mod starting;
mod talk;
mod turns;

use std::time::Duration;

pub use arguments::Arguments;
pub use error::LoadError;

use crate::disk;
use crate::report::{Report, Scene, Unit};
use crate::samples::per_second;
use arguments::Options;
use stage::Stage;

/// How long the disk alone is measured.
const DISK: Duration = Duration::from_secs(2);

/// What the disk alone can do.
#[derive(Debug)]
struct Floors {
    sync: Duration,
    syncs_per_second: f64,
}

/// Measures everything, one scene after the other.
///
/// # Errors
///
/// [`LoadError`] if a scene cannot be played to its end: then there are no figures to trust.
pub async fn run(arguments: &Arguments) -> Result<Report, LoadError> {
    soma_model::install_tls();
    let options = &Options::of(arguments)?;
    let mut report = Report::default();
    report.add(&machine::scene("machine, before")?);
    let floors = floors(options, &mut report)?;
    report.add(&starting::scene(&Stage::set(options)?).await?);
    report.add(&turns::paced(options, &floors).await?);
    for clients in [1, 16, 64] {
        report.add(&turns::pressed(options, clients, &floors).await?);
    }
    report.add(&followers::scene(&Stage::set(options)?).await?);
    report.add(&killing::scene(&Stage::set(options)?).await?);
    report.add(&machine::scene("machine, after")?);
    Ok(report)
}

fn floors(options: &Options, report: &mut Report) -> Result<Floors, LoadError> {
    let place = stage::folder(options)?;
    let syncs = disk::syncs(place.path(), DISK).map_err(LoadError::io("sync a file"))?;
    let syncs_per_second = per_second(syncs.count(), syncs.total());
    let mut scene = Scene::new("disk alone");
    scene
        .time("append 4 KiB + fdatasync p50", syncs.median())
        .time("append 4 KiB + fdatasync p99", syncs.percentile(99))
        .figure("fdatasync rate", syncs_per_second, Unit::PerSecond);
    report.add(&scene);
    Ok(Floors { sync: syncs.median(), syncs_per_second })
}
