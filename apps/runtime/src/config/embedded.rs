//! What the embedded product cannot give.

use super::{Config, Mode};

/// A mode that asks for more than the embedded product has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "SOMA_AGENT_ENV is {mode}, which requires authentication, an external policy engine and an \
     encryption key; the embedded default has none of them"
)]
pub struct NotEmbeddable {
    /// The mode that was asked for.
    pub mode: Mode,
}

impl Config {
    /// Whether the embedded product may run in this mode.
    ///
    /// # Errors
    ///
    /// [`NotEmbeddable`] in every mode but `DEV`.
    pub const fn embeddable(&self) -> Result<(), NotEmbeddable> {
        match self.mode {
            Mode::Dev => Ok(()),
            mode @ (Mode::Staging | Mode::Prod) => Err(NotEmbeddable { mode }),
        }
    }
}
