//! The arrows of the house: who may depend on whom, and what a room may mention.
//!
//! `docs/architecture.md` draws them; this test keeps them.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a failed unwrap is a failed test")]

mod packages;
mod sources;

use std::collections::{BTreeMap, BTreeSet};

use packages::{Place, Workspace};

/// Runtimes, sockets, databases, clocks and chance: core has none of them.
const NOT_IN_CORE: &[&str] = &[
    "actix",
    "async-std",
    "chrono",
    "deadpool",
    "fastrand",
    "getrandom",
    "h2",
    "http",
    "hyper",
    "libc",
    "libsqlite3-sys",
    "mio",
    "native-tls",
    "openssl",
    "postgres",
    "rand",
    "redis",
    "reqwest",
    "ring",
    "rskafka",
    "rusqlite",
    "rustix",
    "rustls",
    "smol",
    "socket2",
    "sqlx",
    "time",
    "tokio",
    "windows-sys",
];

/// What crates in `adapters` may know besides core. The helpers are no technologies: `decorators` wraps
/// any port, `simulated` is made of it and of the model in memory, and `tokio` needs core only.
const MAY_KNOW: &[(&str, &str)] = &[
    ("soma-simulated", "soma-decorators"),
    ("soma-simulated", "soma-inproc"),
    ("soma-sqlite", "soma-inproc"),
];

#[test]
fn core_knows_no_runtime_no_socket_no_database_and_no_clock() {
    let workspace = Workspace::load();

    let closure = workspace.closure("soma-core");

    let is = |name: &str, crate_: &str| name == crate_ || name.starts_with(&format!("{crate_}-"));
    let found: Vec<_> =
        closure.iter().filter(|name| NOT_IN_CORE.iter().any(|crate_| is(name, crate_))).collect();
    assert!(found.is_empty(), "soma-core depends on {found:?}");
    assert!(closure.contains("serde"), "the closure is empty: the test is blind");
}

#[test]
fn core_knows_no_other_room() {
    assert_eq!(Workspace::load().members_known_by("soma-core"), Vec::<String>::new());
}

#[test]
fn adapters_know_core_and_never_each_other() {
    let workspace = Workspace::load();

    for adapter in workspace.members(Place::Adapters) {
        for known in workspace.members_known_by(&adapter) {
            let may = MAY_KNOW.contains(&(adapter.as_str(), known.as_str()));
            assert!(known == "soma-core" || may, "{adapter} depends on {known}");
        }
    }
}

#[test]
fn runtime_knows_core_only() {
    assert_eq!(Workspace::load().members_known_by("soma-runtime"), ["soma-core"]);
}

#[test]
fn product_knows_neither_tests_nor_benches() {
    let workspace = Workspace::load();

    for place in [Place::Core, Place::Adapters, Place::Apps] {
        for member in workspace.members(place) {
            for known in workspace.members_known_by(&member) {
                let fine =
                    !matches!(known.as_str(), "soma-tests" | "soma-simulation" | "soma-benches");
                assert!(fine, "{member} depends on {known}");
            }
        }
    }
}

#[test]
fn rules_mention_no_port_no_flow_and_nothing_asynchronous() {
    const ROOMS_THAT_MAY: &[&str] = &["ports", "flows", "contract", "lib.rs"];

    let mut looked_at = 0;
    for source in sources::below("core/src") {
        if ROOMS_THAT_MAY.contains(&source.room()) {
            continue;
        }
        looked_at += 1;
        for (number, line) in source.code() {
            for word in ["ports", "flows", "async", "await"] {
                assert!(!sources::mentions(line, word), "{}:{number} mentions {word}", source.path);
            }
        }
    }
    assert!(looked_at > 20, "only {looked_at} files: the test is blind");
}

/// Rooms are named in `use crate::room` and in paths; what only tests need does not count.
#[test]
fn rooms_of_core_form_no_circle() {
    const ONLY_FOR_TESTS: &[&str] = &["testing", "contract", "lib.rs"];

    let mut uses: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for source in sources::below("core/src") {
        if ONLY_FOR_TESTS.contains(&source.room()) || source.is_test() {
            continue;
        }
        let room = source.room().trim_end_matches(".rs").to_owned();
        let mentioned = source.product().flat_map(sources::rooms_mentioned).map(str::to_owned);
        let others: BTreeSet<String> = mentioned.filter(|other| *other != room).collect();
        uses.entry(room).or_default().extend(others);
    }
    assert!(uses.len() > 10, "only {} rooms: the test is blind", uses.len());
    let rooms: BTreeSet<String> = uses.keys().cloned().collect();
    for others in uses.values_mut() {
        others.retain(|other| rooms.contains(other));
    }
    // A room from which no other is used can be in no circle, and neither can it close one.
    while let Some(free) = uses.keys().find(|room| uses[*room].is_empty()).cloned() {
        uses.remove(&free);
        for others in uses.values_mut() {
            others.remove(&free);
        }
    }
    assert!(uses.is_empty(), "rooms of core that use each other in a circle: {uses:?}");
}

#[test]
fn files_are_short() {
    const LONGEST: usize = 400;
    const LONGEST_MAIN: usize = 40;

    for source in sources::below("") {
        let lines = source.text.lines().count();
        let is_main = source.path.starts_with("apps/") && source.path.ends_with("/src/main.rs");
        let longest = if is_main { LONGEST_MAIN } else { LONGEST };
        assert!(lines <= longest, "{} has {lines} lines, at most {longest}", source.path);
    }
}

#[test]
fn nothing_is_left_to_do() {
    for source in sources::below("") {
        for (number, line) in source.code() {
            for left in [concat!("to", "do!("), concat!("unimpl", "emented!(")] {
                assert!(!line.contains(left), "{}:{number} has {left}", source.path);
            }
        }
    }
}
