//! What holds for the history of any session and any budget.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;

use super::tests::{Recording, assistant, call_id, characters, turn, user};
use super::*;
use crate::testing::{holds, text};

/// A turn of the past.
#[derive(Clone, Debug)]
struct Past {
    said: String,
    calls: Vec<Answered>,
    /// What was answered, or as much of it as there was.
    answer: Result<String, String>,
    /// Whether the message was accepted while the turn before was running.
    early: bool,
    /// Whether the session is reset once it is over.
    reset: bool,
}

/// When a tool answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answered {
    InTime,
    AfterTheEnd,
    Never,
}

fn past() -> impl Strategy<Value = Past> {
    let answered = prop_oneof![
        4 => Just(Answered::InTime),
        1 => Just(Answered::AfterTheEnd),
        1 => Just(Answered::Never),
    ];
    let words = (text(10), text(10));
    let flags = (any::<bool>(), any::<bool>(), prop::bool::weighted(0.1));
    (words, vec(answered, 0..4), flags).prop_map(
        |((said, answer), calls, (failed, early, reset))| {
            let answer = if failed { Err(answer) } else { Ok(answer) };
            Past { said, calls, answer, early, reset }
        },
    )
}

/// Any session that is about to answer its newest turn, which is the number after the last of the
/// past; `waiting` more messages wait behind it.
#[derive(Clone, Debug)]
struct Session {
    past: Vec<Past>,
    current: Past,
    waiting: usize,
}

fn sessions() -> impl Strategy<Value = Session> {
    (vec(past(), 0..7), past(), 0_usize..3).prop_map(|(past, current, waiting)| Session {
        past,
        current,
        waiting,
    })
}

impl Past {
    /// The results that come then, in another order than the requests.
    fn results(&self, number: usize, when: Answered, recording: &mut Recording) {
        for (call, answered) in self.calls.iter().enumerate().rev() {
            if *answered == when {
                recording.result(number, call);
            }
        }
    }

    /// What a model is shown of it.
    fn blocks(&self, number: usize) -> Vec<Vec<ChatMessage>> {
        let mut blocks = vec![vec![user(&self.said)]];
        let done: Vec<usize> =
            (0..self.calls.len()).filter(|call| self.calls[*call] != Answered::Never).collect();
        if !done.is_empty() {
            let tool_calls = done.iter().map(|call| ModelToolCall {
                id: call_id(number, *call),
                name: "echo".into(),
                arguments: "{}".into(),
            });
            let asked =
                ChatMessage::Assistant { content: String::new(), tool_calls: tool_calls.collect() };
            let results = done.iter().map(|call| ChatMessage::Tool {
                tool_call_id: call_id(number, *call),
                content: "result".into(),
            });
            blocks.push(std::iter::once(asked).chain(results).collect());
        }
        let (Ok(answer) | Err(answer)) = &self.answer;
        if !answer.is_empty() {
            blocks.push(vec![assistant(answer)]);
        }
        blocks
    }
}

impl Session {
    fn current(&self) -> TurnId {
        turn(self.past.len())
    }

    fn record(&self) -> Vec<Event> {
        let mut recording = Recording::default();
        let turns: Vec<&Past> = self.past.iter().chain([&self.current]).collect();
        recording.said(0, &turns[0].said);
        for (number, pair) in turns.windows(2).enumerate() {
            let (past, next) = (pair[0], pair[1]);
            recording.started(number);
            (0..past.calls.len()).for_each(|call| recording.requested(number, call));
            if next.early {
                recording.said(number + 1, &next.said);
            }
            past.results(number, Answered::InTime, &mut recording);
            match &past.answer {
                Ok(text) => recording.answered(number, text),
                Err(text) => recording.failed(number, text),
            }
            past.results(number, Answered::AfterTheEnd, &mut recording);
            if past.reset {
                recording.reset();
            }
            if !next.early {
                recording.said(number + 1, &next.said);
            }
        }
        recording.started(self.past.len());
        (0..self.waiting).for_each(|later| recording.said(turns.len() + later, "later"));
        recording.events
    }

    /// Everything that may be shown, oldest first.
    fn blocks(&self) -> Vec<Vec<ChatMessage>> {
        let reset = self.past.iter().rposition(|past| past.reset);
        let shown = |number: usize, past: &Past| match reset {
            Some(reset) => number > reset + usize::from(past.early),
            None => true,
        };
        let turns = self.past.iter().enumerate().filter(|(number, past)| shown(*number, past));
        turns.flat_map(|(number, past)| past.blocks(number)).collect()
    }
}

fn cost(block: &[ChatMessage]) -> Tokens {
    block.iter().map(|message| message.tokens(&characters)).sum()
}

#[test]
fn history_is_the_newest_that_fits_and_nothing_else() {
    holds(256, &(sessions(), 0_u64..200), |(session, budget)| {
        let all = session.blocks();

        let window = window(&session.record(), session.current(), budget, &characters);

        let shown: Vec<Vec<ChatMessage>> =
            window.blocks.iter().map(|block| block.messages.clone()).collect();
        assert!(all.ends_with(&shown), "{shown:#?} is no end of {all:#?}");
        assert_eq!(window.tokens, shown.iter().map(|block| cost(block)).sum::<Tokens>());
        assert!(window.tokens <= budget);
        if let Some(next) = all.iter().rev().nth(shown.len()) {
            assert!(window.tokens + cost(next) > budget, "there is room for {next:?}");
        }
    });
}

#[test]
fn no_call_is_parted_from_its_result() {
    holds(256, &(sessions(), 0_u64..200, any::<Index>()), |(session, budget, from)| {
        let events = session.record();
        let from = from.index(events.len());

        let window = window(&events[from..], session.current(), budget, &characters);

        for Block { messages, .. } in &window.blocks {
            let mut asked = Vec::new();
            let mut answered = Vec::new();
            for message in messages {
                match message {
                    ChatMessage::Assistant { tool_calls, .. } => {
                        asked.extend(tool_calls.iter().map(|call| &call.id));
                    }
                    ChatMessage::Tool { tool_call_id, .. } => answered.push(tool_call_id),
                    ChatMessage::System { .. } | ChatMessage::User { .. } => {}
                }
            }
            assert_eq!(asked, answered);
        }
    });
}

#[test]
fn history_of_a_part_of_the_events_is_an_end_of_the_whole_history() {
    holds(256, &(sessions(), any::<Index>()), |(session, from)| {
        let events = session.record();
        let from = from.index(events.len());

        let part = window(&events[from..], session.current(), Tokens::MAX, &characters);

        let shown: Vec<Vec<ChatMessage>> =
            part.blocks.into_iter().map(|block| block.messages).collect();
        let all = session.blocks();
        assert!(all.ends_with(&shown), "{shown:#?} is no end of {all:#?}");
    });
}

#[test]
fn recorded_history_is_read_again_from_any_page_that_holds_it() {
    let cases = (sessions(), 0_u64..200, any::<Index>(), any::<Index>(), any::<Index>());
    holds(256, &cases, |(session, budget, seen, from, until)| {
        let events = session.record();
        let seen = seen.index(events.len());
        let chosen = window(&events[seen..], session.current(), budget, &characters);
        let from = from.index(seen + 1);
        let last = chosen.events().iter().max().map_or(0, |last| usize::try_from(last.0).unwrap());
        let until = last + until.index(events.len() - last + 1);

        let page = &events[from.min(until)..until];

        assert_eq!(recorded(page, session.current(), &chosen.events()), chosen.blocks);
    });
}

#[test]
fn order_in_which_events_are_read_does_not_matter() {
    let cases = (sessions(), 0_u64..200);
    let shuffled = cases.prop_flat_map(|(session, budget)| {
        let events = session.record();
        (Just(session), Just(budget), Just(events.clone()), Just(events).prop_shuffle())
    });
    holds(128, &shuffled, |(session, budget, events, shuffled)| {
        let current = session.current();

        let window = |events: &[Event]| window(events, current, budget, &characters);

        assert_eq!(window(&shuffled), window(&events));
    });
}
