//! The body of a request as JSON: bounded in size and time, and refused before it is read whole.

use std::time::Duration;

use actix_web::dev::Payload;
use actix_web::http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use actix_web::web::Data;
use actix_web::{FromRequest, HttpRequest};
use futures_util::future::{Either, FutureExt, LocalBoxFuture, select};
use futures_util::stream::StreamExt;

use crate::error::Problem;
use crate::fields::Fields;
use crate::gateway::Gateway;

/// The most bytes of a body.
pub(crate) const MAX_BODY: usize = 512 * 1024;
/// How long a body may take to arrive.
const PATIENCE: Duration = Duration::from_secs(30);

/// The fields of a JSON body.
pub(crate) struct Body(pub(crate) Fields);

impl FromRequest for Body {
    type Error = Problem;
    type Future = LocalBoxFuture<'static, Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let request = request.clone();
        let payload = payload.take();
        async move {
            if !declares_json(&request) {
                return Err(Problem::not_json());
            }
            if declared_length(&request).is_some_and(|length| length > MAX_BODY) {
                return Err(Problem::too_large(MAX_BODY));
            }
            let gateway = request.app_data::<Data<Gateway>>().ok_or_else(Problem::internal)?;
            let read = std::pin::pin!(read(payload));
            let bytes = match select(read, gateway.timer.sleep(PATIENCE)).await {
                Either::Left((bytes, _)) => bytes?,
                Either::Right(_) => return Err(Problem::slow_body()),
            };
            let text = std::str::from_utf8(&bytes);
            let text = text.map_err(|_| Problem::bad_json("the body is not UTF-8"))?;
            Fields::of_json(text).map(Self)
        }
        .boxed_local()
    }
}

fn declares_json(request: &HttpRequest) -> bool {
    let value = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let essence = value.and_then(|value| value.split(';').next()).map(str::trim);
    essence.is_some_and(|it| it.eq_ignore_ascii_case("application/json"))
}

fn declared_length(request: &HttpRequest) -> Option<usize> {
    request.headers().get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

async fn read(mut payload: Payload) -> Result<Vec<u8>, Problem> {
    let mut bytes = Vec::new();
    while let Some(chunk) = payload.next().await {
        let chunk = chunk.map_err(|_| Problem::broken_body())?;
        if bytes.len() + chunk.len() > MAX_BODY {
            return Err(Problem::too_large(MAX_BODY));
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}
