//! Every port, listed once: what can be asked of it, and how a decorated one passes that on.

use std::time::Duration;

use async_trait::async_trait;
use soma_core::budget::account::Balance;
use soma_core::budget::window::BudgetWindow;
use soma_core::budget::{Account, Grant, Reservation, ReservationRequest, Tokens};
use soma_core::conversation::event::{Event, Seq};
use soma_core::conversation::model::ModelFailure;
use soma_core::identity::Principal;
use soma_core::identity::credentials::Credentials;
use soma_core::ids::{CallId, OwnerId, SessionId, TenantId, TurnId};
use soma_core::memory::{MemoryHit, MemoryWrite, RecallQuery};
use soma_core::outbox::lane::Lane;
use soma_core::outbox::message::{OutboxRow, Record};
use soma_core::outbox::partition::Partition;
use soma_core::outbox::topic::Topic;
use soma_core::policy::{Decision, PolicyRequest};
use soma_core::ports::dead_letters::{KeptLetter, LetterDepth, LetterRange, Redriven};
use soma_core::ports::leases::Renewed;
use soma_core::ports::log::{Bounds, Fetched};
use soma_core::ports::memory_queue::{DueForget, DueWrite, SettledWrite};
use soma_core::ports::model::{ModelRequest, ModelStream};
use soma_core::ports::outbox::{OutboxDepth, Settlement};
use soma_core::ports::rate_limit::{Admission, Rate};
use soma_core::ports::tool::ToolContext;
use soma_core::ports::vault::KeyRecord;
use soma_core::ports::work::{Claim, ClaimRequest, Claimed, Heartbeat, Holding, Release};
use soma_core::ports::{
    Authenticator, Budget, Cache, DeadLetters, Decisions, Leases, Log, Memory, MemoryQueue, Model,
    Outbox, Policy, PortResult, RateLimit, Replica, Store, Toolbox, UsageLedger, Vault, Work,
};
use soma_core::time::Timestamp;
use soma_core::tool::{CallRecord, ToolCall, ToolOutcome, ToolSpec};
use soma_core::work::backlog::Backlog;
use soma_core::work::commit::{Commit, CommitOutcome, WorkKind};
use soma_core::work::ingest::{BatchOutcome, ReplicaBatch, WorkBatch};
use soma_core::work::lease::{Member, PartitionLease, Resource};
use soma_core::work::session::{EventRange, Session, TurnRecord};
use uuid::Uuid;

use crate::decorated::{Decorated, Intercept};
use crate::point::{Effect, OwnPoint};

/// A line `Name: Reads method(argument: Type) -> Reply;` makes the point `Name`, and a method that
/// asks the intercept whether and how often the inner port is asked. Methods that cannot be written
/// as such a line stand in braces before the list, and the points they use in brackets.
macro_rules! ports {
    ($(
        $port:ident $([$($own_point:ident: $own_effect:ident $what:literal,)*] {$($own:tt)*})? {
            $($point:ident: $effect:ident
                $method:ident($($argument:ident: $type:ty),*) -> $reply:ty;)*
        }
    )+) => {
        /// A method of a port; a commit by what it is for.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[expect(missing_docs, reason = "each is the method of its name")]
        pub enum Point {
            $($($($own_point,)*)? $($point,)*)+
            Own(OwnPoint),
        }

        impl Point {
            /// Every point of the platform's ports.
            pub const ALL: &[Self] =
                &[$($($(Self::$own_point,)*)? $(Self::$point,)*)+];

            /// The port that is asked.
            pub const fn port(self) -> &'static str {
                match self {$(
                    $($(Self::$own_point => stringify!($port),)*)?
                    $(Self::$point => stringify!($port),)*
                )+
                    Self::Own(own) => own.port,
                }
            }

            /// What it is asked for.
            pub const fn method(self) -> &'static str {
                match self {$(
                    $($(Self::$own_point => $what,)*)?
                    $(Self::$point => stringify!($method),)*
                )+
                    Self::Own(own) => own.method,
                }
            }

            /// Whether asking changes something.
            pub const fn effect(self) -> Effect {
                match self {$(
                    $($(Self::$own_point => Effect::$own_effect,)*)?
                    $(Self::$point => Effect::$effect,)*
                )+
                    Self::Own(own) => own.effect,
                }
            }
        }

        $(
            #[async_trait]
            impl<P, I> $port for Decorated<P, I>
            where
                P: $port + ?Sized,
                I: Intercept,
            {
                $($($own)*)?
                $(
                    async fn $method(&self, $($argument: $type),*) -> PortResult<$reply> {
                        let ask = || self.inner.$method($(Clone::clone(&$argument)),*);
                        self.intercept.call(Point::$point, ask).await
                    }
                )*
            }
        )+
    };
}

ports! {
    Store [
        Accept: Writes "commit accept",
        Cancel: Writes "commit cancel",
        Progress: Writes "commit progress",
        AwaitTools: Writes "commit await tools",
        EndTurn: Writes "commit end",
        RequestCall: Writes "commit request call",
        StartCall: Writes "commit start call",
        FinishCall: Writes "commit finish call",
        RecordDenial: Writes "commit denial",
    ] {
        async fn commit(&self, commit: Commit) -> PortResult<CommitOutcome> {
            self.intercept.call(Point::of(&commit), || self.inner.commit(commit.clone())).await
        }
    } {
        Session: Reads session(tenant: &TenantId, session: SessionId) -> Option<Session>;
        Sessions: Reads sessions(
            tenant: &TenantId,
            after: Option<(Timestamp, SessionId)>,
            limit: usize
        ) -> Vec<Session>;
        Heads: Reads heads(sessions: &[(TenantId, SessionId)]) -> Vec<Option<Seq>>;
        Events: Reads events(
            tenant: &TenantId,
            session: SessionId,
            range: EventRange,
            limit: usize
        ) -> Vec<Event>;
        Turn: Reads turn(turn: TurnId) -> Option<TurnRecord>;
        OpenCalls: Reads open_calls(session: SessionId) -> Vec<CallRecord>;
        Call: Reads call(call: CallId) -> Option<CallRecord>;
        Erase: Writes erase(tenant: &TenantId, session: SessionId, at: Timestamp) -> bool;
    }
    Work {
        Ingest: Writes ingest(batch: WorkBatch) -> BatchOutcome;
        RecoverOverdue: Writes recover_overdue(kind: WorkKind, age: Duration, limit: usize) -> usize;
        Claim: Writes claim(request: ClaimRequest) -> Claimed;
        Heartbeat: Writes heartbeat(
            kind: WorkKind,
            owner: OwnerId,
            holding: &[Holding],
            ttl: Duration
        ) -> Heartbeat;
        ReleaseClaim: Writes release(claim: &Claim, how: Release, delay: Duration) -> ();
        LeaveWork: Writes leave(kind: WorkKind, owner: OwnerId) -> ();
        WorkBacklog: Reads backlog(kind: WorkKind) -> Backlog;
        WorkDepth: Reads depth(kind: WorkKind) -> usize;
    }
    Leases {
        Acquire: Writes acquire(
            resources: &[Resource],
            most: usize,
            owner: OwnerId,
            ttl: Duration
        ) -> Vec<PartitionLease>;
        Renew: Writes renew(member: &Member, leases: &[PartitionLease], ttl: Duration) -> Renewed;
        Release: Writes release(leases: &[PartitionLease]) -> ();
        Leave: Writes leave(member: &Member, leases: &[PartitionLease]) -> ();
    }
    Outbox {
        ReadOutbox: Reads read(lanes: &[Lane], after: u64, limit: usize) -> Vec<OutboxRow>;
        SettleOutbox: Writes settle(settlements: &[Settlement]) -> Vec<bool>;
        OutboxDepth: Reads depth() -> OutboxDepth;
    }
    DeadLetters {
        ListLetters: Reads list(
            topic: Option<Topic>,
            range: LetterRange,
            limit: usize
        ) -> Vec<KeptLetter>;
        Letter: Reads letter(id: Uuid) -> Option<KeptLetter>;
        Redrive: Writes redrive(ids: &[Uuid], at: Timestamp) -> Vec<Redriven>;
        DropLetters: Writes drop_letters(ids: &[Uuid]) -> Vec<bool>;
        LetterDepth: Reads depth() -> Vec<LetterDepth>;
    }
    Decisions {
        RecordDecisions: Writes record(
            tenant: &TenantId,
            decisions: &[Decision],
            at: Timestamp
        ) -> ();
    }
    MemoryQueue {
        DueMemory: Reads due(lanes: &[PartitionLease], limit: usize) -> Vec<DueWrite>;
        SettleMemory: Writes settle(
            lanes: &[PartitionLease],
            settlements: &[SettledWrite]
        ) -> Vec<bool>;
        DueForgets: Reads forgets(limit: usize) -> Vec<DueForget>;
        Forgot: Writes forgot(forget: &DueForget, again_after: Option<Duration>) -> ();
        Backlog: Reads backlog() -> u64;
    }
    Replica {
        Replicate: Writes apply(batch: ReplicaBatch) -> BatchOutcome;
    }
    Budget {
        Reserve: Writes reserve(request: &ReservationRequest) -> Grant;
        SettleBudget: Writes settle(reservation: &Reservation, used: Tokens) -> ();
        RefreshBudget: Writes refresh(account: &Account, window: BudgetWindow) -> ();
    }
    UsageLedger {
        Balance: Reads balance(account: &Account, window: BudgetWindow) -> Balance;
    }
    Log [] {
        fn partitions(&self, topic: Topic) -> u32 {
            self.inner.partitions(topic)
        }
    } {
        Publish: Writes publish(topic: Topic, partition: Partition, records: Vec<Record>) -> u64;
        Fetch: Reads fetch(
            topic: Topic,
            partition: Partition,
            offset: u64,
            max_bytes: usize,
            wait: Duration
        ) -> Fetched;
        Bounds: Reads bounds(topic: Topic, partition: Partition) -> Bounds;
    }
    Memory {
        Remember: Writes remember(writes: &[MemoryWrite]) -> Vec<PortResult<()>>;
        Recall: Reads recall(query: &RecallQuery) -> Vec<MemoryHit>;
        Forget: Writes forget_session(tenant: &TenantId, session: SessionId) -> ();
    }
    Policy {
        Decide: Reads decide(requests: &[PolicyRequest]) -> Vec<Decision>;
    }
    Model [Generate: Writes "generate",] {
        async fn generate(&self, request: ModelRequest) -> Result<ModelStream, ModelFailure> {
            self.intercept.generate(|| self.inner.generate(request.clone())).await
        }

        fn count(&self, text: &str) -> Tokens {
            self.inner.count(text)
        }

        fn describe(&self) -> String {
            self.inner.describe()
        }
    } {}
    Toolbox [RunTool: Writes "run",] {
        fn names(&self) -> Vec<String> {
            self.inner.names()
        }

        async fn run(&self, context: &ToolContext, call: &ToolCall) -> ToolOutcome {
            self.intercept.run(|| self.inner.run(context, call)).await
        }
    } {
        ToolSpecs: Reads specs(tenant: &TenantId) -> Vec<ToolSpec>;
    }
    Cache {
        GetCached: Reads get(session: SessionId) -> Option<Session>;
        PutCached: Writes put(session: &Session, ttl: Duration) -> ();
        DropCached: Writes drop_session(session: SessionId) -> ();
    }
    Vault {
        PutKey: Writes put_key(key: &KeyRecord) -> ();
        Key: Reads key(key_id: &str) -> Option<KeyRecord>;
        Keys: Reads keys(tenant: &TenantId) -> Vec<KeyRecord>;
        RemoveKey: Writes remove_key(tenant: &TenantId, key_id: &str) -> bool;
        PutSecret: Writes put_secret(provider: &str, sealed: &[u8]) -> ();
        Secret: Reads secret(provider: &str) -> Option<Vec<u8>>;
    }
    RateLimit {
        Admit: Writes admit(tenant: &TenantId, key: &str, rate: Rate) -> Admission;
    }
    Authenticator {
        Authenticate: Reads principal(credentials: &Credentials) -> Option<Principal>;
    }
}
