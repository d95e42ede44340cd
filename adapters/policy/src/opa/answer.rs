//! What OPA answers.

use reqwest::{Response, StatusCode};
use serde_json::{Map, Value};
use soma_core::digest::Digest32;
use soma_core::ports::{PortError, PortResult};

/// An answer that is longer is none: a decision is small.
const LONGEST: usize = 1 << 20;

/// An answer.
pub(super) struct Answer {
    /// The document; none if it is undefined.
    pub(super) result: Option<Value>,
    /// The digest of the bundle that it comes from, if that says so.
    pub(super) bundle: Option<Digest32>,
}

impl Answer {
    pub(super) async fn read(response: Response) -> PortResult<Self> {
        let body = body(success(response)?).await?;
        let mut answer: Map<String, Value> =
            serde_json::from_slice(&body).map_err(|error| broken(error.into()))?;
        let bundle = answer.get("provenance").and_then(bundle);
        Ok(Self { result: answer.remove("result"), bundle })
    }
}

/// The digest that one of the loaded bundles has for its revision. If more than one has, nothing tells
/// which of them decided.
fn bundle(provenance: &Value) -> Option<Digest32> {
    let bundles = provenance.get("bundles").and_then(Value::as_object);
    let bundles = bundles.into_iter().flat_map(Map::values);
    // A single bundle that is configured as it was before there could be many.
    let revisions = bundles.chain([provenance]).filter_map(|named| named.get("revision"));
    let mut digests = revisions.filter_map(Value::as_str).filter_map(Digest32::from_hex);
    let digest = digests.next()?;
    digests.next().is_none().then_some(digest)
}

/// The answer, if it is not a refusal. OPA says 500 of a policy that contradicts itself; the others of
/// its class come from what stands before it.
fn success(response: Response) -> PortResult<Response> {
    let status = response.status();
    if status.is_success() {
        return Ok(response);
    }
    let refused = format!("the policy engine answered {status}").into();
    Err(match status {
        StatusCode::INTERNAL_SERVER_ERROR => broken(refused),
        StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS => {
            PortError::Unavailable(refused)
        }
        _ if status.is_server_error() => PortError::Unavailable(refused),
        _ => broken(refused),
    })
}

async fn body(mut response: Response) -> PortResult<Vec<u8>> {
    let mut body = Vec::new();
    while let Some(piece) = response.chunk().await.map_err(unreachable)? {
        if body.len() + piece.len() > LONGEST {
            return Err(broken("the answer is too long".into()));
        }
        body.extend_from_slice(&piece);
    }
    Ok(body)
}

/// The server was not reached, or did not answer in time. A question changes nothing, so it may be asked
/// again.
pub(super) fn unreachable(error: reqwest::Error) -> PortError {
    PortError::Unavailable(Box::new(error))
}

pub(super) fn broken(source: Box<dyn std::error::Error + Send + Sync>) -> PortError {
    PortError::Broken { what: "policy evaluation", source }
}
