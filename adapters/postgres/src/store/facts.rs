//! What the store has of the sessions that a batch of commits is about, read in one round trip, with
//! the rows of the sessions held.

use std::collections::{BTreeMap, BTreeSet};

use soma_core::budget::UsageChange;
use soma_core::conversation::event::Event;
use soma_core::digest::Digest32;
use soma_core::ids::{EventId, SessionId, TenantId, TurnId};
use soma_core::work::commit::{Commit, Fence, Receipt, WorkKind};
use soma_core::work::session::Session;
use tokio_postgres::Row;
use uuid::Uuid;

use super::{events, sessions, turns};
use crate::columns::{count, digest};
use crate::database::{Query, SqlError, Unit};
use crate::usage::ledger::Ledger;
use crate::usage::{self, Accounts};

/// A session, and whether it was erased.
#[derive(Debug)]
pub(super) struct Known {
    pub(super) session: Session,
    pub(super) erased: bool,
}

/// A claim, and the epoch of whoever has it or had it last.
#[derive(Clone, Copy, Debug)]
pub(super) struct ClaimState {
    pub(super) held: bool,
    pub(super) epoch: u64,
}

/// What the store has.
#[derive(Debug, Default)]
pub(super) struct Facts {
    /// By it one can ask later what became of the transaction.
    pub(super) transaction: String,
    pub(super) sessions: BTreeMap<SessionId, Known>,
    pub(super) claims: BTreeMap<(SessionId, WorkKind), ClaimState>,
    pub(super) turns: BTreeMap<TurnId, turns::Place>,
    pub(super) events: BTreeMap<EventId, Vec<(TenantId, Event)>>,
    pub(super) requests: BTreeMap<(String, String), (Digest32, Receipt)>,
    pub(super) usage: Ledger,
}

/// What is to be known, column by column.
#[derive(Debug, Default)]
struct Wanted {
    /// In the order of their ids.
    sessions: BTreeSet<Uuid>,
    claims: Vec<Uuid>,
    turns: Vec<Uuid>,
    events: Vec<Uuid>,
    request_tenants: Vec<String>,
    request_keys: Vec<String>,
    usage_turns: Vec<Uuid>,
}

impl Wanted {
    fn add(&mut self, commit: &Commit) {
        let session = *commit.session_id.as_uuid();
        self.sessions.insert(session);
        if matches!(commit.fence, Fence::Work { .. }) {
            self.claims.push(session);
        }
        self.turns.extend(commit.turn.iter().map(|turn| turn.turn_id.as_uuid()));
        self.turns.extend(commit.live_turn.iter().map(TurnId::as_uuid));
        self.turns.extend(commit.accept.iter().map(|turn| turn.turn_id.as_uuid()));
        self.events.extend(commit.events.iter().map(|event| event.event_id.as_uuid()));
        if let Some(request) = &commit.request {
            self.request_tenants.push(commit.tenant.to_string());
            self.request_keys.push(request.key.clone());
        }
        self.usage_turns.extend(commit.usage.iter().map(|change| match change {
            UsageChange::Reserve { key, .. } => key.turn_id.as_uuid(),
            UsageChange::Settle { reservation, .. } => reservation.key.turn_id.as_uuid(),
            UsageChange::SettleInFull { turn_id } => turn_id.as_uuid(),
        }));
    }
}

/// One of the things that are read.
#[derive(Clone, Copy)]
enum Part {
    Transaction,
    Sessions,
    Claims,
    Turns,
    Events,
    Requests,
    Usage,
    Spent,
}

const TRANSACTION: &str = "SELECT pg_current_xact_id()::text";
const CLAIMS: &str = "
    SELECT session_id, kind = 'turns', owner IS NOT NULL, epoch
      FROM work_claims WHERE session_id = ANY($1)";
const REQUESTS: &str = "
    SELECT r.tenant, r.key, r.digest, r.answer
      FROM unnest($1::text[], $2::text[]) AS u (tenant, key)
      JOIN client_requests r ON r.tenant = u.tenant AND r.key = u.key";

/// Holds the sessions of some commits, and reads what is to be known.
pub(super) async fn gather(unit: &mut Unit, commits: &[&Commit]) -> Result<Facts, SqlError> {
    let mut wanted = Wanted::default();
    for commit in commits {
        wanted.add(commit);
    }
    let sessions: Vec<Uuid> = wanted.sessions.iter().copied().collect();
    let accounts = Accounts::limited(commits.iter().flat_map(|commit| &commit.usage));
    // The sessions come first: whatever is read after them is what those who held them left.
    let mut parts = vec![Part::Sessions, Part::Transaction];
    let mut queries =
        vec![Query::new(sessions::LOCK, vec![&sessions]), Query::new(TRANSACTION, vec![])];
    let mut ask = |part, asked: bool, query| {
        if asked {
            parts.push(part);
            queries.push(query);
        }
    };
    let claims = Query::new(CLAIMS, vec![&wanted.claims]);
    ask(Part::Claims, !wanted.claims.is_empty(), claims);
    let turns = Query::new(turns::PLACES, vec![&wanted.turns]);
    ask(Part::Turns, !wanted.turns.is_empty(), turns);
    let events = Query::new(events::RECORDED, vec![&wanted.events]);
    ask(Part::Events, !wanted.events.is_empty(), events);
    let keys = Query::new(REQUESTS, vec![&wanted.request_tenants, &wanted.request_keys]);
    ask(Part::Requests, !wanted.request_keys.is_empty(), keys);
    let usage = Query::new(usage::OF_TURNS, vec![&wanted.usage_turns]);
    ask(Part::Usage, !wanted.usage_turns.is_empty(), usage);
    ask(Part::Spent, !accounts.is_empty(), accounts.lock());

    let mut facts = Facts::default();
    for (part, rows) in parts.into_iter().zip(unit.run(queries).await?) {
        facts.read(part, &rows)?;
    }
    if accounts.exceed(&facts.usage) {
        let [_, rows] = unit.run([accounts.insert(), accounts.lock()]).await?;
        facts.usage.read_spent(&rows)?;
    }
    Ok(facts)
}

impl Facts {
    fn read(&mut self, part: Part, rows: &[Row]) -> Result<(), SqlError> {
        match part {
            Part::Transaction => {
                for row in rows {
                    self.transaction = row.try_get(0)?;
                }
            }
            Part::Sessions => self.read_sessions(rows)?,
            Part::Claims => self.read_claims(rows)?,
            Part::Turns => {
                let places = rows.iter().map(turns::place);
                self.turns = places.collect::<Result<_, _>>()?;
            }
            Part::Events => {
                for row in rows {
                    let event = events::stored(row)?;
                    let known = self.events.entry(event.event_id).or_default();
                    known.push((events::whose(row)?, event));
                }
            }
            Part::Requests => self.read_requests(rows)?,
            Part::Usage => self.usage.read_entries(rows)?,
            Part::Spent => self.usage.read_spent(rows)?,
        }
        Ok(())
    }

    fn read_sessions(&mut self, rows: &[Row]) -> Result<(), SqlError> {
        for row in rows {
            let known = Known { session: sessions::read(row)?, erased: row.try_get(9)? };
            self.sessions.insert(known.session.session_id, known);
        }
        Ok(())
    }

    fn read_claims(&mut self, rows: &[Row]) -> Result<(), SqlError> {
        for row in rows {
            let kind = if row.try_get(1)? { WorkKind::Turns } else { WorkKind::Calls };
            let state = ClaimState { held: row.try_get(2)?, epoch: count(row, 3)? };
            self.claims.insert((SessionId::from_uuid(row.try_get(0)?), kind), state);
        }
        Ok(())
    }

    fn read_requests(&mut self, rows: &[Row]) -> Result<(), SqlError> {
        for row in rows {
            let answer = serde_json::from_slice(row.try_get(3)?)?;
            let known = (Digest32(digest(row, 2)?), answer);
            self.requests.insert((row.try_get(0)?, row.try_get(1)?), known);
        }
        Ok(())
    }

    /// The events of a commit that are recorded.
    pub(super) fn recorded<'a>(&'a self, commit: &'a Commit) -> impl Iterator<Item = &'a Event> {
        commit.events.iter().filter_map(|new| {
            let known = self.events.get(&new.event_id)?;
            let is_its = |(tenant, event): &&(TenantId, Event)| {
                *tenant == commit.tenant && event.session_id == commit.session_id
            };
            known.iter().find(is_its).map(|(_, event)| event)
        })
    }

    /// Where a turn of the commit's session is, if there is such a turn.
    pub(super) fn place(&self, commit: &Commit, turn: TurnId) -> Option<&turns::Place> {
        let place = self.turns.get(&turn)?;
        let is_its = place.session_id == commit.session_id && place.tenant == commit.tenant;
        is_its.then_some(place)
    }
}
