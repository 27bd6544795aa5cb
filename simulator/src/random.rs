//! Chance, reproducible: every use has its own stream, derived from seed, vehicle, purpose and day.
//!
//! Separate streams keep a vehicle's habits the same when a fault changes how often its sensors
//! are read, so that a run with a fault and its healthy twin drive the same trips.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::StandardNormal;

/// What a stream is for.
#[derive(Clone, Copy, Debug)]
pub enum Purpose {
    Specification,
    Habits,
    Roads,
    Noise,
    Trouble,
    Planting,
}

/// The stream of one use.
pub fn stream(seed: u64, vehicle: u32, purpose: Purpose, ordinal: u64) -> ChaCha8Rng {
    let mut key = [0_u8; 32];
    key[..8].copy_from_slice(&seed.to_le_bytes());
    key[8..12].copy_from_slice(&vehicle.to_le_bytes());
    key[12..16].copy_from_slice(&(purpose as u32).to_le_bytes());
    key[16..24].copy_from_slice(&ordinal.to_le_bytes());
    ChaCha8Rng::from_seed(key)
}

/// A draw from the normal distribution.
pub fn normal(rng: &mut ChaCha8Rng, mean: f64, sd: f64) -> f64 {
    let z: f64 = rng.sample(StandardNormal);
    mean + sd * z
}

/// A draw from the normal distribution, never further than `most` standard deviations away.
pub fn bounded(rng: &mut ChaCha8Rng, mean: f64, sd: f64, most: f64) -> f64 {
    normal(rng, mean, sd).clamp(mean - most * sd, mean + most * sd)
}

/// A number in 0..1 that belongs to a key, for functions of time that keep no state.
pub fn hash01(seed: u64, key: u64) -> f64 {
    // splitmix64
    let mut z = seed ^ key.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
}
