//! One fault code in four bytes: SAE J2012 with or without its failure type byte, or J1939 SPN and FMI.
//!
//! Codes sort as people list them: P, C, B, U, each by number, a bare code before its failure types,
//! J1939 last. Text and bytes of either kind give the same value; `Display` gives the canonical text.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Set for J1939.
const J1939: u32 = 1 << 31;
/// Set for SAE codes with a failure type byte.
const TYPED: u32 = 1 << 8;
/// The two bytes of an SAE code.
const CODE_SHIFT: u32 = 9;
/// The suspect parameter number of a J1939 code.
const SPN_SHIFT: u32 = 5;
const SPN_MAX: u32 = 0x7_ffff;
const FMI_MAX: u8 = 31;

/// A fault code.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FaultCode(u32);

/// The first letter of an SAE code, or J1939.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum System {
    Powertrain,
    Chassis,
    Body,
    Network,
    J1939,
}

/// Why a text is not a fault code.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a fault code: write P0301, P0A80-16 or SPN100-FMI1")]
pub struct FaultCodeError(pub String);

impl FaultCode {
    /// From the two bytes of OBD-II mode 03 and SAE J2012: 0x0171 is P0171, 0xC100 is U0100.
    pub const fn from_obd(bytes: [u8; 2]) -> Self {
        Self((u16::from_be_bytes(bytes) as u32) << CODE_SHIFT)
    }

    /// From the three bytes of UDS service 0x19: the third is the failure type.
    pub const fn from_uds([high, low, failure_type]: [u8; 3]) -> Self {
        Self(Self::from_obd([high, low]).0 | TYPED | failure_type as u32)
    }

    /// From suspect parameter number (19 bit) and failure mode (5 bit) of J1939.
    pub const fn from_j1939(spn: u32, fmi: u8) -> Option<Self> {
        if spn > SPN_MAX || fmi > FMI_MAX {
            return None;
        }
        Some(Self(J1939 | spn << SPN_SHIFT | fmi as u32))
    }

    pub const fn system(self) -> System {
        match (self.0 & J1939 != 0, (self.0 >> (CODE_SHIFT + 14)) & 0b11) {
            (true, _) => System::J1939,
            (false, 0) => System::Powertrain,
            (false, 1) => System::Chassis,
            (false, 2) => System::Body,
            (false, _) => System::Network,
        }
    }

    /// What cases are keyed by: the code without its failure type byte. J1939 codes stay whole.
    #[must_use]
    pub const fn code_without_ftb(self) -> Self {
        if self.0 & J1939 != 0 { self } else { Self(self.0 >> CODE_SHIFT << CODE_SHIFT) }
    }

    /// The failure type byte (SAE J2012-DA), if the code came with one.
    pub const fn failure_type(self) -> Option<u8> {
        if self.0 & (J1939 | TYPED) == TYPED { Some((self.0 & 0xff) as u8) } else { None }
    }

    /// Suspect parameter number and failure mode, of a J1939 code.
    pub const fn spn_fmi(self) -> Option<(u32, u8)> {
        if self.0 & J1939 == 0 {
            return None;
        }
        Some((self.0 >> SPN_SHIFT & SPN_MAX, (self.0 & FMI_MAX as u32) as u8))
    }

    /// The representation that patterns mask.
    pub(super) const fn bits(self) -> u32 {
        self.0
    }

    fn from_bits(bits: u32) -> Option<Self> {
        let sae = bits < 1 << (CODE_SHIFT + 16) && (bits & TYPED != 0 || bits as u8 == 0);
        let j1939 = bits & J1939 != 0 && bits & !J1939 < 1 << (SPN_SHIFT + 19);
        (sae || j1939).then_some(Self(bits))
    }
}

/// `P0301`, `P0A80-16`, `SPN100-FMI1`.
impl fmt::Display for FaultCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some((spn, fmi)) = self.spn_fmi() {
            return write!(f, "SPN{spn}-FMI{fmi}");
        }
        let code = self.0 >> CODE_SHIFT;
        let letter = match self.system() {
            System::Chassis => 'C',
            System::Body => 'B',
            System::Network => 'U',
            System::Powertrain | System::J1939 => 'P',
        };
        write!(f, "{letter}{:04X}", code & 0x3fff)?;
        match self.failure_type() {
            Some(byte) => write!(f, "-{byte:02X}"),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for FaultCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for FaultCode {
    type Err = FaultCodeError;

    /// Reads 5 or 7 characters, with or without a dash before the failure type, in either case.
    fn from_str(text: &str) -> Result<Self, FaultCodeError> {
        parse_sae(text).or_else(|| parse_j1939(text)).ok_or_else(|| FaultCodeError(text.chars().take(32).collect()))
    }
}

/// The two bits that a letter stands for.
pub(super) fn system_bits(letter: u8) -> Option<u32> {
    match letter.to_ascii_uppercase() {
        b'P' => Some(0),
        b'C' => Some(1),
        b'B' => Some(2),
        b'U' => Some(3),
        _ => None,
    }
}

fn parse_sae(text: &str) -> Option<FaultCode> {
    let (code, failure_type) = text.split_at_checked(5)?;
    let (letter, digits) = code.split_at_checked(1)?;
    let number = hex(digits)?;
    if number > 0x3fff {
        return None;
    }
    let code = (system_bits(*letter.as_bytes().first()?)? << 14 | number) as u16;
    let bytes = code.to_be_bytes();
    if failure_type.is_empty() {
        return Some(FaultCode::from_obd(bytes));
    }
    let byte = failure_type.strip_prefix('-').unwrap_or(failure_type);
    if byte.len() != 2 {
        return None;
    }
    Some(FaultCode::from_uds([bytes[0], bytes[1], hex(byte)? as u8]))
}

/// Hexadecimal digits only: no sign, no spaces.
pub(super) fn hex(digits: &str) -> Option<u32> {
    digits.bytes().all(|byte| byte.is_ascii_hexdigit()).then(|| u32::from_str_radix(digits, 16).ok()).flatten()
}

fn parse_j1939(text: &str) -> Option<FaultCode> {
    let (spn, fmi) = strip_word(text, "SPN")?.split_once('-')?;
    FaultCode::from_j1939(decimal(spn)?, u8::try_from(decimal(strip_word(fmi, "FMI")?)?).ok()?)
}

pub(super) fn strip_word<'a>(text: &'a str, word: &str) -> Option<&'a str> {
    let (start, rest) = text.split_at_checked(word.len())?;
    start.eq_ignore_ascii_case(word).then_some(rest)
}

pub(super) fn decimal(digits: &str) -> Option<u32> {
    digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok()).flatten()
}

/// Text where people read it, four bytes where only we do.
impl Serialize for FaultCode {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() { serializer.collect_str(self) } else { serializer.serialize_u32(self.0) }
    }
}

impl<'de> Deserialize<'de> for FaultCode {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            let text = String::deserialize(deserializer)?;
            text.parse().map_err(serde::de::Error::custom)
        } else {
            let bits = u32::deserialize(deserializer)?;
            Self::from_bits(bits).ok_or_else(|| serde::de::Error::custom("not the bits of a fault code"))
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn any_code() -> impl Strategy<Value = FaultCode> {
        prop_oneof![
            any::<[u8; 2]>().prop_map(FaultCode::from_obd),
            any::<[u8; 3]>().prop_map(FaultCode::from_uds),
            (0..=SPN_MAX, 0..=FMI_MAX).prop_map(|(spn, fmi)| FaultCode::from_j1939(spn, fmi).unwrap()),
        ]
    }

    #[test]
    fn reads_the_documented_bytes() {
        for (bytes, text) in [(0x0171_u16, "P0171"), (0x4035, "C0035"), (0x9001, "B1001"), (0xc100, "U0100")] {
            assert_eq!(FaultCode::from_obd(bytes.to_be_bytes()).to_string(), text);
        }
        assert_eq!(FaultCode::from_uds([0x0a, 0x80, 0x00]).to_string(), "P0A80-00");
    }

    #[test]
    fn reads_text_with_and_without_a_dash() {
        let code: FaultCode = "P0A8016".parse().unwrap();
        assert_eq!(code, "p0a80-16".parse().unwrap());
        assert_eq!(code.failure_type(), Some(0x16));
        assert_eq!(code.code_without_ftb().to_string(), "P0A80");
    }

    #[test]
    fn refuses_what_is_not_a_code() {
        for text in
            ["", "P", "P030", "P4000", "X0301", "P03011", "P0301-", "P0301-1", "P0301-123", "P+301", "P0301é", "é0301"]
        {
            assert!(text.parse::<FaultCode>().is_err(), "{text}");
        }
        for text in ["SPN-FMI1", "SPN100", "SPN524288-FMI1", "SPN1-FMI32", "SPN+1-FMI1"] {
            assert!(text.parse::<FaultCode>().is_err(), "{text}");
        }
    }

    #[test]
    fn j1939_has_room() {
        let code: FaultCode = "SPN100-FMI1".parse().unwrap();
        assert_eq!((code.spn_fmi(), code.system()), (Some((100, 1)), System::J1939));
        assert_eq!(code.code_without_ftb(), code);
        assert!(code > "U3FFF-FF".parse().unwrap());
    }

    proptest! {
        #[test]
        fn prints_what_it_parses(code in any_code()) {
            prop_assert_eq!(code.to_string().parse::<FaultCode>(), Ok(code));
            let json = serde_json::to_string(&code).unwrap();
            prop_assert_eq!(serde_json::from_str::<FaultCode>(&json).unwrap(), code);
            let bytes = postcard::to_stdvec(&code).unwrap();
            prop_assert_eq!(postcard::from_bytes::<FaultCode>(&bytes).unwrap(), code);
        }

        #[test]
        fn sae_order_is_system_then_number(left in any::<[u8; 2]>(), right in any::<[u8; 2]>()) {
            prop_assert_eq!(FaultCode::from_obd(left).cmp(&FaultCode::from_obd(right)), left.cmp(&right));
        }

        #[test]
        fn never_panics(text in "\\PC{0,12}") {
            let _ = text.parse::<FaultCode>();
        }

        #[test]
        fn wild_bits_are_refused_or_valid(bits in any::<u32>()) {
            if let Some(code) = FaultCode::from_bits(bits) {
                prop_assert_eq!(code.to_string().parse::<FaultCode>(), Ok(code));
            }
        }
    }
}
