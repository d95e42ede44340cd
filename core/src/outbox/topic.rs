//! The topics, as `docs/events.md` lists them.

use std::fmt;

use serde::{Deserialize, Serialize};

macro_rules! topics {
    ($($(#[$doc:meta])* $name:ident = $text:literal,)+) => {
        /// A topic of the log.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum Topic { $($(#[$doc])* #[serde(rename = $text)] $name,)+ }

        impl Topic {
            /// Every topic.
            pub const ALL: &[Self] = &[$(Self::$name),+];

            /// The topic's name.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)+ }
            }

            /// The topic with this name.
            pub fn parse(text: &str) -> Option<Self> {
                match text { $($text => Some(Self::$name),)+ _ => None }
            }
        }
    };
}

topics! {
    /// Accepted messages, to the conversation worker.
    ConversationInbound = "conversation.inbound",
    /// Events and deltas, to every gateway.
    ConversationOutbound = "conversation.outbound",
    /// Calls of tools, to the executor.
    ToolRequests = "tool.requests",
    /// Results of tools, to the conversation worker.
    ToolResults = "tool.results",
    /// Memories that were written, to the replicator.
    MemoryWal = "memory.wal",
    /// Settings that changed, to every service.
    ConfigUpdates = "config_updates",
    /// What could not be read from `conversation.inbound`.
    ConversationInboundDlq = "conversation.inbound.dlq",
    /// What could not be read from `conversation.outbound`.
    ConversationOutboundDlq = "conversation.outbound.dlq",
    /// What could not be read from `tool.requests`.
    ToolRequestsDlq = "tool.requests.dlq",
    /// What could not be read from `tool.results`.
    ToolResultsDlq = "tool.results.dlq",
    /// What could not be read from `memory.wal`.
    MemoryWalDlq = "memory.wal.dlq",
    /// What could not be read from `config_updates`.
    ConfigUpdatesDlq = "config_updates.dlq",
}

impl Topic {
    /// Where what cannot be handled goes; a dead-letter topic is its own.
    #[must_use]
    pub const fn dead_letters(self) -> Self {
        match self {
            Self::ConversationInbound | Self::ConversationInboundDlq => {
                Self::ConversationInboundDlq
            }
            Self::ConversationOutbound | Self::ConversationOutboundDlq => {
                Self::ConversationOutboundDlq
            }
            Self::ToolRequests | Self::ToolRequestsDlq => Self::ToolRequestsDlq,
            Self::ToolResults | Self::ToolResultsDlq => Self::ToolResultsDlq,
            Self::MemoryWal | Self::MemoryWalDlq => Self::MemoryWalDlq,
            Self::ConfigUpdates | Self::ConfigUpdatesDlq => Self::ConfigUpdatesDlq,
        }
    }

    /// The topic whose dead letters these are; any other is its own.
    #[must_use]
    pub const fn source(self) -> Self {
        match self {
            Self::ConversationInbound | Self::ConversationInboundDlq => Self::ConversationInbound,
            Self::ConversationOutbound | Self::ConversationOutboundDlq => {
                Self::ConversationOutbound
            }
            Self::ToolRequests | Self::ToolRequestsDlq => Self::ToolRequests,
            Self::ToolResults | Self::ToolResultsDlq => Self::ToolResults,
            Self::MemoryWal | Self::MemoryWalDlq => Self::MemoryWal,
            Self::ConfigUpdates | Self::ConfigUpdatesDlq => Self::ConfigUpdates,
        }
    }
}

impl fmt::Display for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
