//! What became of writes that were due: one statement for all of them.

use std::collections::BTreeSet;

use soma_core::memory::WalEvent;
use soma_core::outbox::wire;
use soma_core::ports::memory_queue::{SettledWrite, WriteOutcome};
use tokio_postgres::Row;
use uuid::Uuid;

use super::Lanes;
use crate::blob::Blob;
use crate::columns::{At, count, micros};
use crate::database::{Database, Query, Scope, SqlError};
use crate::erasing;
use crate::outbox::dead::NewLetters;
use crate::outbox::lane_of;

/// Settlements as columns.
#[derive(Default)]
struct Columns {
    /// Rows that go: of writes that were made, or refused.
    gone: Vec<i64>,
    gone_versions: Vec<i64>,
    put_off: Vec<i64>,
    put_off_versions: Vec<i64>,
    spans: Vec<i64>,
    tries: Vec<i32>,
    /// Of those that were made, their records.
    made: Vec<i64>,
    lanes: Vec<i16>,
    tenants: Vec<String>,
    topics: Vec<&'static str>,
    keys: Vec<Blob>,
    kinds: Vec<String>,
    event_ids: Vec<Uuid>,
    payloads: Vec<Blob>,
    times: Vec<At>,
}

impl Columns {
    /// Rows are locked in the order of their ids.
    fn of(settlements: &[SettledWrite]) -> Self {
        let mut columns = Self::default();
        let mut settlements: Vec<&SettledWrite> = settlements.iter().collect();
        settlements.sort_by_key(|one| one.due.id);
        for one in settlements {
            columns.push(one);
        }
        columns
    }

    fn push(&mut self, settlement: &SettledWrite) {
        let SettledWrite { due, outcome } = settlement;
        let (id, version) = (due.id.cast_signed(), due.version.cast_signed());
        if let WriteOutcome::PutOff(span) = outcome {
            self.put_off.push(id);
            self.put_off_versions.push(version);
            self.spans.push(micros(*span));
            self.tries.push(i32::try_from(due.tries).unwrap_or(i32::MAX));
            return;
        }
        self.gone.push(id);
        self.gone_versions.push(version);
        let WriteOutcome::Made(at) = outcome else { return };
        let wal = WalEvent::new(due.write.clone(), *at);
        let record = wire::memory_written(&wal, None);
        self.made.push(id);
        self.lanes.push(lane_of(&record.key));
        self.tenants.push(record.tenant.to_string());
        self.topics.push(record.topic.as_str());
        self.keys.push(Blob(record.key.into()));
        self.kinds.push(record.kind);
        self.event_ids.push(record.event_id);
        self.payloads.push(Blob(record.payload));
        self.times.push(At(*at));
    }

    /// Returns the ids of those that were settled. A record gets the trace of the commit that left its
    /// write.
    fn settle<'a>(&'a self, lanes: &'a Lanes) -> Query<'a> {
        let mut parameters = lanes.parameters();
        parameters.extend_from_slice(&[
            &self.gone,
            &self.gone_versions,
            &self.put_off,
            &self.put_off_versions,
            &self.spans,
            &self.tries,
            &self.made,
            &self.lanes,
            &self.tenants,
            &self.topics,
            &self.keys,
            &self.kinds,
            &self.event_ids,
            &self.payloads,
            &self.times,
        ]);
        Query::new(
            "WITH held AS MATERIALIZED (
                 SELECT a.lane
                   FROM unnest($1::text[], $2::uuid[], $3::bigint[], $4::smallint[])
                        AS a (resource, owner, epoch, lane)
                   JOIN leases AS l USING (resource, owner, epoch)
                  ORDER BY l.resource FOR SHARE OF l
             ), gone AS (
                 DELETE FROM memory_write_outbox AS w
                  USING unnest($5::bigint[], $6::bigint[]) AS d (id, version)
                  WHERE w.id = d.id AND w.version = d.version
                    AND w.lane = ANY (ARRAY(SELECT lane FROM held))
                 RETURNING w.id, w.traceparent, w.tracestate
             ), put_off AS (
                 UPDATE memory_write_outbox AS w
                    SET due_at = soma_now() + p.span * interval '1 microsecond',
                        retry_count = p.tries
                   FROM unnest($7::bigint[], $8::bigint[], $9::bigint[], $10::integer[])
                        AS p (id, version, span, tries)
                  WHERE w.id = p.id AND w.version = p.version
                    AND w.lane = ANY (ARRAY(SELECT lane FROM held))
                 RETURNING w.id
             ), published AS (
                 INSERT INTO outbox (lane, tenant, topic, key, kind, dedupe_key, payload,
                                     traceparent, tracestate, created_at)
                 SELECT m.lane, m.tenant, m.topic, m.key, m.kind, m.event_id, m.payload,
                        gone.traceparent, gone.tracestate, m.at
                   FROM unnest($11::bigint[], $12::smallint[], $13::text[], $14::text[],
                               $15::bytea[], $16::text[], $17::uuid[], $18::bytea[],
                               $19::timestamptz[]) WITH ORDINALITY
                        AS m (id, lane, tenant, topic, key, kind, event_id, payload, at, place)
                   JOIN gone USING (id) ORDER BY m.place
             )
             SELECT id FROM gone UNION ALL SELECT id FROM put_off",
            parameters,
        )
    }
}

/// Settles, and returns of each whether it was.
pub(super) async fn settle(
    database: &Database,
    lanes: &Lanes,
    settlements: &[SettledWrite],
) -> Result<Vec<bool>, SqlError> {
    let columns = Columns::of(settlements);
    let refused = |one: &SettledWrite| matches!(one.outcome, WriteOutcome::Refused(_));
    let settled = if settlements.iter().any(refused) {
        let mut unit = database.unit(Scope::platform()).await?;
        let [_, rows] = unit.run([erasing::hold_off(), columns.settle(lanes)]).await?;
        let settled = ids(&rows)?;
        let letters = letters(settlements, &settled);
        unit.commit(letters.insert().into_iter().collect::<Vec<_>>()).await?;
        settled
    } else {
        ids(&database.rows(Scope::platform(), columns.settle(lanes)).await?)?
    };
    Ok(settlements.iter().map(|one| settled.contains(&one.due.id)).collect())
}

fn ids(rows: &[Row]) -> Result<BTreeSet<u64>, SqlError> {
    rows.iter().map(|row| count(row, 0)).collect()
}

/// The letters of those that were refused and settled.
fn letters(settlements: &[SettledWrite], settled: &BTreeSet<u64>) -> NewLetters {
    let mut letters = NewLetters::default();
    for one in settlements.iter().filter(|one| settled.contains(&one.due.id)) {
        if let WriteOutcome::Refused(letter) = &one.outcome {
            letters.keep(letter, &one.due.write.tenant);
        }
    }
    letters
}
