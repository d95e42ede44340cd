//! What holds for the chain of any events.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use serde_json::Map;
use uuid::Uuid;

use super::*;
use crate::conversation::event::{EventType, Role};
use crate::digest::Nonce;
use crate::ids::{EventId, PersonaId, TurnId};
use crate::testing::{holds, json, text};
use crate::time::Timestamp;

const KINDS: &[EventType] = &[
    EventType::UserMessage,
    EventType::AssistantStarted,
    EventType::ToolResult,
    EventType::AssistantFinal,
    EventType::TurnFailed,
    EventType::SessionReset,
];

fn event() -> impl Strategy<Value = NewEvent> {
    let said = (text(12), vec((text(6), json()), 0..4));
    let ids = (any::<u128>(), proptest::option::of(any::<u128>()), any::<[u8; 16]>());
    (said, ids, select(KINDS), 0..4_000_000_000_000_000_i64).prop_map(
        |((message, metadata), (id, turn, nonce), kind, at)| NewEvent {
            event_id: EventId::from_uuid(Uuid::from_u128(id)),
            turn_id: turn.map(|turn| TurnId::from_uuid(Uuid::from_u128(turn))),
            persona_id: turn.map(|_| PersonaId::new("ada").unwrap()),
            role: Role::Assistant,
            kind,
            message,
            metadata: Map::from_iter(metadata),
            occurred_at: Timestamp::from_micros(at),
            nonce: Nonce(nonce),
        },
    )
}

fn session() -> SessionId {
    SessionId::from_uuid(Uuid::from_u128(5))
}

/// The events, numbered and chained.
fn chained(events: Vec<NewEvent>) -> Vec<Event> {
    let mut chain = Chain::new(session());
    events.into_iter().map(|event| chain.append(session(), event)).collect()
}

fn verify<'a>(events: impl IntoIterator<Item = &'a Event>) -> Result<Chain, BrokenChain> {
    let mut chain = Chain::new(session());
    for event in events {
        chain.verify(&Link::of(event), event.hash)?;
    }
    Ok(chain)
}

#[test]
fn any_events_make_a_chain_that_verifies_also_when_read_back() {
    holds(96, &vec(event(), 0..12), |new| {
        let count = new.len() as u64;

        let events = chained(new);

        let text = serde_json::to_string(&events).unwrap();
        let read: Vec<Event> = serde_json::from_str(&text).unwrap();
        assert_eq!(read, events);
        assert_eq!(verify(&read).unwrap().count, Seq(count));
    });
}

/// One alteration of an event; each changes something.
type Alteration = fn(&mut Event, u8);

const ALTERATIONS: &[(&str, Alteration)] = &[
    ("a character of the message", |event, at| {
        let mut message: Vec<char> = event.message.chars().collect();
        let place = usize::from(at) % message.len().max(1);
        match message.get_mut(place) {
            Some(character) => *character = if *character == 'x' { 'y' } else { 'x' },
            None => message.push('x'),
        }
        event.message = message.into_iter().collect();
    }),
    ("a new field", |event, at| {
        event.metadata.insert(format!("new field {at}"), json!(null));
    }),
    ("a field's value", |event, _| {
        if let Some((_, value)) = event.metadata.iter_mut().next() {
            *value = json!({"was": value.clone()});
        } else {
            event.metadata.insert("was".into(), json!(0));
        }
    }),
    ("the nonce", |event, at| event.nonce.0[usize::from(at % 16)] ^= 1),
    ("the hash", |event, at| event.hash.0[usize::from(at % 32)] ^= 1),
    ("the type", |event, _| {
        let other = KINDS.iter().find(|kind| **kind != event.kind);
        event.kind = *other.unwrap();
    }),
    ("the role", |event, _| event.role = Role::Tool),
    ("the turn", |event, _| event.turn_id = Some(TurnId::from_uuid(Uuid::from_u128(1)))),
    ("the persona", |event, _| event.persona_id = Some(PersonaId::new("bob").unwrap())),
    ("the id", |event, _| event.event_id = EventId::from_uuid(Uuid::from_u128(1))),
    ("the session", |event, _| event.session_id = SessionId::from_uuid(Uuid::from_u128(1))),
    ("the version", |event, _| event.version.push('0')),
    ("the time", |event, at| {
        event.occurred_at =
            Timestamp::from_micros(event.occurred_at.as_micros() + 1 + i64::from(at));
    }),
];

#[test]
fn whatever_is_altered_breaks_the_chain_there() {
    let cases = (vec(event(), 1..8), any::<Index>(), any::<u8>());
    holds(64, &cases, |(new, which, at)| {
        let events = chained(new);
        let which = which.index(events.len());

        for (what, alter) in ALTERATIONS {
            let mut altered = events.clone();
            alter(&mut altered[which], at);
            assert_ne!(altered, events, "{what} is unaltered");
            assert_eq!(verify(&altered), Err(BrokenChain { seq: events[which].seq }), "{what}");
        }
    });
}

#[test]
fn missing_repeated_or_swapped_event_breaks_the_chain_there() {
    holds(64, &(vec(event(), 2..8), any::<Index>()), |(new, which)| {
        let events = chained(new);
        let which = which.index(events.len() - 1);
        let broken = |events: Vec<&Event>| verify(events).unwrap_err().seq;

        let mut missing: Vec<&Event> = events.iter().collect();
        missing.remove(which);
        let mut repeated: Vec<&Event> = events.iter().collect();
        repeated.insert(which, &events[which]);
        let mut swapped: Vec<&Event> = events.iter().collect();
        swapped.swap(which, which + 1);

        assert_eq!(broken(missing), events[which + 1].seq);
        assert_eq!(broken(repeated), events[which].seq);
        assert_eq!(broken(swapped), events[which + 1].seq);
    });
}

#[test]
fn events_that_trade_numbers_break_the_chain() {
    holds(64, &(vec(event(), 2..8), any::<Index>()), |(new, which)| {
        let mut events = chained(new);
        let which = which.index(events.len() - 1);
        let (one, other) = (events[which].seq, events[which + 1].seq);
        events.swap(which, which + 1);
        (events[which].seq, events[which + 1].seq) = (one, other);

        assert_eq!(verify(&events), Err(BrokenChain { seq: one }));
    });
}

#[test]
fn chain_verifies_when_content_was_erased_and_breaks_when_its_digest_is_altered() {
    let cases = vec((event(), any::<bool>()), 1..8);
    holds(64, &cases, |cases| {
        let (new, erased): (Vec<NewEvent>, Vec<bool>) = cases.into_iter().unzip();
        let events = chained(new);
        let mut chain = Chain::new(session());

        for (event, erased) in events.iter().zip(erased) {
            let content = content_digest(event);
            let blank = Event {
                message: String::new(),
                metadata: Map::new(),
                nonce: Nonce([0; 16]),
                ..event.clone()
            };
            let mut forged = content;
            forged.0[0] ^= 1;
            let broken = BrokenChain { seq: event.seq };
            assert_eq!(chain.verify(&Link::erased(&blank, forged), event.hash), Err(broken));

            let link = if erased { Link::erased(&blank, content) } else { Link::of(event) };
            chain.verify(&link, event.hash).unwrap();
        }
    });
}

#[test]
fn terminal_event_states_how_many_events_came_before_and_their_head() {
    holds(128, &vec(event(), 1..8), |new| {
        let mut before = Chain::new(session());

        for event in chained(new) {
            let states = json!({"count": before.count, "head": before.head});
            if event.kind.is_terminal() {
                assert_eq!(event.metadata["chain"], states);
            } else {
                assert_ne!(event.metadata.get("chain"), Some(&states));
            }
            before = Chain { count: event.seq, head: event.hash };
        }
    });
}

#[test]
fn the_same_words_in_two_events_have_different_digests() {
    holds(32, &(event(), any::<[u8; 16]>()), |(event, salt)| {
        let again = NewEvent { nonce: Nonce(salt), ..event.clone() };

        let events = chained(vec![event, again]);

        assert_ne!(content_digest(&events[0]), content_digest(&events[1]));
    });
}
