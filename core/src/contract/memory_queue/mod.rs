//! The suite of [`MemoryQueue`](crate::ports::MemoryQueue).
#![expect(missing_docs, reason = "the name of a case is its sentence")]

mod forgets;
mod holder;
mod lanes;
mod writes;

use std::time::Duration;

use super::ledger::Ledger;
use super::talk::Talk;
use crate::memory::MemoryWrite;
use crate::ports::memory_queue::DueWrite;
use crate::work::commit::Commit;
use holder::Holder;

pub use forgets::*;
pub use lanes::*;
pub use writes::*;

super::suite! { memory_queue:
    write_is_due_at_once_and_until_it_is_settled,
    write_is_due_in_the_lane_of_its_key_alone,
    write_whose_holder_died_is_due_to_the_next,
    writes_are_due_oldest_first,
    lane_that_was_taken_over_has_nothing_due_for_its_former_holder,
    lease_that_ended_and_that_nobody_took_over_goes_on,
    settled_write_is_gone_and_its_record_published,
    record_of_a_write_carries_the_trace_of_the_commit_that_left_it,
    settlement_under_a_lease_that_was_taken_over_changes_nothing,
    settlement_without_the_lease_of_its_lane_changes_nothing,
    write_that_failed_is_due_again_at_its_time,
    each_time_that_a_write_is_put_off_is_a_try,
    refused_write_is_a_dead_letter,
    write_with_a_key_that_is_queued_replaces_it,
    write_that_was_replaced_while_it_was_made_is_made_again,
    write_that_was_replaced_is_neither_put_off_nor_refused,
    write_that_replaces_one_that_was_put_off_is_due_at_once,
    write_that_was_made_can_be_queued_again,
    backlog_counts_what_waits,
    many_writes_are_settled_at_once_each_by_its_outcome,
    settlement_of_one_that_is_lost_settles_the_others,
    write_that_is_settled_by_many_at_the_same_time_is_settled_once,
    write_that_is_settled_while_its_lane_is_taken_over_is_settled_once,
    writes_survive_a_restart,
    write_that_cannot_be_read_is_a_dead_letter_and_stops_no_other,
    erased_session_is_to_be_forgotten_at_once,
    forget_is_answered_until_it_was_forgotten,
    forgets_are_answered_in_the_order_of_erasure,
    forget_that_was_put_off_is_due_again_at_its_time,
    what_was_forgotten_for_good_stays_so,
    backlog_counts_forgets_also_those_put_off,
    forgets_survive_a_restart,
}

async fn queue(ledger: &Ledger, talk: &Talk, writes: Vec<MemoryWrite>) {
    ledger.commit(Commit { memory: writes, ..talk.commit() }).await;
}

/// What is due in all lanes, to an instance that acquires them.
async fn due(ledger: &Ledger) -> Vec<DueWrite> {
    Holder::new(ledger, 1).await.due().await
}

/// Lets time pass.
async fn pass(ledger: &Ledger, seconds: u64) {
    ledger.clock.advance(Duration::from_secs(seconds)).await;
}
