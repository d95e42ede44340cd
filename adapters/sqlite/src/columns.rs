//! How values of the platform are written in columns.

use rusqlite::Row;
use rusqlite::types::ValueRef;
use serde::de::DeserializeOwned;
use soma_core::ids::TenantId;
use soma_core::outbox::lane::{LANES, Lane};
use soma_core::time::Timestamp;
use soma_core::trace::TraceContext;
use soma_core::unreadable::Unreadable;

use crate::database::SqlError;
use crate::pack::unpacked;

/// The most rows a query may be asked for.
pub(crate) fn limit(rows: usize) -> i64 {
    i64::try_from(rows).unwrap_or(i64::MAX)
}

// A set of lanes is a number with a bit for each.
const _: () = assert!(LANES < 64);

/// A set of lanes, in which a statement finds one by `(set >> lane) & 1`.
pub(crate) fn lane_set(lanes: &[Lane]) -> i64 {
    lanes.iter().fold(0, |set, lane| set | (1 << (lane.0 % 64)))
}

/// The time before which keys that guard against repetition are forgotten, as a column.
pub(crate) fn a_day_before(at: Timestamp) -> i64 {
    const DAY_MICROS: i64 = 24 * 60 * 60 * 1_000_000;
    at.as_micros().saturating_sub(DAY_MICROS)
}

/// A text column with JSON in it.
pub(crate) fn from_json<T: DeserializeOwned>(text: &str) -> Result<T, SqlError> {
    Ok(serde_json::from_str(text)?)
}

/// What is stored in a column, for people: also if it is no text.
pub(crate) fn raw(column: ValueRef<'_>) -> String {
    match column {
        ValueRef::Null => String::new(),
        ValueRef::Integer(number) => number.to_string(),
        ValueRef::Real(number) => number.to_string(),
        // A letter must not hold what other stores refuse.
        ValueRef::Text(bytes) => String::from_utf8_lossy(bytes).replace('\0', "\u{fffd}"),
        ValueRef::Blob(bytes) => {
            let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
            let digits = digits.filter_map(|digit| char::from_digit(digit.into(), 16));
            "0x".chars().chain(digits).collect()
        }
    }
}

/// What is stored in a column that may be packed, for people: unpacked, if it can be.
pub(crate) fn raw_unpacked(column: ValueRef<'_>) -> String {
    unpacked(column).map_or_else(|unreadable| unreadable.raw, |text| raw(ValueRef::Text(&text)))
}

/// A column with JSON in it, packed or not, which another build may have written, or a bad disk.
pub(crate) fn read_json<T: DeserializeOwned>(column: ValueRef<'_>) -> Result<T, Unreadable> {
    let text = unpacked(column)?;
    serde_json::from_slice(&text)
        .map_err(|error| Unreadable::json(raw(ValueRef::Text(&text)), &error))
}

/// The trace context in two columns, of which `first` is the parent.
pub(crate) fn trace(row: &Row<'_>, first: usize) -> Result<Option<TraceContext>, SqlError> {
    let parent: Option<String> = row.get(first)?;
    let state: Option<String> = row.get(first + 1)?;
    Ok(parent.and_then(|parent| TraceContext::read(&parent, state.as_deref())))
}

/// The tenant of what belongs to no tenant in particular.
pub(crate) fn platform() -> Result<TenantId, SqlError> {
    Ok(TenantId::new("platform")?)
}
