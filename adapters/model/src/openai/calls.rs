//! The calls of tools in an answer, put together from their pieces.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};
use soma_core::conversation::model::{ModelFailure, ModelToolCall};
use soma_core::digest::Digest32;

use super::answer::Asked;
use super::wire::WireCall;

/// The most that all calls of an answer may have together, in bytes.
const LONGEST_CALLS: usize = 1 << 20;

/// How many characters an id of ours has: some servers take exactly so many, and only letters and digits.
const ID_LENGTH: usize = 9;

/// What has come so far.
#[derive(Debug, Default)]
pub(super) struct Calls {
    /// By their places.
    said: BTreeMap<usize, ModelToolCall>,
    /// The server's index of the last piece.
    index: usize,
    /// Where calls stand whose index was taken.
    moved: BTreeMap<usize, usize>,
    /// How many bytes have come.
    bytes: usize,
}

impl Calls {
    pub(super) fn is_empty(&self) -> bool {
        self.said.is_empty()
    }

    /// Pieces of a call belong together by index; the id and the name may come late.
    ///
    /// # Errors
    ///
    /// [`ModelFailure::Broken`] if more came than any answer has.
    pub(super) fn take(&mut self, piece: WireCall) -> Result<(), ModelFailure> {
        // The one stands for a call of which nothing is said.
        self.bytes += piece.id.len() + piece.name.len() + piece.arguments.len() + 1;
        if self.bytes > LONGEST_CALLS {
            return Err(ModelFailure::Broken);
        }
        let place = self.place(&piece);
        let call = self.said.entry(place).or_insert_with(|| ModelToolCall {
            id: String::new(),
            name: String::new(),
            arguments: String::new(),
        });
        if !piece.id.is_empty() {
            call.id = piece.id;
        }
        // Some servers say the whole name with every piece.
        if call.name != piece.name {
            call.name.push_str(&piece.name);
        }
        // Some begin with an empty object, and say the arguments afterwards.
        if is_empty_object(&call.arguments) && !piece.arguments.trim().is_empty() {
            call.arguments.clear();
        }
        call.arguments.push_str(&piece.arguments);
        Ok(())
    }

    /// The calls, with ids that are there and differ.
    pub(super) fn all(&self, asked: &Asked) -> Vec<ModelToolCall> {
        let mut seen = BTreeSet::new();
        let mut calls: Vec<ModelToolCall> = self.said.values().cloned().collect();
        for (place, call) in calls.iter_mut().enumerate() {
            if call.id.is_empty() || seen.contains(&call.id) {
                call.id = own_id(asked, place);
            }
            seen.insert(call.id.clone());
        }
        calls
    }

    /// Where a piece belongs. Some servers give no index, or the same to all calls: then another id, or
    /// another name behind a call that is whole, begins another call.
    fn place(&mut self, piece: &WireCall) -> usize {
        self.index = piece.index.unwrap_or(self.index);
        let place = self.moved.get(&self.index).copied().unwrap_or(self.index);
        let Some(before) = self.said.get(&place) else { return place };
        let has_ids = !before.id.is_empty() && !piece.id.is_empty();
        let begins = if piece.name.is_empty() {
            false
        } else if has_ids {
            before.id != piece.id
        } else {
            !before.name.is_empty() && is_over(before, &piece.name)
        };
        if !begins {
            return place;
        }
        let last = self.said.last_key_value().map_or(0, |(place, _)| *place);
        self.moved.insert(self.index, last.saturating_add(1));
        last.saturating_add(1)
    }
}

/// Whether a call without an id is whole, so that a name behind it begins another. An empty object may
/// stand for arguments that are still to come, but not if the name is another.
fn is_over(call: &ModelToolCall, name: &str) -> bool {
    is_object(&call.arguments) && (call.name != name || !is_empty_object(&call.arguments))
}

/// Whether arguments are an object. They come in thousands of pieces: they are only read if they end
/// like one.
fn is_object(arguments: &str) -> bool {
    arguments.trim_end().ends_with('}')
        && serde_json::from_str::<Map<String, Value>>(arguments).is_ok()
}

fn is_empty_object(arguments: &str) -> bool {
    let inner = arguments.trim().strip_prefix('{').and_then(|rest| rest.strip_suffix('}'));
    inner.is_some_and(|inner| inner.trim().is_empty())
}

/// An id for a call that has none: letters and digits, another one for each call of a session.
fn own_id(asked: &Asked, place: usize) -> String {
    let digest = Digest32::of(format!("{}/{place}", asked.request).as_bytes());
    digest.to_string().chars().take(ID_LENGTH).collect()
}
