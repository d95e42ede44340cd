//! What operators do with dead letters: see them, redrive them, drop them.

use std::sync::Arc;

use serde_json::json;
use uuid::Uuid;

use super::decide::try_decide;
use super::refusal::Refusal;
use super::world::World;
use crate::identity::Principal;
use crate::outbox::redrive::NotRedrivable;
use crate::outbox::topic::Topic;
use crate::policy::action::AdminArea;
use crate::policy::{Action, Decision, PolicyRequest};
use crate::ports::dead_letters::{KeptLetter, LetterDepth, LetterRange, Redriven};
use crate::ports::{DeadLetters, Decisions, Notification, Policy};

/// The most letters that are redriven or dropped at once.
const BATCH: usize = 100;
/// The policy engine is asked once: a client is waiting.
const ONCE: u32 = 1;
/// All topics, as a policy has them.
const EVERYTHING: &str = "*";

/// Which letters of a topic are meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Selection {
    /// These.
    These(Vec<Uuid>),
    /// So many of those that are there now, the oldest first.
    Oldest(usize),
}

/// A letter that was not redriven.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refused {
    /// Which.
    pub id: Uuid,
    /// Why not.
    pub reason: NotRedrivable,
}

/// What became of letters that were to be redriven.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RedriveReport {
    /// How many are on their way again.
    pub redriven: u64,
    /// How many are not there, or not letters of the topic.
    pub gone: u64,
    /// Those that cannot be redriven, and stay.
    pub refused: Vec<Refused>,
}

/// The operators' use case. Dead letters are the platform's: whoever may see them sees those of all
/// tenants.
#[derive(Clone)]
pub struct OperateDeadLetters {
    letters: Arc<dyn DeadLetters>,
    policy: Arc<dyn Policy>,
    decisions: Arc<dyn Decisions>,
    world: World,
}

impl OperateDeadLetters {
    /// Builds the use case.
    pub fn new(
        letters: Arc<dyn DeadLetters>,
        policy: Arc<dyn Policy>,
        decisions: Arc<dyn Decisions>,
        world: World,
    ) -> Self {
        Self { letters, policy, decisions, world }
    }

    /// How many letters there are, by topic.
    ///
    /// # Errors
    ///
    /// [`Refusal::Denied`], or a port's.
    pub async fn depth(&self, caller: &Principal) -> Result<Vec<LetterDepth>, Refusal> {
        self.permit(caller, None, "list").await?;
        Ok(self.letters.depth().await?)
    }

    /// Letters of a topic, or of all: the newest first, before a place.
    ///
    /// # Errors
    ///
    /// [`Refusal::Denied`], or a port's.
    pub async fn list(
        &self,
        caller: &Principal,
        topic: Option<Topic>,
        before: Option<u64>,
        limit: usize,
    ) -> Result<Vec<KeptLetter>, Refusal> {
        self.permit(caller, topic, "list").await?;
        Ok(self.letters.list(topic, LetterRange::Before(before), limit).await?)
    }

    /// One letter of a topic.
    ///
    /// # Errors
    ///
    /// [`Refusal::NoLetter`] if it is not there, [`Refusal::Denied`], or a port's.
    pub async fn show(
        &self,
        caller: &Principal,
        topic: Topic,
        id: Uuid,
    ) -> Result<KeptLetter, Refusal> {
        self.permit(caller, Some(topic), "show").await?;
        let found = self.letters.letter(id).await?;
        found.filter(|kept| kept.letter.topic == topic).ok_or(Refusal::NoLetter)
    }

    /// Redrives letters of a topic.
    ///
    /// # Errors
    ///
    /// [`Refusal::Denied`], or a port's: then some may have been redriven. Asking again is safe.
    pub async fn redrive(
        &self,
        caller: &Principal,
        topic: Topic,
        selection: Selection,
    ) -> Result<RedriveReport, Refusal> {
        self.permit(caller, Some(topic), "redrive").await?;
        let (ids, gone) = self.selected(topic, selection).await?;
        let mut report = RedriveReport { gone, ..RedriveReport::default() };
        for ids in ids.chunks(BATCH) {
            let redriven = self.letters.redrive(ids, self.world.clock.now()).await?;
            for (id, became) in ids.iter().zip(redriven) {
                match became {
                    Redriven::Done => report.redriven += 1,
                    Redriven::Gone => report.gone += 1,
                    Redriven::Refused(reason) => report.refused.push(Refused { id: *id, reason }),
                }
            }
            self.world.wake.notify(Notification::Outbox);
            self.world.wake.notify(Notification::Memory);
        }
        Ok(report)
    }

    /// Drops letters of a topic for good. Returns how many were there.
    ///
    /// # Errors
    ///
    /// [`Refusal::Denied`], or a port's: then some may have been dropped.
    pub async fn drop_letters(
        &self,
        caller: &Principal,
        topic: Topic,
        selection: Selection,
    ) -> Result<u64, Refusal> {
        self.permit(caller, Some(topic), "drop").await?;
        let (ids, _) = self.selected(topic, selection).await?;
        let mut dropped = 0;
        for ids in ids.chunks(BATCH) {
            let there = self.letters.drop_letters(ids).await?;
            dropped += there.into_iter().map(u64::from).sum::<u64>();
        }
        Ok(dropped)
    }

    /// The ids of what is meant, the oldest first unless they were named, and how many of those that
    /// were named are not letters of the topic. What is set aside after this has begun is not meant: it
    /// may be what was just redriven.
    async fn selected(
        &self,
        topic: Topic,
        selection: Selection,
    ) -> Result<(Vec<Uuid>, u64), Refusal> {
        let mut ids = Vec::new();
        match selection {
            Selection::These(named) => {
                let mut gone = 0;
                for id in named {
                    match self.letters.letter(id).await? {
                        Some(kept) if kept.letter.topic == topic => ids.push(id),
                        Some(_) | None => gone += 1,
                    }
                }
                Ok((ids, gone))
            }
            Selection::Oldest(count) => {
                let mut after = 0;
                while ids.len() < count {
                    let limit = BATCH.min(count - ids.len());
                    let range = LetterRange::After(after);
                    let page = self.letters.list(Some(topic), range, limit).await?;
                    let Some(last) = page.last() else { break };
                    after = last.place;
                    ids.extend(page.iter().map(|kept| kept.id));
                }
                Ok((ids, 0))
            }
        }
    }

    /// Every decision is recorded, a denial too, before anything is shown or done.
    async fn permit(
        &self,
        caller: &Principal,
        topic: Option<Topic>,
        operation: &str,
    ) -> Result<(), Refusal> {
        let resource = topic.map_or(EVERYTHING, |topic| topic.dead_letters().as_str());
        let request = PolicyRequest {
            tenant: caller.tenant.clone(),
            persona_id: None,
            action: Action::Admin(AdminArea::DeadLetters),
            resource: resource.into(),
            context: json!({
                "subject": caller.subject,
                "scopes": caller.scopes,
                "operation": operation,
            }),
        };
        let requests = std::slice::from_ref(&request);
        let decided = try_decide(&*self.policy, &self.world, requests, ONCE).await;
        let (decision, refusal) = match decided {
            Ok(decisions) => {
                let decision = decisions.into_iter().next();
                let decision = decision.unwrap_or_else(|| Decision::unreachable(&request));
                let refusal = (!decision.allow).then(|| Refusal::Denied(decision.reason()));
                (decision, refusal)
            }
            Err(error) => (Decision::unreachable(&request), Some(Refusal::Port(error))),
        };
        let now = self.world.clock.now();
        self.decisions.record(&caller.tenant, &[decision], now).await?;
        refusal.map_or(Ok(()), Err)
    }
}

crate::opaque_debug!(OperateDeadLetters);
