//! Identifiers and other unguessable values, from the operating system's randomness.

use std::sync::{Arc, Mutex, PoisonError};

use soma_core::digest::Nonce;
use soma_core::ports::{Clock, Ids};
use uuid::Uuid;

/// The random bits of a UUID of version 7.
const RANDOM_BITS: u32 = 74;

/// Makes UUIDs of version 7 (RFC 9562) that always ascend, also within a millisecond and when the
/// clock is set back: then the next one is the last one and a random step (method 2 of its 6.2).
#[derive(Clone)]
pub struct RandomIds {
    clock: Arc<dyn Clock>,
    last: Arc<Mutex<Last>>,
}

soma_core::opaque_debug!(RandomIds);

/// The last UUID: 48 bits of milliseconds, 74 random bits.
#[derive(Clone, Copy, Default)]
struct Last {
    millis: u64,
    random: u128,
}

impl RandomIds {
    /// Makes identifiers of the time that `clock` tells.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, last: Arc::default() }
    }
}

impl Ids for RandomIds {
    fn uuid(&self) -> Uuid {
        let now = u64::try_from(self.clock.now().as_micros() / 1000).unwrap_or(0);
        let random = u128::from_ne_bytes(bytes());
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        *last = last.next(now, random);
        last.uuid()
    }

    fn nonce(&self) -> Nonce {
        Nonce(bytes())
    }

    fn random(&self) -> u64 {
        u64::from_ne_bytes(bytes())
    }
}

impl Last {
    fn next(self, now: u64, random: u128) -> Self {
        if now > self.millis {
            // The top bit is left free, so that there is room to ascend.
            return Self { millis: now, random: random >> (128 - RANDOM_BITS + 1) };
        }
        let random = self.random + 1 + (random >> 96);
        if random >> RANDOM_BITS == 0 {
            Self { random, ..self }
        } else {
            Self { millis: self.millis + 1, random: random & ((1 << (RANDOM_BITS - 1)) - 1) }
        }
    }

    fn uuid(self) -> Uuid {
        const VERSION: u128 = 7 << 76;
        const VARIANT: u128 = 0b10 << 62;
        let (high, low) = (self.random >> 62, self.random & ((1 << 62) - 1));
        Uuid::from_u128(u128::from(self.millis) << 80 | VERSION | high << 64 | VARIANT | low)
    }
}

fn bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    #[expect(
        clippy::expect_used,
        reason = "without randomness every secret could be guessed: there is no going on"
    )]
    getrandom::fill(&mut bytes).expect("the operating system gives random bytes");
    bytes
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicI64, Ordering};

    use soma_core::time::Timestamp;

    use super::*;

    struct Set(AtomicI64);

    impl Clock for Set {
        fn now(&self) -> Timestamp {
            Timestamp::from_micros(self.0.load(Ordering::SeqCst))
        }
    }

    #[test]
    fn uuids_ascend_within_a_millisecond_and_when_the_clock_is_set_back() {
        let clock = Arc::new(Set(AtomicI64::new(1_762_171_200_000_000)));
        let ids = RandomIds::new(Arc::clone(&clock) as Arc<dyn Clock>);

        let mut made: Vec<Uuid> = (0..1000).map(|_| ids.uuid()).collect();
        clock.0.store(1_762_171_100_000_000, Ordering::SeqCst);
        made.extend((0..1000).map(|_| ids.uuid()));

        assert!(made.is_sorted_by(|one, next| one < next));
    }

    #[test]
    fn uuid_is_of_version_7_and_tells_its_time() {
        let millis = 1_762_171_200_123;
        let clock = Set(AtomicI64::new(i64::try_from(millis).unwrap() * 1000));

        let uuid = RandomIds::new(Arc::new(clock)).uuid();

        assert_eq!((uuid.get_version_num(), uuid.get_variant()), (7, uuid::Variant::RFC4122));
        assert_eq!(uuid.as_u128() >> 80, millis);
    }

    #[test]
    fn spent_millisecond_borrows_from_the_next() {
        let full = Last { millis: 7, random: (1 << RANDOM_BITS) - 1 };

        let next = full.next(7, 0);

        assert!(next.uuid() > full.uuid());
        assert_eq!(next.millis, 8);
    }
}
