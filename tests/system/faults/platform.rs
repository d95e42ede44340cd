//! The whole platform, two processes of each service, on servers of its own that can be stopped.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use soma_tests::fault_proxy::FaultProxy;
use soma_tests::stub_model::{StubModel, by_markers};
use tokio::time::{sleep, timeout};

use super::audit::{Outcome, Records};
use super::instance::Instance;
use super::load::Load;
use crate::processes::{Addresses, Engines, SERVICES};
use crate::set::{KAFKA, OPA, POSTGRES, REDIS, Set};

/// How long a load may take, whatever goes wrong meanwhile.
const LONGEST: Duration = Duration::from_mins(5);
/// How many clients talk at once.
const CLIENTS: usize = 6;

/// The policies of the platform, for OPA.
const POLICIES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../adapters/policy/bundle");

/// The platform on its servers.
pub(crate) struct Platform {
    instances: Vec<Instance>,
    gateways: [String; 2],
    records: Records,
    stub: StubModel,
    /// The services speak with PostgreSQL and Redis through these.
    pub(crate) to_postgres: FaultProxy,
    pub(crate) to_redis: FaultProxy,
    pub(crate) set: Set,
    /// Kept running until the services are gone.
    _engines: Engines,
}

impl Platform {
    /// None, and a line that says so, if not all servers can be had; in CI that fails.
    #[expect(clippy::print_stderr, reason = "who runs the tests is to see what they leave out")]
    pub(crate) async fn start() -> Option<Self> {
        let set = Set::start(&["kafka", "opa", "postgres", "redis"])?;
        let [Some(kafka), Some(opa), Some(postgres), Some(redis)] =
            [KAFKA, OPA, POSTGRES, REDIS].map(|variable| set.address(variable).map(str::to_owned))
        else {
            assert!(std::env::var_os("CI").is_none(), "CI must have all servers");
            eprintln!("skipped: the faults of the whole stack need all four servers");
            return None;
        };
        load_policies(&set);
        let (to_postgres, to_redis) = (before(&postgres), before(&redis));
        let addresses = Addresses {
            postgres: through(&postgres, &to_postgres),
            kafka: kafka.clone(),
            redis: through(&redis, &to_redis),
        };
        let mut engines = Engines::at(&addresses).await;
        let stub = StubModel::start(by_markers).unwrap();
        engines.settings.extend([
            ("OPA_URL", opa),
            ("SLM_BASE_URL", stub.base_url()),
            ("SLM_MODEL", "stub".into()),
        ]);
        let records = Records {
            database: engines
                .setting("POSTGRES_OWNER_DSN")
                .replace(&to_postgres.address().to_string(), address(&postgres)),
            kafka,
            prefix: engines.setting("KAFKA_TOPIC_PREFIX").to_owned(),
        };
        let ports = free_ports();
        let places = SERVICES.into_iter().flat_map(|service| [(service, 0), (service, 1)]);
        let instances = places.map(|(service, number)| {
            let mut settings = engines.settings.clone();
            if service == "gateway" {
                settings.push(("GATEWAY_PORT", ports[number].to_string()));
            }
            Instance::start(service, settings)
        });
        let instances = join_all(instances).await;
        let gateways = ports.map(|port| format!("http://127.0.0.1:{port}"));
        Some(Self {
            instances,
            gateways,
            records,
            stub,
            to_postgres,
            to_redis,
            set,
            _engines: engines,
        })
    }

    /// One of the two processes of a service.
    pub(crate) fn instance(&self, service: &str, number: usize) -> &Instance {
        let mut of_service = self.instances.iter().filter(|instance| instance.service == service);
        of_service.nth(number % 2).unwrap()
    }

    /// Any of the processes.
    pub(crate) fn any(&self, number: usize) -> &Instance {
        &self.instances[number % self.instances.len()]
    }

    /// Has many answers under way, long ones, when something goes wrong; then checks everything.
    /// Returns, too, how long after that the last of them was there.
    pub(crate) async fn with_answers_under_way(
        &self,
        count: usize,
        fault: impl AsyncFnOnce(),
    ) -> (Outcome, Duration) {
        let asked = self.stub.log().len();
        let load = Load::start(&self.gateways, count, long_message);
        in_time(async {
            while self.stub.under_way() < count {
                sleep(Duration::from_millis(10)).await;
            }
        })
        .await;
        let begun = Instant::now();
        let (talks, ()) = in_time(async { tokio::join!(load.end(), fault()) }).await;
        let took = begun.elapsed();
        let log = self.stub.log();
        (self.records.check(&self.gateways[0], &talks, &log[asked..]).await, took)
    }

    /// Has clients talk while something goes wrong, and some time longer; then checks everything.
    pub(crate) async fn under_load(&self, fault: impl AsyncFnOnce()) -> Outcome {
        let asked = self.stub.log().len();
        let load = Load::start(&self.gateways, CLIENTS, message);
        let talks = in_time(async {
            load.until_answered(1).await;
            fault().await;
            load.until_answered(2).await;
            load.end().await
        });
        let talks = talks.await;
        self.records.check(&self.gateways[0], &talks, &self.stub.log()[asked..]).await
    }
}

/// What comes of it, which must not take for ever.
async fn in_time<T>(what: impl Future<Output = T>) -> T {
    timeout(LONGEST, what).await.unwrap()
}

/// Answers that stream for a while; every third asks for a tool.
fn message(client: usize, number: usize) -> String {
    let tool =
        if (client + number).is_multiple_of(3) { r#" [tool echo {"text":"hi"}]"# } else { "" };
    format!("client {client} message {number} [words 12] [pace 8ms]{tool}")
}

/// An answer that takes two seconds.
fn long_message(client: usize, _: usize) -> String {
    format!("client {client} [words 40] [pace 50ms]")
}

/// The address in a URL.
fn address(url: &str) -> &str {
    let (_, rest) = url.split_once("://").unwrap();
    let host = rest.rsplit('@').next().unwrap();
    host.split('/').next().unwrap()
}

/// A proxy before the server of a URL.
fn before(url: &str) -> FaultProxy {
    FaultProxy::start(address(url).parse().unwrap()).unwrap()
}

/// The URL of a server, by way of a proxy.
fn through(url: &str, proxy: &FaultProxy) -> String {
    url.replace(address(url), &proxy.address().to_string())
}

/// Two ports that nothing listens on, and that the system gives to nobody who asks for any.
fn free_ports() -> [u16; 2] {
    let from = 16_000 + u16::try_from(std::process::id() % 3_000).unwrap_or_default();
    let mut free = (from..20_000).filter(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok());
    [free.next().unwrap(), free.next().unwrap()]
}

/// OPA reads its policies when it starts.
fn load_policies(set: &Set) {
    let folder = set.folder().join("opa/policies");
    for entry in std::fs::read_dir(POLICIES).unwrap() {
        let file = entry.unwrap();
        std::fs::copy(file.path(), folder.join(file.file_name())).unwrap();
    }
    set.control(&["kill", "opa"]);
    set.control(&["start", "opa"]);
}
