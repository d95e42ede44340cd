//! What a model is shown: what was said before in the session, in its order, and of notes only what
//! this tenant left to be remembered.

use soma_core::conversation::event::{Event, EventType, Seq};
use soma_core::conversation::model::ChatMessage;
use soma_core::ids::{SessionId, TenantId, TurnId};
use soma_core::ports::Store;
use soma_core::work::session::EventRange;

use super::invariant::{Invariant, Wrong};
use super::memories::Memories;
use super::{Audit, Books, now};

/// A history of at most so many bytes is shown whole: a small part of what the model can read.
const SHOWN_WHOLE: usize = 2_000;
/// How the message begins that holds the recalled notes.
const NOTES: &str = "Recalled notes";

impl Audit {
    /// The model is shown this for a turn.
    pub fn prompted(&self, turn: TurnId, prompt: &[ChatMessage]) {
        let mut books = self.books();
        let Some((tenant, session, before)) = known(&books, turn) else { return };
        let all = EventRange::After(Seq(0));
        let events = now(self.ledger.events(&tenant, session, all, usize::MAX)).unwrap_or_default();
        let told = |turn| Told::of(&events, turn);
        let before = before.into_iter().flat_map(|turn| told(turn).lines()).collect();
        let ought = Ought { before, this: told(turn) };
        if let Err((invariant, what)) = ought.compare(prompt, &tenant, &books.memories) {
            books.violate(invariant, format!("{turn}: {what}"));
        }
    }
}

/// Whose turn it is, and those before it. None if there is no such turn any more.
fn known(books: &Books, turn: TurnId) -> Option<(TenantId, SessionId, Vec<TurnId>)> {
    let id = *books.sessions.of_turn.get(&turn)?;
    let session = books.sessions.by_id.get(&id).filter(|session| !session.erased)?;
    let before = session.turns.iter().map(|known| known.id).take_while(|known| *known != turn);
    Some((session.tenant.clone(), id, before.collect()))
}

/// What the events of a turn tell.
struct Told<'a> {
    said: &'a str,
    /// What tools answered, in the order they were asked.
    results: Vec<&'a str>,
    answer: &'a str,
}

impl<'a> Told<'a> {
    fn of(events: &'a [Event], turn: TurnId) -> Self {
        let of_turn = || events.iter().filter(move |event| event.turn_id == Some(turn));
        let of_kind = move |kind| of_turn().filter(move |event| event.kind == kind);
        let call = |event: &'a Event| event.metadata.get("call_id");
        let result =
            |asked| of_kind(EventType::ToolResult).find(move |event| call(event) == call(asked));
        let asked = of_kind(EventType::ToolRequested);
        Self {
            said: of_kind(EventType::UserMessage).next().map_or("", |event| &event.message),
            results: asked.filter_map(result).map(|event| event.message.as_str()).collect(),
            answer: of_turn().find(|event| event.kind.is_terminal()).map_or("", Event::answer),
        }
    }

    fn lines(self) -> Vec<&'a str> {
        let lines = std::iter::once(self.said).chain(self.results).chain([self.answer]);
        lines.filter(|line| !line.is_empty()).collect()
    }
}

/// What a prompt ought to be made of.
struct Ought<'a> {
    /// What was said in the turns before.
    before: Vec<&'a str>,
    this: Told<'a>,
}

impl Ought<'_> {
    fn compare(
        &self,
        prompt: &[ChatMessage],
        tenant: &TenantId,
        memories: &Memories,
    ) -> Result<(), Wrong> {
        let is_said = |message: &ChatMessage| matches!(message, ChatMessage::User { .. });
        let at = prompt.iter().rposition(is_said).unwrap_or_default();
        let (history, rest) = prompt.split_at(at);
        let mut shown = Vec::new();
        for message in history {
            match text(message) {
                Some(notes) if notes.starts_with(NOTES) => noted(notes, tenant, memories)?,
                text => shown.extend(text),
            }
        }
        let wrong = |what: String| Err((Invariant::Prompt, what));
        let mut rest = rest.iter();
        let said = rest.next().and_then(text).unwrap_or_default();
        if said != self.this.said {
            return wrong(format!("the model is asked {said:?}, not {:?}", self.this.said));
        }
        let results: Vec<&str> = rest.filter_map(result).collect();
        if !self.this.results.starts_with(&results) {
            let what = format!("it is shown the results {results:?} of {:?}", self.this.results);
            return wrong(what);
        }
        let is_short = self.before.iter().map(|line| line.len()).sum::<usize>() <= SHOWN_WHOLE;
        let is_whole = shown.len() == self.before.len();
        if !self.before.ends_with(&shown) || (is_short && !is_whole) {
            return wrong(format!("it is shown {shown:?} of {:?}", self.before));
        }
        Ok(())
    }
}

/// What a message of the history says; none of what the platform says, and of calls alone.
fn text(message: &ChatMessage) -> Option<&str> {
    match message {
        ChatMessage::System { .. } => None,
        ChatMessage::User { content }
        | ChatMessage::Assistant { content, .. }
        | ChatMessage::Tool { content, .. } => Some(content.as_str()).filter(|it| !it.is_empty()),
    }
}

fn result(message: &ChatMessage) -> Option<&str> {
    if let ChatMessage::Tool { content, .. } = message { Some(content) } else { None }
}

/// Each of the notes was left to be remembered by this tenant.
fn noted(notes: &str, tenant: &TenantId, memories: &Memories) -> Result<(), Wrong> {
    let texts = notes.find('[').and_then(|from| serde_json::from_str(&notes[from..]).ok());
    let texts: Vec<String> = texts.unwrap_or_default();
    if texts.is_empty() {
        return Err((Invariant::Prompt, format!("notes cannot be read: {notes:?}")));
    }
    match texts.into_iter().find(|text| !memories.is_of(tenant, text)) {
        Some(text) => {
            let what = format!("the model is shown {text:?}, which is nothing of {tenant}");
            Err((Invariant::TenantIsolation, what))
        }
        None => Ok(()),
    }
}
