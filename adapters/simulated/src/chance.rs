//! Chance that is the same every time.

use std::time::Duration;

/// A stream of numbers that a seed decides: `SplitMix64`.
///
/// Steele, Lea, Flood: "Fast splittable pseudorandom number generators", OOPSLA 2014.
#[derive(Clone, Debug)]
pub struct Chance {
    state: u64,
}

impl Chance {
    /// The stream of this seed.
    pub const fn new(seed: u64) -> Self {
        Self { state: mix(seed) }
    }

    /// One of the many streams of this seed: they do not depend on each other.
    pub const fn of(seed: u64, salt: u64) -> Self {
        Self { state: mix(mix(seed) ^ mix(!salt)) }
    }

    /// The next number.
    pub const fn draw(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        finish(self.state)
    }

    /// A number below `n`; 0 if there is none.
    pub fn below(&mut self, n: u64) -> u64 {
        let wide = u128::from(self.draw()) * u128::from(n);
        u64::try_from(wide >> 64).unwrap_or_default()
    }

    /// An index below `n`; 0 if there is none.
    pub fn index(&mut self, n: usize) -> usize {
        usize::try_from(self.below(n as u64)).unwrap_or_default()
    }

    /// Whether the one in `n` comes up; never for 0.
    pub fn one_in(&mut self, n: u64) -> bool {
        n > 0 && self.below(n) == 0
    }

    /// A span between these two.
    pub fn span(&mut self, least: Duration, most: Duration) -> Duration {
        let room = most.saturating_sub(least).as_micros();
        let room = u64::try_from(room).unwrap_or(u64::MAX);
        least + Duration::from_micros(self.below(room.saturating_add(1)))
    }

    /// One of these.
    ///
    /// # Panics
    ///
    /// If there are none.
    pub fn pick<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[self.index(of.len())]
    }
}

/// Spreads neighbouring numbers over all of them.
pub const fn mix(number: u64) -> u64 {
    finish(number.wrapping_add(0x9e37_79b9_7f4a_7c15))
}

const fn finish(state: u64) -> u64 {
    let mut z = state;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
