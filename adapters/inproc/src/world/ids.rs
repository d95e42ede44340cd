//! Identifiers that count.

use std::sync::atomic::{AtomicU64, Ordering};

use soma_core::digest::Nonce;
use soma_core::ports::Ids;
use uuid::{Builder, Uuid};

/// Makes the same identifiers in the same order every time: for tests and simulations, where they
/// are to be stable. In a product they could be guessed.
#[derive(Debug, Default)]
pub struct CountingIds {
    seed: u64,
    made: AtomicU64,
}

impl CountingIds {
    /// Identifiers that differ from those of every other seed.
    pub const fn seeded(seed: u64) -> Self {
        Self { seed, made: AtomicU64::new(0) }
    }

    fn next(&self) -> u64 {
        self.made.fetch_add(1, Ordering::Relaxed) + 1
    }

    fn drawn(&self) -> u64 {
        mix(self.seed ^ mix(self.next()))
    }
}

impl Ids for CountingIds {
    fn uuid(&self) -> Uuid {
        let number = self.next();
        let mut rest = [0_u8; 10];
        rest[2..].copy_from_slice(&self.seed.to_be_bytes());
        Builder::from_unix_timestamp_millis(number, &rest).into_uuid()
    }

    fn nonce(&self) -> Nonce {
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&self.drawn().to_be_bytes());
        bytes[8..].copy_from_slice(&self.drawn().to_be_bytes());
        Nonce(bytes)
    }

    fn random(&self) -> u64 {
        self.drawn()
    }
}

/// The finalizer of `SplitMix64`: spreads neighbouring numbers over all of them.
const fn mix(number: u64) -> u64 {
    let mut z = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
