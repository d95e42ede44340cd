//! What workers publish of a session, drawn at random: durable events and deltas in the order they
//! are made, by the rules of the flow that answers messages.

use std::sync::Arc;

use proptest::collection::vec;
use proptest::prelude::*;

use crate::conversation::chain::Chain;
use crate::conversation::event::Event;
use crate::digest::Nonce;
use crate::ids::{SessionId, TurnId};
use crate::stream::delta::Delta;
use crate::testing::course::{Chance, Course, Taken, chances, courses, second, turn_id};
use crate::testing::text;
use crate::turn::input::Input;
use crate::turn::step::{EventDraft, Generate, Request};

/// One thing that is published.
#[derive(Clone, Debug)]
pub(crate) enum Item {
    Event(Arc<Event>),
    Delta(Delta),
}

/// The turns of a session, and how their answers are cut.
#[derive(Clone, Debug)]
pub(crate) struct Script {
    scenes: Vec<Scene>,
    /// The lengths of deltas, in characters, over and over.
    cuts: Vec<usize>,
}

/// One turn.
#[derive(Clone, Debug)]
struct Scene {
    course: Course,
    /// Whether the message is accepted while the turn before is answered.
    early: bool,
    /// What a worker streams before it dies, and what it streams once it was taken for dead.
    lost: (String, String),
}

/// Any session of one to three turns, most of which reach a model.
pub(crate) fn scripts() -> impl Strategy<Value = Script> {
    let scenes = (1_usize..4).prop_flat_map(|count| (1..=count).map(scene).collect::<Vec<_>>());
    (scenes, vec(1_usize..6, 1..8)).prop_map(|(scenes, cuts)| Script { scenes, cuts })
}

fn scene(number: usize) -> impl Strategy<Value = Scene> {
    let id = turn_id(number as u128);
    (courses(id), vec(chances(), 0..16), any::<bool>(), (text(8), text(8))).prop_map(
        move |(course, then, early, lost)| {
            let opening = Chance::Answer { text: String::new(), tools: 0, amount: 100 };
            let chances = vec![opening; 5].into_iter().chain(then).collect();
            Scene { course: Course { chances, ..course }, early, lost }
        },
    )
}

impl Script {
    /// Everything that is published.
    pub(crate) fn play(&self) -> Vec<Item> {
        let session = self.scenes[0].course.accepted.session_id;
        let cuts = Box::new(self.cuts.iter().copied().cycle());
        let mut stage =
            Stage { session, chain: Chain::new(session), items: Vec::new(), cuts, waiting: None };
        let taken: Vec<Vec<Taken>> = self.scenes.iter().map(|scene| scene.course.run()).collect();
        let mut accepted = 0;
        for (index, scene) in self.scenes.iter().enumerate() {
            if accepted == index {
                stage.record(scene.course.id, &taken[index][0].step.effects.record);
                accepted += 1;
            }
            if let Some(next) = self.scenes.get(index + 1).filter(|next| next.early) {
                let message = taken[index + 1][0].step.effects.record.clone();
                stage.waiting = Some((next.course.id, message));
                accepted += 1;
            }
            stage.answer(scene, &taken[index]);
        }
        stage.items
    }

    /// How many turns there are.
    pub(crate) fn turns(&self) -> usize {
        self.scenes.len()
    }
}

struct Stage<'a> {
    session: SessionId,
    chain: Chain,
    items: Vec<Item>,
    cuts: Box<dyn Iterator<Item = usize> + 'a>,
    /// A message that comes in while a turn is answered.
    waiting: Option<(TurnId, Vec<EventDraft>)>,
}

impl Stage<'_> {
    /// One turn, from its message on.
    fn answer(&mut self, scene: &Scene, taken: &[Taken]) {
        let id = scene.course.id;
        let mut known = self.chain.count;
        for (index, pair) in taken.windows(2).enumerate() {
            let late = match &pair[0].step.request {
                Some(Request::Generate(generate)) => {
                    let delta = Delta::new(self.session, id, known, generate.attempt);
                    self.stream(&delta, generate, &pair[1].input.input, &scene.lost)
                }
                Some(_) | None => Vec::new(),
            };
            if index + 2 == taken.len() {
                self.let_in();
            }
            let record = &pair[1].step.effects.record;
            self.record(id, record);
            if !record.is_empty() {
                known = self.chain.count;
            }
            self.items.extend(late);
        }
    }

    /// The deltas of one model call. Returns those that its worker sends when another has taken
    /// over.
    fn stream(
        &mut self,
        blank: &Delta,
        generate: &Generate,
        then: &Input,
        lost: &(String, String),
    ) -> Vec<Item> {
        let (said, after) = if let Input::ModelAnswered(answer) = then {
            (&answer.text, "")
        } else if let Input::ModelFailed { text, .. }
        | Input::Released { text, .. }
        | Input::Cancelled { text, .. } = then
        {
            (text, "")
        } else {
            (&lost.0, lost.1.as_str())
        };
        let in_time = format!("{}{said}", generate.kept);
        let whole = format!("{in_time}{after}");
        let mut late = Vec::new();
        let mut from = generate.streamed;
        while from < whole.len() {
            let in_time = from < in_time.len();
            let end = if in_time { whole.len() - after.len() } else { whole.len() };
            let length = self.cuts.next().unwrap();
            let mut ends = whole[from..end].char_indices().map(|(place, _)| from + place);
            let until = ends.nth(length).unwrap_or(end);
            let delta = whole[from..until].to_owned();
            let piece = blank.clone().piece(from, delta);
            if in_time {
                self.items.push(Item::Delta(piece));
                self.let_in();
            } else {
                late.push(Item::Delta(piece));
            }
            from = until;
        }
        late
    }

    /// Accepts the message that waits, if there is one.
    fn let_in(&mut self) {
        if let Some((turn, message)) = self.waiting.take() {
            self.record(turn, &message);
        }
    }

    fn record(&mut self, turn: TurnId, drafts: &[EventDraft]) {
        for (draft, number) in drafts.iter().zip(self.chain.count.0..) {
            let mut draft = draft.clone();
            if self
                .items
                .iter()
                .any(|item| matches!(item, Item::Event(e) if e.event_id == draft.event_id))
            {
                // Every course accepts the same message; here they are different ones.
                draft.event_id = crate::ids::EventId::derived(turn, "accepted");
            }
            let salt = Nonce([u8::try_from(number % 251).unwrap(); 16]);
            let at = second(usize::try_from(number).unwrap());
            let event = self.chain.append(self.session, draft.seal(Some(turn), None, at, salt));
            self.items.push(Item::Event(Arc::new(event)));
        }
    }
}
