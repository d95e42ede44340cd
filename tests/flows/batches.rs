//! What waits together is done together.

use std::sync::Arc;

use async_trait::async_trait;
use soma_core::ids::{SessionId, TenantId};
use soma_core::memory::{MemoryHit, MemoryWrite, RecallQuery};
use soma_core::ports::{Memory, PortError, PortResult};
use soma_tests::platform::{Unit, quiet};

use crate::house::{House, Plan};

mockall::mock! {
    Keeper {}

    #[async_trait]
    impl Memory for Keeper {
        async fn remember(&self, writes: &[MemoryWrite]) -> PortResult<Vec<PortResult<()>>>;
        async fn recall(&self, query: &RecallQuery) -> PortResult<Vec<MemoryHit>>;
        async fn forget_session(&self, tenant: &TenantId, session: SessionId) -> PortResult<()>;
    }
}

/// What is answered to a call that remembers.
type Remembered = PortResult<Vec<PortResult<()>>>;

fn all_kept(writes: &[MemoryWrite]) -> Vec<PortResult<()>> {
    writes.iter().map(|_| Ok(())).collect()
}

/// A memory that recalls nothing.
fn keeper() -> MockKeeper {
    let mut keeper = MockKeeper::new();
    keeper.expect_recall().returning(|_| Ok(Vec::new()));
    keeper
}

/// Ten turns, whose memories wait until memory sync starts.
async fn ten_turns(keeper: &Arc<MockKeeper>) -> u64 {
    let memory = Arc::clone(keeper);
    let house = Plan::saying("Noted.").with(|plan| plan.ports.memory = memory).open();
    house.platform.stop(Unit::MemorySync).await;
    let mut client = house.client();
    for _ in 0..10 {
        client.ask_and_wait("Remember this.").await;
    }
    house.platform.start(Unit::MemorySync);
    quiet(&house.platform, &client.principal).await;
    let rows = house.platform.replica_rows(&client.principal).len() as u64;
    drop(client);
    stop(house).await;
    rows
}

/// Stops everything, so that nobody holds a port any more.
async fn stop(house: House) {
    for unit in Unit::ALL {
        house.platform.stop(unit).await;
    }
}

/// The memories of ten turns are remembered in one call, which ends so, and then so many of them each
/// by itself.
async fn remembered(together: fn(&[MemoryWrite]) -> Remembered, alone: usize) {
    let mut keeper = keeper();
    keeper.expect_remember().withf(|writes| writes.len() == 20).times(1).returning(together);
    keeper
        .expect_remember()
        .withf(|writes| writes.len() == 1)
        .times(alone)
        .returning(|writes| Ok(all_kept(writes)));
    let keeper = Arc::new(keeper);

    let rows = ten_turns(&keeper).await;

    assert_eq!(rows, 20);
    Arc::into_inner(keeper).unwrap().checkpoint();
}

#[tokio::test(start_paused = true)]
async fn writes_that_wait_are_remembered_in_one_call() {
    remembered(|writes| Ok(all_kept(writes)), 0).await;
}

/// Whatever is wrong with one of them keeps no other waiting.
#[tokio::test(start_paused = true)]
async fn writes_that_failed_together_are_made_again_each_by_itself() {
    remembered(|_| Err(PortError::Unavailable("away".into())), 20).await;
}

#[tokio::test(start_paused = true)]
async fn write_that_fails_by_itself_is_the_only_one_that_is_made_again() {
    let but_the_third = |writes: &[MemoryWrite]| {
        let mut kept = all_kept(writes);
        kept[2] = Err(PortError::Unavailable("away".into()));
        Ok(kept)
    };
    remembered(but_the_third, 1).await;
}
