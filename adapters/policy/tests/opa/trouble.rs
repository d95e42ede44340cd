//! A server that is away, slow, or answers what it should not.

use std::time::Duration;

use soma_core::policy::Decision;
use soma_core::ports::{Policy, PortError, PortResult};
use soma_policy::{BadOpaConfig, OpaConfig, OpaPolicy};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::request;

/// A server that answers everything with `answer`; where that is empty, it never does. Where it is.
pub(crate) async fn stub(answer: impl Into<String>) -> String {
    let answer = answer.into();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let serve = async move {
        let mut silent = Vec::new();
        loop {
            let (mut connection, _) = listener.accept().await.unwrap();
            if answer.is_empty() {
                silent.push(connection);
                continue;
            }
            let mut asked = [0; 4_096];
            let _ = connection.read(&mut asked).await;
            let _ = connection.write_all(answer.as_bytes()).await;
        }
    };
    #[expect(clippy::disallowed_methods, reason = "it ends with the test")]
    tokio::spawn(serve);
    url
}

pub(crate) fn http(status: &str, body: &str) -> String {
    let length = body.len();
    format!("HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}")
}

/// What a decision on one request comes to there.
pub(crate) async fn decided(url: String) -> PortResult<Decision> {
    let config = OpaConfig { timeout: Duration::from_secs(30), ..OpaConfig::at(url) };
    let policy = OpaPolicy::new(&config).unwrap();
    policy.decide(&[request("echo")]).await.map(|mut decisions| decisions.remove(0))
}

#[tokio::test]
async fn server_that_is_away_or_busy_is_unavailable() {
    let nobody = {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        format!("http://{}", listener.local_addr().unwrap())
    };
    let busy = stub(http("503 Service Unavailable", "")).await;
    let cut = stub("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{").await;

    for url in [nobody, busy, cut] {
        let error = decided(url.clone()).await.unwrap_err();
        assert!(matches!(error, PortError::Unavailable(_)), "{url}: {error:?}");
    }
}

#[tokio::test]
async fn server_that_does_not_answer_in_time_is_unavailable() {
    let policy = OpaPolicy::new(&OpaConfig::at(stub("").await)).unwrap();

    let error = policy.decide(&[request("echo")]).await.unwrap_err();

    assert!(matches!(error, PortError::Unavailable(_)), "{error:?}");
}

#[tokio::test]
async fn answer_that_is_none_is_no_decision() {
    let elsewhere = stub(http("200 OK", "{\"result\": true}")).await;
    let redirect = format!("302 Found\r\nlocation: {elsewhere}/v1/data/soma/allow");
    let long = format!("{{\"result\": true, \"more\": \"{}\"}}", "x".repeat(1 << 20));
    let answers = [
        http(&redirect, ""),
        http("200 OK", "<html>"),
        http("200 OK", "[true]"),
        http("200 OK", &long),
        http("400 Bad Request", "{\"code\": \"invalid_parameter\"}"),
        http("401 Unauthorized", "{\"result\": true}"),
        http("500 Internal Server Error", "{\"result\": true}"),
    ];

    for answer in answers {
        let url = stub(answer.clone()).await;
        let error = decided(url).await.unwrap_err();
        assert!(matches!(error, PortError::Broken { .. }), "{answer:.80?}: {error:?}");
    }
}

#[tokio::test]
async fn answer_without_a_result_is_a_denial() {
    for body in ["{}", "{\"result\": null}", "{\"result\": \"true\"}"] {
        let decision = decided(stub(http("200 OK", body)).await).await.unwrap();

        assert!(!decision.allow, "{body}");
        assert!(!decision.reasons.is_empty(), "{body}");
    }
}

#[test]
fn address_that_is_none_is_refused_and_the_token_is_not_shown() {
    for url in ["", "localhost:8181", "ftp://opa", "http://me:pw@opa", "http://opa/?a=1"] {
        let error = OpaPolicy::new(&OpaConfig::at(url)).unwrap_err();
        assert!(matches!(error, BadOpaConfig::Url), "{url}: {error}");
    }
    let token =
        |token: &str| OpaConfig { token: Some(token.into()), ..OpaConfig::at("http://opa") };
    assert!(matches!(OpaPolicy::new(&token("a\nb")).unwrap_err(), BadOpaConfig::Token));
    let shown = format!("{:?} {:?}", token("s3cret"), OpaPolicy::new(&token("s3cret")).unwrap());
    assert!(!shown.contains("s3cret"), "{shown}");
    assert_eq!(OpaConfig::at("http://opa").timeout, Duration::from_secs(1));
}
