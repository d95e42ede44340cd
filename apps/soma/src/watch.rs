//! A stream of events that is open.

use std::collections::VecDeque;

use soma_model::sse::{Message, Parser};
use soma_runtime::report::{Fatal, chain};

use crate::trouble::Trouble;

/// Closed when it is dropped.
pub(crate) struct Watch {
    response: reqwest::Response,
    parser: Parser,
    ready: VecDeque<Message>,
}

impl Watch {
    pub(crate) fn of(response: reqwest::Response) -> Self {
        Self { response, parser: Parser::new(), ready: VecDeque::new() }
    }

    /// The next event; none once the connection has ended.
    pub(crate) async fn next(&mut self) -> Result<Option<Message>, Trouble> {
        loop {
            if let Some(message) = self.ready.pop_front() {
                return Ok(Some(message));
            }
            let Ok(Some(bytes)) = self.response.chunk().await else { return Ok(None) };
            let too_long = |error| Trouble::Unreachable(Fatal::new(chain(&error), ""));
            self.ready.extend(self.parser.push(&bytes).map_err(too_long)?);
        }
    }
}
