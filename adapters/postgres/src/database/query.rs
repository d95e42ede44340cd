//! A statement with its parameters.

use tokio_postgres::types::ToSql;

/// A statement and what it is given, `$1` first.
pub(crate) struct Query<'a> {
    pub(super) sql: &'static str,
    pub(super) parameters: Vec<&'a (dyn ToSql + Sync)>,
}

impl<'a> Query<'a> {
    pub(crate) const fn new(sql: &'static str, parameters: Vec<&'a (dyn ToSql + Sync)>) -> Self {
        Self { sql, parameters }
    }
}
