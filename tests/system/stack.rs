//! The six services as processes of their own, on real Kafka, PostgreSQL and Redis. SomaBrain is a double.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc;
use std::time::Duration;

use futures_util::future::join_all;
use reqwest::StatusCode;
use serde_json::{Value, json};
use soma_core::conversation::event::EventType;
use soma_tests::somabrain::{Generation, SomaBrain};
use tokio_postgres::NoTls;

use crate::client::{Follower, http, post, say, verified};
use crate::soma::binary;

/// How long a process may take to start.
const PATIENCE: Duration = Duration::from_mins(1);

pub(crate) const SERVICES: [&str; 6] = [
    "gateway",
    "conversation-worker",
    "tool-executor",
    "memory-replicator",
    "memory-sync",
    "outbox-sync",
];

/// The engines, and what is this stack's own in them: a database, and topics with a prefix.
pub(crate) struct Engines {
    settings: Vec<(&'static str, String)>,
    brain: SomaBrain,
}

impl Engines {
    /// None, and a line that says so, if the servers are not there; in CI that fails.
    #[expect(clippy::print_stderr, reason = "who runs the tests is to see what they leave out")]
    pub(crate) async fn open() -> Option<Self> {
        static STACKS: AtomicU32 = AtomicU32::new(0);
        let servers = ["SOMA_TEST_POSTGRES", "SOMA_TEST_KAFKA", "SOMA_TEST_REDIS"];
        let [Some(postgres), Some(kafka), Some(redis)] =
            servers.map(|variable| std::env::var(variable).ok())
        else {
            assert!(std::env::var_os("CI").is_none(), "CI must have {servers:?}");
            eprintln!("skipped: not all of {servers:?} are there; tests/run starts them");
            return None;
        };
        let number = STACKS.fetch_add(1, Ordering::Relaxed);
        let name = format!("soma_stack_{}_{number}", std::process::id());
        let (server, _) = postgres.rsplit_once('/').unwrap();
        create(&postgres, &name).await;
        let (_, host) = server.rsplit_once('@').unwrap();
        let brain = SomaBrain::start(Generation::G4).unwrap();
        let settings = vec![
            ("POSTGRES_DSN", format!("postgres://{name}@{host}/{name}")),
            ("POSTGRES_OWNER_DSN", format!("{server}/{name}")),
            ("KAFKA_BOOTSTRAP_SERVERS", kafka),
            ("KAFKA_TOPIC_PREFIX", format!("{name}.")),
            ("REDIS_URL", redis),
            ("SOMA_BASE_URL", brain.base_url()),
            ("SOMA_TENANT_ID", name),
        ];
        Some(Self { settings, brain })
    }

    /// A setting of the services.
    pub(crate) fn setting(&self, name: &str) -> &str {
        let mut settings = self.settings.iter();
        settings.find(|(known, _)| *known == name).map(|(_, value)| value.as_str()).unwrap()
    }

    /// Starts a service, and waits until it says that it is up.
    pub(crate) fn start(&self, service: &'static str) -> Process {
        let mut command = Command::new(binary().with_file_name(format!("soma-{service}")));
        command.env_clear().env("PATH", "/usr/bin:/bin");
        command.envs(self.settings.iter().map(|(name, value)| (name, value)));
        for port in [
            "GATEWAY_PORT",
            "GATEWAY_METRICS_PORT",
            "CONVERSATION_METRICS_PORT",
            "TOOL_EXECUTOR_METRICS_PORT",
            "REPLICATOR_METRICS_PORT",
            "MEMORY_SYNC_METRICS_PORT",
            "OUTBOX_SYNC_METRICS_PORT",
        ] {
            command.env(port, "0");
        }
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        Process::of(command, service)
    }
}

/// Makes a database, and a role of its name for the services.
async fn create(server: &str, name: &str) {
    let (client, connection) = tokio_postgres::connect(server, NoTls).await.unwrap();
    tokio::spawn(connection);
    // Made by whoever comes first: the role is the server's, not the database's.
    let group = "DO $$ BEGIN CREATE ROLE soma_service NOLOGIN; EXCEPTION
                 WHEN duplicate_object OR unique_violation THEN NULL; END $$";
    client.batch_execute(group).await.unwrap();
    let role = format!("CREATE ROLE {name} LOGIN IN ROLE soma_service");
    client.batch_execute(&role).await.unwrap();
    client.batch_execute(&format!("CREATE DATABASE {name}")).await.unwrap();
}

/// A process of a service; killed when it is dropped.
pub(crate) struct Process {
    child: Child,
    /// The address of a gateway.
    pub(crate) url: String,
}

impl Process {
    fn of(mut command: Command, service: &str) -> Self {
        let mut child = command.spawn().unwrap();
        let out = child.stdout.take().unwrap();
        let (said, heard) = mpsc::channel();
        // It reads to the end, so that the pipe never fills.
        std::thread::spawn(move || {
            for line in BufReader::new(out).lines().map_while(Result::ok) {
                let entry: Value = serde_json::from_str(&line).unwrap_or_default();
                if entry["message"] == "the service is up" {
                    let _ = said.send(entry["url"].as_str().unwrap_or_default().to_owned());
                }
            }
        });
        let Ok(url) = heard.recv_timeout(PATIENCE) else {
            let _ = child.kill();
            panic!("{service} did not start");
        };
        Self { child, url }
    }

    /// Sends SIGTERM, and returns how it ended.
    pub(crate) fn terminate(mut self) -> ExitStatus {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
        self.child.wait().unwrap()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The answer to a message in a session of its own.
async fn answer(http: &reqwest::Client, (posts, follows): (&str, &str), message: &str) -> String {
    let session = say(http, posts, message).await;
    let mut client = Follower::new(&session);
    assert!(client.follow(http, follows).await);
    let (pieces, whole) = client.answers.values().next().unwrap();
    assert_eq!(pieces, whole);
    whole.clone()
}

/// What is said at one gateway is followed at the other; a tool runs, and what was said is recalled in
/// another session.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn processes_answer_together() {
    let Some(engines) = Engines::open().await else { return };
    let processes = SERVICES.map(|service| engines.start(service));
    let other = engines.start("gateway");
    let (one, other_url) = (processes[0].url.clone(), other.url.clone());
    let http = http();

    let said = answer(&http, (&one, &other_url), "My bicycle is turquoise.").await;
    let ran = answer(&http, (&other_url, &one), r#"/tool echo {"text": "bonjour"}"#).await;
    let mut recalled = String::new();
    // Memories are written behind the answer.
    for _ in 0..60 {
        recalled = answer(&http, (&one, &one), "What is my bicycle like?").await;
        if recalled.contains("turquoise") {
            break;
        }
    }

    assert!(said.contains("You said: My bicycle is turquoise."), "{said}");
    assert!(ran.contains("bonjour"), "{ran}");
    assert!(recalled.contains("turquoise"), "{recalled}");
    let ended = join_all(
        processes
            .into_iter()
            .chain([other])
            .map(|process| tokio::task::spawn_blocking(|| process.terminate())),
    );
    assert!(ended.await.into_iter().all(|status| status.unwrap().success()));
    drop(engines.brain);
}

/// In mid-answer: another worker gives the answer anew, and the client sees all of it once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn worker_that_is_killed_is_replaced_by_another() {
    let Some(engines) = Engines::open().await else { return };
    let processes = SERVICES.map(|service| engines.start(service));
    let url = processes[0].url.clone();
    let http = http();
    let session = say(&http, &url, "/long 120").await;
    let mut client = Follower::new(&session);
    let events = format!("{url}/v1/session/{session}/events");
    let mut stream = http.get(&events).send().await.unwrap();
    let mut seen = String::new();
    while !seen.contains("assistant.delta") {
        let piece = stream.chunk().await.unwrap().unwrap();
        seen.push_str(&String::from_utf8_lossy(&piece));
    }

    let [_gateway, mut worker, ..] = processes;
    worker.child.kill().unwrap();
    let _another = engines.start("conversation-worker");
    assert!(client.follow(&http, &url).await);

    let (pieces, whole) = client.answers.values().next().unwrap();
    assert_eq!(pieces, whole);
    let kinds: Vec<_> = verified(&http, &url, &session).await.iter().map(|it| it.kind).collect();
    let count = |kind| kinds.iter().filter(|it| **it == kind).count();
    assert_eq!(count(EventType::AssistantRestarted), 1, "{kinds:?}");
    assert_eq!(count(EventType::AssistantFinal), 1, "{kinds:?}");
    let again = post(&http, &url, &json!({"message": "Go on.", "session_id": session}), None).await;
    assert_eq!(again.unwrap().status(), StatusCode::ACCEPTED);
}
