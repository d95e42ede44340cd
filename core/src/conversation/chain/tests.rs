//! A chain that was worked out elsewhere, and the text form of digests.

use serde_json::json;

use super::*;

/// Three events as clients get them.
///
/// Their hashes come from the formula of `docs/events.md`, written down in Python with `hashlib` and
/// `json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)`: another
/// implementation can check itself with them.
fn vector() -> [Event; 3] {
    let events = json!([
        {
            "event_id": "0198a0c0-0000-7000-8000-000000000003", "seq": 1,
            "session_id": "0198a0c0-0000-7000-8000-000000000001",
            "turn_id": "0198a0c0-0000-7000-8000-000000000002", "persona_id": "ada",
            "role": "user", "type": "user.message", "message": "Grüße, 世界 🦀\n",
            "metadata": {
                "lang": "de", "attachments": [], "priority": 3,
                "nested": {"b": [true, null, 1.5], "a": "\"é\""}
            },
            "version": "sa01-v1", "occurred_at": "2025-11-03T12:00:00.000001Z",
            "nonce": "00112233445566778899aabbccddeeff",
            "hash": "bbeef6b2cbf8e690cc557974881481b2a1d5f1dd03656e7ed29ff01a1143b08c"
        },
        {
            "event_id": "0198a0c0-0000-7000-8000-000000000004", "seq": 2,
            "session_id": "0198a0c0-0000-7000-8000-000000000001",
            "turn_id": null, "persona_id": null,
            "role": "system", "type": "session.reset", "message": "", "metadata": {},
            "version": "sa01-v1", "occurred_at": "2025-11-03T12:00:01.000000Z",
            "nonce": "ffffffffffffffffffffffffffffffff",
            "hash": "e1e9a8256f6a5775acf899f2531960b19f26d0e1d492de0d096121ce6002b419"
        },
        {
            "event_id": "0198a0c0-0000-7000-8000-000000000005", "seq": 3,
            "session_id": "0198a0c0-0000-7000-8000-000000000001",
            "turn_id": "0198a0c0-0000-7000-8000-000000000002", "persona_id": "ada",
            "role": "assistant", "type": "assistant.final", "message": "Hello.",
            "metadata": {
                "attempt": 1,
                "chain": {
                    "count": 2,
                    "head": "e1e9a8256f6a5775acf899f2531960b19f26d0e1d492de0d096121ce6002b419"
                }
            },
            "version": "sa01-v1", "occurred_at": "2025-11-03T12:00:02.500000Z",
            "nonce": "0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f",
            "hash": "660cd2cf302b75f686f0e1ede595f70a3a63dfc1d21520351216959222f86d09"
        }
    ]);
    serde_json::from_value(events).unwrap()
}

#[test]
fn chain_agrees_with_one_that_was_worked_out_elsewhere() {
    let events = vector();
    let mut chain = Chain::new(events[0].session_id);
    assert_eq!(
        chain.head.to_string(),
        "df5808fa7c4d16e50a6fd1d191ca925d63f65ddfc1882b47e6828357a6a6c4d5"
    );

    for event in &events {
        chain.verify(&Link::of(event), event.hash).unwrap();
    }

    assert_eq!(
        content_digest(&events[0]).to_string(),
        "d277b47dd3e1c4e942c4901120b316b152141003339d59867bb10c46547433f4"
    );
    assert_eq!(chain, Chain { count: Seq(3), head: events[2].hash });
}

#[test]
fn appending_makes_the_same_events() {
    let events = vector();
    let mut chain = Chain::new(events[0].session_id);

    for event in &events {
        let mut metadata = event.metadata.clone();
        metadata.remove("chain");
        let new = NewEvent {
            event_id: event.event_id,
            turn_id: event.turn_id,
            persona_id: event.persona_id.clone(),
            role: event.role,
            kind: event.kind,
            message: event.message.clone(),
            metadata,
            occurred_at: event.occurred_at,
            nonce: event.nonce,
        };
        assert_eq!(&chain.append(event.session_id, new), event);
    }
}

#[test]
fn number_that_skips_one_breaks_the_chain_even_if_its_hash_is_right() {
    let mut event = vector()[0].clone();
    event.seq = Seq(2);
    let mut forged = Chain::new(event.session_id);
    forged.advance(&Link::of(&event));
    let mut chain = Chain::new(event.session_id);

    let verified = chain.verify(&Link::of(&event), forged.head);

    assert_eq!(verified, Err(BrokenChain { seq: Seq(2) }));
    assert_eq!(chain, Chain::new(event.session_id));
}
