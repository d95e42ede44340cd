//! The body of a request as JSON: bounded in size and time, and refused before it is read whole.

use std::time::Duration;

use actix_web::dev::Payload;
use actix_web::error::PayloadError;
use actix_web::http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HeaderName};
use actix_web::web::Data;
use actix_web::{FromRequest, HttpRequest};
use bytes::Bytes;
use futures_util::future::{Either, FutureExt, LocalBoxFuture, select};
use futures_util::stream::{Stream, StreamExt};
use soma_core::ports::Timer;

use crate::error::Problem;
use crate::fields::Fields;
use crate::gateway::Gateway;

/// The most bytes of a body: those of the longest message with everything beside it, when each
/// character is written as `\uXXXX`.
pub(crate) const MAX_BODY: usize = 2 * 1024 * 1024;
/// How long a body may take to arrive: so many stretches of so long.
const STRETCH: Duration = Duration::from_secs(10);
const STRETCHES: u32 = 6;
/// The least bytes that must arrive in a stretch if more are to come.
const LEAST: usize = 8 * 1024;

/// The fields of a JSON body.
pub(crate) struct Body(pub(crate) Fields);

impl FromRequest for Body {
    type Error = Problem;
    type Future = LocalBoxFuture<'static, Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let request = request.clone();
        let payload = payload.take();
        async move {
            check(&request)?;
            let gateway = request.app_data::<Data<Gateway>>().ok_or_else(Problem::internal)?;
            let bytes = read(payload, &*gateway.timer).await?;
            let text = std::str::from_utf8(&bytes);
            let text = text.map_err(|_| Problem::bad_json("the body is not UTF-8"))?;
            Fields::of_json(text).map(Self)
        }
        .boxed_local()
    }
}

/// Refuses what needs not be read to be refused.
fn check(request: &HttpRequest) -> Result<(), Problem> {
    let essence = header(request, &CONTENT_TYPE).and_then(|value| value.split(';').next());
    if !essence.is_some_and(|essence| essence.trim().eq_ignore_ascii_case("application/json")) {
        return Err(Problem::not_json());
    }
    let encodings =
        header(request, &CONTENT_ENCODING).unwrap_or_default().split(',').map(str::trim);
    let mut encodings = encodings.filter(|encoding| !encoding.is_empty());
    if encodings.any(|encoding| !encoding.eq_ignore_ascii_case("identity")) {
        return Err(Problem::encoded());
    }
    let declared = header(request, &CONTENT_LENGTH).and_then(|value| value.parse::<usize>().ok());
    if declared.is_some_and(|length| length > MAX_BODY) {
        return Err(Problem::too_large(MAX_BODY));
    }
    Ok(())
}

fn header<'a>(request: &'a HttpRequest, name: &HeaderName) -> Option<&'a str> {
    request.headers().get(name).map(|value| value.to_str().unwrap_or("\u{fffd}"))
}

/// Reads a body as long as it comes, and fast enough.
async fn read<P>(mut payload: P, timer: &dyn Timer) -> Result<Vec<u8>, Problem>
where
    P: Stream<Item = Result<Bytes, PayloadError>> + Unpin,
{
    let mut bytes = Vec::new();
    for _ in 0..STRETCHES {
        let before = bytes.len();
        let read = {
            let more = std::pin::pin!(read_on(&mut payload, &mut bytes));
            match select(more, timer.sleep(STRETCH)).await {
                Either::Left((read, _)) => Some(read),
                Either::Right(_) => None,
            }
        };
        match read {
            Some(read) => return read.map(|()| bytes),
            None if bytes.len() - before < LEAST => break,
            None => {}
        }
    }
    Err(Problem::slow_body())
}

/// Reads to the end of a body.
async fn read_on<P>(payload: &mut P, bytes: &mut Vec<u8>) -> Result<(), Problem>
where
    P: Stream<Item = Result<Bytes, PayloadError>> + Unpin,
{
    while let Some(chunk) = payload.next().await {
        let chunk = chunk.map_err(|_| Problem::broken_body())?;
        if bytes.len() + chunk.len() > MAX_BODY {
            return Err(Problem::too_large(MAX_BODY));
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::task::Poll;

    use actix_web::ResponseError;
    use async_trait::async_trait;
    use futures_util::stream::poll_fn;

    use super::*;

    /// A stretch is over as soon as nothing comes.
    struct Impatient;

    #[async_trait]
    impl Timer for Impatient {
        async fn sleep(&self, _: Duration) {}
    }

    /// What becomes of a body of which so many bytes come in each stretch: its length, or the status.
    fn body(stretches: &[usize]) -> Result<usize, u16> {
        let mut parts: VecDeque<_> = stretches.iter().flat_map(|it| [Some(*it), None]).collect();
        parts.pop_back();
        let payload = poll_fn(move |_| match parts.pop_front() {
            Some(Some(bytes)) => Poll::Ready(Some(Ok(Bytes::from(vec![b' '; bytes])))),
            Some(None) => Poll::Pending,
            None => Poll::Ready(None),
        });
        let read = read(payload, &Impatient).now_or_never().unwrap();
        read.map(|bytes| bytes.len()).map_err(|problem| problem.status_code().as_u16())
    }

    #[test]
    fn body_that_trickles_or_takes_too_long_is_not_waited_for() {
        assert_eq!(body(&[100]), Ok(100));
        assert_eq!(body(&[LEAST, 1]), Ok(LEAST + 1));
        assert_eq!(body(&[1, 1]), Err(408));
        assert_eq!(body(&[LEAST - 1, LEAST]), Err(408));
        assert_eq!(body(&[LEAST, LEAST - 1, LEAST]), Err(408));
        assert_eq!(body(&[LEAST; 6]), Ok(6 * LEAST));
        assert_eq!(body(&[LEAST; 7]), Err(408));
        assert_eq!(body(&[MAX_BODY, 1]), Err(413));
    }
}
