//! One suite per port: what any implementation must do, as tests that any crate can run. Only with
//! the feature `contract`.
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
//!
//! To add a case, write a `pub async fn` and name it in the `suite!` of its module; the test
//! `every_case_is_listed` fails if one is forgotten. A suite that is longer than a file becomes a
//! folder, whose `mod.rs` holds the `suite!` and re-exports the cases.
#![expect(
    clippy::missing_panics_doc,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a failed unwrap is a failed test"
)]

mod at_once;
pub mod authenticator;
pub mod budget;
pub mod cache;
pub mod clock;
pub mod damage;
pub mod dead_letters;
pub mod decisions;
pub mod inspect;
pub mod leases;
pub mod ledger;
pub mod log;
pub mod memory;
pub mod memory_queue;
pub mod model;
pub mod outbox;
pub mod policy;
pub mod rate_limit;
pub mod replica;
pub mod store;
pub mod talk;
pub mod tool;
pub mod toolbox;
pub mod usage_ledger;
pub mod vault;
pub mod work;

use async_trait::async_trait;

pub use at_once::at_once;

/// A place of its own for one case: a database, a topic prefix, a folder.
#[async_trait]
pub trait Fixture: Sized + Send + Sync {
    /// What a suite tests: `Arc<dyn Port>`, or ports that share one boundary of consistency.
    type Port: Send + Sync;

    /// Whether what was done survives a restart, which is a second [`open`](Self::open).
    const DURABLE: bool;

    /// Whether the port may be asked from many threads, as it is in a program. Not where time and tasks
    /// are simulated: there cases that ask [at once](at_once) ask from one task.
    const THREADS: bool = true;

    /// Makes a fresh place; `None` if the backend is not there. With `CI` set that fails the test.
    async fn start() -> Option<Self>;

    /// Opens the implementation at this place; again is a restart, after the first was dropped.
    async fn open(&self) -> Self::Port;
}

/// Starts a fixture, or says that its backend is missing: on a laptop the case is skipped, but a
/// green run in CI must mean that it ran.
#[expect(clippy::print_stderr, reason = "whoever runs the tests must see what was skipped")]
pub async fn start<F>() -> Option<F>
where
    F: Fixture,
{
    let fixture = F::start().await;
    if fixture.is_none() {
        let backend = std::any::type_name::<F>();
        assert!(std::env::var_os("CI").is_none(), "CI must have the backend of {backend}");
        eprintln!("skipped: the backend of {backend} is not there");
    }
    fixture
}

/// Says that a case proves less with this fixture than its name says, and why: whoever reads a green
/// run must know what it did not look at.
#[expect(clippy::print_stderr, reason = "whoever runs the tests must see what was not tested")]
pub(crate) fn vacuous<F>(why: &str) {
    eprintln!("vacuous for {}: {why}", std::any::type_name::<F>());
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
            if let Some(fixture) = $crate::contract::start::<$fixture>().await {
                $crate::contract::$suite::$case(fixture).await;
            }
        }
    )+ };
}

/// Lists the cases of a suite once, as `suite! { log: case, case }`: makes its `cases!` macro. The
/// name is that of the module.
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
use suite;
