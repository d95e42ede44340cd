//! A double of SomaBrain: an HTTP server that behaves as a generation of SomaBrain does, with its
//! faults, and remembers in memory. Whatever it does was seen of a real server.
//!
//! Faults are scripted with [`Rule`]s, from the test or over HTTP (`POST /control/rules`), and what it was
//! asked can be read. The binary `somabrain-double` serves it to try by hand.
//!
//! It lives on a thread and in a time of its own, as the stub of a model does.

mod brain;
mod control;
mod coordinate;
mod django;
mod fast;
mod fault;
mod legacy;
mod openapi;
mod others;
mod reply;
mod search;
mod serve;

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::str::FromStr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use serde_json::Value;
use tokio::runtime;
use tokio::sync::oneshot;

pub use fault::{Fault, Rule};

use brain::Brain;

/// A generation of SomaBrain: `reference/somabrain.md` tells what each does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Generation {
    /// October 2025.
    G0,
    /// Early November 2025.
    G1,
    /// November 2025.
    G2,
    /// December 2025.
    G3,
    /// June 2026.
    G4,
}

impl Generation {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::G0, Self::G1, Self::G2, Self::G3, Self::G4];

    const fn is_django(self) -> bool {
        matches!(self, Self::G3 | Self::G4)
    }
}

impl FromStr for Generation {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|one| format!("{one:?}").eq_ignore_ascii_case(text));
        found.ok_or_else(|| format!("{text} is none of g0 to g4"))
    }
}

/// A request that it was asked.
#[derive(Clone, Debug, PartialEq)]
pub struct Asked {
    /// The method, such as `POST`.
    pub method: String,
    /// The path without its query.
    pub path: String,
    /// The query, as it was sent; empty if there is none.
    pub query: String,
    /// The headers in order, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body; null if there is none, a string if it is no JSON.
    pub body: Value,
}

impl Asked {
    /// A header's value.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(field, _)| field == name).map(|(_, value)| value.as_str())
    }
}

/// What the server's connections and its owner share.
#[derive(Default)]
struct Shared {
    brain: Mutex<Brain>,
    rules: Mutex<Vec<Rule>>,
    asked: Mutex<Vec<Asked>>,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A running double; it stops when it is dropped.
pub struct SomaBrain {
    address: SocketAddr,
    shared: Arc<Shared>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl SomaBrain {
    /// Starts one of this generation on a free port of loopback.
    pub fn start(generation: Generation) -> io::Result<Self> {
        Self::start_on(0, generation)
    }

    /// Starts one on a port of loopback; 0 is any that is free.
    pub fn start_on(port: u16, generation: Generation) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
        let shared = Arc::new(Shared::default());
        locked(&shared.brain).generation = generation;
        let (stop, stopped) = oneshot::channel();
        let serving = serve::run(listener, Arc::clone(&shared));
        let thread = std::thread::Builder::new().name("somabrain".into()).spawn(move || {
            runtime.block_on(async {
                tokio::select! {
                    () = serving => {}
                    _ = stopped => {}
                }
            });
        })?;
        Ok(Self { address, shared, stop: Some(stop), thread: Some(thread) })
    }

    /// Where it listens.
    pub fn base_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Adds a rule; those that were added before come first.
    pub fn rule(&self, rule: Rule) {
        locked(&self.shared.rules).push(rule);
    }

    /// Drops all rules.
    pub fn behave(&self) {
        locked(&self.shared.rules).clear();
    }

    /// Restarts it as this generation: the working memory is lost.
    pub fn restart_as(&self, generation: Generation) {
        locked(&self.shared.brain).restart_as(generation);
    }

    /// Wants this bearer token from now on.
    pub fn demand(&self, token: &str) {
        locked(&self.shared.brain).token = Some(token.to_owned());
    }

    /// Has one pool for all universes and tenants, whoever asks, from now on.
    pub fn share_pools(&self) {
        locked(&self.shared.brain).shares_pools = true;
    }

    /// Keeps so many memories at most from now on: a search looks at all of them.
    pub fn keep(&self, most: usize) {
        locked(&self.shared.brain).most = most;
    }

    /// The payloads that are stored, by universe and key.
    pub fn stored(&self) -> Vec<Value> {
        locked(&self.shared.brain).memories.values().cloned().collect()
    }

    /// Stores a payload that nobody sent, under a universe and a key.
    pub fn plant(&self, universe: &str, key: &str, payload: Value) {
        let place = (universe.to_owned(), key.to_owned());
        locked(&self.shared.brain).memories.insert(place, payload);
    }

    /// Everything that it was asked so far, in order.
    pub fn asked(&self) -> Vec<Asked> {
        locked(&self.shared.asked).clone()
    }

    /// How often it was asked for this path so far.
    pub fn count(&self, path: &str) -> usize {
        locked(&self.shared.asked).iter().filter(|asked| asked.path == path).count()
    }
}

impl Drop for SomaBrain {
    fn drop(&mut self) {
        // Whoever listened is gone already, or hears it now.
        let _ = self.stop.take().map(|stop| stop.send(()));
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

soma_core::opaque_debug!(SomaBrain);
