//! What a naive client knows of a session: it clears its text when the answer restarts, appends what
//! comes, and compares at the terminal event.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use soma_core::conversation::event::{Event, EventType, Seq};
use soma_core::ids::TurnId;
use soma_core::stream::cursor::Cursor;
use soma_core::stream::resume::{Frame, FrameBody, Style};

use super::speech::flaw;
use super::words::Words;
use crate::audit::{Audit, Invariant};

/// What a client knows.
#[derive(Debug)]
pub(super) struct View {
    audit: Arc<Audit>,
    /// The last id it saw, as text: what it sends as `Last-Event-ID`.
    cursor: Option<String>,
    /// Turns that ended.
    pub(super) ended: BTreeSet<TurnId>,
    /// Turns that did not yet, and the numbers of their messages.
    asked: BTreeMap<TurnId, u64>,
    /// The text of the running answer.
    text: String,
    /// The number of the last piece of it.
    index: usize,
    /// What the last id says.
    at: Cursor,
}

impl View {
    /// A client that has seen nothing.
    pub(super) fn new(audit: Arc<Audit>) -> Self {
        Self {
            audit,
            cursor: None,
            ended: BTreeSet::new(),
            asked: BTreeMap::new(),
            text: String::new(),
            index: 0,
            at: Cursor::default(),
        }
    }

    /// The number of the last event it saw.
    pub(super) const fn seq(&self) -> Seq {
        self.at.seq
    }

    /// How many pieces of the running answer it saw.
    pub(super) const fn pieces(&self) -> usize {
        self.index
    }

    /// Where it is.
    pub(super) fn position(&self) -> Cursor {
        let parsed = self.cursor.as_deref().map(str::parse);
        match parsed {
            None => Cursor::default(),
            Some(Ok(cursor)) => cursor,
            Some(Err(error)) => {
                self.audit.violate(Invariant::Assembled, format!("an id cannot be read: {error}"));
                Cursor::default()
            }
        }
    }

    /// Takes a frame in, and finds what is wrong with it.
    pub(super) fn take(&mut self, frame: &Frame) {
        match &frame.body {
            FrameBody::Event(event) => self.event(event, frame.cursor),
            // What is thought is shown and not kept: nothing is promised of it.
            FrameBody::Reasoning { .. } => self.goes_on(frame.cursor),
            FrameBody::Deleted => {
                let what = "a stream says that its session was deleted, and it was not".into();
                self.audit.violate(Invariant::NothingLost, what);
            }
            FrameBody::Answer { offset, text, turn_id, style, stream_index, .. } => {
                self.goes_on(frame.cursor);
                self.counts_up(*stream_index, *turn_id);
                match style {
                    Style::Cumulative => self.replace(text, *turn_id),
                    Style::Deltas => self.append(*offset, text, *turn_id),
                }
            }
        }
        self.cursor = Some(frame.cursor.to_string());
        self.at = frame.cursor;
    }

    /// The id of a piece lies after the last one, and before the next event.
    fn goes_on(&self, cursor: Cursor) {
        let place = |cursor: Cursor| (cursor.seq, cursor.answer.attempt, cursor.answer.bytes);
        if cursor.seq != self.at.seq || place(cursor) <= place(self.at) {
            let what = format!("a piece with the id {cursor} came after {}", self.at);
            self.audit.violate(Invariant::Order, what);
        }
    }

    /// A client that drops what it takes for a repeat, by the number of the piece, drops nothing.
    fn counts_up(&mut self, index: usize, turn: TurnId) {
        if index <= self.index {
            let what = format!("piece {index} of {turn} came after piece {}", self.index);
            self.audit.violate(Invariant::Order, what);
        }
        self.index = index;
    }

    fn replace(&mut self, text: &str, turn: TurnId) {
        if !text.starts_with(&self.text) {
            let what = format!("the answer of {turn} became another without a restart");
            self.audit.violate(Invariant::Assembled, what);
        }
        text.clone_into(&mut self.text);
    }

    fn append(&mut self, offset: usize, piece: &str, turn: TurnId) {
        let at = self.text.len();
        if offset != at {
            let what = format!("a piece for byte {offset} of {turn} came at byte {at}");
            self.audit.violate(Invariant::Assembled, what);
        }
        self.text.push_str(piece);
    }

    fn event(&mut self, event: &Event, cursor: Cursor) {
        if event.seq != self.at.seq.next() || cursor.seq != event.seq {
            let what = format!(
                "event {} came as {cursor} after {} in {}",
                event.seq.0, self.at, event.session_id
            );
            self.audit.violate(Invariant::Order, what);
        }
        match (event.kind, event.turn_id) {
            (EventType::AssistantRestarted, _) => {
                self.text.clear();
                self.index = 0;
            }
            (EventType::UserMessage, Some(turn)) => {
                self.asked.insert(turn, Words::parse(&event.message).number);
            }
            (kind, Some(turn)) if kind.is_terminal() => self.end(event, turn),
            _ => {}
        }
    }

    fn end(&mut self, event: &Event, turn: TurnId) {
        let text = std::mem::take(&mut self.text);
        self.index = 0;
        if text != event.answer() {
            let what = format!("{turn} assembled {text:?}, it is {:?}", event.answer());
            self.audit.violate(Invariant::Assembled, what);
        }
        match self.asked.remove(&turn) {
            None => {
                let what = format!("{turn} ended without its message, or twice");
                self.audit.violate(Invariant::NothingDuplicated, what);
            }
            Some(number) => {
                if let Some(flaw) = flaw(event.answer(), number) {
                    let what = format!("{turn} was answered {:?}: {flaw}", event.answer());
                    self.audit.violate(Invariant::Assembled, what);
                }
            }
        }
        self.ended.insert(turn);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Map, json};
    use soma_core::conversation::chain::Chain;
    use soma_core::conversation::event::{NewEvent, Role};
    use soma_core::digest::Nonce;
    use soma_core::ids::{EventId, SessionId};
    use soma_core::stream::answer::RunningAnswer;
    use soma_core::stream::resume::Progress;
    use soma_core::time::Timestamp;
    use soma_inproc::{InprocLedger, ManualClock};

    use super::super::speech::piece;
    use super::*;

    const TURN: &str = "00000000-0000-7000-8000-000000000001";
    const SESSION: &str = "00000000-0000-7000-8000-000000000002";

    fn audit() -> Arc<Audit> {
        let clock = Arc::new(ManualClock::at(Timestamp::from_micros(0)));
        Audit::new(Arc::new(InprocLedger::new(clock)), None)
    }

    /// The events of a turn that was answered at its second attempt.
    fn events(answer: &str) -> Vec<Arc<Event>> {
        let (turn, session): (TurnId, SessionId) =
            (TURN.parse().unwrap(), SESSION.parse().unwrap());
        let mut chain = Chain::new(session);
        let kinds = [
            (EventType::UserMessage, "m7 p3 d0", 1),
            (EventType::AssistantStarted, "", 1),
            (EventType::AssistantRestarted, "", 2),
            (EventType::AssistantFinal, answer, 2),
        ];
        let events = kinds.map(|(kind, message, attempt)| {
            let event = NewEvent {
                event_id: EventId::derived(turn, kind.as_str()),
                turn_id: Some(turn),
                persona_id: None,
                role: Role::Assistant,
                kind,
                message: message.to_owned(),
                metadata: Map::from_iter([("attempt".to_owned(), json!(attempt))]),
                occurred_at: Timestamp::from_micros(0),
                nonce: Nonce([0; 16]),
            };
            Arc::new(chain.append(session, event))
        });
        events.into()
    }

    fn running(attempt: u32, after: u64, text: &str) -> RunningAnswer {
        RunningAnswer {
            turn_id: TURN.parse().unwrap(),
            attempt,
            after_seq: Seq(after),
            reasoning: None,
            text: text.to_owned(),
        }
    }

    /// What a gateway sends: half of the answer while it runs, and the rest at its end.
    fn frames(style: Style, answer: &str) -> Vec<Frame> {
        let mut progress = Progress::new(Cursor::default(), style, Seq(0));
        let mut frames = Vec::new();
        let half = answer.get(..piece(7, 1, 0).len()).unwrap_or_default();
        for event in events(answer) {
            let seq = event.seq;
            frames.extend(progress.event(event));
            match seq.0 {
                2 => frames.extend(progress.answer(&running(1, 2, "void"))),
                3 => frames.extend(progress.answer(&running(2, 3, half))),
                _ => {}
            }
        }
        frames
    }

    fn answer() -> String {
        (0..3).map(|index| piece(7, 1, index)).collect()
    }

    fn violations(frames: &[Frame]) -> Vec<Invariant> {
        let audit = audit();
        let mut view = View::new(Arc::clone(&audit));
        for frame in frames {
            view.take(frame);
        }
        audit.violations().iter().map(|violation| violation.invariant).collect()
    }

    #[test]
    fn what_a_gateway_sends_is_in_order_in_either_style() {
        for style in [Style::Deltas, Style::Cumulative] {
            let frames = frames(style, &answer());

            assert_eq!(frames.len(), 7);
            assert_eq!(violations(&frames), []);
        }
    }

    #[test]
    fn a_frame_that_is_lost_or_comes_twice_is_seen() {
        for style in [Style::Deltas, Style::Cumulative] {
            let frames = frames(style, &answer());
            let whole = |at: usize| style == Style::Cumulative && is_piece(&frames[at]);
            for at in 0..frames.len() - 1 {
                let mut lost = frames.clone();
                lost.remove(at);
                let mut twice = frames.clone();
                twice.insert(at, frames[at].clone());

                // A piece that is void, and a whole text before a longer one, may well be lost.
                let missed = is_piece(&frames[at]) && (at == 2 || whole(at) && at != 5);
                assert_eq!(violations(&lost).is_empty(), missed, "{style:?} without {at}");
                assert!(!violations(&twice).is_empty(), "{style:?} with {at} twice");
            }
        }
    }

    fn is_piece(frame: &Frame) -> bool {
        matches!(frame.body, FrameBody::Answer { .. })
    }

    #[test]
    fn an_answer_that_was_garbled_before_it_was_sent_is_seen() {
        let garbled = piece(7, 1, 0) + &piece(7, 1, 2);
        let of_another = piece(7, 1, 0) + &piece(8, 1, 1);

        for answer in [garbled, of_another] {
            assert_eq!(violations(&frames(Style::Deltas, &answer)), [Invariant::Assembled]);
        }
    }

    #[test]
    fn a_turn_that_ends_twice_is_seen() {
        let frames = frames(Style::Deltas, "");
        let mut again = frames.last().unwrap().clone();
        if let FrameBody::Event(event) = &mut again.body {
            Arc::make_mut(event).seq = Seq(5);
            again.cursor.seq = Seq(5);
        }
        let frames: Vec<_> = frames.into_iter().chain([again]).collect();

        assert!(violations(&frames).contains(&Invariant::NothingDuplicated));
    }
}
