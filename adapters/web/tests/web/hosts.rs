//! A gateway without a login speaks to this machine only, whatever a page in a browser tries.

use crate::app::App;

#[tokio::test]
async fn foreign_host_is_refused_on_every_route() {
    let app = App::start();

    for (method, target) in [
        ("GET", "/"),
        ("GET", "/v1/health"),
        ("GET", "/v1/sessions"),
        ("GET", "/nowhere"),
        ("POST", "/v1/session/message"),
    ] {
        let answer = app.request(method, target).header("Host", "evil.example:20016").send().await;
        assert_eq!(answer.refused(403), "foreign-host", "{method} {target}");
    }
}

#[tokio::test]
async fn probes_and_scrapers_are_answered_whatever_the_host() {
    let app = App::start();

    for target in ["/healthz", "/readyz", "/metrics"] {
        for host in ["10.1.2.3:20016", "soma.default.svc", "evil.example", ""] {
            let answer = app.request("GET", target).header("Host", host).send().await;
            assert_eq!(answer.head.status, 200, "{target} {host}");
        }
        let page = app.request("GET", target).header("Origin", "http://evil.example");
        assert_eq!(page.send().await.refused(403), "foreign-origin");
    }
}

#[tokio::test]
async fn nothing_but_the_page_may_be_kept_by_a_proxy() {
    let app = App::start();
    let session = app.said().await.session_id;

    for target in
        ["/v1/sessions", &format!("/v1/sessions/{session}/history"), "/nowhere", "/metrics"]
    {
        let answer = app.get(target).await;
        assert_eq!(answer.head.header("Cache-Control"), Some("no-store"), "{target}");
    }
    assert_eq!(app.get("/").await.head.header("Cache-Control"), Some("no-cache"));
}

#[tokio::test]
async fn own_and_configured_hosts_are_answered() {
    let app = App::start();

    for host in ["localhost", "localhost:1", "127.0.0.1:20016", "[::1]:20016", "soma.example"] {
        let answer = app.request("GET", "/v1/tools").header("Host", host).send().await;
        assert_eq!(answer.head.status, 200, "{host}");
    }
}

#[tokio::test]
async fn host_that_is_named_twice_must_be_allowed_twice() {
    let app = App::start();

    let twice = app.request("GET", "/v1/tools").and("Host", "evil.example").send().await;
    let target = app.request("GET", "http://evil.example/v1/tools").send().await;
    let forwarded = app.request("GET", "/v1/tools").header("Host", "evil.example");
    let forwarded = forwarded.header("X-Forwarded-Host", "localhost").send().await;

    // A server may also refuse two `Host` headers before any route sees them.
    assert!(matches!(twice.head.status, 400 | 403));
    assert_eq!(target.refused(403), "foreign-host");
    assert_eq!(forwarded.refused(403), "foreign-host");
}

#[tokio::test]
async fn foreign_origin_is_refused_on_every_route() {
    let app = App::start();
    let session = app.said().await.session_id;

    for origin in ["http://evil.example", "null", "http://localhost.evil.example", "file://"] {
        let read = app.request("GET", "/v1/sessions").header("Origin", origin).send().await;
        let socket = app.upgrade(&format!("/v1/session/{session}/stream"));
        let socket = socket.header("Origin", origin).open().await.read().await;

        assert_eq!(read.refused(403), "foreign-origin", "{origin}");
        assert_eq!(socket.refused(403), "foreign-origin", "{origin}");
    }
}

#[tokio::test]
async fn pages_of_this_machine_are_answered() {
    let app = App::start();

    for origin in ["http://localhost:20016", "https://soma.example", "http://127.0.0.1:1"] {
        let answer = app.request("GET", "/v1/sessions").header("Origin", origin).send().await;
        assert_eq!(answer.head.status, 200, "{origin}");
    }
}

#[tokio::test]
async fn every_answer_tells_browsers_to_be_careful() {
    let app = App::start();

    for answer in [
        app.get("/healthz").await,
        app.get("/nowhere").await,
        app.get("/").await,
        app.request("GET", "/v1/tools").header("Host", "evil.example").send().await,
    ] {
        let header = |name| answer.head.header(name).unwrap().to_owned();

        assert_eq!(header("X-Content-Type-Options"), "nosniff");
        assert_eq!(header("Referrer-Policy"), "no-referrer");
        assert_eq!(header("X-Frame-Options"), "DENY");
        assert_eq!(header("X-API-Version"), "v1");
        assert!(header("Content-Security-Policy").starts_with("default-src 'none'"));
        assert_eq!(answer.head.header("Access-Control-Allow-Origin"), None);
    }
}
