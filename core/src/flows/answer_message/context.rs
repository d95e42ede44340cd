//! Reading history, recalling memories, and the prompt that comes of both.

use std::collections::BTreeSet;
use std::time::Duration;

use futures_util::future::{Either, select};
use serde_json::json;
use tracing::Instrument;

use super::drive::Drive;
use super::histories::History;
use crate::budget::Tokens;
use crate::conversation::event::{Event, Seq};
use crate::conversation::model::{ChatMessage, TokenCounter};
use crate::conversation::window;
use crate::conversation::window::Window;
use crate::flows::persist::{UNTIL_DROPPED, retry};
use crate::ids::EventId;
use crate::memory::RecallQuery;
use crate::ports::PortResult;
use crate::spans;
use crate::turn::input::{Context, Input, Recalled};
use crate::turn::prompt;
use crate::work::session::EventRange;

/// How long a recall may take; the turn goes on without.
const RECALL_TIME: Duration = Duration::from_secs(2);
const RECALL_LIMIT: usize = 5;
/// The most tokens that recalled notes may cost.
const NOTE_TOKENS: Tokens = 1_000;
/// A memory that fits worse than this is not shown.
const LEAST_SCORE: f64 = 0.2;
/// How many of the newest events are looked at for the history.
const LOOK_BACK: usize = 400;
/// How many of them are read at first, and then as many again as were read: most windows are small.
const FIRST_LOOK: usize = 50;

impl Drive<'_> {
    pub(super) async fn gather(&mut self, limit: Tokens, recall: bool) -> PortResult<Input> {
        let flow = self.flow;
        let count = |text: &str| flow.ports.model.count(text);
        let cost = |messages: &[ChatMessage]| -> Tokens {
            messages.iter().map(|message| message.tokens(&count)).sum()
        };
        let base = cost(&prompt::least(&self.turn)) + count(&json!(self.tools).to_string());
        let room = limit.saturating_sub(base);
        let notes_room = if recall { NOTE_TOKENS.min(room / 4) } else { 0 };

        let mut history = match self.known_history().await? {
            Some(known) => known,
            None => History::up_to(self.claim.session.chain),
        };
        let chosen = self.look_back(&mut history, room - notes_room, &count).await?;
        let shown = chosen.events();
        let (recalled, recall_error) =
            if recall { self.recall(&history, &shown).await } else { (Vec::new(), None) };
        self.flow.histories.put(self.claim.session_id, history);
        let recalled = fitting(recalled, notes_room, &cost);
        let notes: Vec<ChatMessage> = prompt::notes(&recalled).into_iter().collect();
        let prompt_tokens = base + chosen.tokens + cost(&notes);
        self.history = Some(chosen.messages().cloned().collect());
        Ok(Input::ContextLoaded(Context { window: shown, recalled, recall_error, prompt_tokens }))
    }

    /// Reads back until the window is full. What is older would not change it.
    async fn look_back(
        &self,
        history: &mut History,
        room: Tokens,
        count: &TokenCounter<'_>,
    ) -> PortResult<Window> {
        loop {
            let chosen = window::window(history.events(), self.turn.id(), room, count);
            if history.is_whole || chosen.is_full || history.len() >= LOOK_BACK {
                return Ok(chosen);
            }
            let page = history.len().max(FIRST_LOOK).min(LOOK_BACK - history.len());
            let more = self.newest_events(history.oldest(), page).await?;
            history.is_whole = more.len() < page;
            history.extend_back(more);
        }
    }

    /// The session's history as far as it was read for an earlier turn, and what came since.
    async fn known_history(&self) -> PortResult<Option<History>> {
        let Some(mut history) = self.flow.histories.take(self.claim.session_id) else {
            return Ok(None);
        };
        let news = self.events(EventRange::After(history.seen()), LOOK_BACK).await?;
        let all = news.len() < LOOK_BACK;
        let continued = history.extend(news, LOOK_BACK);
        Ok((all && continued.is_ok()).then_some(history))
    }

    /// The history of the record, read again if this worker did not choose it.
    pub(super) async fn history(&mut self) -> PortResult<Vec<ChatMessage>> {
        if let Some(history) = &self.history {
            return Ok(history.clone());
        }
        let shown = self.turn.context().map(|context| context.window.clone()).unwrap_or_default();
        let mut history = Vec::new();
        if let (Some(first), Some(last)) = (shown.iter().min(), shown.iter().max()) {
            // Every turn is read from its message on, so that it is cut into the same blocks.
            let span = usize::try_from(last.0 - first.0).unwrap_or(LOOK_BACK);
            let events = self.newest_events(last.next(), span.saturating_add(LOOK_BACK)).await?;
            let blocks = window::recorded(&events, self.turn.id(), &shown);
            history = blocks.into_iter().flat_map(|block| block.messages).collect();
        }
        self.history = Some(history.clone());
        Ok(history)
    }

    async fn newest_events(&self, before: Seq, limit: usize) -> PortResult<Vec<Event>> {
        self.events(EventRange::HistoryBefore(before), limit).await
    }

    async fn events(&self, range: EventRange, limit: usize) -> PortResult<Vec<Event>> {
        let store = &self.flow.ports.store;
        let (tenant, session) = (&self.claim.tenant, self.claim.session_id);
        let world = &self.flow.world;
        retry(world, UNTIL_DROPPED, || store.events(tenant, session, range, limit)).await
    }

    /// What fits the message; a recall that fails or takes too long does not stop the turn.
    async fn recall(&self, history: &History, shown: &[Seq]) -> (Vec<Recalled>, Option<String>) {
        let Some(accepted) = self.turn.accepted() else { return (Vec::new(), None) };
        let shown: BTreeSet<Seq> = shown.iter().copied().collect();
        let in_window = history.events().filter(|event| shown.contains(&event.seq));
        let mut except: Vec<EventId> = in_window.map(|event| event.event_id).collect();
        except.push(accepted.event_id);
        let query = RecallQuery {
            tenant: accepted.tenant.clone(),
            session_id: Some(accepted.session_id),
            text: accepted.message.clone(),
            limit: RECALL_LIMIT,
            except,
        };
        let memory = &self.flow.ports.memory;
        let span = spans::recall(query.session_id);
        let recall = std::pin::pin!(memory.recall(&query).instrument(span.clone()));
        let too_long = self.flow.world.timer.sleep(RECALL_TIME);
        match select(recall, too_long).await {
            Either::Left((Ok(hits), _)) => {
                spans::recalled(&span, hits.len());
                let good = hits.into_iter().filter(|hit| hit.score >= LEAST_SCORE);
                let recalled = good
                    .map(|hit| Recalled {
                        event_id: hit.event_id,
                        text: hit.text,
                        score: hit.score,
                    })
                    .collect();
                (recalled, None)
            }
            Either::Left((Err(error), _)) => {
                spans::failed(&span, "unavailable");
                tracing::warn!(%error, "recall failed: the turn goes on without");
                (Vec::new(), Some("the memory cannot be reached".into()))
            }
            Either::Right(_) => {
                spans::failed(&span, "timeout");
                (Vec::new(), Some("the memory took too long".into()))
            }
        }
    }
}

/// The best notes that cost at most `room` together.
fn fitting(
    mut recalled: Vec<Recalled>,
    room: Tokens,
    cost: &impl Fn(&[ChatMessage]) -> Tokens,
) -> Vec<Recalled> {
    while !recalled.is_empty() {
        let notes: Vec<ChatMessage> = prompt::notes(&recalled).into_iter().collect();
        if cost(&notes) <= room {
            break;
        }
        recalled.pop();
    }
    recalled
}
