//! Cases about what is kept, and for whom.

use std::sync::Arc;

use super::{event, found, query, remember, remember_one, said, session, tenant};
use crate::contract::Fixture;
use crate::memory::{MemoryHit, MemoryWrite, RecallQuery};
use crate::ports::Memory;

/// Texts that break parsers, encoders and C strings.
const STRANGE: [&str; 12] = [
    "",
    "   ",
    "\0",
    "nul\0inside",
    "\u{1f980}\u{1f468}\u{200d}\u{1f469}\u{200d}\u{1f467}",
    "\"*",
    "((unbalanced",
    "a OR b) AND NOT NEAR(c, 2) ^d {e}:f",
    "'; DROP TABLE memories; --",
    "\u{feff}\u{202e}\u{fffd}\u{fdd0}\r\n\t",
    "e\u{301}\u{327}\u{20dd}",
    "* - + : \" ' ` \\ % _ \\0",
];

/// A hit carries what was remembered.
pub async fn memory_is_answered_as_it_was_remembered<F>(fixture: F)
where
    F: Fixture<Port = Arc<dyn Memory>>,
{
    let memory = fixture.open().await;
    let write = said(1, "the heron stands\nin the \"water\"");

    remember_one(&memory, &write).await;

    let hits = memory.recall(&query("heron")).await.unwrap();
    let expected = MemoryHit {
        key: write.key,
        event_id: write.event_id,
        session_id: write.session_id,
        role: write.role,
        text: write.text,
        score: hits.first().map_or(0.0, |hit| hit.score),
        at: write.at,
    };
    assert_eq!(hits, [expected]);
}

/// A memory that is remembered again under its key is there once, as it is now.
pub async fn same_key_replaces<F>(fixture: F)
where
    F: Fixture<Port = Arc<dyn Memory>>,
{
    let memory = fixture.open().await;
    let before = said(1, "the heron stands");
    let after = MemoryWrite { text: "the osprey flies".into(), ..before.clone() };

    remember_one(&memory, &before).await;
    remember_one(&memory, &after).await;
    remember_one(&memory, &after).await;

    assert_eq!(found(&memory, &query("osprey")).await, ["the osprey flies"]);
    assert_eq!(found(&memory, &query("heron")).await, [""; 0]);
    assert_eq!(found(&memory, &query("")).await, ["the osprey flies"]);
}

/// A memory is found by its own tenant only, by words, by its whole text, and by nothing.
pub async fn other_tenant_is_never_answered<F>(fixture: F)
where
    F: Fixture<Port = Arc<dyn Memory>>,
{
    let memory = fixture.open().await;
    remember(&memory, &["the heron stands"]).await;

    for text in ["heron", "the heron stands", ""] {
        let other = RecallQuery { tenant: tenant("bolt"), ..query(text) };

        assert_eq!(found(&memory, &other).await, [""; 0], "{text:?}");
        assert_eq!(found(&memory, &query(text)).await, ["the heron stands"], "{text:?}");
    }
}

/// Nothing of a forgotten session is found.
pub async fn forgotten_session_is_gone<F>(fixture: F)
where
    F: Fixture<Port = Arc<dyn Memory>>,
{
    let memory = fixture.open().await;
    remember(&memory, &["the heron stands", "the osprey flies"]).await;

    memory.forget_session(&tenant("acme"), session(1)).await.unwrap();
    memory.forget_session(&tenant("acme"), session(1)).await.unwrap();

    for text in ["heron", "the osprey flies", ""] {
        assert_eq!(found(&memory, &query(text)).await, [""; 0], "{text:?}");
    }
}

/// Forgetting a session of one tenant leaves its others, and the same id of another tenant.
pub async fn forgetting_leaves_other_sessions_and_tenants<F>(fixture: F)
where
    F: Fixture<Port = Arc<dyn Memory>>,
{
    let memory = fixture.open().await;
    let elsewhere = MemoryWrite { session_id: session(2), ..said(1, "the heron stands") };
    let others =
        MemoryWrite { key: "bolt/2".into(), tenant: tenant("bolt"), ..said(2, "the heron flies") };
    remember_one(&memory, &elsewhere).await;
    remember_one(&memory, &others).await;

    memory.forget_session(&tenant("acme"), session(1)).await.unwrap();

    let bolt = RecallQuery { tenant: tenant("bolt"), ..query("heron") };
    assert_eq!(found(&memory, &query("heron")).await, ["the heron stands"]);
    assert_eq!(found(&memory, &bolt).await, ["the heron flies"]);
}

/// Whatever was said is remembered, and answered byte for byte.
pub async fn no_text_is_too_strange_to_be_remembered<F>(fixture: F)
where
    F: Fixture<Port = Arc<dyn Memory>>,
{
    let memory = fixture.open().await;
    let long = "word ".repeat(50_000);
    let texts: Vec<&str> = STRANGE.into_iter().chain([long.as_str()]).collect();
    remember(&memory, &texts).await;

    let everything = RecallQuery { limit: 100, ..query("") };
    let mut found = found(&memory, &everything).await;

    found.reverse();
    assert_eq!(found, texts);
}

/// Whatever is asked is answered, if only by nothing.
pub async fn no_query_is_too_strange_to_be_answered<F>(fixture: F)
where
    F: Fixture<Port = Arc<dyn Memory>>,
{
    let memory = fixture.open().await;
    remember(&memory, &["the heron stands", "\"*", "a OR b"]).await;
    let long = "heron \" OR ( ".repeat(20_000);

    for text in STRANGE.into_iter().chain([long.as_str(), "heron\"", "NEAR heron*", "\0heron"]) {
        let except = vec![event(2)];
        let answer = memory.recall(&RecallQuery { except, ..query(text) }).await;

        assert!(answer.is_ok(), "{text:?}: {answer:?}");
    }
}
