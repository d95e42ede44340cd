//! What can be asked of a port, as one number each.

use soma_core::tool::CallChange;
use soma_core::work::commit::Commit;
use soma_core::work::session::TurnState;

/// Whether a call changes something: only then can it be unknown whether it did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// It changes nothing.
    Reads,
    /// It changes something.
    Writes,
}

macro_rules! points {
    ($($point:ident: $effect:ident $port:literal $method:literal,)+) => {
        /// A method of a port; a commit by what it is for.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[expect(missing_docs, reason = "each is the method of its name")]
        pub enum Point {
            $($point,)+
        }

        impl Point {
            /// Every point.
            pub const ALL: &[Self] = &[$(Self::$point),+];

            /// The port that is asked.
            pub const fn port(self) -> &'static str {
                match self { $(Self::$point => $port,)+ }
            }

            /// What it is asked for.
            pub const fn method(self) -> &'static str {
                match self { $(Self::$point => $method,)+ }
            }

            /// Whether asking changes something.
            pub const fn effect(self) -> Effect {
                match self { $(Self::$point => Effect::$effect,)+ }
            }
        }
    };
}

points! {
    Accept: Writes "Store" "commit accept",
    Cancel: Writes "Store" "commit cancel",
    Progress: Writes "Store" "commit progress",
    AwaitTools: Writes "Store" "commit await tools",
    EndTurn: Writes "Store" "commit end",
    RequestCall: Writes "Store" "commit request call",
    StartCall: Writes "Store" "commit start call",
    FinishCall: Writes "Store" "commit finish call",
    RecordDenial: Writes "Store" "commit denial",
    Session: Reads "Store" "session",
    Sessions: Reads "Store" "sessions",
    Events: Reads "Store" "events",
    Turn: Reads "Store" "turn",
    OpenCalls: Reads "Store" "open_calls",
    Call: Reads "Store" "call",
    Erase: Writes "Store" "erase",
    Ingest: Writes "Work" "ingest",
    RecoverOverdue: Writes "Work" "recover_overdue",
    Claim: Writes "Work" "claim",
    Heartbeat: Writes "Work" "heartbeat",
    ReleaseClaim: Writes "Work" "release",
    WorkDepth: Reads "Work" "depth",
    Acquire: Writes "Leases" "acquire",
    Renew: Writes "Leases" "renew",
    Release: Writes "Leases" "release",
    Leave: Writes "Leases" "leave",
    OutboxLanes: Reads "Outbox" "lanes",
    ReadOutbox: Reads "Outbox" "read",
    SettleOutbox: Writes "Outbox" "settle",
    DeadLetterOutbox: Writes "Outbox" "dead_letter",
    OutboxDepth: Reads "Outbox" "depth",
    DueMemory: Writes "MemoryQueue" "due",
    SettleMemory: Writes "MemoryQueue" "settle",
    RetryMemory: Writes "MemoryQueue" "retry_at",
    DeadLetterMemory: Writes "MemoryQueue" "dead_letter",
    DueForgets: Reads "MemoryQueue" "forgets",
    Forgot: Writes "MemoryQueue" "forgot",
    Backlog: Reads "MemoryQueue" "backlog",
    Replicate: Writes "Replica" "apply",
    FindReplica: Reads "Replica" "find",
    CountReplica: Reads "Replica" "count",
    Reserve: Writes "Budget" "reserve",
    SettleBudget: Writes "Budget" "settle",
    RefreshBudget: Writes "Budget" "refresh",
    Spent: Reads "Budget" "spent",
    Publish: Writes "Log" "publish",
    Fetch: Reads "Log" "fetch",
    Bounds: Reads "Log" "bounds",
    Remember: Writes "Memory" "remember",
    Recall: Reads "Memory" "recall",
    Forget: Writes "Memory" "forget_session",
    Decide: Reads "Policy" "decide",
    Generate: Writes "Model" "generate",
    RunTool: Writes "Toolbox" "run",
    GetCached: Reads "Cache" "get",
    PutCached: Writes "Cache" "put",
    DropCached: Writes "Cache" "drop_session",
    PutKey: Writes "Vault" "put_key",
    Key: Reads "Vault" "key",
    Keys: Reads "Vault" "keys",
    RemoveKey: Writes "Vault" "remove_key",
    PutSecret: Writes "Vault" "put_secret",
    Secret: Reads "Vault" "secret",
    Admit: Writes "RateLimit" "admit",
}

impl Point {
    /// What a commit is for.
    pub(super) fn of(commit: &Commit) -> Self {
        if commit.accept.is_some() {
            return Self::Accept;
        }
        if let Some(progress) = &commit.turn {
            return match progress.state {
                TurnState::Done => Self::EndTurn,
                TurnState::Waiting => Self::AwaitTools,
                TurnState::Accepted | TurnState::Ready => Self::Progress,
            };
        }
        match commit.calls.first() {
            Some(CallChange::Request { .. }) => Self::RequestCall,
            Some(CallChange::Claim { .. }) => Self::StartCall,
            Some(CallChange::Finish { .. }) => Self::FinishCall,
            None if commit.cancel.is_some() => Self::Cancel,
            None => Self::RecordDenial,
        }
    }
}
