//! A conversation of ordinary size, and the ports' stand-ins for time.

use std::sync::Arc;

use serde_json::{Value, json};
use soma_core::contract::ledger::NOW;
use soma_core::contract::talk::{Talk, talk};
use soma_core::conversation::chain::Chain;
use soma_core::conversation::event::{Event, EventType, NewEvent, Role, Seq};
use soma_core::ids::TurnId;
use soma_core::stream::delta::Delta;
use soma_inproc::ManualClock;

/// What a person says, about as long as people write.
pub(crate) const QUESTION: &str = "Could you look again at the figures of last week, and tell me which of the three offers \
     is the cheapest if we also count the transport to the harbour?";

/// What is answered, of some eighty words.
pub(crate) const ANSWER: &str = "If the transport is counted, the second offer is the cheapest of the three. The first one \
     names a lower price, but it ends at the factory's gate: with the lorry, the insurance and two \
     days in the warehouse it comes out about four per cent above the second. The third is dearer \
     from the beginning, though it is the only one that promises a date. If the date matters more \
     to you than the price, I would ask the second firm whether it would promise one, too.";

/// A clock that stands still.
pub(crate) fn clock() -> Arc<ManualClock> {
    Arc::new(ManualClock::at(NOW))
}

/// A piece of the running answer: one word.
pub(crate) fn delta(talk: &Talk, turn: TurnId, number: u32) -> Delta {
    let word = "harbour ";
    let blank = Delta::new(talk.session_id, turn, Seq(0), 1);
    let offset = word.len() * usize::try_from(number).unwrap();
    blank.piece(offset, word)
}

/// The events of `turns` turns: a question, two steps on the way, and an answer each.
pub(crate) fn drafts(talk: &Talk, turns: u32) -> Vec<NewEvent> {
    (1..=turns).flat_map(|number| turn(talk, number)).collect()
}

fn turn(talk: &Talk, number: u32) -> [NewEvent; 4] {
    use EventType::{AssistantFinal, AssistantStarted, AssistantThinking, UserMessage};
    let asked = json!({"attachments": [], "client": {"channel": "web"}});
    let analysis = json!({"analysis": {"intent": "question", "words": 27}});
    let used = json!({"prompt_tokens": 412, "completion_tokens": 96, "estimated": false});
    let told = json!({"model": "acme/small", "finish": "stop", "usage": used});
    let event = |kind: EventType, role, message: &str, metadata: Value| NewEvent {
        event_id: talk.event(&format!("{}/{number}", kind.as_str())),
        turn_id: Some(talk.turn(number)),
        role,
        kind,
        message: message.into(),
        metadata: metadata.as_object().cloned().unwrap_or_default(),
        ..talk.said("")
    };
    [
        event(UserMessage, Role::User, QUESTION, asked),
        event(AssistantStarted, Role::Assistant, "", json!({})),
        event(AssistantThinking, Role::Assistant, "", analysis),
        event(AssistantFinal, Role::Assistant, ANSWER, told),
    ]
}

/// The same events, numbered and chained.
pub(crate) fn events(talk: &Talk, turns: u32) -> Vec<Event> {
    let mut chain = Chain::new(talk.session_id);
    let drafts = drafts(talk, turns).into_iter();
    drafts.map(|draft| chain.append(talk.session_id, draft)).collect()
}

/// The conversation that is measured.
pub(crate) fn conversation() -> Talk {
    talk(1)
}
