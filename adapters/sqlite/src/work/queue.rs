//! The work that waits, in the order in which it is served.

use std::collections::BTreeMap;

use rusqlite::{Connection, OptionalExtension, Row, params};
use soma_core::ports::work::ClaimRequest;
use soma_core::time::Timestamp;
use soma_core::work::suspicion::{SuspectLimit, Suspicion};
use uuid::Uuid;

use super::owners::suspicion;
use crate::database::SqlError;

/// A session that may be claimed.
pub(super) struct Candidate {
    /// The row of its oldest turn or call.
    pub(super) oldest: i64,
    /// Its row.
    pub(super) id: i64,
    pub(super) tenant: String,
    pub(super) session: Uuid,
    pub(super) epoch: u64,
    pub(super) suspicion: Suspicion,
}

/// The work of a tenant.
struct Tenant {
    name: String,
    /// How many claims of the kind it holds.
    held: usize,
    next: Option<Candidate>,
}

/// The work that waits: of the tenant that holds the fewest claims, the oldest first.
pub(super) struct Queue<'a> {
    connection: &'a Connection,
    kind: &'static str,
    now: i64,
    cap: usize,
    suspect_limit: SuspectLimit,
    tenants: Vec<Tenant>,
}

impl<'a> Queue<'a> {
    pub(super) fn open(
        connection: &'a Connection,
        request: &ClaimRequest,
        suspect_limit: SuspectLimit,
        now: Timestamp,
    ) -> Result<Self, SqlError> {
        let kind = request.kind.as_str();
        let (cap, now) = (request.tenant_cap, now.as_micros());
        let mut queue = Self { connection, kind, now, cap, suspect_limit, tenants: Vec::new() };
        queue.fill()?;
        Ok(queue)
    }

    /// A seek per tenant, however many sessions of each are waiting.
    fn fill(&mut self) -> Result<(), SqlError> {
        let mut following = self.connection.prepare_cached(
            "SELECT min(tenant) FROM work_claims
              WHERE kind = ?1 AND tenant > ?2 AND oldest IS NOT NULL AND owner IS NULL",
        )?;
        let mut after = String::new();
        let mut held = None;
        while let Some(name) =
            following.query_row(params![self.kind, after], |row| row.get::<_, Option<String>>(0))?
        {
            let held = match &mut held {
                Some(held) => held,
                none => none.insert(self.held()?),
            };
            let held = held.get(&name).copied().unwrap_or(0);
            let next = if held < self.cap { self.next_of(&name, i64::MIN)? } else { None };
            after.clone_from(&name);
            self.tenants.push(Tenant { name, held, next });
        }
        Ok(())
    }

    /// How many claims of the kind each tenant holds.
    fn held(&self) -> Result<BTreeMap<String, usize>, SqlError> {
        self.connection
            .prepare_cached(
                "SELECT tenant, count(*) FROM work_claims
                  WHERE kind = ?1 AND owner IS NOT NULL GROUP BY tenant",
            )?
            .query_and_then([self.kind], |row| Ok((row.get(0)?, row.get(1)?)))?
            .collect()
    }

    fn next_of(&self, tenant: &str, after: i64) -> Result<Option<Candidate>, SqlError> {
        let least = self.suspect_limit.least_max_suspects();
        let found = self
            .connection
            .prepare_cached(
                "SELECT oldest, id, tenant, session_id, epoch, max_suspects, tries, deaths
                   FROM work_claims
                  WHERE kind = ?1 AND tenant = ?2 AND oldest > ?3 AND max_suspects >= ?4
                    AND ready_at <= ?5 AND oldest IS NOT NULL AND owner IS NULL
                  ORDER BY oldest LIMIT 1",
            )?
            .query_row(params![self.kind, tenant, after, least, self.now], candidate)
            .optional()?;
        Ok(found)
    }

    /// What is served next; whoever asks takes it.
    pub(super) fn next(&mut self) -> Result<Option<Candidate>, SqlError> {
        loop {
            let order = |(_, tenant): &(usize, &Tenant)| {
                (tenant.held, tenant.next.as_ref().map(|next| next.oldest))
            };
            let waiting = self.tenants.iter().enumerate().filter(|(_, at)| at.next.is_some());
            let Some((place, _)) = waiting.min_by_key(order) else { return Ok(None) };
            let tenant = &mut self.tenants[place];
            let Some(first) = tenant.next.take() else { return Ok(None) };
            let admitted = first.suspicion.max_suspects >= self.suspect_limit.least_max_suspects();
            if admitted {
                tenant.held += 1;
                self.suspect_limit.add(first.suspicion);
            }
            if self.tenants[place].held < self.cap {
                let next = self.next_of(&self.tenants[place].name, first.oldest)?;
                self.tenants[place].next = next;
            }
            if admitted {
                return Ok(Some(first));
            }
        }
    }

    /// Whether something waits only until another is released.
    pub(super) fn must_wait(&self) -> Result<bool, SqlError> {
        let mut waits = self.connection.prepare_cached(
            "SELECT 1 FROM work_claims
              WHERE kind = ?1 AND tenant = ?2 AND ready_at <= ?3
                AND oldest IS NOT NULL AND owner IS NULL LIMIT 1",
        )?;
        for tenant in self.tenants.iter().filter(|tenant| tenant.held >= self.cap) {
            if waits.exists(params![self.kind, tenant.name, self.now])? {
                return Ok(true);
            }
        }
        let suspects = self
            .connection
            .prepare_cached(
                "SELECT 1 FROM work_claims
                  WHERE kind = ?1 AND max_suspects < ?2 AND max_suspects < 4294967295 AND ready_at <= ?3
                    AND oldest IS NOT NULL AND owner IS NULL LIMIT 1",
            )?
            .exists(params![self.kind, self.suspect_limit.least_max_suspects(), self.now])?;
        Ok(suspects)
    }
}

fn candidate(row: &Row<'_>) -> rusqlite::Result<Candidate> {
    Ok(Candidate {
        oldest: row.get(0)?,
        id: row.get(1)?,
        tenant: row.get(2)?,
        session: row.get(3)?,
        epoch: row.get(4)?,
        suspicion: suspicion(row, 5)?,
    })
}
