//! Pokes within one process.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use event_listener::Event;
use soma_core::ports::{Notification, Waiter, Wake};

use crate::lock::locked;

/// Pokes whoever waits in the same process.
#[derive(Debug, Default)]
pub struct InprocWake {
    bells: Arc<Mutex<BTreeMap<Notification, Arc<Bell>>>>,
}

/// What those who wait for the same notification share.
#[derive(Debug, Default)]
struct Bell {
    notifications: AtomicU64,
    rung: Event,
}

impl InprocWake {
    /// Nobody waits yet.
    pub fn new() -> Self {
        Self::default()
    }
}

impl Wake for InprocWake {
    fn notify(&self, about: Notification) {
        let bell = locked(&self.bells).get(&about).cloned();
        if let Some(bell) = bell {
            bell.notifications.fetch_add(1, Ordering::SeqCst);
            bell.rung.notify(usize::MAX);
        }
    }

    fn waiter(&self, about: Notification) -> Box<dyn Waiter> {
        let bell = Arc::clone(locked(&self.bells).entry(about).or_default());
        let heard = bell.notifications.load(Ordering::SeqCst);
        Box::new(InprocWaiter { bells: Arc::clone(&self.bells), about, bell, heard })
    }
}

#[derive(Debug)]
struct InprocWaiter {
    bells: Arc<Mutex<BTreeMap<Notification, Arc<Bell>>>>,
    about: Notification,
    bell: Arc<Bell>,
    heard: u64,
}

#[async_trait]
impl Waiter for InprocWaiter {
    async fn wait(&mut self) {
        loop {
            let rung = self.bell.rung.listen();
            let notifications = self.bell.notifications.load(Ordering::SeqCst);
            if notifications != self.heard {
                self.heard = notifications;
                return;
            }
            rung.await;
        }
    }
}

impl Drop for InprocWaiter {
    /// There is a bell per session that may be cancelled: one that nobody hears is taken down.
    fn drop(&mut self) {
        const OURS_AND_THE_MAPS: usize = 2;
        let mut bells = locked(&self.bells);
        if Arc::strong_count(&self.bell) == OURS_AND_THE_MAPS {
            bells.remove(&self.about);
        }
    }
}
