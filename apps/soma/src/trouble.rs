//! Why a client on the command line does not go on, and how its process ends then.

use std::io;
use std::process::ExitCode;

use soma_runtime::report::Fatal;

/// There is no answer: the turn failed.
pub(crate) const FAILED: u8 = 1;
/// The gateway refused the request.
const REFUSED: u8 = 3;
/// The gateway cannot be reached.
const UNREACHABLE: u8 = 4;
/// The person cancelled, by Ctrl-C: as shells tell it of a process that it ended.
pub(crate) const CANCELLED: u8 = 130;

/// What keeps a client from going on.
#[derive(Debug)]
pub(crate) enum Trouble {
    /// The gateway cannot be reached, or does not answer as one.
    Unreachable(Fatal),
    /// The gateway refused the request. Asking again may help, or not.
    Refused { why: Fatal, passes: bool },
    /// What was told cannot be written.
    Output(io::Error),
}

impl Trouble {
    /// What it is, in words.
    pub(crate) fn text(&self) -> String {
        match self {
            Self::Unreachable(fatal) | Self::Refused { why: fatal, .. } => fatal.text(),
            Self::Output(error) => format!("cannot write: {error}"),
        }
    }

    /// Tells it on standard error. Answers how the process ends: quietly and well if whoever read the
    /// output has had enough.
    pub(crate) fn report(&self) -> ExitCode {
        match self {
            Self::Unreachable(fatal) => {
                fatal.report("soma");
                ExitCode::from(UNREACHABLE)
            }
            Self::Refused { why, .. } => {
                why.report("soma");
                ExitCode::from(REFUSED)
            }
            Self::Output(error) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
            Self::Output(_) => Fatal::new(self.text(), "").report("soma"),
        }
    }
}

impl From<io::Error> for Trouble {
    fn from(error: io::Error) -> Self {
        Self::Output(error)
    }
}
