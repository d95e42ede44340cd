//! The suite of [`MemoryQueue`](crate::ports::MemoryQueue).
#![expect(missing_docs, reason = "the name of a case is its sentence")]

mod forgets;
mod writes;

use std::time::Duration;

use super::ledger::{Ledger, MANY, TTL, owner};
use super::talk::Talk;
use crate::memory::MemoryWrite;
use crate::ports::memory_queue::DueWrite;
use crate::work::commit::Commit;

pub use forgets::*;
pub use writes::*;

super::suite! { memory_queue:
    write_is_due_at_once_and_held_by_its_taker,
    write_whose_taker_died_is_due_again,
    writes_are_taken_up_oldest_first,
    takers_at_the_same_time_share_no_write,
    settled_write_is_gone_and_its_record_published,
    settlement_with_an_older_token_changes_nothing,
    write_that_failed_is_due_again_at_its_time,
    retry_with_an_older_token_changes_nothing,
    refused_write_is_a_dead_letter,
    dead_lettering_with_an_older_token_changes_nothing,
    write_with_a_key_that_is_queued_replaces_it,
    write_that_was_replaced_while_it_was_made_is_made_again,
    write_that_replaces_a_held_one_is_not_due_before_its_hold_ends,
    write_that_replaces_one_that_was_put_off_is_due_at_once,
    write_that_was_made_can_be_queued_again,
    backlog_counts_what_waits,
    many_writes_are_settled_at_once_each_by_its_outcome,
    settlement_of_one_that_is_lost_settles_the_others,
    write_that_is_settled_by_many_at_the_same_time_is_settled_once,
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

async fn due(ledger: &Ledger) -> Vec<DueWrite> {
    ledger.memory_queue.due(owner(1), TTL, MANY).await.unwrap()
}

/// Lets time pass.
async fn pass(ledger: &Ledger, seconds: u64) {
    ledger.clock.advance(Duration::from_secs(seconds)).await;
}
