//! `soma bench`: puts a running platform under load, and tells how it did.

mod figures;
mod load;
mod talk;

use std::process::ExitCode;
use std::time::Duration;

use soma_runtime::report::Fatal;

use self::figures::Report;
use self::load::{Load, Pace};
use super::{Bench, block_on};
use crate::client::Client;
use crate::terminal::Output;
use crate::trouble::{FAILED, Trouble};

/// How many clients there are in a closed loop, unless it is said.
const CLOSED: u32 = 16;
/// The most clients that an open loop has, unless it is said: one for each turn of a second.
const OPEN: u32 = 256;

impl Bench {
    pub(super) fn run(self) -> Result<ExitCode, Fatal> {
        soma_model::install_tls();
        block_on(async move {
            let client = Client::new(&self.url, None)?;
            let load = self.load();
            match measure(&client, &load, self.json).await {
                Ok(code) => Ok(code),
                Err(trouble) => Ok(trouble.report()),
            }
        })
    }

    fn load(&self) -> Load {
        let usual = self.rate.map_or(CLOSED, |rate| rate.min(OPEN));
        Load {
            pace: self.rate.map_or(Pace::Closed, Pace::Open),
            sessions: self.sessions.unwrap_or(usual),
            span: Duration::from_secs(self.seconds.into()),
            message: self.message.clone(),
        }
    }
}

async fn measure(client: &Client, load: &Load, as_json: bool) -> Result<ExitCode, Trouble> {
    let talks = load::begin(client, load).await?;
    let (tally, took) = load::run(talks, load).await;
    let report = Report::of(load, tally, took);
    let text = if as_json { report.json() } else { report.to_string() };
    Output::new().print(&text)?;
    Ok(if report.is_clean() { ExitCode::SUCCESS } else { ExitCode::from(FAILED) })
}
