//! Which work kills its workers, and which only happened to be there when one was killed.
//!
//! Nobody can see why a process died. So nothing is counted against work whose worker died with other
//! work in hand: it becomes a suspect, and is claimed again beside fewer other suspects than before,
//! until it is isolated: the only suspect that its owner holds, and the only isolated one of all. A
//! death with isolated work is counted; after [`MOST_TRIES`] the work is given up. Between two of
//! them no work is isolated: if owners die then, too, somebody kills them from outside, a death with
//! isolated work proves nothing, and what was counted is forgotten.
//!
//! Work that kills whoever claims it is isolated after at most a few deaths (64 claims at once, then
//! 16, then 4 suspects, then 1) and given up after three more.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::time::Timestamp;

/// Work that failed, or killed its worker while isolated, so often is given up.
pub const MOST_TRIES: u32 = 3;
/// How long no work is isolated after a death with isolated work.
pub const ISOLATION_PAUSE: Duration = Duration::from_secs(10);

/// As many suspects as there are: said of work that is none.
const ANY: u32 = u32::MAX;
/// After its first death, work is claimed again with at most so many suspects, or more.
const FIRST_MAX_SUSPECTS: u32 = 4;
/// By how much the number of suspects together is divided with each death.
const SHRINKS_BY: u32 = 4;

/// What is held against a piece of work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Suspicion {
    /// The most suspects, itself included, that its owner may hold: `u32::MAX` if it is not a suspect,
    /// 1 if it is isolated.
    pub max_suspects: u32,
    /// How often it failed, or killed its worker while isolated, since it last made progress.
    pub tries: u32,
    /// How many owners had died with no isolated work when it was judged last.
    pub deaths: u64,
}

impl Default for Suspicion {
    /// None.
    fn default() -> Self {
        Self { max_suspects: ANY, tries: 0, deaths: 0 }
    }
}

impl Suspicion {
    /// Whether its last worker died.
    pub const fn is_suspect(self) -> bool {
        self.max_suspects != ANY
    }

    /// Whether the next death is counted.
    pub const fn is_isolated(self) -> bool {
        self.max_suspects == 1
    }

    /// The work failed, and would fail again.
    #[must_use]
    pub const fn failed(self) -> Self {
        Self { tries: self.tries.saturating_add(1), ..self }
    }

    /// Its worker died while it was isolated, or the only work in hand.
    const fn died_isolated(self, deaths: u64) -> Self {
        let tries = if self.deaths < deaths { 0 } else { self.tries.saturating_add(1) };
        Self { tries, deaths, max_suspects: 1 }
    }
}

/// What is known of the deaths of those who work on one kind of work.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Blame {
    /// How many owners died with no isolated work.
    pub deaths: u64,
    /// No work is isolated before this.
    pub resumes_at: Timestamp,
}

impl Blame {
    /// Judges together all that a dead owner held.
    pub fn judge(&mut self, held: &mut [Suspicion], now: Timestamp) {
        let count = |held: usize| u32::try_from(held).unwrap_or(ANY - 1);
        let all = count(held.len());
        let suspects = count(held.iter().filter(|work| work.is_suspect()).count());
        let before = self.deaths;
        if held.iter().any(|work| work.is_isolated()) {
            self.resumes_at = now + ISOLATION_PAUSE;
        } else {
            self.deaths = before.saturating_add(1);
        }
        for work in held {
            let deaths = self.deaths;
            *work = if work.is_isolated() {
                work.died_isolated(before)
            } else if work.is_suspect() {
                let max_suspects = work.max_suspects.min(suspects) / SHRINKS_BY;
                Suspicion { max_suspects: max_suspects.max(1), deaths, ..*work }
            } else if all == 1 {
                Suspicion { deaths, ..*work }.died_isolated(deaths)
            } else {
                let max_suspects = all.div_ceil(SHRINKS_BY).max(FIRST_MAX_SUSPECTS);
                Suspicion { max_suspects, deaths, ..*work }
            };
        }
    }

    /// Which suspects an owner may take up that holds none; `isolated` says whether anybody holds work
    /// that is isolated.
    pub fn suspect_limit(&self, isolated: bool, now: Timestamp) -> SuspectLimit {
        SuspectLimit { suspects: 0, max_suspects: ANY, isolated: isolated || now < self.resumes_at }
    }
}

/// Which suspects an owner may take up beside what it holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SuspectLimit {
    suspects: u32,
    /// The least `max_suspects` of one of them.
    max_suspects: u32,
    /// Whether nothing else may be tried.
    isolated: bool,
}

impl SuspectLimit {
    /// The owner holds this, too.
    pub fn add(&mut self, work: Suspicion) {
        if work.is_suspect() {
            self.suspects += 1;
            self.max_suspects = self.max_suspects.min(work.max_suspects);
            self.isolated |= work.is_isolated();
        }
    }

    /// The owner may claim work whose `max_suspects` is at least this.
    pub fn least_max_suspects(&self) -> u32 {
        if self.suspects >= self.max_suspects {
            return ANY;
        }
        let beside = self.suspects.saturating_add(1);
        if self.isolated { beside.max(2) } else { beside }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn suspect(max_suspects: u32) -> Suspicion {
        Suspicion { max_suspects, ..Suspicion::default() }
    }

    fn on_trial(tries: u32, deaths: u64) -> Suspicion {
        Suspicion { max_suspects: 1, tries, deaths }
    }

    const NOW: Timestamp = Timestamp::from_micros(1_762_171_200_000_000);

    fn blame(deaths: u64) -> Blame {
        Blame { deaths, ..Blame::default() }
    }

    fn judged(held: &[Suspicion], deaths: u64) -> (Vec<Suspicion>, u64) {
        let (mut held, mut blame) = (held.to_vec(), blame(deaths));
        blame.judge(&mut held, NOW);
        (held, blame.deaths)
    }

    #[test]
    fn work_that_dies_in_company_becomes_suspect_and_is_not_counted() {
        let (held, deaths) = judged(&[Suspicion::default(); 64], 7);

        assert_eq!(deaths, 8);
        assert_eq!(held, [Suspicion { max_suspects: 16, tries: 0, deaths: 8 }; 64]);
    }

    #[test]
    fn few_that_die_together_may_be_worked_on_together_once_more() {
        for count in [2, 3, 16] {
            let (held, _) = judged(&vec![Suspicion::default(); count], 0);

            assert!(held.iter().all(|work| (work.max_suspects, work.tries) == (4, 0)), "{held:?}");
        }
    }

    #[test]
    fn work_that_dies_alone_is_counted_and_given_up_after_three() {
        let (mut work, mut blame) = ([Suspicion::default()], blame(0));
        for tries in 1..=MOST_TRIES {
            blame.judge(&mut work, NOW);

            assert_eq!((work[0].max_suspects, work[0].tries), (1, tries));
        }
        assert_eq!(blame.deaths, 1, "a death with isolated work is no sign of others");
    }

    #[test]
    fn number_of_suspects_together_shrinks_until_one_is_isolated() {
        let mut sizes = Vec::new();
        let mut work = Suspicion::default();
        let mut beside = 64;
        while !work.is_isolated() {
            work = judged(&vec![work; beside], 0).0[0];
            beside = beside.min(work.max_suspects as usize);
            sizes.push(work.max_suspects);
        }

        assert_eq!(sizes, [16, 4, 1]);
    }

    #[test]
    fn suspect_that_dies_beside_fewer_than_it_bears_is_suspected_the_more() {
        let (held, _) = judged(&[suspect(16), suspect(16), Suspicion::default()], 0);

        assert_eq!(held.iter().map(|work| work.max_suspects).collect::<Vec<_>>(), [1, 1, 4]);
        assert_eq!(held.iter().map(|work| work.tries).collect::<Vec<_>>(), [0, 0, 0]);
    }

    #[test]
    fn only_what_is_isolated_is_counted() {
        let (held, deaths) = judged(&[on_trial(1, 5), Suspicion::default()], 5);

        assert_eq!(held[0], on_trial(2, 5));
        assert_eq!((held[1].max_suspects, held[1].tries), (4, 0));
        assert_eq!(deaths, 5);
    }

    #[test]
    fn owners_that_die_meanwhile_with_nothing_on_trial_are_the_proof_of_innocence() {
        let (mut work, mut blame) = ([on_trial(2, 5)], blame(5));
        blame.judge(&mut [], NOW);

        blame.judge(&mut work, NOW);

        assert_eq!(work, [on_trial(0, 6)]);
        blame.judge(&mut work, NOW);
        assert_eq!(work, [on_trial(1, 6)], "nobody died meanwhile");
    }

    /// As under `kill -9` once in a while, whatever is worked on: the next owner begins at once.
    #[test]
    fn work_is_not_given_up_because_its_owners_are_killed_from_outside() {
        let (mut work, mut blame) = ([Suspicion::default()], Blame::default());
        let mut now = NOW;
        for _ in 0..100 {
            let tried =
                blame.suspect_limit(false, now).least_max_suspects() <= work[0].max_suspects;
            blame.judge(if tried { &mut work } else { &mut [] }, now);
            now = now + Duration::from_millis(1_600);

            assert!(work[0].tries < MOST_TRIES, "{work:?}");
        }
    }

    #[test]
    fn works_that_kill_in_turn_do_not_excuse_each_other() {
        let (mut works, mut blame) = ([on_trial(0, 0); 2], Blame::default());
        for _ in 0..MOST_TRIES {
            for work in &mut works {
                blame.judge(std::slice::from_mut(work), NOW);
            }
        }

        assert_eq!(works.map(|work| work.tries), [MOST_TRIES; 2]);
    }

    #[test]
    fn nothing_is_tried_for_a_while_after_a_death_on_trial() {
        let mut blame = Blame::default();
        blame.judge(&mut [Suspicion::default()], NOW);
        assert_eq!(
            blame.suspect_limit(false, NOW).least_max_suspects(),
            1,
            "the first death was none"
        );

        blame.judge(&mut [on_trial(1, 1)], NOW);

        let later = NOW + ISOLATION_PAUSE;
        assert_eq!(
            blame.suspect_limit(false, later - Duration::from_secs(1)).least_max_suspects(),
            2
        );
        assert_eq!(blame.suspect_limit(false, later).least_max_suspects(), 1);
    }

    #[test]
    fn bench_admits_as_many_suspects_as_each_of_them_bears() {
        let mut suspect_limit = Blame::default().suspect_limit(false, NOW);
        assert_eq!(suspect_limit.least_max_suspects(), 1);
        suspect_limit.add(Suspicion::default());
        assert_eq!(suspect_limit.least_max_suspects(), 1, "what is no suspect does not matter");
        for held in 1..4 {
            suspect_limit.add(suspect(if held == 2 { 4 } else { 16 }));
            assert_eq!(suspect_limit.least_max_suspects(), held + 1);
        }
        suspect_limit.add(suspect(16));

        assert_eq!(suspect_limit.least_max_suspects(), ANY);
    }

    #[test]
    fn one_at_a_time_is_isolated() {
        let mut owner = Blame::default().suspect_limit(false, NOW);
        owner.add(on_trial(0, 0));
        let mut another = Blame::default().suspect_limit(true, NOW);

        assert_eq!(owner.least_max_suspects(), ANY);
        assert_eq!(another.least_max_suspects(), 2);
        another.add(suspect(4));
        assert_eq!(another.least_max_suspects(), 2);
    }
}
