//! What model servers really send, one row per case: how it is named, what is sent, what is right.
//!
//! The cases are from public reports about systems of this kind. A model server that answers at all is
//! usable; an answer that arrived whole is never withdrawn, and one that broke off never shown as whole.
#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
#![expect(clippy::too_many_lines, reason = "a table is as long as it has rows")]

mod calls;
mod endings;
mod errors;
mod framing;
mod fuzz;
mod refusals;
mod row;
mod texts;
mod usage;

use row::{Row, play};

/// Plays all rows of a table, and tells of all that came out wrong.
async fn right(rows: Vec<Row>) {
    let mut names = std::collections::BTreeSet::new();
    let mut wrong = Vec::new();
    for row in rows {
        assert!(names.insert(row.name), "two rows are named {:?}", row.name);
        let seen = play(&row).await;
        if seen != row.right {
            wrong.push(format!("{}\n   right: {:?}\n    seen: {seen:?}", row.name, row.right));
        }
    }
    assert!(wrong.is_empty(), "{} rows came out wrong:\n{}", wrong.len(), wrong.join("\n"));
}

fn tables() -> [Vec<Row>; 7] {
    [
        calls::rows(),
        endings::rows(),
        errors::rows(),
        framing::rows(),
        texts::rows(),
        usage::rows(),
        refusals::rows(),
    ]
}

#[test]
fn tables_have_at_least_250_rows() {
    let rows: usize = tables().iter().map(Vec::len).sum();

    assert!(rows >= 250, "{rows}");
}

#[tokio::test]
async fn answers_are_whole_or_failed_as_their_servers_mean_it() {
    right(endings::rows()).await;
}

#[tokio::test]
async fn errors_in_the_place_of_an_answer_are_failures() {
    right(errors::rows()).await;
}

#[tokio::test]
async fn texts_are_read_however_they_are_written() {
    right(texts::rows()).await;
}

#[tokio::test]
async fn calls_are_put_together_however_they_are_written() {
    right(calls::rows()).await;
}

#[tokio::test]
async fn usage_that_cannot_be_right_is_none() {
    right(usage::rows()).await;
}

#[tokio::test]
async fn frames_are_read_however_they_are_set() {
    right(framing::rows()).await;
}

#[tokio::test]
async fn refusals_are_understood_in_all_wordings() {
    right(refusals::rows()).await;
}
