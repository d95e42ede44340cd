//! Folders with a past: made with the older build, and grown by SQL in its schema, so that both builds
//! begin with the same. The newer one brings the schema up to date as it starts.
#![expect(clippy::disallowed_methods, reason = "it measures real time")]

use std::path::Path;
use std::time::{Duration, Instant};

use rusqlite::{Connection, params};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::time::sleep;
use uuid::Uuid;

use super::measure::Build;
use super::platform::{Ground, stop};
use super::talk::Talk;
use crate::load::LoadError;

const FILE: &str = "soma.db";
/// How many events the long session has at least.
const EVENTS: usize = 10_000;
/// How many sessions have ten.
const SHORT: usize = 150;
/// How long a memory may take to be written.
const REMEMBERED: Duration = Duration::from_secs(2);

/// What the memories are made of: each has one word of every row, and a number that is its own.
const WORDS: [[&str; 8]; 3] = [
    ["harbour", "lorry", "warehouse", "offer", "invoice", "customs", "crane", "pallet"],
    ["late", "cheap", "broken", "green", "second", "urgent", "heavy", "small"],
    ["monday", "hamburg", "winter", "berth", "friday", "rotterdam", "summer", "gate"],
];

/// A folder with a session of 10 000 events, and many of ten.
#[derive(Debug)]
pub(super) struct Fixture {
    data: TempDir,
    pub(super) long: Uuid,
    pub(super) long_events: u64,
    pub(super) short: Vec<Uuid>,
    pub(super) short_events: u64,
}

/// A folder with many memories.
#[derive(Debug)]
pub(super) struct Filled(TempDir);

impl Filled {
    pub(super) fn folder(&self) -> &Path {
        self.0.path()
    }
}

impl Fixture {
    pub(super) async fn make(ground: &Ground<'_>) -> Result<Self, LoadError> {
        let data = ground.folder()?;
        let soma = ground.start(Build::Before, data.path()).await?;
        let mut talk = Talk::begin(&soma.url).await?;
        talk.turn(Instant::now()).await?;
        let model: Uuid = talk.session.parse().unwrap_or_default();
        sleep(REMEMBERED).await;
        stop(soma).await?;
        let mut connection = Connection::open(data.path().join(FILE))?;
        let transaction = connection.transaction()?;
        let past = Past::read(&transaction, model)?;
        let per_turn = past.turns().last().map_or(1, Vec::len);
        let short_events = past.events.len() as u64;
        let mut short = Vec::new();
        for _ in 0..SHORT {
            short.push(past.write(&transaction, 0)?);
        }
        let more = EVENTS.saturating_sub(past.events.len()).div_ceil(per_turn);
        let long = past.write(&transaction, more)?;
        transaction.commit()?;
        let long_events = short_events + (more * per_turn) as u64;
        Ok(Self { data, long, long_events, short, short_events })
    }

    pub(super) fn folder(&self) -> &Path {
        self.data.path()
    }

    /// The same with so many memories.
    pub(super) fn with_memories(
        &self,
        ground: &Ground<'_>,
        count: usize,
    ) -> Result<Filled, LoadError> {
        let data = ground.copy(self.folder())?;
        let mut connection = Connection::open(data.path().join(FILE))?;
        let transaction = connection.transaction()?;
        remember(&transaction, count)?;
        transaction.commit()?;
        Ok(Filled(data))
    }
}

/// An event: its row, but for what is of the session.
struct Row {
    turn: Option<Uuid>,
    occurred_at: i64,
    payload: Value,
}

/// What was said in a session, as a model for others.
struct Past {
    session: Uuid,
    events: Vec<Row>,
}

impl Past {
    fn read(connection: &Connection, session: Uuid) -> Result<Self, LoadError> {
        let mut select = connection.prepare(
            "SELECT occurred_at, payload FROM session_events
              WHERE session_id = ?1 ORDER BY seq",
        )?;
        let events = select.query_map([session], |row| {
            let payload: String = row.get(1)?;
            let payload: Value = serde_json::from_str(&payload).unwrap_or_default();
            let turn = payload["turn_id"].as_str().and_then(|turn| turn.parse().ok());
            Ok(Row { turn, occurred_at: row.get(0)?, payload })
        })?;
        Ok(Self { session, events: events.collect::<Result<_, _>>()? })
    }

    /// The events by turn, in order.
    fn turns(&self) -> Vec<Vec<&Row>> {
        let mut turns: Vec<Vec<&Row>> = Vec::new();
        for event in &self.events {
            match turns.last_mut().filter(|turn| turn.iter().all(|row| row.turn == event.turn)) {
                Some(turn) => turn.push(event),
                None => turns.push(vec![event]),
            }
        }
        turns
    }

    /// Writes a session of the same turns and the last of them so many times again.
    fn write(&self, connection: &Connection, again: usize) -> Result<Uuid, LoadError> {
        let session = fresh(connection)?;
        let turns = self.turns();
        let last = turns.last().into_iter().cycle().take(again);
        let (mut seq, mut number) = (0_u64, 0_u64);
        for turn in turns.iter().chain(last) {
            number += 1;
            let id = fresh(connection)?;
            self.write_turn(connection, (session, id, number), turn, &mut seq)?;
        }
        connection.execute(
            "INSERT INTO sessions (session_id, tenant, persona_id, created_at, updated_at,
                    event_count, head, turns_accepted, turns_done)
             SELECT ?1, tenant, persona_id, created_at, updated_at, ?2, head, ?3, ?3
               FROM sessions WHERE session_id = ?4",
            params![session, seq, number, self.session],
        )?;
        Ok(session)
    }

    fn write_turn(
        &self,
        connection: &Connection,
        (session, id, number): (Uuid, Uuid, u64),
        turn: &[&Row],
        seq: &mut u64,
    ) -> Result<(), LoadError> {
        let mut insert = connection.prepare_cached(
            "INSERT INTO session_events (tenant, session_id, seq, event_id, occurred_at, payload)
             SELECT tenant, ?2, ?3, ?4, ?5, ?6 FROM sessions WHERE session_id = ?1",
        )?;
        for row in turn {
            *seq += 1;
            let event = fresh(connection)?;
            let mut payload = row.payload.clone();
            for (field, value) in [
                ("session_id", json!(session.to_string())),
                ("turn_id", json!(id.to_string())),
                ("event_id", json!(event.to_string())),
                ("seq", json!(*seq)),
            ] {
                payload[field] = value;
            }
            let payload = payload.to_string();
            insert.execute(params![
                self.session,
                session,
                *seq,
                event,
                row.occurred_at,
                payload
            ])?;
        }
        connection
            .prepare_cached(
                "INSERT INTO turns (turn_id, tenant, session_id, number, state, steps, accepted_at)
                 SELECT ?2, tenant, ?3, ?4, 'done', steps, accepted_at FROM turns
                  WHERE session_id = ?1 ORDER BY number LIMIT 1",
            )?
            .execute(params![self.session, id, session, number])?;
        Ok(())
    }
}

/// An id that is nobody's yet.
fn fresh(connection: &Connection) -> rusqlite::Result<Uuid> {
    connection.prepare_cached("SELECT randomblob(16)")?.query_row([], |row| row.get(0))
}

/// Adds memories like the first there is.
fn remember(connection: &Connection, count: usize) -> Result<(), LoadError> {
    let (id, payload): (i64, String) =
        connection.query_row("SELECT id, payload FROM memories LIMIT 1", [], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })?;
    let mut payload: Value = serde_json::from_str(&payload).unwrap_or_default();
    let mut insert = connection.prepare(
        "INSERT INTO memories (tenant, key, session_id, at, text_digest, payload)
         SELECT tenant, ?2, session_id, at - ?3, ?4, ?5 FROM memories WHERE id = ?1 RETURNING id",
    )?;
    let mut index = connection.prepare(
        "INSERT INTO memory_words (rowid, scope, terms)
         SELECT ?2, scope, ?3 FROM memory_words WHERE rowid = ?1",
    )?;
    let [things, kinds, places] = WORDS;
    for number in 0..count {
        let (thing, kind) = (things[number % 8], kinds[number / 8 % 8]);
        let place = places[number / 64 % 8];
        let text = format!("The {kind} {thing} of n{number} was seen in {place} again.");
        let (key, event) = (format!("fixture/{number}"), fresh(connection)?);
        payload["key"] = json!(key);
        payload["event_id"] = json!(event.to_string());
        payload["text"] = json!(text);
        let mut digest = [0_u8; 32];
        digest[..16].copy_from_slice(event.as_bytes());
        let older = (count - number) as u64 * 1_000_000;
        let row: i64 = insert
            .query_row(params![id, key, older, digest, payload.to_string()], |row| row.get(0))?;
        index.execute(params![id, row, text.to_lowercase().replace('.', "")])?;
    }
    Ok(())
}
