//! What Linux tells of a process.

use std::fs;
use std::time::Duration;

use super::error::LoadError;

/// A process that is looked at.
#[derive(Clone, Debug)]
pub(crate) struct Process {
    folder: String,
}

impl Process {
    pub(crate) fn of(pid: u32) -> Self {
        Self { folder: format!("/proc/{pid}") }
    }

    /// This process: harness, stub and clients.
    pub(crate) fn own() -> Self {
        Self { folder: "/proc/self".into() }
    }

    /// The processor time it has used, of all threads, in user and system.
    pub(crate) fn cpu(&self) -> Result<Duration, LoadError> {
        let stat = self.read("stat")?;
        ticks(&stat).map(span).ok_or(LoadError::NoReading("processor time"))
    }

    /// The memory that is its own at the moment, in bytes.
    pub(crate) fn resident(&self) -> Result<f64, LoadError> {
        let status = self.read("status")?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kibibytes =
            line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<f64>().ok());
        kibibytes.map(|size| size * 1024.0).ok_or(LoadError::NoReading("memory"))
    }

    fn read(&self, file: &str) -> Result<String, LoadError> {
        fs::read_to_string(format!("{}/{file}", self.folder)).map_err(LoadError::io("read /proc"))
    }
}

/// User and system time; the name before them may hold spaces.
fn ticks(stat: &str) -> Option<u64> {
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_whitespace().skip(11);
    let mut next = || fields.next()?.parse::<u64>().ok();
    Some(next()? + next()?)
}

fn span(ticks: u64) -> Duration {
    let per_second = rustix::param::clock_ticks_per_second().max(1);
    Duration::from_micros(ticks.saturating_mul(1_000_000) / per_second)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_found_behind_any_name() {
        let stat = "7 (a) b (c) S 1 7 7 0 -1 4194560 100 0 0 0 250 50 0 0 20 0 9 0 1 2 3";

        assert_eq!(ticks(stat), Some(300));
    }

    #[test]
    fn this_process_has_memory() {
        assert!(Process::own().resident().unwrap() > 0.0);
    }
}
