//! As much of HTTP/1.1 as one request on one connection needs.

use std::fmt::Write as _;
use std::io;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// The longest head of a request, in bytes.
const LONGEST_HEAD: usize = 64 << 10;
/// The longest body of a request, in bytes.
const LONGEST_BODY: usize = 64 << 20;

/// A request.
pub(crate) struct Request {
    head: String,
    pub(crate) body: Vec<u8>,
}

impl Request {
    /// Reads a request; `None` if nothing came.
    pub(crate) async fn read(from: &mut (impl AsyncRead + Unpin)) -> io::Result<Option<Self>> {
        let mut bytes = Vec::new();
        let end = loop {
            if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
                break end;
            }
            if bytes.len() > LONGEST_HEAD {
                return Err(io::Error::other("the head is too long"));
            }
            if from.read_buf(&mut bytes).await? == 0 {
                return Ok(None);
            }
        };
        let body = bytes.split_off(end + 4);
        let mut request = Self { head: String::from_utf8_lossy(&bytes).into_owned(), body };
        let length = request.header("content-length").and_then(|text| text.parse().ok());
        let length: usize = length.unwrap_or(0);
        if length > LONGEST_BODY {
            return Err(io::Error::other("the body is too long"));
        }
        while request.body.len() < length {
            if from.read_buf(&mut request.body).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        Ok(Some(request))
    }

    /// Method and path, such as `POST /v1/chat/completions`.
    pub(crate) fn target(&self) -> &str {
        self.head.split(" HTTP/").next().unwrap_or_default()
    }

    /// All headers, in order, names in lower case.
    pub(crate) fn headers(&self) -> Vec<(String, String)> {
        let fields = self.head.lines().skip(1).filter_map(|line| line.split_once(':'));
        fields.map(|(name, value)| (name.to_lowercase(), value.trim().to_owned())).collect()
    }

    /// A header's value.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let fields = self.head.lines().skip(1).filter_map(|line| line.split_once(':'));
        fields.filter(|(field, _)| field.eq_ignore_ascii_case(name)).map(|(_, v)| v.trim()).next()
    }
}

/// Writes the body of a response in chunks of at most so many bytes.
pub(crate) struct Chunked<W> {
    to: W,
    piece: usize,
}

impl<W> Chunked<W>
where
    W: AsyncWrite + Unpin,
{
    /// Begins a response.
    pub(crate) async fn begin(
        mut to: W,
        status: u16,
        headers: &[(String, String)],
        piece: usize,
    ) -> io::Result<Self> {
        let mut head = format!("HTTP/1.1 {status} Stub\r\n");
        for (name, value) in headers {
            let _ = write!(head, "{name}: {value}\r\n");
        }
        head.push_str("transfer-encoding: chunked\r\nconnection: close\r\n\r\n");
        to.write_all(head.as_bytes()).await?;
        Ok(Self { to, piece })
    }

    /// Writes more of the body.
    pub(crate) async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        for piece in bytes.chunks(self.piece) {
            self.to.write_all(&chunk(piece)).await?;
        }
        Ok(())
    }

    /// Writes the last of the body, and its end with it: a client that has what it wants may hang up
    /// before it has read the end.
    pub(crate) async fn end(mut self, bytes: &[u8]) -> io::Result<()> {
        let mut last = if bytes.is_empty() { Vec::new() } else { chunk(bytes) };
        last.extend_from_slice(b"0\r\n\r\n");
        self.to.write_all(&last).await
    }
}

fn chunk(bytes: &[u8]) -> Vec<u8> {
    let mut chunk = format!("{:x}\r\n", bytes.len()).into_bytes();
    chunk.extend_from_slice(bytes);
    chunk.extend_from_slice(b"\r\n");
    chunk
}
