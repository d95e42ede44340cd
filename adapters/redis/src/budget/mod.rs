//! Counters of tokens for all workers at once.

mod counter;

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use deadpool_redis::redis::cmd;
use soma_core::budget::window::BudgetWindow;
use soma_core::budget::{Account, Grant, Reservation, ReservationKey, ReservationRequest, Tokens};
use soma_core::ports::{Budget, PortError, PortResult, UsageLedger};

use self::counter::{Answer, Build, Operation};
use crate::client::Redis;
use crate::lock::locked;
use crate::names;

/// How often a counter is built that is dropped again while the ledger is read.
const BUILDS: usize = 5;

/// So many accounts are known to be counted elsewhere. Those beyond are forgotten: their counters may
/// then be behind until the ledger says so, as it does when it has no room for a grant.
const MOST_BEHIND: usize = 4_096;

type Place = (Account, BudgetWindow);

/// Grants tokens from counters in Redis. One that is missing is built from what the ledger has; no
/// turn is refused because of it, it waits for one read.
///
/// While Redis is away the counters of `standby` answer, which is to count by itself over the same
/// ledger. It sees the grants of other processes when they are committed, and so may grant what they
/// have granted: the ledger, which holds the limit, then says so
/// ([`CommitOutcome::OverBudget`](soma_core::work::commit::CommitOutcome::OverBudget)). What was
/// counted there meanwhile is not in the counters in Redis, so they are built anew afterwards.
///
/// Amounts are exact up to 2^53 − 1 tokens, and cut to that.
pub struct RedisBudget {
    redis: Arc<Redis>,
    ledger: Arc<dyn UsageLedger>,
    standby: Arc<dyn Budget>,
    /// Whose counter in Redis lacks what the standby has counted.
    behind: Mutex<BTreeSet<Place>>,
}

soma_core::opaque_debug!(RedisBudget);

impl RedisBudget {
    /// Counters in `redis` that are built from `ledger`; `standby` counts while Redis is away.
    pub fn new(redis: Arc<Redis>, ledger: Arc<dyn UsageLedger>, standby: Arc<dyn Budget>) -> Self {
        Self { redis, ledger, standby, behind: Mutex::default() }
    }

    async fn apply(
        &self,
        place: &Place,
        id: ReservationKey,
        operation: Operation,
    ) -> PortResult<Grant> {
        if locked(&self.behind).contains(place) {
            self.forget(place).await?;
        }
        let (key, window) = (self.key(place), place.1.to_string());
        let mut build = None;
        for _ in 0..=BUILDS {
            let call = counter::call(&key, &window, (id, operation), build.as_ref());
            match self.redis.ask(&call).await? {
                Answer::Done(grant) => return Ok(grant),
                Answer::Missing { epoch } => {
                    let balance = self.ledger.balance(&place.0, place.1).await?;
                    build = Some(Build { epoch, balance });
                }
            }
        }
        Err(PortError::Unavailable("the counter was dropped again and again".into()))
    }

    /// Drops a counter: it is built anew when it is asked next.
    async fn forget(&self, place: &Place) -> PortResult<()> {
        self.redis.ask::<()>(cmd("DEL").arg(self.key(place))).await?;
        locked(&self.behind).remove(place);
        Ok(())
    }

    fn key(&self, (account, window): &Place) -> String {
        names::budget(self.redis.prefix(), account, *window)
    }

    /// The standby, which begins with what the ledger has.
    async fn standby(&self, place: Place, error: PortError) -> PortResult<&dyn Budget> {
        tracing::debug!(%error, "tokens are counted without Redis");
        let (account, window) = place.clone();
        let is_new = {
            let mut behind = locked(&self.behind);
            if behind.len() >= MOST_BEHIND {
                behind.clear();
            }
            behind.insert(place)
        };
        if is_new {
            self.standby.refresh(&account, window).await?;
        }
        Ok(&*self.standby)
    }
}

#[async_trait]
impl Budget for RedisBudget {
    async fn reserve(&self, request: &ReservationRequest) -> PortResult<Grant> {
        let place = (request.account.clone(), request.window);
        match self.apply(&place, request.key, request.into()).await {
            Ok(grant) => Ok(grant),
            Err(error) => self.standby(place, error).await?.reserve(request).await,
        }
    }

    async fn settle(&self, reservation: &Reservation, used: Tokens) -> PortResult<()> {
        let place = (reservation.account.clone(), reservation.window);
        match self.apply(&place, reservation.key, Operation::Settle { used }).await {
            Ok(_) => Ok(()),
            Err(error) => self.standby(place, error).await?.settle(reservation, used).await,
        }
    }

    async fn refresh(&self, account: &Account, window: BudgetWindow) -> PortResult<()> {
        let place = (account.clone(), window);
        match self.forget(&place).await {
            Ok(()) => Ok(()),
            Err(error) => self.standby(place, error).await?.refresh(account, window).await,
        }
    }
}
