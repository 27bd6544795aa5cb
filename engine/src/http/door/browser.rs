//! Browsers that somebody has logged in with before, by a cookie that only we can make.
//!
//! It opens nothing. It lets a person go ahead of strangers, and keeps other people's failures from delaying
//! them: somebody who guesses at a name elsewhere cannot lock its owner out of a browser they use.

use axum::http::HeaderMap;
use sha2::{Digest as _, Sha256};

use crate::crypto::person_keys::PersonKeys;
use crate::http::person::gate::cookie;

/// Cookie of a browser that has been let in.
pub const BROWSER_COOKIE: &str = "premend_browser";
const ID_DIGITS: usize = 32;

/// The browser's id, if it was let in under this name before.
pub fn known(headers: &HeaderMap, keys: &PersonKeys, login: &str) -> Option<String> {
    let (id, proof) = cookie(headers, BROWSER_COOKIE)?.split_once('.')?;
    let is_id = id.len() == ID_DIGITS && id.bytes().all(|byte| byte.is_ascii_hexdigit());
    // Digests are compared, so that the time it takes says nothing about the proof.
    let matches = Sha256::digest(proof) == Sha256::digest(prove(keys, id, login));
    (is_id && matches).then(|| id.to_owned())
}

/// The cookie's value for a browser that was let in: a new id, unless it has one.
pub fn value(keys: &PersonKeys, known: Option<&str>, login: &str) -> String {
    let id = known.map_or_else(|| format!("{:032x}", rand::random::<u128>()), str::to_owned);
    let proof = prove(keys, &id, login);
    format!("{id}.{proof}")
}

fn prove(keys: &PersonKeys, id: &str, login: &str) -> String {
    // The name as a digest: the index would pass over dots and dashes.
    hexadecimal(&keys.index(&format!("browser {id} {}", hexadecimal(&Sha256::digest(login)))))
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderValue, header};

    use super::*;

    fn with(value: &str) -> HeaderMap {
        let cookie = format!("{BROWSER_COOKIE}={value}");
        HeaderMap::from_iter([(header::COOKIE, HeaderValue::from_str(&cookie).unwrap())])
    }

    #[test]
    fn is_known_under_its_own_name_and_to_us_only() {
        let keys = PersonKeys::from_bytes(1, &[7; 32], &[9; 32]).unwrap();
        let value = value(&keys, None, "li.jing");
        let id = known(&with(&value), &keys, "li.jing").unwrap();
        assert_eq!(super::value(&keys, Some(&id), "li.jing"), value);
        assert_eq!(known(&with(&value), &keys, "lijing"), None);
        let others = PersonKeys::from_bytes(1, &[7; 32], &[8; 32]).unwrap();
        assert_eq!(known(&with(&value), &others, "li.jing"), None);
        for forged in ["", ".", "0.0", &format!("{}.{}", "0".repeat(32), "0".repeat(64)), &value[1..]] {
            assert_eq!(known(&with(forged), &keys, "li.jing"), None, "{forged}");
        }
    }
}
