//! Cases about what is found, and in which order.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::{event, found, query, remember, remember_one, said};
use crate::contract::Fixture;
use crate::memory::RecallQuery;
use crate::ports::Memory;

const BIRDS: [&str; 6] = [
    "My sister breeds herons near the old mill",
    "The mill was closed in the year of the great flood",
    "We went to the market to buy bread, cheese and wine",
    "Remind me to call the plumber about the kitchen",
    "The flood took the bridge, and the market moved",
    "My brother wants to buy the old bridge",
];

/// Each memory is found by a word that only it has.
pub async fn rare_word_finds_its_memory<F>(fixture: F)
where
    F: Fixture<Port = Arc<dyn Memory>>,
{
    let memory = fixture.open().await;
    remember(&memory, &BIRDS).await;

    for (word, text) in [("herons", 0), ("closed", 1), ("cheese", 2), ("plumber", 3), ("took", 4)] {
        assert_eq!(found(&memory, &query(word)).await, [BIRDS[text]], "{word}");
    }
}

/// Case and accents of text and query do not matter.
pub async fn rare_word_finds_whatever_its_case_and_accents<F>(fixture: F)
where
    F: Fixture<Port = Arc<dyn Memory>>,
{
    let memory = fixture.open().await;
    let texts = ["Guarda la CONFIGURACIÓN del sistema", "The café in Łódź", "Тёплый ЧАЙ"];
    remember(&memory, &texts).await;

    for (word, text) in [
        ("configuracion", 0),
        ("Configuración", 0),
        ("configuracio\u{301}n", 0),
        ("CAFE", 1),
        ("cafe\u{301}", 1),
        ("чай", 2),
    ] {
        assert_eq!(found(&memory, &query(word)).await, [texts[text]], "{word}");
    }
}

/// Where words are not separated, two characters are enough.
pub async fn part_of_a_chinese_sentence_finds_it<F>(fixture: F)
where
    F: Fixture<Port = Arc<dyn Memory>>,
{
    let memory = fixture.open().await;
    let texts = ["我们讨论了系统架构和部署", "明天去北京开会", "東京タワーに行きたい"];
    remember(&memory, &texts).await;

    for (word, text) in [("架构", 0), ("北京", 1), ("タワー", 2)] {
        assert_eq!(found(&memory, &query(word)).await, [texts[text]], "{word}");
    }
}

/// A memory with both words comes before those with one.
pub async fn best_memory_comes_first<F>(fixture: F)
where
    F: Fixture<Port = Arc<dyn Memory>>,
{
    let memory = fixture.open().await;
    remember(&memory, &BIRDS).await;

    let hits = memory.recall(&query("who wants the bridge")).await.unwrap();

    assert_eq!(hits.first().map(|hit| hit.text.as_str()), Some(BIRDS[5]));
    assert!(hits.is_sorted_by(|a, b| a.score >= b.score), "{hits:?}");
}

/// The very text that is asked for comes first, with the highest score.
pub async fn exact_text_comes_before_everything<F>(fixture: F)
where
    F: Fixture<Port = Arc<dyn Memory>>,
{
    let memory = fixture.open().await;
    remember(&memory, &["heron", "heron heron heron", "a heron, and another heron"]).await;

    let hits = memory.recall(&query("heron")).await.unwrap();

    assert_eq!(hits.len(), 3);
    assert_eq!(hits.first().map(|hit| (hit.text.as_str(), hit.score)), Some(("heron", 1.0)));
}

/// Every score is from 0 to 1, also of what is of the strangest importance.
pub async fn scores_are_from_zero_to_one<F>(fixture: F)
where
    F: Fixture<Port = Arc<dyn Memory>>,
{
    let memory = fixture.open().await;
    for (number, importance) in (1..).zip([0.0, 1.0, -7.0, 7.0, f64::NAN, f64::INFINITY]) {
        let write = said(number, &format!("heron number {number}"));
        remember_one(&memory, &crate::memory::MemoryWrite { importance, ..write }).await;
    }

    for text in ["heron", "heron number 1", "", "number osprey"] {
        let hits = memory.recall(&RecallQuery { limit: 10, ..query(text) }).await.unwrap();

        assert_eq!(hits.len(), 6, "{text:?}");
        assert!(hits.iter().all(|hit| (0.0..=1.0).contains(&hit.score)), "{text:?}: {hits:?}");
    }
}

/// At most `limit` memories are returned, none twice.
pub async fn no_more_than_the_limit_are_answered_each_once<F>(fixture: F)
where
    F: Fixture<Port = Arc<dyn Memory>>,
{
    let memory = fixture.open().await;
    for number in 1..=9 {
        remember_one(&memory, &said(number, &format!("heron heron {number}"))).await;
    }

    for (text, limit) in [("heron", 4), ("heron heron 3", 4), ("", 4), ("heron", 0), ("heron", 50)]
    {
        let hits = memory.recall(&RecallQuery { limit, ..query(text) }).await.unwrap();

        let keys: BTreeSet<_> = hits.iter().map(|hit| hit.key.as_str()).collect();
        assert_eq!(keys.len(), hits.len(), "{text:?}: {hits:?}");
        assert_eq!(hits.len(), limit.min(9), "{text:?}");
    }
}

/// What is in the window already is not answered, not even as the exact text.
pub async fn excepted_events_are_left_out<F>(fixture: F)
where
    F: Fixture<Port = Arc<dyn Memory>>,
{
    let memory = fixture.open().await;
    remember(&memory, &["the heron stands", "the heron flies"]).await;

    for text in ["heron", "the heron flies", ""] {
        let query = RecallQuery { except: vec![event(2)], ..query(text) };

        assert_eq!(found(&memory, &query).await, ["the heron stands"], "{text:?}");
    }
}

/// However many events are excepted, the limit is of others.
pub async fn excepted_events_do_not_take_the_place_of_others<F>(fixture: F)
where
    F: Fixture<Port = Arc<dyn Memory>>,
{
    let memory = fixture.open().await;
    for number in 1..=250 {
        remember_one(&memory, &said(number, "heron heron heron")).await;
    }
    remember_one(&memory, &said(251, "one heron among others of another kind")).await;

    let except: Vec<_> = (1..=250).map(event).collect();
    for text in ["heron", ""] {
        let query = RecallQuery { except: except.clone(), ..query(text) };

        assert_eq!(
            found(&memory, &query).await,
            ["one heron among others of another kind"],
            "{text:?}"
        );
    }
}

/// Without a question, the newest memories are returned, newest first.
pub async fn empty_query_answers_the_newest<F>(fixture: F)
where
    F: Fixture<Port = Arc<dyn Memory>>,
{
    let memory = fixture.open().await;
    for number in [3, 1, 4, 2] {
        remember_one(&memory, &said(number, &format!("number {number}"))).await;
    }

    for text in ["", " \n"] {
        let newest = RecallQuery { limit: 3, ..query(text) };

        assert_eq!(found(&memory, &newest).await, ["number 4", "number 3", "number 2"], "{text:?}");
    }
}

/// A word that nobody said finds nothing.
pub async fn what_fits_nothing_finds_nothing<F>(fixture: F)
where
    F: Fixture<Port = Arc<dyn Memory>>,
{
    let memory = fixture.open().await;
    remember(&memory, &BIRDS).await;

    assert_eq!(found(&memory, &query("zeppelin")).await, [""; 0]);
}
