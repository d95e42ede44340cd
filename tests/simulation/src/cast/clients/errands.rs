//! What a client does besides talking: with its own session, and with one that is not its own.

use std::pin::pin;

use futures_util::future::{Either, select};
use serde_json::Map;
use soma_core::flows::follow_session::Until;
use soma_core::flows::refusal::Refusal;
use soma_core::flows::request_tool::NewToolRequest;
use soma_core::flows::submit_message::NewMessage;
use soma_core::identity::Principal;
use soma_core::ids::SessionId;
use soma_core::stream::cursor::Cursor;
use soma_core::work::session::Session;

use super::super::tools::name_of;
use super::super::words::Words;
use super::Client;
use crate::audit::Invariant;
use crate::platform::Gateway;

/// More sessions than a run has.
const ALL: usize = 50;

impl Client {
    pub(super) async fn cancel(&mut self, session: SessionId) {
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

    pub(super) async fn request(&mut self, session_id: SessionId, initial: char) {
        self.note(|| format!("asks for {}", name_of(initial)));
        let request = NewToolRequest {
            session_id,
            tool_name: name_of(initial).into(),
            args: Map::new(),
            trace: None,
        };
        if let Some(gateway) = self.gateway() {
            let asked = gateway.request_tool.run(&self.caller, request);
            drop(select(pin!(asked), pin!(gateway.gone.wait())).await);
        }
    }

    pub(super) async fn delete(&mut self, session: SessionId) {
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
            async move {
                let listed = gateway.list.run(&caller, None, ALL).await?;
                let listed = listed.items.iter().any(|one| one.session_id == session);
                match gateway.read.run(&caller, session).await {
                    Err(Refusal::NoSession) => Ok(listed),
                    read => read.map(|_| true),
                }
            }
        });
        if !matches!(found.await, Ok(false)) {
            let what = format!("{session} was deleted, and is there");
            self.street.audit.violate(Invariant::TenantIsolation, what);
        }
    }

    /// Looks at its own session and at the list of its tenant's, page by page.
    pub(super) async fn look(&mut self, session: SessionId) {
        let Some(gateway) = self.gateway() else { return };
        let (caller, limit) = (self.caller.clone(), *self.chance.pick(&[1, 2, ALL]));
        let looked = async {
            let before = gateway.read.run(&caller, session).await?;
            let listed = all_pages(&gateway, &caller, limit).await?;
            let after = gateway.read.run(&caller, session).await?;
            Ok::<_, Refusal>((before, listed, after))
        };
        let looked = match select(pin!(looked), pin!(gateway.gone.wait())).await {
            Either::Left((looked, _)) => looked,
            Either::Right(_) => return,
        };
        let (found, listed, after) = match looked {
            Ok(looked) => looked,
            Err(Refusal::Port(_)) => return,
            Err(refusal) => {
                let what = format!("{session} cannot be looked at: {refusal}");
                return self.street.audit.violate(Invariant::NothingLost, what);
            }
        };
        let ours = listed.iter().all(|one| one.tenant == caller.tenant);
        if found.tenant != caller.tenant || !ours {
            let what = format!("{} was shown another tenant's session", caller.tenant);
            self.street.audit.violate(Invariant::TenantIsolation, what);
        }
        let times = listed.iter().filter(|one| one.session_id == session).count();
        // What moves meanwhile may move past the reader's place.
        let missed = found.updated_at == after.updated_at && times != 1;
        let promised = u64::try_from(self.owed.len()).unwrap_or(u64::MAX);
        if missed || found.turns_accepted < promised || found.chain.count < self.view.seq() {
            let what = format!("{session} is listed {times} times, {promised} turns: {found:?}");
            self.street.audit.violate(Invariant::NothingLost, what);
        }
    }

    /// Tries everything with a session of another tenant.
    pub(super) async fn pry(&mut self) {
        let of_others = {
            let opened = self.street.opened.all();
            let others = opened.iter().filter(|(tenant, _)| *tenant != self.caller.tenant);
            others.map(|(_, session)| *session).collect::<Vec<_>>()
        };
        let (false, Some(gateway)) = (of_others.is_empty(), self.gateway()) else { return };
        let session_id = *self.chance.pick(&of_others);
        self.note(|| format!("pries into {session_id}"));
        let caller = &self.caller;
        let style = self.part.style;
        let message = NewMessage {
            session_id: Some(session_id),
            message: Words::default().to_string(),
            ..NewMessage::default()
        };
        let request = NewToolRequest {
            session_id,
            tool_name: name_of('e').into(),
            args: Map::new(),
            trace: None,
        };
        let tried = async {
            let from = Cursor::default();
            let followed = gateway.follow.run(caller, session_id, from, style, Until::Left).await;
            [
                gateway.read.run(caller, session_id).await.err(),
                followed.err(),
                gateway.cancel.run(caller, session_id).await.err(),
                gateway.submit.run(caller, message).await.err(),
                gateway.request_tool.run(caller, request).await.err(),
                gateway.delete.run(caller, session_id).await.err(),
            ]
        };
        if let Either::Left((refusals, _)) = select(pin!(tried), pin!(gateway.gone.wait())).await {
            let open = |refusal: &Option<Refusal>| {
                !matches!(
                    refusal,
                    Some(
                        Refusal::NoSession
                            | Refusal::Port(_)
                            | Refusal::TooMany(_)
                            | Refusal::Overloaded(_)
                    )
                )
            };
            if refusals.iter().any(open) {
                let what = format!("{} got at {session_id}: {refusals:?}", caller.tenant);
                self.street.audit.violate(Invariant::TenantIsolation, what);
            }
        }
    }
}

/// The tenant's sessions, on pages of `limit`.
async fn all_pages(
    gateway: &Gateway,
    caller: &Principal,
    limit: usize,
) -> Result<Vec<Session>, Refusal> {
    let mut listed = Vec::new();
    let mut place = None;
    loop {
        let page = gateway.list.run(caller, place.as_deref(), limit).await?;
        listed.extend(page.items);
        place = page.next;
        if place.is_none() {
            return Ok(listed);
        }
    }
}
