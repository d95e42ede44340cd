//! Tells a call that no process made: one of a port that was not wrapped.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use soma_core::conversation::model::ModelFailure;
use soma_core::ports::PortResult;
use soma_core::ports::model::ModelStream;
use soma_core::tool::ToolOutcome;
use soma_decorators::{Intercept, Point};

use crate::simulation::Shared;

/// Lets calls through that a process makes, and panics at any other: whoever made it has a port that
/// was not wrapped by [`Process::port`](crate::Process::port), and would never see a fault.
#[derive(Clone)]
pub struct Guard {
    pub(crate) shared: Arc<Shared>,
}

impl Guard {
    fn check(&self, point: Point) {
        let (port, method) = (point.port(), point.method());
        assert!(
            self.shared.passing.load(Ordering::Relaxed) > 0,
            "{port}.{method} was called by no process: wrap the port by Process::port"
        );
    }
}

impl Intercept for Guard {
    async fn call<T, C, F>(&self, point: Point, ask: C) -> PortResult<T>
    where
        C: Fn() -> F + Send + Sync,
        F: Future<Output = PortResult<T>> + Send,
        T: Send,
    {
        self.check(point);
        ask().await
    }

    async fn generate<C, F>(&self, ask: C) -> Result<ModelStream, ModelFailure>
    where
        C: Fn() -> F + Send + Sync,
        F: Future<Output = Result<ModelStream, ModelFailure>> + Send,
    {
        self.check(Point::Generate);
        ask().await
    }

    async fn run<C, F>(&self, ask: C) -> ToolOutcome
    where
        C: Fn() -> F + Send + Sync,
        F: Future<Output = ToolOutcome> + Send,
    {
        self.check(Point::RunTool);
        ask().await
    }
}

/// Makes a call that a process makes: a [`Guard`] lets it through.
pub(crate) async fn passing<F: Future>(shared: &Shared, call: F) -> F::Output {
    let mut call = pin!(call);
    poll_fn(|context| {
        let _on_its_way = OnItsWay::of(&shared.passing);
        call.as_mut().poll(context)
    })
    .await
}

/// A call that is on its way from a process to what is wrapped.
struct OnItsWay<'a>(&'a AtomicUsize);

impl<'a> OnItsWay<'a> {
    fn of(passing: &'a AtomicUsize) -> Self {
        passing.fetch_add(1, Ordering::Relaxed);
        Self(passing)
    }
}

impl Drop for OnItsWay<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

soma_core::opaque_debug!(Guard);
