use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use soma_core::ports::{PortError, PortResult};
use soma_decorators::Decorated;
use soma_simulated::{Effect, Fault, Guard, Point, Process, Ran, Simulation, Weather};

/// A port of your own: whoever takes a ticket under a name has it, once.
#[async_trait]
trait Tickets: Send + Sync {
    async fn take(&self, name: &str) -> PortResult<()>;
}

/// Its model in memory, which is what your adapter is compared with.
#[derive(Default)]
struct InMemory(Mutex<Vec<String>>);

#[async_trait]
impl Tickets for InMemory {
    async fn take(&self, name: &str) -> PortResult<()> {
        self.0.lock().unwrap().push(name.to_owned());
        Ok(())
    }
}

/// What can be asked of it, and whether that changes something.
const TAKE: Point = Point::own("Tickets", "take", Effect::Writes);

/// The port as a process has it: each call may suffer.
#[async_trait]
impl Tickets for Decorated<dyn Tickets, Process> {
    async fn take(&self, name: &str) -> PortResult<()> {
        self.pass(TAKE, |inner| inner.take(name)).await
    }
}

/// The port as all share it: a call that no process makes panics.
#[async_trait]
impl Tickets for Decorated<dyn Tickets, Guard> {
    async fn take(&self, name: &str) -> PortResult<()> {
        self.pass(TAKE, |inner| inner.take(name)).await
    }
}

/// The flow: takes a ticket. A call whose outcome is not known may have taken one. With the `bug`, it is
/// made again all the same.
async fn serve(tickets: &dyn Tickets, bug: bool) {
    while let Err(error) = tickets.take("someone").await {
        if matches!(error, PortError::Ambiguous(_)) && !bug {
            return;
        }
    }
}

/// Runs a seed. Answers whether nobody has two tickets.
fn holds(seed: u64, bug: bool) -> bool {
    let weather = Weather::fair().with(Fault::LoseReply, 0.05).with(Fault::Refuse, 0.2);
    let simulation = Simulation::new(seed, weather.with(Fault::CrashBefore, 0.02));
    let (nature, taken) = (simulation.nature(), Arc::new(InMemory::default()));
    let shared: Arc<dyn Tickets> = nature.guard(Arc::clone(&taken) as Arc<dyn Tickets>);
    let served = Arc::new(Mutex::new(BTreeSet::new()));
    let (told, rest) = (Arc::clone(&served), Duration::from_millis(10));
    nature.keep_alive("clerk", 1, rest, move |process| {
        let (tickets, told) = (process.port(Arc::clone(&shared)), Arc::clone(&told));
        process.spawn(async move {
            serve(&*tickets, bug).await;
            told.lock().unwrap().insert("someone");
        });
    });
    let ran = simulation.run(10_000, || !served.lock().unwrap().is_empty());
    ran != Ran::Long && taken.0.lock().unwrap().len() <= 1
}
