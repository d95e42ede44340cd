//! As much of HTTP as a client of the platform needs, at as little cost as it can be had: harness and
//! platform share the processors.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::model::content_length;
use crate::load::LoadError;
use crate::load::patience::within;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_mins(1);

/// A connection that stays open.
#[derive(Debug)]
pub(super) struct Connection {
    stream: TcpStream,
    host: String,
    bytes: Vec<u8>,
}

impl Connection {
    pub(super) async fn open(url: &str) -> Result<Self, LoadError> {
        let host = url.trim_start_matches("http://").trim_end_matches('/').to_owned();
        let failed = LoadError::io("connect");
        let stream = TcpStream::connect(&host).await.map_err(&failed)?;
        stream.set_nodelay(true).map_err(&failed)?;
        Ok(Self { stream, host, bytes: Vec::new() })
    }

    /// Posts JSON. Returns the body of the response.
    pub(super) async fn post(&mut self, path: &str, body: &str) -> Result<String, LoadError> {
        let (host, length) = (&self.host, body.len());
        let request = format!(
            "POST {path} HTTP/1.1\r\nhost: {host}\r\ncontent-type: application/json\r\n\
             content-length: {length}\r\n\r\n{body}"
        );
        let length = content_length(&self.ask(path, &request).await?);
        while self.bytes.len() < length {
            self.read().await?;
        }
        let body: Vec<u8> = self.bytes.drain(..length).collect();
        Ok(String::from_utf8_lossy(&body).into_owned())
    }

    /// Begins to follow a session after an event.
    pub(super) async fn follow(&mut self, session: &str, after: u64) -> Result<(), LoadError> {
        let (path, host) = (format!("/v1/session/{session}/events?after={after}"), &self.host);
        let request = format!("GET {path} HTTP/1.1\r\nhost: {host}\r\n\r\n");
        self.ask(&path, &request).await.map(|_| ())
    }

    /// Waits for an event of this type. Returns its data.
    pub(super) async fn event(&mut self, kind: &str) -> Result<String, LoadError> {
        loop {
            while let Some(block) = take_block(&mut self.bytes) {
                match block.event.as_deref() {
                    Some(event) if event == kind => return Ok(block.data),
                    Some("turn.failed") => return Err(LoadError::TurnFailed(block.data)),
                    Some(_) | None => {}
                }
            }
            self.read().await?;
        }
    }

    /// Sends a request. Returns the head of the response.
    async fn ask(&mut self, path: &str, request: &str) -> Result<Vec<u8>, LoadError> {
        let failed = LoadError::io("send a request");
        self.stream.write_all(request.as_bytes()).await.map_err(failed)?;
        let end = loop {
            if let Some(end) = find(&self.bytes, b"\r\n\r\n") {
                break end + 4;
            }
            self.read().await?;
        };
        let head: Vec<u8> = self.bytes.drain(..end).collect();
        let status = String::from_utf8_lossy(&head);
        let status = status.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
        if (200..300).contains(&status) {
            return Ok(head);
        }
        Err(LoadError::Status { path: path.into(), status })
    }

    async fn read(&mut self) -> Result<(), LoadError> {
        let read = within(PATIENCE, "an answer", self.stream.read_buf(&mut self.bytes)).await?;
        match read.map_err(LoadError::io("read an answer"))? {
            0 => Err(LoadError::StreamEnded),
            _ => Ok(()),
        }
    }
}

/// An event of a stream: its fields come in one order or another.
#[derive(Debug, Default, PartialEq)]
struct Block {
    event: Option<String>,
    data: String,
}

/// Takes the first block that is whole.
fn take_block(bytes: &mut Vec<u8>) -> Option<Block> {
    let end = find(bytes, b"\n\n")? + 2;
    let block = String::from_utf8_lossy(bytes.get(..end)?).into_owned();
    bytes.drain(..end);
    let field = |name| block.lines().find_map(|line| line.strip_prefix(name));
    let (event, data) = (field("event: "), field("data: "));
    Some(Block { event: event.map(str::to_owned), data: data.unwrap_or_default().to_owned() })
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|window| window == wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn block_is_taken_once_it_is_whole_whatever_the_order_of_its_fields() {
        let mut bytes = b"id: 1\nevent: a\ndata: {1}\n\ndata: {2}\nid: 2\nevent: b\n".to_vec();
        let block =
            |event: &str, data: &str| Some(Block { event: Some(event.into()), data: data.into() });

        assert_eq!(take_block(&mut bytes), block("a", "{1}"));
        assert_eq!(take_block(&mut bytes), None);
        bytes.push(b'\n');

        assert_eq!(take_block(&mut bytes), block("b", "{2}"));
        assert_eq!(take_block(&mut bytes), None);
    }
}
