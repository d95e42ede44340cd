//! A language model that answers at once and remembers nothing: it is to cost as little as it can.

use std::fmt::Write as _;
use std::io;
use std::net::Ipv4Addr;
use std::sync::Arc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// How many words an answer has; each is a piece of the stream.
const WORDS: usize = 24;

/// The model's server; stopped when it is dropped.
#[derive(Debug)]
pub struct QuickModel {
    /// Where it is, as clients are told.
    pub base_url: String,
    _serving: JoinSet<()>,
}

impl QuickModel {
    /// Serves it on a port of this machine; 0 takes any free one.
    ///
    /// # Errors
    ///
    /// If the port cannot be listened on.
    pub async fn start(port: u16) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
        let base_url = format!("http://{}/v1", listener.local_addr()?);
        let mut serving = JoinSet::new();
        serving.spawn(accept(listener));
        Ok(Self { base_url, _serving: serving })
    }
}

async fn accept(listener: TcpListener) {
    let answer: Arc<[u8]> = answer().into();
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let answer = Arc::clone(&answer);
        connections.spawn(async move { serve(stream, &answer).await });
    }
}

/// Answers whatever is asked on a connection, until the client closes it.
async fn serve(mut stream: TcpStream, answer: &[u8]) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut bytes = Vec::new();
    loop {
        let end = loop {
            if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
                break end + 4;
            }
            if stream.read_buf(&mut bytes).await? == 0 {
                return Ok(());
            }
        };
        let all = end + content_length(bytes.get(..end).unwrap_or_default());
        while bytes.len() < all {
            if stream.read_buf(&mut bytes).await? == 0 {
                return Ok(());
            }
        }
        bytes.drain(..all);
        stream.write_all(answer).await?;
    }
}

pub(super) fn content_length(head: &[u8]) -> usize {
    let head = String::from_utf8_lossy(head).to_ascii_lowercase();
    let field = head.lines().find_map(|line| line.strip_prefix("content-length:"));
    field.and_then(|length| length.trim().parse().ok()).unwrap_or(0)
}

/// A whole response: pieces as servers of the OpenAI dialect stream them.
fn answer() -> Vec<u8> {
    let mut body = String::new();
    let mut event = |data: &str| {
        let _ = write!(body, "data: {data}\n\n");
    };
    for word in 1..=WORDS {
        event(&format!(
            r#"{{"model":"quick","choices":[{{"index":0,"delta":{{"content":"w{word} "}}}}]}}"#
        ));
    }
    event(r#"{"model":"quick","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}"#);
    event(
        r#"{"model":"quick","choices":[],"usage":{"prompt_tokens":100,"completion_tokens":24,"total_tokens":124}}"#,
    );
    event("[DONE]");
    let length = body.len();
    format!(
        "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-length: {length}\r\n\r\n{body}"
    )
    .into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn length_is_found_whatever_the_case() {
        assert_eq!(content_length(b"POST / HTTP/1.1\r\nContent-Length: 42\r\n\r\n"), 42);
        assert_eq!(content_length(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n"), 0);
    }
}
