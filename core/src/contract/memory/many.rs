//! Cases about many memories at once.

use std::sync::Arc;

use super::{found, query, remember_all, said};
use crate::contract::{Fixture, at_once};
use crate::memory::{MemoryWrite, RecallQuery};
use crate::ports::Memory;

/// So many memories, each with a text of its own.
fn writes(count: u8) -> Vec<MemoryWrite> {
    (1..=count).map(|number| said(number, &format!("heron number {number}"))).collect()
}

/// Everything that is remembered, newest first.
fn everything() -> RecallQuery {
    RecallQuery { limit: 1_000, ..query("") }
}

/// One call, one result for each.
pub async fn many_memories_are_remembered_in_one_call<F>(fixture: F)
where
    F: Fixture<Port = Arc<dyn Memory>>,
{
    let memory = fixture.open().await;

    remember_all(&memory, &writes(200)).await;

    let texts: Vec<String> = writes(200).into_iter().rev().map(|write| write.text).collect();
    assert_eq!(found(&memory, &everything()).await, texts);
}

/// As if they had been remembered one after the other.
pub async fn later_of_two_with_one_key_in_one_call_stands<F>(fixture: F)
where
    F: Fixture<Port = Arc<dyn Memory>>,
{
    let memory = fixture.open().await;
    let before = said(1, "the heron stands");
    let after = MemoryWrite { text: "the osprey flies".into(), ..before.clone() };

    remember_all(&memory, &[before, said(2, "the crane calls"), after]).await;

    let all = found(&memory, &everything()).await;
    assert_eq!(all, ["the crane calls", "the osprey flies"]);
    assert_eq!(found(&memory, &query("heron")).await, [""; 0]);
}

/// No write, no result, and no error.
pub async fn nothing_is_remembered_in_an_empty_call<F>(fixture: F)
where
    F: Fixture<Port = Arc<dyn Memory>>,
{
    let memory = fixture.open().await;

    remember_all(&memory, &[]).await;

    assert_eq!(found(&memory, &everything()).await, [""; 0]);
}

/// What many instances write is all there.
pub async fn calls_at_the_same_time_lose_nothing<F>(fixture: F)
where
    F: Fixture<Port = Arc<dyn Memory>>,
{
    let memory = fixture.open().await;
    let writes = writes(128);

    at_once(&fixture, writes.chunks(8).map(|some| remember_all(&memory, some))).await;

    assert_eq!(found(&memory, &everything()).await.len(), 128);
}

/// Two who make the same writes, as after a hold that ended too early, double nothing.
pub async fn same_memories_at_the_same_time_are_there_once<F>(fixture: F)
where
    F: Fixture<Port = Arc<dyn Memory>>,
{
    let memory = fixture.open().await;
    let writes = writes(32);

    at_once(&fixture, (0..4).map(|_| remember_all(&memory, &writes))).await;

    assert_eq!(found(&memory, &everything()).await.len(), 32);
    assert_eq!(found(&memory, &query("heron")).await.len(), 5);
}
