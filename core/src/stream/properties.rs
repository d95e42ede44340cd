//! What a client assembles is the answer, byte for byte: for any cut into deltas, any restarts, any
//! loss, repetition and reordering of deltas, and any places where it comes back.

use std::collections::BTreeSet;
use std::sync::Arc;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;

use super::answer::{RunningAnswer, apply};
use super::cursor::Cursor;
use super::delta::Delta;
use super::resume::{Frame, FrameBody, Progress, Style};
use crate::conversation::chain::{Chain, Link};
use crate::conversation::event::{Event, EventType, Seq};
use crate::ids::TurnId;
use crate::testing::broadcast::{Item, scripts};
use crate::testing::holds;

/// What happens between workers, gateways and a client.
#[derive(Clone, Debug)]
enum Move {
    /// Workers publish.
    Publish(usize),
    /// A delta reaches the gateway; maybe not the oldest, maybe again later.
    Arrive { which: Index, again: bool },
    /// A delta is lost.
    Lose(Index),
    /// The gateway sends durable events.
    SendEvents(usize),
    /// The log brings the gateway a durable event, whatever the client has seen.
    OfferEvent(Index),
    /// The gateway sends of the running answer.
    SendAnswer,
    /// The client comes back; so many frames had not reached it.
    Return { unseen: usize },
    /// The client comes back with nothing but a durable event's number.
    StartOver { unseen: usize },
}

fn moves() -> impl Strategy<Value = Move> {
    let near = any::<Index>;
    prop_oneof![
        6 => (1_usize..5).prop_map(Move::Publish),
        8 => (near(), prop::bool::weighted(0.2)).prop_map(|(which, again)| Move::Arrive { which, again }),
        1 => near().prop_map(Move::Lose),
        6 => (1_usize..4).prop_map(Move::SendEvents),
        2 => near().prop_map(Move::OfferEvent),
        8 => Just(Move::SendAnswer),
        2 => (0_usize..4).prop_map(|unseen| Move::Return { unseen }),
        1 => (0_usize..4).prop_map(|unseen| Move::StartOver { unseen }),
    ]
}

/// A client that does what the README tells clients to do.
struct Client {
    cursor: Cursor,
    chain: Chain,
    text: String,
    answered: BTreeSet<TurnId>,
    /// The turn and attempt of the pieces in `text`.
    of: Option<(TurnId, u32)>,
    /// The number of the last piece of this attempt.
    index: usize,
    ended: usize,
}

impl Client {
    fn take(&mut self, frame: &Frame) {
        match &frame.body {
            FrameBody::Event(event) => self.event(event),
            FrameBody::Deleted => panic!("nothing is deleted here"),
            FrameBody::Reasoning { .. } => panic!("nobody thinks here"),
            FrameBody::Answer { turn_id, attempt, stream_index, offset, text, style } => {
                assert!(
                    self.of.is_none_or(|of| of == (*turn_id, *attempt)),
                    "pieces of two answers"
                );
                self.of = Some((*turn_id, *attempt));
                assert!(*stream_index > self.index, "a client drops what it takes for a repeat");
                self.index = *stream_index;
                match style {
                    Style::Deltas => {
                        assert_eq!(*offset, self.text.len(), "a gap or a repeat");
                        assert!(!text.is_empty());
                        self.text.push_str(text);
                    }
                    Style::Cumulative => {
                        assert!(text.starts_with(&self.text), "what was shown is taken back");
                        self.text.clone_from(text);
                    }
                }
            }
        }
        self.cursor = frame.cursor.to_string().parse().unwrap();
    }

    fn event(&mut self, event: &Event) {
        self.chain.verify(&Link::of(event), event.hash).unwrap();
        if event.kind == EventType::AssistantRestarted {
            self.forget();
        }
        if event.kind.is_terminal() {
            let told = if event.kind == EventType::AssistantFinal {
                event.message.as_str()
            } else {
                event.metadata["text"].as_str().unwrap()
            };
            assert_eq!(self.text, told);
            assert!(self.of.is_none_or(|(turn, _)| Some(turn) == event.turn_id));
            self.forget();
            self.ended += 1;
            assert!(self.answered.insert(event.turn_id.unwrap()));
        }
    }

    fn forget(&mut self) {
        self.text.clear();
        self.of = None;
        self.index = 0;
    }
}

/// Workers, one gateway and one client.
struct World {
    style: Style,
    items: Vec<Item>,
    published: usize,
    on_the_way: Vec<Delta>,
    running: Option<RunningAnswer>,
    progress: Progress,
    sent: Vec<Frame>,
    client: Client,
}

impl World {
    fn new(items: Vec<Item>, style: Style) -> Self {
        let Some(Item::Event(first)) = items.first() else { panic!("it begins with a message") };
        let client = Client {
            cursor: Cursor::default(),
            chain: Chain::new(first.session_id),
            text: String::new(),
            answered: BTreeSet::new(),
            of: None,
            index: 0,
            ended: 0,
        };
        let progress = Progress::new(Cursor::default(), style, Seq(0));
        let (on_the_way, sent) = (Vec::new(), Vec::new());
        Self { style, items, published: 0, on_the_way, running: None, progress, sent, client }
    }

    fn durable(&self) -> Vec<Arc<Event>> {
        let events = self.items[..self.published].iter().filter_map(|item| match item {
            Item::Event(event) => Some(Arc::clone(event)),
            Item::Delta(_) => None,
        });
        events.collect()
    }

    fn make(&mut self, step: &Move) {
        match step {
            Move::Publish(count) => self.publish(*count),
            Move::Arrive { which, again } => {
                if !self.on_the_way.is_empty() {
                    // One of the oldest: a log keeps the order but for what is sent again.
                    let which = which.index(self.on_the_way.len().min(3));
                    let delta = self.on_the_way[which].clone();
                    apply(&mut self.running, &delta);
                    if !again {
                        self.on_the_way.remove(which);
                    }
                }
            }
            Move::Lose(which) => {
                if !self.on_the_way.is_empty() {
                    self.on_the_way.remove(which.index(self.on_the_way.len()));
                }
            }
            Move::SendEvents(count) => self.send_events(*count),
            Move::OfferEvent(which) => {
                let events = self.durable();
                if !events.is_empty() {
                    let event = Arc::clone(&events[which.index(events.len())]);
                    self.sent.extend(self.progress.event(event));
                }
            }
            Move::SendAnswer => {
                let frame = self.running.as_ref().and_then(|running| self.progress.answer(running));
                self.sent.extend(frame);
            }
            Move::Return { unseen } => {
                self.receive(*unseen);
                self.follow_from(self.client.cursor);
            }
            Move::StartOver { unseen } => {
                self.receive(*unseen);
                self.client.forget();
                self.client.cursor = Cursor::after(self.client.cursor.seq);
                self.follow_from(self.client.cursor);
            }
        }
    }

    fn publish(&mut self, count: usize) {
        let until = (self.published + count).min(self.items.len());
        for item in &self.items[self.published..until] {
            if let Item::Delta(delta) = item {
                self.on_the_way.push(delta.clone());
            }
        }
        self.published = until;
    }

    fn send_events(&mut self, count: usize) {
        let seen = self.progress.cursor().seq;
        let next = self.durable().into_iter().filter(|event| event.seq > seen).take(count);
        for event in next {
            self.sent.extend(self.progress.event(event));
        }
    }

    /// The client sees what was sent, but for the last frames.
    fn receive(&mut self, unseen: usize) {
        let seen = self.sent.len().saturating_sub(unseen);
        for frame in self.sent.drain(..).take(seen) {
            self.client.take(&frame);
        }
    }

    fn follow_from(&mut self, cursor: Cursor) {
        let events = self.durable();
        let mut seen = events.iter().rev().filter(|event| event.seq <= cursor.seq);
        let ended = seen.find(|event| event.kind.ends_answer()).map(|event| event.seq);
        self.progress = Progress::new(cursor, self.style, ended.unwrap_or_default());
    }

    fn finish(&mut self) {
        self.publish(self.items.len());
        self.send_events(usize::MAX);
        self.receive(0);
    }
}

fn styles() -> impl Strategy<Value = Style> {
    prop_oneof![Just(Style::Deltas), Just(Style::Cumulative)]
}

#[test]
fn what_a_client_assembles_is_the_answer_byte_for_byte() {
    holds(160, &(scripts(), styles(), vec(moves(), 0..120)), |(script, style, moves)| {
        let mut world = World::new(script.play(), style);

        for step in &moves {
            world.make(step);
        }
        world.finish();

        assert_eq!(world.client.ended, script.turns());
        assert_eq!(world.client.cursor, Cursor::after(Seq(world.durable().len() as u64)));
    });
}

/// Whether this delta has reached a client, if its answer has not ended meanwhile. A piece may come again
/// when the client has more than it.
fn reached(world: &World, delta: &Delta) -> bool {
    let events = world.durable();
    let mut seen = events.iter().rev();
    let ended = seen.find(|event| event.kind.ends_answer()).map_or(Seq(0), |event| event.seq);
    delta.after_seq < ended || world.client.text.len() >= delta.offset + delta.delta.len()
}

#[test]
fn text_reaches_a_client_while_it_is_said_if_nothing_is_lost() {
    holds(96, &(scripts(), styles()), |(script, style)| {
        let mut world = World::new(script.play(), style);

        while world.published < world.items.len() {
            world.publish(1);
            world.send_events(1);
            while let Some(delta) = world.on_the_way.pop() {
                apply(&mut world.running, &delta);
                world.make(&Move::SendAnswer);
                world.receive(0);
                assert!(reached(&world, &delta), "{delta:?} after {:?}", world.client.text);
            }
        }
    });
}
