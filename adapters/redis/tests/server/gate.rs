//! A proxy before the server that cuts it off.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Everything passes.
    Open,
    /// Connections end at once.
    Shut,
    /// Connections are accepted, and nothing passes.
    Silent,
}

/// A way to the server that can be shut.
pub(crate) struct Gate {
    address: SocketAddr,
    state: watch::Sender<State>,
    accepted: Arc<AtomicUsize>,
    /// One clone for each connection.
    connections: Arc<()>,
}

impl Gate {
    /// An open gate before the server at `url`.
    pub(crate) async fn before(url: &str) -> Self {
        let server = url.trim_start_matches("redis://").trim_end_matches('/').to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (state, seen) = watch::channel(State::Open);
        let accepted = Arc::new(AtomicUsize::new(0));
        let connections = Arc::new(());
        let address = listener.local_addr().unwrap();
        let gate = Self { address, state, accepted, connections };
        let (accepted, connections) = (Arc::clone(&gate.accepted), Arc::clone(&gate.connections));
        tokio::spawn(async move {
            loop {
                let (client, _) = listener.accept().await.unwrap();
                accepted.fetch_add(1, Ordering::SeqCst);
                let (server, seen, held) = (server.clone(), seen.clone(), Arc::clone(&connections));
                tokio::spawn(async move {
                    pass(client, server, seen).await;
                    drop(held);
                });
            }
        });
        gate
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://{}", self.address)
    }

    /// How many connections were accepted so far.
    pub(crate) fn accepted(&self) -> usize {
        self.accepted.load(Ordering::SeqCst)
    }

    /// Ends every connection, and those that come.
    pub(crate) async fn shut(&self) {
        const OURS_AND_THE_LISTENERS: usize = 2;
        self.state.send_replace(State::Shut);
        while Arc::strong_count(&self.connections) > OURS_AND_THE_LISTENERS {
            tokio::task::yield_now().await;
        }
    }

    pub(crate) fn fall_silent(&self) {
        self.state.send_replace(State::Silent);
    }

    pub(crate) fn open(&self) {
        self.state.send_replace(State::Open);
    }
}

/// Passes what comes, until the gate is no longer open; what fell silent stays so until it is opened.
async fn pass(mut client: TcpStream, server: String, mut state: watch::Receiver<State>) {
    if *state.borrow_and_update() == State::Open {
        let mut server = TcpStream::connect(server).await.unwrap();
        tokio::select! {
            _ = copy_bidirectional(&mut client, &mut server) => return,
            _ = state.changed() => {}
        }
    }
    while *state.borrow_and_update() == State::Silent {
        state.changed().await.unwrap();
    }
}
