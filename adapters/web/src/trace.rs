//! The trace that a request belongs to, and the span in which it is served.

use actix_web::ResponseError;
use actix_web::http::header::HeaderMap;
use soma_core::flows::refusal::Refusal;
use soma_core::spans;
use soma_core::trace::TraceContext;
use tracing::{Instrument, Span};

use crate::error::Problem;

/// What a request is answered with that is accepted.
const ACCEPTED: u16 = 202;

/// The span in which something that a client asks for is accepted.
pub(crate) struct Accepting {
    span: Span,
    asked: Option<TraceContext>,
}

impl Accepting {
    /// Begins it, in the trace that the client's headers name.
    pub(crate) fn begin(method: &str, route: &str, headers: &HeaderMap) -> Self {
        let asked = of(headers);
        Self { span: spans::serve(method, route, asked.as_ref()), asked }
    }

    /// What it leads to belongs to this trace: the client's own, if nobody collects spans here.
    pub(crate) fn trace(&self) -> Option<TraceContext> {
        self.span.in_scope(spans::current).or_else(|| self.asked.clone())
    }

    /// Does it, and ends the span.
    pub(crate) async fn run<T>(
        self,
        accept: impl Future<Output = Result<T, Refusal>>,
    ) -> Result<T, Problem> {
        let accepted = accept.instrument(self.span.clone()).await.map_err(Problem::from);
        let status = accepted.as_ref().map_or_else(|no| no.status_code().as_u16(), |_| ACCEPTED);
        spans::served(&self.span, status);
        accepted
    }
}

/// The trace context of a request's headers, if it has one that is valid.
fn of(headers: &HeaderMap) -> Option<TraceContext> {
    let mut parents = headers.get_all("traceparent").filter_map(|value| value.to_str().ok());
    let parent = parents.next().filter(|_| parents.next().is_none())?;
    let states = headers.get_all("tracestate").filter_map(|value| value.to_str().ok());
    let state = states.collect::<Vec<_>>().join(",");
    TraceContext::read(parent, Some(&state))
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::{HeaderName, HeaderValue};

    use super::*;

    const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        headers
    }

    #[test]
    fn trace_of_a_request_is_read_from_its_headers() {
        let pairs = [("traceparent", PARENT), ("tracestate", "a=1"), ("tracestate", "b=2")];

        let trace = of(&headers(&pairs)).unwrap();

        assert_eq!((trace.traceparent(), trace.tracestate()), (PARENT, Some("a=1,b=2")));
        assert_eq!(of(&headers(&[("traceparent", PARENT)])).unwrap().tracestate(), None);
    }

    #[test]
    fn request_without_one_valid_parent_has_no_trace() {
        for pairs in [
            &[][..],
            &[("tracestate", "a=1")],
            &[("traceparent", "nonsense")],
            &[("traceparent", PARENT), ("traceparent", PARENT)],
        ] {
            assert_eq!(of(&headers(pairs)), None, "{pairs:?}");
        }
    }
}
