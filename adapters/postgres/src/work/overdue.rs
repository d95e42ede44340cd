//! Work whose records never arrived.

use std::collections::BTreeSet;
use std::time::Duration;

use soma_core::work::commit::WorkKind;
use uuid::Uuid;

use super::ready::Sessions;
use crate::columns::{limit, micros};
use crate::database::{Database, Query, Scope, SqlError};
use crate::store;

/// What is looked for, and how it is moved on once its session is held.
struct Kind {
    find: &'static str,
    update: &'static str,
    work: WorkKind,
}

const MESSAGES: Kind = Kind {
    find: "
        SELECT turn_id, session_id, tenant FROM turns
         WHERE state = 'accepted' AND accepted_at < soma_now() - $1::int8 * interval '1 microsecond'
         ORDER BY accepted_at LIMIT $2",
    update: "
        UPDATE turns SET state = 'ready' WHERE turn_id = ANY($1) AND state = 'accepted' RETURNING true",
    work: WorkKind::Turns,
};

/// A turn was accepted before its calls were done.
const RESULTS: Kind = Kind {
    find: "
        SELECT c.call_id, c.session_id, c.tenant
          FROM turns t JOIN tool_calls c ON c.turn_id = t.turn_id
         WHERE t.state = 'waiting' AND t.accepted_at < soma_now() - $1::int8 * interval '1 microsecond'
           AND c.state = 'done' AND c.done_at < soma_now() - $1::int8 * interval '1 microsecond'
         ORDER BY c.done_at LIMIT $2",
    update: "
        UPDATE tool_calls SET state = 'delivered'
         WHERE call_id = ANY($1) AND state = 'done' RETURNING true",
    work: WorkKind::Turns,
};

const REQUESTS: Kind = Kind {
    find: "
        SELECT call_id, session_id, tenant FROM tool_calls
         WHERE state = 'requested' AND requested_at < soma_now() - $1::int8 * interval '1 microsecond'
         ORDER BY requested_at LIMIT $2",
    update: "
        UPDATE tool_calls SET state = 'ready'
         WHERE call_id = ANY($1) AND state = 'requested' RETURNING true",
    work: WorkKind::Calls,
};

/// Makes ready what was committed longer ago than an age and has not arrived. Returns how much.
pub(super) async fn recover(
    database: &Database,
    kind: WorkKind,
    age: Duration,
    most: usize,
) -> Result<usize, SqlError> {
    let kinds: &[Kind] = match kind {
        WorkKind::Turns => &[MESSAGES, RESULTS],
        WorkKind::Calls => &[REQUESTS],
    };
    let mut taken = 0;
    for kind in kinds {
        taken += recover_kind(database, kind, age, most.saturating_sub(taken)).await?;
    }
    Ok(taken)
}

async fn recover_kind(
    database: &Database,
    kind: &Kind,
    age: Duration,
    most: usize,
) -> Result<usize, SqlError> {
    let (age, most) = (micros(age), limit(most));
    let found = database.rows(Scope::platform(), Query::new(kind.find, vec![&age, &most])).await?;
    if found.is_empty() {
        return Ok(0);
    }
    let (mut ids, mut seen, mut sessions) = (Vec::new(), BTreeSet::new(), Sessions::default());
    for row in &found {
        ids.push(row.try_get::<_, Uuid>(0)?);
        let session: Uuid = row.try_get(1)?;
        if seen.insert(session) {
            sessions.push(session, row.try_get(2)?);
        }
    }
    let unit = database.unit(Scope::platform()).await?;
    let [_, moved, _] = unit
        .commit([
            Query::new(store::sessions::LOCK, vec![sessions.ids()]),
            Query::new(kind.update, vec![&ids]),
            sessions.follow(kind.work),
        ])
        .await?;
    Ok(moved.len())
}
