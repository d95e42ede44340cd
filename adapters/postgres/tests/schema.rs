//! The schema, and the wall between tenants.
#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

#[expect(dead_code, reason = "each test uses a part of it")]
mod common;

use common::Place;
use soma_postgres::{OpenError, migrate};

/// Says that a test was skipped; with `CI` set that is a failure.
macro_rules! place {
    () => {
        match Place::new().await {
            Some(place) => place,
            None => {
                assert!(std::env::var_os("CI").is_none(), "CI must have a PostgreSQL");
                eprintln!("skipped: SOMA_TEST_POSTGRES is not set");
                return;
            }
        }
    };
}

#[tokio::test]
async fn migrated_database_is_open_to_the_services_and_migrates_no_further() {
    let place = place!();

    place.database().check().await.unwrap();

    assert_eq!(migrate(&place.settings()).await.unwrap(), 0);
}

#[tokio::test]
async fn database_without_the_schema_is_told() {
    let place = place!();
    let admin = place.admin().await;
    admin.batch_execute("DELETE FROM refinery_schema_history WHERE version > 1").await.unwrap();

    let checked = place.database().check().await;

    assert!(matches!(checked, Err(OpenError::Schema { found: 1, .. })), "{checked:?}");
}

#[tokio::test]
async fn every_table_with_a_tenant_keeps_tenants_apart() {
    let place = place!();
    let admin = place.admin().await;
    let sql = "SELECT c.relname::text, c.relrowsecurity AND c.relforcerowsecurity
                      AND EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = c.oid)
                 FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
                WHERE c.relkind IN ('r', 'p') AND c.relnamespace = 'public'::regnamespace
                  AND a.attname = 'tenant' AND NOT a.attisdropped";

    let tables = admin.query(sql, &[]).await.unwrap();

    assert!(tables.len() > 15, "{}", tables.len());
    for table in tables {
        assert!(table.get::<_, bool>(1), "{}", table.get::<_, String>(0));
    }
}
