//! `[person]`: the keys that encrypt names, phones, VINs and plates.
//!
//! A key is 64 hexadecimal digits, in a file or in `PREMEND_PERSON__KEY`. A retired key still
//! decrypts the rows that name it; new rows are written under the current one.

use std::path::{Path, PathBuf};
use std::{fmt, fs};

use serde::{Deserialize, Serialize};

use super::{ConfigError, Secret};

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Person {
    /// Number of the current key, stored beside each row it encrypts.
    pub key_id: i16,
    /// The current key, 64 hexadecimal digits; only from the environment.
    pub key: Option<Secret>,
    /// File that holds the current key.
    pub key_file: Option<PathBuf>,
    /// Keys that only decrypt.
    pub retired: Vec<RetiredKey>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RetiredKey {
    pub key_id: i16,
    pub key_file: PathBuf,
}

/// One key under its number; never prints.
#[derive(Clone)]
pub struct PersonKey {
    pub key_id: i16,
    pub bytes: [u8; 32],
}

/// What encrypts, and what still decrypts.
#[derive(Clone, Debug)]
pub struct PersonKeys {
    pub current: PersonKey,
    pub retired: Vec<PersonKey>,
}

impl fmt::Debug for PersonKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PersonKey({}, ***)", self.key_id)
    }
}

impl Default for Person {
    fn default() -> Self {
        Self { key_id: 1, key: None, key_file: None, retired: Vec::new() }
    }
}

impl Person {
    pub(super) fn validate(&self) -> Result<(), ConfigError> {
        if self.key.is_some() && self.key_file.is_some() {
            return Err(ConfigError::invalid("person.key_file", "set key or key_file, not both"));
        }
        let mut numbers: Vec<i16> = self.retired.iter().map(|retired| retired.key_id).collect();
        numbers.push(self.key_id);
        numbers.sort_unstable();
        if numbers.windows(2).any(|pair| pair[0] == pair[1]) {
            return Err(ConfigError::invalid("person.retired", "every key needs a key_id of its own"));
        }
        Ok(())
    }

    /// Reads the keys; commands that see people need them.
    pub fn keys(&self) -> Result<PersonKeys, ConfigError> {
        let bytes = match (&self.key, &self.key_file) {
            (Some(key), _) => parse("person.key", key.expose())?,
            (None, Some(file)) => read("person.key_file", file)?,
            (None, None) => {
                let wrong = "no key: `openssl rand -hex 32 > FILE` makes one; set key_file or PREMEND_PERSON__KEY";
                return Err(ConfigError::invalid("person.key_file", wrong));
            }
        };
        let mut retired = Vec::new();
        for key in &self.retired {
            retired.push(PersonKey { key_id: key.key_id, bytes: read("person.retired", &key.key_file)? });
        }
        Ok(PersonKeys { current: PersonKey { key_id: self.key_id, bytes }, retired })
    }
}

fn read(key: &'static str, path: &Path) -> Result<[u8; 32], ConfigError> {
    let text = fs::read_to_string(path).map_err(|source| ConfigError::File { key, path: path.to_owned(), source })?;
    parse(key, text.trim())
}

fn parse(key: &'static str, text: &str) -> Result<[u8; 32], ConfigError> {
    let wrong = || ConfigError::invalid(key, "a key is 64 hexadecimal digits");
    if text.len() != 64 || !text.is_ascii() {
        return Err(wrong());
    }
    let mut bytes = [0; 32];
    for (byte, at) in bytes.iter_mut().zip((0..64).step_by(2)) {
        *byte = u8::from_str_radix(&text[at..at + 2], 16).map_err(|_| wrong())?;
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_a_key_and_never_prints_it() {
        let person = Person { key: Some(Secret::new(&"0a".repeat(32))), ..Person::default() };
        let keys = person.keys().unwrap();
        assert_eq!(keys.current.bytes, [10; 32]);
        assert_eq!(format!("{keys:?}"), "PersonKeys { current: PersonKey(1, ***), retired: [] }");
    }

    #[test]
    fn refuses_what_is_no_key() {
        for text in ["", "0a", &"zz".repeat(32), &"é".repeat(32)] {
            let person = Person { key: Some(Secret::new(text)), ..Person::default() };
            assert!(person.keys().is_err(), "{text}");
        }
        assert!(Person::default().keys().is_err());
    }

    #[test]
    fn refuses_two_keys_of_one_number() {
        let retired = vec![RetiredKey { key_id: 1, key_file: PathBuf::from("old") }];
        assert!(Person { retired, ..Person::default() }.validate().is_err());
    }
}
