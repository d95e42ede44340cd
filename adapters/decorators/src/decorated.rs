//! A port whose every call goes through something else first: what faults, counting, killing and
//! simulating have in common.

use std::future::Future;
use std::sync::Arc;

use soma_core::conversation::model::ModelFailure;
use soma_core::ports::PortResult;
use soma_core::ports::model::ModelStream;
use soma_core::tool::ToolOutcome;

use crate::ports::Point;

/// Decides what becomes of the calls of a port. `ask` makes the call: it may be made never, once,
/// or often.
pub trait Intercept: Send + Sync {
    /// A call of a port.
    fn call<T, C, F>(&self, point: Point, ask: C) -> impl Future<Output = PortResult<T>> + Send
    where
        C: Fn() -> F + Send + Sync,
        F: Future<Output = PortResult<T>> + Send,
        T: Send;

    /// A call of the model. It is made, unless an interceptor says otherwise.
    fn generate<C, F>(
        &self,
        ask: C,
    ) -> impl Future<Output = Result<ModelStream, ModelFailure>> + Send
    where
        C: Fn() -> F + Send + Sync,
        F: Future<Output = Result<ModelStream, ModelFailure>> + Send,
    {
        ask()
    }

    /// A run of a tool. It is made, unless an interceptor says otherwise.
    fn run<C, F>(&self, ask: C) -> impl Future<Output = ToolOutcome> + Send
    where
        C: Fn() -> F + Send + Sync,
        F: Future<Output = ToolOutcome> + Send,
    {
        ask()
    }
}

/// A port whose calls go through `I`. It is every port that what it wraps is.
pub struct Decorated<P: ?Sized, I> {
    pub(crate) inner: Arc<P>,
    pub(crate) intercept: I,
}

impl<P: ?Sized, I> Decorated<P, I> {
    /// Wraps `inner`.
    pub const fn new(inner: Arc<P>, intercept: I) -> Self {
        Self { inner, intercept }
    }
}

impl<P, I> Decorated<P, I>
where
    P: ?Sized + Send + Sync,
    I: Intercept,
{
    /// A call of a port of your own, which `ask` makes of what is wrapped: like those of the platform's
    /// ports, it may be made never, once, or often.
    pub async fn pass<'a, T, A, F>(&'a self, point: Point, ask: A) -> PortResult<T>
    where
        A: Fn(&'a P) -> F + Send + Sync,
        F: Future<Output = PortResult<T>> + Send,
        T: Send,
    {
        self.intercept.call(point, || ask(&self.inner)).await
    }
}

soma_core::opaque_debug!(Decorated<P: ?Sized, I>);
