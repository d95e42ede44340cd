//! The clock of the machine is set while answers are given.

use std::fs;
use std::process::Command;

use soma_core::conversation::event::EventType;
use soma_tests::stub_model::{StubModel, by_markers};

use crate::client::{Follower, http, say, verified};
use crate::soma::{Folder, Soma, up};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answer_is_not_begun_anew_because_the_clock_is_set() {
    let stub = StubModel::start(by_markers).unwrap();
    let (data, tools) = (Folder::new("clock"), Folder::new("clock-tools"));
    let (shim, ahead) = (tools.path().join("set_clock.so"), tools.path().join("ahead"));
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/system/set_clock.c");
    let mut compiler = Command::new("cc");
    compiler.args(["-shared", "-fPIC", "-O1", source, "-o"]).arg(&shim);
    assert!(compiler.status().unwrap().success(), "SQLite was built by it, too");
    fs::write(&ahead, "0").unwrap();
    let base = stub.base_url();
    let mut command = up(data.path(), &[("SLM_BASE_URL", &base), ("SLM_MODEL", "stub")]);
    command.env("LD_PRELOAD", &shim).env("SET_CLOCK", &ahead);
    let soma = Soma::of(command);
    let http = http();
    let session = say(&http, &soma.url, "[words 40] [pace 100ms]").await;
    stub.until(|log| log.iter().any(|entry| !entry.sent.is_empty())).await;

    // An hour ahead, and back again.
    for seconds in ["3600", "0", "-3600"] {
        fs::write(&ahead, seconds).unwrap();
        tokio::time::sleep(std::time::Duration::from_millis(800)).await;
    }
    let mut follower = Follower::new(&session);
    assert!(follower.follow(&http, &soma.url).await);

    let events = verified(&http, &soma.url, &session).await;
    let anew = events.iter().filter(|it| it.kind == EventType::AssistantRestarted).count();
    assert_eq!((anew, stub.log().len()), (0, 1), "the model is asked once");
    let (first, last) = (&events[0], events.last().unwrap());
    let took = last.occurred_at.as_micros() - first.occurred_at.as_micros();
    assert!((3_000_000..10_000_000).contains(&took), "by its events it took {took} microseconds");
}
