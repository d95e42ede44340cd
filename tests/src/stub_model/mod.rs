//! A server that speaks OpenAI's chat completions and is no language model: a stub, whose answers
//! and faults are scripted and whose log tells what it was asked.
//!
//! [`by_markers`] is the script for whole systems: what is to happen stands in the message, such as
//! `[words 50] [pace 20ms]` or `[cut 3]`; `markers.rs` has them all. The binary `stub-model` serves it to try by hand.
//!
//! It lives on a thread and in a time of its own, so that a paused clock or a busy test does not
//! stop it.

mod asked;
mod log;
mod markers;
mod reply;
mod script;
mod serve;

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread::JoinHandle;

use tokio::runtime;
use tokio::sync::oneshot;

pub use asked::Asked;
pub use log::{Ending, Entry};
pub use reply::Reply;
pub use script::{answer_to, by_markers};

use log::Log;

/// What answers which request.
type Script = Arc<dyn Fn(&Asked) -> Reply + Send + Sync>;

/// A running stub; it stops, and breaks off what it says, when it is dropped.
pub struct StubModel {
    address: SocketAddr,
    log: Log,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl StubModel {
    /// Starts on a free port of loopback.
    pub fn start(script: impl Fn(&Asked) -> Reply + Send + Sync + 'static) -> io::Result<Self> {
        Self::start_on(0, script)
    }

    /// Starts on a port of loopback; 0 is any that is free.
    pub fn start_on(
        port: u16,
        script: impl Fn(&Asked) -> Reply + Send + Sync + 'static,
    ) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
        let log = Log::new();
        let (stop, stopped) = oneshot::channel();
        let serving = serve::run(listener, Arc::new(script), log.clone());
        let thread = std::thread::Builder::new().name("stub-model".into()).spawn(move || {
            runtime.block_on(async {
                tokio::select! {
                    () = serving => {}
                    _ = stopped => {}
                }
            });
        })?;
        Ok(Self { address, log, stop: Some(stop), thread: Some(thread) })
    }

    /// What to set as `SLM_BASE_URL`.
    pub fn base_url(&self) -> String {
        format!("http://{}/v1", self.address)
    }

    /// Everything it was asked so far, in order.
    pub fn log(&self) -> Vec<Entry> {
        self.log.entries()
    }

    /// How many answers are under way.
    pub fn under_way(&self) -> usize {
        self.log.under_way()
    }

    /// Waits until the log is as wanted, and returns it. Without end if it never is.
    pub async fn until(&self, wanted: impl Fn(&[Entry]) -> bool) -> Vec<Entry> {
        self.log.until(wanted).await
    }
}

impl Drop for StubModel {
    fn drop(&mut self) {
        // Whoever listened is gone already, or hears it now.
        let _ = self.stop.take().map(|stop| stop.send(()));
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

soma_core::opaque_debug!(StubModel);
