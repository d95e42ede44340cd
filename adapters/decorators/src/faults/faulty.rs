//! What a plan says becomes of a call.

use std::future::{Future, ready};
use std::sync::Arc;
use std::task::Poll;

use futures_util::StreamExt;
use futures_util::stream::once;
use soma_core::conversation::model::ModelFailure;
use soma_core::ports::model::{ModelEvent, ModelStream};
use soma_core::ports::{PortError, PortResult};

use super::plan::{FaultKind, FaultPlan};
use crate::decorated::{Decorated, Intercept};
use crate::point::{Effect, Point};

/// A port whose calls suffer what a plan says. It is every port that what it wraps is.
pub type Faulty<P> = Decorated<P, Arc<FaultPlan>>;

/// A fault that was ordered.
#[derive(Debug, thiserror::Error)]
#[error("a fault was injected")]
struct Injected;

/// A toolbox has no faults: whatever a tool does, there is an outcome.
impl Intercept for Arc<FaultPlan> {
    async fn call<T, C, F>(&self, point: Point, ask: C) -> PortResult<T>
    where
        C: Fn() -> F + Send + Sync,
        F: Future<Output = PortResult<T>> + Send,
        T: Send,
    {
        match self.next(point) {
            None => ask().await,
            Some(FaultKind::Refuse) => Err(PortError::Unavailable(Box::new(Injected))),
            Some(FaultKind::LoseRequest) => Err(unknown(point.effect())),
            Some(FaultKind::LoseReply) => {
                drop(ask().await?);
                Err(unknown(point.effect()))
            }
            Some(FaultKind::Delay) => {
                self.delay().await;
                ask().await
            }
            Some(FaultKind::Duplicate) => {
                drop(ask().await?);
                ask().await.map_err(|error| retry(error, point.effect()))
            }
            Some(FaultKind::Reorder) => {
                overtaken().await;
                ask().await
            }
        }
    }

    async fn generate<C, F>(&self, ask: C) -> Result<ModelStream, ModelFailure>
    where
        C: Fn() -> F + Send + Sync,
        F: Future<Output = Result<ModelStream, ModelFailure>> + Send,
    {
        match self.next(Point::Generate) {
            None => {}
            Some(FaultKind::Refuse | FaultKind::LoseRequest) => {
                return Err(ModelFailure::Unavailable(Injected.to_string()));
            }
            Some(FaultKind::LoseReply) => return ask().await.map(cut),
            Some(FaultKind::Delay) => self.delay().await,
            Some(FaultKind::Duplicate) => drop(ask().await?),
            Some(FaultKind::Reorder) => overtaken().await,
        }
        ask().await
    }
}

/// What the caller of a lost call learns: what only reads is as good as refused.
fn unknown(effect: Effect) -> PortError {
    match effect {
        Effect::Reads => PortError::Unavailable(Box::new(Injected)),
        Effect::Writes => PortError::Ambiguous(Box::new(Injected)),
    }
}

/// An answer that breaks off after its first text.
fn cut(answer: ModelStream) -> ModelStream {
    let text = answer.take(1).filter(|first| ready(matches!(first, Ok(ModelEvent::Text(_)))));
    text.chain(once(ready(Err(ModelFailure::Broken)))).boxed()
}

/// What became of a call whose second try failed: the first one happened.
fn retry(error: PortError, effect: Effect) -> PortError {
    match (error, effect) {
        (PortError::Unavailable(source), Effect::Writes) => PortError::Ambiguous(source),
        (error, _) => error,
    }
}

/// Resolves only after others had their turn, several times.
async fn overtaken() {
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
