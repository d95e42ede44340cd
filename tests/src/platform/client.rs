//! A client: it says something, follows the stream, and comes back wherever it lost it.

use std::collections::BTreeSet;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::future::{Either, select};
use soma_core::flows::follow_session::{Frames, Until};
use soma_core::flows::refusal::Refusal;
use soma_core::flows::submit_message::{NewMessage, WhenBusy};
use soma_core::identity::{Principal, Scope};
use soma_core::ids::{SessionId, TenantId};
use soma_core::stream::cursor::Cursor;
use soma_core::stream::resume::Style;
use soma_core::work::commit::Receipt;
use soma_simulation::platform::Gateway;

use super::instances::Platform;
use super::view::{Ended, View};

/// How long a client waits before it tries again.
const PAUSE: Duration = Duration::from_millis(100);
/// How long a test waits for anything, in virtual time.
const PATIENCE: Duration = Duration::from_mins(10);

/// Someone of this tenant.
///
/// # Panics
///
/// If the name is none.
pub fn principal(tenant: &str) -> Principal {
    Principal {
        tenant: TenantId::new(tenant).expect("a valid name"),
        subject: "someone".into(),
        scopes: BTreeSet::from([Scope::Chat]),
    }
}

/// A client of one session.
pub struct Client {
    platform: Arc<Platform>,
    /// Who it is.
    pub principal: Principal,
    /// Its session, once it has one.
    pub session: Option<SessionId>,
    /// What it saw.
    pub view: View,
    stream: Option<(Frames, Gateway)>,
}

impl Client {
    /// A client of this tenant, without a session.
    pub fn new(platform: &Arc<Platform>, tenant: &str) -> Self {
        Self {
            platform: Arc::clone(platform),
            principal: principal(tenant),
            session: None,
            view: View::default(),
            stream: None,
        }
    }

    /// Says something, again and again until it is accepted.
    pub async fn say(&mut self, text: &str) -> Receipt {
        self.say_when_busy(text, WhenBusy::Enqueue).await
    }

    /// Says something, again and again until it is accepted.
    ///
    /// # Panics
    ///
    /// If it is refused for a reason that stays.
    pub async fn say_when_busy(&mut self, text: &str, when_busy: WhenBusy) -> Receipt {
        let message = NewMessage {
            session_id: self.session,
            message: text.into(),
            when_busy,
            idempotency_key: Some(self.platform.stage.ids.uuid().to_string()),
            ..NewMessage::default()
        };
        loop {
            match self.submit(message.clone()).await {
                Some(Ok(receipt)) => return receipt,
                Some(Err(Refusal::Port(_))) | None => self.platform.pass(PAUSE).await,
                Some(Err(refusal)) => panic!("refused: {refusal}"),
            }
        }
    }

    /// Submits a message once. None if there is no gateway, or it died before it answered.
    pub async fn submit(&mut self, message: NewMessage) -> Option<Result<Receipt, Refusal>> {
        let caller = self.principal.clone();
        let outcome =
            self.ask(|gateway| async move { gateway.submit.run(&caller, message).await }).await;
        if let Some(Ok(receipt)) = &outcome {
            self.session = Some(receipt.session_id);
        }
        outcome
    }

    /// Cancels the turn that runs.
    pub async fn cancel(&self) {
        let (caller, session) = (self.principal.clone(), self.session());
        self.insist(|gateway| {
            let caller = caller.clone();
            async move { gateway.cancel.run(&caller, session).await }
        })
        .await;
    }

    /// Cancels what is unfinished.
    pub async fn cancel_all(&self) {
        let (caller, session) = (self.principal.clone(), self.session());
        self.insist(|gateway| {
            let caller = caller.clone();
            async move { gateway.cancel.run_all(&caller, session).await }
        })
        .await;
    }

    /// Deletes the session.
    pub async fn delete(&self) {
        let (caller, session) = (self.principal.clone(), self.session());
        self.insist(|gateway| {
            let caller = caller.clone();
            async move { gateway.delete.run(&caller, session).await }
        })
        .await;
    }

    /// Breaks the connection.
    pub fn disconnect(&mut self) {
        self.stream = None;
    }

    /// Follows until this many turns have ended.
    pub async fn until_ended(&mut self, turns: usize) {
        self.until(|view| view.ended.len() >= turns).await;
    }

    /// Says something and follows until all that was said is answered. Returns how it ended.
    pub async fn ask_and_wait(&mut self, text: &str) -> Ended {
        let receipt = self.say(text).await;
        self.until(|view| view.ended.contains_key(&receipt.turn_id)).await;
        self.view.ended[&receipt.turn_id].clone()
    }

    /// Follows until what it saw is enough.
    ///
    /// # Panics
    ///
    /// If that takes too long.
    pub async fn until(&mut self, enough: impl Fn(&View) -> bool) {
        let timer = Arc::clone(&self.platform.stage.timer);
        let mut over = timer.sleep(PATIENCE);
        while !enough(&self.view) {
            let waited = match select(pin!(self.follow()), over).await {
                Either::Left(((), rest)) => Some(rest),
                Either::Right(_) => None,
            };
            let Some(rest) = waited else { panic!("waited too long: {:#?}", self.view) };
            over = rest;
        }
    }

    /// Follows for this long.
    pub async fn for_a_while(&mut self, span: Duration) {
        let timer = Arc::clone(&self.platform.stage.timer);
        let mut over = timer.sleep(span);
        loop {
            let step = pin!(self.follow());
            match select(step, over).await {
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
            Some(frame) => self.view.take(&frame),
            None => self.stream = None,
        }
    }

    async fn connect(&mut self) {
        let from = self.view.cursor.as_deref().map(|text| text.parse().expect("its own cursor"));
        let from: Cursor = from.unwrap_or_default();
        let Some(session) = self.session else { return self.platform.pass(PAUSE).await };
        let caller = self.principal.clone();
        let answer = self
            .ask(|gateway| async move {
                let follow = gateway.follow.clone();
                let frames = follow.run(&caller, session, from, Style::Deltas, Until::Left).await;
                frames.map(|frames| (frames, gateway))
            })
            .await;
        match answer {
            Some(Ok(stream)) => self.stream = Some(stream),
            Some(Err(_)) | None => self.platform.pass(PAUSE).await,
        }
    }

    /// Asks the gateway, as long as it lives.
    async fn ask<T, F>(&self, question: impl FnOnce(Gateway) -> F) -> Option<Result<T, Refusal>>
    where
        F: Future<Output = Result<T, Refusal>>,
    {
        let gateway = self.platform.gateway()?;
        let gone = gateway.gone.clone();
        match select(pin!(question(gateway)), pin!(gone.wait())).await {
            Either::Left((answer, _)) => Some(answer),
            Either::Right(_) => None,
        }
    }

    /// Asks until a gateway has done it, or says that there is no such session.
    async fn insist<F>(&self, question: impl Fn(Gateway) -> F)
    where
        F: Future<Output = Result<(), Refusal>>,
    {
        loop {
            match self.ask(&question).await {
                Some(Ok(()) | Err(Refusal::NoSession)) => return,
                Some(Err(_)) | None => self.platform.pass(PAUSE).await,
            }
        }
    }

    fn session(&self) -> SessionId {
        self.session.expect("it has said something")
    }
}

soma_core::opaque_debug!(Client);
