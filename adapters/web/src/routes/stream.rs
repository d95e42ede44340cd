//! What the two ways to follow a session have in common: where a client was, and what it wants.

use actix_web::HttpRequest;
use actix_web::web::Data;
use serde::Deserialize;
use soma_core::flows::follow_session::{Frames, Until};
use soma_core::flows::refusal::Refusal;
use soma_core::identity::Principal;
use soma_core::ids::SessionId;
use soma_core::stream::cursor::Cursor;
use soma_core::stream::resume::Style;
use utoipa::ToSchema;

use super::session_of;
use crate::error::Problem;
use crate::fields::Fields;
use crate::gateway::Gateway;

const LAST_EVENT_ID: &str = "Last-Event-ID";

/// What a client wants to follow.
pub(super) struct StreamOptions {
    pub(super) session: SessionId,
    pub(super) until: Until,
    from: Cursor,
    style: Style,
}

impl StreamOptions {
    /// Reads it from the path, the query and the headers. The header wins over the query: a browser
    /// that comes back repeats the query it came with first. An empty one is none: clients send it
    /// before they have seen an event.
    pub(super) fn of(request: &HttpRequest) -> Result<Self, Problem> {
        let session = session_of(request)?;
        let mut query = Fields::of_query(request.query_string());
        let after = query.text("after");
        let last = query.text("last_event_id").or(after);
        let style = query.optional("stream").map_or(Style::default(), StreamStyle::into);
        let until = query.optional("until").map_or(Until::default(), StreamEnd::into);
        query.check()?;
        let from = header(request)?.or(last).unwrap_or_default();
        Ok(Self { session, until, from, style })
    }

    /// Begins to follow.
    pub(super) async fn follow(
        &self,
        caller: &Principal,
        gateway: &Data<Gateway>,
    ) -> Result<Frames, Problem> {
        let flow = &gateway.follow_session;
        Ok(flow.run(caller, self.session, self.from, self.style, self.until).await?)
    }
}

fn header(request: &HttpRequest) -> Result<Option<Cursor>, Problem> {
    let value = request.headers().get(LAST_EVENT_ID).filter(|value| !value.is_empty());
    let Some(value) = value else { return Ok(None) };
    let cursor = value.to_str().ok().and_then(|text| text.parse().ok());
    let problem = || Refusal::invalid(LAST_EVENT_ID, "not a stream position").into();
    cursor.ok_or_else(problem).map(Some)
}

/// How the running answer is sent.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum StreamStyle {
    /// In pieces.
    Deltas,
    /// Whole, again and again.
    Cumulative,
}

impl From<StreamStyle> for Style {
    fn from(style: StreamStyle) -> Self {
        match style {
            StreamStyle::Deltas => Self::Deltas,
            StreamStyle::Cumulative => Self::Cumulative,
        }
    }
}

/// When a stream ends by itself.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum StreamEnd {
    /// After the newest turn.
    Final,
}

impl From<StreamEnd> for Until {
    fn from(end: StreamEnd) -> Self {
        match end {
            StreamEnd::Final => Self::Final,
        }
    }
}
