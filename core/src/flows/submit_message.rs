//! Accepts a person's message: durable before it is answered for.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value, json};

use super::overload::Gate;
use super::persist::persist;
use super::refusal::{FieldProblem, Refusal};
use super::texts::{has_nul, is_blank};
use super::world::World;
use crate::digest::Digest32;
use crate::identity::Principal;
use crate::ids::{EventId, PersonaId, SessionId, TurnId};
use crate::outbox::wire;
use crate::ports::rate_limit::{Admission, Rate};
use crate::ports::{Notification, RateLimit, Store};
use crate::trace::TraceContext;
use crate::turn::input::{Accepted, Input, RecordedInput};
use crate::turn::machine::Turn;
use crate::work::commit::{
    AcceptTurn, Cancel, ClientRequest, Commit, CommitOutcome, Fence, OpenSession, Receipt,
};

/// The longest message, in bytes of UTF-8.
pub const MAX_MESSAGE_BYTES: usize = 256 * 1024;
/// The most attachments of one message.
pub const MAX_ATTACHMENTS: usize = 32;
/// The most metadata of one message, in bytes of JSON.
pub const MAX_METADATA_BYTES: usize = 16 * 1024;
/// Names that identity claims for itself: a client's values under them are dropped.
const RESERVED: &[&str] =
    &["tenant", "subject", "issuer", "scope", "requeue_override", "analysis", "attachments"];
const TRIES: u32 = 4;

/// What to do if a turn of the session is running.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WhenBusy {
    /// Wait for its turn.
    #[default]
    Enqueue,
    /// Refuse the message.
    Reject,
    /// Cancel the running turn.
    Interrupt,
}

/// A message, as a client sends it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct NewMessage {
    /// The conversation it continues; none opens a new one.
    pub session_id: Option<SessionId>,
    /// The persona that is addressed.
    pub persona_id: Option<PersonaId>,
    /// What the person says: something to see, of at most [`MAX_MESSAGE_BYTES`].
    pub message: String,
    /// Ids of attachments, at most [`MAX_ATTACHMENTS`].
    pub attachments: Vec<String>,
    /// Anything else, at most [`MAX_METADATA_BYTES`] as JSON.
    pub metadata: Map<String, Value>,
    /// What to do if a turn of the session is running.
    pub when_busy: WhenBusy,
    /// The client's `Idempotency-Key`: the same key gives the same answer.
    pub idempotency_key: Option<String>,
    /// The trace that its request belongs to.
    pub trace: Option<TraceContext>,
}

/// Accepts messages.
#[derive(Clone)]
pub struct SubmitMessage {
    store: Arc<dyn Store>,
    limits: Arc<dyn RateLimit>,
    rate: Option<Rate>,
    gate: Option<Arc<Gate>>,
    world: World,
}

impl SubmitMessage {
    /// Builds the use case; `rate` limits each tenant.
    pub fn new(
        store: Arc<dyn Store>,
        limits: Arc<dyn RateLimit>,
        rate: Option<Rate>,
        world: World,
    ) -> Self {
        Self { store, limits, rate, gate: None, world }
    }

    /// The same, with a gate that refuses what would wait too long.
    #[must_use]
    pub fn behind(self, gate: Option<Arc<Gate>>) -> Self {
        Self { gate, ..self }
    }

    /// Accepts a message: once this answers, the message survives anything.
    ///
    /// # Errors
    ///
    /// [`Refusal`]; then nothing was written, unless it is a port's ambiguous error: then the same
    /// request with the same idempotency key tells.
    pub async fn run(&self, caller: &Principal, message: NewMessage) -> Result<Receipt, Refusal> {
        check(&message)?;
        self.admit(caller).await?;
        let key = message.idempotency_key.clone();
        let digest = digest(&message);
        let (commit, receipt) = self.commit(caller, message, key.map(|key| (key, digest)));
        match persist(&*self.store, &self.world, &commit, TRIES).await? {
            CommitOutcome::Committed(_) | CommitOutcome::AlreadyDone(_) => {
                self.world.wake.notify(Notification::Outbox);
                if commit.cancel.is_some() {
                    self.world.wake.notify(Notification::Cancel(receipt.session_id));
                }
                if let Some(gate) = &self.gate {
                    gate.accepted(&caller.tenant);
                }
                Ok(receipt)
            }
            CommitOutcome::Answered(first) => Ok(first),
            CommitOutcome::KeyReused => Err(Refusal::KeyReused),
            CommitOutcome::Conflict if commit.only_if_idle => Err(Refusal::Busy),
            CommitOutcome::Conflict => {
                let pause = match &self.gate {
                    Some(gate) => gate.pause_of_session().await,
                    None => Duration::ZERO,
                };
                Err(Refusal::TooMany(pause))
            }
            CommitOutcome::NoSession
            | CommitOutcome::Fenced
            | CommitOutcome::TurnDone
            | CommitOutcome::OverBudget => Err(Refusal::NoSession),
        }
    }

    async fn admit(&self, caller: &Principal) -> Result<(), Refusal> {
        if let Some(rate) = self.rate {
            let asked = self.limits.admit(&caller.tenant, "message", rate);
            if let Admission::RetryAfter(wait) = asked.await? {
                return Err(Refusal::TooMany(wait));
            }
        }
        match &self.gate {
            Some(gate) => gate.admit(&caller.tenant).await,
            None => Ok(()),
        }
    }

    fn commit(
        &self,
        caller: &Principal,
        message: NewMessage,
        key: Option<(String, Digest32)>,
    ) -> (Commit, Receipt) {
        let now = self.world.clock.now();
        let turn_id = TurnId::from_uuid(self.world.ids.uuid());
        let event_id = EventId::derived(turn_id, "message");
        let opens = message.session_id.is_none();
        let session_id =
            message.session_id.unwrap_or_else(|| SessionId::from_uuid(self.world.ids.uuid()));
        let mut metadata = message.metadata;
        metadata.retain(|name, _| !RESERVED.contains(&name.as_str()));
        let accepted = Accepted {
            tenant: caller.tenant.clone(),
            session_id,
            event_id,
            persona_id: message.persona_id.clone(),
            message: message.message,
            attachments: message.attachments,
            metadata,
            trace: message.trace,
        };
        let receipt = Receipt { session_id, event_id, turn_id };
        let mut commit = Commit::new(caller.tenant.clone(), session_id, Fence::Open, now);
        commit.trace.clone_from(&accepted.trace);
        commit.request = key.map(|(key, digest)| ClientRequest { key, digest, answer: receipt });
        commit.open = opens.then(|| OpenSession { persona_id: message.persona_id.clone() });
        commit.only_if_idle = message.when_busy == WhenBusy::Reject;
        commit.most_unfinished = self.gate.as_ref().map(|gate| gate.per_session());
        commit.cancel = (message.when_busy == WhenBusy::Interrupt).then_some(Cancel::Running);
        commit.outbox = vec![wire::inbound(turn_id, &accepted)];
        let input = Input::Accepted(accepted);
        if let Ok(step) = Turn::new(turn_id).step(input.clone(), now) {
            let drafts = step.effects.record.into_iter();
            commit.events = drafts
                .map(|draft| {
                    let persona = message.persona_id.clone();
                    draft.seal(Some(turn_id), persona, now, self.world.ids.nonce())
                })
                .collect();
        }
        commit.accept = Some(AcceptTurn { turn_id, input: RecordedInput { input, at: now } });
        (commit, receipt)
    }
}

crate::opaque_debug!(SubmitMessage);

/// What the idempotency key stands for.
fn digest(message: &NewMessage) -> Digest32 {
    Digest32::of_json(&json!({
        "session_id": message.session_id,
        "persona_id": message.persona_id,
        "message": message.message,
        "attachments": message.attachments,
        "metadata": message.metadata,
        "when_busy": format!("{:?}", message.when_busy),
    }))
}

fn check(message: &NewMessage) -> Result<(), Refusal> {
    if message.message.len() > MAX_MESSAGE_BYTES {
        return Err(Refusal::TooLarge { field: "message", limit: MAX_MESSAGE_BYTES });
    }
    if json!(message.metadata).to_string().len() > MAX_METADATA_BYTES {
        return Err(Refusal::TooLarge { field: "metadata", limit: MAX_METADATA_BYTES });
    }
    let mut problems = Vec::new();
    let mut wrong = |field: &str, problem: &str| {
        problems.push(FieldProblem { field: field.into(), problem: problem.into() });
    };
    if is_blank(&message.message) {
        wrong("message", "must not be empty");
    }
    if message.message.contains('\0') {
        wrong("message", "must not contain a NUL character");
    }
    if message.attachments.len() > MAX_ATTACHMENTS {
        wrong("attachments", "must be at most 32");
    }
    if message.attachments.iter().any(|id| id.is_empty() || id.len() > 256 || id.contains('\0')) {
        wrong("attachments", "each must have 1 to 256 bytes and no NUL character");
    }
    if message.metadata.iter().any(|(name, value)| name.contains('\0') || has_nul(value)) {
        wrong("metadata", "must not contain a NUL character");
    }
    if let Some(key) = &message.idempotency_key
        && !((1..=255).contains(&key.len()) && key.bytes().all(|b| b.is_ascii_graphic()))
    {
        wrong("Idempotency-Key", "must have 1 to 255 visible ASCII characters");
    }
    if problems.is_empty() { Ok(()) } else { Err(Refusal::Invalid(problems)) }
}
