//! The trace that a message belongs to, as W3C Trace Context carries it from service to service.

use serde::{Deserialize, Serialize};

/// The most of a `tracestate` that is passed on, in bytes: what the standard asks for.
const LONGEST_STATE: usize = 512;

/// A `traceparent` with its `tracestate`, both valid.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TraceContext {
    traceparent: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tracestate: Option<String>,
}

impl TraceContext {
    /// Reads the two headers of a request or a record. A `traceparent` that is not valid is no trace
    /// at all; a `tracestate` that is not valid is dropped.
    pub fn read(traceparent: &str, tracestate: Option<&str>) -> Option<Self> {
        let traceparent = parent(traceparent.trim())?;
        let tracestate = tracestate.map(str::trim).filter(|state| is_state(state));
        Some(Self { traceparent, tracestate: tracestate.map(str::to_owned) })
    }

    /// The header `traceparent`.
    pub fn traceparent(&self) -> &str {
        &self.traceparent
    }

    /// The header `tracestate`.
    pub fn tracestate(&self) -> Option<&str> {
        self.tracestate.as_deref()
    }

    /// Both headers of a record.
    pub fn headers(&self) -> impl Iterator<Item = (String, String)> {
        let parent = ("traceparent".to_owned(), self.traceparent.clone());
        let state = self.tracestate.clone().map(|state| ("tracestate".to_owned(), state));
        std::iter::once(parent).chain(state)
    }
}

/// The `traceparent` as version 00 writes it: later versions may only add to its end.
fn parent(text: &str) -> Option<String> {
    let (known, rest) = (text.get(..55)?, text.get(55..)?);
    let mut parts = known.split('-');
    let [version, trace, span, flags] =
        [2, 32, 16, 2].map(|digits| parts.next().filter(|part| is_hex(part, digits)));
    let (version, trace, span, flags) = (version?, trace?, span?, flags?);
    let ends = rest.is_empty() || (version != "00" && rest.starts_with('-'));
    let is_set = |id: &str| id.bytes().any(|digit| digit != b'0');
    let valid = ends && version != "ff" && is_set(trace) && is_set(span) && parts.next().is_none();
    valid.then(|| format!("00-{trace}-{span}-{flags}"))
}

fn is_hex(text: &str, digits: usize) -> bool {
    text.len() == digits && text.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'))
}

/// Whether it is a list of `key=value`, of visible characters.
fn is_state(text: &str) -> bool {
    let is_key = |key: &str| {
        let rest =
            |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-' | b'*' | b'/' | b'@');
        key.starts_with(|first: char| first.is_ascii_lowercase() || first.is_ascii_digit())
            && key.bytes().all(rest)
    };
    let is_value =
        |value: &str| value.bytes().all(|byte| matches!(byte, b' '..=b'~' if byte != b'='));
    let mut members = text.split(',').map(str::trim).filter(|member| !member.is_empty()).peekable();
    text.len() <= LONGEST_STATE
        && members.peek().is_some()
        && members.all(|member| {
            member.split_once('=').is_some_and(|(key, value)| is_key(key) && is_value(value))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    #[test]
    fn valid_headers_are_passed_on_as_they_are() {
        let state = "rojo=00f067aa0ba902b7,congo=t61rcWkgMzE";

        let read = TraceContext::read(PARENT, Some(state)).unwrap();

        assert_eq!((read.traceparent(), read.tracestate()), (PARENT, Some(state)));
    }

    #[test]
    fn parent_that_is_not_valid_is_no_trace() {
        for text in [
            "",
            "00",
            "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
            "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-extra",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0g",
            "00_0af7651916cd43dd8448eb211c80319c_b7ad6b7169203331_01",
            "01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01x",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-\u{e9}",
        ] {
            assert_eq!(TraceContext::read(text, None), None, "{text}");
        }
    }

    #[test]
    fn parent_of_a_later_version_is_passed_on_as_the_version_that_is_known() {
        let later = PARENT.replacen("00", "cc", 1) + "-what-comes-later";

        let read = TraceContext::read(&later, None).unwrap();

        assert_eq!(read.traceparent(), PARENT);
    }

    #[test]
    fn state_that_is_not_valid_is_dropped() {
        let long = format!("a={}", "x".repeat(LONGEST_STATE));
        for state in ["", ",", "novalue", "Upper=1", "a=b=c", "a=\u{e9}", "a=1\n2", &long] {
            let read = TraceContext::read(PARENT, Some(state)).unwrap();

            assert_eq!(read.tracestate(), None, "{state}");
        }
    }
}
