//! A client's connection: a request that does not come is not waited for, and a conversation that is
//! over is over at once.

use std::cell::Cell;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::dev::Extensions;
use actix_web::rt::net::TcpStream;
use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use soma_core::ports::Timer;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// How long the head of a request may take that is not the first of its connection. Longer than a
/// WebSocket is silent.
const PATIENCE: Duration = Duration::from_secs(30);

/// A client's connection. When its client has begun to say something and takes too long to end it, or
/// once it was [hung up](Line::hang_up), it reads as if the client had gone.
pub(crate) struct Connection {
    socket: TcpStream,
    line: Line,
    timer: Arc<dyn Timer>,
    /// Ends when what the client began to say has taken too long.
    waiting: Option<BoxFuture<'static, ()>>,
}

/// What the routes tell a connection.
#[derive(Clone, Default)]
pub(crate) struct Line(Rc<Cell<Call>>);

#[derive(Clone, Copy, Default, PartialEq)]
enum Call {
    /// The client may speak, or is listened to.
    #[default]
    Open,
    /// The head of a request is here: what comes of its body is its reader's.
    Answering,
    Over,
}

impl Line {
    /// Notes that a request has begun to be answered.
    pub(crate) fn answer(&self) {
        if self.0.get() == Call::Open {
            self.0.set(Call::Answering);
        }
    }

    /// Notes that its answer is there, and its body was read.
    pub(crate) fn listen(&self) {
        if self.0.get() == Call::Answering {
            self.0.set(Call::Open);
        }
    }

    /// Ends the connection once what was written is sent.
    fn hang_up(&self) {
        self.0.set(Call::Over);
    }
}

impl Connection {
    pub(crate) fn new(socket: TcpStream, timer: Arc<dyn Timer>) -> Self {
        Self { socket, line: Line::default(), timer, waiting: None }
    }

    /// Gives its requests the line.
    pub(crate) fn share_line(&self, extensions: &mut Extensions) {
        extensions.insert(self.line.clone());
    }

    /// Whether the client took too long, now that it has said more or not.
    fn is_late(&mut self, context: &mut Context<'_>, said: bool) -> bool {
        if self.line.0.get() == Call::Answering {
            self.waiting = None;
        } else if said && self.waiting.is_none() {
            let timer = Arc::clone(&self.timer);
            self.waiting = Some(async move { timer.sleep(PATIENCE).await }.boxed());
        }
        self.waiting.as_mut().is_some_and(|waiting| waiting.poll_unpin(context).is_ready())
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.line.0.get() == Call::Over {
            return Poll::Ready(Ok(()));
        }
        let before = into.filled().len();
        let read = Pin::new(&mut self.socket).poll_read(context, into);
        let said = into.filled().len() > before;
        if self.is_late(context, said) {
            into.set_filled(before);
            return Poll::Ready(Ok(()));
        }
        read
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.waiting = None;
        Pin::new(&mut self.socket).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(context)
    }
}

/// A body whose end is the end of its connection.
pub(crate) struct LastWords {
    body: BoxBody,
    line: Line,
}

impl LastWords {
    /// Makes a body the last that its connection says.
    pub(crate) fn of(body: BoxBody, line: Line) -> BoxBody {
        BoxBody::new(Self { body, line })
    }
}

impl MessageBody for LastWords {
    type Error = <BoxBody as MessageBody>::Error;

    fn size(&self) -> BodySize {
        self.body.size()
    }

    fn poll_next(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Self::Error>>> {
        Pin::new(&mut self.body).poll_next(context)
    }
}

impl Drop for LastWords {
    fn drop(&mut self) {
        self.line.hang_up();
    }
}
