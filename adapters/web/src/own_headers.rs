//! Headers that own what they say.

use actix_web::http::header::{HeaderMap, HeaderValue};

/// Moves the headers to a map that is as large as they need, and their values out of the buffer that
/// they were read into. Actix keeps the heads of 256 requests a thread for reuse: with them it would
/// keep as many buffers of 8 KiB and maps of 7 KiB after a crowd of clients is gone.
pub(crate) fn own_headers(headers: &mut HeaderMap) {
    let mut own = HeaderMap::with_capacity(headers.len_keys());
    for (name, value) in headers.iter() {
        if let Ok(value) = HeaderValue::from_bytes(value.as_bytes()) {
            own.append(name.clone(), value);
        }
    }
    *headers = own;
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use actix_web::http::header::{ACCEPT, COOKIE};
    use bytes::Bytes;

    use super::*;

    #[test]
    fn a_head_that_is_kept_keeps_no_buffer() -> Result<(), Box<dyn std::error::Error>> {
        let buffer = Bytes::from(b"text/plain".repeat(2));
        let mut headers = HeaderMap::new();
        for piece in [buffer.slice(..10), buffer.slice(10..)] {
            headers.append(ACCEPT, HeaderValue::from_maybe_shared(piece)?);
        }
        headers.insert(COOKIE, HeaderValue::from_maybe_shared(buffer.slice(..4))?);
        assert!(!buffer.is_unique());

        own_headers(&mut headers);

        assert!(buffer.is_unique());
        let said: HashSet<_> = headers.iter().map(|(name, value)| (name.as_str(), value)).collect();
        let text = HeaderValue::from_static("text/plain");
        let cookie = HeaderValue::from_static("text");
        assert_eq!(said, HashSet::from([("accept", &text), ("cookie", &cookie)]));
        assert_eq!(headers.get_all(ACCEPT).count(), 2);
        assert!(headers.capacity() < HeaderMap::with_capacity(16).capacity());
        Ok(())
    }
}
