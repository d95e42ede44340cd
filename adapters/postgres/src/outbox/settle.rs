//! Settling rows that are done with, each under the lease of its lane.

use std::collections::BTreeSet;

use soma_core::ids::TenantId;
use soma_core::ports::outbox::{SettledRow, Settlement};
use soma_core::work::lease::Resource;
use tokio_postgres::Row;

use super::dead::NewLetters;
use crate::columns::platform;
use crate::database::{Database, Query, Scope, SqlError};
use crate::erasing;
use crate::leases::Named;

/// Settlements as columns: leases by their places, and rows with the places of theirs.
struct Columns {
    leases: Named,
    lanes: Vec<i16>,
    places: Vec<i64>,
    row_ids: Vec<i64>,
    row_places: Vec<i64>,
}

impl Columns {
    fn of(settlements: &[Settlement]) -> Self {
        let (mut lanes, mut places) = (Vec::new(), Vec::new());
        let mut rows = Vec::new();
        let mut leases = Vec::new();
        for (place, settlement) in (0..).zip(settlements) {
            let Resource::Lane(lane) = settlement.lease.resource else { continue };
            leases.push(&settlement.lease);
            lanes.push(super::lane_number(lane));
            places.push(place);
            rows.extend(settlement.rows.iter().map(|row| (row.id.cast_signed(), place)));
        }
        // Rows are locked in the order of their ids.
        rows.sort_unstable();
        let (row_ids, row_places) = rows.into_iter().unzip();
        Self { leases: Named::of(leases), lanes, places, row_ids, row_places }
    }

    /// Returns the places of the leases that hold, and the ids of the rows that were there.
    fn settle(&self) -> Query<'_> {
        Query::new(
            "WITH held AS MATERIALIZED (
                 SELECT a.place, a.lane
                   FROM unnest($1::text[], $2::uuid[], $3::bigint[], $4::smallint[], $5::bigint[])
                        AS a (resource, owner, epoch, lane, place)
                   JOIN leases AS l USING (resource, owner, epoch)
                  ORDER BY l.resource FOR SHARE OF l
             ), gone AS (
                 DELETE FROM outbox AS o
                  USING unnest($6::bigint[], $7::bigint[]) AS r (id, place) JOIN held USING (place)
                  WHERE o.id = r.id AND o.lane = held.lane
                 RETURNING o.id
             )
             SELECT ARRAY(SELECT place FROM held), ARRAY(SELECT id FROM gone)",
            vec![
                &self.leases.resources,
                &self.leases.owners,
                &self.leases.epochs,
                &self.lanes,
                &self.places,
                &self.row_ids,
                &self.row_places,
            ],
        )
    }
}

/// Settles, and returns of each settlement whether its lease held.
pub(super) async fn settle(
    database: &Database,
    settlements: &[Settlement],
) -> Result<Vec<bool>, SqlError> {
    let columns = Columns::of(settlements);
    let rows = settlements.iter().flat_map(|settlement| &settlement.rows);
    let with_letters: Vec<&SettledRow> = rows.filter(|row| !row.dead.is_empty()).collect();
    if with_letters.is_empty() {
        let rows = database.rows(Scope::platform(), columns.settle()).await?;
        return held(&rows, settlements.len());
    }
    let mut unit = database.unit(Scope::platform()).await?;
    let [_, rows] = unit.run([erasing::hold_off(), columns.settle()]).await?;
    let letters = letters(&rows, &with_letters, &platform()?)?;
    unit.commit(letters.insert().into_iter().collect::<Vec<_>>()).await?;
    held(&rows, settlements.len())
}

fn held(rows: &[Row], settlements: usize) -> Result<Vec<bool>, SqlError> {
    let places: Vec<i64> = rows.first().map_or(Ok(Vec::new()), |row| row.try_get(0))?;
    Ok((0..).take(settlements).map(|place| places.contains(&place)).collect())
}

/// The letters of those rows that were there.
fn letters(
    rows: &[Row],
    settled: &[&SettledRow],
    platform: &TenantId,
) -> Result<NewLetters, SqlError> {
    let gone: Vec<i64> = rows.first().map_or(Ok(Vec::new()), |row| row.try_get(1))?;
    let gone: BTreeSet<i64> = gone.into_iter().collect();
    let mut letters = NewLetters::default();
    for row in settled.iter().filter(|row| gone.contains(&row.id.cast_signed())) {
        row.dead.iter().for_each(|letter| letters.keep(letter, platform));
    }
    Ok(letters)
}
