//! Buffers of what has been dealt with, for what is to come.
//!
//! At the rate at which messages come, asking for memory and giving it back costs more than judging
//! them. The shelf stays small: what does not fit on it is freed as ever.

use crate::compact::List;
use crate::observed::suspect::Suspect;
use crate::state::settle::Settled;
use crate::unit::Time;
use crate::vehicle::{Message, Sample};

/// Most buffers of a kind that are kept.
const ROOM: usize = 64;
/// A longer list was an exception, whose memory is not kept.
const LONGEST: usize = 512;

/// Buffers to use again. Two shelves are equal whatever lies on them: it never shows in a result.
#[derive(Clone, Debug, Default)]
pub struct Shelf {
    samples: Vec<Sample>,
    lists: Vec<Vec<Sample>>,
    ready: Vec<Settled>,
    suspects: Vec<List<Suspect>>,
    scratch: Vec<u8>,
}

impl PartialEq for Shelf {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Shelf {
    /// An empty list of samples.
    pub fn list(&mut self) -> Vec<Sample> {
        self.lists.pop().unwrap_or_default()
    }

    /// A sample without readings and fault reports.
    pub fn sample(&mut self) -> Sample {
        self.samples.pop().unwrap_or_else(|| Sample {
            measured_at: Time::NEVER,
            readings: Vec::with_capacity(16),
            faults: Vec::new(),
        })
    }

    /// Puts away what a message was made of.
    pub fn put(&mut self, message: Message) {
        self.put_samples(message.samples);
    }

    pub fn put_samples(&mut self, mut samples: Vec<Sample>) {
        samples.drain(..).for_each(|sample| self.put_sample(sample));
        if self.lists.len() < ROOM && (1..=LONGEST).contains(&samples.capacity()) {
            self.lists.push(samples);
        }
    }

    pub fn put_sample(&mut self, mut sample: Sample) {
        if self.samples.len() < ROOM && sample.readings.capacity() <= LONGEST {
            sample.readings.clear();
            sample.faults.clear();
            self.samples.push(sample);
        }
    }

    /// An empty list of messages whose turn has come.
    pub fn ready(&mut self) -> Vec<Settled> {
        std::mem::take(&mut self.ready)
    }

    pub fn put_ready(&mut self, ready: Vec<Settled>) {
        if ready.is_empty() && ready.capacity() <= LONGEST {
            self.ready = ready;
        }
    }

    /// An empty list of suspects.
    pub fn suspects(&mut self) -> List<Suspect> {
        self.suspects.pop().unwrap_or_default()
    }

    pub fn put_suspects(&mut self, suspects: List<Suspect>) {
        if self.suspects.len() < ROOM && suspects.is_empty() && (1..=LONGEST).contains(&suspects.capacity()) {
            self.suspects.push(suspects);
        }
    }

    /// Bytes of no meaning to write over, from the front.
    pub fn scratch(&mut self) -> &mut Vec<u8> {
        self.scratch.clear();
        &mut self.scratch
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vehicle::{Reading, SignalNo};

    #[test]
    fn gives_back_empty_what_was_put_away_full() {
        let mut shelf = Shelf::default();
        let mut sample = shelf.sample();
        sample.readings.extend([Reading { signal: SignalNo(1), value: 2.0 }; 40]);
        let capacity = sample.readings.capacity();
        shelf.put_samples(vec![sample]);
        let again = shelf.sample();
        assert!(again.readings.is_empty() && again.readings.capacity() == capacity);
        assert!(shelf.list().is_empty());
    }

    #[test]
    fn stays_small() {
        let mut shelf = Shelf::default();
        for _ in 0..1_000 {
            shelf.put_samples(vec![Sample { measured_at: Time::NEVER, readings: Vec::new(), faults: Vec::new() }]);
        }
        assert!(shelf.samples.len() <= ROOM && shelf.lists.len() <= ROOM);
    }
}
