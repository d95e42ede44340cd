//! When sleeps end, and how time goes on.
#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use soma_core::ports::Timer;
use soma_simulated::{Nature, Ran, Simulation, Weather};

const SLACK: Duration = Duration::from_secs(5);
const NAP: Duration = Duration::from_secs(3);

/// When a sleep of [`NAP`] ends; `before` is done while it goes on.
fn ends_after(
    simulation: &Simulation,
    timer: Arc<dyn Timer>,
    before: impl Fn(&Nature),
) -> Duration {
    let nature = simulation.nature();
    let woken = Arc::new(Mutex::new(None));
    let (ended, clock) = (Arc::clone(&woken), nature.clock());
    nature.process("sleeper", 1).spawn(async move {
        timer.sleep(NAP).await;
        *ended.lock().unwrap() = Some(clock.now());
    });
    let ran = simulation.run(1_000, || {
        before(&nature);
        woken.lock().unwrap().is_some()
    });
    assert!(matches!(ran, Ran::Enough | Ran::Dry), "{ran:?}");
    let woken = woken.lock().unwrap().unwrap();
    woken.since(nature.beginning())
}

#[test]
fn sleep_of_a_service_ends_late_and_that_of_a_person_to_the_moment() {
    let late = || Simulation::new(1, Weather { slack: SLACK, ..Weather::fair() });
    let process = |simulation: &Simulation| simulation.nature().process("mine", 1);
    let (service, person) = (late(), late());

    let of_service = process(&service).world().timer;
    let of_person = process(&person).punctual_timer();

    assert_eq!(ends_after(&service, of_service, |_| {}), SLACK);
    assert_eq!(ends_after(&person, of_person, |_| {}), NAP);
}

#[test]
fn sleeps_end_later_once_nobody_is_in_a_hurry() {
    let simulation = Simulation::new(1, Weather::fair());
    let nature = simulation.nature();
    nature.slacken(SLACK);
    nature.slacken(SLACK / 5);

    let timer = nature.process("mine", 1).world().timer;

    assert_eq!(ends_after(&simulation, timer, |_| {}), SLACK, "it never becomes less");
}

#[test]
fn what_was_due_while_all_stood_still_is_due_then() {
    let simulation = Simulation::new(1, Weather::fair());
    let until = simulation.nature().beginning() + Duration::from_mins(1);
    let timer = simulation.nature().process("mine", 1).world().timer;

    let ended = ends_after(&simulation, timer, |nature| nature.stand_still_until(until));

    assert_eq!(ended, Duration::from_mins(1));
}
