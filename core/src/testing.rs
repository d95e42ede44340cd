//! How properties are tested: with cases that are drawn anew on a laptop, and are the same every
//! time in CI, so that a red run there can be run again.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRng, TestRunner};

/// Checks that `property` holds for `cases` values of `strategy`; fails with the smallest value that
/// breaks it. The variable `PROPTEST_CASES` asks for another number of cases.
#[track_caller]
pub(crate) fn holds<S>(cases: u32, strategy: &S, property: impl Fn(S::Value))
where
    S: Strategy,
{
    let mut config = Config { failure_persistence: None, ..Config::default() };
    if std::env::var_os("PROPTEST_CASES").is_none() {
        config.cases = cases;
    }
    let mut runner = if std::env::var_os("CI").is_some() {
        let rng = TestRng::deterministic_rng(config.rng_algorithm);
        TestRunner::new_with_rng(config, rng)
    } else {
        TestRunner::new(config)
    };
    let outcome = runner.run(strategy, |value| {
        property(value);
        Ok(())
    });
    if let Err(error) = outcome {
        panic!("{error}");
    }
}

/// Any text of fewer than `length` characters: of one to four bytes, controls and NUL included.
pub(crate) fn text(length: usize) -> impl Strategy<Value = String> {
    let character = prop_oneof![
        4 => proptest::char::range('a', 'f'),
        1 => Just(' '),
        1 => Just('é'),
        1 => Just('語'),
        1 => Just('🦀'),
        1 => any::<char>(),
    ];
    vec(character, 0..length).prop_map(String::from_iter)
}
