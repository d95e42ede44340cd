//! An HTTP client that sends what it is told to, also what no good client would.

use std::fmt::Write as _;
use std::net::SocketAddr;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

use crate::app::App;

/// A request that is being built.
pub(crate) struct Request {
    address: SocketAddr,
    method: String,
    target: String,
    version: &'static str,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

/// An answer that was read whole.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) head: Head,
    pub(crate) body: String,
}

/// The head of an answer.
#[derive(Debug)]
pub(crate) struct Head {
    pub(crate) status: u16,
    headers: Vec<(String, String)>,
}

impl Head {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter();
        headers.find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }

    /// Checks that this is a problem document, and returns the kind's name and the wrong fields.
    pub(crate) fn problem(&self) -> (u16, String, Vec<String>) {
        let document = self.json();
        assert_eq!(self.head.header("content-type"), Some("application/problem+json"));
        assert_eq!(document["status"], self.head.status, "{document}");
        let kind = document["type"].as_str().unwrap().strip_prefix("/problems/").unwrap();
        let errors = document["errors"].as_array().cloned().unwrap_or_default();
        let field = |error: &Value| error["field"].as_str().unwrap().to_owned();
        (self.head.status, kind.to_owned(), errors.iter().map(field).collect())
    }

    /// The kind's name of a problem with this status.
    pub(crate) fn refused(&self, status: u16) -> String {
        let (actual, kind, _) = self.problem();
        assert_eq!(actual, status, "{}", self.body);
        kind
    }
}

impl App {
    pub(crate) fn request(&self, method: &str, target: &str) -> Request {
        Request {
            address: self.address,
            method: method.into(),
            target: target.into(),
            version: "HTTP/1.1",
            headers: vec![("Host".into(), self.address.to_string())],
            body: Vec::new(),
        }
    }

    pub(crate) async fn get(&self, target: &str) -> Answer {
        self.request("GET", target).send().await
    }

    pub(crate) async fn post(&self, target: &str, body: &Value) -> Answer {
        self.request("POST", target).json(body).send().await
    }
}

impl Request {
    /// Sets a header, in place of those of the same name.
    pub(crate) fn header(self, name: &str, value: &str) -> Self {
        self.without(name).and(name, value)
    }

    /// Adds a header.
    pub(crate) fn and(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    pub(crate) fn without(mut self, name: &str) -> Self {
        self.headers.retain(|(known, _)| !known.eq_ignore_ascii_case(name));
        self
    }

    /// Asks as clients of HTTP/1.0 do.
    pub(crate) fn old(self) -> Self {
        Self { version: "HTTP/1.0", ..self }
    }

    pub(crate) fn json(self, body: &Value) -> Self {
        self.header("Content-Type", "application/json").bytes(body.to_string())
    }

    /// A body, whatever it is.
    pub(crate) fn bytes(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        let length = self.body.len().to_string();
        self.header("Content-Length", &length)
    }

    pub(crate) async fn send(self) -> Answer {
        self.header("Connection", "close").open().await.read().await
    }

    /// Sends it, and reads the head of the answer.
    pub(crate) async fn open(self) -> Opened {
        Opened::of(self.begin().await).await
    }

    /// Sends it, and reads nothing.
    pub(crate) async fn begin(self) -> TcpStream {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        let mut text = format!("{} {} {}\r\n", self.method, self.target, self.version);
        for (name, value) in &self.headers {
            write!(text, "{name}: {value}\r\n").unwrap();
        }
        stream.write_all(format!("{text}\r\n").as_bytes()).await.unwrap();
        // A server that refuses a body may not read it.
        stream.write_all(&self.body).await.ok();
        stream
    }
}

/// An answer whose head was read.
pub(crate) struct Opened {
    pub(crate) head: Head,
    pub(crate) stream: BufReader<TcpStream>,
}

impl Opened {
    /// Reads the head of an answer.
    pub(crate) async fn of(stream: TcpStream) -> Self {
        let mut stream = BufReader::new(stream);
        let head = read_head(&mut stream).await;
        Self { head, stream }
    }

    pub(crate) async fn read(mut self) -> Answer {
        let mut body = Vec::new();
        if self.is_chunked() {
            while let Chunk::Data(chunk) = self.chunk().await {
                body.extend(chunk);
            }
        } else {
            let length = self.head.header("content-length").map_or(0, |it| it.parse().unwrap());
            body.resize(length, 0);
            self.stream.read_exact(&mut body).await.unwrap();
        }
        Answer { head: self.head, body: String::from_utf8(body).unwrap() }
    }

    pub(crate) fn is_chunked(&self) -> bool {
        self.head.header("transfer-encoding") == Some("chunked")
    }

    /// The next chunk of the body.
    pub(crate) async fn chunk(&mut self) -> Chunk {
        let size = line(&mut self.stream).await;
        let Ok(size) = usize::from_str_radix(&size, 16) else { return Chunk::Cut };
        let mut chunk = vec![0; size + 2];
        self.stream.read_exact(&mut chunk).await.unwrap();
        chunk.truncate(size);
        if size > 0 { Chunk::Data(chunk) } else { Chunk::End }
    }
}

/// What comes next of a body.
#[derive(Debug, PartialEq)]
pub(crate) enum Chunk {
    Data(Vec<u8>),
    End,
    /// The connection ends before the body does.
    Cut,
}

async fn line(stream: &mut BufReader<TcpStream>) -> String {
    let mut text = String::new();
    stream.read_line(&mut text).await.unwrap();
    text.trim_end().to_owned()
}

async fn read_head(stream: &mut BufReader<TcpStream>) -> Head {
    let status = line(stream).await;
    let status = status.split(' ').nth(1).unwrap_or_else(|| panic!("{status:?}")).parse().unwrap();
    let mut headers = Vec::new();
    loop {
        let text = line(stream).await;
        let Some((name, value)) = text.split_once(':') else { return Head { status, headers } };
        headers.push((name.to_owned(), value.trim().to_owned()));
    }
}
