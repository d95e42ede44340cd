//! Leases of partitions and lanes: the lease is the position.

use soma_core::work::ingest::{Batch, BatchOutcome};

use crate::columns::{count, number};
use crate::database::{Query, SqlError, Unit};

/// Moves the position from where the batch begins to where it ends: the fence of the unit, and the
/// first thing it does. Whoever takes the lease over waits for the end of the unit.
pub(crate) async fn advance<T>(
    unit: &mut Unit,
    batch: &Batch<T>,
) -> Result<BatchOutcome, SqlError> {
    let lease = &batch.lease;
    let resource = lease.resource.to_string();
    let (owner, epoch) = (lease.owner.as_uuid(), number(lease.epoch));
    let (from, to) = (number(lease.next_offset), number(batch.next_offset));
    let last = batch.last.as_ref().map(|digest| &digest.0[..]);
    let advance = "
        UPDATE leases SET next_offset = $5, last_record = $6
         WHERE resource = $1 AND owner = $2 AND epoch = $3 AND next_offset = $4
        RETURNING next_offset";
    let position = "
        SELECT next_offset FROM leases WHERE resource = $1 AND owner = $2 AND epoch = $3";
    let [moved, found] = unit
        .run([
            Query::new(advance, vec![&resource, owner, &epoch, &from, &to, &last]),
            Query::new(position, vec![&resource, owner, &epoch]),
        ])
        .await?;
    if !moved.is_empty() {
        return Ok(BatchOutcome::Applied);
    }
    match found.first().map(|row| count(row, 0)).transpose()? {
        Some(at) if at != lease.next_offset && at >= batch.next_offset => {
            Ok(BatchOutcome::AlreadyDone)
        }
        Some(_) | None => Ok(BatchOutcome::Fenced),
    }
}
