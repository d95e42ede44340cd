//! What holds for every message on its way out, and for its way back in.

use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Map, Value};
use uuid::Uuid;

use super::backoff::Backoff;
use super::dead::{DeadLetter, Origin};
use super::lane::{LANES, Lane};
use super::message::{OutboxMessage, Record};
use super::partition::partition_of;
use super::topic::Topic;
use super::wire::{self, Heading, Subject, UnreadableRecord};
use crate::ids::{CallId, EventId, SessionId, TenantId, TurnId};
use crate::testing::{holds, json, text};
use crate::time::Timestamp;
use crate::tool::{CallRecord, CallState, ToolCall, ToolOutcome, ToolStatus};
use crate::turn::input::Accepted;

const NOW: Timestamp = Timestamp::from_micros(1_762_171_200_000_001);

fn id() -> impl Strategy<Value = Uuid> {
    any::<u128>().prop_map(Uuid::from_u128)
}

fn tenant() -> impl Strategy<Value = TenantId> {
    select(&["acme", "b", "x-1.eu"][..]).prop_map(|name| TenantId::new(name).unwrap())
}

fn fields(message: &OutboxMessage) -> Value {
    serde_json::from_slice(&message.payload).unwrap()
}

fn call() -> impl Strategy<Value = ToolCall> {
    (id(), text(6), text(12)).prop_map(|(id, name, arguments)| ToolCall {
        call_id: CallId::from_uuid(id),
        model_call_id: name.clone(),
        tool_name: name,
        arguments,
    })
}

#[test]
fn key_stays_in_its_lane_and_its_partition() {
    holds(256, &(text(40), 1_u32..100), |(key, partitions)| {
        assert!(Lane::of(&key).0 < LANES);
        assert_eq!(Lane::of(&key), Lane::of(&key.clone()));
        assert!(partition_of(&key, partitions) < partitions);
        assert_eq!(partition_of(&key, partitions), partition_of(&key.clone(), partitions));
    });
}

/// Lanes hold rows that were written by earlier releases: these may never change.
#[test]
fn lanes_of_known_keys_are_what_they_always_were() {
    let lanes = ["", "a", "9b2d7c1e-0a43-4f0b-8f0e-6b1f6a3f2c10", "語"].map(|key| Lane::of(key).0);

    assert_eq!(lanes, [9, 12, 6, 13]);
}

#[test]
fn wait_is_never_longer_than_its_ceiling_nor_the_ceiling_than_the_cap() {
    let spans = (0_u64..1_000_000, 0_u64..1_000_000);
    holds(256, &(spans, any::<u32>(), any::<u64>()), |((base, cap), failures, random)| {
        let backoff =
            Backoff { base: Duration::from_millis(base), cap: Duration::from_millis(cap) };

        let ceiling = backoff.ceiling(failures);

        assert!(backoff.wait(failures, random) <= ceiling);
        assert!(ceiling <= backoff.cap);
        assert!(ceiling <= backoff.ceiling(failures.saturating_add(1)));
    });
}

#[test]
fn accepted_message_is_about_its_turn_whatever_its_sender_put_into_it() {
    let metadata = vec((prop_oneof![Just("tenant".to_owned()), text(6)], json()), 0..4);
    let cases = (tenant(), id(), id(), id(), text(20), metadata);
    holds(256, &cases, |(tenant, session, turn, event, message, metadata)| {
        let accepted = Accepted {
            tenant: tenant.clone(),
            session_id: SessionId::from_uuid(session),
            event_id: EventId::from_uuid(event),
            persona_id: None,
            message,
            attachments: Vec::new(),
            metadata: Map::from_iter(metadata),
            trace: None,
        };
        let turn = TurnId::from_uuid(turn);

        let message = wire::inbound(turn, &accepted);

        let heading = wire::heading(message.topic, &message.record(NOW)).unwrap();
        let (session_id, subject) = (accepted.session_id, Subject::Turn(turn));
        assert_eq!(heading, Heading { tenant, session_id, subject });
        assert_eq!(message.key, accepted.session_id.to_string());
        assert_eq!(message.event_id, event);
    });
}

#[test]
fn request_and_result_of_a_tool_are_about_the_same_call() {
    let cases = (tenant(), id(), proptest::option::of(id()), call(), json());
    holds(256, &cases, |(tenant, session, turn, call, payload)| {
        let session_id = SessionId::from_uuid(session);
        let turn_id = turn.map(TurnId::from_uuid);
        let call_id = call.call_id;
        let record = CallRecord {
            tenant: tenant.clone(),
            session_id,
            turn_id,
            call: call.clone(),
            state: CallState::Done,
            tries: 1,
            outcome: None,
            trace: None,
            unreadable: None,
        };
        let status = ToolStatus::Success;
        let outcome = ToolOutcome { call_id, status, payload, execution_time: 0.25 };

        let request = wire::tool_request(&tenant, session_id, turn_id, &call);
        let result = wire::tool_result(&record, &outcome);

        let heading = |subject| Heading { tenant: tenant.clone(), session_id, subject };
        let read =
            |message: &OutboxMessage| wire::heading(message.topic, &message.record(NOW)).unwrap();
        assert_eq!(read(&request), heading(Subject::ToolRequest(call_id)));
        assert_eq!(read(&result), heading(Subject::ToolResult(call_id)));
        assert_eq!(request.key, result.key);
        assert_eq!(fields(&result)["payload"], outcome.payload);
        assert_ne!(request.event_id, result.event_id);
    });
}

#[test]
fn arguments_that_are_no_json_reach_the_executor_as_they_are() {
    holds(128, &call(), |call| {
        let session = SessionId::from_uuid(Uuid::from_u128(1));
        let tenant = TenantId::new("acme").unwrap();

        let message = wire::tool_request(&tenant, session, None, &call);

        let fields = fields(&message);
        let arguments = &fields["args"];
        match serde_json::from_str::<Value>(&call.arguments) {
            Ok(read) => assert_eq!(*arguments, read),
            Err(_) => assert_eq!(arguments["_raw"], call.arguments),
        }
    });
}

#[test]
fn any_bytes_are_read_or_refused() {
    let bytes = prop_oneof![
        vec(any::<u8>(), 0..60),
        json().prop_map(|value| value.to_string().into_bytes()),
        text(40).prop_map(String::into_bytes),
    ];
    holds(512, &(bytes, select(Topic::ALL)), |(value, topic)| {
        let record =
            Record { key: String::new(), value: value.into(), headers: [].into(), at: NOW };

        assert!(wire::heading(topic, &record).is_err());
    });
}

#[test]
fn record_that_lacks_its_subject_says_which() {
    let value = br#"{"session_id": "9b2d7c1e-0a43-4f0b-8f0e-6b1f6a3f2c10",
        "metadata": {"tenant": "acme"}}"#;
    let record =
        Record { key: String::new(), value: value[..].into(), headers: [].into(), at: NOW };

    let missing = |topic| wire::heading(topic, &record).unwrap_err();

    assert_eq!(missing(Topic::ConversationInbound), UnreadableRecord::Missing("turn_id"));
    assert_eq!(missing(Topic::ToolRequests), UnreadableRecord::Missing("call_id"));
    assert_eq!(missing(Topic::ToolResults), UnreadableRecord::Missing("call_id"));
    assert_eq!(missing(Topic::MemoryWal), UnreadableRecord::Topic);
}

fn letter() -> impl Strategy<Value = DeadLetter> {
    let place = (proptest::option::of(0_u32..3), proptest::option::of(0_u64..9));
    // Few different texts, so that two letters often differ in one thing only.
    let short = || select(&["", "/", "a", "a/b", "b/a", "\"/\""][..]).prop_map(str::to_owned);
    (select(Topic::ALL), place, short(), short(), (text(6), 0_i64..9)).prop_map(
        |(topic, (partition, offset), key, payload, (error, at))| DeadLetter {
            topic,
            partition,
            offset,
            key,
            tenant: None,
            payload,
            error,
            at: Timestamp::from_micros(at),
            origin: Origin::Untold,
        },
    )
}

#[test]
fn dead_letter_is_the_same_however_often_and_whyever_it_is_set_aside() {
    let again = (text(6), 0_i64..9, tenant());
    holds(256, &(letter(), again), |(letter, (error, at, tenant))| {
        let again = DeadLetter {
            error,
            at: Timestamp::from_micros(at),
            origin: Origin::State,
            tenant: Some(tenant.clone()),
            ..letter.clone()
        };

        assert_eq!(again.id(), letter.id());
        assert_eq!(again.message(&tenant).event_id, letter.message(&tenant).event_id);
        assert_eq!(letter.message(&tenant).topic.dead_letters(), letter.topic.dead_letters());
    });
}

#[test]
fn dead_letters_of_different_origin_are_told_apart() {
    let pair = (letter(), letter(), any::<bool>()).prop_map(|(one, other, near)| {
        let DeadLetter { topic, partition, offset, .. } = one;
        let other = if near { DeadLetter { topic, partition, offset, ..other } } else { other };
        (one, other)
    });
    holds(256, &pair, |(one, other)| {
        let origin = |letter: &DeadLetter| {
            let DeadLetter { topic, partition, offset, key, payload, .. } = letter.clone();
            (topic, partition, offset, key, payload)
        };

        assert_eq!(one.id() == other.id(), origin(&one) == origin(&other));
    });
}

#[test]
fn topics_are_found_by_their_names_and_letters_of_dead_letters_stay_where_they_are() {
    for topic in Topic::ALL {
        assert_eq!(Topic::parse(topic.as_str()), Some(*topic));
        assert_eq!(topic.dead_letters().dead_letters(), topic.dead_letters());
        assert_eq!(topic.dead_letters().as_str().rsplit('.').next(), Some("dlq"));
        assert_eq!(topic.source().dead_letters(), topic.dead_letters());
        assert_ne!(topic.source().as_str().rsplit('.').next(), Some("dlq"));
    }
}
