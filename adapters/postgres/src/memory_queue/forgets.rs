//! Sessions that were erased, and whose memories are still to be forgotten.

use crate::columns::At;
use crate::database::Query;

/// Leaves a session (a `uuid`) of a tenant (a `text`) to be forgotten, at once.
pub(crate) fn put<'a>(
    session: &'a uuid::Uuid,
    tenant: &'a &'a str,
    erased_at: &'a At,
) -> Query<'a> {
    let sql = "INSERT INTO memory_forgets (session_id, tenant, erased_at) VALUES ($1, $2, $3)
               ON CONFLICT (session_id) DO NOTHING";
    Query::new(sql, vec![session, tenant, erased_at])
}
