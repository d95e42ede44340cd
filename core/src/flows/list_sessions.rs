//! Lists a tenant's sessions, page by page.

use std::sync::Arc;

use super::refusal::Refusal;
use crate::identity::Principal;
use crate::ids::SessionId;
use crate::ports::Store;
use crate::time::Timestamp;
use crate::work::session::Session;

/// The most sessions of one page.
pub const MAX_PAGE: usize = 200;

/// One page, and where the next begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T> {
    /// What is on it.
    pub items: Vec<T>,
    /// What to ask for next; none on the last page.
    pub next: Option<String>,
}

/// Lists sessions.
#[derive(Clone)]
pub struct ListSessions {
    store: Arc<dyn Store>,
}

impl ListSessions {
    /// Builds the use case.
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self { store }
    }

    /// The caller's sessions, those with the newest events first: at most `limit`, from 1 to
    /// [`MAX_PAGE`], after the place that an earlier page named.
    ///
    /// # Errors
    ///
    /// [`Refusal::Invalid`] if the place is none that a page named.
    pub async fn run(
        &self,
        caller: &Principal,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Page<Session>, Refusal> {
        let limit = limit.clamp(1, MAX_PAGE);
        let after = after.map(parse).transpose()?;
        let mut items = self.store.sessions(&caller.tenant, after, limit + 1).await?;
        let more = items.len() > limit;
        items.truncate(limit);
        let next = items.last().filter(|_| more).map(place);
        Ok(Page { items, next })
    }
}

crate::opaque_debug!(ListSessions);

fn place(session: &Session) -> String {
    format!("{}~{}", session.updated_at.as_micros(), session.session_id)
}

fn parse(text: &str) -> Result<(Timestamp, SessionId), Refusal> {
    let parts = text.split_once('~');
    let place = parts.and_then(|(at, id)| Some((at.parse().ok()?, id.parse().ok()?)));
    let (micros, session) =
        place.ok_or_else(|| Refusal::invalid("after", "is not the next_cursor of a page"))?;
    Ok((Timestamp::from_micros(micros), session))
}
