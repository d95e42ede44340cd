//! The deployment mode.

use std::fmt;
use std::str::FromStr;

/// How much the platform insists on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// A person's own machine: no login, and model keys may come from the environment.
    Dev,
    /// As production, for trials.
    Staging,
    /// Production: logins, an external policy engine and an encryption key are required.
    Prod,
}

impl FromStr for Mode {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        match text.to_ascii_uppercase().as_str() {
            "DEV" => Ok(Self::Dev),
            "STAGING" => Ok(Self::Staging),
            "PROD" => Ok(Self::Prod),
            _ => Err(()),
        }
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Dev => "DEV",
            Self::Staging => "STAGING",
            Self::Prod => "PROD",
        })
    }
}
