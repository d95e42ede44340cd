//! The six services as processes of their own, and the engines that they are started on.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc;
use std::time::Duration;

use serde_json::Value;
use soma_tests::somabrain::{Generation, SomaBrain};
use tokio_postgres::{Client, NoTls};

use crate::soma::binary;

/// How long a process may take to start.
const PATIENCE: Duration = Duration::from_mins(1);

/// Their names, as those of their binaries have them.
pub(crate) const SERVICES: [&str; 6] = [
    "gateway",
    "conversation-worker",
    "tool-executor",
    "memory-replicator",
    "memory-sync",
    "outbox-sync",
];

/// Where the engines are.
pub(crate) struct Addresses {
    /// A URL of PostgreSQL with the name of a database at its end, for a role that may make others.
    pub(crate) postgres: String,
    pub(crate) kafka: String,
    pub(crate) redis: String,
}

impl Addresses {
    /// Of the servers that the tests share. None, and a line that says so, if they are not there; in CI
    /// that fails.
    #[expect(clippy::print_stderr, reason = "who runs the tests is to see what they leave out")]
    pub(crate) fn shared() -> Option<Self> {
        let servers = ["SOMA_TEST_POSTGRES", "SOMA_TEST_KAFKA", "SOMA_TEST_REDIS"];
        let [Some(postgres), Some(kafka), Some(redis)] =
            servers.map(|variable| std::env::var(variable).ok())
        else {
            assert!(std::env::var_os("CI").is_none(), "CI must have {servers:?}");
            eprintln!("skipped: not all of {servers:?} are there; tests/run starts them");
            return None;
        };
        Some(Self { postgres, kafka, redis })
    }
}

/// The engines, and what is this stack's own in them: a database, and topics with a prefix.
pub(crate) struct Engines {
    /// Of the environment of its services.
    pub(crate) settings: Vec<(&'static str, String)>,
    pub(crate) brain: SomaBrain,
}

impl Engines {
    /// On the servers that the tests share, if they are there.
    pub(crate) async fn open() -> Option<Self> {
        Some(Self::at(&Addresses::shared()?).await)
    }

    /// On these servers.
    pub(crate) async fn at(addresses: &Addresses) -> Self {
        static STACKS: AtomicU32 = AtomicU32::new(0);
        let number = STACKS.fetch_add(1, Ordering::Relaxed);
        let name = format!("soma_stack_{}_{number}", std::process::id());
        let (server, _) = addresses.postgres.rsplit_once('/').unwrap();
        create(&addresses.postgres, &name).await;
        let (_, host) = server.rsplit_once('@').unwrap();
        let brain = SomaBrain::start(Generation::G4).unwrap();
        let settings = vec![
            ("POSTGRES_DSN", format!("postgres://{name}@{host}/{name}")),
            ("POSTGRES_OWNER_DSN", format!("{server}/{name}")),
            ("KAFKA_BOOTSTRAP_SERVERS", addresses.kafka.clone()),
            ("KAFKA_TOPIC_PREFIX", format!("{name}.")),
            ("REDIS_URL", addresses.redis.clone()),
            ("SOMA_BASE_URL", brain.base_url()),
            ("SOMA_TENANT_ID", name),
        ];
        Self { settings, brain }
    }

    /// A setting of the services.
    pub(crate) fn setting(&self, name: &str) -> &str {
        let mut settings = self.settings.iter();
        settings.find(|(known, _)| *known == name).map(|(_, value)| value.as_str()).unwrap()
    }

    /// Starts a service, and waits until it says that it is up.
    pub(crate) fn start(&self, service: &str) -> Process {
        Process::of(command(service, &self.settings), service)
    }
}

/// A service with these settings and no others, on ports of the system's choice. What it logs can be
/// read from its standard output.
pub(crate) fn command(service: &str, settings: &[(&'static str, String)]) -> Command {
    let mut command = Command::new(binary().with_file_name(format!("soma-{service}")));
    command.env_clear().env("PATH", "/usr/bin:/bin");
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
    command.envs(settings.iter().map(|(name, value)| (name, value)));
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    command
}

/// A connection to PostgreSQL, which ends with the client.
pub(crate) async fn connect(url: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

/// Makes a database, and a role of its name for the services.
async fn create(server: &str, name: &str) {
    let client = connect(server).await;
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
    pub(crate) child: Child,
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
                if let Some(url) = up(&line) {
                    let _ = said.send(url);
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

/// Whether a line of a log says that the service is up: then the address of a gateway, empty for another.
pub(crate) fn up(line: &str) -> Option<String> {
    let entry: Value = serde_json::from_str(line).unwrap_or_default();
    let url = || entry["url"].as_str().unwrap_or_default().to_owned();
    (entry["message"] == "the service is up").then(url)
}
