//! The suite of [`Memory`].

mod keeping;
mod many;
mod recalling;

use std::sync::Arc;

use serde_json::Map;
use uuid::Uuid;

use crate::conversation::event::Role;
use crate::ids::{EventId, SessionId, TenantId};
use crate::memory::{MemoryWrite, RecallQuery};
use crate::ports::Memory;
use crate::time::Timestamp;

pub use keeping::*;
pub use many::*;
pub use recalling::*;

super::suite! { memory:
    memory_is_answered_as_it_was_remembered,
    same_key_replaces,
    other_tenant_is_never_answered,
    forgotten_session_is_gone,
    forgetting_leaves_other_sessions_and_tenants,
    no_text_is_too_strange_to_be_remembered,
    no_query_is_too_strange_to_be_answered,
    many_memories_are_remembered_in_one_call,
    later_of_two_with_one_key_in_one_call_stands,
    nothing_is_remembered_in_an_empty_call,
    calls_at_the_same_time_lose_nothing,
    same_memories_at_the_same_time_are_there_once,
    rare_word_finds_its_memory,
    rare_word_finds_whatever_its_case_and_accents,
    part_of_a_chinese_sentence_finds_it,
    best_memory_comes_first,
    exact_text_comes_before_everything,
    scores_are_from_zero_to_one,
    no_more_than_the_limit_are_answered_each_once,
    excepted_events_are_left_out,
    excepted_events_do_not_take_the_place_of_others,
    empty_query_answers_the_newest,
    what_fits_nothing_finds_nothing,
}

/// 2025-11-03T12:00:00Z.
const START: i64 = 1_762_171_200_000_000;
const MINUTE: i64 = 60_000_000;

fn tenant(name: &str) -> TenantId {
    TenantId::new(name).unwrap()
}

fn session(number: u128) -> SessionId {
    SessionId::from_uuid(Uuid::from_u128(number))
}

fn event(number: u128) -> EventId {
    EventId::from_uuid(Uuid::from_u128(number))
}

/// What a person said to `acme` in session 1, one minute after the one before.
fn said(number: u8, text: &str) -> MemoryWrite {
    MemoryWrite {
        key: format!("acme/{number}"),
        event_id: event(u128::from(number)),
        tenant: tenant("acme"),
        session_id: session(1),
        persona_id: None,
        role: Role::User,
        text: text.into(),
        importance: 0.5,
        at: Timestamp::from_micros(START + i64::from(number) * MINUTE),
        metadata: Map::new(),
    }
}

/// What `acme` looks for, from another session.
fn query(text: &str) -> RecallQuery {
    RecallQuery {
        tenant: tenant("acme"),
        session_id: Some(session(9)),
        text: text.into(),
        limit: 5,
        except: Vec::new(),
    }
}

async fn remember(memory: &Arc<dyn Memory>, texts: &[&str]) {
    let writes = (1..).zip(texts).map(|(number, text)| said(number, text));
    remember_all(memory, &writes.collect::<Vec<_>>()).await;
}

/// Remembers what must be remembered.
async fn remember_all(memory: &Arc<dyn Memory>, writes: &[MemoryWrite]) {
    let results = memory.remember(writes).await.unwrap();
    assert_eq!(results.len(), writes.len(), "one result for each write");
    for result in results {
        result.unwrap();
    }
}

async fn remember_one(memory: &Arc<dyn Memory>, write: &MemoryWrite) {
    remember_all(memory, std::slice::from_ref(write)).await;
}

async fn found(memory: &Arc<dyn Memory>, query: &RecallQuery) -> Vec<String> {
    memory.recall(query).await.unwrap().into_iter().map(|hit| hit.text).collect()
}
