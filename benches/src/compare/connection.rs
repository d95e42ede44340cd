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
        let wanted = format!("\nevent: {kind}\ndata: ");
        loop {
            if let Some(data) = take_after(&mut self.bytes, wanted.as_bytes()) {
                return Ok(data);
            }
            if let Some(data) = take_after(&mut self.bytes, b"\nevent: turn.failed\ndata: ") {
                return Err(LoadError::TurnFailed(data));
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

/// Takes the line after `wanted`, and drops everything up to its end.
fn take_after(bytes: &mut Vec<u8>, wanted: &[u8]) -> Option<String> {
    let begin = find(bytes, wanted)? + wanted.len();
    let rest = bytes.get(begin..)?;
    let length = rest.iter().position(|byte| *byte == b'\n')?;
    let line = String::from_utf8_lossy(rest.get(..length)?).into_owned();
    bytes.drain(..begin + length);
    Some(line)
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|window| window == wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_is_taken_once_it_is_whole() {
        let mut bytes = b"id: 1\nevent: a\ndata: {1}\n\nid: 2\nevent: b\ndata: {2".to_vec();

        assert_eq!(take_after(&mut bytes, b"\nevent: b\ndata: "), None);
        bytes.extend_from_slice(b"}\n\n");

        assert_eq!(take_after(&mut bytes, b"\nevent: b\ndata: ").as_deref(), Some("{2}"));
        assert_eq!(take_after(&mut bytes, b"\nevent: a\ndata: "), None);
    }
}
