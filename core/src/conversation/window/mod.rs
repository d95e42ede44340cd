//! The history a model is shown: by turns in the order they were accepted, never over the token
//! budget, the newest kept, a tool call never parted from its result.

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::budget::Tokens;
use crate::conversation::event::{Event, EventType, Seq};
use crate::conversation::model::{ChatMessage, ModelToolCall, TokenCounter};
use crate::ids::TurnId;

/// A piece of history that is kept or dropped whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    /// The events it was made of.
    pub events: Vec<Seq>,
    /// What the model is shown.
    pub messages: Vec<ChatMessage>,
}

/// The history that fits.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Window {
    /// The blocks, oldest first.
    pub blocks: Vec<Block>,
    /// What they cost.
    pub tokens: Tokens,
    /// Whether the block before them did not fit: whatever is older makes no difference.
    pub is_full: bool,
}

impl Window {
    /// The messages, oldest first.
    pub fn messages(&self) -> impl Iterator<Item = &ChatMessage> {
        self.blocks.iter().flat_map(|block| &block.messages)
    }

    /// The events they were made of.
    pub fn events(&self) -> Vec<Seq> {
        self.blocks.iter().flat_map(|block| block.events.iter().copied()).collect()
    }
}

/// Chooses the newest blocks of the turns before `current` that cost at most `budget` together.
///
/// `events` are of one session, in any order, without a gap above their oldest.
pub fn window<'a>(
    events: impl IntoIterator<Item = &'a Event>,
    current: TurnId,
    budget: Tokens,
    count: &TokenCounter<'_>,
) -> Window {
    // Turns run one at a time: one that is not over waits behind the current one.
    let over = |turn: &Vec<&Event>| turn.iter().any(|event| event.kind.is_terminal());
    let past = turns_before(events, current).into_iter().filter(over).rev();
    let mut window = Window::default();
    for block in past.flat_map(|turn| blocks_of(&turn).into_iter().rev()) {
        let cost: Tokens = block.messages.iter().map(|message| message.tokens(count)).sum();
        if window.tokens + cost > budget {
            window.is_full = true;
            break;
        }
        window.tokens += cost;
        window.blocks.push(block);
    }
    window.blocks.reverse();
    window
}

/// The blocks that are made of exactly these events: how a window that was recorded is read again,
/// whatever has happened since.
pub fn recorded(events: &[Event], current: TurnId, window: &[Seq]) -> Vec<Block> {
    let chosen = |event: &&Event| window.contains(&event.seq);
    let needed = |event: &&Event| chosen(event) || event.kind == EventType::UserMessage;
    let turns = turns_before(events.iter().filter(needed), current);
    let mut blocks: Vec<Block> = turns.iter().flat_map(|turn| blocks_of(turn)).collect();
    blocks.retain(|block| block.events.iter().all(|seq| window.contains(seq)));
    blocks
}

/// What was said before the turn `current` and after the last reset: turns in the order they were
/// accepted, each with its events in order.
fn turns_before<'a>(
    events: impl IntoIterator<Item = &'a Event>,
    current: TurnId,
) -> Vec<Vec<&'a Event>> {
    let mut reset = Seq(0);
    let mut turns: BTreeMap<TurnId, Vec<&Event>> = BTreeMap::new();
    for event in events {
        if event.kind == EventType::SessionReset {
            reset = reset.max(event.seq);
        } else if let Some(turn) = event.turn_id {
            turns.entry(turn).or_default().push(event);
        }
    }
    let accepted = |events: &[&Event]| {
        events.iter().find(|event| event.kind == EventType::UserMessage).map(|event| event.seq)
    };
    let until = turns.get(&current).and_then(|events| accepted(events)).unwrap_or(Seq(u64::MAX));
    let mut ordered: Vec<(Seq, Vec<&Event>)> = turns
        .into_values()
        .filter_map(|events| accepted(&events).map(|seq| (seq, events)))
        .filter(|(seq, _)| *seq < until && *seq > reset)
        .collect();
    ordered.sort_by_key(|(seq, _)| *seq);
    for (_, events) in &mut ordered {
        events.sort_by_key(|event| event.seq);
    }
    ordered.into_iter().map(|(_, events)| events).collect()
}

/// One turn: what the person said, its tool calls with their results, the answer.
fn blocks_of(events: &[&Event]) -> Vec<Block> {
    let mut blocks = Vec::new();
    let first = |kind| events.iter().find(|event| event.kind == kind).copied();
    if let Some(message) = first(EventType::UserMessage) {
        blocks.push(said(message, ChatMessage::User { content: message.message.clone() }));
    }
    blocks.extend(tools(events));
    let answer = first(EventType::AssistantFinal).map(|event| (event, event.message.clone()));
    let part = || first(EventType::TurnFailed).map(|event| (event, text(event, "text")));
    if let Some((event, content)) = answer.or_else(part).filter(|(_, text)| !text.is_empty()) {
        blocks.push(said(event, ChatMessage::Assistant { content, tool_calls: Vec::new() }));
    }
    blocks
}

fn said(event: &Event, message: ChatMessage) -> Block {
    Block { events: vec![event.seq], messages: vec![message] }
}

/// The calls of a turn that have a result, with their results.
fn tools(events: &[&Event]) -> Option<Block> {
    let requested = events.iter().filter(|event| event.kind == EventType::ToolRequested);
    let result_of = |call: &Event| {
        let id = text(call, "call_id");
        let is_result =
            |event: &&&Event| event.kind == EventType::ToolResult && text(event, "call_id") == id;
        events.iter().find(is_result).copied()
    };
    let pairs: Vec<(&Event, &Event)> =
        requested.filter_map(|call| Some((*call, result_of(call)?))).collect();
    if pairs.is_empty() {
        return None;
    }
    let ids = shown_ids(pairs.iter().map(|(call, _)| *call));
    let tool_calls = pairs
        .iter()
        .zip(&ids)
        .map(|((call, _), id)| ModelToolCall {
            id: id.clone(),
            name: text(call, "tool_name"),
            arguments: text(call, "arguments"),
        })
        .collect();
    let asked = ChatMessage::Assistant { content: String::new(), tool_calls };
    let results = pairs.iter().zip(&ids).map(|((_, result), id)| ChatMessage::Tool {
        tool_call_id: id.clone(),
        content: result.message.clone(),
    });
    Some(Block {
        events: pairs.iter().flat_map(|(call, result)| [call.seq, result.seq]).collect(),
        messages: std::iter::once(asked).chain(results).collect(),
    })
}

/// The ids by which a model is shown its calls: those that it gave them, for some servers take no
/// others. Of two calls with the same id, asked for in two rounds, the later gets letters and digits of
/// ours.
fn shown_ids<'a>(calls: impl Iterator<Item = &'a Event>) -> Vec<String> {
    const LENGTH: usize = 9;
    let mut seen = BTreeSet::new();
    calls
        .map(|call| {
            let own = text(call, "tool_call_id");
            if !own.is_empty() && seen.insert(own.clone()) {
                return own;
            }
            let ours = text(call, "call_id");
            let ours: String = ours.chars().rev().filter(char::is_ascii_alphanumeric).collect();
            ours.chars().take(LENGTH).collect()
        })
        .collect()
}

fn text(event: &Event, field: &str) -> String {
    event.metadata.get(field).and_then(Value::as_str).unwrap_or_default().to_owned()
}
