//! The number of a message whose payload is not kept: found byte by byte, in constant memory.
//!
//! A message that is refused for its size or its topic must not leave a hole that those behind it wait
//! for. Only a payload that is whole tells a number: one object, closed, each key at most once, and
//! nothing behind it. Anything else has none, as a wrong number would cost a message that is still
//! to come.

use rules::vehicle::Sequence;

/// Bytes of the longest key and of the longest vehicle id that are looked at.
const LONGEST: usize = 64;
/// Largest number that the dialect reads.
const LARGEST: u64 = i64::MAX as u64;

/// Reads the envelope's numbers from a payload that comes in parts.
#[derive(Clone, Debug, Default)]
pub struct Numbering {
    place: Place,
    depth: u32,
    /// The text being read at depth 1, as far as it matters.
    text: Vec<u8>,
    key: Option<Key>,
    number: u64,
    found: Found,
}

#[derive(Clone, Debug, Default)]
struct Found {
    stream: Option<u64>,
    seq: Option<u64>,
    oldest: Option<u64>,
    vehicle: Option<Vec<u8>>,
}

/// What the next byte belongs to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Place {
    #[default]
    Start,
    /// Before a key, or before the end of the object.
    Key,
    KeyText,
    Colon,
    Value,
    /// A number of the envelope.
    Number,
    /// The text of `vehicle`.
    Vehicle,
    /// Between what matters: inside a value or behind it.
    Other,
    /// A text that does not matter, and whether the byte before was a backslash.
    Text {
        escaped: bool,
    },
    /// Behind the object.
    End,
    Broken,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Key {
    Stream,
    Seq,
    Oldest,
    Vehicle,
}

impl Numbering {
    pub fn push(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.place = self.step(*byte);
        }
    }

    /// The number, unless the payload names another vehicle than `vehicle`.
    pub fn sequence(&self, vehicle: &str) -> Option<Sequence> {
        let Found { stream, seq, oldest, vehicle: named } = &self.found;
        if self.place != Place::End || named.as_ref().is_some_and(|named| named != vehicle.as_bytes()) {
            return None;
        }
        let sequence = Sequence { stream: (*stream)?, seq: (*seq)?, oldest: *oldest };
        oldest.is_none_or(|oldest| oldest <= sequence.seq).then_some(sequence)
    }

    fn step(&mut self, byte: u8) -> Place {
        match self.place {
            Place::Start => match byte {
                b'{' => {
                    self.depth = 1;
                    Place::Key
                }
                _ if byte.is_ascii_whitespace() => Place::Start,
                _ => Place::Broken,
            },
            Place::Key => match byte {
                b'"' => {
                    self.text.clear();
                    Place::KeyText
                }
                b'}' => self.close(),
                _ if byte.is_ascii_whitespace() => Place::Key,
                _ => Place::Broken,
            },
            Place::KeyText => match byte {
                b'"' => {
                    self.key = key(&self.text);
                    Place::Colon
                }
                // An escaped key could spell one of ours; nobody writes it so.
                b'\\' => Place::Broken,
                _ => {
                    self.keep(byte);
                    Place::KeyText
                }
            },
            Place::Colon => match byte {
                b':' => Place::Value,
                _ if byte.is_ascii_whitespace() => Place::Colon,
                _ => Place::Broken,
            },
            Place::Value => self.begin(byte),
            Place::Number => self.digit(byte),
            Place::Vehicle => match byte {
                b'"' if self.found.vehicle.is_none() => {
                    self.found.vehicle = Some(std::mem::take(&mut self.text));
                    Place::Other
                }
                b'"' | b'\\' => Place::Broken,
                _ => {
                    self.keep(byte);
                    Place::Vehicle
                }
            },
            Place::Text { escaped: true } => Place::Text { escaped: false },
            Place::Text { escaped: false } => match byte {
                b'"' => Place::Other,
                b'\\' => Place::Text { escaped: true },
                _ => self.place,
            },
            Place::Other => self.pass(byte),
            Place::End if byte.is_ascii_whitespace() => Place::End,
            Place::End | Place::Broken => Place::Broken,
        }
    }

    /// The first byte of a value of the envelope.
    fn begin(&mut self, byte: u8) -> Place {
        match (self.key, byte) {
            (_, _) if byte.is_ascii_whitespace() => Place::Value,
            (Some(Key::Vehicle), b'"') => {
                self.text.clear();
                Place::Vehicle
            }
            (Some(Key::Stream | Key::Seq | Key::Oldest), b'1'..=b'9') => {
                self.number = u64::from(byte - b'0');
                Place::Number
            }
            (Some(_), _) | (None, b',' | b'}') => Place::Broken,
            (None, _) => self.pass(byte),
        }
    }

    fn digit(&mut self, byte: u8) -> Place {
        if byte.is_ascii_digit() {
            self.number = self.number.saturating_mul(10).saturating_add(u64::from(byte - b'0'));
            return if self.number > LARGEST { Place::Broken } else { Place::Number };
        }
        if !byte.is_ascii_whitespace() && !matches!(byte, b',' | b'}') {
            return Place::Broken;
        }
        let slot = match self.key {
            Some(Key::Stream) => &mut self.found.stream,
            Some(Key::Seq) => &mut self.found.seq,
            Some(Key::Oldest) => &mut self.found.oldest,
            Some(Key::Vehicle) | None => return Place::Broken,
        };
        // The same key twice means nothing.
        if slot.replace(self.number).is_some() {
            return Place::Broken;
        }
        self.pass(byte)
    }

    fn pass(&mut self, byte: u8) -> Place {
        match byte {
            b'"' => Place::Text { escaped: false },
            b'{' | b'[' => {
                self.depth = self.depth.saturating_add(1);
                Place::Other
            }
            b'}' | b']' if self.depth > 1 => {
                self.depth -= 1;
                Place::Other
            }
            b'}' => self.close(),
            b']' => Place::Broken,
            b',' if self.depth == 1 => Place::Key,
            _ => Place::Other,
        }
    }

    fn close(&mut self) -> Place {
        self.depth = 0;
        Place::End
    }

    fn keep(&mut self, byte: u8) {
        // One byte more than the longest makes it differ from every name.
        if self.text.len() <= LONGEST {
            self.text.push(byte);
        }
    }
}

fn key(text: &[u8]) -> Option<Key> {
    match text {
        b"stream" => Some(Key::Stream),
        b"seq" => Some(Key::Seq),
        b"oldest" => Some(Key::Oldest),
        b"vehicle" => Some(Key::Vehicle),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rules::stage::shelf::Shelf;

    use super::*;
    use crate::dialect::{Dialect, PremendJson};
    use crate::hostile::hostile_payloads;
    use crate::signal_index::SignalIndex;
    use crate::signal_index::tests::signals;

    fn number(payload: &[u8]) -> Option<(u64, u64, Option<u64>)> {
        let mut numbering = Numbering::default();
        numbering.push(payload);
        numbering.sequence("car-1").map(|sequence| (sequence.stream, sequence.seq, sequence.oldest))
    }

    #[test]
    fn finds_the_number_wherever_it_stands() {
        for payload in [
            &br#"{"stream":1,"seq":7,"oldest":3}"#[..],
            br#" { "x" : "a\"}\\" , "seq" : 7 , "y":[{"seq":9,"z":["]",{}]}], "oldest":3,"stream":1 } "#,
            br#"{"samples":[{"ts":"x","signals":{"a":1e5,"b":null}}],"stream":1,"vehicle":"car-1","seq":7,"oldest":3}"#,
        ] {
            assert_eq!(number(payload), Some((1, 7, Some(3))), "{}", String::from_utf8_lossy(payload));
        }
        assert_eq!(number(br#"{"stream":1,"seq":7}"#), Some((1, 7, None)));
    }

    #[test]
    fn a_payload_that_is_not_whole_has_no_number() {
        for payload in [
            &br#"{"stream":1,"seq":7"#[..],
            br#"{"stream":1,"seq":7}}"#,
            br#"{"stream":1,"seq":7}{"seq":8}"#,
            br#"[{"stream":1,"seq":7}]"#,
            br#"{"stream":1,"seq":7,"seq":8}"#,
            br#"{"stream":1,"seq":1e3}"#,
            br#"{"stream":1,"seq":0}"#,
            br#"{"stream":1,"seq":"7"}"#,
            br#"{"stream":1,"seq":18446744073709551616}"#,
            br#"{"stream":1,"seq":7,"oldest":8}"#,
            br#"{"stream":1,"seq":7,"vehicle":"car-2"}"#,
            br#"{"stream":1,"seq":7,"vehicle":"car-1","vehicle":"car-1"}"#,
            br#"{"stream":1,"s\u0065q":7,"seq":8}"#,
            br#"{"seq":7}"#,
            b"",
            b"xxxxxxx",
        ] {
            assert_eq!(number(payload), None, "{}", String::from_utf8_lossy(payload));
        }
    }

    proptest! {
        #[test]
        fn parts_do_not_matter(cut in 0_usize..60) {
            let payload = br#"{"x":"\"","stream":12,"seq":345,"oldest":67,"y":[1]}"#;
            let (first, second) = payload.split_at(cut.min(payload.len()));
            let mut numbering = Numbering::default();
            numbering.push(first);
            numbering.push(second);
            prop_assert_eq!(numbering.sequence("car-1").map(|sequence| sequence.seq), Some(345));
        }
    }

    /// Where both read a payload, they read the same number.
    #[test]
    fn agrees_with_the_dialect() {
        let index = SignalIndex::new(&signals());
        let mut read = 0;
        for hostile in hostile_payloads(3, 5_000, "car-1") {
            let mut shelf = Shelf::default();
            let Ok(decoded) = PremendJson.decode(&hostile.payload, &index, &mut shelf) else { continue };
            if decoded.vehicle.is_some() {
                continue;
            }
            read += 1;
            let mut numbering = Numbering::default();
            numbering.push(&hostile.payload);
            assert_eq!(numbering.sequence("car-1"), decoded.sequence, "{}", hostile.trick);
        }
        assert!(read > 500, "{read}");
    }
}
