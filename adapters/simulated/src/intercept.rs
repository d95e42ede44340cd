//! What becomes of a call: it waits until the seed lets it go on, and suffers what the weather has.

use std::future::Future;
use std::time::Duration;

use soma_core::conversation::model::ModelFailure;
use soma_core::ports::model::ModelStream;
use soma_core::ports::{PortError, PortResult, Timer};
use soma_core::tool::ToolOutcome;
use soma_decorators::{Effect, Intercept, Point};

use crate::fault::{Fault, Outage, SlowReplies};
use crate::guard::passing;
use crate::process::Process;

/// A fault of the simulation.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("{0} in the simulation")]
struct Simulated(&'static str);

impl Process {
    fn suffers(&self, point: Point) -> Option<Fault> {
        let fault = self.shared.state().suffers(self.id, point);
        self.shared.line(self.id, || match fault {
            Some(fault) => format!("asks {}, to {fault}", name(point)),
            None => format!("asks {}", name(point)),
        });
        fault
    }

    /// Whether the port is down: then the call does not reach it.
    async fn is_down(&self, point: Point) -> Option<PortError> {
        let (outage, left) = self.shared.state().outage(point.port())?;
        match outage {
            Outage::Refusing => Some(unavailable("refused")),
            Outage::Hanging => {
                self.sleep(left).await;
                Some(unknown(point, "hung"))
            }
        }
    }

    fn replied(&self, point: Point, how: &'static str) {
        self.shared.line(self.id, || format!("{} {how}", name(point)));
    }

    fn reply_waits(&self, point: Point) -> bool {
        match self.shared.state().weather.slow_replies {
            SlowReplies::None => false,
            SlowReplies::OfWrites => point.effect() == Effect::Writes,
            SlowReplies::All => true,
        }
    }

    fn span(&self) -> Duration {
        let mut state = self.shared.state();
        let state = &mut *state;
        state.weather.span(&mut state.luck)
    }

    /// Suffers what comes before the effect.
    async fn before(&self, fault: Option<Fault>) {
        match fault {
            Some(Fault::CrashBefore) => self.die().await,
            Some(Fault::PauseBefore) => {
                self.pause(self.span());
                self.turn().await;
            }
            Some(Fault::Delay) => self.sleep(self.span()).await,
            Some(
                Fault::Refuse
                | Fault::LoseRequest
                | Fault::LoseReply
                | Fault::Duplicate
                | Fault::CrashAfter
                | Fault::PauseAfter,
            )
            | None => {}
        }
    }

    /// Suffers what comes after the effect.
    async fn after(&self, fault: Option<Fault>, point: Point) {
        match fault {
            Some(Fault::CrashAfter) => self.die().await,
            Some(Fault::PauseAfter) => {
                self.pause(self.span());
                self.turn().await;
            }
            Some(
                Fault::Refuse
                | Fault::LoseRequest
                | Fault::LoseReply
                | Fault::Delay
                | Fault::Duplicate
                | Fault::CrashBefore
                | Fault::PauseBefore,
            )
            | None => {
                if self.reply_waits(point) {
                    self.turn().await;
                }
            }
        }
    }
}

impl Intercept for Process {
    async fn call<T, C, F>(&self, point: Point, ask: C) -> PortResult<T>
    where
        C: Fn() -> F + Send + Sync,
        F: Future<Output = PortResult<T>> + Send,
        T: Send,
    {
        let ask = || passing(&self.shared, ask());
        let fault = self.suffers(point);
        self.turn().await;
        if let Some(error) = self.is_down(point).await {
            return Err(error);
        }
        self.before(fault).await;
        let reply = match fault {
            Some(Fault::Refuse) => return Err(unavailable("refused")),
            Some(Fault::LoseRequest) => return Err(unknown(point, "lost on the way")),
            Some(Fault::LoseReply) => {
                drop(ask().await?);
                return Err(unknown(point, "lost on the way back"));
            }
            Some(Fault::Duplicate) => {
                drop(ask().await?);
                self.turn().await;
                ask().await.map_err(|error| retry(error, point))
            }
            Some(
                Fault::Delay
                | Fault::CrashBefore
                | Fault::CrashAfter
                | Fault::PauseBefore
                | Fault::PauseAfter,
            )
            | None => ask().await,
        };
        self.replied(point, if reply.is_ok() { "answers" } else { "fails" });
        self.after(fault, point).await;
        reply
    }

    async fn generate<C, F>(&self, ask: C) -> Result<ModelStream, ModelFailure>
    where
        C: Fn() -> F + Send + Sync,
        F: Future<Output = Result<ModelStream, ModelFailure>> + Send,
    {
        let ask = || passing(&self.shared, ask());
        let fault = self.suffers(Point::Generate);
        self.turn().await;
        if let Some(error) = self.is_down(Point::Generate).await {
            return Err(ModelFailure::Unavailable(error.to_string()));
        }
        self.before(fault).await;
        let reply = match fault {
            Some(Fault::Refuse | Fault::LoseRequest) => {
                return Err(ModelFailure::Unavailable("refused in the simulation".into()));
            }
            Some(Fault::LoseReply) => {
                drop(ask().await?);
                return Err(ModelFailure::Broken);
            }
            Some(
                Fault::Delay
                | Fault::Duplicate
                | Fault::CrashBefore
                | Fault::CrashAfter
                | Fault::PauseBefore
                | Fault::PauseAfter,
            )
            | None => ask().await,
        };
        self.replied(Point::Generate, if reply.is_ok() { "begins to answer" } else { "fails" });
        self.after(fault, Point::Generate).await;
        reply
    }

    /// A toolbox always has an outcome: its process may die or stand still, and nothing else.
    async fn run<C, F>(&self, ask: C) -> ToolOutcome
    where
        C: Fn() -> F + Send + Sync,
        F: Future<Output = ToolOutcome> + Send,
    {
        let fault = self.suffers(Point::RunTool);
        self.turn().await;
        self.before(fault).await;
        let outcome = passing(&self.shared, ask()).await;
        self.replied(Point::RunTool, "answers");
        self.after(fault, Point::RunTool).await;
        outcome
    }
}

fn name(point: Point) -> String {
    format!("{}.{}", point.port(), point.method())
}

fn unavailable(why: &'static str) -> PortError {
    PortError::Unavailable(Box::new(Simulated(why)))
}

/// What the caller of a lost call learns: what only reads is as good as refused.
fn unknown(point: Point, why: &'static str) -> PortError {
    match point.effect() {
        Effect::Reads => unavailable(why),
        Effect::Writes => PortError::Ambiguous(Box::new(Simulated(why))),
    }
}

/// What became of a call whose second try failed: the first one happened.
fn retry(error: PortError, point: Point) -> PortError {
    match (error, point.effect()) {
        (PortError::Unavailable(source), Effect::Writes) => PortError::Ambiguous(source),
        (error, _) => error,
    }
}
