//! Doing again what was set aside, once its cause is gone.

use serde::{Deserialize, Serialize};

use super::dead::{DeadLetter, Headers, LONGEST, Origin};
use super::message::OutboxMessage;
use crate::ids::TenantId;
use crate::memory::MemoryWrite;

/// The header `type` of a message that had none.
const KIND: &str = "redriven";

/// What redriving a dead letter does.
#[derive(Clone, Debug, PartialEq)]
pub enum Redrive {
    /// Publishes its message again, where it was to go.
    Publish(OutboxMessage),
    /// Queues its memory write again.
    Remember(MemoryWrite),
}

/// Why a dead letter cannot be redriven. It stays where it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
pub enum NotRedrivable {
    /// Only its beginning was kept.
    #[error("the message is longer than {LONGEST} bytes, and only its beginning was kept")]
    Cut,
    /// Some of its bytes were replaced.
    #[error("the message has bytes that are no text, which were not kept")]
    Altered,
    /// It was no message.
    #[error("it was not set aside as a message, so there is nothing to send again")]
    NoMessage,
}

impl DeadLetter {
    /// What redriving it does: as a message it is what it was, with the same id, by which whoever has
    /// seen it knows it. `platform` answers for a letter that names no tenant.
    ///
    /// # Errors
    ///
    /// [`NotRedrivable`] if that is not kept.
    pub fn redrive(&self, platform: &TenantId) -> Result<Redrive, NotRedrivable> {
        self.redrivable()?;
        Ok(match &self.origin {
            Origin::Message(headers) => Redrive::Publish(self.again(headers, platform)),
            Origin::MemoryWrite => Redrive::Remember(self.memory_write()?),
            Origin::Untold | Origin::Cut | Origin::Altered | Origin::State => {
                Redrive::Publish(self.again(&Headers::default(), platform))
            }
        })
    }

    /// Whether it can be redriven.
    ///
    /// # Errors
    ///
    /// [`NotRedrivable`] if not.
    pub fn redrivable(&self) -> Result<(), NotRedrivable> {
        match &self.origin {
            Origin::MemoryWrite => self.memory_write().map(drop),
            Origin::Cut => Err(NotRedrivable::Cut),
            Origin::Altered => Err(NotRedrivable::Altered),
            Origin::State => Err(NotRedrivable::NoMessage),
            // A build that did not tell kept as many bytes, and replaced the same.
            Origin::Untold if self.partition.is_none() || self.offset.is_none() => {
                Err(NotRedrivable::NoMessage)
            }
            Origin::Untold if self.payload.len() >= LONGEST => Err(NotRedrivable::Cut),
            Origin::Untold if self.payload.contains('\u{fffd}') => Err(NotRedrivable::Altered),
            Origin::Message(_) | Origin::Untold => Ok(()),
        }
    }

    fn memory_write(&self) -> Result<MemoryWrite, NotRedrivable> {
        serde_json::from_str(&self.payload).map_err(|_| NotRedrivable::NoMessage)
    }

    fn again(&self, headers: &Headers, platform: &TenantId) -> OutboxMessage {
        OutboxMessage {
            topic: self.topic,
            key: self.key.clone(),
            kind: headers.kind.clone().unwrap_or_else(|| KIND.into()),
            tenant: self.tenant.clone().unwrap_or_else(|| platform.clone()),
            event_id: headers.event_id.unwrap_or_else(|| self.id()),
            trace: headers.trace.clone(),
            payload: self.payload.clone().into_bytes().into(),
            numbered_by: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use uuid::Uuid;

    use super::*;
    use crate::outbox::topic::Topic;
    use crate::time::Timestamp;

    fn tenant(name: &str) -> TenantId {
        TenantId::new(name).unwrap()
    }

    /// A letter of a record with this value.
    fn letter(value: &[u8], headers: Headers) -> DeadLetter {
        let (payload, origin) = Origin::message(value, headers);
        DeadLetter {
            topic: Topic::ToolResults,
            partition: Some(1),
            offset: Some(7),
            key: "a key".into(),
            tenant: Some(tenant("acme")),
            payload,
            error: "unreadable".into(),
            at: Timestamp::from_micros(1),
            origin,
        }
    }

    fn published(letter: &DeadLetter) -> OutboxMessage {
        let redriven = letter.redrive(&tenant("platform"));
        let Ok(Redrive::Publish(message)) = redriven else { panic!("{redriven:?}") };
        message
    }

    #[test]
    fn message_is_sent_again_as_it_was() {
        let (event_id, kind) = (Some(Uuid::from_u128(5)), Some("tool.result".to_owned()));
        let letter = letter("{\"a\":\"é\"".as_bytes(), Headers { kind, event_id, trace: None });

        let message = published(&letter);

        assert_eq!((message.topic, message.key.as_str()), (Topic::ToolResults, "a key"));
        assert_eq!((message.kind.as_str(), message.event_id), ("tool.result", Uuid::from_u128(5)));
        assert_eq!(
            (message.tenant, &message.payload[..]),
            (tenant("acme"), "{\"a\":\"é\"".as_bytes())
        );
    }

    #[test]
    fn message_without_headers_has_the_letters_own() {
        let letter = DeadLetter { tenant: None, ..letter(b"{}", Headers::default()) };

        let message = published(&letter);

        assert_eq!((message.event_id, message.kind.as_str()), (letter.id(), "redriven"));
        assert_eq!(message.tenant, tenant("platform"));
    }

    #[test]
    fn message_that_was_not_kept_whole_is_refused() {
        let refused = |value: &[u8]| letter(value, Headers::default()).redrive(&tenant("acme"));

        assert_eq!(refused(&vec![b'a'; LONGEST + 1]), Err(NotRedrivable::Cut));
        assert_eq!(refused(b"a\xff"), Err(NotRedrivable::Altered));
        assert_eq!(refused(b"a\0"), Err(NotRedrivable::Altered));
        assert!(refused(&vec![b'a'; LONGEST]).is_ok());
        assert!(refused("\u{fffd}".as_bytes()).is_ok());
    }

    #[test]
    fn letter_of_an_earlier_build_is_judged_by_what_it_has() {
        let untold = |payload: &str| {
            let letter = letter(payload.as_bytes(), Headers::default());
            DeadLetter { origin: Origin::Untold, ..letter }
        };
        let refused = |letter: &DeadLetter| letter.redrive(&tenant("acme")).unwrap_err();

        assert_eq!(published(&untold("{}")).payload, "{}");
        assert_eq!(refused(&untold("\u{fffd}")), NotRedrivable::Altered);
        assert_eq!(refused(&untold(&"a".repeat(LONGEST))), NotRedrivable::Cut);
        let of_a_turn = DeadLetter { partition: None, offset: None, ..untold("{}") };
        assert_eq!(refused(&of_a_turn), NotRedrivable::NoMessage);
    }

    #[test]
    fn what_is_no_memory_write_is_not_queued_as_one() {
        let payload = json!({"key": "k"}).to_string();
        let letter = letter(payload.as_bytes(), Headers::default());
        let letter = DeadLetter { origin: Origin::MemoryWrite, ..letter };

        assert_eq!(letter.redrive(&tenant("acme")), Err(NotRedrivable::NoMessage));
    }
}
