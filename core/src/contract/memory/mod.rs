//! The suite of [`Memory`].

mod keeping;
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
pub use recalling::*;

super::suite! { memory:
    memory_is_answered_as_it_was_remembered,
    same_key_replaces,
    other_tenant_is_never_answered,
    forgotten_session_is_gone,
    forgetting_leaves_other_sessions_and_tenants,
    no_text_is_too_strange_to_be_remembered,
    no_query_is_too_strange_to_be_answered,
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
    for (number, text) in (1..).zip(texts) {
        memory.remember(&said(number, text)).await.unwrap();
    }
}

async fn found(memory: &Arc<dyn Memory>, query: &RecallQuery) -> Vec<String> {
    memory.recall(query).await.unwrap().into_iter().map(|hit| hit.text).collect()
}
