//! Random tests that can be seen again.

use std::time::{SystemTime, UNIX_EPOCH};

/// Random numbers that a seed repeats (xorshift64*).
pub struct Random(u64);

impl Default for Random {
    fn default() -> Self {
        Self::new()
    }
}

impl Random {
    /// Seeded by the clock, or by FORGE_TEST_SEED to see a failure again.
    pub fn new() -> Self {
        let clock = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos() as u64;
        let seed = std::env::var("FORGE_TEST_SEED").map_or(clock, |seed| seed.parse().unwrap());
        println!("FORGE_TEST_SEED={seed}");
        Self(seed | 1)
    }

    /// One below `end`.
    pub fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        ((u128::from(self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)) * u128::from(end)) >> 64) as u64
    }

    /// A number whose magnitude is random too.
    pub fn size(&mut self, least_bits: u64, most_bits: u64) -> u64 {
        let bits = least_bits + self.below(most_bits - least_bits);
        (1 << bits) + self.below(1 << bits)
    }
}
