//! Which faults struck at which await points, and which never did.

use std::collections::{BTreeMap, BTreeSet};

use soma_simulated::{Fault, Misfortune, Point};

use crate::platform::Unit;
use crate::stage::Disaster;

/// Where the flows of each service wait for a port.
const AWAITS: &[(Unit, &[Point])] = &[
    (
        Unit::Gateway,
        &[
            Point::Accept,
            Point::Cancel,
            Point::RequestCall,
            Point::RecordDenial,
            Point::Session,
            Point::Sessions,
            Point::Events,
            Point::Heads,
            Point::ToolSpecs,
            Point::Erase,
            Point::Fetch,
            Point::Bounds,
            Point::Forget,
            Point::Decide,
            Point::WorkBacklog,
            Point::Admit,
        ],
    ),
    (
        Unit::Worker,
        &[
            Point::Progress,
            Point::AwaitTools,
            Point::EndTurn,
            Point::Events,
            Point::Ingest,
            Point::RecoverOverdue,
            Point::Claim,
            Point::Heartbeat,
            Point::LeaveWork,
            Point::Acquire,
            Point::Renew,
            Point::Release,
            Point::Leave,
            Point::Reserve,
            Point::SettleBudget,
            Point::Publish,
            Point::Fetch,
            Point::Recall,
            Point::Decide,
            Point::ToolSpecs,
            Point::Generate,
        ],
    ),
    (
        Unit::Executor,
        &[
            Point::StartCall,
            Point::FinishCall,
            Point::Ingest,
            Point::RecoverOverdue,
            Point::Claim,
            Point::Heartbeat,
            Point::LeaveWork,
            Point::Acquire,
            Point::Renew,
            Point::Release,
            Point::Leave,
            Point::Fetch,
            Point::Decide,
            Point::ToolSpecs,
            Point::RunTool,
        ],
    ),
    (
        Unit::Replicator,
        &[
            Point::Replicate,
            Point::Acquire,
            Point::Renew,
            Point::Release,
            Point::Leave,
            Point::Fetch,
        ],
    ),
    (
        Unit::MemorySync,
        &[
            Point::DueMemory,
            Point::SettleMemory,
            Point::DueForgets,
            Point::Forgot,
            Point::Remember,
            Point::Forget,
            Point::Acquire,
            Point::Renew,
            Point::Release,
            Point::Leave,
        ],
    ),
    (
        Unit::OutboxSync,
        &[
            Point::ReadOutbox,
            Point::SettleOutbox,
            Point::Publish,
            Point::Acquire,
            Point::Renew,
            Point::Release,
            Point::Leave,
        ],
    ),
];

/// Where they wait only after something rare: what strikes there is counted, and not asked for.
const RARE: &[(Unit, Point)] = &[
    (Unit::Worker, Point::Bounds),
    (Unit::Executor, Point::Bounds),
    (Unit::Replicator, Point::Bounds),
    (Unit::MemorySync, Point::Session),
    (Unit::Worker, Point::RefreshBudget),
    (Unit::Worker, Point::Turn),
    // A claim is released by its last commit, nearly always.
    (Unit::Worker, Point::ReleaseClaim),
    (Unit::Executor, Point::ReleaseClaim),
];

/// How often each fault struck at each await point, and each disaster.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Coverage {
    calls: BTreeMap<(&'static str, Point, Fault), u64>,
    world: BTreeMap<&'static str, u64>,
}

impl Coverage {
    /// Adds what struck in a run.
    pub fn add(&mut self, misfortunes: &[Misfortune]) {
        for misfortune in misfortunes {
            match misfortune {
                Misfortune::Call { who: (unit, _), point, fault } => {
                    *self.calls.entry((unit, *point, *fault)).or_default() += 1;
                }
                Misfortune::World(what) => *self.world.entry(what).or_default() += 1,
            }
        }
    }

    /// How many combinations of fault and await point are listed.
    pub fn listed() -> usize {
        listed().len()
    }

    /// The listed combinations that were never hit, and the disasters that never befell.
    pub fn never(&self) -> Vec<String> {
        let calls = listed().into_iter().filter(|listed| !self.calls.contains_key(listed));
        let calls = calls.map(|(unit, point, fault)| {
            format!("{unit}: {}.{}: {fault}", point.port(), point.method())
        });
        let world = Disaster::ALL.iter().map(|disaster| disaster.name());
        let world = world.filter(|what| !self.world.contains_key(what)).map(str::to_owned);
        calls.chain(world).collect()
    }

    /// Combinations that were hit although they are not listed: the list is behind the flows.
    pub fn unlisted(&self) -> Vec<String> {
        let listed = listed();
        let is_rare = |(unit, point, _): &(&str, Point, Fault)| {
            RARE.iter().any(|(rare, at)| rare.name() == *unit && at == point)
        };
        let unlisted = self.calls.keys().filter(|hit| !listed.contains(hit) && !is_rare(hit));
        let names = unlisted.map(|(unit, point, fault)| {
            format!("{unit}: {}.{}: {fault}", point.port(), point.method())
        });
        names.collect()
    }
}

/// Every point that is listed, in the order of the services.
pub(crate) fn points() -> Vec<Point> {
    AWAITS.iter().flat_map(|(_, points)| points.iter().copied()).collect()
}

fn listed() -> BTreeSet<(&'static str, Point, Fault)> {
    let points = AWAITS.iter().flat_map(|(unit, points)| points.iter().map(move |p| (unit, p)));
    let all = points.flat_map(|(unit, point)| {
        let faults = Fault::ALL.into_iter().filter(|fault| fault.befalls(*point));
        faults.map(|fault| (unit.name(), *point, fault))
    });
    all.collect()
}
