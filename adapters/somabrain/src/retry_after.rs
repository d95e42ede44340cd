//! `Retry-After` (RFC 9110, 10.2.3): seconds, or a date.

use std::time::Duration;

use reqwest::header::{DATE, HeaderMap, RETRY_AFTER};
use soma_core::time::Timestamp;

/// For how long the server asks not to be asked. A date is told by the server's own clock, if it tells
/// its time. What makes no sense is no wish.
pub(crate) fn read(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse::<f64>() {
        let absurd = Duration::MAX;
        return (seconds >= 0.0).then(|| Duration::try_from_secs_f64(seconds).unwrap_or(absurd));
    }
    let until = date(text)?;
    let told = headers.get(DATE).and_then(|told| told.to_str().ok()).and_then(date);
    Some(until.since(told.unwrap_or(now)))
}

fn date(text: &str) -> Option<Timestamp> {
    let date = jiff::fmt::rfc2822::parse(text).ok()?;
    Some(Timestamp::from_micros(date.timestamp().as_microsecond()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2025-11-03T12:00:00Z.
    const NOW: Timestamp = Timestamp::from_micros(1_762_171_200_000_000);

    fn waits(text: &str, date: Option<&str>) -> Option<u64> {
        let mut headers = HeaderMap::from_iter([(RETRY_AFTER, text.parse().unwrap())]);
        headers.extend(date.map(|date| (DATE, date.parse().unwrap())));
        read(&headers, NOW).map(|wait| wait.as_secs())
    }

    #[test]
    fn seconds_and_dates_are_read_and_nonsense_is_not() {
        assert_eq!(waits("7", None), Some(7));
        assert_eq!(waits("1e300", None), Some(u64::MAX));
        assert_eq!(waits("Mon, 03 Nov 2025 12:00:30 GMT", None), Some(30));
        let told = Some("Mon, 03 Nov 2025 12:00:20 GMT");
        assert_eq!(waits("Mon, 03 Nov 2025 12:00:30 GMT", told), Some(10));
        assert_eq!(waits("Mon, 03 Nov 2025 11:00:00 GMT", None), Some(0));
        for text in ["-1", "soon", "NaN", ""] {
            assert_eq!(waits(text, None), None, "{text}");
        }
    }
}
