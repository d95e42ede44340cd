//! Which work kills its workers, and which only happened to be there when one was killed.
//!
//! Nobody can see why a process died. So nothing is counted against work that died in company: it
//! becomes suspect, and is worked on again beside fewer suspects than before, until it is on trial:
//! the only suspect that its owner holds, and the only one on trial at all. What dies on trial is
//! counted; after [`MOST_TRIES`] it is given up. Between two trials the court adjourns: if owners die
//! then, too, somebody kills them from outside, a death on trial proves nothing, and what was counted
//! is forgotten.
//!
//! Work that kills whoever takes it up is on trial after at most a few deaths (64 claims at once, then
//! 16, then 4 suspects, then 1) and given up after three more.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::time::Timestamp;

/// Work that failed, or killed its worker on trial, so often is given up.
pub const MOST_TRIES: u32 = 3;
/// How long nothing is tried after a death on trial.
pub const ADJOURNMENT: Duration = Duration::from_secs(10);

/// As many suspects as there are: said of work that is none.
const ANY: u32 = u32::MAX;
/// After a death in company work is tried again beside at least so many suspects.
const FIRST_COMPANY: u32 = 4;
/// By how much the company of suspects shrinks with each death.
const SHRINKS_BY: u32 = 4;

/// What is held against a piece of work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Suspicion {
    /// The most suspects, itself included, that its owner may hold: `u32::MAX` if it is not a suspect,
    /// 1 if it is on trial.
    pub company: u32,
    /// How often it failed, or killed its worker on trial, since it last made progress.
    pub tries: u32,
    /// How many owners had died with nothing on trial when it was judged last.
    pub deaths: u64,
}

impl Default for Suspicion {
    /// None.
    fn default() -> Self {
        Self { company: ANY, tries: 0, deaths: 0 }
    }
}

impl Suspicion {
    /// Whether its last worker died.
    pub const fn is_suspect(self) -> bool {
        self.company != ANY
    }

    /// Whether the next death is counted.
    pub const fn is_on_trial(self) -> bool {
        self.company == 1
    }

    /// The work failed, and would fail again.
    #[must_use]
    pub const fn failed(self) -> Self {
        Self { tries: self.tries.saturating_add(1), ..self }
    }

    /// It died on trial, or all alone.
    const fn tried(self, deaths: u64) -> Self {
        let tries = if self.deaths < deaths { 0 } else { self.tries.saturating_add(1) };
        Self { tries, deaths, company: 1 }
    }
}

/// What is known of the deaths of those who work on one kind of work.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Court {
    /// How many owners died with nothing on trial.
    pub deaths: u64,
    /// Nothing is tried before this.
    pub resumes_at: Timestamp,
}

impl Court {
    /// Judges together all that a dead owner held.
    pub fn judge(&mut self, held: &mut [Suspicion], now: Timestamp) {
        let count = |held: usize| u32::try_from(held).unwrap_or(ANY - 1);
        let all = count(held.len());
        let suspects = count(held.iter().filter(|work| work.is_suspect()).count());
        let before = self.deaths;
        if held.iter().any(|work| work.is_on_trial()) {
            self.resumes_at = now + ADJOURNMENT;
        } else {
            self.deaths = before.saturating_add(1);
        }
        for work in held {
            let deaths = self.deaths;
            *work = if work.is_on_trial() {
                work.tried(before)
            } else if work.is_suspect() {
                let company = work.company.min(suspects) / SHRINKS_BY;
                Suspicion { company: company.max(1), deaths, ..*work }
            } else if all == 1 {
                Suspicion { deaths, ..*work }.tried(deaths)
            } else {
                let company = all.div_ceil(SHRINKS_BY).max(FIRST_COMPANY);
                Suspicion { company, deaths, ..*work }
            };
        }
    }

    /// Which suspects an owner may take up that holds none; `trial` says whether anybody holds work
    /// that is on trial.
    pub fn bench(&self, trial: bool, now: Timestamp) -> Bench {
        Bench { suspects: 0, company: ANY, trial: trial || now < self.resumes_at }
    }
}

/// Which suspects an owner may take up beside what it holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bench {
    suspects: u32,
    /// The least company that one of them bears.
    company: u32,
    /// Whether nothing else may be tried.
    trial: bool,
}

impl Bench {
    /// The owner holds this, too.
    pub fn add(&mut self, work: Suspicion) {
        if work.is_suspect() {
            self.suspects += 1;
            self.company = self.company.min(work.company);
            self.trial |= work.is_on_trial();
        }
    }

    /// The owner may take up whatever bears this company.
    pub fn least_company(&self) -> u32 {
        if self.suspects >= self.company {
            return ANY;
        }
        let beside = self.suspects.saturating_add(1);
        if self.trial { beside.max(2) } else { beside }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn suspect(company: u32) -> Suspicion {
        Suspicion { company, ..Suspicion::default() }
    }

    fn on_trial(tries: u32, deaths: u64) -> Suspicion {
        Suspicion { company: 1, tries, deaths }
    }

    const NOW: Timestamp = Timestamp::from_micros(1_762_171_200_000_000);

    fn court(deaths: u64) -> Court {
        Court { deaths, ..Court::default() }
    }

    fn judged(held: &[Suspicion], deaths: u64) -> (Vec<Suspicion>, u64) {
        let (mut held, mut court) = (held.to_vec(), court(deaths));
        court.judge(&mut held, NOW);
        (held, court.deaths)
    }

    #[test]
    fn work_that_dies_in_company_becomes_suspect_and_is_not_counted() {
        let (held, deaths) = judged(&[Suspicion::default(); 64], 7);

        assert_eq!(deaths, 8);
        assert_eq!(held, [Suspicion { company: 16, tries: 0, deaths: 8 }; 64]);
    }

    #[test]
    fn few_that_die_together_may_be_worked_on_together_once_more() {
        for count in [2, 3, 16] {
            let (held, _) = judged(&vec![Suspicion::default(); count], 0);

            assert!(held.iter().all(|work| (work.company, work.tries) == (4, 0)), "{held:?}");
        }
    }

    #[test]
    fn work_that_dies_alone_is_counted_and_given_up_after_three() {
        let (mut work, mut court) = ([Suspicion::default()], court(0));
        for tries in 1..=MOST_TRIES {
            court.judge(&mut work, NOW);

            assert_eq!((work[0].company, work[0].tries), (1, tries));
        }
        assert_eq!(court.deaths, 1, "a death on trial is no sign of others");
    }

    #[test]
    fn company_of_suspects_shrinks_until_one_is_on_trial() {
        let mut companies = Vec::new();
        let mut work = Suspicion::default();
        let mut beside = 64;
        while !work.is_on_trial() {
            work = judged(&vec![work; beside], 0).0[0];
            beside = beside.min(work.company as usize);
            companies.push(work.company);
        }

        assert_eq!(companies, [16, 4, 1]);
    }

    #[test]
    fn suspect_that_dies_beside_fewer_than_it_bears_is_suspected_the_more() {
        let (held, _) = judged(&[suspect(16), suspect(16), Suspicion::default()], 0);

        assert_eq!(held.iter().map(|work| work.company).collect::<Vec<_>>(), [1, 1, 4]);
        assert_eq!(held.iter().map(|work| work.tries).collect::<Vec<_>>(), [0, 0, 0]);
    }

    #[test]
    fn only_what_is_on_trial_is_counted() {
        let (held, deaths) = judged(&[on_trial(1, 5), Suspicion::default()], 5);

        assert_eq!(held[0], on_trial(2, 5));
        assert_eq!((held[1].company, held[1].tries), (4, 0));
        assert_eq!(deaths, 5);
    }

    #[test]
    fn owners_that_die_meanwhile_with_nothing_on_trial_are_the_proof_of_innocence() {
        let (mut work, mut court) = ([on_trial(2, 5)], court(5));
        court.judge(&mut [], NOW);

        court.judge(&mut work, NOW);

        assert_eq!(work, [on_trial(0, 6)]);
        court.judge(&mut work, NOW);
        assert_eq!(work, [on_trial(1, 6)], "nobody died meanwhile");
    }

    /// As under `kill -9` once in a while, whatever is worked on: the next owner begins at once.
    #[test]
    fn work_is_not_given_up_because_its_owners_are_killed_from_outside() {
        let (mut work, mut court) = ([Suspicion::default()], Court::default());
        let mut now = NOW;
        for _ in 0..100 {
            let tried = court.bench(false, now).least_company() <= work[0].company;
            court.judge(if tried { &mut work } else { &mut [] }, now);
            now = now + Duration::from_millis(1_600);

            assert!(work[0].tries < MOST_TRIES, "{work:?}");
        }
    }

    #[test]
    fn works_that_kill_in_turn_do_not_excuse_each_other() {
        let (mut works, mut court) = ([on_trial(0, 0); 2], Court::default());
        for _ in 0..MOST_TRIES {
            for work in &mut works {
                court.judge(std::slice::from_mut(work), NOW);
            }
        }

        assert_eq!(works.map(|work| work.tries), [MOST_TRIES; 2]);
    }

    #[test]
    fn nothing_is_tried_for_a_while_after_a_death_on_trial() {
        let mut court = Court::default();
        court.judge(&mut [Suspicion::default()], NOW);
        assert_eq!(court.bench(false, NOW).least_company(), 1, "the first death was none");

        court.judge(&mut [on_trial(1, 1)], NOW);

        let later = NOW + ADJOURNMENT;
        assert_eq!(court.bench(false, later - Duration::from_secs(1)).least_company(), 2);
        assert_eq!(court.bench(false, later).least_company(), 1);
    }

    #[test]
    fn bench_admits_as_many_suspects_as_each_of_them_bears() {
        let mut bench = Court::default().bench(false, NOW);
        assert_eq!(bench.least_company(), 1);
        bench.add(Suspicion::default());
        assert_eq!(bench.least_company(), 1, "what is no suspect does not matter");
        for held in 1..4 {
            bench.add(suspect(if held == 2 { 4 } else { 16 }));
            assert_eq!(bench.least_company(), held + 1);
        }
        bench.add(suspect(16));

        assert_eq!(bench.least_company(), ANY);
    }

    #[test]
    fn one_at_a_time_is_on_trial() {
        let mut owner = Court::default().bench(false, NOW);
        owner.add(on_trial(0, 0));
        let mut another = Court::default().bench(true, NOW);

        assert_eq!(owner.least_company(), ANY);
        assert_eq!(another.least_company(), 2);
        another.add(suspect(4));
        assert_eq!(another.least_company(), 2);
    }
}
