//! The port `Leases`: who reads which partition or lane, and from where.
//!
//! A statement that locks several leases locks them in the order of their names, so that no two wait
//! for each other.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use soma_core::digest::Digest32;
use soma_core::ids::OwnerId;
use soma_core::ports::leases::Renewed;
use soma_core::ports::{Leases, PortResult};
use soma_core::work::ingest::{Batch, BatchOutcome};
use soma_core::work::lease::{Member, PartitionLease, Resource};
use tokio_postgres::Row;
use uuid::Uuid;

use crate::columns::{count, digest, limit, micros, number};
use crate::database::{Database, Query, Scope, SqlError, Unit};

/// Shares partitions and lanes out among all who use the database. Leases end by its clock.
///
/// A call whose outcome is unknown is resolved by acquiring again: the epoch moves up, and the position
/// tells what was applied.
#[derive(Clone, Debug)]
pub struct PostgresLeases {
    database: Arc<Database>,
}

impl PostgresLeases {
    /// The leases in `database`.
    pub const fn new(database: Arc<Database>) -> Self {
        Self { database }
    }
}

#[async_trait]
impl Leases for PostgresLeases {
    async fn renew(
        &self,
        member: &Member,
        leases: &[PartitionLease],
        ttl: Duration,
    ) -> PortResult<Renewed> {
        let (named, ttl) = (Named::of(leases), micros(ttl));
        let renew = Query::new(
            "WITH own AS (
                 SELECT l.resource, a.place
                   FROM unnest($4::text[], $5::uuid[], $6::bigint[]) WITH ORDINALITY
                        AS a (resource, owner, epoch, place)
                   JOIN leases AS l USING (resource, owner, epoch)
                  ORDER BY l.resource FOR NO KEY UPDATE OF l
             ), kept AS (
                 UPDATE leases AS l SET until = soma_now() + $3::bigint * interval '1 microsecond'
                   FROM own WHERE l.resource = own.resource RETURNING own.place
             ), live AS (
                 INSERT INTO members (member_group, member, until)
                 VALUES ($1, $2, soma_now() + $3::bigint * interval '1 microsecond')
                 ON CONFLICT (member_group, member) DO UPDATE SET until = excluded.until
             ), silent AS (
                 SELECT member FROM members
                  WHERE member_group = $1 AND member <> $2 AND until <= soma_now()
                    FOR UPDATE SKIP LOCKED
             ), gone AS (
                 DELETE FROM members AS m USING silent
                  WHERE m.member_group = $1 AND m.member = silent.member
             )
             SELECT 1 + count(*), ARRAY(SELECT place FROM kept) FROM members
              WHERE member_group = $1 AND member <> $2 AND until > soma_now()",
            vec![
                &member.group,
                member.owner.as_uuid(),
                &ttl,
                &named.resources,
                &named.owners,
                &named.epochs,
            ],
        );
        let rows = self.database.rows(Scope::platform(), renew).await?;
        Ok(renewed(&rows, leases.len())?)
    }

    async fn acquire(
        &self,
        resources: &[Resource],
        most: usize,
        owner: OwnerId,
        ttl: Duration,
    ) -> PortResult<Vec<PartitionLease>> {
        let names: Vec<String> = resources.iter().map(Resource::to_string).collect();
        let (most, ttl) = (limit(most), micros(ttl));
        let add = Query::new(
            "INSERT INTO leases (resource, epoch, until)
             SELECT resource, 0, '-infinity' FROM unnest($1::text[]) AS a (resource)
              ORDER BY resource
             ON CONFLICT (resource) DO NOTHING",
            vec![&names],
        );
        let take = Query::new(
            "WITH locked AS (
                 SELECT resource, owner, until FROM leases WHERE resource = ANY ($1::text[])
                  ORDER BY resource FOR NO KEY UPDATE
             ), free AS (
                 SELECT resource, a.place
                   FROM unnest($1::text[]) WITH ORDINALITY AS a (resource, place)
                   JOIN locked USING (resource)
                  WHERE owner IS NULL OR owner = $2 OR until <= soma_now()
                  ORDER BY a.place LIMIT $3
             )
             UPDATE leases AS l
                SET owner = $2, epoch = epoch + 1,
                    until = soma_now() + $4::bigint * interval '1 microsecond'
               FROM free WHERE l.resource = free.resource
             RETURNING free.place, epoch, next_offset, last_record",
            vec![&names, owner.as_uuid(), &most, &ttl],
        );
        let unit = self.database.unit(Scope::platform()).await?;
        let [_, rows] = unit.commit([add, take]).await?;
        let taken = rows.iter().map(|row| acquired(row, resources, owner));
        let mut taken = taken.collect::<Result<Vec<_>, _>>()?;
        taken.sort_unstable_by_key(|(place, _)| *place);
        Ok(taken.into_iter().map(|(_, lease)| lease).collect())
    }

    async fn release(&self, leases: &[PartitionLease]) -> PortResult<()> {
        let named = Named::of(leases);
        self.database.rows(Scope::platform(), release(&named)).await?;
        Ok(())
    }

    async fn leave(&self, member: &Member, leases: &[PartitionLease]) -> PortResult<()> {
        let named = Named::of(leases);
        let leave = Query::new(
            "DELETE FROM members WHERE member_group = $1 AND member = $2",
            vec![&member.group, member.owner.as_uuid()],
        );
        let unit = self.database.unit(Scope::platform()).await?;
        unit.commit([leave, release(&named)]).await?;
        Ok(())
    }
}

/// Leases as columns.
pub(crate) struct Named {
    pub(crate) resources: Vec<String>,
    pub(crate) owners: Vec<Uuid>,
    pub(crate) epochs: Vec<i64>,
}

impl Named {
    pub(crate) fn of<'a>(leases: impl IntoIterator<Item = &'a PartitionLease>) -> Self {
        let mut named = Self { resources: Vec::new(), owners: Vec::new(), epochs: Vec::new() };
        for lease in leases {
            named.resources.push(lease.resource.to_string());
            named.owners.push(*lease.owner.as_uuid());
            named.epochs.push(number(lease.epoch));
        }
        named
    }
}

fn release(named: &Named) -> Query<'_> {
    Query::new(
        "WITH own AS (
             SELECT l.resource
               FROM unnest($1::text[], $2::uuid[], $3::bigint[]) AS a (resource, owner, epoch)
               JOIN leases AS l USING (resource, owner, epoch)
              ORDER BY l.resource FOR NO KEY UPDATE OF l
         )
         UPDATE leases AS l SET owner = NULL, until = '-infinity' FROM own
          WHERE l.resource = own.resource",
        vec![&named.resources, &named.owners, &named.epochs],
    )
}

fn renewed(rows: &[Row], leases: usize) -> Result<Renewed, SqlError> {
    let row = rows.first().ok_or_else(|| SqlError::Row("a count has no row".into()))?;
    let kept: Vec<i64> = row.try_get(1)?;
    let held = (1..).take(leases).map(|place| kept.contains(&place)).collect();
    Ok(Renewed { held, members: usize::try_from(count(row, 0)?).unwrap_or(usize::MAX) })
}

/// A lease that was acquired, with its place among the resources that were asked for.
fn acquired(
    row: &Row,
    resources: &[Resource],
    owner: OwnerId,
) -> Result<(usize, PartitionLease), SqlError> {
    let place = usize::try_from(count(row, 0)?).unwrap_or(usize::MAX);
    let resource = place.checked_sub(1).and_then(|index| resources.get(index));
    let resource = resource.ok_or_else(|| SqlError::Row("a lease that nobody asked for".into()))?;
    let last: Option<&[u8]> = row.try_get(3)?;
    let last = last.map(|_| digest(row, 3)).transpose()?.map(Digest32);
    let (epoch, next_offset) = (count(row, 1)?, count(row, 2)?);
    let lease = PartitionLease { resource: resource.clone(), owner, epoch, next_offset, last };
    Ok((place, lease))
}

/// The move of a position from where a batch begins to where it ends.
pub(crate) struct Advance {
    pub(crate) resource: String,
    pub(crate) owner: Uuid,
    pub(crate) epoch: i64,
    pub(crate) from: i64,
    pub(crate) to: i64,
    pub(crate) last: Option<Vec<u8>>,
}

impl Advance {
    pub(crate) fn of<T>(batch: &Batch<T>) -> Self {
        Self {
            resource: batch.lease.resource.to_string(),
            owner: *batch.lease.owner.as_uuid(),
            epoch: number(batch.lease.epoch),
            from: number(batch.lease.next_offset),
            to: number(batch.next_offset),
            last: batch.last.map(|digest| digest.0.to_vec()),
        }
    }

    /// Returns a row if the position moved.
    fn query(&self) -> Query<'_> {
        Query::new(
            "UPDATE leases SET next_offset = $5, last_record = $6
              WHERE resource = $1 AND owner = $2 AND epoch = $3 AND next_offset = $4
             RETURNING next_offset",
            vec![&self.resource, &self.owner, &self.epoch, &self.from, &self.to, &self.last],
        )
    }

    /// Where the position is then, if the lease is still its owner's.
    pub(crate) fn position(&self) -> Query<'_> {
        Query::new(
            "SELECT next_offset FROM leases WHERE resource = $1 AND owner = $2 AND epoch = $3",
            vec![&self.resource, &self.owner, &self.epoch],
        )
    }

    /// What became of the batch, by whether its position moved and where it is.
    pub(crate) fn outcome(&self, moved: bool, position: &[Row]) -> Result<BatchOutcome, SqlError> {
        if moved {
            return Ok(BatchOutcome::Applied);
        }
        match position.first().map(|row| row.try_get::<_, i64>(0)).transpose()? {
            Some(at) if at != self.from && at >= self.to => Ok(BatchOutcome::AlreadyDone),
            Some(_) | None => Ok(BatchOutcome::Fenced),
        }
    }
}

/// Moves the position from where the batch begins to where it ends: the fence of the unit, and the
/// first thing it does. Whoever takes the lease over waits for the end of the unit.
pub(crate) async fn advance<T>(
    unit: &mut Unit,
    batch: &Batch<T>,
) -> Result<BatchOutcome, SqlError> {
    let advance = Advance::of(batch);
    let [moved, position] = unit.run([advance.query(), advance.position()]).await?;
    advance.outcome(!moved.is_empty(), &position)
}
