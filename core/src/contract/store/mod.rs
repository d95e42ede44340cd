//! The suite of [`Store`](crate::ports::Store).
#![expect(missing_docs, reason = "the name of a case is its sentence")]

mod calls;
mod commits;
mod numbering;
mod publishing;
mod refusals;
mod requests;
mod sessions;
mod sight;
mod turns;
mod unreadable;

pub use calls::*;
pub use commits::*;
pub use numbering::*;
pub use publishing::*;
pub use refusals::*;
pub use requests::*;
pub use sessions::*;
pub use turns::*;
pub use unreadable::*;

super::suite! { store:
    // commits
    commit_is_applied_whole,
    repeated_commit_is_already_done_and_tells_its_events,
    repetition_is_recognised_before_every_other_check,
    repeated_progress_is_already_done_without_events_too,
    already_done_adds_nothing,
    commit_of_which_one_event_is_recorded_is_already_done,
    repetitions_at_the_same_time_are_applied_once,
    // refusals
    stale_commit_changes_nothing,
    commit_that_wants_an_idle_session_changes_nothing_in_a_busy_one,
    commit_to_a_turn_that_is_done_changes_nothing,
    fenced_commit_changes_nothing,
    commit_to_no_session_changes_nothing,
    progress_from_a_step_that_is_not_reached_changes_nothing,
    progress_of_a_turn_that_is_done_changes_nothing,
    answered_request_changes_nothing,
    reservation_that_the_ledger_has_no_room_for_changes_nothing,
    reservation_that_is_on_the_ledger_needs_no_room,
    reused_key_changes_nothing,
    fence_is_checked_before_whether_it_was_done,
    fence_is_checked_before_the_clients_key,
    fence_of_the_other_kind_does_not_admit,
    fence_of_a_claim_that_was_released_does_not_admit,
    only_one_of_many_that_expect_the_same_is_applied,
    // numbering
    events_are_numbered_from_one_without_a_gap,
    chain_of_events_verifies,
    terminal_event_states_the_chain_before_it,
    commits_at_the_same_time_are_numbered_densely_and_chained,
    events_are_read_after_a_number_oldest_first,
    events_are_read_before_a_number_newest_first,
    history_is_read_without_what_is_between,
    any_text_and_number_comes_back_unaltered,
    // publishing
    every_event_is_published,
    message_carries_the_number_of_its_event,
    what_is_published_is_in_the_order_of_commits,
    what_is_published_carries_the_trace_of_its_commit,
    call_keeps_the_trace_of_the_commit_that_requests_it,
    dead_letter_of_a_commit_is_published_once,
    // requests
    known_key_is_answered_with_the_first_receipt,
    known_key_opens_no_second_session,
    known_key_with_another_digest_is_reused,
    keys_of_tenants_do_not_meet,
    refused_request_leaves_its_key_free,
    key_is_known_for_a_day,
    requests_at_the_same_time_with_one_key_are_answered_alike,
    // turns
    turns_are_numbered_from_one_in_the_order_of_commits,
    turns_accepted_at_the_same_time_are_numbered_densely,
    turn_is_read_with_its_record,
    turn_that_is_done_is_counted_once,
    session_whose_turns_are_done_is_idle,
    cancel_of_the_running_turn_marks_the_oldest_unfinished_one,
    cancel_of_all_marks_every_unfinished_turn,
    cancel_does_not_mark_the_turn_that_comes_with_it,
    // unreadable
    turn_with_an_input_that_cannot_be_read_is_handed_over_with_all_that_is_stored,
    turn_that_cannot_be_read_can_be_ended,
    call_that_cannot_be_read_is_handed_over_beside_the_others,
    outcome_that_cannot_be_read_is_handed_over_with_its_turn,
    event_that_cannot_be_read_hides_no_other,
    what_a_turn_has_set_aside_is_settled_in_full,
    // calls
    requested_call_is_on_the_ledger_once,
    claim_of_a_call_counts_the_try,
    first_outcome_of_a_call_stands,
    call_does_not_go_back,
    open_calls_come_in_the_order_they_were_asked_for,
    turn_shows_its_calls,
    call_of_a_client_belongs_to_no_turn,
    // sessions
    session_is_opened_once,
    other_tenant_sees_nothing_of_a_session,
    other_tenant_commits_nothing_to_a_session,
    heads_of_many_sessions_come_in_the_order_they_were_asked_for,
    sessions_with_the_newest_events_come_first,
    session_does_not_move_down_by_an_event_of_an_earlier_time,
    pages_of_sessions_hold_each_session_once,
    erased_session_does_not_exist,
    session_is_erased_once,
    erased_session_takes_what_was_said_along,
    erased_session_leaves_no_work,
    no_commit_brings_an_erased_session_back,
    erasing_leaves_other_sessions_alone,
    erasing_settles_what_was_set_aside_in_full,
    what_was_committed_survives_a_restart,
    what_was_erased_stays_erased_after_a_restart,
}
