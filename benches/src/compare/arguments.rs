//! What is to be compared, as it stands on the command line.

use std::path::PathBuf;
use std::time::Duration;

use clap::Parser;

use crate::load::LoadError;

/// Measures two builds of the platform in turns, and prints ratios.
#[derive(Debug, Parser)]
#[command(name = "compare")]
pub struct Arguments {
    /// The binary that is compared with
    #[arg(long, value_name = "FILE")]
    before: PathBuf,
    /// The binary that is measured
    #[arg(long, value_name = "FILE")]
    after: PathBuf,
    /// Where folders for data are made [default: the folder for temporary files]
    #[arg(long, value_name = "DIR")]
    folder: Option<PathBuf>,
    /// Shorter scenes, each once, and none with 500 open streams or 100 000 memories
    #[arg(long)]
    quick: bool,
    /// Print the figures as JSON
    #[arg(long)]
    pub json: bool,
}

/// What is to be compared.
#[derive(Clone, Debug)]
pub(super) struct Options {
    pub(super) before: PathBuf,
    pub(super) after: PathBuf,
    pub(super) folder: PathBuf,
    /// How long turns are measured in each scene.
    pub(super) span: Duration,
    /// How often the scenes of turns are played.
    pub(super) rounds: usize,
    /// How many memories are searched.
    pub(super) memories: &'static [usize],
    /// Whether streams that are only open are measured.
    pub(super) watching: bool,
}

impl Options {
    pub(super) fn of(arguments: &Arguments) -> Result<Self, LoadError> {
        for binary in [&arguments.before, &arguments.after] {
            if !binary.exists() {
                return Err(LoadError::NoBinary(binary.clone()));
            }
        }
        let quick = arguments.quick;
        Ok(Self {
            before: arguments.before.clone(),
            after: arguments.after.clone(),
            folder: arguments.folder.clone().unwrap_or_else(std::env::temp_dir),
            span: Duration::from_secs(if quick { 3 } else { 6 }),
            rounds: if quick { 1 } else { 2 },
            memories: if quick { &[10_000] } else { &[10_000, 100_000] },
            watching: !quick,
        })
    }
}
