//! The heads of WebSocket frames: one that declares too much is refused before its payload is kept.

use std::pin::Pin;
use std::task::{Context, Poll};

use actix_web::dev::Payload;
use actix_web::error::PayloadError;
use bytes::Bytes;
use futures_util::stream::{Stream, StreamExt};

/// The longest head of a frame: two bytes, a length of eight, a mask of four.
const LONGEST: usize = 14;
const LAST: u8 = 0x80;
const MASKED: u8 = 0x80;
/// The kinds of frames from this one on are about the connection, and stand between those of a message.
const CONTROL: u8 = 8;

/// What a client sends, up to the first head that declares more than may come.
pub(crate) struct Heads {
    payload: Payload,
    heads: Counted,
}

impl Heads {
    /// Reads `payload`, whose messages may have `most` bytes, in however many frames.
    pub(crate) fn new(payload: Payload, most: usize) -> Self {
        Self { payload, heads: Counted { most: most as u64, ..Counted::default() } }
    }

    /// As the payload of a request.
    pub(crate) fn into_payload(self) -> Payload {
        Payload::Stream { payload: self.boxed_local() }
    }
}

impl Stream for Heads {
    type Item = Result<Bytes, PayloadError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let next = self.payload.poll_next_unpin(context);
        next.map(|next| {
            next.map(|bytes| {
                let bytes = bytes?;
                if self.heads.fit(&bytes) { Ok(bytes) } else { Err(PayloadError::Overflow) }
            })
        })
    }
}

/// Where in its frames a stream of bytes is.
#[derive(Debug, Default)]
struct Counted {
    /// The most bytes of a message.
    most: u64,
    /// What is there of the next head.
    head: Vec<u8>,
    /// How much of the payload is to come.
    left: u64,
    /// What was declared of a message that comes in parts.
    message: u64,
}

impl Counted {
    /// Takes more bytes. Returns whether no message that begins in them is too large.
    fn fit(&mut self, mut bytes: &[u8]) -> bool {
        while !bytes.is_empty() {
            let payload = bytes.len().min(usize::try_from(self.left).unwrap_or(usize::MAX));
            bytes = &bytes[payload..];
            self.left -= payload as u64;
            while let Some((byte, rest)) = bytes.split_first().filter(|_| self.left == 0) {
                bytes = rest;
                self.head.push(*byte);
                if let Some(length) = declared(&self.head) {
                    if !self.begin(length) {
                        return false;
                    }
                    break;
                }
            }
        }
        true
    }

    /// A head is there whole. Returns whether what it declares may come.
    fn begin(&mut self, length: u64) -> bool {
        let first = self.head[0];
        self.head.clear();
        self.left = length;
        if first & 0x0f >= CONTROL {
            return length <= self.most;
        }
        let message = self.message.saturating_add(length);
        self.message = if first & LAST == 0 { message } else { 0 };
        message <= self.most
    }
}

/// The length that a head declares; none as long as it is not whole.
fn declared(head: &[u8]) -> Option<u64> {
    let (second, rest) = head.get(1).zip(head.get(2..))?;
    let mask = if second & MASKED == 0 { 0 } else { 4 };
    let digits = match second & !MASKED {
        126 => 2,
        127 => 8,
        _ => 0,
    };
    debug_assert!(head.len() <= LONGEST, "a head is never longer");
    if rest.len() < digits + mask {
        return None;
    }
    let short = u64::from(second & !MASKED);
    let long = rest[..digits].iter().fold(0, |length, byte| length << 8 | u64::from(*byte));
    Some(if digits == 0 { short } else { long })
}

#[cfg(test)]
mod tests {
    use soma_core::ports::Ids;
    use soma_inproc::CountingIds;

    use super::*;

    const MOST: u64 = 1_000;

    /// A frame of this first byte and payload, its length written in so many bytes.
    fn frame(first: u8, length: u64, digits: usize, mask: bool) -> Vec<u8> {
        let masked = if mask { MASKED } else { 0 };
        let short = match digits {
            0 => u8::try_from(length).unwrap(),
            2 => 126,
            _ => 127,
        };
        let mut frame = vec![first, masked | short];
        frame.extend(&length.to_be_bytes()[8 - digits..]);
        frame.extend(vec![0xff; if mask { 4 } else { 0 }]);
        frame.extend(vec![0x8f; usize::try_from(length.min(2 * MOST)).unwrap()]);
        frame
    }

    #[test]
    fn any_stream_of_frames_is_taken_up_to_the_first_that_is_too_large() {
        let dice = CountingIds::seeded(3);
        let below = |limit: u64| dice.random() % limit;
        for _ in 0..4_000 {
            let (mut bytes, mut message, mut fits) = (Vec::new(), 0, true);
            for _ in 0..=below(6) {
                let kind = [0, 1, 2, 8, 9, 10][usize::try_from(below(6)).unwrap()];
                let last = kind >= CONTROL || below(2) == 0;
                let digits = [0, 2, 8][usize::try_from(below(3)).unwrap()];
                let length = below([126, MOST * 3 / 2, MOST * 3 / 2][digits / 3]);
                let first = if last { LAST | kind } else { kind };
                bytes.extend(frame(first, length, digits, below(2) == 0));
                let whole = if kind >= CONTROL { length } else { message + length };
                fits &= whole <= MOST;
                if kind < CONTROL {
                    message = if last { 0 } else { whole };
                }
            }
            let mut counted = Counted { most: MOST, ..Counted::default() };
            let mut rest = bytes.as_slice();
            let mut taken = true;
            while taken && !rest.is_empty() {
                let size = usize::try_from(1 + below(40)).unwrap().min(rest.len());
                let (part, more) = rest.split_at(size);
                taken = counted.fit(part);
                rest = more;
            }
            assert_eq!(taken, fits, "{bytes:x?}");
        }
    }

    #[test]
    fn any_bytes_are_taken_without_keeping_more_than_a_head() {
        let dice = CountingIds::seeded(4);
        for _ in 0..2_000 {
            let mut counted = Counted { most: MOST, ..Counted::default() };
            while !dice.random().is_multiple_of(20) && counted.fit(&dice.random().to_be_bytes()) {
                assert!(counted.head.len() < LONGEST);
            }
        }
    }
}
