//! How values of the platform are written in columns.

use bytes::BytesMut;
use serde::Serialize;
use serde::de::DeserializeOwned;
use soma_core::ids::TenantId;
use soma_core::time::Timestamp;
use soma_core::trace::TraceContext;
use soma_core::unreadable::Unreadable;
use tokio_postgres::Row;
use tokio_postgres::types::{FromSql, IsNull, ToSql, Type, to_sql_checked};

use crate::database::SqlError;

/// A time as a `timestamptz`. What is further away than PostgreSQL can tell is written as infinitely
/// far, and read so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct At(pub(crate) Timestamp);

impl At {
    /// 2000-01-01, which PostgreSQL counts from, in microseconds since 1970.
    const EPOCH: i64 = 946_684_800_000_000;
    /// 4714-11-24 BC and 294276-12-31: what PostgreSQL can tell, in microseconds since 2000.
    const TOLD: std::ops::Range<i64> = -211_813_488_000_000_000..9_223_371_331_200_000_000;
}

impl ToSql for At {
    fn to_sql(
        &self,
        _: &Type,
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        let micros = self.0.as_micros().saturating_sub(Self::EPOCH);
        let micros = if micros < Self::TOLD.start {
            i64::MIN
        } else if micros >= Self::TOLD.end {
            i64::MAX
        } else {
            micros
        };
        out.extend_from_slice(&micros.to_be_bytes());
        Ok(IsNull::No)
    }

    fn accepts(kind: &Type) -> bool {
        *kind == Type::TIMESTAMPTZ
    }

    to_sql_checked!();
}

impl<'a> FromSql<'a> for At {
    fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn std::error::Error + Sync + Send>> {
        let micros = i64::from_be_bytes(raw.try_into()?);
        Ok(Self(Timestamp::from_micros(micros.saturating_add(Self::EPOCH))))
    }

    fn accepts(kind: &Type) -> bool {
        *kind == Type::TIMESTAMPTZ
    }
}

/// The time in a column.
pub(crate) fn timestamp(row: &Row, column: usize) -> Result<Timestamp, SqlError> {
    Ok(row.try_get::<_, At>(column)?.0)
}

/// A count or a number, as a column has it.
pub(crate) fn number(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// A span as the number of its microseconds.
pub(crate) fn micros(span: std::time::Duration) -> i64 {
    // PostgreSQL adds it to a time: what is more than it can tell fails.
    const CENTURY: i64 = 100 * 366 * 86_400 * 1_000_000;
    i64::try_from(span.as_micros()).map_or(CENTURY, |micros| micros.min(CENTURY))
}

/// A count or a number in a `bigint`, which is never negative.
pub(crate) fn count(row: &Row, column: usize) -> Result<u64, SqlError> {
    let count: i64 = row.try_get(column)?;
    u64::try_from(count).map_err(|error| SqlError::Row(Box::new(error)))
}

/// A small number in an `integer` or a `bigint`, which is never negative.
pub(crate) fn small(row: &Row, column: usize) -> Result<u32, SqlError> {
    let number = match row.columns().get(column).map(tokio_postgres::Column::type_) {
        Some(kind) if *kind == Type::INT8 => row.try_get(column)?,
        _ => i64::from(row.try_get::<_, i32>(column)?),
    };
    u32::try_from(number).map_err(|error| SqlError::Row(Box::new(error)))
}

/// The most rows a query may be asked for.
pub(crate) fn limit(rows: usize) -> i64 {
    i64::try_from(rows).unwrap_or(i64::MAX)
}

/// A column of 32 bytes.
pub(crate) fn digest(row: &Row, column: usize) -> Result<[u8; 32], SqlError> {
    let bytes: &[u8] = row.try_get(column)?;
    bytes.try_into().map_err(|error| SqlError::Row(Box::new(error)))
}

/// A value as a `bytea` column has it.
pub(crate) fn json(value: &impl Serialize) -> Result<Vec<u8>, SqlError> {
    Ok(serde_json::to_vec(value)?)
}

/// What is stored, for people.
pub(crate) fn raw(column: &[u8]) -> String {
    // A letter must not hold what other stores refuse.
    String::from_utf8_lossy(column).replace('\0', "\u{fffd}")
}

/// JSON which another build may have written, or a bad disk.
pub(crate) fn read_json<T: DeserializeOwned>(column: &[u8]) -> Result<T, Unreadable> {
    serde_json::from_slice(column).map_err(|error| Unreadable::json(raw(column), &error))
}

/// The trace context in two columns, of which `first` is the parent.
pub(crate) fn trace(row: &Row, first: usize) -> Result<Option<TraceContext>, SqlError> {
    let parent: Option<&str> = row.try_get(first)?;
    let state: Option<&str> = row.try_get(first + 1)?;
    Ok(parent.and_then(|parent| TraceContext::read(parent, state)))
}

/// The tenant in a column.
pub(crate) fn tenant(row: &Row, column: usize) -> Result<TenantId, SqlError> {
    Ok(TenantId::new(row.try_get::<_, &str>(column)?)?)
}

/// The tenant of what belongs to no tenant in particular.
pub(crate) fn platform() -> Result<TenantId, SqlError> {
    Ok(TenantId::new("platform")?)
}
