//! The suite of [`Budget`](crate::ports::Budget).
#![expect(missing_docs, reason = "the name of a case is its sentence")]

use std::sync::atomic::{AtomicU32, Ordering};

use super::ledger::{Ledger, NOW};
use super::talk::{Talk, talk, talk_of};
use super::{Fixture, at_once};
use crate::budget::window::BudgetWindow;
use crate::budget::{Grant, Reservation, ReservationRequest, Tokens, UsageChange};
use crate::ids::PersonaId;
use crate::work::commit::Commit;

super::suite! { budget:
    grant_is_what_is_wanted_where_there_is_room,
    grant_is_cut_to_the_room_that_is_left,
    grant_is_refused_where_there_is_no_room_for_the_least,
    grants_at_the_same_time_never_exceed_the_limit,
    account_without_limit_gets_what_it_wants,
    same_key_gets_the_same_grant,
    refused_key_may_ask_again,
    settlement_replaces_the_reservation,
    settlement_with_nothing_used_releases_it_whole,
    first_settlement_stands,
    grant_that_was_settled_is_not_granted_anew,
    settlement_of_an_unknown_key_is_nothing,
    accounts_and_windows_do_not_meet,
    settlement_that_names_another_account_or_window_changes_nothing,
    many_accounts_at_the_same_time_get_their_own_grants,
    settlements_at_the_same_time_add_up,
    ledger_row_of_a_commit_is_spent,
    grant_and_its_ledger_row_count_once,
    refreshed_account_has_what_the_ledger_has,
    ledger_row_that_comes_late_does_not_undo_a_settlement,
    usage_survives_a_restart,
}

const LIMIT: Tokens = 100;

fn request(talk: &Talk, call: u32, want: Tokens) -> ReservationRequest {
    ReservationRequest {
        key: talk.reservation(call),
        account: talk.account(),
        window: BudgetWindow::at(NOW),
        limit: Some(LIMIT),
        want,
        least: 10,
    }
}

async fn reserve(ledger: &Ledger, request: &ReservationRequest) -> Grant {
    ledger.budget.reserve(request).await.unwrap()
}

async fn settle(ledger: &Ledger, talk: &Talk, call: u32, used: Tokens) {
    ledger.budget.settle(&talk.reserved(call), used).await.unwrap();
}

/// What an account has used and set aside: what a grant of everything leaves out.
async fn taken(ledger: &Ledger, talk: &Talk) -> Tokens {
    taken_in(ledger, talk, BudgetWindow::at(NOW)).await
}

async fn taken_in(ledger: &Ledger, talk: &Talk, window: BudgetWindow) -> Tokens {
    const ALL: Tokens = 1 << 50;
    static NEXT: AtomicU32 = AtomicU32::new(1 << 16);
    let call = NEXT.fetch_add(1, Ordering::Relaxed);
    let limit = Some(ALL);
    let request = ReservationRequest { window, limit, least: 0, ..request(talk, call, ALL) };
    let Grant::Granted(room) = reserve(ledger, &request).await else { return ALL };
    let reservation = Reservation { window, ..talk.reserved(call) };
    ledger.budget.settle(&reservation, 0).await.unwrap();
    ALL - room
}

pub async fn grant_is_what_is_wanted_where_there_is_room(fixture: impl Fixture<Port = Ledger>) {
    let (ledger, talk) = (fixture.open().await, talk(1));

    let grant = reserve(&ledger, &request(&talk, 1, 60)).await;

    assert_eq!(grant, Grant::Granted(60));
    assert_eq!(taken(&ledger, &talk).await, 60);
}

pub async fn grant_is_cut_to_the_room_that_is_left(fixture: impl Fixture<Port = Ledger>) {
    let (ledger, talk) = (fixture.open().await, talk(1));
    reserve(&ledger, &request(&talk, 1, 60)).await;
    settle(&ledger, &talk, 1, 50).await;
    reserve(&ledger, &request(&talk, 2, 20)).await;

    let grant = reserve(&ledger, &request(&talk, 3, 60)).await;

    assert_eq!(grant, Grant::Granted(30));
    assert_eq!(taken(&ledger, &talk).await, 100);
}

pub async fn grant_is_refused_where_there_is_no_room_for_the_least(
    fixture: impl Fixture<Port = Ledger>,
) {
    let (ledger, talk) = (fixture.open().await, talk(1));
    reserve(&ledger, &request(&talk, 1, 91)).await;

    let grant = reserve(&ledger, &request(&talk, 2, 60)).await;

    assert_eq!(grant, Grant::Refused);
    assert_eq!(taken(&ledger, &talk).await, 91);
}

pub async fn grants_at_the_same_time_never_exceed_the_limit(fixture: impl Fixture<Port = Ledger>) {
    let (ledger, talk) = (fixture.open().await, talk(1));
    let requests = (1..=16).map(|call| request(&talk, call, 30)).collect::<Vec<_>>();

    let asked = requests.iter().map(|request| reserve(&ledger, request));
    let grants = at_once(&fixture, asked).await;

    let granted = grants.iter().map(|grant| match grant {
        Grant::Granted(amount) => *amount,
        Grant::Refused => 0,
    });
    assert_eq!(granted.sum::<Tokens>(), LIMIT, "together the limit and no more: {grants:?}");
    assert_eq!(taken(&ledger, &talk).await, LIMIT);
}

pub async fn account_without_limit_gets_what_it_wants(fixture: impl Fixture<Port = Ledger>) {
    let (ledger, talk) = (fixture.open().await, talk(1));
    let want = 1 << 40;

    let request = ReservationRequest { limit: None, ..request(&talk, 1, want) };
    let grant = reserve(&ledger, &request).await;

    assert_eq!(grant, Grant::Granted(want));
    assert_eq!(taken(&ledger, &talk).await, want);
}

pub async fn same_key_gets_the_same_grant(fixture: impl Fixture<Port = Ledger>) {
    let (ledger, talk) = (fixture.open().await, talk(1));
    reserve(&ledger, &request(&talk, 1, 60)).await;
    reserve(&ledger, &request(&talk, 2, 40)).await;

    let again = reserve(&ledger, &request(&talk, 1, 90)).await;

    assert_eq!(again, Grant::Granted(60));
    assert_eq!(taken(&ledger, &talk).await, LIMIT);
}

pub async fn refused_key_may_ask_again(fixture: impl Fixture<Port = Ledger>) {
    let (ledger, talk) = (fixture.open().await, talk(1));
    reserve(&ledger, &request(&talk, 1, LIMIT)).await;
    let refused = reserve(&ledger, &request(&talk, 2, 60)).await;
    settle(&ledger, &talk, 1, 0).await;

    let again = reserve(&ledger, &request(&talk, 2, 60)).await;

    assert_eq!((refused, again), (Grant::Refused, Grant::Granted(60)));
}

pub async fn settlement_replaces_the_reservation(fixture: impl Fixture<Port = Ledger>) {
    let (ledger, talk) = (fixture.open().await, talk(1));
    reserve(&ledger, &request(&talk, 1, 60)).await;
    reserve(&ledger, &request(&talk, 2, 20)).await;

    settle(&ledger, &talk, 1, 45).await;

    assert_eq!(taken(&ledger, &talk).await, 65);
}

pub async fn settlement_with_nothing_used_releases_it_whole(fixture: impl Fixture<Port = Ledger>) {
    let (ledger, talk) = (fixture.open().await, talk(1));
    reserve(&ledger, &request(&talk, 1, LIMIT)).await;

    settle(&ledger, &talk, 1, 0).await;

    assert_eq!(taken(&ledger, &talk).await, 0);
    assert_eq!(reserve(&ledger, &request(&talk, 2, LIMIT)).await, Grant::Granted(LIMIT));
}

pub async fn first_settlement_stands(fixture: impl Fixture<Port = Ledger>) {
    let (ledger, talk) = (fixture.open().await, talk(1));
    reserve(&ledger, &request(&talk, 1, 60)).await;
    settle(&ledger, &talk, 1, 45).await;

    settle(&ledger, &talk, 1, 5).await;
    let usage = vec![talk.settles(1, 6)];
    ledger.commit(Commit { usage, ..talk.commit() }).await;

    assert_eq!(taken(&ledger, &talk).await, 45);
}

pub async fn grant_that_was_settled_is_not_granted_anew(fixture: impl Fixture<Port = Ledger>) {
    let (ledger, talk) = (fixture.open().await, talk(1));
    reserve(&ledger, &request(&talk, 1, 60)).await;
    settle(&ledger, &talk, 1, 45).await;

    let again = reserve(&ledger, &request(&talk, 1, 60)).await;

    assert_eq!(again, Grant::Granted(60));
    assert_eq!(taken(&ledger, &talk).await, 45);
}

pub async fn settlement_of_an_unknown_key_is_nothing(fixture: impl Fixture<Port = Ledger>) {
    let (ledger, talk) = (fixture.open().await, talk(1));

    settle(&ledger, &talk, 1, 45).await;

    assert_eq!(taken(&ledger, &talk).await, 0);
    assert_eq!(reserve(&ledger, &request(&talk, 1, 60)).await, Grant::Granted(60));
}

pub async fn accounts_and_windows_do_not_meet(fixture: impl Fixture<Port = Ledger>) {
    let (ledger, ours, theirs) = (fixture.open().await, talk_of("acme", 1), talk_of("globex", 2));
    let mut persona = ours.account();
    persona.persona_id = Some(PersonaId::new("ada").unwrap());
    let tomorrow = BudgetWindow(BudgetWindow::at(NOW).0 + 1);
    let requests = [
        request(&ours, 1, LIMIT),
        request(&theirs, 1, LIMIT),
        ReservationRequest { account: persona, ..request(&ours, 2, LIMIT) },
        ReservationRequest { window: tomorrow, ..request(&ours, 3, LIMIT) },
    ];

    for request in &requests {
        assert_eq!(reserve(&ledger, request).await, Grant::Granted(LIMIT), "{request:?}");
    }
    settle(&ledger, &ours, 1, 1).await;

    assert_eq!(taken(&ledger, &ours).await, 1);
    assert_eq!(taken(&ledger, &theirs).await, LIMIT);
}

pub async fn settlement_that_names_another_account_or_window_changes_nothing(
    fixture: impl Fixture<Port = Ledger>,
) {
    let (ledger, ours, theirs) = (fixture.open().await, talk_of("acme", 1), talk_of("globex", 2));
    reserve(&ledger, &request(&ours, 1, 60)).await;
    let tomorrow = BudgetWindow(BudgetWindow::at(NOW).0 + 1);
    let named = ours.reserved(1);

    for wrong in [
        Reservation { account: theirs.account(), ..named.clone() },
        Reservation { window: tomorrow, ..named.clone() },
    ] {
        ledger.budget.settle(&wrong, 45).await.unwrap();
        let usage = vec![UsageChange::Settle { reservation: wrong, used: 45 }];
        ledger.commit(Commit { usage, ..ours.commit() }).await;
    }

    assert_eq!(taken(&ledger, &ours).await, 60);
    assert_eq!(taken(&ledger, &theirs).await, 0);
    assert_eq!(taken_in(&ledger, &ours, tomorrow).await, 0);
}

pub async fn many_accounts_at_the_same_time_get_their_own_grants(
    fixture: impl Fixture<Port = Ledger>,
) {
    let ledger = fixture.open().await;
    let talks = (1..=16).map(|number| talk_of(&format!("tenant-{number}"), number));
    let talks = talks.collect::<Vec<_>>();
    let requests = (1..=4).flat_map(|call| talks.iter().map(move |talk| request(talk, call, 30)));
    let requests = requests.collect::<Vec<_>>();

    at_once(&fixture, requests.iter().map(|request| reserve(&ledger, request))).await;

    for talk in &talks {
        assert_eq!(taken(&ledger, talk).await, LIMIT, "{}", talk.tenant);
    }
}

pub async fn settlements_at_the_same_time_add_up(fixture: impl Fixture<Port = Ledger>) {
    let (ledger, talk) = (fixture.open().await, talk(1));
    for call in 1..=10 {
        reserve(&ledger, &request(&talk, call, 10)).await;
    }

    let twice = (1..=10).chain(1..=10).map(|call| settle(&ledger, &talk, call, Tokens::from(call)));
    at_once(&fixture, twice).await;

    assert_eq!(taken(&ledger, &talk).await, 55);
}

/// The ledger in the store is the record: a counter that is rebuilt from it knows all of it.
pub async fn ledger_row_of_a_commit_is_spent(fixture: impl Fixture<Port = Ledger>) {
    let (ledger, talk) = (fixture.open().await, talk(1));
    let usage = vec![talk.reserves(1, 70), talk.reserves(2, 20)];
    ledger.commit(Commit { usage, ..talk.commit() }).await;
    let usage = vec![talk.settles(1, 60)];

    ledger.commit(Commit { usage, ..talk.commit() }).await;

    assert_eq!(taken(&ledger, &talk).await, 80);
    assert_eq!(reserve(&ledger, &request(&talk, 2, 5)).await, Grant::Granted(20));
    assert_eq!(reserve(&ledger, &request(&talk, 3, 60)).await, Grant::Granted(20));
}

pub async fn grant_and_its_ledger_row_count_once(fixture: impl Fixture<Port = Ledger>) {
    let (ledger, talk) = (fixture.open().await, talk(1));
    reserve(&ledger, &request(&talk, 1, 60)).await;

    for _ in 0..2 {
        ledger.commit(Commit { usage: vec![talk.reserves(1, 60)], ..talk.commit() }).await;
    }

    assert_eq!(taken(&ledger, &talk).await, 60);
}

pub async fn refreshed_account_has_what_the_ledger_has(fixture: impl Fixture<Port = Ledger>) {
    let (ledger, talk) = (fixture.open().await, talk(1));
    let settled = talk.settles(1, 40);
    let usage = vec![talk.reserves(1, 60), settled, talk.reserves(2, 20)];
    ledger.commit(Commit { usage, ..talk.commit() }).await;

    ledger.budget.refresh(&talk.account(), BudgetWindow::at(NOW)).await.unwrap();

    assert_eq!(taken(&ledger, &talk).await, 60);
    assert_eq!(reserve(&ledger, &request(&talk, 3, 50)).await, Grant::Granted(40));
}

pub async fn ledger_row_that_comes_late_does_not_undo_a_settlement(
    fixture: impl Fixture<Port = Ledger>,
) {
    let (ledger, talk) = (fixture.open().await, talk(1));
    reserve(&ledger, &request(&talk, 1, 60)).await;
    settle(&ledger, &talk, 1, 45).await;

    ledger.commit(Commit { usage: vec![talk.reserves(1, 60)], ..talk.commit() }).await;

    assert_eq!(taken(&ledger, &talk).await, 45);
}

pub async fn usage_survives_a_restart<F: Fixture<Port = Ledger>>(fixture: F) {
    let (ledger, talk) = (fixture.open().await, talk(1));
    reserve(&ledger, &request(&talk, 1, 60)).await;
    ledger.commit(Commit { usage: vec![talk.reserves(1, 60)], ..talk.commit() }).await;
    drop(ledger);

    let ledger = fixture.open().await;

    let reserved = if F::DURABLE { 60 } else { 0 };
    assert_eq!(taken(&ledger, &talk).await, reserved);
}
