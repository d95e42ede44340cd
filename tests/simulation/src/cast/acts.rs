//! What clients do.

use std::collections::BTreeMap;
use std::time::Duration;

use soma_core::flows::submit_message::WhenBusy;
use soma_core::ids::TenantId;
use soma_core::stream::resume::Style;
use soma_simulated::Chance;

use super::swarm::Swarm;
use super::words::Words;

/// One thing a client does.
#[derive(Clone, Debug)]
pub enum Act {
    /// Says something, until it is accepted or refused.
    Say {
        /// What.
        words: Words,
        /// What to do if a turn of the session is running.
        when_busy: WhenBusy,
        /// Whether policy denies it.
        denied: Denied,
        /// Whether it asks for the stronger model.
        escalated: bool,
        /// How many requests with the same key are under way at once.
        copies: u64,
    },
    /// Follows the stream.
    Read {
        /// For so long.
        span: Duration,
        /// How long it takes over each frame.
        pause: Duration,
    },
    /// Sends its last message again, under the same key.
    SayAgain,
    /// Sends something else, or the same elsewhere, under the same key.
    Misuse,
    /// Does nothing for a while, not even read.
    Wait(Duration),
    /// Breaks the connection.
    Leave,
    /// Cancels what is unfinished.
    Cancel,
    /// Runs a tool, by its initial.
    Request(char),
    /// Tries to get at another tenant's session.
    Pry,
    /// Looks at its sessions, and at the events of its own.
    Look,
    /// Deletes the session; then it is done.
    Delete,
}

/// Whether policy denies a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Denied {
    /// It does.
    Yes,
    /// It does not.
    No,
}

/// What a client is going to do.
#[derive(Clone, Debug)]
pub struct Part {
    /// Its tenant.
    pub tenant: TenantId,
    /// How it wants the running answer.
    pub style: Style,
    /// What it does, each with its place among the acts of all clients.
    pub acts: Vec<(usize, Act)>,
}

impl Part {
    /// The parts of all clients of a run.
    pub fn draw(chance: &mut Chance, swarm: &Swarm, tenants: &[TenantId]) -> Vec<Self> {
        let parts = (0..swarm.sessions).map(|_| Self {
            tenant: match tenants.first() {
                Some(flooding) if swarm.flood && !chance.one_in(4) => flooding.clone(),
                _ => chance.pick(tenants).clone(),
            },
            style: if chance.one_in(5) { Style::Cumulative } else { Style::Deltas },
            acts: Vec::new(),
        });
        let mut parts: Vec<Self> = parts.collect();
        let mut place = 0;
        let mut said: Vec<Words> = Vec::new();
        let mut said_by: BTreeMap<TenantId, u64> = BTreeMap::new();
        for number in 0..swarm.messages {
            let index = chance.index(parts.len());
            let of_tenant = said_by.entry(parts[index].tenant.clone()).or_default();
            let number = if swarm.alike { *of_tenant } else { number };
            *of_tenant += 1;
            let known = said.iter().find(|words| words.number == number).cloned();
            let words = known.unwrap_or_else(|| Words::draw(chance, swarm, number));
            said.push(words.clone());
            let act = say(chance, swarm, words);
            for act in std::iter::once(act).chain(others(chance, swarm)) {
                parts[index].acts.push((place, act));
                place += 1;
            }
        }
        parts
    }
}

fn say(chance: &mut Chance, swarm: &Swarm, words: Words) -> Act {
    Act::Say {
        words,
        when_busy: *chance.pick(&[
            WhenBusy::Enqueue,
            WhenBusy::Enqueue,
            WhenBusy::Enqueue,
            WhenBusy::Reject,
            WhenBusy::Interrupt,
        ]),
        denied: if chance.one_in(swarm.denied) { Denied::Yes } else { Denied::No },
        escalated: chance.one_in(swarm.escalated),
        copies: if chance.one_in(swarm.repeats) { 2 + chance.below(2) } else { 1 },
    }
}

/// What follows upon a message.
fn others(chance: &mut Chance, swarm: &Swarm) -> Vec<Act> {
    let mut acts = Vec::new();
    let (short, long) = (Duration::from_millis(1), swarm.pace.longest_act());
    if chance.one_in(3) {
        let span = chance.span(short, long);
        let pause = if chance.one_in(swarm.slow) { span / 3 } else { Duration::ZERO };
        acts.push(Act::Read { span, pause });
    }
    if chance.one_in(swarm.waits * 2) {
        acts.push(Act::Wait(chance.span(short, long)));
    }
    for (often, act) in [
        (swarm.repeats * 2, Act::SayAgain),
        (swarm.repeats * 6, Act::Misuse),
        (swarm.leaves, Act::Leave),
        (swarm.cancels, Act::Cancel),
        (swarm.requests, Act::Request(*chance.pick(&requested(swarm)))),
        (swarm.pries, Act::Pry),
        (swarm.pries, Act::Look),
        (swarm.deletes * swarm.pace.of(2, 3), Act::Delete),
    ] {
        if chance.one_in(often) {
            acts.push(act);
        }
    }
    acts
}

/// The tools that people run themselves.
const fn requested(swarm: &Swarm) -> [char; 6] {
    let last = if swarm.fatal_tools > 0 { 'K' } else { 'e' };
    ['e', 'c', 'd', 'd', 's', last]
}
