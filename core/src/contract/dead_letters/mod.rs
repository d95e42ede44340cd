//! The suite of [`DeadLetters`](crate::ports::DeadLetters).
#![expect(missing_docs, reason = "the name of a case is its sentence")]

mod listing;
mod redriving;

use uuid::Uuid;

use super::ledger::{Ledger, MANY};
use super::talk::{Talk, trace};
use crate::outbox::dead::{DeadLetter, Headers, Origin};
use crate::outbox::message::OutboxMessage;
use crate::outbox::topic::Topic;
use crate::ports::dead_letters::{KeptLetter, LetterRange};
use crate::work::commit::Commit;
pub use listing::*;
pub use redriving::*;

super::suite! { dead_letters:
    letters_are_listed_as_they_were_set_aside,
    letters_of_one_topic_are_listed_alone,
    pages_show_every_letter_once_in_either_order,
    letter_is_found_by_its_id,
    depth_tells_how_many_letters_a_topic_has_and_since_when,
    letters_of_an_erased_session_are_gone,
    letters_survive_a_restart,
    redriven_letter_is_in_the_outbox_as_it_was_sent_and_no_letter_any_more,
    memory_write_that_is_redriven_is_due_again,
    letters_that_are_redriven_together_keep_their_order,
    second_redrive_does_nothing_and_says_so,
    redrives_at_the_same_time_send_it_once,
    letter_that_cannot_be_redriven_stays_and_the_others_go,
    what_is_set_aside_again_is_a_new_letter,
    dropped_letter_is_gone_for_good,
    redriven_letter_of_an_erased_session_is_not_sent,
}

/// Sets letters aside, in their order.
async fn set_aside(ledger: &Ledger, talk: &Talk, letters: impl IntoIterator<Item = DeadLetter>) {
    let dead = letters.into_iter().collect();
    ledger.commit(Commit { dead, ..talk.commit() }).await;
}

/// A letter of a record of a topic that says this.
fn letter(talk: &Talk, topic: Topic, text: &str) -> DeadLetter {
    let message = talk.message(topic, text);
    let headers = Headers { trace: trace(), ..Headers::to_send(&message) };
    let (payload, origin) = Origin::message(&message.payload, headers);
    DeadLetter { topic, payload, origin, ..talk.letter(text) }
}

/// The message that the letter is of.
fn sent(talk: &Talk, topic: Topic, text: &str) -> OutboxMessage {
    OutboxMessage { trace: trace(), ..talk.message(topic, text) }
}

/// Every letter, the oldest first.
async fn all(ledger: &Ledger) -> Vec<KeptLetter> {
    ledger.dead_letters.list(None, LetterRange::After(0), MANY).await.unwrap()
}

fn letters(kept: &[KeptLetter]) -> Vec<DeadLetter> {
    kept.iter().map(|kept| kept.letter.clone()).collect()
}

fn ids(kept: &[KeptLetter]) -> Vec<Uuid> {
    kept.iter().map(|kept| kept.id).collect()
}
