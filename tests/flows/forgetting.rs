//! What is remembered of a session while it is deleted, and after.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::join_all;
use soma_core::flows::stop::Stop;
use soma_core::ids::{SessionId, TenantId};
use soma_core::memory::{MemoryHit, MemoryWrite, RecallQuery};
use soma_core::ports::{Memory, PortError, PortResult, Timer};
use soma_tests::platform::{Unit, quiet};

use crate::house::{House, Plan};

/// How long a slow memory takes to answer.
const SLOW: Duration = Duration::from_secs(2);

/// What goes wrong between a memory and those who forget.
#[derive(Clone)]
enum Trouble {
    /// The first memory lands as soon as its session was forgotten, and forgetting answers late.
    LandsMeanwhile(Stop),
    /// The first memory lands when it is told to, and the memory never says so.
    LandsWithoutAnswer(Stop),
    /// So many times, nothing is forgotten.
    ForgetFails(usize),
    /// So many times, forgetting has no end.
    ForgetHangs(usize),
    /// Each memory takes that long; so many were begun.
    Slow(Duration, Arc<AtomicUsize>),
}

/// A memory with a trouble.
struct Troubled {
    inner: Arc<dyn Memory>,
    timer: Arc<dyn Timer>,
    trouble: Trouble,
    remembered: AtomicUsize,
    forgotten: AtomicUsize,
}

impl Troubled {
    fn open(trouble: Trouble) -> House {
        let plan = Plan::saying("Noted.").with(|plan| {
            plan.ports.memory = Arc::new(Self {
                inner: Arc::clone(&plan.ports.memory),
                timer: Arc::clone(&plan.stage.timer),
                trouble,
                remembered: AtomicUsize::new(0),
                forgotten: AtomicUsize::new(0),
            });
        });
        plan.open()
    }
}

impl Troubled {
    async fn keep(&self, write: &MemoryWrite) -> PortResult<()> {
        self.inner.remember(std::slice::from_ref(write)).await?.remove(0)
    }

    async fn remember_one(&self, write: &MemoryWrite) -> PortResult<()> {
        let before = self.remembered.fetch_add(1, Ordering::SeqCst);
        match &self.trouble {
            Trouble::LandsMeanwhile(land) if before == 0 => {
                land.wait().await;
                self.keep(write).await
            }
            Trouble::LandsWithoutAnswer(land) if before == 0 => {
                land.wait().await;
                self.keep(write).await?;
                std::future::pending().await
            }
            Trouble::Slow(span, begun) => {
                begun.fetch_add(1, Ordering::SeqCst);
                self.timer.sleep(*span).await;
                self.keep(write).await
            }
            Trouble::LandsMeanwhile(_)
            | Trouble::LandsWithoutAnswer(_)
            | Trouble::ForgetFails(_)
            | Trouble::ForgetHangs(_) => self.keep(write).await,
        }
    }
}

#[async_trait]
impl Memory for Troubled {
    async fn remember(&self, writes: &[MemoryWrite]) -> PortResult<Vec<PortResult<()>>> {
        Ok(join_all(writes.iter().map(|write| self.remember_one(write))).await)
    }

    async fn recall(&self, query: &RecallQuery) -> PortResult<Vec<MemoryHit>> {
        self.inner.recall(query).await
    }

    async fn forget_session(&self, tenant: &TenantId, session: SessionId) -> PortResult<()> {
        let before = self.forgotten.fetch_add(1, Ordering::SeqCst);
        match &self.trouble {
            Trouble::LandsMeanwhile(land) if before == 0 => {
                self.inner.forget_session(tenant, session).await?;
                land.trigger();
                self.timer.sleep(SLOW).await;
                Ok(())
            }
            Trouble::ForgetFails(times) if before < *times => {
                Err(PortError::Unavailable("away".into()))
            }
            Trouble::ForgetHangs(times) if before < *times => std::future::pending().await,
            Trouble::LandsMeanwhile(_)
            | Trouble::LandsWithoutAnswer(_)
            | Trouble::ForgetFails(_)
            | Trouble::ForgetHangs(_)
            | Trouble::Slow(..) => self.inner.forget_session(tenant, session).await,
        }
    }
}

#[tokio::test(start_paused = true)]
async fn memory_that_lands_while_its_session_is_deleted_is_forgotten() {
    let house = Troubled::open(Trouble::LandsMeanwhile(Stop::new()));
    let mut client = house.client();
    client.ask_and_wait("My secret is Beeblebrox.").await;

    client.delete().await;
    quiet(&house.platform, &client.principal).await;

    assert_eq!(house.remembered(&client).await, 0);
}

#[tokio::test(start_paused = true)]
async fn memory_of_a_deleted_session_whose_writer_died_is_forgotten() {
    let land = Stop::new();
    let house = Troubled::open(Trouble::LandsWithoutAnswer(land.clone()));
    let mut client = house.client();
    client.ask_and_wait("My secret is Beeblebrox.").await;
    client.delete().await;
    house.platform.pass(SLOW).await;

    land.trigger();
    house.platform.pass(Duration::from_millis(10)).await;
    let landed = house.remembered(&client).await;
    house.platform.crash(Unit::MemorySync).await;
    house.platform.start(Unit::MemorySync);
    quiet(&house.platform, &client.principal).await;

    assert_eq!(landed, 1, "it landed after all was forgotten");
    assert_eq!(house.remembered(&client).await, 0);
}

#[tokio::test(start_paused = true)]
async fn session_is_deleted_while_the_memory_is_away_and_forgotten_when_it_is_back() {
    let house = Troubled::open(Trouble::ForgetFails(4));
    let mut client = house.client();
    client.ask_and_wait("My secret is Beeblebrox.").await;
    house.platform.pass(SLOW).await;

    client.delete().await;
    let deleted = house.remembered(&client).await;
    house.platform.pass(Duration::from_secs(10)).await;

    let session = client.session.unwrap();
    let store = &house.platform.truth.store;
    assert_eq!(store.session(&client.principal.tenant, session).await.unwrap(), None);
    assert_eq!(deleted, 2, "the memory was away");
    assert_eq!(house.remembered(&client).await, 0);
    quiet(&house.platform, &client.principal).await;
}

#[tokio::test(start_paused = true)]
async fn memory_that_hangs_keeps_nobody_who_deletes_waiting_and_no_other_memory() {
    let house = Troubled::open(Trouble::ForgetHangs(2));
    let mut client = house.client();
    client.ask_and_wait("My secret is Beeblebrox.").await;
    house.platform.pass(SLOW).await;
    let begun = house.platform.stage.clock.now();

    client.delete().await;
    let took = house.platform.stage.clock.now().since(begun);
    let mut other = house.client();
    other.ask_and_wait("Remember this.").await;
    house.platform.pass(SLOW).await;
    let written = house.remembered(&other).await;
    quiet(&house.platform, &client.principal).await;

    assert!(took < Duration::from_secs(5), "{took:?}");
    assert_eq!(written, 4, "nobody has forgotten yet, and others were remembered");
    assert_eq!(house.remembered(&client).await, 2, "only what the new session said");
}

#[tokio::test(start_paused = true)]
async fn no_write_is_begun_that_could_outlast_its_hold() {
    let begun = Arc::new(AtomicUsize::new(0));
    let house = Troubled::open(Trouble::Slow(Duration::from_secs(9), Arc::clone(&begun)));
    house.platform.stop(Unit::MemorySync).await;
    let mut client = house.client();
    for _ in 0..50 {
        client.ask_and_wait("My secret is Beeblebrox.").await;
    }
    house.platform.start(Unit::MemorySync);
    house.platform.pass(SLOW).await;

    client.delete().await;
    quiet(&house.platform, &client.principal).await;

    // 100 were taken up, and are made 32 at a time: at 0, 9 and 18 seconds, and no more at 27.
    assert_eq!(begun.load(Ordering::SeqCst), 96);
    assert_eq!(house.remembered(&client).await, 0);
}
