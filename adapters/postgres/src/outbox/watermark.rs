//! Up to which row the outbox has nothing any more: a scan begins there, and not among the index
//! entries of rows that are gone, which stay until they are vacuumed.
//!
//! Transactions commit in another order than they take ids, so that a row may appear below one that was
//! read. It cannot once every transaction has ended that may hold an id up to there: from time to time
//! a [mark](Mark) is set, the highest id that was handed out and then the number of a transaction
//! that begins after that. A transaction has its number before it takes an id (a trigger of the table
//! sees to it), so all that hold an id up to the mark have lower numbers than it has. When the server
//! says that all of these have ended, whatever a scan does not find up to the mark is gone for good.

use std::sync::{Mutex, PoisonError};

use soma_core::outbox::lane::Lane;
use tokio_postgres::Row;

use crate::database::{Query, SqlError};

/// A mark is looked for once in so many reads: it costs the number of a transaction.
const READS_FOR_A_MARK: u64 = 16;
/// The outbox is read from its beginning once in so many reads, whatever the watermark says: should the
/// server ever hand out an id again, as after a failover that lost it, its row waits no longer.
const READS_FROM_THE_BEGINNING: u64 = 256;

/// Up to which row some lanes are empty, as far as is known.
#[derive(Debug, Default)]
pub(super) struct Watermark(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    reads: u64,
    /// No row up to this one appears any more.
    settled: i64,
    /// It will be the next `settled`.
    mark: Option<Mark>,
    /// These lanes have no row up to `low`.
    lanes: Vec<Lane>,
    low: i64,
}

/// Ids up to this one were taken by transactions with lower numbers than this.
#[derive(Clone, Copy, Debug)]
struct Mark {
    id: i64,
    transaction: i64,
}

/// How a read is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Look {
    /// The lanes have no row up to this one.
    pub(super) low: i64,
    /// Whether to look for a mark, too.
    pub(super) mark: bool,
    /// No row up to this one appears any more, as was known before the read.
    settled: i64,
}

impl Watermark {
    /// How to read some lanes now.
    pub(super) fn look(&self, lanes: &[Lane]) -> Look {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.reads += 1;
        if state.lanes != lanes || state.reads.is_multiple_of(READS_FROM_THE_BEGINNING) {
            state.lanes = lanes.to_vec();
            state.low = 0;
        }
        let mark = state.reads % READS_FOR_A_MARK == 1;
        Look { low: state.low, mark, settled: state.settled }
    }

    /// A read of some lanes, from the watermark on, found this row first, or none.
    pub(super) fn found(&self, lanes: &[Lane], look: Look, first: Option<i64>) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if state.lanes == lanes {
            let empty = first.map_or(look.settled, |first| look.settled.min(first - 1));
            state.low = state.low.max(empty);
        }
    }

    /// What [`queries`] found.
    pub(super) fn marked(&self, highest: &[Row], now: &[Row]) -> Result<(), SqlError> {
        let (Some(highest), Some(now)) = (highest.first(), now.first()) else { return Ok(()) };
        let id = highest.try_get(0)?;
        let (transaction, oldest): (i64, i64) = (now.try_get(0)?, now.try_get(1)?);
        self.set(Mark { id, transaction }, oldest);
        Ok(())
    }

    /// Sets a mark, and settles the one before it if no transaction below `oldest` is left.
    fn set(&self, mark: Mark, oldest: i64) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(before) = state.mark
            && oldest <= before.transaction
        {
            return;
        }
        if let Some(before) = state.mark.replace(mark) {
            state.settled = state.settled.max(before.id);
        }
    }
}

/// The highest id that was handed out; then the number of this transaction, which begins with that, and
/// the oldest that has not ended. In this order.
pub(super) fn queries() -> [Query<'static>; 2] {
    [
        Query::new(
            "SELECT CASE WHEN is_called THEN last_value ELSE last_value - 1 END FROM outbox_id_seq",
            Vec::new(),
        ),
        Query::new(
            "SELECT pg_current_xact_id()::text::bigint,
                    pg_snapshot_xmin(pg_current_snapshot())::text::bigint",
            Vec::new(),
        ),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    const LANES: [Lane; 2] = [Lane(3), Lane(5)];

    /// Reads the lanes, which have this row first. Returns where the read began.
    fn read(watermark: &Watermark, first: Option<i64>) -> i64 {
        let look = watermark.look(&LANES);
        watermark.found(&LANES, look, first);
        look.low
    }

    fn mark(watermark: &Watermark, id: i64, transaction: i64, oldest: i64) {
        watermark.set(Mark { id, transaction }, oldest);
    }

    #[test]
    fn nothing_is_passed_over_before_every_older_transaction_has_ended() {
        let watermark = Watermark::default();
        mark(&watermark, 10, 100, 90);
        mark(&watermark, 20, 110, 100);
        assert_eq!([read(&watermark, None), read(&watermark, None)], [0, 0]);

        mark(&watermark, 30, 120, 101);

        assert_eq!([read(&watermark, None), read(&watermark, None)], [0, 10]);
    }

    #[test]
    fn row_that_waits_is_not_passed_over() {
        let watermark = Watermark::default();
        mark(&watermark, 10, 100, 90);
        mark(&watermark, 20, 110, 101);

        let reads = [Some(7), Some(7), None, Some(30)].map(|first| read(&watermark, first));

        assert_eq!(reads, [0, 6, 6, 10]);
    }

    #[test]
    fn other_lanes_are_read_from_the_beginning() {
        let watermark = Watermark::default();
        mark(&watermark, 10, 100, 90);
        mark(&watermark, 20, 110, 101);
        read(&watermark, None);

        assert_eq!((watermark.look(&LANES).low, watermark.look(&LANES[..1]).low), (10, 0));
    }

    /// What is found by a read that began earlier says nothing of a mark that was settled meanwhile.
    #[test]
    fn read_raises_the_watermark_only_to_what_was_settled_before_it() {
        let watermark = Watermark::default();
        mark(&watermark, 10, 100, 90);
        let look = watermark.look(&LANES);
        mark(&watermark, 20, 110, 101);

        watermark.found(&LANES, look, None);

        assert_eq!(watermark.look(&LANES).low, 0);
    }

    #[test]
    fn outbox_is_read_from_its_beginning_from_time_to_time() {
        let watermark = Watermark::default();
        mark(&watermark, 10, 100, 90);
        mark(&watermark, 20, 110, 101);
        read(&watermark, None);

        let reads = (1..READS_FROM_THE_BEGINNING).map(|_| read(&watermark, None));

        assert_eq!(reads.filter(|low| *low == 0).count(), 1);
    }
}
