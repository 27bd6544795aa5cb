//! What we tell a vehicle on its `down` topic; shared with the simulator, which answers to it.
//!
//! A vehicle drops what is committed, drops and never resends what was unreadable, shows a notice
//! once until it expires or is withdrawn, and ignores kinds and keys that it does not know.

use rules::unit::{Locale, Severity, Time};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// One message to a vehicle.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Down {
    /// Every number of the stream up to this one is dealt with; the vehicle may drop them.
    Committed {
        stream: u64,
        seq: u64,
    },
    /// The payload with this hash can never be read; the vehicle drops it and raises `oldest`.
    Unreadable {
        #[serde(with = "hex_32")]
        sha256: [u8; 32],
    },
    Notice(Notice),
    /// The notice no longer holds.
    Withdrawn {
        id: Uuid,
    },
}

/// Something for the people in the car.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Notice {
    /// Repeated until the vehicle reports it as seen; shown once.
    pub id: Uuid,
    #[serde(with = "rfc_3339")]
    pub valid_until: Time,
    pub severity: Severity,
    pub locale: Locale,
    pub title: String,
    pub text: String,
}

impl Down {
    /// The payload to publish.
    pub fn encode(&self) -> Vec<u8> {
        if let Self::Committed { stream, seq } = self {
            return format!(r#"{{"kind":"committed","stream":{stream},"seq":{seq}}}"#).into_bytes();
        }
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// Reads a payload; the error is for the vehicle to ignore.
    pub fn decode(payload: &[u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(payload)
    }
}

mod rfc_3339 {
    use rules::unit::Time;
    use serde::{Deserialize, Deserializer, Serializer};

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
    pub fn serialize<S: Serializer>(time: &Time, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(time)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Time, D::Error> {
        let text = String::deserialize(deserializer)?;
        Time::parse(&text).map_err(serde::de::Error::custom)
    }
}

mod hex_32 {
    use std::fmt::Write as _;

    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serializer};

    pub fn serialize<S: Serializer>(bytes: &[u8; 32], serializer: S) -> Result<S::Ok, S::Error> {
        let mut text = String::with_capacity(64);
        for byte in bytes {
            // Writing to a String cannot fail.
            let _ = write!(text, "{byte:02x}");
        }
        serializer.serialize_str(&text)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<[u8; 32], D::Error> {
        let text = String::deserialize(deserializer)?;
        let mut bytes = [0; 32];
        if text.len() != 64 || !text.is_ascii() {
            return Err(D::Error::custom("a SHA-256 has 64 hexadecimal digits"));
        }
        for (place, byte) in bytes.iter_mut().enumerate() {
            let digits = text.get(place * 2..place * 2 + 2).unwrap_or_default();
            *byte = u8::from_str_radix(digits, 16).map_err(D::Error::custom)?;
        }
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_survives() {
        let notice = Notice {
            id: Uuid::from_u128(7),
            valid_until: Time::from_secs(1_795_310_400),
            severity: Severity::S1,
            locale: Locale::ZhCn,
            title: "立即停车".to_owned(),
            text: "发动机温度过高".to_owned(),
        };
        for down in [
            Down::Committed { stream: 1, seq: 1234 },
            Down::Unreadable { sha256: [0xab; 32] },
            Down::Notice(notice),
            Down::Withdrawn { id: Uuid::from_u128(8) },
        ] {
            assert_eq!(Down::decode(&down.encode()).unwrap(), down);
        }
    }

    #[test]
    fn spells_the_contract() {
        let committed = Down::Committed { stream: 1, seq: 1234 };
        assert_eq!(committed.encode(), br#"{"kind":"committed","stream":1,"seq":1234}"#);
        assert_eq!(committed.encode(), serde_json::to_vec(&committed).unwrap());
        let unreadable = String::from_utf8(Down::Unreadable { sha256: [1; 32] }.encode()).unwrap();
        assert!(unreadable.starts_with(r#"{"kind":"unreadable","sha256":"0101"#), "{unreadable}");
        assert!(Down::decode(br#"{"kind":"unheard_of"}"#).is_err());
    }
}
