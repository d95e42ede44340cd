//! A port that fails when it is told to.

use std::future::Future;
use std::sync::{Arc, Mutex};

use soma_core::ports::{PortError, PortResult};
use soma_decorators::{Intercept, Point};

/// How a port fails.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Fault {
    Unavailable,
    Ambiguous,
    Broken,
}

/// What a fault says, and no client may read.
pub(crate) const SECRET: &str = "password=hunter2";

/// Makes a port fail from the moment on when it is told to.
#[derive(Clone, Default)]
pub(crate) struct Faults(Arc<Mutex<Option<Fault>>>);

impl Faults {
    pub(crate) fn fail(&self, fault: Fault) {
        *self.0.lock().unwrap() = Some(fault);
    }

    fn check(&self) -> PortResult<()> {
        match *self.0.lock().unwrap() {
            None => Ok(()),
            Some(Fault::Unavailable) => Err(PortError::Unavailable(SECRET.into())),
            Some(Fault::Ambiguous) => Err(PortError::Ambiguous(SECRET.into())),
            Some(Fault::Broken) => {
                Err(PortError::Broken { what: "reading", source: SECRET.into() })
            }
        }
    }
}

impl Intercept for Faults {
    async fn call<T, C, F>(&self, _: Point, ask: C) -> PortResult<T>
    where
        C: Fn() -> F + Send + Sync,
        F: Future<Output = PortResult<T>> + Send,
        T: Send,
    {
        self.check()?;
        ask().await
    }
}
