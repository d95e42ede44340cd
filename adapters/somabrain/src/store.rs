//! Remembering and forgetting: what the server says that it did is looked for.

use soma_core::ids::SessionId;
use soma_core::memory::MemoryWrite;

use crate::dialect::{Api, Dialect};
use crate::entry::Entry;
use crate::failure::{Failure, Kind};
use crate::http::Server;
use crate::scope::Scope;
use crate::search::find;
use crate::{json, legacy};

/// How many more are looked at than are looked for.
const MORE: usize = 16;
/// So many memories of a session are forgotten at once.
const AT_ONCE: usize = 200;
/// A session is looked for so often, until nothing of it is found.
const ROUNDS: usize = 16;

/// What became of an entry, by its place in the call.
pub(crate) type Outcome = (usize, Result<(), Failure>);

/// The server and the dialect that it speaks.
#[derive(Clone, Copy)]
pub(crate) struct Spoken<'a> {
    pub(crate) server: &'a Server,
    pub(crate) dialect: Dialect,
}

/// Stores entries of one tenant, each under a key of its own, and looks whether they are there. Those
/// that are not are sent once more. An error is of all of them.
pub(crate) async fn remember(
    spoken: Spoken<'_>,
    scope: &Scope,
    entries: &[Entry],
) -> Result<Vec<Outcome>, Failure> {
    let mut entries = entries.to_vec();
    let mark = scope.batch_mark(entries.iter().map(|entry| entry.record.as_str()));
    for entry in &mut entries {
        entry.mark(&mark);
    }
    let (mut outcomes, to_look_for) = send(spoken, scope, entries).await?;
    let missing = missing(spoken, scope, &mark, to_look_for, &mut outcomes).await?;
    if missing.is_empty() {
        return Ok(outcomes);
    }
    tracing::warn!(count = missing.len(), "SomaBrain says that it stored, and has not");
    let (again, to_look_for) = send(spoken, scope, missing).await?;
    outcomes.extend(again);
    for entry in self::missing(spoken, scope, &mark, to_look_for, &mut outcomes).await? {
        let failure = Failure::new(Kind::NotStored, "it says that it stored, and has not");
        outcomes.push((entry.place, Err(failure)));
    }
    Ok(outcomes)
}

/// Sends entries. Returns the outcomes that are known, and the entries that are to be looked for.
async fn send(
    spoken: Spoken<'_>,
    scope: &Scope,
    entries: Vec<Entry>,
) -> Result<(Vec<Outcome>, Vec<Entry>), Failure> {
    let Spoken { server, dialect } = spoken;
    let results = match dialect.api() {
        Api::Legacy => legacy::remember(server, scope, &entries).await?,
        Api::Json { prefix } => json::remember(server, prefix, scope, &entries).await?,
    };
    let (mut known, mut to_look_for) = (Vec::new(), Vec::new());
    for (entry, result) in entries.into_iter().zip(results) {
        match result {
            Ok(()) => to_look_for.push(entry),
            Err(_) => known.push((entry.place, result)),
        }
    }
    Ok((known, to_look_for))
}

/// Looks for entries: for all by their common mark, then for each that was not among those by all that
/// it says, which nothing is more like. Returns those that are not there.
async fn missing(
    spoken: Spoken<'_>,
    scope: &Scope,
    mark: &str,
    entries: Vec<Entry>,
    outcomes: &mut Vec<Outcome>,
) -> Result<Vec<Entry>, Failure> {
    if entries.is_empty() {
        return Ok(entries);
    }
    let most = 2 * entries.len() + MORE;
    let together = find(spoken, scope, mark, most).await?;
    let mut missing = Vec::new();
    for entry in entries {
        let is_there =
            |found: &[MemoryWrite]| found.iter().any(|one| Some(one) == entry.write.as_ref());
        let there = is_there(&together) || {
            let alone = find(spoken, scope, &entry.document(), MORE).await?;
            is_there(&alone)
        };
        if there {
            outcomes.push((entry.place, Ok(())));
        } else {
            missing.push(entry);
        }
    }
    Ok(missing)
}

/// Overwrites what is found of a session, until nothing is. The server's list of what a session has is
/// its search; there is no other.
pub(crate) async fn forget(
    spoken: Spoken<'_>,
    scope: &Scope,
    session: SessionId,
) -> Result<(), Failure> {
    let mark = scope.session_mark(session);
    for _ in 0..ROUNDS {
        let mut found = find(spoken, scope, &mark, AT_ONCE).await?;
        found.retain(|write| write.session_id == session);
        if found.is_empty() {
            return Ok(());
        }
        let empty = |(place, write)| Entry::forgotten(place, scope, write);
        let entries: Result<Vec<Entry>, Failure> = found.iter().enumerate().map(empty).collect();
        send(spoken, scope, entries?).await?;
    }
    Err(Failure::new(Kind::NotStored, "there is still something of a session to forget"))
}
