//! Rows of sessions.

use soma_core::conversation::chain::Chain;
use soma_core::conversation::event::Seq;
use soma_core::digest::Digest32;
use soma_core::ids::{PersonaId, SessionId, TenantId};
use soma_core::time::Timestamp;
use soma_core::work::session::Session;
use tokio_postgres::Row;
use uuid::Uuid;

use crate::columns::{At, count, digest, limit, number, tenant, timestamp};
use crate::database::{Database, Query, Scope, SqlError};

/// Holds the rows of sessions ($1), in the order of their ids, as every transaction does that changes
/// anything of them: [`read`] reads the first columns, and the last tells whether it was erased.
pub(crate) const LOCK: &str = "
    SELECT tenant, session_id, persona_id, created_at, updated_at, event_count, head, turns_accepted,
           turns_done, erased
      FROM sessions WHERE session_id = ANY($1) ORDER BY session_id FOR NO KEY UPDATE";

/// Sessions ($1) as they are: [`read`] reads them.
pub(crate) const FIND: &str = "
    SELECT tenant, session_id, persona_id, created_at, updated_at, event_count, head, turns_accepted,
           turns_done
      FROM sessions WHERE session_id = ANY($1) AND NOT erased";

/// The session, if this tenant has it and it was not erased.
pub(super) async fn visible(
    database: &Database,
    tenant: &TenantId,
    session: SessionId,
) -> Result<Option<Session>, SqlError> {
    let sql = "
        SELECT tenant, session_id, persona_id, created_at, updated_at, event_count, head,
               turns_accepted, turns_done
          FROM sessions WHERE session_id = $1 AND tenant = $2 AND NOT erased";
    let name = tenant.as_str();
    let query = Query::new(sql, vec![session.as_uuid(), &name]);
    let rows = database.rows(Scope::tenant(tenant), query).await?;
    rows.first().map(read).transpose()
}

/// How many events each of these sessions has.
pub(super) async fn heads(
    database: &Database,
    sessions: &[(TenantId, SessionId)],
) -> Result<Vec<Option<Seq>>, SqlError> {
    let sql = "
        SELECT u.place, s.event_count
          FROM unnest($1::uuid[], $2::text[]) WITH ORDINALITY AS u (session_id, tenant, place)
          JOIN sessions s ON s.session_id = u.session_id AND s.tenant = u.tenant AND NOT s.erased";
    let ids: Vec<Uuid> = sessions.iter().map(|(_, session)| *session.as_uuid()).collect();
    let tenants: Vec<&str> = sessions.iter().map(|(tenant, _)| tenant.as_str()).collect();
    let scope = Scope::tenants(sessions.iter().map(|(tenant, _)| tenant));
    let rows = database.rows(scope, Query::new(sql, vec![&ids, &tenants])).await?;
    let mut heads = vec![None; sessions.len()];
    for row in rows {
        let place = usize::try_from(row.try_get::<_, i64>(0)? - 1).unwrap_or(usize::MAX);
        if let Some(head) = heads.get_mut(place) {
            *head = Some(Seq(count(&row, 1)?));
        }
    }
    Ok(heads)
}

/// A page of a tenant's sessions, those with the newest events first.
pub(super) async fn newest(
    database: &Database,
    tenant: &TenantId,
    after: Option<(Timestamp, SessionId)>,
    most: usize,
) -> Result<Vec<Session>, SqlError> {
    let sql = "
        SELECT tenant, session_id, persona_id, created_at, updated_at, event_count, head,
               turns_accepted, turns_done
          FROM sessions
         WHERE tenant = $1 AND NOT erased AND (updated_at, session_id) < ($2, $3)
         ORDER BY updated_at DESC, session_id DESC LIMIT $4";
    let (updated_at, session) = match after {
        Some((at, session)) => (At(at), *session.as_uuid()),
        None => (At(Timestamp::from_micros(i64::MAX)), Uuid::max()),
    };
    let (name, most) = (tenant.as_str(), limit(most));
    let query = Query::new(sql, vec![&name, &updated_at, &session, &most]);
    database.rows(Scope::tenant(tenant), query).await?.iter().map(read).collect()
}

/// Reads a session.
pub(crate) fn read(row: &Row) -> Result<Session, SqlError> {
    let persona: Option<String> = row.try_get(2)?;
    Ok(Session {
        tenant: tenant(row, 0)?,
        session_id: SessionId::from_uuid(row.try_get(1)?),
        persona_id: persona.map(PersonaId::new).transpose()?,
        created_at: timestamp(row, 3)?,
        updated_at: timestamp(row, 4)?,
        chain: Chain { count: Seq(count(row, 5)?), head: Digest32(digest(row, 6)?) },
        turns_accepted: count(row, 7)?,
        turns_done: count(row, 8)?,
    })
}

/// Sessions as a batch leaves them, column by column.
#[derive(Debug, Default)]
pub(super) struct Columns {
    ids: Vec<Uuid>,
    tenants: Vec<String>,
    personas: Vec<Option<String>>,
    created: Vec<At>,
    updated: Vec<At>,
    counts: Vec<i64>,
    heads: Vec<Vec<u8>>,
    accepted: Vec<i64>,
    done: Vec<i64>,
}

impl Columns {
    pub(super) fn push(&mut self, session: &Session) {
        self.ids.push(*session.session_id.as_uuid());
        self.tenants.push(session.tenant.to_string());
        self.personas.push(session.persona_id.as_ref().map(ToString::to_string));
        self.created.push(At(session.created_at));
        self.updated.push(At(session.updated_at));
        self.counts.push(number(session.chain.count.0));
        self.heads.push(session.chain.head.0.to_vec());
        self.accepted.push(number(session.turns_accepted));
        self.done.push(number(session.turns_done));
    }

    /// What opens them.
    pub(super) fn insert(&self) -> Option<Query<'_>> {
        let sql = "
            INSERT INTO sessions (session_id, tenant, persona_id, created_at, updated_at, event_count,
                                  head, turns_accepted, turns_done)
            SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[], $4::timestamptz[],
                                 $5::timestamptz[], $6::int8[], $7::bytea[], $8::int8[], $9::int8[])";
        let query = || {
            Query::new(
                sql,
                vec![
                    &self.ids,
                    &self.tenants,
                    &self.personas,
                    &self.created,
                    &self.updated,
                    &self.counts,
                    &self.heads,
                    &self.accepted,
                    &self.done,
                ],
            )
        };
        (!self.ids.is_empty()).then(query)
    }

    /// What moves them on: their rows are held.
    pub(super) fn update(&self) -> Option<Query<'_>> {
        let sql = "
            UPDATE sessions s
               SET updated_at = u.updated_at, event_count = u.event_count, head = u.head,
                   turns_accepted = u.turns_accepted, turns_done = u.turns_done
              FROM unnest($1::uuid[], $2::timestamptz[], $3::int8[], $4::bytea[], $5::int8[], $6::int8[])
                   AS u (session_id, updated_at, event_count, head, turns_accepted, turns_done)
             WHERE s.session_id = u.session_id";
        let query = || {
            Query::new(
                sql,
                vec![
                    &self.ids,
                    &self.updated,
                    &self.counts,
                    &self.heads,
                    &self.accepted,
                    &self.done,
                ],
            )
        };
        (!self.ids.is_empty()).then(query)
    }
}
