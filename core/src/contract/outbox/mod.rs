//! The suite of [`Outbox`](crate::ports::Outbox).
#![expect(missing_docs, reason = "the name of a case is its sentence")]

mod reading;
mod settling;

use std::collections::BTreeMap;

use super::ledger::Ledger;
use super::talk::{Talk, talk, text};
use crate::outbox::lane::Lane;
use crate::outbox::message::OutboxRow;
use crate::outbox::topic::Topic;
use crate::work::commit::Commit;
use crate::work::lease::{PartitionLease, Resource};
pub use reading::*;
pub use settling::*;

super::suite! { outbox:
    lane_is_read_in_the_order_of_commits,
    lanes_are_read_together_up_to_a_limit,
    lanes_that_are_not_asked_for_are_not_read,
    reading_goes_on_above_a_row,
    no_row_appears_below_one_that_was_read,
    rows_of_many_keys_at_once_are_in_the_order_of_each,
    id_of_a_row_that_is_gone_is_not_given_again,
    row_is_in_the_lane_of_its_key,
    events_of_a_commit_are_one_row,
    row_is_read_again_until_it_is_settled,
    row_that_cannot_be_read_is_handed_over_and_stops_no_other,
    settled_rows_are_gone_and_only_those,
    settlement_under_a_lease_that_was_taken_over_changes_nothing,
    settlement_under_an_older_epoch_changes_nothing,
    settlement_of_a_row_of_another_lane_changes_nothing,
    each_of_many_settlements_is_judged_by_its_own_lease,
    settlements_at_the_same_time_are_each_judged,
    what_can_never_be_published_is_a_dead_letter,
    row_that_is_gone_leaves_no_dead_letter,
    dead_letter_under_a_lease_that_was_taken_over_changes_nothing,
    depth_tells_how_many_rows_wait_and_since_when,
    rows_survive_a_restart,
}

/// Commits one message, and nothing else that is published.
async fn send(ledger: &Ledger, talk: &Talk, text: &str) {
    let outbox = vec![talk.message(Topic::ToolRequests, text)];
    ledger.commit(Commit { outbox, ..talk.commit() }).await;
}

fn lane(talk: &Talk) -> Lane {
    Lane::of(&talk.session_id.to_string())
}

/// Conversations, one for each of so many lanes.
fn in_lanes(count: usize) -> Vec<Talk> {
    let talks = (1..).map(talk).map(|talk| (lane(&talk), talk)).take(200);
    let by_lane: BTreeMap<Lane, Talk> = talks.collect();
    by_lane.into_values().take(count).collect()
}

async fn read(ledger: &Ledger, talk: &Talk, limit: usize) -> Vec<OutboxRow> {
    ledger.outbox.read(&[lane(talk)], 0, limit).await.unwrap()
}

fn texts(rows: &[OutboxRow]) -> Vec<String> {
    rows.iter().flat_map(|row| &row.messages).map(text).collect()
}

async fn lease(ledger: &Ledger, talk: &Talk) -> PartitionLease {
    ledger.lease(&Resource::Lane(lane(talk))).await
}
