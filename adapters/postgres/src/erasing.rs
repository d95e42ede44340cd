//! Erasing what a session left in the queues and in the replica.
//!
//! What is on its way there when a session is erased must not survive it: whoever inserts without
//! holding the row of the session [holds off](hold_off) erasures until its transaction ends. Locks are
//! taken in this order, so that nobody waits in a circle: rows of sessions, sums of usage, this lock,
//! rows of queues.

use soma_core::ids::{SessionId, TenantId};
use soma_core::time::Timestamp;
use uuid::Uuid;

use crate::columns::At;
use crate::database::Query;

/// Waits for an erasure that has begun, and holds others off: what is sent after it sees what was erased,
/// and what it inserts is seen by those that come.
pub(crate) const fn hold_off() -> Query<'static> {
    Query::new(
        "SELECT pg_advisory_xact_lock_shared(hashtextextended('soma.erasing', 0))",
        Vec::new(),
    )
}

/// The erasure of a session from the queues, from the replica and from the dead letters.
pub(crate) struct Erasure {
    tenant: String,
    session: Uuid,
    key: Vec<u8>,
    at: At,
}

impl Erasure {
    /// Of a session of a tenant, at this time.
    pub(crate) fn new(tenant: &TenantId, session: SessionId, at: Timestamp) -> Self {
        let key = session.to_string().into_bytes();
        Self { tenant: tenant.to_string(), session: *session.as_uuid(), key, at: At(at) }
    }

    /// Deletes what is there of it, and leaves it to be forgotten. Whoever sends this holds the row of
    /// the session, and has marked it as erased.
    pub(crate) fn queries(&self) -> [Query<'_>; 2] {
        let alone = Query::new(
            "SELECT pg_advisory_xact_lock(hashtextextended('soma.erasing', 0))",
            Vec::new(),
        );
        let erase = Query::new(
            "WITH writes AS (
                 DELETE FROM memory_write_outbox WHERE session_id = $1 AND tenant = $2
             ), replica AS (
                 DELETE FROM memory_replica WHERE session_id = $1 AND tenant = $2
             ), messages AS (
                 DELETE FROM outbox WHERE key = $3 AND tenant = $2
             ), letters AS (
                 DELETE FROM dlq WHERE key = $3 AND tenant = $2
             ), cached AS (
                 DELETE FROM session_cache WHERE session_id = $1
             )
             INSERT INTO memory_forgets (session_id, tenant, erased_at) VALUES ($1, $2, $4)",
            vec![&self.session, &self.tenant, &self.key, &self.at],
        );
        [alone, erase]
    }
}
