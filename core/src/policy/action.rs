//! Everything that the policy engine decides on.

use std::fmt;
use std::str::FromStr;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// What is to be done. Its name is part of every policy: a name never changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Action {
    /// Answer a message.
    ConversationSend,
    /// Run a tool.
    ToolExecute,
    /// Remember a message.
    MemoryWrite,
    /// Recall memories.
    MemoryRecall,
    /// Change the settings of the user interface.
    SettingsUpdate,
    /// Upload an attachment.
    AttachmentUpload,
    /// Operate a part of the platform.
    Admin(AdminArea),
}

/// A part of the platform that only its operators touch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AdminArea {
    /// API keys of clients.
    Keys,
    /// Secrets of model providers.
    Credentials,
    /// Model profiles.
    Profiles,
    /// Which tools there are.
    Tools,
    /// Limits of accounts.
    Budgets,
    /// What was memorized, of any session.
    Memory,
    /// Messages that wait to be published.
    Outbox,
    /// Dead letters.
    DeadLetters,
    /// Audit rows and policy decisions.
    Audit,
}

/// A name that is no action's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no such action")]
pub struct UnknownAction;

impl Action {
    /// Every action.
    pub const ALL: [Self; 15] = [
        Self::ConversationSend,
        Self::ToolExecute,
        Self::MemoryWrite,
        Self::MemoryRecall,
        Self::SettingsUpdate,
        Self::AttachmentUpload,
        Self::Admin(AdminArea::Keys),
        Self::Admin(AdminArea::Credentials),
        Self::Admin(AdminArea::Profiles),
        Self::Admin(AdminArea::Tools),
        Self::Admin(AdminArea::Budgets),
        Self::Admin(AdminArea::Memory),
        Self::Admin(AdminArea::Outbox),
        Self::Admin(AdminArea::DeadLetters),
        Self::Admin(AdminArea::Audit),
    ];

    /// The action's name in a policy.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ConversationSend => "conversation.send",
            Self::ToolExecute => "tool.execute",
            Self::MemoryWrite => "memory.write",
            Self::MemoryRecall => "memory.recall",
            Self::SettingsUpdate => "settings.update",
            Self::AttachmentUpload => "attachment.upload",
            Self::Admin(AdminArea::Keys) => "admin.keys",
            Self::Admin(AdminArea::Credentials) => "admin.credentials",
            Self::Admin(AdminArea::Profiles) => "admin.profiles",
            Self::Admin(AdminArea::Tools) => "admin.tools",
            Self::Admin(AdminArea::Budgets) => "admin.budgets",
            Self::Admin(AdminArea::Memory) => "admin.memory",
            Self::Admin(AdminArea::Outbox) => "admin.outbox",
            Self::Admin(AdminArea::DeadLetters) => "admin.dlq",
            Self::Admin(AdminArea::Audit) => "admin.audit",
        }
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Action {
    type Err = UnknownAction;

    fn from_str(name: &str) -> Result<Self, UnknownAction> {
        Self::ALL.into_iter().find(|action| action.as_str() == name).ok_or(UnknownAction)
    }
}

impl Serialize for Action {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Action {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        name.parse().map_err(|error| D::Error::custom(format!("{error}: {name:?}")))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_action_is_read_back_by_its_name_and_has_a_name_of_its_own() {
        let names: BTreeSet<_> = Action::ALL.iter().map(|action| action.as_str()).collect();

        assert_eq!(names.len(), Action::ALL.len());
        for action in Action::ALL {
            let written = serde_json::to_value(action).unwrap();
            assert_eq!(written, action.to_string());
            assert_eq!(serde_json::from_value::<Action>(written).unwrap(), action);
        }
    }

    #[test]
    fn unknown_name_is_named() {
        let error = serde_json::from_str::<Action>("\"admin.everything\"").unwrap_err();

        assert!(error.to_string().contains("admin.everything"), "{error}");
    }
}
