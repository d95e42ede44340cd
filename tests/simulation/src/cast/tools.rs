//! Tools that answer, fail, take their time, and kill who runs them.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use serde_json::{Value, json};
use soma_core::ids::{CallId, TenantId};
use soma_core::ports::tool::ToolContext;
use soma_core::ports::{PortResult, Timer, Toolbox};
use soma_core::tool::{ToolCall, ToolOutcome, ToolSpec, ToolStatus};
use soma_simulated::Process;

use crate::audit::{Audit, Repeatable};

/// What a tool does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Does {
    Answers,
    TakesLong,
    Fails,
    KillsBefore,
    KillsAfter,
}

/// Initial, name, whether it may be run again, and what it does.
const TOOLS: &[(char, &str, Repeatable, Does)] = &[
    ('b', "broken", Repeatable::Yes, Does::Fails),
    ('c', "charge", Repeatable::No, Does::Answers),
    ('K', "charge_then_die", Repeatable::No, Does::KillsAfter),
    ('d', DENIED, Repeatable::Yes, Does::Answers),
    ('k', "die_then_charge", Repeatable::No, Does::KillsBefore),
    ('e', "echo", Repeatable::Yes, Does::Answers),
    ('y', "echo_then_die", Repeatable::Yes, Does::KillsAfter),
    ('s', "slow", Repeatable::Yes, Does::TakesLong),
];

/// The tool that policy does not allow.
pub const DENIED: &str = "denied";

/// The name of the tool with this initial; of none, a tool that does not exist.
pub(super) fn name_of(initial: char) -> &'static str {
    let found = TOOLS.iter().find(|(known, ..)| *known == initial);
    found.map_or("unknown", |(_, name, ..)| name)
}

/// How often each call was run.
#[derive(Debug, Default)]
pub struct Runs(Mutex<BTreeMap<CallId, u64>>);

impl Runs {
    fn count(&self, call: CallId) -> u64 {
        let mut runs = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = runs.entry(call).or_default();
        *count += 1;
        *count - 1
    }
}

/// The tools, as one process runs them.
pub struct SimulatedToolbox {
    process: Process,
    timer: Arc<dyn Timer>,
    runs: Arc<Runs>,
    audit: Arc<Audit>,
}

impl SimulatedToolbox {
    /// The tools, as `process` runs them.
    pub fn new(process: &Process, runs: Arc<Runs>, audit: Arc<Audit>) -> Self {
        let timer = process.punctual_timer();
        Self { process: process.clone(), timer, runs, audit }
    }
}

impl SimulatedToolbox {
    /// Answers, and the auditor knows.
    fn answers(&self, outcome: ToolOutcome) -> ToolOutcome {
        self.audit.tool_answered(&outcome);
        outcome
    }
}

/// The place of a call among those of its round: the later, the longer it takes, and the more often
/// it kills.
fn place(arguments: &str) -> u64 {
    let arguments: Value = serde_json::from_str(arguments).unwrap_or_default();
    arguments["n"].as_u64().unwrap_or_default()
}

/// The tools' descriptions.
pub fn specs() -> Vec<ToolSpec> {
    let specs = TOOLS.iter().map(|(_, name, repeatable, _)| ToolSpec {
        name: (*name).to_owned(),
        description: String::new(),
        parameters: json!({}),
        idempotent: *repeatable == Repeatable::Yes,
        needs_approval: false,
        timeout_seconds: 30,
    });
    specs.collect()
}

#[async_trait]
impl Toolbox for SimulatedToolbox {
    fn names(&self) -> Vec<String> {
        specs().into_iter().map(|spec| spec.name).collect()
    }

    async fn specs(&self, _tenant: &TenantId) -> PortResult<Vec<ToolSpec>> {
        Ok(specs())
    }

    async fn run(&self, _context: &ToolContext, call: &ToolCall) -> ToolOutcome {
        let failed =
            |why: &str| self.answers(ToolOutcome::failed(call.call_id, ToolStatus::Error, why));
        let tool = TOOLS.iter().find(|(_, name, ..)| *name == call.tool_name);
        let Some((_, _, repeatable, does)) = tool else { return failed("there is no such tool") };
        let n = place(&call.arguments);
        let runs = self.runs.count(call.call_id);
        let fatal = runs <= n;
        if *does == Does::TakesLong {
            self.timer.sleep(Duration::from_secs(3 + 4 * n)).await;
        }
        if *does == Does::KillsBefore && fatal {
            return self.process.die().await;
        }
        self.audit.tool_ran(call.call_id, *repeatable);
        match does {
            Does::Fails => failed("it is broken"),
            Does::KillsAfter if fatal => self.process.die().await,
            Does::Answers | Does::TakesLong | Does::KillsBefore | Does::KillsAfter => {
                self.answers(ToolOutcome {
                    call_id: call.call_id,
                    status: ToolStatus::Success,
                    payload: json!({"ran": call.call_id, "before": runs}),
                    execution_time: 0.0,
                })
            }
        }
    }
}

soma_core::opaque_debug!(SimulatedToolbox);
