//! Clients as people have them follow an answer over `kill -9`: six libraries of server-sent events, two
//! of WebSocket.

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::process::Child;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use serde_json::Value;
use soma_core::conversation::event::EventType;
use soma_tests::stub_model::{StubModel, by_markers};

use crate::cache::{clients, program};
use crate::client::{http, say, verified};
use crate::soma::{Folder, Soma};

const PROGRAMS: [&str; 8] = [
    "eventsource.mjs",
    "fetch-event-source.mjs",
    "browser.mjs",
    "with_httpx_sse.py",
    "with_sseclient.py",
    "go-sse-client",
    "ws.mjs",
    "with_websockets.py",
];
/// How long a client may take to begin, and then to end.
const PATIENCE: Duration = Duration::from_mins(1);

/// A client that follows a session; ended when it is dropped.
struct Running {
    name: &'static str,
    session: String,
    child: Child,
    said: Receiver<String>,
}

impl Running {
    fn line(&self) -> String {
        let line = self.said.recv_timeout(PATIENCE);
        line.unwrap_or_else(|_| panic!("{} says nothing more", self.name))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn start(clients: &std::path::Path, name: &'static str, url: &str, session: String) -> Running {
    let mut child = program(clients, name).args([url, &session]).spawn().unwrap();
    let out = BufReader::new(child.stdout.take().unwrap());
    let (tell, said) = channel();
    std::thread::spawn(move || {
        for line in out.lines().map_while(Result::ok) {
            if tell.send(line).is_err() {
                break;
            }
        }
    });
    Running { name, session, child, said }
}

/// A port that is free now, and stays the platform's over its starts.
pub(crate) fn free_port() -> String {
    let taken = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    taken.local_addr().unwrap().port().to_string()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clients_as_people_have_them_resume_over_a_kill() {
    let Some(clients) = clients() else { return };
    let stub = StubModel::start(by_markers).unwrap();
    let data = Folder::new("real-clients");
    let (base, port) = (stub.base_url(), free_port());
    let settings =
        [("SLM_BASE_URL", base.as_str()), ("SLM_MODEL", "stub"), ("GATEWAY_PORT", port.as_str())];
    let soma = Soma::again(data.path(), &settings);
    let (http, url) = (http(), soma.url.clone());
    let mut running = Vec::new();
    for name in PROGRAMS {
        // It stays with three words until it is killed, however long the slowest of them takes to begin.
        let message = format!("{name} [words 30] [silent 3] [times 1]");
        let session = say(&http, &url, &message).await;
        running.push(start(&clients, name, &url, session));
    }
    for client in &running {
        assert_eq!(client.line(), "begun", "{}", client.name);
    }

    soma.kill();
    let soma = Soma::again(data.path(), &settings);

    assert_eq!(soma.url, url);
    for client in &running {
        let seen: Value = serde_json::from_str(&client.line()).unwrap();
        let events = verified(&http, &url, &client.session).await;
        let stated =
            &events.iter().find(|it| it.kind == EventType::AssistantFinal).unwrap().message;
        let seqs: Vec<_> = events.iter().map(|event| event.seq.0).collect();
        let name = client.name;
        assert_eq!(seen["assembled"], **stated, "{name}: the pieces add up");
        assert_eq!(seen["stated"], **stated, "{name}");
        assert_eq!(seen["seqs"], serde_json::json!(seqs), "{name}: no gap and no repeat");
        assert_eq!((&seen["restarts"], &seen["blank"]), (&1.into(), &0.into()), "{name}");
    }
}
