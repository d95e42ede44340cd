//! Frames that go to many clients of a session: encoded once, and the bytes shared.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use soma_core::ids::SessionId;
use soma_core::stream::resume::{Frame, FrameBody};

use crate::sse::encode;

/// How many of a session's newest frames are kept while several clients follow it.
const RECENT: usize = 8;
/// The longest encoded frame that is kept, in bytes.
const LONGEST: usize = 16 * 1024;

type Recent = VecDeque<(Frame, Bytes)>;

/// The sessions that are followed by server-sent events here.
#[derive(Clone, Default)]
pub(crate) struct SharedFrames {
    sessions: Arc<Mutex<BTreeMap<SessionId, Arc<Mutex<Recent>>>>>,
}

impl SharedFrames {
    /// What encodes the frames of a session for one more client.
    pub(crate) fn encoder(&self, session: SessionId) -> Encoder {
        let recent = Arc::clone(lock(&self.sessions).entry(session).or_default());
        Encoder { session, recent, shared: self.clone() }
    }
}

/// Encodes a session's frames for one client.
pub(crate) struct Encoder {
    session: SessionId,
    recent: Arc<Mutex<Recent>>,
    shared: SharedFrames,
}

/// Who holds the frames of a session that one client follows: its encoder, and the map of all.
const ALONE: usize = 2;

impl Encoder {
    /// The session.
    pub(crate) const fn session(&self) -> SessionId {
        self.session
    }

    /// A frame as an event. If others are sent the same, it is encoded for the first of them.
    pub(crate) fn encode(&self, frame: &Frame) -> serde_json::Result<Bytes> {
        if Arc::strong_count(&self.recent) <= ALONE {
            return encode(frame, self.session);
        }
        let mut recent = lock(&self.recent);
        if let Some((_, bytes)) = recent.iter().rev().find(|(known, _)| is_same(known, frame)) {
            return Ok(bytes.clone());
        }
        let bytes = encode(frame, self.session)?;
        if bytes.len() <= LONGEST {
            if recent.len() == RECENT {
                recent.pop_front();
            }
            recent.push_back((frame.clone(), bytes.clone()));
        }
        Ok(bytes)
    }
}

impl Drop for Encoder {
    fn drop(&mut self) {
        let mut sessions = lock(&self.shared.sessions);
        let others = Arc::strong_count(&self.recent).saturating_sub(ALONE);
        if others == 0 {
            sessions.remove(&self.session);
        } else if others == 1 {
            lock(&self.recent).clear();
        }
    }
}

/// Whether two frames of a session are encoded alike. An event is told by its id.
fn is_same(one: &Frame, other: &Frame) -> bool {
    one.cursor == other.cursor
        && match (&one.body, &other.body) {
            (FrameBody::Event(one), FrameBody::Event(other)) => one.event_id == other.event_id,
            (one, other) => one == other,
        }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use soma_core::conversation::event::Seq;
    use soma_core::ids::TurnId;
    use soma_core::stream::cursor::{AnswerPosition, Cursor};
    use soma_core::stream::resume::Style;
    use uuid::Uuid;

    use super::*;

    fn session(number: u128) -> SessionId {
        SessionId::from_uuid(Uuid::from_u128(number))
    }

    fn piece(text: &str, style: Style) -> Frame {
        let answer = AnswerPosition { attempt: 1, bytes: text.len() };
        let body = FrameBody::Answer {
            turn_id: TurnId::from_uuid(Uuid::from_u128(7)),
            attempt: 1,
            stream_index: text.len(),
            offset: 0,
            text: text.into(),
            style,
        };
        Frame { cursor: Cursor { seq: Seq(1), answer }, body }
    }

    fn is_shared(one: &Bytes, other: &Bytes) -> bool {
        one.as_ptr() == other.as_ptr()
    }

    #[test]
    fn clients_that_are_sent_the_same_share_the_bytes() {
        let (shared, session) = (SharedFrames::default(), session(1));
        let (one, other) = (shared.encoder(session), shared.encoder(session));
        let frame = piece("Hello", Style::Deltas);

        let (first, second) = (one.encode(&frame).unwrap(), other.encode(&frame).unwrap());

        assert!(is_shared(&first, &second));
        assert_eq!(first, encode(&frame, session).unwrap());
    }

    #[test]
    fn frames_that_differ_in_anything_are_encoded_by_themselves() {
        let (shared, session) = (SharedFrames::default(), session(1));
        let (one, other) = (shared.encoder(session), shared.encoder(session));
        let stranger = shared.encoder(self::session(2));
        let frames = [
            piece("Hello", Style::Deltas),
            piece("Holla", Style::Deltas),
            piece("Hello", Style::Cumulative),
            Frame { cursor: Cursor::default(), body: FrameBody::Deleted },
        ];

        for frame in &frames {
            let encoded = one.encode(frame).unwrap();
            assert_eq!(encoded, encode(frame, session).unwrap());
            assert_eq!(other.encode(frame).unwrap(), encoded);
            let elsewhere = stranger.encode(frame).unwrap();
            assert_eq!(elsewhere, encode(frame, self::session(2)).unwrap());
        }
    }

    #[test]
    fn one_client_keeps_nothing_and_none_leaves_nothing() {
        let (shared, session) = (SharedFrames::default(), session(1));
        let one = shared.encoder(session);
        let frame = piece("Hello", Style::Deltas);
        let alone = one.encode(&frame).unwrap();
        let kept = Arc::clone(&one.recent);

        assert!(lock(&kept).is_empty());
        drop(kept);
        let other = shared.encoder(session);
        assert!(!is_shared(&alone, &other.encode(&frame).unwrap()));
        assert_eq!(lock(&one.recent).len(), 1);
        drop(other);
        assert!(lock(&one.recent).is_empty(), "the last one needs none of it");
        drop(one);
        assert!(lock(&shared.sessions).is_empty());
    }

    #[test]
    fn only_the_newest_frames_are_kept_and_none_that_is_long() {
        let (shared, session) = (SharedFrames::default(), session(1));
        let (one, _other) = (shared.encoder(session), shared.encoder(session));

        for number in 0..3 * RECENT {
            one.encode(&piece(&"x".repeat(number), Style::Deltas)).unwrap();
        }
        one.encode(&piece(&"x".repeat(LONGEST), Style::Deltas)).unwrap();

        let kept = lock(&one.recent);
        assert_eq!(kept.len(), RECENT);
        assert!(kept.iter().all(|(_, bytes)| bytes.len() <= LONGEST));
    }
}
