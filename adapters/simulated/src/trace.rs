//! What happened, for people, and its hash.

use std::fmt;
use std::time::Duration;

use crate::chance::mix;

/// One line of a trace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Virtual time since the beginning.
    pub at: Duration,
    /// How many steps were taken before.
    pub step: u64,
    /// Who.
    pub who: String,
    /// What.
    pub what: String,
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { at, step, who, what } = self;
        write!(f, "{:>12.6} {step:>7} {who:<16} {what}", at.as_secs_f64())
    }
}

/// The hash of everything that was chosen and, if asked for, the lines.
#[derive(Debug, Default)]
pub(crate) struct Trace {
    pub(crate) hash: u64,
    pub(crate) lines: Option<Vec<Line>>,
}

impl Trace {
    pub(crate) const fn mark(&mut self, what: u64) {
        self.hash = mix(self.hash ^ what);
    }
}
