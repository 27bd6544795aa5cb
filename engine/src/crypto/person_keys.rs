//! Encryption of personal data and the blind index that finds it again.
//!
//! AES-256-GCM with a random 12-byte nonce in front; the key's id stands beside the column, so that
//! keys can be changed row by row. Equality search goes over HMAC-SHA-256 of the normalised value.
//! What each value belongs to is authenticated: a phone cannot be moved into another person's row.

use std::collections::BTreeMap;
use std::fmt;

use aes_gcm::aead::{Aead, Payload};
use aes_gcm::{Aes256Gcm, KeyInit, Nonce};
use hmac::{Hmac, Mac};
use secrecy::{ExposeSecret, SecretSlice};
use sha2::{Digest as _, Sha256};

const NONCE_LEN: usize = 12;

/// The keys for schema `person`, by id; new values take the newest.
pub struct PersonKeys {
    newest: i16,
    keys: BTreeMap<i16, SecretSlice<u8>>,
    index_key: SecretSlice<u8>,
}

/// Why a value could not be encrypted or read.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum CryptoError {
    #[error("a key for personal data has 32 bytes, not {0}")]
    KeyLength(usize),
    #[error("no key with id {0}")]
    UnknownKey(i16),
    #[error("the value does not belong to this row, or the key is another one")]
    Refused,
}

impl PersonKeys {
    /// One encryption key with its id, and the key of the blind index; 32 bytes each.
    pub fn from_bytes(key_id: i16, key: &[u8], index_key: &[u8]) -> Result<Self, CryptoError> {
        let mut keys = BTreeMap::new();
        keys.insert(key_id, checked(key)?);
        Ok(Self { newest: key_id, keys, index_key: checked(index_key)? })
    }

    /// Adds an older key that rows may still be encrypted with.
    pub fn with_older(mut self, key_id: i16, key: &[u8]) -> Result<Self, CryptoError> {
        self.keys.insert(key_id, checked(key)?);
        Ok(self)
    }

    /// The id to write beside what [`Self::seal`] returns.
    pub fn newest(&self) -> i16 {
        self.newest
    }

    /// Encrypts a value that belongs to `subject`.
    pub fn seal(&self, subject: &str, value: &str) -> Result<Vec<u8>, CryptoError> {
        let nonce: [u8; NONCE_LEN] = rand::random();
        let payload = Payload { msg: value.as_bytes(), aad: subject.as_bytes() };
        let sealed =
            self.cipher(self.newest)?.encrypt(&Nonce::from(nonce), payload).map_err(|_| CryptoError::Refused)?;
        Ok([&nonce[..], &sealed].concat())
    }

    /// Reads a value of `subject` back.
    pub fn open(&self, key_id: i16, subject: &str, sealed: &[u8]) -> Result<String, CryptoError> {
        let (nonce, body) = sealed.split_first_chunk::<NONCE_LEN>().ok_or(CryptoError::Refused)?;
        let payload = Payload { msg: body, aad: subject.as_bytes() };
        let plain = self.cipher(key_id)?.decrypt(&Nonce::from(*nonce), payload).map_err(|_| CryptoError::Refused)?;
        String::from_utf8(plain).map_err(|_| CryptoError::Refused)
    }

    /// What equal values share: case, spaces and dashes do not count.
    pub fn index(&self, value: &str) -> Vec<u8> {
        let normal: String = value.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_uppercase).collect();
        // HMAC takes keys of any length; ours was checked.
        <Hmac<Sha256> as KeyInit>::new_from_slice(self.index_key.expose_secret())
            .map(|mut mac| {
                mac.update(normal.as_bytes());
                mac.finalize().into_bytes().to_vec()
            })
            .unwrap_or_default()
    }

    fn cipher(&self, key_id: i16) -> Result<Aes256Gcm, CryptoError> {
        let key = self.keys.get(&key_id).ok_or(CryptoError::UnknownKey(key_id))?;
        Aes256Gcm::new_from_slice(key.expose_secret()).map_err(|_| CryptoError::KeyLength(key.expose_secret().len()))
    }
}

/// The key of the blind index, derived from an encryption key so that one secret is enough.
pub fn index_key(key: &[u8; 32]) -> [u8; 32] {
    Sha256::new().chain_update(b"premend blind index").chain_update(key).finalize().into()
}

impl fmt::Debug for PersonKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PersonKeys").field("newest", &self.newest).finish_non_exhaustive()
    }
}

fn checked(key: &[u8]) -> Result<SecretSlice<u8>, CryptoError> {
    if key.len() != 32 {
        return Err(CryptoError::KeyLength(key.len()));
    }
    Ok(SecretSlice::from(key.to_vec()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys() -> PersonKeys {
        PersonKeys::from_bytes(2, &[7; 32], &[9; 32]).unwrap()
    }

    #[test]
    fn reads_back_what_it_sealed() {
        let sealed = keys().seal("person/1", "张伟").unwrap();
        assert_eq!(keys().open(2, "person/1", &sealed).unwrap(), "张伟");
        assert!(!String::from_utf8_lossy(&sealed).contains("张伟"));
    }

    #[test]
    fn never_seals_the_same_twice() {
        assert_ne!(keys().seal("a", "x").unwrap(), keys().seal("a", "x").unwrap());
    }

    #[test]
    fn refuses_a_value_moved_to_another_row() {
        let sealed = keys().seal("person/1", "x").unwrap();
        assert_eq!(keys().open(2, "person/2", &sealed), Err(CryptoError::Refused));
    }

    #[test]
    fn reads_rows_of_an_older_key() {
        let sealed = PersonKeys::from_bytes(1, &[1; 32], &[9; 32]).unwrap().seal("a", "x").unwrap();
        assert_eq!(keys().open(1, "a", &sealed), Err(CryptoError::UnknownKey(1)));
        assert_eq!(keys().with_older(1, &[1; 32]).unwrap().open(1, "a", &sealed).unwrap(), "x");
    }

    #[test]
    fn indexes_regardless_of_how_it_is_written() {
        assert_eq!(keys().index("沪A·12 3ab"), keys().index("沪a12-3AB"));
        assert_ne!(keys().index("138 0000 0001"), keys().index("138 0000 0002"));
    }

    #[test]
    fn shows_no_key_when_printed() {
        assert_eq!(format!("{:?}", keys()), "PersonKeys { newest: 2, .. }");
    }
}
