//! Ports that run on a runtime of their own: a case that asks from many threads has none there.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use async_trait::async_trait;
use soma_core::budget::window::BudgetWindow;
use soma_core::budget::{Account, Grant, Reservation, ReservationRequest, Tokens};
use soma_core::ids::{SessionId, TenantId};
use soma_core::ports::rate_limit::{Admission, Rate};
use soma_core::ports::{Budget, Cache, PortResult, RateLimit};
use soma_core::work::session::Session;
use tokio::runtime::Runtime;

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Runtime::new().unwrap());

/// Runs `work` there.
pub(crate) async fn host<T: Send + 'static>(work: impl Future<Output = T> + Send + 'static) -> T {
    RUNTIME.spawn(work).await.unwrap()
}

/// A port whose calls run there.
pub(crate) struct Hosted<P: ?Sized>(pub(crate) Arc<P>);

#[async_trait]
impl<P: Budget + ?Sized + 'static> Budget for Hosted<P> {
    async fn reserve(&self, request: &ReservationRequest) -> PortResult<Grant> {
        let (port, request) = (Arc::clone(&self.0), request.clone());
        host(async move { port.reserve(&request).await }).await
    }

    async fn settle(&self, reservation: &Reservation, used: Tokens) -> PortResult<()> {
        let (port, reservation) = (Arc::clone(&self.0), reservation.clone());
        host(async move { port.settle(&reservation, used).await }).await
    }

    async fn refresh(&self, account: &Account, window: BudgetWindow) -> PortResult<()> {
        let (port, account) = (Arc::clone(&self.0), account.clone());
        host(async move { port.refresh(&account, window).await }).await
    }
}

#[async_trait]
impl<P: Cache + ?Sized + 'static> Cache for Hosted<P> {
    async fn get(&self, session: SessionId) -> PortResult<Option<Session>> {
        let port = Arc::clone(&self.0);
        host(async move { port.get(session).await }).await
    }

    async fn put(&self, session: &Session, ttl: Duration) -> PortResult<()> {
        let (port, session) = (Arc::clone(&self.0), session.clone());
        host(async move { port.put(&session, ttl).await }).await
    }

    async fn drop_session(&self, session: SessionId) -> PortResult<()> {
        let port = Arc::clone(&self.0);
        host(async move { port.drop_session(session).await }).await
    }
}

#[async_trait]
impl<P: RateLimit + ?Sized + 'static> RateLimit for Hosted<P> {
    async fn admit(&self, tenant: &TenantId, key: &str, rate: Rate) -> PortResult<Admission> {
        let (port, tenant, key) = (Arc::clone(&self.0), tenant.clone(), key.to_owned());
        host(async move { port.admit(&tenant, &key, rate).await }).await
    }
}
