//! The suite of [`Cache`]. A case puts little and asks at once: an adapter that loses that is no
//! cache, although its callers must live with it.

use std::sync::Arc;
use std::time::Duration;

use uuid::Uuid;

use super::clock::Steer;
use super::{Fixture, at_once};
use crate::conversation::chain::Chain;
use crate::ids::{SessionId, TenantId};
use crate::ports::Cache;
use crate::time::Timestamp;
use crate::work::session::Session;

super::suite! { cache:
    what_was_put_is_answered,
    what_was_never_put_is_missing,
    what_was_put_again_replaces,
    what_was_dropped_is_missing,
    what_is_older_than_its_ttl_is_missing,
    putting_again_begins_a_new_ttl,
    sessions_do_not_meet,
    many_at_the_same_time_get_their_own,
}

const NOW: Timestamp = Timestamp::from_micros(1_762_171_200_000_000);
/// What the suite tests: a cache, and the clock that it goes by.
pub struct CacheUnderTest {
    /// The cache.
    pub cache: Arc<dyn Cache>,
    /// Lets its time pass.
    pub clock: Arc<dyn Steer>,
}

crate::opaque_debug!(CacheUnderTest);

const TTL: Duration = Duration::from_mins(15);

fn session(number: u128) -> Session {
    let session_id = SessionId::from_uuid(Uuid::from_u128(number));
    Session {
        tenant: TenantId::new("acme").unwrap(),
        session_id,
        persona_id: None,
        created_at: NOW,
        updated_at: NOW,
        chain: Chain::new(session_id),
        turns_accepted: 2,
        turns_done: 1,
    }
}

/// What was put is returned as it was, until just before its end.
pub async fn what_was_put_is_answered<F>(fixture: F)
where
    F: Fixture<Port = CacheUnderTest>,
{
    let CacheUnderTest { cache, clock } = fixture.open().await;
    let session = session(1);

    cache.put(&session, TTL).await.unwrap();

    assert_eq!(cache.get(session.session_id).await.unwrap(), Some(session.clone()));
    clock.advance(TTL.saturating_sub(Duration::from_micros(1))).await;
    assert_eq!(cache.get(session.session_id).await.unwrap(), Some(session));
}

/// A session that was never put is not there.
pub async fn what_was_never_put_is_missing<F>(fixture: F)
where
    F: Fixture<Port = CacheUnderTest>,
{
    let CacheUnderTest { cache, .. } = fixture.open().await;

    assert_eq!(cache.get(session(1).session_id).await.unwrap(), None);
}

/// A session that is put again is returned as it was put last.
pub async fn what_was_put_again_replaces<F>(fixture: F)
where
    F: Fixture<Port = CacheUnderTest>,
{
    let CacheUnderTest { cache, .. } = fixture.open().await;
    let older = session(1);
    let newer = Session { turns_done: 2, ..older.clone() };

    cache.put(&older, TTL).await.unwrap();
    cache.put(&newer, TTL).await.unwrap();

    assert_eq!(cache.get(older.session_id).await.unwrap(), Some(newer));
}

/// A dropped session is not there; dropping it again is nothing.
pub async fn what_was_dropped_is_missing<F>(fixture: F)
where
    F: Fixture<Port = CacheUnderTest>,
{
    let CacheUnderTest { cache, .. } = fixture.open().await;
    let session = session(1);
    cache.put(&session, TTL).await.unwrap();

    cache.drop_session(session.session_id).await.unwrap();
    cache.drop_session(session.session_id).await.unwrap();

    assert_eq!(cache.get(session.session_id).await.unwrap(), None);
}

/// Past its `ttl` a session is never answered.
pub async fn what_is_older_than_its_ttl_is_missing<F>(fixture: F)
where
    F: Fixture<Port = CacheUnderTest>,
{
    let CacheUnderTest { cache, clock } = fixture.open().await;
    let session = session(1);
    cache.put(&session, TTL).await.unwrap();

    clock.advance(TTL + Duration::from_micros(1)).await;

    assert_eq!(cache.get(session.session_id).await.unwrap(), None);
}

/// The `ttl` counts from the last put.
pub async fn putting_again_begins_a_new_ttl<F>(fixture: F)
where
    F: Fixture<Port = CacheUnderTest>,
{
    let CacheUnderTest { cache, clock } = fixture.open().await;
    let session = session(1);
    cache.put(&session, TTL).await.unwrap();
    clock.advance(TTL / 2).await;
    cache.put(&session, TTL).await.unwrap();

    clock.advance(TTL * 3 / 4).await;

    assert_eq!(cache.get(session.session_id).await.unwrap(), Some(session));
}

/// Dropping one session leaves the others.
pub async fn sessions_do_not_meet<F>(fixture: F)
where
    F: Fixture<Port = CacheUnderTest>,
{
    let CacheUnderTest { cache, .. } = fixture.open().await;
    let (one, two) = (session(1), session(2));
    cache.put(&one, TTL).await.unwrap();
    cache.put(&two, TTL).await.unwrap();

    cache.drop_session(one.session_id).await.unwrap();

    assert_eq!(cache.get(two.session_id).await.unwrap(), Some(two));
}

/// What many put and ask for at once is returned to each as its own.
pub async fn many_at_the_same_time_get_their_own<F>(fixture: F)
where
    F: Fixture<Port = CacheUnderTest>,
{
    let CacheUnderTest { cache, .. } = fixture.open().await;
    let sessions: Vec<Session> = (1..=64).map(session).collect();

    at_once(&fixture, sessions.iter().map(|session| cache.put(session, TTL))).await;
    let asked = sessions.iter().map(|session| cache.get(session.session_id));
    let found = at_once(&fixture, asked).await;

    let found = found.into_iter().map(|found| found.unwrap().unwrap());
    assert!(found.eq(sessions));
}
