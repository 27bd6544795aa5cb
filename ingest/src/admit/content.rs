//! A message is known by its content: without a number by nothing else, with one if the number was used before.

use std::io::Write as _;

use rules::vehicle::Sample;
use uuid::Uuid;
use xxhash_rust::xxh3::xxh3_64;

/// A hash of what was measured, whatever number it came under and whenever it arrived.
pub fn hash(samples: &[Sample], seen: &[Uuid], content: &mut Vec<u8>) -> u64 {
    for sample in samples {
        content.extend_from_slice(&sample.measured_at.micros().to_le_bytes());
        content.extend_from_slice(&(sample.readings.len() as u32).to_le_bytes());
        for reading in &sample.readings {
            content.extend_from_slice(&reading.signal.0.to_le_bytes());
            // Minus zero is zero.
            content.extend_from_slice(&(reading.value + 0.0).to_bits().to_le_bytes());
        }
        content.extend_from_slice(&(sample.faults.len() as u32).to_le_bytes());
        for fault in &sample.faults {
            // Writing to a vector cannot fail.
            let _ = write!(content, "{}", fault.code);
            content.push(fault.status);
            content.extend_from_slice(&fault.count.map_or(u32::MAX, u32::from).to_le_bytes());
            content.push(fault.ecu.len() as u8);
            content.extend_from_slice(fault.ecu.as_bytes());
        }
    }
    for id in seen {
        content.extend_from_slice(id.as_bytes());
    }
    xxh3_64(content)
}
