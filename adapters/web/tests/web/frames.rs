//! The two kinds of streams, as a client reads them.

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

use crate::app::App;
use crate::client::{Chunk, Opened, Request};

/// One server-sent event.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Sent {
    pub(crate) id: String,
    pub(crate) event: String,
    pub(crate) data: Value,
}

/// A stream of server-sent events.
pub(crate) struct Events {
    opened: Opened,
    text: String,
}

impl Events {
    pub(crate) async fn open(request: Request) -> Self {
        let opened = request.open().await;
        assert_eq!(opened.head.status, 200);
        Self { opened, text: String::new() }
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.opened.head.header(name)
    }

    /// The next line that is not empty; none at the end of the stream.
    pub(crate) async fn line(&mut self) -> Option<String> {
        self.until("\n").await
    }

    /// The next block, also one without an event; none at the end of the stream.
    pub(crate) async fn block(&mut self) -> Option<String> {
        self.until("\n\n").await
    }

    async fn until(&mut self, end: &str) -> Option<String> {
        loop {
            if let Some(place) = self.text.find(end) {
                let part: String = self.text.drain(..place + end.len()).collect();
                if !part.trim_end().is_empty() {
                    return Some(part.trim_end().to_owned());
                }
                continue;
            }
            match self.opened.chunk().await {
                Chunk::Data(chunk) => self.text.push_str(std::str::from_utf8(&chunk).unwrap()),
                Chunk::End => return None,
                Chunk::Cut => panic!("the stream was cut"),
            }
        }
    }

    /// The next event; none at the end of the stream.
    pub(crate) async fn next(&mut self) -> Option<Sent> {
        loop {
            let block = self.block().await?;
            let mut sent = Sent::default();
            for line in block.lines() {
                match line.split_once(": ") {
                    Some(("id", id)) => sent.id = id.into(),
                    Some(("event", event)) => sent.event = event.into(),
                    Some(("data", data)) => sent.data = serde_json::from_str(data).unwrap(),
                    _ => {}
                }
            }
            if sent != Sent::default() {
                return Some(sent);
            }
        }
    }

    /// How the stream ends, whatever comes before.
    pub(crate) async fn end(mut self) -> Chunk {
        loop {
            match self.opened.chunk().await {
                Chunk::Data(_) => {}
                end @ (Chunk::End | Chunk::Cut) => return end,
            }
        }
    }

    /// The rest of the stream.
    pub(crate) async fn rest(mut self) -> Vec<Sent> {
        let mut events = Vec::new();
        while let Some(event) = self.next().await {
            events.push(event);
        }
        events
    }
}

/// A WebSocket.
pub(crate) struct Socket {
    stream: BufReader<TcpStream>,
}

/// What came over a WebSocket.
#[derive(Debug, PartialEq)]
pub(crate) enum Came {
    Text(Value),
    Ping,
    Pong(Vec<u8>),
    Close(u16),
}

pub(crate) const TEXT: u8 = 1;
pub(crate) const BINARY: u8 = 2;
pub(crate) const CLOSE: u8 = 8;
pub(crate) const PING: u8 = 9;
pub(crate) const PONG: u8 = 10;

impl App {
    /// A request for a WebSocket.
    pub(crate) fn upgrade(&self, target: &str) -> Request {
        self.request("GET", target)
            .header("Connection", "Upgrade")
            .header("Upgrade", "websocket")
            .header("Sec-WebSocket-Version", "13")
            .header("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")
    }

    pub(crate) async fn socket(&self, target: &str) -> Socket {
        let opened = self.upgrade(target).open().await;
        assert_eq!(opened.head.status, 101);
        Socket { stream: opened.stream }
    }
}

impl Socket {
    pub(crate) async fn say(&mut self, frame: &Value) {
        self.send(TEXT, frame.to_string().as_bytes()).await;
    }

    /// Sends a whole frame of this kind.
    pub(crate) async fn send(&mut self, kind: u8, payload: &[u8]) {
        self.send_part(0x80 | kind, payload).await;
    }

    /// Sends a frame with this first byte. The mask is all zeros.
    pub(crate) async fn send_part(&mut self, first: u8, payload: &[u8]) {
        let mut frame = vec![first];
        match u16::try_from(payload.len()) {
            Ok(length @ 0..=125) => frame.push(0x80 | u8::try_from(length).unwrap()),
            Ok(length) => {
                frame.push(0x80 + 126);
                frame.extend(length.to_be_bytes());
            }
            Err(_) => {
                frame.push(0x80 + 127);
                frame.extend((payload.len() as u64).to_be_bytes());
            }
        }
        frame.extend([0; 4]);
        frame.extend(payload);
        // A server that refuses a frame may not read it.
        self.stream.write_all(&frame).await.ok();
    }

    /// Sends the head of a frame with this first byte, and nothing of its payload.
    pub(crate) async fn head(&mut self, first: u8, length: u64) {
        let head = [&[first, 0x80 + 127], &length.to_be_bytes()[..], &[0; 4]].concat();
        self.raw(&head).await;
    }

    /// Sends these bytes.
    pub(crate) async fn raw(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.unwrap();
    }

    /// Says that nothing more comes.
    pub(crate) async fn finish(&mut self) {
        self.stream.shutdown().await.ok();
    }

    /// Reads to the end of the connection.
    pub(crate) async fn drained(&mut self) {
        // A connection that is reset has ended, too.
        self.stream.read_to_end(&mut Vec::new()).await.ok();
    }

    pub(crate) async fn came(&mut self) -> Came {
        let mut head = [0; 2];
        self.stream.read_exact(&mut head).await.unwrap();
        let length = match head[1] {
            126 => usize::from(self.stream.read_u16().await.unwrap()),
            127 => usize::try_from(self.stream.read_u64().await.unwrap()).unwrap(),
            length => usize::from(length),
        };
        let mut payload = vec![0; length];
        self.stream.read_exact(&mut payload).await.unwrap();
        match head[0] & 0x0f {
            TEXT => Came::Text(serde_json::from_slice(&payload).unwrap()),
            PING => Came::Ping,
            PONG => Came::Pong(payload),
            CLOSE => Came::Close(u16::from_be_bytes([payload[0], payload[1]])),
            other => panic!("a frame of kind {other}"),
        }
    }

    /// The next text.
    pub(crate) async fn text(&mut self) -> Value {
        loop {
            match self.came().await {
                Came::Text(value) => return value,
                Came::Ping | Came::Pong(_) => {}
                Came::Close(code) => panic!("closed with {code}"),
            }
        }
    }

    /// The next text of this type.
    pub(crate) async fn text_of(&mut self, kind: &str) -> Value {
        loop {
            let text = self.text().await;
            if text["type"] == kind {
                return text;
            }
        }
    }

    /// The code that the server closes with.
    pub(crate) async fn closed(&mut self) -> u16 {
        loop {
            if let Came::Close(code) = self.came().await {
                return code;
            }
        }
    }
}
