//! Notifications as text.

use soma_core::ids::OwnerId;
use soma_core::outbox::topic::Topic;
use soma_core::ports::Notification;

/// What one process tells the others at once: who it is, then what about, a line each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Message {
    pub(super) origin: OwnerId,
    pub(super) about: Vec<Notification>,
}

impl Message {
    pub(super) fn encode(&self) -> String {
        let mut text = self.origin.to_string();
        for about in &self.about {
            text.push('\n');
            text.push_str(&name(*about));
        }
        text
    }

    /// None if it is no message. What this version does not know is left out.
    pub(super) fn decode(text: &str) -> Option<Self> {
        let mut lines = text.split('\n');
        let origin = lines.next()?.parse().ok()?;
        Some(Self { origin, about: lines.filter_map(parse).collect() })
    }
}

fn name(about: Notification) -> String {
    match about {
        Notification::Outbox => "outbox".into(),
        Notification::Turns => "turns".into(),
        Notification::Calls => "calls".into(),
        Notification::Memory => "memory".into(),
        Notification::Lanes => "lanes".into(),
        Notification::MemoryLanes => "memory-lanes".into(),
        Notification::Partitions(topic) => format!("partitions {topic}"),
        Notification::Cancel(session) => format!("cancel {session}"),
    }
}

fn parse(line: &str) -> Option<Notification> {
    let (name, of) = line.split_once(' ').unwrap_or((line, ""));
    match name {
        "outbox" => Some(Notification::Outbox),
        "turns" => Some(Notification::Turns),
        "calls" => Some(Notification::Calls),
        "memory" => Some(Notification::Memory),
        "lanes" => Some(Notification::Lanes),
        "memory-lanes" => Some(Notification::MemoryLanes),
        "partitions" => Topic::parse(of).map(Notification::Partitions),
        "cancel" => of.parse().ok().map(Notification::Cancel),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use soma_core::ids::SessionId;
    use uuid::Uuid;

    use super::*;

    #[test]
    fn every_notification_is_read_back() {
        let about = vec![
            Notification::Outbox,
            Notification::Turns,
            Notification::Calls,
            Notification::Memory,
            Notification::Partitions(Topic::ToolRequests),
            Notification::Lanes,
            Notification::MemoryLanes,
            Notification::Cancel(SessionId::from_uuid(Uuid::from_u128(7))),
        ];
        let message = Message { origin: OwnerId::from_uuid(Uuid::from_u128(1)), about };

        assert_eq!(Message::decode(&message.encode()), Some(message));
    }

    #[test]
    fn what_is_not_known_is_left_out() {
        let origin = Uuid::from_u128(1);

        let message = Message::decode(&format!("{origin}\nholidays\ncancel x\nturns")).unwrap();

        assert_eq!(message.about, [Notification::Turns]);
        assert_eq!(Message::decode("hello"), None);
        assert_eq!(Message::decode(""), None);
    }
}
