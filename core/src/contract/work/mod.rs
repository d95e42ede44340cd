//! The suite of [`Work`](crate::ports::Work).
#![expect(missing_docs, reason = "the name of a case is its sentence")]

mod arrivals;
mod batches;
mod calls;
mod claims;
mod fairness;
mod lapses;
mod many;
mod overdue;
mod suspects;

pub use arrivals::*;
pub use batches::*;
pub use calls::*;
pub use claims::*;
pub use fairness::*;
pub use lapses::*;
pub use many::*;
pub use overdue::*;
pub use suspects::*;

super::suite! { work:
    // batches
    batch_moves_the_position_and_makes_its_work_ready,
    batch_may_move_the_position_back,
    batch_under_an_older_epoch_changes_nothing,
    batch_of_an_older_epoch_is_fenced_though_it_was_applied,
    batch_of_another_owner_changes_nothing,
    batch_from_a_later_position_changes_nothing,
    batch_from_between_changes_nothing,
    batch_that_was_applied_is_already_done,
    records_that_could_not_be_read_are_dead_letters,
    position_survives_a_restart,
    // arrivals
    turn_is_claimed_only_once_its_message_arrived,
    second_arrival_of_a_message_changes_nothing,
    arrival_of_an_unknown_turn_is_its_dead_letter,
    arrival_of_an_erased_session_is_dropped,
    arrival_for_another_tenant_is_its_dead_letter_also_if_the_session_is_erased,
    arrival_for_another_tenant_is_its_dead_letter,
    arrival_for_another_session_is_its_dead_letter,
    arrival_of_an_unknown_call_is_its_dead_letter,
    known_arrivals_beside_an_unknown_one_are_taken_in,
    // overdue
    message_that_is_overdue_is_taken_in,
    request_that_is_overdue_is_taken_in,
    result_that_is_overdue_is_taken_in,
    result_that_no_turn_waits_for_is_not_overdue,
    arrival_of_what_was_recovered_changes_nothing,
    what_has_arrived_is_not_overdue,
    most_overdue_is_recovered_first,
    // claims
    session_is_claimed_once_at_a_time,
    claims_at_the_same_time_share_no_session,
    turns_of_a_session_are_claimed_in_their_order,
    turn_whose_message_overtook_an_earlier_one_waits,
    claimed_turn_that_is_done_makes_room_only_once_it_is_released,
    turns_and_calls_of_a_session_are_claimed_apart,
    death_alone_is_counted_before_the_work_is_claimed_again,
    count_of_tries_starts_anew_with_progress,
    count_of_tries_goes_on_without_progress,
    count_of_tries_starts_anew_when_released_in_good_order,
    count_of_tries_starts_anew_with_the_next_turn,
    try_that_failed_stays_counted_when_released,
    session_that_was_released_waits_for_its_delay,
    claim_brings_what_its_owner_needs_to_begin,
    depth_counts_sessions_that_nobody_claimed,
    // lapses
    claim_of_a_dead_owner_goes_to_another_with_a_higher_epoch,
    claim_that_was_taken_over_is_lost,
    claim_that_its_owner_does_not_know_of_is_free,
    claim_that_its_owner_names_is_not_given_again,
    owner_that_is_heard_of_keeps_its_claims,
    owner_that_nobody_found_dead_is_alive_again,
    owner_that_asks_in_vain_is_alive_for_two_thirds_of_the_time_at_least,
    heartbeat_tells_of_a_cancellation,
    heartbeat_judges_each_claim_by_itself,
    releasing_a_lost_claim_changes_nothing,
    claim_that_was_released_is_lost,
    owner_that_leaves_holds_nothing,
    claims_survive_a_restart,
    // suspects
    work_that_dies_in_company_is_not_counted,
    suspects_are_worked_on_apart,
    only_death_while_isolated_is_counted,
    owners_that_die_without_it_prove_a_suspect_innocent,
    nothing_is_tried_for_a_while_after_a_death_while_isolated,
    work_that_survives_is_no_suspect_any_more,
    suspects_survive_a_restart,
    // many
    many_claims_in_one_call_are_fair,
    one_call_keeps_to_the_cap,
    many_owners_at_once_share_no_session,
    commit_releases_the_claim_with_all_else_that_it_does,
    commit_that_is_refused_releases_nothing,
    commit_that_released_is_done_already_until_another_has_the_claim,
    commit_without_a_claim_releases_nothing,
    chain_that_has_moved_on_hinders_no_commit,
    backlog_counts_what_waits_of_each_tenant,
    backlog_counts_calls_apart_from_turns,
    session_with_too_many_turns_takes_no_more,
    // calls
    calls_are_claimed_once_one_arrived_and_is_not_done,
    call_whose_executor_died_is_claimed_again,
    request_that_arrives_again_changes_nothing,
    waiting_turn_is_claimed_once_all_its_results_are_delivered,
    result_that_was_not_recorded_delivers_nothing,
    waiting_turn_that_is_cancelled_is_claimed_at_once,
    cancelled_turn_still_waits_for_its_message,
    heartbeat_of_calls_tells_that_their_turn_was_cancelled,
    // fairness
    tenant_with_the_fewest_claims_is_served_first,
    oldest_work_of_a_tenant_is_served_first,
    tenant_at_its_cap_waits_and_others_do_not,
    cap_counts_live_claims_of_the_kind_only,
}
