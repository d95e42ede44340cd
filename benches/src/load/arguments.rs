//! What is to be measured, as it stands on the command line.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use clap::Parser;

use super::error::LoadError;

/// Measures a whole platform over loopback, beside what the machine alone can do.
#[derive(Debug, Parser)]
#[command(name = "load")]
pub struct Arguments {
    /// Print the figures as JSON
    #[arg(long)]
    pub json: bool,
    /// The binary of the platform [default: `soma` beside this one]
    #[arg(long, value_name = "FILE")]
    soma: Option<PathBuf>,
    /// Where folders for data are made [default: the folder for temporary files]
    #[arg(long, value_name = "DIR")]
    folder: Option<PathBuf>,
    /// How long each closed loop of turns runs; the open loop runs twice as long
    #[arg(long, value_name = "N", default_value = "8", value_parser = clap::value_parser!(u64).range(1..=20))]
    seconds: u64,
}

/// What is to be measured.
#[derive(Clone, Debug)]
pub(super) struct Options {
    /// The binary of the platform.
    pub(super) soma: PathBuf,
    /// The folder that the folders of data are made in.
    pub(super) folder: PathBuf,
    /// How long turns are measured in each scene.
    pub(super) span: Duration,
}

impl Options {
    pub(super) fn of(arguments: &Arguments) -> Result<Self, LoadError> {
        let soma = match &arguments.soma {
            Some(soma) => soma.clone(),
            None => beside().map_err(LoadError::io("find this binary"))?,
        };
        if !soma.exists() {
            return Err(LoadError::NoBinary(soma));
        }
        let folder = arguments.folder.clone().unwrap_or_else(std::env::temp_dir);
        Ok(Self { soma, folder, span: Duration::from_secs(arguments.seconds) })
    }
}

fn beside() -> io::Result<PathBuf> {
    Ok(std::env::current_exe()?.with_file_name("soma"))
}
