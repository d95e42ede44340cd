//! What can happen to a ledger, drawn at random.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::Index;
use soma_core::budget::Tokens;
use soma_core::contract::talk::{Talk, talk_of};
use soma_core::conversation::event::Seq;
use soma_core::outbox::topic::Topic;
use soma_core::outbox::wire::Subject;
use soma_core::ports::work::Release;
use soma_core::tool::CallChange;
use soma_core::work::commit::{Cancel, Commit, WorkKind};
use soma_core::work::session::TurnState;

/// One thing that happens.
#[derive(Clone, Debug)]
pub(crate) enum Act {
    /// Someone commits; under a claim that was made before, maybe long ago.
    Commit { commit: Box<Commit>, under: Option<Index> },
    /// A record arrives; maybe under an older lease, or one that was applied.
    Arrive { talk: Talk, subject: Subject, lease: Lease },
    /// A worker ingests what was committed so long ago and has not arrived.
    TakeIn { kind: WorkKind, seconds: u64 },
    /// A worker wants work; maybe it does not know what it holds.
    Claim { kind: WorkKind, owner: u128, cap: usize, most: usize, knows: bool },
    /// A worker keeps a claim alive.
    Heartbeat(Index),
    /// A worker gives a claim up.
    Release { which: Index, how: Release, seconds: u64 },
    /// A worker stops.
    LeaveWork { kind: WorkKind, owner: u128 },
    /// Messages of a session's lane are published, or one is dead-lettered.
    Publish { talk: Talk, count: usize, dead_letter: bool },
    /// Memories are taken up and written, put off or dead-lettered.
    Remember { count: usize, fate: Fate },
    /// A batch reaches the replica.
    Replicate { talk: Talk, texts: Vec<&'static str>, lease: Lease },
    /// Tokens are asked for.
    Reserve { talk: Talk, call: u32, limit: Option<Tokens>, want: Tokens, least: Tokens },
    /// Tokens were used.
    Settle { talk: Talk, call: u32, used: Tokens },
    /// A session is erased.
    Erase(Talk),
    /// Sessions that were erased are forgotten; again after so many seconds, or not.
    Forget { count: usize, again: Option<u64> },
    /// Time passes.
    Pass { seconds: u64 },
}

/// Under which lease a batch comes.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Lease {
    /// One that was just acquired.
    Fresh,
    /// The same one again.
    Kept,
    /// One that another instance took over.
    Lost,
}

/// What becomes of a memory.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Fate {
    Written,
    PutOff,
    Buried,
    /// Whoever read it dies, and after a while its lease has ended.
    Abandoned,
}

/// The conversations: two tenants with two sessions each.
pub(crate) fn talks() -> Vec<Talk> {
    vec![talk_of("acme", 1), talk_of("acme", 2), talk_of("globex", 3), talk_of("globex", 4)]
}

/// Acts, in the order of time.
pub(crate) fn acts(count: usize) -> impl Strategy<Value = Vec<Act>> {
    vec(act(), 1..count)
}

fn act() -> impl Strategy<Value = Act> {
    let which = any::<Index>();
    prop_oneof![
        12 => (commit(), option::weighted(0.4, which.clone()))
            .prop_map(|(commit, under)| Act::Commit { commit: Box::new(commit), under }),
        8 => (talk(), subject_number(), lease()).prop_map(|(talk, (kind, number), lease)| {
            Act::Arrive { subject: subject(&talk, kind, number), talk, lease }
        }),
        1 => (kind(), 0..60_u64).prop_map(|(kind, seconds)| Act::TakeIn { kind, seconds }),
        5 => (kind(), 1..4_u128, 1..4_usize, 1..4_usize, proptest::bool::weighted(0.9)).prop_map(
            |(kind, owner, cap, most, knows)| Act::Claim { kind, owner, cap, most, knows }
        ),
        1 => (kind(), 1..4_u128).prop_map(|(kind, owner)| Act::LeaveWork { kind, owner }),
        2 => which.clone().prop_map(Act::Heartbeat),
        2 => (which, how(), 0..40_u64)
            .prop_map(|(which, how, seconds)| Act::Release { which, how, seconds }),
        2 => (talk(), 0..4_usize, any::<bool>())
            .prop_map(|(talk, count, dead_letter)| Act::Publish { talk, count, dead_letter }),
        2 => (1..4_usize, fate()).prop_map(|(count, fate)| Act::Remember { count, fate }),
        1 => (talk(), vec(text(), 0..3), lease())
            .prop_map(|(talk, texts, lease)| Act::Replicate { talk, texts, lease }),
        2 => (payer(), 1..4_u32, option::of(0..200_u64), 0..90_u64, 0..40_u64).prop_map(
            |(talk, call, limit, want, least)| Act::Reserve { talk, call, limit, want, least }
        ),
        1 => (payer(), 1..4_u32, 0..90_u64)
            .prop_map(|(talk, call, used)| Act::Settle { talk, call, used }),
        1 => talk().prop_map(Act::Erase),
        1 => (0..3_usize, option::of(0..90_u64))
            .prop_map(|(count, again)| Act::Forget { count, again }),
        2 => (1..45_u64).prop_map(|seconds| Act::Pass { seconds }),
    ]
}

fn talk() -> impl Strategy<Value = Talk> {
    // Mostly few sessions, so that what happens to one adds up; rarely one under a wrong tenant.
    prop_oneof![
        6 => Just(talk_of("acme", 1)),
        3 => proptest::sample::select(talks()),
        1 => Just(talk_of("globex", 1)),
    ]
}

/// Never under a wrong tenant: a turn is one tenant's, and so is what it sets aside.
fn payer() -> impl Strategy<Value = Talk> {
    proptest::sample::select(talks())
}

fn text() -> impl Strategy<Value = &'static str> {
    proptest::sample::select(&["a", "b", "c", "d", "e"][..])
}

fn kind() -> impl Strategy<Value = WorkKind> {
    prop_oneof![3 => Just(WorkKind::Turns), 2 => Just(WorkKind::Calls)]
}

fn how() -> impl Strategy<Value = Release> {
    proptest::sample::select(&[Release::Orderly, Release::Failed][..])
}

fn lease() -> impl Strategy<Value = Lease> {
    prop_oneof![6 => Just(Lease::Fresh), 1 => Just(Lease::Kept), 1 => Just(Lease::Lost)]
}

fn fate() -> impl Strategy<Value = Fate> {
    use Fate::{Abandoned, Buried, PutOff, Written};
    proptest::sample::select(&[Written, PutOff, Buried, Abandoned][..])
}

fn subject_number() -> impl Strategy<Value = (u8, u32)> {
    (0..4_u8, 0..3_u32)
}

fn subject(talk: &Talk, kind: u8, number: u32) -> Subject {
    match kind {
        0 | 1 => Subject::Turn(talk.turn(number + 1)),
        2 => Subject::ToolRequest(talk.call(number as usize)),
        _ => Subject::ToolResult(talk.call(number as usize)),
    }
}

/// What a gateway, a worker or an executor would commit, sometimes against better knowledge.
fn commit() -> impl Strategy<Value = Commit> {
    let turn = 1..4_u32;
    prop_oneof![
        4 => (talk(), turn.clone()).prop_map(|(talk, turn)| talk.accepts(turn)),
        2 => (talk(), turn.clone()).prop_map(|(talk, turn)| talk.ends(turn)),
        1 => (talk(), turn.clone(), 0..4_u32)
            .prop_map(|(talk, turn, from)| talk.survives(turn, from)),
        2 => (talk(), turn, 0..4_u32, state()).prop_map(|(talk, turn, from, state)| {
            talk.progresses(turn, from, state)
        }),
        2 => (talk(), 1..3_usize).prop_map(|(talk, calls)| talk.asks(calls)),
        1 => (talk(), 0..3_usize).prop_map(|(talk, call)| talk.takes_on(call)),
        1 => (talk(), 0..3_usize).prop_map(|(talk, call)| talk.finishes(call)),
        3 => (talk(), text()).prop_map(|(talk, text)| talk.says(text)),
    ]
    .prop_flat_map(|commit| (Just(commit), vec(extra(), 0..4)))
    .prop_map(|(commit, extras)| extras.into_iter().fold(commit, |c, extra| extra.added_to(c)))
}

fn state() -> impl Strategy<Value = TurnState> {
    proptest::sample::select(&[TurnState::Ready, TurnState::Waiting, TurnState::Done][..])
}

/// What a commit may hold beside its purpose.
#[derive(Clone, Copy, Debug)]
enum Extra {
    OpensNothing,
    OnlyIfIdle,
    Expects(u64),
    Request { key: &'static str, asked: &'static str },
    Cancel(Cancel),
    Reserve { call: u32, amount: Tokens },
    Settle { call: u32, used: Tokens },
    Memory(&'static str),
    Message(&'static str),
    Letter(&'static str),
    CallOfAClient,
    Releases,
}

fn extra() -> impl Strategy<Value = Extra> {
    let cancel = proptest::sample::select(&[Cancel::Running, Cancel::All][..]);
    prop_oneof![
        2 => Just(Extra::OpensNothing),
        2 => Just(Extra::OnlyIfIdle),
        2 => (0..6_u64).prop_map(Extra::Expects),
        3 => (text(), text()).prop_map(|(key, asked)| Extra::Request { key, asked }),
        3 => cancel.prop_map(Extra::Cancel),
        2 => (1..4_u32, 0..90_u64).prop_map(|(call, amount)| Extra::Reserve { call, amount }),
        2 => (1..4_u32, 0..90_u64).prop_map(|(call, used)| Extra::Settle { call, used }),
        3 => text().prop_map(Extra::Memory),
        3 => text().prop_map(Extra::Message),
        2 => text().prop_map(Extra::Letter),
        1 => Just(Extra::CallOfAClient),
        2 => Just(Extra::Releases),
    ]
}

impl Extra {
    fn added_to(self, mut commit: Commit) -> Commit {
        let talk = Talk { tenant: commit.tenant.clone(), session_id: commit.session_id };
        match self {
            Self::OpensNothing => commit.open = None,
            Self::OnlyIfIdle => commit.only_if_idle = true,
            Self::Expects(count) => commit.expected = Some(Seq(count)),
            Self::Request { key, asked } => commit.request = Some(talk.request(key, asked, 1)),
            Self::Cancel(cancel) => commit.cancel = Some(cancel),
            Self::Reserve { .. } | Self::Settle { .. } if !talks().contains(&talk) => {}
            Self::Reserve { call, amount } => commit.usage.push(talk.reserves(call, amount)),
            Self::Settle { call, used } => {
                commit.usage.push(talk.settles(call, used));
            }
            Self::Releases => commit.release = true,
            Self::Memory(text) => commit.memory.push(talk.memory(text)),
            Self::Message(text) => {
                commit.outbox.push(talk.message(Topic::ToolRequests, text));
            }
            Self::Letter(text) => commit.dead.push(talk.letter(text)),
            Self::CallOfAClient => {
                let call = talk.tool_call(2);
                commit.calls.push(CallChange::Request { turn_id: None, call });
            }
        }
        commit
    }
}
