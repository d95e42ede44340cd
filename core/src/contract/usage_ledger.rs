//! The suite of [`UsageLedger`](crate::ports::UsageLedger).
#![expect(missing_docs, reason = "the name of a case is its sentence")]

use std::collections::BTreeMap;

use futures_util::FutureExt;

use super::ledger::{Ledger, NOW};
use super::talk::{Talk, talk, talk_of};
use super::{Fixture, at_once};
use crate::budget::account::Balance;
use crate::budget::window::BudgetWindow;
use crate::work::commit::Commit;

super::suite! { usage_ledger:
    balance_has_what_commits_recorded,
    balances_of_accounts_and_windows_do_not_meet,
    balance_is_of_one_moment_while_others_commit,
    balance_survives_a_restart,
}

async fn balance(ledger: &Ledger, talk: &Talk) -> Balance {
    ledger.usage.balance(&talk.account(), BudgetWindow::at(NOW)).await.unwrap()
}

pub async fn balance_has_what_commits_recorded(fixture: impl Fixture<Port = Ledger>) {
    let (ledger, talk) = (fixture.open().await, talk(1));
    let empty = balance(&ledger, &talk).await;
    let usage = vec![talk.reserves(1, 70), talk.reserves(2, 20), talk.reserves(3, 10)];
    ledger.commit(Commit { usage, ..talk.commit() }).await;
    let usage = vec![talk.settles(1, 60), talk.settles(3, 0)];

    ledger.commit(Commit { usage, ..talk.commit() }).await;

    assert_eq!(empty, Balance::default());
    let open = BTreeMap::from([(talk.reservation(2), 20)]);
    assert_eq!(balance(&ledger, &talk).await, Balance { used: 60, open });
}

pub async fn balances_of_accounts_and_windows_do_not_meet(fixture: impl Fixture<Port = Ledger>) {
    let (ledger, ours, theirs) = (fixture.open().await, talk_of("acme", 1), talk_of("globex", 2));
    let tomorrow = BudgetWindow(BudgetWindow::at(NOW).0 + 1);
    ledger.commit(Commit { usage: vec![ours.reserves(1, 70)], ..ours.commit() }).await;
    ledger.commit(Commit { usage: vec![theirs.reserves(1, 20)], ..theirs.commit() }).await;

    let next = ledger.usage.balance(&ours.account(), tomorrow).await.unwrap();

    assert_eq!(next, Balance::default());
    let open = BTreeMap::from([(ours.reservation(1), 70)]);
    assert_eq!(balance(&ledger, &ours).await, Balance { used: 0, open });
}

/// What is settled leaves the open ones as it enters the sum.
pub async fn balance_is_of_one_moment_while_others_commit(fixture: impl Fixture<Port = Ledger>) {
    let (ledger, talk) = (fixture.open().await, talk(1));
    let usage = (1..=16).map(|call| talk.reserves(call, 10)).collect();
    ledger.commit(Commit { usage, ..talk.commit() }).await;
    let settled = |call| Commit { usage: vec![talk.settles(call, 10)], ..talk.commit() };

    let commits = (1..=16).map(|call| {
        let commit = ledger.commit(settled(call));
        async { drop(commit.await) }.map(|()| None).boxed()
    });
    let looks =
        (0..64).map(|_| async { Some(balance(&ledger, &talk).await.spent().total()) }.boxed());
    let totals = at_once(&fixture, commits.chain(looks)).await;

    assert_eq!(totals.into_iter().flatten().collect::<Vec<_>>(), [160; 64]);
    assert_eq!(balance(&ledger, &talk).await, Balance { used: 160, open: BTreeMap::new() });
}

pub async fn balance_survives_a_restart<F: Fixture<Port = Ledger>>(fixture: F) {
    let (ledger, talk) = (fixture.open().await, talk(1));
    let usage = vec![talk.reserves(1, 60), talk.settles(1, 45), talk.reserves(2, 20)];
    ledger.commit(Commit { usage, ..talk.commit() }).await;
    let before = balance(&ledger, &talk).await;
    drop(ledger);

    let ledger = fixture.open().await;

    let expected = if F::DURABLE { before } else { Balance::default() };
    assert_eq!(balance(&ledger, &talk).await, expected);
}
