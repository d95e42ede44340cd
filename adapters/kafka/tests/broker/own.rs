//! A broker of a test's own, which may be killed and suspended, and which asks for passwords.

use std::fs;
use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// A broker and its folder, which go with this value.
pub(crate) struct Broker {
    jars: PathBuf,
    folder: PathBuf,
    process: Option<Child>,
    /// Without any password.
    pub(crate) plain: String,
    /// With SASL.
    pub(crate) sasl: String,
    /// With SASL and TLS, for `localhost`.
    pub(crate) sasl_tls: String,
    plain_port: u16,
}

/// The user that SASL lets in, and the password of all that is here.
pub(crate) const USER: &str = "alice";
pub(crate) const PASSWORD: &str = "in wonderland";

impl Broker {
    /// Starts a broker in a folder of this name.
    pub(crate) async fn start(jars: &Path, name: &str) -> Self {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).unwrap();
        let [controller, plain, sasl, sasl_tls] = ports();
        make_certificate(&folder);
        let properties = properties(&folder, [controller, plain, sasl, sasl_tls]);
        fs::write(folder.join("server.properties"), properties).unwrap();
        let mut broker = Self {
            jars: jars.to_owned(),
            folder,
            process: None,
            plain: format!("127.0.0.1:{plain}"),
            sasl: format!("127.0.0.1:{sasl}"),
            sasl_tls: format!("localhost:{sasl_tls}"),
            plain_port: plain,
        };
        let scram = |bits| format!("SCRAM-SHA-{bits}=[name={USER},password={PASSWORD}]");
        let format = broker
            .java(&["kafka.tools.StorageTool", "format", "--cluster-id", "c29tYS10ZXN0LWthZmthAA"])
            .args(["--config", "server.properties"])
            .args(["--add-scram", &scram(256), "--add-scram", &scram(512)])
            .output()
            .unwrap();
        assert!(format.status.success(), "{}", String::from_utf8_lossy(&format.stderr));
        broker.run().await;
        broker
    }

    /// Starts the broker again, with its data.
    pub(crate) async fn run(&mut self) {
        let output = fs::File::create(self.folder.join("log")).unwrap();
        let mut java = self.java(&["kafka.Kafka", "server.properties"]);
        self.process =
            Some(java.stdout(output.try_clone().unwrap()).stderr(output).spawn().unwrap());
        let mut look = tokio::time::interval(std::time::Duration::from_millis(50));
        while TcpStream::connect(("127.0.0.1", self.plain_port)).is_err() {
            look.tick().await;
            let ended = self.process.as_mut().unwrap().try_wait().unwrap();
            assert!(ended.is_none(), "the broker ended: {ended:?}");
        }
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

    /// The certificate of the listener with TLS, as PEM.
    pub(crate) fn certificate(&self) -> Vec<u8> {
        fs::read(self.folder.join("certificate.pem")).unwrap()
    }

    fn java(&self, args: &[&str]) -> Command {
        let mut java = Command::new("java");
        java.current_dir(&self.folder)
            .args(["-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp"])
            .arg(self.jars.join("*"))
            .args(args)
            .stdin(Stdio::null());
        java
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        self.kill();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// Ports that nobody has just now.
fn ports() -> [u16; 4] {
    let listeners: [TcpListener; 4] =
        std::array::from_fn(|_| TcpListener::bind("127.0.0.1:0").unwrap());
    listeners.map(|listener| listener.local_addr().unwrap().port())
}

fn make_certificate(folder: &Path) {
    let store = ["-storetype", "PKCS12", "-keystore", "keys.p12", "-storepass", PASSWORD];
    let make =
        ["-genkeypair", "-keyalg", "RSA", "-dname", "CN=localhost", "-ext", "san=dns:localhost"];
    let export = ["-exportcert", "-rfc", "-file", "certificate.pem"];
    for command in [&make[..], &export[..]] {
        let mut keytool = Command::new("keytool");
        let output = keytool.current_dir(folder).args(command).args(store).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    }
}

fn properties(folder: &Path, [controller, plain, sasl, sasl_tls]: [u16; 4]) -> String {
    let mut text = Vec::new();
    let modules = "org.apache.kafka.common.security";
    let keys = folder.join("keys.p12");
    let keys = keys.display();
    write!(
        text,
        "process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
listeners=CONTROLLER://127.0.0.1:{controller},PLAINTEXT://127.0.0.1:{plain},SASL://127.0.0.1:{sasl},\
TLS://localhost:{sasl_tls}
advertised.listeners=PLAINTEXT://127.0.0.1:{plain},SASL://127.0.0.1:{sasl},TLS://localhost:{sasl_tls}
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SASL:SASL_PLAINTEXT,TLS:SASL_SSL
sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512
listener.name.tls.ssl.keystore.location={keys}
listener.name.tls.ssl.keystore.type=PKCS12
listener.name.tls.ssl.keystore.password={PASSWORD}
log.dirs=data
log.retention.ms=-1
auto.create.topics.enable=false
offsets.topic.replication.factor=1
"
    )
    .unwrap();
    for listener in ["sasl", "tls"] {
        writeln!(
            text,
            "listener.name.{listener}.plain.sasl.jaas.config={modules}.plain.PlainLoginModule required \
             user_{USER}=\"{PASSWORD}\";"
        )
        .unwrap();
        for bits in [256, 512] {
            writeln!(
                text,
                "listener.name.{listener}.scram-sha-{bits}.sasl.jaas.config=\
                 {modules}.scram.ScramLoginModule required;"
            )
            .unwrap();
        }
    }
    String::from_utf8(text).unwrap()
}
