//! A database of its own for each test, on a server that `SOMA_TEST_POSTGRES` names: the URL of a
//! superuser.

mod clock;
pub(crate) mod ledger;
pub(crate) mod steer;
mod tasks;

use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};

use soma_postgres::{Database, Settings, migrate};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::OnceCell;
use tokio_postgres::{Client, Config, NoTls};

/// Held by whoever makes a template.
const LOCK: i64 = 0x7465_6d70;

/// A database with the schema and nothing in it, whose time a test steers. It is dropped at the end.
pub(crate) struct Place {
    server: String,
    name: String,
}

impl Place {
    /// None if there is no server.
    pub(crate) async fn new() -> Option<Self> {
        static CASES: AtomicU32 = AtomicU32::new(0);
        #[expect(clippy::disallowed_methods, reason = "tests are told where the server is")]
        let server = std::env::var("SOMA_TEST_POSTGRES").ok()?;
        let template = template(&server).await;
        let case = CASES.fetch_add(1, Ordering::Relaxed);
        let name = format!("soma_case_{}_{case}", std::process::id());
        let admin = connect(&server, None).await;
        let create = format!("CREATE DATABASE {name} TEMPLATE {template}");
        admin.batch_execute(&create).await.unwrap();
        Some(Self { server, name })
    }

    /// How the services get to it.
    pub(crate) fn settings(&self) -> Settings {
        Settings::new(url(&self.server, &self.name))
    }

    /// The way into it, as the services have it. Its connections are driven beside the test, which may
    /// be blocked.
    pub(crate) fn database(&self) -> Arc<Database> {
        let _entered = beside().enter();
        Database::new(&self.settings()).unwrap()
    }

    /// A connection of a superuser.
    pub(crate) async fn admin(&self) -> Client {
        connect(&self.server, Some(&self.name)).await
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let (server, name) = (self.server.clone(), self.name.clone());
        let dropped = std::thread::spawn(move || {
            let runtime = Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let admin = connect(&server, None).await;
                let drop = format!("DROP DATABASE {name} WITH (FORCE)");
                admin.batch_execute(&drop).await.unwrap();
            });
        });
        if !std::thread::panicking() {
            dropped.join().unwrap();
        }
    }
}

/// Where what a test needs besides itself runs: the test may be blocked.
pub(crate) fn beside() -> &'static Runtime {
    static BESIDE: OnceLock<Runtime> = OnceLock::new();
    let beside = || Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    BESIDE.get_or_init(beside)
}

/// The name of a database that others are copied from: made once for each schema.
async fn template(server: &str) -> String {
    static TEMPLATE: OnceCell<String> = OnceCell::const_new();
    let make = || async {
        let name = format!("soma_template_{:016x}", schema());
        let admin = connect(server, None).await;
        admin.execute("SELECT pg_advisory_lock($1)", &[&LOCK]).await.unwrap();
        let known = "SELECT FROM pg_database WHERE datname = $1";
        if admin.query(known, &[&name]).await.unwrap().is_empty() {
            // It has its name once it is whole.
            let sql = "DROP DATABASE IF EXISTS soma_template_new";
            admin.batch_execute(sql).await.unwrap();
            admin.batch_execute("CREATE DATABASE soma_template_new").await.unwrap();
            migrate(&Settings::new(url(server, "soma_template_new"))).await.unwrap();
            clock::install(&connect(server, Some("soma_template_new")).await).await;
            let disconnect = "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
                               WHERE datname = 'soma_template_new'";
            admin.execute(disconnect, &[]).await.unwrap();
            let rename = format!("ALTER DATABASE soma_template_new RENAME TO {name}");
            admin.batch_execute(&rename).await.unwrap();
        }
        name
    };
    TEMPLATE.get_or_init(make).await.clone()
}

/// What tells one schema from another.
fn schema() -> u64 {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations");
    let mut files: Vec<_> =
        fs::read_dir(folder).unwrap().map(|file| file.unwrap().path()).collect();
    files.sort();
    let mut hasher = DefaultHasher::new();
    for file in &files {
        fs::read_to_string(file).unwrap().hash(&mut hasher);
    }
    include_str!("clock.rs").hash(&mut hasher);
    hasher.finish()
}

/// The server's URL with another database.
fn url(server: &str, database: &str) -> String {
    let (address, options) = server.split_once('?').map_or((server, None), |(a, o)| (a, Some(o)));
    let start = address.find("://").map_or(0, |at| at + 3);
    let end = address[start..].find('/').map_or(address.len(), |at| start + at);
    let options = options.map(|options| format!("?{options}")).unwrap_or_default();
    format!("{}/{database}{options}", &address[..end])
}

/// A connection of its own, which ends with the client.
async fn connect(server: &str, database: Option<&str>) -> Client {
    let mut config: Config = server.parse().unwrap();
    config.dbname(database.unwrap_or("postgres"));
    let (client, connection) = config.connect(NoTls).await.unwrap();
    #[expect(clippy::disallowed_methods, reason = "it ends with the client")]
    tokio::spawn(connection);
    client
}
