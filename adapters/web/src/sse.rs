//! Frames as server-sent events.

use bytes::Bytes;
use soma_core::ids::SessionId;
use soma_core::stream::resume::Frame;

use crate::frame::Wire;

/// A first sign of life, so that proxies pass the head on. Like every comment it stands in the block
/// of the event after it: some clients take an empty line for an event, also where none precedes it.
pub(crate) const BEGINNING: Bytes = Bytes::from_static(b": connected\n");
/// A sign of life that is no event.
pub(crate) const HEARTBEAT: Bytes = Bytes::from_static(b": heartbeat\n");
/// How soon a client may come back. It ends the block of the first event.
const RETRY: &[u8] = b"retry: 1000\n\n";

/// A frame as one event: the data comes first, as simple clients look only there. It is one line, as
/// JSON has no line ends of its own; the id is the client's place.
pub(crate) fn encode(frame: &Frame, session: SessionId) -> serde_json::Result<Bytes> {
    let wire = Wire::of(frame, session);
    let (id, kind, data) = (frame.cursor, wire.kind(), serde_json::to_string(&wire)?);
    Ok(Bytes::from(format!("data: {data}\nid: {id}\nevent: {kind}\n\n")))
}

/// The first event of a stream, which says how soon a client may come back.
pub(crate) fn first(event: &Bytes) -> Bytes {
    let block = event.strip_suffix(b"\n").unwrap_or(event);
    [block, RETRY].concat().into()
}

#[cfg(test)]
mod tests {
    use serde_json::Value;
    use soma_core::conversation::event::Seq;
    use soma_core::ids::TurnId;
    use soma_core::stream::cursor::{AnswerPosition, Cursor};
    use soma_core::stream::resume::{FrameBody, Style};
    use uuid::Uuid;

    use super::*;

    fn encoded(text: &str, style: Style) -> String {
        let answer = AnswerPosition { attempt: 2, bytes: 9 };
        let frame = Frame {
            cursor: Cursor { seq: Seq(4), answer },
            body: FrameBody::Answer {
                turn_id: TurnId::from_uuid(Uuid::from_u128(7)),
                attempt: 2,
                stream_index: 3,
                offset: 5,
                text: text.into(),
                style,
            },
        };
        let bytes = encode(&frame, SessionId::from_uuid(Uuid::from_u128(1))).unwrap();
        String::from_utf8(bytes.to_vec()).unwrap()
    }

    fn data(event: &str) -> Value {
        let line = event.lines().find_map(|line| line.strip_prefix("data: ")).unwrap();
        serde_json::from_str(line).unwrap()
    }

    #[test]
    fn what_is_thought_is_an_event_of_its_own_and_moves_no_place() {
        let cursor = Cursor { seq: Seq(4), answer: AnswerPosition::default() };
        let turn_id = TurnId::from_uuid(Uuid::from_u128(7));
        let text = "Hm".to_owned();
        let body = FrameBody::Reasoning { turn_id, attempt: 1, call: 2, offset: 3, text };
        let session = SessionId::from_uuid(Uuid::from_u128(1));

        let event = encode(&Frame { cursor, body }, session).unwrap();

        let event = String::from_utf8(event.to_vec()).unwrap();
        assert!(event.ends_with("}\nid: 4\nevent: assistant.reasoning\n\n"), "{event}");
        assert_eq!(data(&event)["type"], "assistant.reasoning");
        for (name, number) in [("call", 2), ("offset", 3), ("stream_index", 5)] {
            assert_eq!(data(&event)[name], number, "{name}");
        }
        assert_eq!(data(&event)["delta"], "Hm");
        let answer = encoded("word ", Style::Deltas);
        assert!(data(&answer).get("call").is_none(), "{answer}");
    }

    #[test]
    fn event_names_its_place_its_type_and_its_piece() {
        let event = encoded("word ", Style::Deltas);

        assert!(event.starts_with("data: {"), "{event}");
        assert!(event.ends_with("}\nid: 4.2.9\nevent: assistant.delta\n\n"), "{event}");
        assert_eq!(data(&event)["delta"], "word ");
        assert_eq!(data(&event)["offset"], 5);
        assert_eq!(data(&event)["attempt"], 2);
        assert_eq!(data(&event)["version"], "sa01-v1");
    }

    #[test]
    fn whole_text_has_no_offset() {
        let event = encoded("all of it", Style::Cumulative);

        assert!(event.contains("\nevent: assistant.stream\n"), "{event}");
        assert_eq!(data(&event)["message"], "all of it");
        assert_eq!(data(&event).get("offset"), None);
    }

    #[test]
    fn first_event_says_how_soon_to_come_back_and_stays_one_block() {
        let event = encoded("word ", Style::Deltas);

        let first = String::from_utf8(first(&event.clone().into()).to_vec()).unwrap();

        assert_eq!(first, event.trim_end().to_owned() + "\nretry: 1000\n\n");
    }

    #[test]
    fn no_text_can_make_an_event() {
        for text in [
            "a\n\ndata: forged\n\n",
            "a\r\rdata: forged\r\r",
            "a\r\n\r\nid: 99\r\n\r\n",
            "\0",
            "\u{2028}\u{2029}\u{85}",
            "\u{feff}",
        ] {
            let event = encoded(text, Style::Deltas);

            assert_eq!(data(&event)["delta"], text);
            assert_eq!(event.matches(['\n', '\r']).count(), 4, "{event:?}");
            assert!(event.ends_with("\n\n") && !event.contains('\0'), "{event:?}");
        }
    }
}
