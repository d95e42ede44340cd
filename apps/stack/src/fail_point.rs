//! Fail-points: the process ends as in a crash when it passes a named call of a port. Only for tests of
//! what the other processes make of that, and only in builds with the feature `fail-points`.

use std::future::Future;
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use soma_core::conversation::model::ModelFailure;
use soma_core::ports::PortResult;
use soma_core::ports::model::ModelStream;
use soma_core::tool::ToolOutcome;
use soma_decorators::{Intercept, Point};
use soma_runtime::report::Fatal;
use soma_services::Ports;

/// The variable that sets one, such as `EndTurn:after:3`: the process aborts when the third call of
/// [`Point::EndTurn`] is answered, before anybody hears of the answer. `before` is before it is asked.
const VARIABLE: &str = "SOMA_FAIL_POINT";

/// Where the process ends.
#[derive(Clone, Debug)]
struct FailPoint {
    point: Point,
    moment: Moment,
    /// How often it is still passed, the last one included.
    left: Arc<AtomicU64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Moment {
    Before,
    After,
}

/// What is set is no fail-point.
#[derive(Debug, thiserror::Error)]
#[error("{VARIABLE} must be POINT:before:N or POINT:after:N, with the name of a port's call")]
struct UnknownFailPoint;

impl FromStr for FailPoint {
    type Err = UnknownFailPoint;

    fn from_str(text: &str) -> Result<Self, UnknownFailPoint> {
        let mut parts = text.split(':');
        let (Some(name), Some(moment), Some(left), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(UnknownFailPoint);
        };
        let point = Point::ALL.iter().find(|point| format!("{point:?}") == name);
        let moment = match moment {
            "before" => Moment::Before,
            "after" => Moment::After,
            _ => return Err(UnknownFailPoint),
        };
        let left = left.parse().ok().filter(|left| *left > 0).ok_or(UnknownFailPoint)?;
        let point = *point.ok_or(UnknownFailPoint)?;
        Ok(Self { point, moment, left: Arc::new(AtomicU64::new(left)) })
    }
}

impl FailPoint {
    fn pass(&self, point: Point, moment: Moment) {
        if (point, moment) == (self.point, self.moment)
            && self.left.fetch_sub(1, Ordering::Relaxed) == 1
        {
            std::process::abort();
        }
    }

    async fn around<T>(&self, point: Point, ask: impl Future<Output = T>) -> T {
        self.pass(point, Moment::Before);
        let reply = ask.await;
        self.pass(point, Moment::After);
        reply
    }
}

impl Intercept for FailPoint {
    async fn call<T, C, F>(&self, point: Point, ask: C) -> PortResult<T>
    where
        C: Fn() -> F + Send + Sync,
        F: Future<Output = PortResult<T>> + Send,
        T: Send,
    {
        self.around(point, ask()).await
    }

    async fn generate<C, F>(&self, ask: C) -> Result<ModelStream, ModelFailure>
    where
        C: Fn() -> F + Send + Sync,
        F: Future<Output = Result<ModelStream, ModelFailure>> + Send,
    {
        self.around(Point::Generate, ask()).await
    }

    async fn run<C, F>(&self, ask: C) -> ToolOutcome
    where
        C: Fn() -> F + Send + Sync,
        F: Future<Output = ToolOutcome> + Send,
    {
        self.around(Point::RunTool, ask()).await
    }
}

/// The ports with the fail-point that the environment sets, if it sets one.
pub(crate) fn set(ports: Ports) -> Result<Ports, Fatal> {
    let Some(text) = soma_runtime::config::process_env(VARIABLE) else { return Ok(ports) };
    let point: FailPoint = text.parse().map_err(|error| Fatal::new(error, "correct it"))?;
    tracing::warn!(point = text, "the process will end at a fail-point");
    Ok(ports.decorated(move || point.clone()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_point_can_be_named() {
        for point in Point::ALL {
            let read: FailPoint = format!("{point:?}:after:2").parse().unwrap();
            assert_eq!((read.point, read.moment), (*point, Moment::After));
        }
    }

    #[test]
    fn what_names_no_point_is_refused() {
        for text in
            ["", "EndTurn", "EndTurn:after", "EndTurn:after:0", "EndTurn:later:1", "No:after:1"]
        {
            assert!(text.parse::<FailPoint>().is_err(), "{text}");
        }
    }
}
