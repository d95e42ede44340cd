//! Real model servers: a language model on llama.cpp, and the proxy `LiteLLM` before it.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use reqwest::{Client, StatusCode};
use serde_json::{Value, json};
use soma_core::conversation::event::{Event, EventType};

use crate::cache::models;
use crate::client::{Follower, http, post, say, verified};
use crate::real_clients::free_port;
use crate::soma::{Folder, Soma};

/// How long a server may take to start.
const START: Duration = Duration::from_mins(2);
const LONG: &str = "Tell me a very long story about a ship and its crew.";

/// A model server; stopped when it is dropped.
struct Server {
    child: Child,
    base: String,
}

impl Server {
    /// Starts it, and waits until it lists its models.
    async fn start(mut command: Command, port: &str) -> Self {
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let server =
            Self { child: command.spawn().unwrap(), base: format!("http://127.0.0.1:{port}/v1") };
        let (http, begin) = (http(), Instant::now());
        loop {
            let listed = http.get(format!("{}/models", server.base)).send().await;
            if listed.is_ok_and(|response| response.status() == StatusCode::OK) {
                return server;
            }
            assert!(begin.elapsed() < START, "{command:?} does not start");
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

async fn llama(models: &Path) -> Server {
    let port = free_port();
    let mut command = Command::new(models.join("llama/bin/python"));
    command.arg(models.join("llama.py")).arg(&port);
    Server::start(command, &port).await
}

/// The proxy, which asks the model of `behind`.
async fn litellm(models: &Path, folder: &Path, behind: &Server) -> Server {
    let port = free_port();
    let params = json!({"model": "openai/smollm2", "api_base": behind.base, "api_key": "none"});
    let config = json!({"model_list": [{"model_name": "smollm2", "litellm_params": params}]});
    let file = folder.join("litellm.yaml");
    // JSON is YAML.
    std::fs::write(&file, config.to_string()).unwrap();
    let mut command = Command::new(models.join("litellm/bin/litellm"));
    command.arg("--config").arg(file).args(["--host", "127.0.0.1", "--port", &port]);
    command.env("LITELLM_DANGEROUSLY_PERMIT_WEAK_OR_UNSET_MASTER_KEY", "true");
    command.env("PATH", models.join("litellm/bin").as_os_str());
    Server::start(command, &port).await
}

/// Follows a session until something of the answer that is given now was shown.
async fn begun(http: &Client, url: &str, session: &str, turns: usize) {
    let before = Instant::now();
    loop {
        let watching = http.get(format!("{url}/v1/session/{session}/events?after=0"));
        let mut response = watching.send().await.unwrap();
        let mut seen = String::new();
        while let Ok(Some(bytes)) = response.chunk().await {
            seen.push_str(&String::from_utf8_lossy(&bytes));
            let ended = seen.matches("event: assistant.final").count()
                + seen.matches("event: turn.failed").count();
            let after = seen.rsplit("event: user.message").next().unwrap_or_default();
            if ended >= turns && after.contains("event: assistant.delta") {
                return;
            }
        }
        assert!(before.elapsed() < START, "no answer begins");
    }
}

async fn ask(http: &Client, url: &str, session: &str, message: &str) {
    let body = json!({"session_id": session, "message": message});
    let response = post(http, url, &body, None).await.unwrap();
    assert_eq!(response.status(), StatusCode::ACCEPTED);
}

fn ends(events: &[Event]) -> Vec<&Event> {
    events.iter().filter(|event| event.kind.is_terminal()).collect()
}

/// A conversation of three turns, an answer that is cancelled, and one whose platform is killed.
async fn converse(base: &str) {
    let (data, port) =
        (Folder::new(&format!("model-{}", base.replace(['/', ':'], "-"))), free_port());
    let settings = [
        ("SLM_BASE_URL", base),
        ("SLM_MODEL", "smollm2"),
        ("SLM_MAX_TOKENS", "160"),
        ("SLM_CONTEXT_TOKENS", "3000"),
        ("SLM_WITHOUT_TOOLS", "smollm2"),
        ("GATEWAY_PORT", port.as_str()),
    ];
    let soma = Soma::again(data.path(), &settings);
    let (http, url) = (http(), soma.url.clone());

    let session = say(&http, &url, "Say hello in three words.").await;
    let mut follower = Follower::new(session.as_str());
    assert!(follower.follow(&http, &url).await);
    for message in ["Name one colour.", "And one more?"] {
        ask(&http, &url, &session, message).await;
        assert!(follower.follow(&http, &url).await);
    }
    let events = verified(&http, &url, &session).await;
    let prompts: Vec<u64> = ends(&events).iter().map(|end| tokens(end)).collect();
    assert!(ends(&events).iter().all(|end| end.kind == EventType::AssistantFinal), "{events:?}");
    assert!(prompts.is_sorted() && prompts[0] < prompts[2], "the history is shown: {prompts:?}");

    ask(&http, &url, &session, LONG).await;
    begun(&http, &url, &session, 3).await;
    let cancel = http.post(format!("{url}/v1/sessions/{session}/cancel"));
    assert!(cancel.send().await.unwrap().status().is_success());
    assert!(follower.follow(&http, &url).await);
    let events = verified(&http, &url, &session).await;
    assert_eq!(ends(&events)[3].metadata["reason"], "cancelled");

    ask(&http, &url, &session, LONG).await;
    begun(&http, &url, &session, 4).await;
    soma.kill();
    let soma = Soma::again(data.path(), &settings);
    while !follower.follow(&http, &soma.url).await {}
    let events = verified(&http, &soma.url, &session).await;
    assert_eq!(ends(&events)[4].kind, EventType::AssistantFinal);
    assert_eq!(follower.answers.len(), 5);
    for (assembled, stated) in follower.answers.values() {
        assert_eq!(assembled, stated);
    }
}

/// The tokens of the prompt, by the server's own count.
fn tokens(end: &Event) -> u64 {
    let usage: &Value = &end.metadata["usage"];
    assert_eq!(usage["estimated"], false, "{usage}");
    usage["prompt_tokens"].as_u64().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn real_servers_hold_a_conversation_that_is_cancelled_and_survives_a_kill() {
    let Some(models) = models() else { return };
    let folder = Folder::new("model-servers");
    let llama = llama(&models).await;
    let litellm = litellm(&models, folder.path(), &llama).await;

    converse(&llama.base).await;
    converse(&litellm.base).await;
}
