//! What a vehicle has been told about how far it is committed.
//!
//! Every commit answers each vehicle in it once. That is coalescing enough: the busier the engine,
//! the larger its batches. Whoever wonders, by a duplicate or a new connection, hears it again.

/// Stream and number that a vehicle was told last.
#[derive(Clone, Copy, Debug, Default)]
pub struct Told {
    position: Option<(u64, u64)>,
    asked: bool,
}

impl Told {
    /// The vehicle wonders.
    pub fn ask(&mut self) {
        self.asked = true;
    }

    /// Whether `position` is to be told; then it counts as told.
    pub fn say(&mut self, position: (u64, u64)) -> bool {
        let news = self.position != Some(position) || self.asked;
        *self = Self { position: Some(position), asked: false };
        news
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_what_is_new_and_repeats_it_for_those_who_ask() {
        let mut told = Told::default();
        assert!(told.say((1, 5)));
        assert!(!told.say((1, 5)));
        told.ask();
        assert!(told.say((1, 5)));
        assert!(told.say((1, 6)) && told.say((2, 6)));
    }
}
