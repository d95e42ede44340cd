//! A memory that fails, and sessions that are deleted.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::join_all;
use soma_core::contract::talk::talk_of;
use soma_core::conversation::event::EventType::{AssistantFinal, ContextRecalled};
use soma_core::flows::stop::Stop;
use soma_core::ids::{SessionId, TenantId};
use soma_core::memory::{MemoryHit, MemoryWrite, RecallQuery};
use soma_core::ports::{Memory, PortError, PortResult, Timer};
use soma_core::work::commit::Commit;
use soma_inproc::Script;
use soma_tests::platform::{Unit, check, quiet};

use crate::house::Plan;

/// How long a slow memory takes to answer.
const SLOW: Duration = Duration::from_secs(2);

/// What is wrong with a memory.
#[derive(Clone, Copy)]
enum Trouble {
    RecallFails,
    RecallHangs,
    RememberFails(usize),
    RememberHangs(usize),
    RememberRefuses,
    /// Takes long over the first memory, and then says this.
    RemembersLate(fn() -> PortResult<()>),
}

/// A memory with a trouble.
struct Troubled {
    inner: Arc<dyn Memory>,
    timer: Arc<dyn Timer>,
    trouble: Trouble,
    remembered: AtomicUsize,
}

impl Troubled {
    fn plan(trouble: Trouble) -> Plan {
        Plan::saying("Anyway.").with(|plan| {
            let inner = Arc::clone(&plan.ports.memory);
            let (timer, remembered) = (Arc::clone(&plan.stage.timer), AtomicUsize::new(0));
            plan.ports.memory = Arc::new(Self { inner, timer, trouble, remembered });
        })
    }
}

impl Troubled {
    async fn keep(&self, write: &MemoryWrite) -> PortResult<()> {
        self.inner.remember(std::slice::from_ref(write)).await?.remove(0)
    }

    async fn remember_one(&self, write: &MemoryWrite) -> PortResult<()> {
        let before = self.remembered.fetch_add(1, Ordering::SeqCst);
        match self.trouble {
            Trouble::RememberFails(times) if before < times => {
                Err(PortError::Unavailable("away".into()))
            }
            Trouble::RememberHangs(times) if before < times => std::future::pending().await,
            Trouble::RememberRefuses => {
                Err(PortError::Broken { what: "remembering", source: "never".into() })
            }
            Trouble::RemembersLate(tell) if before == 0 => {
                self.timer.sleep(SLOW).await;
                self.keep(write).await?;
                tell()
            }
            Trouble::RecallFails
            | Trouble::RecallHangs
            | Trouble::RemembersLate(_)
            | Trouble::RememberFails(_)
            | Trouble::RememberHangs(_) => self.keep(write).await,
        }
    }
}

#[async_trait]
impl Memory for Troubled {
    async fn remember(&self, writes: &[MemoryWrite]) -> PortResult<Vec<PortResult<()>>> {
        Ok(join_all(writes.iter().map(|write| self.remember_one(write))).await)
    }

    async fn recall(&self, query: &RecallQuery) -> PortResult<Vec<MemoryHit>> {
        match self.trouble {
            Trouble::RecallFails => Err(PortError::Unavailable("away".into())),
            Trouble::RecallHangs => std::future::pending().await,
            Trouble::RememberFails(_)
            | Trouble::RememberHangs(_)
            | Trouble::RememberRefuses
            | Trouble::RemembersLate(_) => self.inner.recall(query).await,
        }
    }

    async fn forget_session(&self, tenant: &TenantId, session: SessionId) -> PortResult<()> {
        self.inner.forget_session(tenant, session).await
    }
}

#[tokio::test(start_paused = true)]
async fn recall_that_fails_or_hangs_does_not_stop_the_turn() {
    for trouble in [Trouble::RecallFails, Trouble::RecallHangs] {
        let house = Troubled::plan(trouble).open();
        let mut client = house.client();

        let ended = client.ask_and_wait("Do you remember?").await;

        assert_eq!(ended.kind, AssistantFinal);
        let recalled =
            |event: &&soma_core::conversation::event::Event| event.kind == ContextRecalled;
        let event = client.view.events.iter().find(recalled).unwrap();
        assert!(event.metadata["error"].is_string(), "the stream says so: {event:?}");
        check(&house.platform, &client.principal).await;
    }
}

#[tokio::test(start_paused = true)]
async fn memory_that_is_away_for_a_while_gets_every_write_in_the_end() {
    let house = Troubled::plan(Trouble::RememberFails(9)).open();
    let mut client = house.client();

    client.ask_and_wait("Remember this.").await;

    let report = check(&house.platform, &client.principal).await;
    assert_eq!(report.replicated, 2);
}

#[tokio::test(start_paused = true)]
async fn write_that_hangs_is_made_again_and_keeps_nobody_from_stopping() {
    let house = Troubled::plan(Trouble::RememberHangs(2)).open();
    let mut client = house.client();

    client.ask_and_wait("Remember this.").await;
    house.platform.pass(Duration::from_secs(1)).await;
    let begun = house.platform.stage.clock.now();
    house.platform.stop(Unit::MemorySync).await;

    let took = house.platform.stage.clock.now().since(begun);
    assert!(took <= Duration::from_secs(10), "{took:?}");
    house.platform.start(Unit::MemorySync);
    let report = check(&house.platform, &client.principal).await;
    assert_eq!(report.replicated, 2);
}

#[tokio::test(start_paused = true)]
async fn write_that_can_never_be_made_is_set_aside() {
    let house = Troubled::plan(Trouble::RememberRefuses).open();
    let mut client = house.client();

    client.ask_and_wait("Remember this.").await;
    house.platform.pass(Duration::from_mins(1)).await;

    let truth = &house.platform.truth;
    assert_eq!(truth.memory_queue.backlog().await.unwrap(), 0);
    assert_eq!(house.platform.replica_rows(&client.principal), []);
    assert_eq!(crate::records::dead_letters(truth, "memory.wal.dlq").await.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn delete_during_an_answer_ends_it_without_a_trace() {
    let never = Stop::new();
    let house = Plan::new(move |_, before| {
        if before == 0 { Script::new().text("Hm ").hold(&never) } else { Script::answer("New.") }
    })
    .open();
    let mut client = house.client();
    client.say("first").await;
    client.until(|view| view.text == "Hm ").await;

    client.delete().await;
    house.platform.pass(Duration::from_secs(1)).await;

    assert_eq!(house.model.under_way(), 0, "the call of the model was ended");
    let truth = &house.platform.truth;
    let tenant = &client.principal.tenant;
    let session = client.session.unwrap();
    assert_eq!(truth.store.session(tenant, session).await.unwrap(), None);
    assert_eq!(truth.outbox.depth().await.unwrap().rows, 0);
    assert_eq!(house.platform.replica_rows(&client.principal), []);
    let mut other = house.client();
    other.ask_and_wait("second").await;
    quiet(&house.platform, &other.principal).await;
}

#[tokio::test(start_paused = true)]
async fn deleted_session_is_remembered_nowhere() {
    let house = Plan::saying("Noted.").open();
    let mut client = house.client();
    client.ask_and_wait("My secret is Beeblebrox.").await;
    check(&house.platform, &client.principal).await;

    client.delete().await;
    house.platform.pass(Duration::from_secs(1)).await;
    let mut other = house.client();
    other.ask_and_wait("What is my secret Beeblebrox?").await;

    assert_eq!(other.view.count(ContextRecalled), 0);
    quiet(&house.platform, &other.principal).await;
    let rows = house.platform.replica_rows(&client.principal);
    assert_eq!(rows.len(), 2, "only what the new session said");
}

#[tokio::test(start_paused = true)]
async fn write_in_flight_while_its_session_is_deleted_is_forgotten() {
    let tells: [fn() -> PortResult<()>; 2] =
        [|| Ok(()), || Err(PortError::Ambiguous("nobody knows".into()))];
    for tell in tells {
        let house = Troubled::plan(Trouble::RemembersLate(tell)).open();
        let mut client = house.client();
        client.ask_and_wait("My secret is Beeblebrox.").await;
        house.platform.pass(SLOW / 2).await;

        client.delete().await;
        let deleted = house.remembered(&client).await;
        house.platform.pass(SLOW).await;

        assert_eq!(deleted, 0, "deleting forgets what there is");
        assert_eq!(house.remembered(&client).await, 0, "and what comes late is forgotten too");
        quiet(&house.platform, &client.principal).await;
    }
}

/// Whoever held its lane before may still be making the older one, which would be remembered last.
#[tokio::test(start_paused = true)]
async fn write_that_replaced_another_is_made_when_the_older_is_no_longer_under_way() {
    let house = Plan::saying("Anyway.").open_with(&[]);
    let (truth, talk) = (&house.platform.truth, talk_of("acme", 1));
    let newer = MemoryWrite { text: "newer".into(), ..talk.memory("older") };
    for write in [talk.memory("older"), newer, talk.memory("other")] {
        truth.store.commit(Commit { memory: vec![write], ..talk.commit() }).await.unwrap();
    }
    let client = house.client();

    house.platform.start(Unit::MemorySync);
    house.platform.pass(Duration::from_secs(29)).await;
    let early = house.remembered(&client).await;
    house.platform.pass(Duration::from_secs(3)).await;

    assert_eq!(early, 1, "only the one that replaced none");
    assert_eq!(house.remembered(&client).await, 2);
}
