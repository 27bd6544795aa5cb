//! Patterns of fault codes: `P0301`, `P03*`, `U*`, `P0A80-16`, `SPN100-FMI*`, `SPN*`, `*`.
//!
//! A pattern is a mask over the code's four bytes, so that matching neither allocates nor branches.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::code::{FaultCode, decimal, hex, strip_word, system_bits};

/// Which fault codes are meant. A code without failure type means all of its failure types.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FaultPattern {
    mask: u32,
    bits: u32,
}

/// Why a text is not a pattern.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a fault-code pattern: write P0301, P03*, P0A80-16, SPN100-FMI1, SPN100* or *")]
pub struct FaultPatternError(pub String);

/// The bits that tell J1939 from SAE, and the positions of an SAE code.
const KIND: u32 = 1 << 31;
const CODE_SHIFT: u32 = 9;
/// Below it lies the failure mode of a J1939 code.
const SPN_SHIFT: u32 = 5;

impl FaultPattern {
    /// Matches every code.
    pub const ANY: Self = Self { mask: 0, bits: 0 };

    pub const fn matches(self, code: FaultCode) -> bool {
        code.bits() & self.mask == self.bits
    }

    /// How many bits it fixes: of two patterns that match, the one with more says more.
    pub const fn precision(self) -> u32 {
        self.mask.count_ones()
    }

    /// The pattern that means one code in all its failure types.
    pub const fn of(code: FaultCode) -> Self {
        let mask = if code.bits() & KIND == 0 { KIND | 0xffff << CODE_SHIFT } else { u32::MAX };
        Self { mask, bits: code.bits() & mask }
    }
}

impl FromStr for FaultPattern {
    type Err = FaultPatternError;

    fn from_str(text: &str) -> Result<Self, FaultPatternError> {
        if text == "*" {
            return Ok(Self::ANY);
        }
        let pattern = match text.strip_suffix('*') {
            Some(start) => j1939_prefix(start).or_else(|| sae_prefix(start)),
            None => text.parse().ok().map(exact),
        };
        pattern.ok_or_else(|| FaultPatternError(text.chars().take(32).collect()))
    }
}

fn exact(code: FaultCode) -> FaultPattern {
    match code.failure_type() {
        Some(_) => FaultPattern { mask: u32::MAX, bits: code.bits() },
        None => FaultPattern::of(code),
    }
}

/// `P`, `P0`, `P03`, `P030`: the letter and up to three of its digits.
fn sae_prefix(start: &str) -> Option<FaultPattern> {
    let (letter, digits) = start.split_at_checked(1)?;
    let system = system_bits(*letter.as_bytes().first()?)?;
    let (number, known) = match digits.len() as u32 {
        0 => (0, 2),
        count @ 1..=3 => (hex(digits)?, 2 + 2 + 4 * (count - 1)),
        _ => return None,
    };
    // The first digit has two bits, 0 to 3.
    let value = if known == 2 { system } else { system << (known - 2) | number };
    if number >> known.saturating_sub(2) != 0 {
        return None;
    }
    let mask = ((1_u32 << known) - 1) << (16 - known);
    Some(FaultPattern { mask: KIND | mask << CODE_SHIFT, bits: value << (16 - known) << CODE_SHIFT })
}

/// `SPN`, `SPN100`, `SPN100-`, `SPN100-FMI`.
fn j1939_prefix(start: &str) -> Option<FaultPattern> {
    let rest = strip_word(start, "SPN")?;
    if rest.is_empty() {
        return Some(FaultPattern { mask: KIND, bits: KIND });
    }
    let spn = match rest.split_once('-') {
        Some((spn, fmi)) if fmi.is_empty() || fmi.eq_ignore_ascii_case("FMI") => spn,
        Some(_) => return None,
        None => rest,
    };
    let code = FaultCode::from_j1939(decimal(spn)?, 0)?;
    Some(FaultPattern { mask: !0x1f, bits: code.bits() })
}

/// Writes what [`FromStr`] reads.
impl fmt::Display for FaultPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let code = FaultCode::from_obd((((self.bits >> CODE_SHIFT) & 0xffff) as u16).to_be_bytes()).to_string();
        let fixed = (self.mask >> CODE_SHIFT & 0xffff).count_ones();
        match (self.mask & KIND != 0, self.bits & KIND != 0) {
            (false, _) => f.write_str("*"),
            (true, true) if self.mask == KIND => f.write_str("SPN*"),
            (true, true) if self.mask.trailing_zeros() == SPN_SHIFT => {
                write!(f, "SPN{}-FMI*", self.bits >> 5 & 0x7_ffff)
            }
            (true, true) => write!(f, "SPN{}-FMI{}", self.bits >> 5 & 0x7_ffff, self.bits & 0x1f),
            (true, false) if self.mask == u32::MAX => write!(f, "{code}-{:02X}", self.bits & 0xff),
            (true, false) if fixed == 16 => f.write_str(&code),
            (true, false) => {
                let letters = if fixed == 2 { 1 } else { 2 + (fixed as usize - 4) / 4 };
                write!(f, "{}*", code.get(..letters).unwrap_or_default())
            }
        }
    }
}

impl Serialize for FaultPattern {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for FaultPattern {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn matches(pattern: &str, code: &str) -> bool {
        pattern.parse::<FaultPattern>().unwrap().matches(code.parse().unwrap())
    }

    #[test]
    fn matches_as_written() {
        for (pattern, yes, no) in [
            ("P0301", vec!["P0301", "P0301-16"], vec!["P0302", "C0301", "SPN301-FMI1"]),
            ("P03*", vec!["P0300", "P03FF-11"], vec!["P0400", "P1300", "P2300", "U0300"]),
            ("P0*", vec!["P0000", "P0FFF"], vec!["P1000", "P3000", "C0000"]),
            ("P2*", vec!["P2463"], vec!["P0463", "P3463"]),
            ("U*", vec!["U0100", "U3FFF-FF"], vec!["B3FFF", "P0100"]),
            ("P030*", vec!["P030F"], vec!["P0310"]),
            ("P0A80-16", vec!["P0A80-16"], vec!["P0A80", "P0A80-17"]),
            ("SPN*", vec!["SPN0-FMI0", "SPN524287-FMI31"], vec!["P0000"]),
            ("SPN100-FMI*", vec!["SPN100-FMI0", "SPN100-FMI31"], vec!["SPN101-FMI0"]),
            ("SPN100-FMI1", vec!["SPN100-FMI1"], vec!["SPN100-FMI2"]),
            ("*", vec!["P0301", "U0100-87", "SPN1-FMI1"], vec![]),
        ] {
            assert!(yes.iter().all(|code| matches(pattern, code)), "{pattern} {yes:?}");
            assert!(!no.iter().any(|code| matches(pattern, code)), "{pattern} {no:?}");
        }
    }

    #[test]
    fn refuses_what_no_code_can_match() {
        for text in ["", "**", "P4*", "X*", "P03**", "P0301*", "P*3", "SPNx*", "SPN100-X*", "é*", "P0301-1*"] {
            assert!(text.parse::<FaultPattern>().is_err(), "{text}");
        }
    }

    #[test]
    fn longer_patterns_are_more_precise() {
        let precision = |text: &str| text.parse::<FaultPattern>().unwrap().precision();
        let ladder = ["*", "P*", "P0*", "P03*", "P030*", "P0301", "P0301-16"];
        assert!(ladder.windows(2).all(|pair| precision(pair[0]) < precision(pair[1])));
    }

    proptest! {
        #[test]
        fn prints_what_it_parses(text in "[PCBU][0-3][0-9A-F]{0,2}\\*|[PCBU]\\*|[PCBU][0-3][0-9A-F]{3}(-[0-9A-F]{2})?|SPN[1-9][0-9]{0,4}-FMI(\\*|[0-9])|SPN\\*") {
            let pattern: FaultPattern = text.parse().unwrap();
            prop_assert_eq!(pattern.to_string(), text);
        }

        #[test]
        fn every_code_matches_its_own_prefixes(bytes in any::<[u8; 3]>(), length in 1_usize..5) {
            let code = FaultCode::from_uds(bytes);
            let prefix = format!("{}*", &code.to_string()[..length]);
            prop_assert!(prefix.parse::<FaultPattern>().unwrap().matches(code));
            prop_assert!(FaultPattern::of(code.code_without_ftb()).matches(code));
        }
    }
}
