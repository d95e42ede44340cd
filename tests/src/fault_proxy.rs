//! A TCP proxy whose connections go wrong as it is told: late, cut, or silent in one direction or both.
//!
//! It lives on a thread and in a time of its own, as the stub of a model does.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener as StdListener};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime;
use tokio::sync::oneshot;

/// Where bytes go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From who connected to the server.
    Requests,
    /// From the server to who connected.
    Replies,
}

/// What happens to connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Whatever comes passes so much later.
    Delay(Duration),
    /// Both ends are closed when the next byte comes.
    Cut,
    /// Whatever comes is taken, and passes to nobody: the connection is half-open.
    Silence,
}

/// Connections are cut at requests that have certain bytes in them.
#[derive(Debug)]
struct CutAt {
    bytes: Vec<u8>,
    /// Of so many such requests one is cut.
    every: u32,
    /// So many are still to be cut.
    left: u32,
    seen: u32,
}

/// What becomes of a request.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    Passes,
    /// The connection is cut, and the server never sees it.
    Lost,
    /// The connection is cut, and the server has it.
    Unanswered,
}

#[derive(Default)]
struct State {
    connections: u64,
    /// The connections up to this one suffer it, in this direction.
    faults: Vec<(u64, Direction, Fault)>,
    cut_at: Option<CutAt>,
}

impl State {
    fn fault(&self, connection: u64, direction: Direction) -> Option<Fault> {
        let mut faults = self.faults.iter().rev();
        let of_it = faults.find(|(last, of, _)| connection <= *last && *of == direction);
        of_it.map(|(_, _, fault)| *fault)
    }

    fn fate(&mut self, request: &[u8]) -> Fate {
        let Some(cut) = &mut self.cut_at else { return Fate::Passes };
        if cut.left == 0 || !request.windows(cut.bytes.len()).any(|part| part == cut.bytes) {
            return Fate::Passes;
        }
        cut.seen += 1;
        if !cut.seen.is_multiple_of(cut.every) {
            return Fate::Passes;
        }
        cut.left -= 1;
        if cut.left.is_multiple_of(2) { Fate::Lost } else { Fate::Unanswered }
    }
}

/// A running proxy; it closes every connection when it is dropped.
pub struct FaultProxy {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl FaultProxy {
    /// Starts one in front of `server`, on a free port of loopback.
    ///
    /// # Errors
    ///
    /// That of the system.
    pub fn start(server: SocketAddr) -> io::Result<Self> {
        let listener = StdListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
        let state = Arc::<Mutex<State>>::default();
        let (stop, stopped) = oneshot::channel();
        let serving = serve(listener, server, Arc::clone(&state));
        let thread = std::thread::Builder::new().name("fault-proxy".into()).spawn(move || {
            runtime.block_on(async {
                tokio::select! {
                    _ = serving => {}
                    _ = stopped => {}
                }
            });
        })?;
        Ok(Self { address, state, stop: Some(stop), thread: Some(thread) })
    }

    /// Where it listens.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// What is connected now suffers a fault from now on. New connections do not.
    pub fn strike(&self, direction: Direction, fault: Fault) {
        let mut state = self.state();
        let last = state.connections;
        state.faults.push((last, direction, fault));
    }

    /// Ends all faults but those that have happened.
    pub fn heal(&self) {
        let mut state = self.state();
        state.faults.clear();
        state.cut_at = None;
    }

    /// Cuts `times` connections at requests that have these bytes in them, at one of `every` such
    /// requests: in turns before the server has it, and before its reply has passed.
    pub fn cut_at(&self, bytes: &[u8], every: u32, times: u32) {
        let cut = CutAt { bytes: bytes.to_vec(), every, left: times, seen: 0 };
        self.state().cut_at = Some(cut);
    }

    /// How many of them are still to be cut.
    pub fn cuts_left(&self) -> u32 {
        self.state().cut_at.as_ref().map_or(0, |cut| cut.left)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        locked(&self.state)
    }
}

fn locked(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

#[expect(clippy::disallowed_methods, reason = "its tasks end with its thread")]
async fn serve(
    listener: StdListener,
    server: SocketAddr,
    state: Arc<Mutex<State>>,
) -> io::Result<()> {
    let listener = TcpListener::from_std(listener)?;
    loop {
        let (client, _) = listener.accept().await?;
        let state = Arc::clone(&state);
        let connection = {
            let mut state = locked(&state);
            state.connections += 1;
            state.connections
        };
        tokio::spawn(async move {
            let Ok(server) = TcpStream::connect(server).await else { return };
            let _ = (client.set_nodelay(true), server.set_nodelay(true));
            let (from_client, to_client) = client.into_split();
            let (from_server, to_server) = server.into_split();
            let pump = |from, to, direction| pass(from, to, &state, connection, direction);
            // Whichever way ends first closes both.
            tokio::select! {
                _ = pump(from_client, to_server, Direction::Requests) => {}
                _ = pump(from_server, to_client, Direction::Replies) => {}
            }
        });
    }
}

#[expect(clippy::disallowed_methods, reason = "the proxy lives in a time of its own")]
async fn pass(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    state: &Mutex<State>,
    connection: u64,
    direction: Direction,
) -> io::Result<()> {
    let mut buffer = vec![0; 64 << 10];
    loop {
        let count = from.read(&mut buffer).await?;
        if count == 0 {
            return Ok(());
        }
        let fault = locked(state).fault(connection, direction);
        match fault {
            Some(Fault::Cut) => return Ok(()),
            Some(Fault::Silence) => continue,
            Some(Fault::Delay(span)) => tokio::time::sleep(span).await,
            None => {}
        }
        let fate = match direction {
            Direction::Requests => locked(state).fate(&buffer[..count]),
            Direction::Replies => Fate::Passes,
        };
        if fate != Fate::Lost {
            to.write_all(&buffer[..count]).await?;
        }
        if fate != Fate::Passes {
            return Ok(());
        }
    }
}

impl Drop for FaultProxy {
    fn drop(&mut self) {
        // Whoever listened is gone already, or hears it now.
        let _ = self.stop.take().map(|stop| stop.send(()));
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

soma_core::opaque_debug!(FaultProxy);
