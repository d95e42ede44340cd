//! The schema, and the wall between tenants.

use async_trait::async_trait;
use soma_core::contract::{self, Fixture};
use soma_postgres::{OpenError, migrate};
use tokio_postgres::Client;

use crate::common::Place;

struct Server(Place);

#[async_trait]
impl Fixture for Server {
    type Port = Client;
    const DURABLE: bool = true;

    async fn start() -> Option<Self> {
        Place::new().await.map(Self)
    }

    /// A superuser's connection.
    async fn open(&self) -> Client {
        self.0.admin().await
    }
}

#[tokio::test]
async fn migrated_database_is_open_to_the_services_and_migrates_no_further() {
    let Some(server) = contract::start::<Server>().await else { return };

    server.0.database().check().await.unwrap();

    assert_eq!(migrate(&server.0.settings()).await.unwrap(), 0);
}

#[tokio::test]
async fn database_with_an_older_schema_is_told() {
    let Some(server) = contract::start::<Server>().await else { return };
    let older = "DELETE FROM refinery_schema_history WHERE version > 1";
    server.open().await.batch_execute(older).await.unwrap();

    let checked = server.0.database().check().await;

    assert!(matches!(checked, Err(OpenError::Schema { found: 1, .. })), "{checked:?}");
}

#[tokio::test]
async fn role_that_may_see_every_tenant_is_told() {
    let Some(server) = contract::start::<Server>().await else { return };
    let open = "ALTER TABLE sessions DISABLE ROW LEVEL SECURITY";
    server.open().await.batch_execute(open).await.unwrap();

    let checked = server.0.database().check().await;

    assert!(matches!(checked, Err(OpenError::Unprotected)), "{checked:?}");
}

/// The tables with a column `tenant`, and whether each has its wall.
const WALLS: &str = "
    SELECT c.relname::text, c.relrowsecurity AND c.relforcerowsecurity
           AND EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = c.oid)
      FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
     WHERE c.relkind IN ('r', 'p') AND c.relnamespace = 'public'::regnamespace
       AND a.attname = 'tenant' AND NOT a.attisdropped";

#[tokio::test]
async fn every_table_with_a_tenant_has_its_wall() {
    let Some(server) = contract::start::<Server>().await else { return };

    let tables = server.open().await.query(WALLS, &[]).await.unwrap();

    assert!(tables.len() > 15, "{}", tables.len());
    for table in tables {
        assert!(table.get::<_, bool>(1), "{}", table.get::<_, String>(0));
    }
}

#[tokio::test]
async fn transaction_of_one_tenant_sees_and_changes_nothing_of_another() {
    let Some(server) = contract::start::<Server>().await else { return };
    let client = server.open().await;
    let row = |tenant: &str| {
        format!(
            "INSERT INTO sessions (session_id, tenant, created_at, updated_at, event_count, head)
             VALUES (gen_random_uuid(), '{tenant}', now(), now(), 0, '')"
        )
    };
    client.batch_execute(&row("acme")).await.unwrap();
    client.batch_execute("SET ROLE soma_service").await.unwrap();

    let mut seen = Vec::new();
    for scope in ["acme", "other", "other,acme", "*", ""] {
        let begin = format!("BEGIN; SET LOCAL soma.tenants = '{scope}'");
        client.batch_execute(&begin).await.unwrap();
        let found = client.query("SELECT FROM sessions", &[]).await.unwrap().len();
        let update = "UPDATE sessions SET event_count = event_count";
        seen.push((scope, found, client.execute(update, &[]).await.unwrap()));
        client.batch_execute("ROLLBACK").await.unwrap();
    }
    client.batch_execute("BEGIN; SET LOCAL soma.tenants = 'other'").await.unwrap();
    let refused = client.batch_execute(&row("acme")).await;
    client.batch_execute("ROLLBACK").await.unwrap();
    let outside = client.query("SELECT FROM sessions", &[]).await.unwrap().len();

    let wanted = [("acme", 1, 1), ("other", 0, 0), ("other,acme", 1, 1), ("*", 1, 1), ("", 0, 0)];
    assert_eq!(seen, wanted);
    assert_eq!(refused.unwrap_err().code().unwrap().code(), "42501");
    assert_eq!(outside, 0, "what was set for a transaction ends with it");
}
