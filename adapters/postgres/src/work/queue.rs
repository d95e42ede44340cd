//! The work that waits, in the order in which it is served.

use soma_core::ids::SessionId;
use soma_core::ports::work::ClaimRequest;
use soma_core::work::suspicion::{SuspectLimit, Suspicion};
use uuid::Uuid;

use super::owners::suspicion;
use crate::columns::limit;
use crate::database::{Query, SqlError, Unit};

/// The work of the kind ($1) that waits, as so many ($3) single claims would serve it: of the tenant
/// that holds the fewest claims the oldest first, and of none more than may be held of it ($4). Of
/// suspects those that may be held with so many ($2). One seek for each tenant, however many sessions
/// of each are waiting.
const NEXT: &str = "
    WITH RECURSIVE tenants (tenant) AS (
        (SELECT tenant FROM work_claims
          WHERE kind = $1 AND oldest IS NOT NULL AND owner IS NULL ORDER BY tenant LIMIT 1)
        UNION ALL
        SELECT (SELECT w.tenant FROM work_claims w
                 WHERE w.kind = $1 AND w.tenant > t.tenant AND w.oldest IS NOT NULL
                   AND w.owner IS NULL
                 ORDER BY w.tenant LIMIT 1)
          FROM tenants t WHERE t.tenant IS NOT NULL),
    held AS MATERIALIZED (
        SELECT tenant, count(*) AS claims FROM work_claims
         WHERE kind = $1 AND owner IS NOT NULL GROUP BY tenant)
    SELECT c.session_id, c.turn_id, c.max_suspects, c.tries, c.deaths
      FROM tenants t
      LEFT JOIN held h ON h.tenant = t.tenant
     CROSS JOIN LATERAL (
           SELECT w.*, row_number() OVER (ORDER BY w.oldest) AS place
             FROM (SELECT session_id, turn_id, oldest, max_suspects, tries, deaths FROM work_claims
                    WHERE kind = $1 AND tenant = t.tenant AND oldest IS NOT NULL AND owner IS NULL
                      AND max_suspects >= $2 AND ready_at <= soma_now()
                    ORDER BY oldest
                    LIMIT greatest(0, least($3, $4 - coalesce(h.claims, 0)))) w) c
     WHERE t.tenant IS NOT NULL
     ORDER BY coalesce(h.claims, 0) + c.place, c.oldest LIMIT $3";

/// Whether work of the kind ($1) waits only until another is released: of a tenant of which so many
/// ($2) are held, or a suspect that may not be held with so many ($3).
const MUST_WAIT: &str = "
    SELECT EXISTS (
           SELECT FROM (SELECT tenant FROM work_claims
                         WHERE kind = $1 AND owner IS NOT NULL
                         GROUP BY tenant HAVING count(*) >= $2) f
            CROSS JOIN LATERAL (
                  SELECT FROM work_claims w
                   WHERE w.kind = $1 AND w.tenant = f.tenant AND w.oldest IS NOT NULL
                     AND w.owner IS NULL AND w.ready_at <= soma_now() LIMIT 1) x)
        OR EXISTS (
           SELECT FROM work_claims
            WHERE kind = $1 AND max_suspects < $3 AND max_suspects < 4294967295
              AND ready_at <= soma_now() AND oldest IS NOT NULL AND owner IS NULL)";

/// A session that may be claimed.
pub(super) struct Candidate {
    pub(super) session_id: SessionId,
    pub(super) turn_id: Option<Uuid>,
    suspicion: Suspicion,
}

/// What is asked of the queue: what is left to be claimed of a request.
pub(super) struct Asked {
    kind: &'static str,
    cap: i64,
    pub(super) most: i64,
    pub(super) least: i64,
}

impl Asked {
    pub(super) fn new(request: &ClaimRequest, suspects: &SuspectLimit) -> Self {
        Self {
            kind: request.kind.as_str(),
            cap: limit(request.tenant_cap),
            most: limit(request.most),
            least: suspects.least_max_suspects().into(),
        }
    }

    pub(super) fn must_wait(&self) -> Query<'_> {
        Query::new(MUST_WAIT, vec![&self.kind, &self.cap, &self.least])
    }

    /// What is served next, up to the first suspect that may not be held with those before it; and
    /// whether there was one.
    pub(super) async fn next(
        &mut self,
        unit: &mut Unit,
        suspects: &mut SuspectLimit,
    ) -> Result<(Vec<Candidate>, bool), SqlError> {
        let query = Query::new(NEXT, vec![&self.kind, &self.least, &self.most, &self.cap]);
        let [rows] = unit.run([query]).await?;
        let mut candidates = Vec::with_capacity(rows.len());
        for row in &rows {
            let suspicion = suspicion(row, 2)?;
            if suspicion.max_suspects < suspects.least_max_suspects() {
                self.least = suspects.least_max_suspects().into();
                return Ok((candidates, true));
            }
            suspects.add(suspicion);
            let session_id = SessionId::from_uuid(row.try_get(0)?);
            candidates.push(Candidate { session_id, turn_id: row.try_get(1)?, suspicion });
        }
        self.least = suspects.least_max_suspects().into();
        Ok((candidates, false))
    }
}

impl Candidate {
    pub(super) const fn tries(&self) -> u32 {
        self.suspicion.tries
    }
}
