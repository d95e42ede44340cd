//! A timer whose sleeps end when a test says so, and only as many as it says: nothing is a race.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use soma_core::ports::Timer;
use tokio::sync::Semaphore;

/// A bell for each length of sleep.
#[derive(Debug, Default)]
pub(crate) struct Bells(Mutex<BTreeMap<Duration, Arc<Semaphore>>>);

impl Bells {
    /// Ends one sleep of this length: one that lasts, or else the next.
    pub(crate) fn ring(&self, span: Duration) {
        self.bell(span).add_permits(1);
    }

    fn bell(&self, span: Duration) -> Arc<Semaphore> {
        let mut bells = self.0.lock().unwrap();
        Arc::clone(bells.entry(span).or_insert_with(|| Arc::new(Semaphore::new(0))))
    }
}

#[async_trait]
impl Timer for Bells {
    async fn sleep(&self, span: Duration) {
        self.bell(span).acquire().await.unwrap().forget();
    }
}
