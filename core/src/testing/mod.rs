//! Random courses of turns and what is published of them, and how properties are tested: with cases that are drawn anew on a laptop, and are the same every
//! time in CI, so that a red run there can be run again.

pub(crate) mod broadcast;
pub(crate) mod course;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRng, TestRunner};
use serde_json::Value;

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

/// Any JSON of three levels at most.
pub(crate) fn json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        (-1e9..1e9_f64).prop_map(Value::from),
        text(8).prop_map(Value::from),
    ];
    leaf.prop_recursive(2, 12, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Value::from),
            vec((text(6), inner), 0..4)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}
