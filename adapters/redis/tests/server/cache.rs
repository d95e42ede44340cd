//! Session metadata while Redis is away, and what others left there.

use std::sync::Arc;
use std::time::Duration;

use deadpool_redis::redis::cmd;
use soma_core::conversation::chain::Chain;
use soma_core::ids::{SessionId, TenantId};
use soma_core::ports::{Cache, Clock};
use soma_core::work::session::Session;
use soma_redis::RedisCache;
use uuid::Uuid;

use crate::{Away, common};

const TTL: Duration = Duration::from_mins(15);

fn session(away: &Away) -> Session {
    let session_id = SessionId::from_uuid(Uuid::from_u128(1));
    Session {
        tenant: TenantId::new("acme").unwrap(),
        session_id,
        persona_id: None,
        created_at: away.clock.now(),
        updated_at: away.clock.now(),
        chain: Chain::new(session_id),
        turns_accepted: 1,
        turns_done: 0,
    }
}

#[tokio::test]
async fn look_is_a_miss_while_redis_is_away_and_what_is_put_says_so() {
    let Some(away) = Away::start().await else { return };
    let cache = RedisCache::new(Arc::clone(&away.redis), Arc::clone(&away.clock) as _);
    let session = session(&away);
    cache.put(&session, TTL).await.unwrap();

    away.gate.shut().await;
    let looked = cache.get(session.session_id).await.unwrap();
    let put = cache.put(&session, TTL).await.unwrap_err();
    let dropped = cache.drop_session(session.session_id).await.unwrap_err();
    away.back();

    assert_eq!(looked, None);
    assert!(put.is_transient() && dropped.is_transient(), "{put}, {dropped}");
    assert_eq!(cache.get(session.session_id).await.unwrap(), Some(session));
}

#[tokio::test]
async fn what_cannot_be_read_is_a_miss() {
    let Some(away) = Away::start().await else { return };
    let cache = RedisCache::new(Arc::clone(&away.redis), Arc::clone(&away.clock) as _);
    let session = session(&away);
    let key = format!("{}session:{}:meta", away.options.prefix, session.session_id);
    let mut beside = common::connect(&away.gate.url()).await;

    for other in ["", "{\"persona_id\": \"\", \"metadata\": {}}", "\0"] {
        cmd("SET").arg(&key).arg(other).query_async::<()>(&mut beside).await.unwrap();
        assert_eq!(cache.get(session.session_id).await.unwrap(), None, "{other:?}");
    }
}

#[tokio::test]
async fn what_is_put_is_gone_from_redis_after_its_time() {
    let Some(away) = Away::start().await else { return };
    let cache = RedisCache::new(Arc::clone(&away.redis), Arc::clone(&away.clock) as _);
    let session = session(&away);
    cache.put(&session, TTL).await.unwrap();

    let key = format!("{}session:{}:meta", away.options.prefix, session.session_id);
    let mut beside = common::connect(&away.gate.url()).await;
    let seconds: i64 = cmd("TTL").arg(&key).query_async(&mut beside).await.unwrap();

    assert!((1..=900).contains(&seconds), "{seconds}");
}
