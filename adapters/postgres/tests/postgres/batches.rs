//! Commits that go into one transaction: what one of them suffers, the others do not notice.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use futures_util::future::join_all;
use soma_core::contract::ledger::Ledger;
use soma_core::contract::talk::talk;
use soma_core::contract::{self, Fixture};
use soma_core::digest::Digest32;
use soma_core::policy::{Action, Decision};
use soma_core::ports::PortError;
use soma_core::work::commit::{Commit, CommitOutcome};

use crate::common::{self, Place, ledger};

struct Server(Place);

#[async_trait]
impl Fixture for Server {
    type Port = Ledger;
    const DURABLE: bool = true;

    async fn start() -> Option<Self> {
        Place::new().await.map(Self)
    }

    async fn open(&self) -> Ledger {
        ledger::ledger(&self.0).await
    }
}

#[tokio::test]
async fn commit_that_cannot_be_stored_harms_no_other() {
    let Some(server) = contract::start::<Server>().await else { return };
    let ledger = server.open().await;
    let commits = (1..=40).map(|number| {
        let talk = talk(number);
        let mut commit = talk.accepts(1);
        if number % 10 == 0 {
            // PostgreSQL has no text with a NUL in it.
            commit.request = Some(talk.request(&format!("\0{number}"), "asked", 1));
        }
        ledger.store.commit(commit)
    });

    let answers = join_all(commits).await;

    for (number, answer) in (1..).zip(answers) {
        match answer {
            Ok(CommitOutcome::Committed(_)) => assert_ne!(number % 10, 0),
            Err(PortError::Broken { .. }) => assert_eq!(number % 10, 0),
            other => panic!("{number}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn commits_whose_connections_are_ended_are_applied_once() {
    const SESSIONS: u128 = 12;
    const TURNS: u32 = 12;
    let Some(server) = contract::start::<Server>().await else { return };
    let (ledger, admin) = (server.open().await, server.0.admin().await);
    let over = Arc::new(AtomicBool::new(false));
    let ended = {
        let over = Arc::clone(&over);
        common::beside().spawn(async move {
            let sql = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                        WHERE datname = current_database() AND application_name = 'soma'
                          AND query = 'COMMIT' ORDER BY random() LIMIT 1";
            while !over.load(Ordering::Relaxed) {
                admin.execute(sql, &[]).await.unwrap();
            }
        })
    };
    let talks = (0..SESSIONS).map(|number| {
        let (ledger, talk) = (&ledger, talk(number));
        async move {
            for turn in 1..=TURNS {
                let commit = talk.accepts(turn);
                loop {
                    match ledger.store.commit(commit.clone()).await {
                        Ok(CommitOutcome::Committed(_) | CommitOutcome::AlreadyDone(_)) => break,
                        Err(PortError::Unavailable(_) | PortError::Ambiguous(_)) => {}
                        other => panic!("{other:?}"),
                    }
                }
            }
            talk
        }
    });

    let talks = join_all(talks).await;
    over.store(true, Ordering::Relaxed);
    ended.await.unwrap();

    // By connections of its own: none of them was ended.
    let reader = server.open().await;
    for talk in talks {
        let events = reader.events(&talk).await;
        let numbers: Vec<u64> = events.iter().map(|event| event.seq.0).collect();
        assert_eq!(numbers, (1..=u64::from(TURNS)).collect::<Vec<_>>());
    }
}

#[tokio::test]
async fn policy_decision_is_stored_with_the_digest_of_its_bundle_if_it_has_one() {
    let Some(server) = contract::start::<Server>().await else { return };
    let (ledger, admin) = (server.open().await, server.0.admin().await);
    let decision = Decision {
        action: Action::ConversationSend,
        resource: "message".into(),
        allow: true,
        reasons: Vec::new(),
        input: Digest32::of(b"input"),
        bundle: None,
    };
    let bundle = Digest32::of(b"bundle");
    let decisions = vec![decision.clone(), decision.by(Some(bundle))];
    ledger.store.commit(Commit { decisions, ..talk(1).says("hello") }).await.unwrap();

    let sql = "SELECT input, bundle FROM policy_decisions ORDER BY id";
    let rows = admin.query(sql, &[]).await.unwrap();

    let input = Digest32::of(b"input").0;
    let rows: Vec<(&[u8], Option<&[u8]>)> =
        rows.iter().map(|row| (row.get(0), row.get(1))).collect();
    assert_eq!(rows, [(&input[..], None), (&input[..], Some(&bundle.0[..]))]);
}
