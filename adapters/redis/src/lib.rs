//! What many processes share in Redis: counters of tokens, session metadata, rate limits, and
//! notifications. None of it is a record: Redis may be emptied, restarted or away at any time, and
//! then whoever is named beside it answers in its place.
//!
//! | Key | Value | Gone after |
//! | --- | --- | --- |
//! | `budget:{tenant}:{persona}:{date}` | hash: what is used and set aside | two days |
//! | `session:{session}:meta` | JSON of the session | its `ttl` |
//! | `ratelimit:{tenant}:{key}:{window}` | requests in the window | the window, and a little |
//! | `wake` | a channel, not a key | |

mod breaker;
mod budget;
mod cache;
mod client;
mod failure;
mod lock;
mod names;
mod question;
mod rate_limit;
mod wake;

pub use budget::RedisBudget;
pub use cache::RedisCache;
pub use client::{BadRedis, Options, Redis};
pub use rate_limit::RedisRateLimit;
pub use wake::RedisWake;
