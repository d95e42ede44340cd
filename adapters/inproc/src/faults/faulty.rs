//! A port whose calls suffer what a plan says.

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::task::Poll;

use soma_core::ports::{PortError, PortResult};

use super::plan::{FaultKind, FaultPlan};

/// A port whose calls suffer what a plan says. It is every port that what it wraps is.
pub struct Faulty<P: ?Sized> {
    pub(super) inner: Arc<P>,
    pub(super) plan: Arc<FaultPlan>,
}

/// A fault that was ordered.
#[derive(Debug, thiserror::Error)]
#[error("a fault was injected")]
pub(super) struct Injected;

/// Whether a call changes something: only then can it be unknown whether it did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Effect {
    Reads,
    Writes,
}

impl<P> Faulty<P>
where
    P: ?Sized + Send + Sync,
{
    /// Decorates `inner`: its calls are counted, and suffer, by `plan`.
    pub const fn new(inner: Arc<P>, plan: Arc<FaultPlan>) -> Self {
        Self { inner, plan }
    }

    /// A call that changes nothing.
    pub(super) async fn reads<T, F>(
        &self,
        port: &'static str,
        method: &'static str,
        call: impl Fn() -> F + Send + Sync,
    ) -> PortResult<T>
    where
        F: Future<Output = PortResult<T>> + Send,
        T: Send,
    {
        let fault = self.plan.next(port, method);
        self.suffer(fault, Effect::Reads, call).await
    }

    /// A call that changes something.
    pub(super) async fn writes<T, F>(
        &self,
        port: &'static str,
        method: &'static str,
        call: impl Fn() -> F + Send + Sync,
    ) -> PortResult<T>
    where
        F: Future<Output = PortResult<T>> + Send,
        T: Send,
    {
        let fault = self.plan.next(port, method);
        self.suffer(fault, Effect::Writes, call).await
    }

    async fn suffer<T, F>(
        &self,
        fault: Option<FaultKind>,
        effect: Effect,
        call: impl Fn() -> F + Send + Sync,
    ) -> PortResult<T>
    where
        F: Future<Output = PortResult<T>> + Send,
        T: Send,
    {
        match fault {
            None => call().await,
            Some(FaultKind::Refuse) => Err(PortError::Unavailable(Box::new(Injected))),
            Some(FaultKind::LoseReply) => {
                drop(call().await?);
                Err(match effect {
                    Effect::Reads => PortError::Unavailable(Box::new(Injected)),
                    Effect::Writes => PortError::Ambiguous(Box::new(Injected)),
                })
            }
            Some(FaultKind::Delay) => {
                self.plan.delay().await;
                call().await
            }
            Some(FaultKind::Duplicate) => {
                drop(call().await?);
                call().await.map_err(|error| again(error, effect))
            }
            Some(FaultKind::Reorder) => {
                overtaken().await;
                call().await
            }
        }
    }
}

/// What became of a call whose second try failed: the first one happened.
fn again(error: PortError, effect: Effect) -> PortError {
    match (error, effect) {
        (PortError::Unavailable(source), Effect::Writes) => PortError::Ambiguous(source),
        (error, _) => error,
    }
}

/// Comes back only after others had their turn, several times.
pub(super) async fn overtaken() {
    const TURNS: usize = 16;
    let mut left = TURNS;
    std::future::poll_fn(|context| {
        if left == 0 {
            return Poll::Ready(());
        }
        left -= 1;
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

impl<P: ?Sized> fmt::Debug for Faulty<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Faulty").field("plan", &self.plan).finish_non_exhaustive()
    }
}
