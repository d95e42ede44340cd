//! A broker of a test's own, which may be killed and suspended.

use std::fs::{self, File};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// A broker and its folder, which go with this value.
pub(crate) struct Broker {
    /// Where it listens without any password.
    pub(crate) address: String,
    jars: PathBuf,
    folder: PathBuf,
    process: Option<Child>,
}

/// What a broker has besides.
#[derive(Default)]
pub(crate) struct More {
    /// More listeners, each `NAME://HOST:PORT` after a comma.
    pub(crate) listeners: String,
    /// Their protocols, each `NAME:PROTOCOL` after a comma.
    pub(crate) protocols: String,
    /// More lines of its properties.
    pub(crate) properties: String,
    /// More arguments when its storage is formatted.
    pub(crate) format: Vec<String>,
}

impl Broker {
    /// Starts a broker in a folder of this name.
    pub(crate) async fn start(jars: &Path, name: &str) -> Self {
        Self::start_in(jars, &folder(name), More::default()).await
    }

    /// Starts a broker in a folder, with more than a plain one has.
    pub(crate) async fn start_in(jars: &Path, folder: &Path, more: More) -> Self {
        let [controller, port] = ports();
        let address = format!("127.0.0.1:{port}");
        fs::write(folder.join("server.properties"), properties(controller, port, &more)).unwrap();
        let (jars, folder) = (jars.to_owned(), folder.to_owned());
        let mut broker = Self { address, jars, folder, process: None };
        let format = broker
            .java("kafka.tools.StorageTool")
            .args(["format", "--cluster-id", "c29tYS10ZXN0LWthZmthAA"])
            .args(["--config", "server.properties"])
            .args(more.format)
            .output()
            .unwrap();
        assert!(format.status.success(), "{}", String::from_utf8_lossy(&format.stderr));
        broker.run().await;
        broker
    }

    /// Starts the broker again, with its data.
    pub(crate) async fn run(&mut self) {
        let log = File::create(self.folder.join("log")).unwrap();
        let mut java = self.java("kafka.Kafka");
        java.arg("server.properties").stdout(log.try_clone().unwrap()).stderr(log);
        let mut process = java.spawn().unwrap();
        let mut look = tokio::time::interval(Duration::from_millis(50));
        while TcpStream::connect(&self.address).is_err() {
            look.tick().await;
            assert!(
                process.try_wait().unwrap().is_none(),
                "the broker ended: {}",
                self.folder.display()
            );
        }
        self.process = Some(process);
    }

    /// Stops the broker as a crash does.
    pub(crate) fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill().unwrap();
            process.wait().unwrap();
        }
    }

    /// Sends the broker a signal: `STOP` suspends it, `CONT` lets it go on.
    pub(crate) fn signal(&self, name: &str) {
        let process = self.process.as_ref().unwrap().id().to_string();
        let sent = Command::new("kill").args([&format!("-{name}"), &process]).status().unwrap();
        assert!(sent.success());
    }

    fn java(&self, class: &str) -> Command {
        // A test that is killed leaves no broker behind.
        let mut java = Command::new("setpriv");
        java.current_dir(&self.folder)
            .args([
                "--pdeathsig",
                "KILL",
                "java",
                "-Xmx512m",
                "-XX:+UseSerialGC",
                "-XX:TieredStopAtLevel=1",
                "-cp",
            ])
            .arg(self.jars.join("*"))
            .arg(class)
            .stdin(Stdio::null());
        java
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        self.kill();
        // What is left is removed by the next run.
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// An empty folder of this name.
pub(crate) fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    if folder.exists() {
        fs::remove_dir_all(&folder).unwrap();
    }
    fs::create_dir_all(&folder).unwrap();
    folder
}

/// Ports that nobody has just now.
pub(crate) fn ports() -> [u16; 2] {
    let listeners = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
    listeners.map(|listener| listener.local_addr().unwrap().port())
}

fn properties(controller: u16, port: u16, more: &More) -> String {
    let More { listeners, protocols, properties, .. } = more;
    format!(
        "process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
listeners=CONTROLLER://127.0.0.1:{controller},PLAINTEXT://127.0.0.1:{port}{listeners}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}{listeners}
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT{protocols}
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
log.dirs=data
log.retention.ms=-1
auto.create.topics.enable=false
offsets.topic.replication.factor=1
{properties}"
    )
}
