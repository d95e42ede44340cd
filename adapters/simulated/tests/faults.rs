//! What each fault does to a call, and to who makes it.
#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::select;
use soma_core::ids::{SessionId, TenantId};
use soma_core::memory::{MemoryHit, MemoryWrite, RecallQuery};
use soma_core::ports::{CLOCK_SKEW, Memory, PortError, PortResult};
use soma_simulated::{Fault, Process, Ran, Simulation, Weather};

/// Counts how often it is asked to forget.
#[derive(Default)]
struct Counting(AtomicUsize);

#[async_trait]
impl Memory for Counting {
    async fn remember(&self, writes: &[MemoryWrite]) -> PortResult<Vec<PortResult<()>>> {
        Ok(writes.iter().map(|_| Ok(())).collect())
    }

    async fn recall(&self, _query: &RecallQuery) -> PortResult<Vec<MemoryHit>> {
        Ok(Vec::new())
    }

    async fn forget_session(&self, _tenant: &TenantId, _session: SessionId) -> PortResult<()> {
        self.0.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }
}

/// What a call came to.
struct Came {
    /// How often it took effect.
    effects: usize,
    /// What its caller was told, if it was told anything.
    told: Option<PortResult<()>>,
    /// How much virtual time passed.
    passed: Duration,
    process: Process,
}

/// Makes a call that suffers `fault`, and nothing else does.
fn call_that_suffers(fault: Fault) -> Came {
    let simulation = Simulation::new(1, Weather::fair().with(fault, 1.0));
    let nature = simulation.nature();
    let process = nature.process("mine", 1);
    let counting = Arc::new(Counting::default());
    let memory = process.port(Arc::clone(&counting) as Arc<dyn Memory>);
    let told = Arc::new(Mutex::new(None));
    let telling = Arc::clone(&told);
    process.spawn(async move {
        let tenant = TenantId::new("acme").unwrap();
        let session = SessionId::from_uuid(uuid::Uuid::nil());
        let answer = memory.forget_session(&tenant, session).await;
        *telling.lock().unwrap() = Some(answer);
    });
    simulation.run(1_000, || false);
    let told = told.lock().unwrap().take();
    let passed = nature.clock().now().since(nature.beginning());
    Came { effects: counting.0.load(Ordering::SeqCst), told, passed, process }
}

#[test]
fn refused_call_is_not_done_and_its_caller_knows() {
    let came = call_that_suffers(Fault::Refuse);

    assert_eq!(came.effects, 0);
    assert!(matches!(came.told, Some(Err(PortError::Unavailable(_)))), "{:?}", came.told);
}

#[test]
fn caller_of_a_lost_call_does_not_know_whether_it_was_done() {
    for (fault, effects) in [(Fault::LoseRequest, 0), (Fault::LoseReply, 1)] {
        let came = call_that_suffers(fault);

        assert_eq!(came.effects, effects, "{fault}");
        assert!(matches!(came.told, Some(Err(PortError::Ambiguous(_)))), "{:?}", came.told);
    }
}

#[test]
fn doubled_call_is_done_twice_and_answered_once() {
    let came = call_that_suffers(Fault::Duplicate);

    assert_eq!(came.effects, 2);
    assert!(matches!(came.told, Some(Ok(()))), "{:?}", came.told);
}

#[test]
fn late_call_and_process_that_stands_still_take_time_and_go_on() {
    for fault in [Fault::Delay, Fault::PauseBefore, Fault::PauseAfter] {
        let came = call_that_suffers(fault);

        assert_eq!(came.effects, 1, "{fault}");
        assert!(matches!(came.told, Some(Ok(()))), "{fault}: {:?}", came.told);
        assert!(came.passed > Duration::ZERO, "{fault}");
        assert!(came.process.is_alive(), "{fault}");
    }
}

#[test]
fn process_that_dies_is_told_nothing() {
    for (fault, effects) in [(Fault::CrashBefore, 0), (Fault::CrashAfter, 1)] {
        let came = call_that_suffers(fault);

        assert_eq!(came.effects, effects, "{fault}");
        assert!(came.told.is_none(), "{fault}");
        assert!(!came.process.is_alive(), "{fault}");
    }
}

#[test]
fn clocks_of_processes_differ_by_as_much_as_they_may_and_stay_so_when_it_is_calm() {
    let weather = Weather { skew: CLOCK_SKEW, ..Weather::fair() };
    let simulation = Simulation::new(1, weather);
    let nature = simulation.nature();
    let processes: Vec<Process> = (1..=20).map(|number| nature.process("mine", number)).collect();

    nature.calm();

    let true_time = nature.clock().now();
    let ahead = |process: &Process| process.world().clock.now().since(true_time);
    let mut ahead: Vec<Duration> = processes.iter().map(ahead).collect();
    ahead.sort();
    ahead.dedup();
    assert_eq!(ahead, [Duration::ZERO, CLOCK_SKEW]);
}

/// Lets others go on, once.
async fn yield_once() {
    let mut yielded = false;
    std::future::poll_fn(|context| {
        if std::mem::replace(&mut yielded, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

#[test]
fn task_that_yields_for_ever_ends_the_run_and_is_named() {
    let simulation = Simulation::new(1, Weather::fair());
    let nature = simulation.nature();
    let (idle, busy) = (nature.process("idle", 1), nature.process("busy", 2));
    let timer = idle.world().timer;
    idle.spawn(async move { timer.sleep(Duration::from_secs(1)).await });
    let timer = busy.world().timer;
    busy.spawn(async move {
        let yields = async {
            loop {
                yield_once().await;
            }
        };
        select(std::pin::pin!(yields), timer.sleep(Duration::from_secs(1))).await;
    });

    let ran = simulation.run(u64::MAX, || false);

    assert_eq!(ran, Ran::Spinning);
    assert_eq!(format!("{:?}", nature.polled_last()), "busy-2");
}

#[test]
fn process_that_is_kept_alive_is_born_again_whenever_it_died() {
    let simulation = Simulation::new(1, Weather::fair());
    let nature = simulation.nature();
    let (lives, beginning) = (Arc::new(AtomicUsize::new(0)), nature.beginning());
    let count = Arc::clone(&lives);
    nature.keep_alive("mine", 1, Duration::from_secs(1), move |process| {
        count.fetch_add(1, Ordering::SeqCst);
        let dies = process.clone();
        process.spawn(async move { dies.die().await });
    });

    let clock = nature.clock();
    simulation.run(1_000, || clock.now().since(beginning) >= Duration::from_secs(3));

    assert_eq!(lives.load(Ordering::SeqCst), 3);
}
