//! The history a model is shown: by turns in the order they were accepted, never over the token
//! budget, the newest kept, a tool call never parted from its result.

use std::collections::BTreeMap;

use serde_json::Value;

use super::event::{Event, EventType, Seq};
use super::model::{ChatMessage, ModelToolCall, TokenCounter};
use crate::budget::Tokens;
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
pub fn window(
    events: &[Event],
    current: TurnId,
    budget: Tokens,
    count: &TokenCounter<'_>,
) -> Window {
    let mut window = Window::default();
    for block in blocks_before(events, current).into_iter().rev() {
        let cost: Tokens = block.messages.iter().map(|message| message.tokens(count)).sum();
        if window.tokens + cost > budget {
            break;
        }
        window.tokens += cost;
        window.blocks.push(block);
    }
    window.blocks.reverse();
    window
}

/// The blocks that are made of exactly these events: how a window that was recorded is read again.
pub fn recorded(events: &[Event], current: TurnId, window: &[Seq]) -> Vec<Block> {
    let mut blocks = blocks_before(events, current);
    blocks.retain(|block| block.events.iter().all(|seq| window.contains(seq)));
    blocks
}

/// Everything said before the turn `current` and after the last reset, in the order of turns.
fn blocks_before(events: &[Event], current: TurnId) -> Vec<Block> {
    let reset = events.iter().filter(|e| e.kind == EventType::SessionReset).map(|e| e.seq).max();
    let mut turns: BTreeMap<TurnId, Vec<&Event>> = BTreeMap::new();
    for event in events {
        if let Some(turn) = event.turn_id {
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
        .filter(|(seq, _)| *seq < until && reset.is_none_or(|reset| *seq > reset))
        .collect();
    ordered.sort_by_key(|(seq, _)| *seq);
    ordered.into_iter().flat_map(|(_, events)| blocks_of(events)).collect()
}

/// One turn: what the person said, each round of tools with its results, the answer.
fn blocks_of(mut events: Vec<&Event>) -> Vec<Block> {
    events.sort_by_key(|event| event.seq);
    let mut blocks = Vec::new();
    let mut round: Vec<&Event> = Vec::new();
    for event in events.iter().copied() {
        match event.kind {
            EventType::UserMessage => {
                blocks.push(said(event, ChatMessage::User { content: event.message.clone() }));
            }
            EventType::ToolRequested => round.push(event),
            EventType::AssistantFinal | EventType::TurnFailed => {
                let content = event.answer().to_owned();
                blocks.extend(tools(&round, &events));
                round.clear();
                if !content.is_empty() {
                    let answer = ChatMessage::Assistant { content, tool_calls: Vec::new() };
                    blocks.push(said(event, answer));
                }
            }
            EventType::AssistantStarted
            | EventType::AssistantThinking
            | EventType::ContextRecalled
            | EventType::AssistantRestarted
            | EventType::ApprovalRequired
            | EventType::ApprovalDecided
            | EventType::ToolStart
            | EventType::ToolResult
            | EventType::SessionReset => {}
        }
    }
    blocks
}

fn said(event: &Event, message: ChatMessage) -> Block {
    Block { events: vec![event.seq], messages: vec![message] }
}

/// The calls of a turn that have a result, with their results.
fn tools(requested: &[&Event], events: &[&Event]) -> Option<Block> {
    let result_of = |call: &Event| {
        let id = text(call, "call_id");
        let is_result =
            |event: &&&Event| event.kind == EventType::ToolResult && text(event, "call_id") == id;
        events.iter().find(is_result).copied()
    };
    let pairs: Vec<(&Event, &Event)> =
        requested.iter().filter_map(|call| Some((*call, result_of(call)?))).collect();
    if pairs.is_empty() {
        return None;
    }
    let tool_calls = pairs
        .iter()
        .map(|(call, _)| ModelToolCall {
            id: text(call, "call_id"),
            name: text(call, "tool_name"),
            arguments: text(call, "arguments"),
        })
        .collect();
    let asked = ChatMessage::Assistant { content: String::new(), tool_calls };
    let results = pairs.iter().map(|(call, result)| ChatMessage::Tool {
        tool_call_id: text(call, "call_id"),
        content: result.message.clone(),
    });
    Some(Block {
        events: pairs.iter().flat_map(|(call, result)| [call.seq, result.seq]).collect(),
        messages: std::iter::once(asked).chain(results).collect(),
    })
}

fn text(event: &Event, field: &str) -> String {
    event.metadata.get(field).and_then(Value::as_str).unwrap_or_default().to_owned()
}
