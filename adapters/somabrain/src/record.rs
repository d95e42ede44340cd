//! The record of a memory, as the server keeps it: one string that it does not look into, so that
//! nothing it adds, renames or reshapes matters, and no character is too strange.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use soma_core::memory::{MemoryWrite, rank};

use crate::scope::Scope;

/// The field of a payload that holds the record.
pub(crate) const FIELD: &str = "soma_record";

/// What is kept under a key.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Record {
    /// A memory.
    Memory {
        /// The universe that it is for.
        universe: String,
        /// The memory.
        write: MemoryWrite,
    },
    /// What was here is forgotten.
    Forgotten,
}

impl Record {
    /// The record of a memory. Its importance is what it counts as: JSON has no infinity.
    pub(crate) fn of(scope: &Scope, write: &MemoryWrite) -> Self {
        let write = MemoryWrite { importance: rank::importance(write.importance), ..write.clone() };
        Self::Memory { universe: scope.universe.clone(), write }
    }

    /// It as text.
    pub(crate) fn text(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string(self)
    }

    /// The memory in a text, if it is one of this tenant: pools are shared, and others write what they
    /// like.
    pub(crate) fn memory(text: &Value, scope: &Scope) -> Option<MemoryWrite> {
        match serde_json::from_str(text.as_str()?).ok()? {
            Self::Memory { universe, write } => {
                let own = universe == scope.universe && write.tenant == scope.tenant;
                own.then_some(write)
            }
            Self::Forgotten => None,
        }
    }
}
