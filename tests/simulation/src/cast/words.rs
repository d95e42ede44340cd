//! What a message says decides what becomes of it, so that a run from which messages are left out
//! does the same to the others.

use std::fmt;
use std::time::Duration;

use soma_simulated::Chance;

use super::swarm::Swarm;
use crate::pace::Pace;

/// How the calls of the model go wrong.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Trouble {
    /// They do not.
    #[default]
    None,
    /// The answer breaks off.
    Cut,
    /// Nothing comes, until it is given up after so many seconds.
    Hang(u64),
    /// It is busy, and says for how many seconds.
    Busy(u64),
    /// It cannot be reached.
    Down,
    /// A filter refuses.
    Filter,
    /// It says nothing at all.
    Empty,
    /// It kills the worker that asks.
    Poison,
}

/// What usage a model tells.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Told {
    /// What it used.
    #[default]
    Truth,
    /// Nothing.
    Nothing,
    /// More than it was allowed, as a model does that sums up what it repeats.
    TooMuch,
}

/// What a message says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Words {
    /// Tells it from others.
    pub number: u64,
    /// How many pieces the answer has.
    pub pieces: u64,
    /// How long the model takes for each, in milliseconds.
    pub pace: u64,
    /// The tools that are asked for, round by round, by their initials.
    pub rounds: Vec<String>,
    /// What goes wrong.
    pub trouble: Trouble,
    /// In how many calls it does; 9 is always.
    pub times: u64,
    /// Whether it does so again after each round of tools.
    pub again: bool,
    /// After how many pieces, if the answer has begun by then.
    pub at: u64,
    /// What the model says that it used.
    pub told: Told,
}

impl Words {
    /// What is said as the `number`-th message of a run.
    pub fn draw(chance: &mut Chance, swarm: &Swarm, number: u64) -> Self {
        let rounds =
            if chance.one_in(swarm.tools) { *chance.pick(&[1, 1, 1, 2, 2, 3, 5]) } else { 0 };
        let trouble = if chance.one_in(swarm.trouble) {
            *chance.pick(&[
                Trouble::Cut,
                Trouble::Cut,
                Trouble::Hang(swarm.pace.of(1, 6)),
                Trouble::Busy(busy_seconds(swarm.pace, number)),
                Trouble::Down,
                Trouble::Filter,
                Trouble::Empty,
                Trouble::Poison,
            ])
        } else {
            Trouble::None
        };
        let pieces = 1 + chance.below(5);
        Self {
            number,
            pieces,
            pace: if chance.one_in(swarm.slow) {
                chance.below(swarm.pace.of(2_000, 4_000))
            } else {
                chance.below(30)
            },
            rounds: (0..rounds).map(|_| tools(chance, swarm)).collect(),
            trouble,
            times: *chance.pick(&[1, 1, 1, 2, 2, 9]),
            again: trouble != Trouble::None && chance.one_in(3),
            at: if trouble == Trouble::None { 0 } else { chance.below(pieces + 1) },
            told: *chance.pick(&[Told::Truth, Told::Truth, Told::Nothing, Told::TooMuch]),
        }
    }

    /// How long the model takes for a piece.
    pub fn pause(&self) -> Duration {
        Duration::from_millis(self.pace)
    }

    /// What goes wrong in the model's `call`-th call of a turn, from 0, which is the `of_round`-th since
    /// tools were asked for last.
    pub fn trouble(&self, call: u64, of_round: u64) -> Trouble {
        let call = if self.again { of_round } else { call };
        if call < self.times || self.times == 9 { self.trouble } else { Trouble::None }
    }

    /// Reads what was said; what is not of this kind says nothing.
    pub fn parse(text: &str) -> Self {
        let mut words = Self { pieces: 1, ..Self::default() };
        for word in text.split(' ') {
            let (name, value) = word.split_at_checked(1).unwrap_or_default();
            let number = value.parse().unwrap_or_default();
            match (name, value) {
                ("m", _) => words.number = number,
                ("p", _) => words.pieces = number,
                ("d", _) => words.pace = number,
                ("t", _) => words.rounds.push(value.to_owned()),
                ("x", _) => words.times = number,
                ("r", "") => words.again = true,
                ("w", _) => words.at = number,
                ("c", "") => words.trouble = Trouble::Cut,
                ("h", seconds) if seconds.parse::<u64>().is_ok() => {
                    words.trouble = Trouble::Hang(number);
                }
                ("b", _) => words.trouble = Trouble::Busy(number),
                ("u", "") => words.trouble = Trouble::Down,
                ("f", "") => words.trouble = Trouble::Filter,
                ("e", "") => words.trouble = Trouble::Empty,
                ("k", "") => words.trouble = Trouble::Poison,
                ("n", "") => words.told = Told::Nothing,
                ("l", "") => words.told = Told::TooMuch,
                _ => {}
            }
        }
        words
    }
}

/// A busy model's wait: at times longer than a turn waits for it.
fn busy_seconds(pace: Pace, number: u64) -> u64 {
    match number % 4 {
        0 => 0,
        1 => 1,
        2 => pace.of(2, 7),
        _ => 90,
    }
}

/// One to three tools of one round.
fn tools(chance: &mut Chance, swarm: &Swarm) -> String {
    let many = 1 + chance.below(3);
    let mut tool = || {
        let any = if chance.one_in(swarm.fatal_tools) {
            *chance.pick(&['k', 'K', 'y'])
        } else {
            *chance.pick(&['e', 'e', 'c', 's', swarm.pace.of('e', 's'), 'b', 'd'])
        };
        if chance.one_in(swarm.slow_tools) { 's' } else { any }
    };
    (0..many).map(|_| tool()).collect()
}

impl fmt::Display for Words {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "m{} p{} d{}", self.number, self.pieces, self.pace)?;
        for round in &self.rounds {
            write!(f, " t{round}")?;
        }
        match self.trouble {
            Trouble::None => {}
            Trouble::Cut => f.write_str(" c")?,
            Trouble::Hang(seconds) => write!(f, " h{seconds}")?,
            Trouble::Busy(seconds) => write!(f, " b{seconds}")?,
            Trouble::Down => f.write_str(" u")?,
            Trouble::Filter => f.write_str(" f")?,
            Trouble::Empty => f.write_str(" e")?,
            Trouble::Poison => f.write_str(" k")?,
        }
        if self.trouble != Trouble::None {
            write!(f, " x{} w{}", self.times, self.at)?;
        }
        if self.again {
            f.write_str(" r")?;
        }
        match self.told {
            Told::Truth => Ok(()),
            Told::Nothing => f.write_str(" n"),
            Told::TooMuch => f.write_str(" l"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_is_understood() {
        let swarm = Swarm { trouble: 1, tools: 2, slow: 2, ..Swarm::default() };
        let mut chance = Chance::new(7);

        for number in 0..500 {
            let words = Words::draw(&mut chance, &swarm, number);
            assert_eq!(Words::parse(&words.to_string()), words, "{words}");
        }
    }

    #[test]
    fn what_is_not_of_this_kind_asks_for_a_short_answer() {
        for text in ["", "hello", "come", "漢字", "t", "m-1", "  "] {
            let words = Words::parse(text);
            assert_eq!((words.pieces, words.trouble), (1, Trouble::None), "{text:?}");
        }
    }

    #[test]
    fn trouble_passes_unless_it_is_for_good() {
        let twice = Words::parse("m1 p2 d0 c x2 w1");
        let always = Words::parse("m1 p2 d0 k x9 w0");

        assert_eq!(
            [0, 1, 2].map(|call| twice.trouble(call, 0) == Trouble::Cut),
            [true, true, false]
        );
        assert_eq!(always.trouble(1_000, 9), Trouble::Poison);
    }
}
