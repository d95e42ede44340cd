//! What the tests on a real server share.

use std::time::Duration;

use deadpool_redis::redis::aio::MultiplexedConnection;
use deadpool_redis::redis::{AsyncConnectionConfig, Client, cmd};
use soma_redis::Options;

/// The address of the server, `redis://HOST:PORT`. Where there is none a test is skipped on a laptop,
/// and fails in CI.
#[expect(clippy::disallowed_methods, clippy::print_stderr, reason = "tests have no settings")]
pub(crate) fn server() -> Option<String> {
    let url = std::env::var("SOMA_TEST_REDIS").ok();
    if url.is_none() {
        assert!(std::env::var_os("CI").is_none(), "CI must have a Redis: SOMA_TEST_REDIS");
        eprintln!("skipped: SOMA_TEST_REDIS names no server");
    }
    url
}

/// A connection beside those that are tested.
pub(crate) async fn connect(url: &str) -> MultiplexedConnection {
    // By default it gives up after a second, which a busy machine may need.
    let patient = AsyncConnectionConfig::new().set_connection_timeout(None);
    let patient = patient.set_response_timeout(None);
    let client = Client::open(url).unwrap();
    client.get_multiplexed_async_connection_with_config(&patient).await.unwrap()
}

/// Options with a prefix that no other test has. A machine that is busy with tests is no dead server.
pub(crate) async fn options(url: &str) -> Options {
    let number: u64 = cmd("INCR").arg("tests").query_async(&mut connect(url).await).await.unwrap();
    let deadline = Duration::from_secs(30);
    Options { prefix: format!("test-{number}:"), deadline, ..Options::default() }
}
