//! The suite of [`Vault`].

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use super::Fixture;
use crate::digest::Digest32;
use crate::identity::{Principal, Scope};
use crate::ids::TenantId;
use crate::ports::Vault;
use crate::ports::vault::KeyRecord;
use crate::time::Timestamp;

super::suite! { vault:
    key_that_was_put_is_answered,
    key_that_was_put_again_is_replaced,
    key_that_was_removed_is_gone,
    removing_what_is_not_there_is_nothing,
    keys_are_listed_oldest_first,
    tenant_sees_its_own_keys_only,
    tenant_removes_its_own_keys_only,
    secret_that_was_put_is_answered,
    secret_that_was_put_again_is_replaced,
    keys_and_secrets_survive_a_restart,
}

const NOW: Timestamp = Timestamp::from_micros(1_762_171_200_000_001);

fn tenant(name: &str) -> TenantId {
    TenantId::new(name).unwrap()
}

fn key(tenant_name: &str, key_id: &str) -> KeyRecord {
    KeyRecord {
        key_id: key_id.into(),
        secret_hash: Digest32::of(key_id.as_bytes()),
        principal: Principal {
            tenant: tenant(tenant_name),
            subject: "ci".into(),
            scopes: BTreeSet::from([Scope::Chat, Scope::Admin]),
        },
        created_at: NOW,
        expires_at: Some(NOW + Duration::from_mins(1)),
    }
}

/// A key is returned as it was put.
pub async fn key_that_was_put_is_answered<F>(fixture: F)
where
    F: Fixture<Port = Arc<dyn Vault>>,
{
    let vault = fixture.open().await;
    let endless = KeyRecord { expires_at: None, ..key("acme", "k2") };

    vault.put_key(&key("acme", "k1")).await.unwrap();
    vault.put_key(&endless).await.unwrap();

    assert_eq!(vault.key("k1").await.unwrap(), Some(key("acme", "k1")));
    assert_eq!(vault.key("k2").await.unwrap(), Some(endless));
    assert_eq!(vault.key("K1").await.unwrap(), None);
}

/// A key that is put again is returned as it was put last, and listed once.
pub async fn key_that_was_put_again_is_replaced<F>(fixture: F)
where
    F: Fixture<Port = Arc<dyn Vault>>,
{
    let vault = fixture.open().await;
    let newer = KeyRecord { secret_hash: Digest32::of(b"rotated"), ..key("acme", "k1") };
    vault.put_key(&key("acme", "k1")).await.unwrap();

    vault.put_key(&newer).await.unwrap();

    assert_eq!(vault.key("k1").await.unwrap(), Some(newer.clone()));
    assert_eq!(vault.keys(&tenant("acme")).await.unwrap(), [newer]);
}

/// A removed key is not answered any more.
pub async fn key_that_was_removed_is_gone<F>(fixture: F)
where
    F: Fixture<Port = Arc<dyn Vault>>,
{
    let vault = fixture.open().await;
    vault.put_key(&key("acme", "k1")).await.unwrap();

    let removed = vault.remove_key(&tenant("acme"), "k1").await.unwrap();

    assert!(removed, "there was one");
    assert_eq!(vault.key("k1").await.unwrap(), None);
    assert_eq!(vault.keys(&tenant("acme")).await.unwrap(), []);
}

/// Removing a key that is not there says so.
pub async fn removing_what_is_not_there_is_nothing<F>(fixture: F)
where
    F: Fixture<Port = Arc<dyn Vault>>,
{
    let vault = fixture.open().await;

    assert!(!vault.remove_key(&tenant("acme"), "k1").await.unwrap(), "there was none");
}

/// The keys of a tenant are listed by when they were made, not by id.
pub async fn keys_are_listed_oldest_first<F>(fixture: F)
where
    F: Fixture<Port = Arc<dyn Vault>>,
{
    let vault = fixture.open().await;
    for (key_id, seconds) in [("b", 2), ("c", 1), ("a", 3)] {
        let created_at = NOW + Duration::from_secs(seconds);
        vault.put_key(&KeyRecord { created_at, ..key("acme", key_id) }).await.unwrap();
    }

    let keys = vault.keys(&tenant("acme")).await.unwrap();

    let ids: Vec<_> = keys.into_iter().map(|key| key.key_id).collect();
    assert_eq!(ids, ["c", "b", "a"]);
}

/// A tenant's list has no key of another.
pub async fn tenant_sees_its_own_keys_only<F>(fixture: F)
where
    F: Fixture<Port = Arc<dyn Vault>>,
{
    let vault = fixture.open().await;
    vault.put_key(&key("acme", "k1")).await.unwrap();
    vault.put_key(&key("bolt", "k2")).await.unwrap();

    assert_eq!(vault.keys(&tenant("acme")).await.unwrap(), [key("acme", "k1")]);
    assert_eq!(vault.keys(&tenant("none")).await.unwrap(), []);
}

/// A tenant cannot remove a key of another.
pub async fn tenant_removes_its_own_keys_only<F>(fixture: F)
where
    F: Fixture<Port = Arc<dyn Vault>>,
{
    let vault = fixture.open().await;
    vault.put_key(&key("acme", "k1")).await.unwrap();

    let removed = vault.remove_key(&tenant("bolt"), "k1").await.unwrap();

    assert!(!removed, "it is another tenant's");
    assert_eq!(vault.key("k1").await.unwrap(), Some(key("acme", "k1")));
}

/// A secret is returned byte for byte.
pub async fn secret_that_was_put_is_answered<F>(fixture: F)
where
    F: Fixture<Port = Arc<dyn Vault>>,
{
    let vault = fixture.open().await;

    vault.put_secret("https://api.example", &[0, 255, 0, 128]).await.unwrap();
    vault.put_secret("empty", &[]).await.unwrap();

    let secret = vault.secret("https://api.example").await.unwrap();
    assert_eq!(secret, Some(vec![0, 255, 0, 128]));
    assert_eq!(vault.secret("empty").await.unwrap(), Some(Vec::new()));
    assert_eq!(vault.secret("other").await.unwrap(), None);
}

/// A secret that is put again is returned as it was put last.
pub async fn secret_that_was_put_again_is_replaced<F>(fixture: F)
where
    F: Fixture<Port = Arc<dyn Vault>>,
{
    let vault = fixture.open().await;
    vault.put_secret("one", b"old").await.unwrap();
    vault.put_secret("two", b"other").await.unwrap();

    vault.put_secret("one", b"new").await.unwrap();

    assert_eq!(vault.secret("one").await.unwrap(), Some(b"new".to_vec()));
    assert_eq!(vault.secret("two").await.unwrap(), Some(b"other".to_vec()));
}

/// Keys and secrets are there after a restart.
pub async fn keys_and_secrets_survive_a_restart<F>(fixture: F)
where
    F: Fixture<Port = Arc<dyn Vault>>,
{
    if !F::DURABLE {
        return super::vacuous::<F>("nothing is to survive a restart");
    }
    let vault = fixture.open().await;
    vault.put_key(&key("acme", "k1")).await.unwrap();
    vault.put_secret("one", b"sealed").await.unwrap();
    drop(vault);

    let vault = fixture.open().await;

    assert_eq!(vault.key("k1").await.unwrap(), Some(key("acme", "k1")));
    assert_eq!(vault.secret("one").await.unwrap(), Some(b"sealed".to_vec()));
}
