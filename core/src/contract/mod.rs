//! One suite per port: what any implementation must do, as tests that any crate can run.
//!
//! A suite is a module of cases. A case takes a [`Fixture`] of the implementation that is tested.
//! [`contract_tests!`](crate::contract_tests) writes one `#[tokio::test]` for each case of a suite,
//! so the crate that calls it needs `tokio` with the features `macros` and `rt`:
//!
//! ```ignore
//! struct Mine;
//!
//! #[async_trait]
//! impl Fixture for Mine {
//!     type Port = Arc<dyn Log>;
//!     const DURABLE: bool = true;
//!     async fn start() -> Option<Self> { Some(Self) }
//!     async fn open(&self) -> Self::Port { Arc::new(MyLog::connect().await) }
//! }
//!
//! soma_core::contract_tests!(log, Mine);
//! ```
#![expect(clippy::unwrap_used, clippy::panic, reason = "a failed unwrap is a failed test")]

use async_trait::async_trait;

/// A place of its own for one case: a database, a topic prefix, a folder.
#[async_trait]
pub trait Fixture: Sized + Send + Sync {
    /// What a suite tests: `Arc<dyn Port>`, or ports that share one boundary of consistency.
    type Port: Send + Sync;

    /// Whether what was done survives a restart, which is a second [`open`](Self::open).
    const DURABLE: bool;

    /// Makes a fresh place; `None` if the backend is not there. With `CI` set that fails the test.
    async fn start() -> Option<Self>;

    /// Opens the implementation at this place; again is a restart, after the first was dropped.
    async fn open(&self) -> Self::Port;
}

/// Writes one `#[tokio::test]` for each case of a suite: `contract_tests!(log, MyFixture);`
#[macro_export]
macro_rules! contract_tests {
    ($suite:ident, $fixture:ty) => {
        mod $suite {
            use super::*;
            $crate::contract::$suite::cases!($crate::__contract_test, $suite, $fixture);
        }
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __contract_test {
    ($suite:ident, $fixture:ty, $($case:ident),+ $(,)?) => { $(
        #[tokio::test]
        async fn $case() {
            match <$fixture as $crate::contract::Fixture>::start().await {
                Some(fixture) => $crate::contract::$suite::$case(fixture).await,
                None if std::env::var_os("CI").is_some() => panic!("CI must have this backend"),
                None => eprintln!("skipped: no {}", stringify!($fixture)),
            }
        }
    )+ };
}

/// Lists the cases of a suite once: makes its `cases!` macro.
macro_rules! suite {
    ($name:ident: $($case:ident),+ $(,)?) => {
        #[doc(hidden)]
        #[macro_export]
        macro_rules! $name {
            ($test:path, $suite:ident, $fixture:ty) => {
                $test!($suite, $fixture, $($case),+);
            };
        }
        #[doc(hidden)]
        pub use $name as cases;
    };
}
pub(crate) use suite;
