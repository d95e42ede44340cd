//! Reading the writes that are due.

use soma_core::ids::SessionId;
use soma_core::observe::{self, SetAside};
use soma_core::outbox::dead::{DeadLetter, Origin};
use soma_core::outbox::topic::Topic;
use soma_core::ports::memory_queue::DueWrite;
use soma_core::time::Timestamp;
use tokio_postgres::Row;

use super::Lanes;
use crate::columns::{count, limit, platform, read_json, small, tenant, timestamp, trace};
use crate::database::{Database, Query, Scope, SqlError};
use crate::erasing;
use crate::outbox::dead::NewLetters;

/// A row that cannot be read.
struct Unreadable {
    id: u64,
    version: u64,
    letter: DeadLetter,
}

/// The writes that are due in the lanes whose leases hold. Rows that cannot be read are set aside: they
/// would stop every other.
pub(super) async fn due(
    database: &Database,
    lanes: &Lanes,
    most: usize,
) -> Result<Vec<DueWrite>, SqlError> {
    if lanes.numbers.is_empty() {
        return Ok(Vec::new());
    }
    let most = limit(most);
    let mut parameters = lanes.parameters();
    parameters.push(&most);
    let select = Query::new(
        "SELECT id, version, retry_count, payload, tenant, session_id, soma_now(), traceparent,
                tracestate
           FROM memory_write_outbox
          WHERE due_at <= (SELECT soma_now()) AND lane = ANY (ARRAY(
                    SELECT a.lane
                      FROM unnest($1::text[], $2::uuid[], $3::bigint[], $4::smallint[])
                           AS a (resource, owner, epoch, lane)
                      JOIN leases AS l USING (resource, owner, epoch)))
          ORDER BY due_at, id LIMIT $5",
        parameters,
    );
    let rows = database.rows(Scope::platform(), select).await?;
    let (mut writes, mut unreadable) = (Vec::with_capacity(rows.len()), Vec::new());
    for row in &rows {
        match read(row, timestamp(row, 6)?)? {
            Ok(write) => writes.push(write),
            Err(row) => unreadable.push(row),
        }
    }
    if !unreadable.is_empty() {
        set_aside(database, &unreadable).await?;
    }
    Ok(writes)
}

/// The write of a row, or its dead letter if it cannot be read.
fn read(row: &Row, at: Timestamp) -> Result<Result<DueWrite, Unreadable>, SqlError> {
    let (id, version) = (count(row, 0)?, count(row, 1)?);
    let unreadable = match read_json(row.try_get(3)?) {
        Ok(write) => {
            let tries = small(row, 2)?.saturating_add(1);
            let trace = trace(row, 7)?;
            return Ok(Ok(DueWrite { id, version, tries, write, trace }));
        }
        Err(unreadable) => unreadable,
    };
    let letter = DeadLetter {
        topic: Topic::MemoryWal,
        partition: None,
        offset: None,
        key: SessionId::from_uuid(row.try_get(5)?).to_string(),
        tenant: Some(tenant(row, 4)?),
        payload: unreadable.raw,
        error: format!("the memory cannot be read: {}", unreadable.error),
        at,
        origin: Origin::State,
    };
    Ok(Err(Unreadable { id, version, letter }))
}

/// Keeps rows as dead letters, unless they are gone or were replaced.
async fn set_aside(database: &Database, unreadable: &[Unreadable]) -> Result<(), SqlError> {
    let ids: Vec<i64> = unreadable.iter().map(|row| row.id.cast_signed()).collect();
    let versions: Vec<i64> = unreadable.iter().map(|row| row.version.cast_signed()).collect();
    let delete = Query::new(
        "DELETE FROM memory_write_outbox AS w USING unnest($1::bigint[], $2::bigint[])
                AS d (id, version)
          WHERE w.id = d.id AND w.version = d.version RETURNING w.id",
        vec![&ids, &versions],
    );
    let mut unit = database.unit(Scope::platform()).await?;
    let [_, gone] = unit.run([erasing::hold_off(), delete]).await?;
    let gone = gone.iter().map(|row| count(row, 0)).collect::<Result<Vec<_>, _>>()?;
    let (mut letters, platform) = (NewLetters::default(), platform()?);
    let set_aside = unreadable.iter().filter(|row| gone.contains(&row.id));
    set_aside.clone().for_each(|row| letters.keep(&row.letter, &platform));
    unit.commit(letters.insert().into_iter().collect::<Vec<_>>()).await?;
    set_aside.for_each(|row| observe::dead_letter(&row.letter, SetAside::Unreadable));
    Ok(())
}
