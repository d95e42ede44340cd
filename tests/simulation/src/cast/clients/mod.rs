//! Clients: each has one conversation, and comes back wherever it lost the stream.

mod errands;
mod reading;

use std::collections::BTreeSet;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::future::{Either, join_all, select};
use serde_json::{Map, json};
use soma_core::flows::follow_session::Frames;
use soma_core::flows::refusal::Refusal;
use soma_core::flows::submit_message::{NewMessage, WhenBusy};
use soma_core::flows::world::World;
use soma_core::identity::{Principal, Scope};
use soma_core::ids::{SessionId, TenantId, TurnId};
use soma_core::time::Timestamp;
use soma_core::work::commit::Receipt;
use soma_simulated::{Chance, Process};

use super::acts::{Act, Denied, Part};
use super::gateways::Gateways;
use super::view::View;
use crate::audit::{Audit, Invariant};
use crate::platform::Gateway;

/// The longest that a client waits before it tries again.
const PAUSE: Duration = Duration::from_millis(800);

/// The conversations that were opened so far, and whose.
#[derive(Debug, Default)]
pub struct Opened(Mutex<Vec<(TenantId, SessionId)>>);

impl Opened {
    fn all(&self) -> MutexGuard<'_, Vec<(TenantId, SessionId)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What clients share.
#[derive(Clone)]
pub struct Street {
    /// Where they live: it never dies.
    pub process: Process,
    /// Time and ids.
    pub world: World,
    /// The way in.
    pub gateways: Arc<dyn Gateways>,
    /// What they see is checked.
    pub audit: Arc<Audit>,
    /// The conversations there are.
    pub opened: Arc<Opened>,
}

soma_core::opaque_debug!(Street);

/// A client.
pub struct Client {
    street: Street,
    chance: Chance,
    part: Part,
    caller: Principal,
    session: Option<SessionId>,
    /// Turns whose end it is owed.
    owed: BTreeSet<TurnId>,
    /// The last message that was accepted, and what it was told.
    accepted: Option<(NewMessage, Receipt)>,
    view: View,
    stream: Option<Stream>,
    /// Since when it has done nothing but follow, if it does.
    follows_since: Option<Timestamp>,
    /// When it saw the first piece of the running answer.
    first_shown: Option<Timestamp>,
    last: Option<u32>,
}

/// What a client follows.
struct Stream {
    frames: Frames,
    gateway: Gateway,
    /// The turn with whose end it ends, if it does; the client knows of no newer one.
    until: Option<TurnId>,
}

/// Someone of this tenant.
fn principal(tenant: &TenantId) -> Principal {
    Principal {
        tenant: tenant.clone(),
        subject: "someone".into(),
        scopes: BTreeSet::from([Scope::Chat]),
    }
}

impl Client {
    /// A client that is going to do its part.
    pub fn new(street: Street, chance: Chance, part: Part) -> Self {
        Self {
            caller: principal(&part.tenant),
            view: View::new(Arc::clone(&street.audit)),
            session: None,
            owed: BTreeSet::new(),
            accepted: None,
            stream: None,
            follows_since: None,
            first_shown: None,
            last: None,
            street,
            chance,
            part,
        }
    }

    /// Does its part, and then follows until it has seen the end of all that it was promised.
    pub async fn run(mut self) {
        let acts = std::mem::take(&mut self.part.acts);
        for (_, act) in acts {
            let Some(session) = self.session else {
                if let Act::Say { .. } = act {
                    self.say(act).await;
                }
                continue;
            };
            match act {
                Act::Say { .. } => self.say(act).await,
                Act::Read { span, pause } => self.read(span, pause).await,
                Act::SayAgain => self.say_again().await,
                Act::Misuse => self.misuse().await,
                Act::Wait(span) => self.street.world.timer.sleep(span).await,
                Act::Leave => self.stream = None,
                Act::Cancel => self.cancel(session).await,
                Act::Request(initial) => self.request(session, initial).await,
                Act::Pry => self.pry().await,
                Act::Look => self.look(session).await,
                Act::Delete => return self.delete(session).await,
            }
        }
        self.follows_since = Some(self.street.world.clock.now());
        while !self.owed.is_subset(&self.view.ended) {
            self.follow().await;
        }
    }

    async fn say(&mut self, act: Act) {
        let Act::Say { words, when_busy, denied, escalated, copies } = act else { return };
        let key = format!("key-{}", words.number);
        let text = words.to_string();
        let mut metadata = Map::new();
        if denied == Denied::Yes {
            metadata.insert("deny".into(), json!(true));
        }
        if escalated {
            metadata.insert("escalate".into(), json!(true));
        }
        let message = NewMessage {
            session_id: self.session,
            message: text.clone(),
            when_busy,
            metadata,
            idempotency_key: Some(key.clone()),
            ..NewMessage::default()
        };
        self.note(|| format!("says {text:?} ({when_busy:?}, {copies} times)"));
        let audit = Arc::clone(&self.street.audit);
        let was_busy = self.session.is_some_and(|session| audit.is_busy(session));
        match self.submit(&message, copies).await {
            Ok(receipt) => {
                audit.accepted_when_busy(receipt.turn_id, when_busy);
                self.street.audit.acknowledged(&receipt, &key, &text, &self.caller.tenant);
                self.owed.insert(receipt.turn_id);
                self.accepted = Some((message, receipt));
                if self.session.is_none() {
                    self.session = Some(receipt.session_id);
                    let opened = (self.caller.tenant.clone(), receipt.session_id);
                    self.street.opened.all().push(opened);
                }
            }
            Err(Refusal::Busy) if when_busy == WhenBusy::Reject => {
                audit.refused(&self.caller.tenant, &key);
                if !was_busy {
                    audit.violate(Invariant::Busy, format!("{key} was refused in an idle session"));
                }
            }
            Err(refusal) => {
                let what = format!("a good message was refused: {refusal}");
                self.street.audit.violate(Invariant::NothingLost, what);
            }
        }
    }

    /// Says again what was accepted, under the same key: it is the same turn, done or not.
    async fn say_again(&mut self) {
        let Some((message, receipt)) = self.accepted.clone() else { return };
        self.note(|| format!("says {:?} again", message.message));
        match self.submit(&message, 1).await {
            Ok(again) if again == receipt => {}
            answer => {
                let what = format!("a key had the answer {receipt:?}, and then {answer:?}");
                self.street.audit.violate(Invariant::NothingDuplicated, what);
            }
        }
    }

    /// Says something else, or the same in another session, under a key that was used.
    async fn misuse(&mut self) {
        let Some((mut message, _)) = self.accepted.clone() else { return };
        if self.chance.one_in(2) {
            message.message.push_str(" or not");
        } else {
            let is_first = message.session_id.is_none();
            message.session_id = self.session.filter(|_| is_first);
        }
        self.note(|| format!("says {:?} under a key that was used", message.message));
        let answer = self.submit(&message, 1).await;
        if !matches!(answer, Err(Refusal::KeyReused)) {
            let what = format!("a key was used for something else: {answer:?}");
            self.street.audit.violate(Invariant::RefusedIsAbsent, what);
        }
    }

    /// Submits until it is accepted or refused, all copies at once.
    async fn submit(&mut self, message: &NewMessage, copies: u64) -> Result<Receipt, Refusal> {
        loop {
            let gateways: Vec<Gateway> = (0..copies).filter_map(|_| self.gateway()).collect();
            let caller = &self.caller;
            let asked = gateways.iter().map(|gateway| async move {
                let submitted = gateway.submit.run(caller, message.clone());
                match select(pin!(submitted), pin!(gateway.gone.wait())).await {
                    Either::Left((answer, _)) => Some(answer),
                    Either::Right(_) => None,
                }
            });
            let answers = join_all(asked).await;
            let mut known = None;
            // A copy whose answer was lost may be accepted after another was refused.
            let mut unsure = false;
            for answer in answers {
                match (answer, &known) {
                    (
                        None
                        | Some(Err(Refusal::Port(_) | Refusal::TooMany(_) | Refusal::Overloaded(_))),
                        _,
                    ) => unsure = true,
                    (Some(Ok(receipt)), Some(Ok(first))) if receipt != *first => {
                        let what = format!("one key had two answers: {first:?}, {receipt:?}");
                        self.street.audit.violate(Invariant::NothingDuplicated, what);
                    }
                    (Some(Err(_)), Some(Ok(_))) => {}
                    (Some(answer), _) => known = Some(answer),
                }
            }
            match known {
                Some(answer) if answer.is_ok() || !unsure => return answer,
                Some(_) | None => {}
            }
            self.pause().await;
        }
    }

    /// Asks until a gateway has answered.
    async fn insist<T, F>(&mut self, question: impl Fn(Gateway) -> F) -> Result<T, Refusal>
    where
        F: Future<Output = Result<T, Refusal>>,
    {
        loop {
            if let Some(gateway) = self.gateway() {
                let gone = gateway.gone.clone();
                let (asked, gone) = (pin!(question(gateway)), pin!(gone.wait()));
                match select(asked, gone).await {
                    Either::Left((Err(Refusal::Port(_)), _)) | Either::Right(_) => {}
                    Either::Left((answer, _)) => return answer,
                }
            }
            self.pause().await;
        }
    }

    fn gateway(&mut self) -> Option<Gateway> {
        let (number, gateway) = self.street.gateways.pick(&mut self.chance, self.last)?;
        self.last = Some(number);
        Some(gateway)
    }

    async fn pause(&mut self) {
        let span = self.chance.span(PAUSE / 8, PAUSE);
        self.street.world.timer.sleep(span).await;
    }

    fn note(&self, what: impl FnOnce() -> String) {
        self.street.process.note(|| match self.session {
            Some(session) => format!("{session}: {}", what()),
            None => what(),
        });
    }
}

soma_core::opaque_debug!(Client);
