//! The recipes of docs/reverse-proxies.md, run as they stand there.

use std::fs;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use reqwest::StatusCode;
use soma_tests::stub_model::{StubModel, by_markers};

use crate::client::{Follower, say, verified};
use crate::real_clients::free_port;
use crate::soma::{Folder, Soma};

const RECIPES: &str = include_str!("../../docs/reverse-proxies.md");
const HOST: &str = "soma.example";
const PATIENCE: Duration = Duration::from_secs(20);

/// The recipe of a proxy, for a gateway and a port of its own.
fn recipe(language: &str, gateway: &str, port: &str) -> String {
    let begin = format!("```{language}\n");
    let block = RECIPES.split_once(&begin).and_then(|(_, rest)| rest.split_once("```")).unwrap().0;
    let listens = [
        ("listen 80;", format!("listen 127.0.0.1:{port};")),
        ("bind :80", format!("bind 127.0.0.1:{port}")),
        ("<VirtualHost *:80>", format!("<VirtualHost 127.0.0.1:{port}>")),
        ("http://soma.example {", format!("http://soma.example:{port} {{\n    bind 127.0.0.1")),
    ];
    let own = listens.iter().fold(block.to_owned(), |text, (from, to)| text.replace(from, to));
    assert!(own != block && own.contains("127.0.0.1:20016"), "{block}");
    own.replace("127.0.0.1:20016", gateway)
}

/// A proxy that runs; ended when it is dropped.
struct Proxy(Child);

impl Drop for Proxy {
    fn drop(&mut self) {
        let pid = self.0.id().to_string();
        // Those with workers of their own end them only at this one.
        let _ = Command::new("kill").args(["-TERM", &pid]).status();
        let _ = self.0.wait();
    }
}

/// How a proxy is started with a recipe.
struct Kind {
    language: &'static str,
    program: &'static str,
    /// What stands around the recipe in its file, where `FOLDER` and `PORT` are its own.
    around: (&'static str, &'static str),
    arguments: &'static [&'static str],
    /// Whether it ends a stream that was cut as if it were over: the recipe says so.
    hides_cuts: bool,
}

const NGINX: Kind = Kind {
    language: "nginx",
    program: "nginx",
    around: (
        "daemon off;\npid FOLDER/pid;\nerror_log stderr;\nevents {}\nhttp {\naccess_log off;\n\
         client_body_temp_path FOLDER/body;\nproxy_temp_path FOLDER/proxy;\n\
         fastcgi_temp_path FOLDER/fastcgi;\nuwsgi_temp_path FOLDER/uwsgi;\n\
         scgi_temp_path FOLDER/scgi;\n",
        "}\n",
    ),
    arguments: &["-e", "stderr", "-p", "FOLDER", "-c", "FOLDER/config"],
    hides_cuts: false,
};

const HAPROXY: Kind = Kind {
    language: "haproxy",
    program: "haproxy",
    around: ("", ""),
    arguments: &["-db", "-f", "FOLDER/config"],
    hides_cuts: false,
};

const APACHE: Kind = Kind {
    language: "apache",
    program: "apache2",
    around: (
        "ServerRoot FOLDER\nPidFile FOLDER/pid\nErrorLog /dev/stderr\nServerName localhost\n\
         Listen 127.0.0.1:PORT\nDefaultRuntimeDir FOLDER\n\
         LoadModule mpm_event_module /usr/lib/apache2/modules/mod_mpm_event.so\n\
         LoadModule authz_core_module /usr/lib/apache2/modules/mod_authz_core.so\n\
         LoadModule proxy_module /usr/lib/apache2/modules/mod_proxy.so\n\
         LoadModule proxy_http_module /usr/lib/apache2/modules/mod_proxy_http.so\n\
         <IfModule unixd_module>\nUser nobody\nGroup nogroup\n</IfModule>\n",
        "",
    ),
    arguments: &["-D", "FOREGROUND", "-d", "FOLDER", "-f", "FOLDER/config"],
    hides_cuts: false,
};

const CADDY: Kind = Kind {
    language: "caddy",
    program: "caddy",
    around: ("{\n    admin off\n    auto_https off\n}\n", ""),
    arguments: &["run", "--adapter", "caddyfile", "--config", "FOLDER/config"],
    hides_cuts: true,
};

impl Kind {
    /// Starts it before a gateway, or says that it is missing; where nothing may be, that fails.
    #[expect(clippy::print_stderr, reason = "who runs the tests is to see what they leave out")]
    fn start(&self, folder: &Path, gateway: &str, port: &str) -> Option<Proxy> {
        let own = |text: &str| {
            text.replace("FOLDER", &folder.display().to_string()).replace("PORT", port)
        };
        let (before, after) = self.around;
        let config = own(before) + &recipe(self.language, gateway, port) + after;
        fs::write(folder.join("config"), config).unwrap();
        let mut command = Command::new(self.program);
        command.args(self.arguments.iter().map(|it| own(it))).stdin(Stdio::null());
        command.env("XDG_DATA_HOME", folder).env("XDG_CONFIG_HOME", folder);
        // What is not to be found for a person may be for root.
        command.env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
        command.stdout(Stdio::null()).stderr(fs::File::create(folder.join("said")).unwrap());
        let Ok(child) = command.spawn() else {
            assert!(std::env::var_os("CI").is_none(), "CI must have {}", self.program);
            eprintln!("skipped: {} is missing; tests/run says how to install it", self.program);
            return None;
        };
        let (proxy, begun) = (Proxy(child), Instant::now());
        while TcpStream::connect(format!("127.0.0.1:{port}")).is_err() {
            let said = || fs::read_to_string(folder.join("said")).unwrap_or_default();
            assert!(begun.elapsed() < PATIENCE, "{} does not start: {}", self.program, said());
            std::thread::sleep(Duration::from_millis(50));
        }
        Some(proxy)
    }

    /// Speaks through it: to the page, in streams, over a WebSocket, over a restart.
    async fn holds(&self) {
        let (stub, data) = (StubModel::start(by_markers).unwrap(), Folder::new(self.language));
        let (base, gateway, port) = (stub.base_url(), free_port(), free_port());
        let settings = [
            ("SLM_BASE_URL", base.as_str()),
            ("SLM_MODEL", "stub"),
            ("GATEWAY_PORT", gateway.as_str()),
            ("SOMA_HOSTS", HOST),
        ];
        let soma = Soma::again(data.path(), &settings);
        let folder = Folder::new(&format!("{}-config", self.language));
        let gateway = format!("127.0.0.1:{gateway}");
        let Some(_proxy) = self.start(folder.path(), &gateway, &port) else { return };
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port.parse().unwrap()));
        soma_model::install_tls();
        let http = reqwest::Client::builder().resolve(HOST, address).build().unwrap();

        for path in ["", "/soma"] {
            let url = format!("http://{HOST}:{port}{path}");
            shows_the_page(&http, &url).await;
            streams_as_it_comes(&http, &url).await;
            upgrades(address, &format!("{path}/v1/session"), &http, &url).await;
        }

        let url = format!("http://{HOST}:{port}");
        let mut follower = Follower::new(say(&http, &url, "[words 30] [pace 50ms]").await);
        let killed = async {
            tokio::time::sleep(Duration::from_millis(700)).await;
            tokio::task::spawn_blocking(|| soma.kill()).await.unwrap();
        };
        let (ended, ()) = tokio::join!(follower.follow(&http, &url), killed);
        let hidden = ended && !self.hides_cuts;
        assert!(!hidden, "{}: a stream that was cut ended as if it were over", self.program);
        assert!(follower.answers.is_empty());
        let soma = Soma::again(data.path(), &settings);
        while follower.answers.is_empty() {
            follower.follow(&http, &url).await;
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        let (assembled, stated) = follower.answers.values().next().unwrap();
        assert_eq!(assembled, stated);
        verified(&http, &url, &follower.session).await;
        drop(soma);
    }
}

async fn shows_the_page(http: &reqwest::Client, url: &str) {
    let page = http.get(format!("{url}/")).send().await.unwrap().text().await.unwrap();
    assert!(page.starts_with("<!doctype html>") && !page.contains("\"/v1"), "{page}");
    let sessions = http.get(format!("{url}/v1/sessions")).send().await.unwrap();
    assert_eq!(sessions.status(), StatusCode::OK);
    assert_eq!(sessions.headers()["cache-control"], "no-store");
    let escaped = "\\u0061".repeat(256 * 1024);
    let body = format!("{{\"message\": \"{escaped}\"}}");
    let request = http.post(format!("{url}/v1/session/message")).body(body);
    let long = request.header("Content-Type", "application/json").send().await.unwrap();
    assert_eq!(long.status(), StatusCode::ACCEPTED);
}

/// Also to a client that would take it compressed.
async fn streams_as_it_comes(http: &reqwest::Client, url: &str) {
    let session = say(http, url, "[words 20] [pace 80ms]").await;
    let target = format!("{url}/v1/session/{session}/events?until=final");
    let response = http.get(target).header("Accept-Encoding", "gzip, br").send().await.unwrap();
    assert_eq!(response.headers().get("content-encoding"), None);
    let (mut body, mut text, mut first) = (response.bytes_stream(), String::new(), None);
    while let Some(bytes) = body.next().await {
        text.push_str(&String::from_utf8_lossy(&bytes.unwrap()));
        if text.contains("event: assistant.delta") {
            first.get_or_insert_with(Instant::now);
        }
    }
    assert!(text.contains("event: assistant.final"), "{text}");
    assert!(first.unwrap().elapsed() > Duration::from_millis(800), "it comes all at once");
}

async fn upgrades(proxy: SocketAddr, path: &str, http: &reqwest::Client, url: &str) {
    let session = say(http, url, "hello").await;
    let request = format!(
        "GET {path}/{session}/stream HTTP/1.1\r\nHost: {HOST}\r\nConnection: Upgrade\r\n\
         Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    );
    let told = tokio::task::spawn_blocking(move || {
        let mut stream = TcpStream::connect(proxy).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let (mut told, mut part) = (Vec::new(), [0; 4096]);
        while !String::from_utf8_lossy(&told).contains("user.message") {
            let read = stream.read(&mut part).unwrap();
            assert!(read > 0, "it ended: {}", String::from_utf8_lossy(&told));
            told.extend_from_slice(&part[..read]);
        }
        String::from_utf8_lossy(&told).into_owned()
    });
    let told = told.await.unwrap();
    assert!(told.starts_with("HTTP/1.1 101 "), "{told}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nginx_as_the_recipe_says() {
    NGINX.holds().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn haproxy_as_the_recipe_says() {
    HAPROXY.holds().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn apache_as_the_recipe_says() {
    APACHE.holds().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn caddy_as_the_recipe_says() {
    CADDY.holds().await;
}
