//! Clients: each has one conversation, and comes back wherever it lost the stream.

use std::collections::BTreeSet;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::future::{Either, join_all, select};
use serde_json::{Map, json};
use soma_core::flows::follow_session::{Frames, Until};
use soma_core::flows::refusal::Refusal;
use soma_core::flows::request_tool::NewToolRequest;
use soma_core::flows::submit_message::{NewMessage, WhenBusy};
use soma_core::flows::world::World;
use soma_core::identity::{Principal, Scope};
use soma_core::ids::{SessionId, TenantId, TurnId};
use soma_core::work::commit::Receipt;
use soma_simulated::{Chance, Process};

use super::acts::{Act, Denied, Part};
use super::gateways::Gateways;
use super::tools::name_of;
use super::view::View;
use super::words::Words;
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

/// A client.
pub struct Client {
    street: Street,
    chance: Chance,
    part: Part,
    caller: Principal,
    session: Option<SessionId>,
    /// Turns whose end it is owed.
    owed: BTreeSet<TurnId>,
    view: View,
    stream: Option<(Frames, Gateway)>,
    last: Option<u32>,
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
            stream: None,
            last: None,
            street,
            chance,
            part,
        }
    }

    /// Does its part, and then follows until it has seen the end of all that it was promised.
    pub async fn run(mut self) {
        let acts = std::mem::take(&mut self.part.acts);
        for (place, act) in acts {
            let Some(session) = self.session else {
                if let Act::Say { .. } = act {
                    self.say(place, act).await;
                }
                continue;
            };
            match act {
                Act::Say { .. } => self.say(place, act).await,
                Act::Read(span) => self.read(span).await,
                Act::Wait(span) => self.street.world.timer.sleep(span).await,
                Act::Leave => self.stream = None,
                Act::Cancel => self.cancel(session).await,
                Act::Request(initial) => self.request(session, initial).await,
                Act::Pry => self.pry().await,
                Act::Look => self.look(session).await,
                Act::Delete => return self.delete(session).await,
            }
        }
        while !self.owed.is_subset(&self.view.ended) {
            self.follow().await;
        }
    }

    async fn say(&mut self, place: usize, act: Act) {
        let Act::Say { words, when_busy, denied, copies } = act else { return };
        let key = format!("key-{place}");
        let text = words.to_string();
        let mut metadata = Map::new();
        if denied == Denied::Yes {
            metadata.insert("deny".into(), json!(true));
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
        match self.submit(&message, copies).await {
            Ok(receipt) => {
                self.street.audit.acknowledged(&receipt, &key, &text, &self.caller.tenant);
                self.owed.insert(receipt.turn_id);
                if self.session.is_none() {
                    self.session = Some(receipt.session_id);
                    let opened = (self.caller.tenant.clone(), receipt.session_id);
                    self.street.opened.all().push(opened);
                }
            }
            Err(Refusal::Busy) if when_busy == WhenBusy::Reject => {
                self.street.audit.refused(&self.caller.tenant, &key);
            }
            Err(refusal) => {
                let what = format!("a good message was refused: {refusal}");
                self.street.audit.violate(Invariant::NothingLost, what);
            }
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
            let answers: Vec<_> = join_all(asked).await.into_iter().flatten().collect();
            let mut known = None;
            for answer in answers {
                match (answer, &known) {
                    (Err(Refusal::Port(_) | Refusal::TooMany(_)), _) => {}
                    (Ok(receipt), Some(Ok(first))) if receipt != *first => {
                        let what = format!("one key had two answers: {first:?}, {receipt:?}");
                        self.street.audit.violate(Invariant::NothingDuplicated, what);
                    }
                    (Err(_), Some(Ok(_))) => {}
                    (answer, _) => known = Some(answer),
                }
            }
            if let Some(answer) = known {
                return answer;
            }
            self.pause().await;
        }
    }

    async fn cancel(&mut self, session: SessionId) {
        self.note(|| "cancels".into());
        let caller = self.caller.clone();
        let done = self.insist(|gateway| {
            let caller = caller.clone();
            async move { gateway.cancel.run(&caller, session).await }
        });
        if let Err(refusal) = done.await {
            let what = format!("a cancellation was refused: {refusal}");
            self.street.audit.violate(Invariant::NothingLost, what);
        }
    }

    async fn request(&mut self, session_id: SessionId, initial: char) {
        self.note(|| format!("asks for {}", name_of(initial)));
        let request =
            NewToolRequest { session_id, tool_name: name_of(initial).into(), args: Map::new() };
        if let Some(gateway) = self.gateway() {
            let asked = gateway.request_tool.run(&self.caller, request);
            drop(select(pin!(asked), pin!(gateway.gone.wait())).await);
        }
    }

    async fn delete(&mut self, session: SessionId) {
        self.note(|| "deletes its session".into());
        let caller = self.caller.clone();
        let done = self.insist(|gateway| {
            let caller = caller.clone();
            async move { gateway.delete.run(&caller, session).await }
        });
        // Gone already: an earlier request did it, and its answer was lost.
        if let Err(refusal) = done.await
            && !matches!(refusal, Refusal::NoSession)
        {
            let what = format!("a deletion was refused: {refusal}");
            self.street.audit.violate(Invariant::NothingLost, what);
        }
        let caller = self.caller.clone();
        let found = self.insist(|gateway| {
            let caller = caller.clone();
            async move { gateway.read.run(&caller, session).await }
        });
        if found.await.is_ok() {
            let what = format!("{session} was deleted, and is there");
            self.street.audit.violate(Invariant::TenantIsolation, what);
        }
    }

    /// Looks at its own session and at the list of its tenant's.
    async fn look(&mut self, session: SessionId) {
        let Some(gateway) = self.gateway() else { return };
        let caller = self.caller.clone();
        let looked = async {
            let found = gateway.read.run(&caller, session).await?;
            let listed = gateway.list.run(&caller, None, 50).await?;
            Ok::<_, Refusal>((found, listed))
        };
        if let Either::Left((Ok((found, listed)), _)) =
            select(pin!(looked), pin!(gateway.gone.wait())).await
        {
            let ours = listed.items.iter().all(|one| one.tenant == caller.tenant);
            if found.tenant != caller.tenant || !ours {
                let what = format!("{} was shown another tenant's session", caller.tenant);
                self.street.audit.violate(Invariant::TenantIsolation, what);
            }
        }
    }

    /// Tries everything with a session of another tenant.
    async fn pry(&mut self) {
        let of_others = {
            let opened = self.street.opened.all();
            let others = opened.iter().filter(|(tenant, _)| *tenant != self.caller.tenant);
            others.map(|(_, session)| *session).collect::<Vec<_>>()
        };
        let (false, Some(gateway)) = (of_others.is_empty(), self.gateway()) else { return };
        let session = *self.chance.pick(&of_others);
        let caller = &self.caller;
        let from = soma_core::stream::cursor::Cursor::default();
        let style = self.part.style;
        let message = NewMessage {
            session_id: Some(session),
            message: Words::default().to_string(),
            ..NewMessage::default()
        };
        let tried = async {
            let followed = gateway.follow.run(caller, session, from, style, Until::Left).await;
            [
                gateway.read.run(caller, session).await.err(),
                followed.err(),
                gateway.cancel.run(caller, session).await.err(),
                gateway.submit.run(caller, message).await.err(),
                gateway.delete.run(caller, session).await.err(),
            ]
        };
        if let Either::Left((refusals, _)) = select(pin!(tried), pin!(gateway.gone.wait())).await {
            let open = |refusal: &Option<Refusal>| {
                !matches!(
                    refusal,
                    Some(Refusal::NoSession | Refusal::Port(_) | Refusal::TooMany(_))
                )
            };
            if refusals.iter().any(open) {
                let what = format!("{} got at {session}: {refusals:?}", caller.tenant);
                self.street.audit.violate(Invariant::TenantIsolation, what);
            }
        }
    }

    /// Follows for a while.
    async fn read(&mut self, span: Duration) {
        let timer = Arc::clone(&self.street.world.timer);
        let mut over = timer.sleep(span);
        loop {
            match select(pin!(self.follow()), over).await {
                Either::Left(((), rest)) => over = rest,
                Either::Right(_) => return,
            }
        }
    }

    /// One frame, or one try to get the stream back.
    async fn follow(&mut self) {
        let Some((frames, gateway)) = &mut self.stream else {
            return self.connect().await;
        };
        let frame = match select(frames.next(), pin!(gateway.gone.wait())).await {
            Either::Left((Some(Ok(frame)), _)) => Some(frame),
            Either::Left((Some(Err(_)) | None, _)) | Either::Right(_) => None,
        };
        match frame {
            Some(frame) => {
                let street = &self.street;
                street.process.note(|| format!("{:?} sees {}", self.session, frame.cursor));
                self.view.take(&frame);
            }
            None => self.stream = None,
        }
    }

    async fn connect(&mut self) {
        let (Some(session), Some(gateway)) = (self.session, self.gateway()) else {
            return self.pause().await;
        };
        let from = self.view.position();
        let style = self.part.style;
        let caller = self.caller.clone();
        let asked = gateway.follow.run(&caller, session, from, style, Until::Left);
        match select(pin!(asked), pin!(gateway.gone.wait())).await {
            Either::Left((Ok(frames), _)) => self.stream = Some((frames, gateway.clone())),
            Either::Left((Err(Refusal::Port(_)), _)) | Either::Right(_) => self.pause().await,
            Either::Left((Err(refusal), _)) => {
                let what = format!("{session} cannot be followed from {from}: {refusal}");
                self.street.audit.violate(Invariant::NothingLost, what);
                self.pause().await;
            }
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

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client").field("session", &self.session).finish_non_exhaustive()
    }
}
