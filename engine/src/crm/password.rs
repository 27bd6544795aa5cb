//! Passwords: Argon2id, and the delay that grows with failures.

use std::time::Duration;

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};

/// The password could not be hashed, or the stored hash is not one.
#[derive(Debug, thiserror::Error)]
#[error("hash a password")]
pub struct PasswordError(#[source] argon2::password_hash::Error);

/// Hashes a password with a fresh salt, as a PHC string. Takes some ten milliseconds on purpose.
pub fn hash(password: &str) -> Result<String, PasswordError> {
    let hashed: PasswordHash = Argon2::default().hash_password(password.as_bytes()).map_err(PasswordError)?;
    Ok(hashed.to_string())
}

/// Whether it is the password; a broken hash lets nobody in.
pub fn verify(password: &str, phc: &str) -> bool {
    PasswordHash::new(phc).is_ok_and(|hash| Argon2::default().verify_password(password.as_bytes(), &hash).is_ok())
}

/// How long after the last of `failures` the next try is looked at: the first three are free.
pub fn delay_after(failures: i64) -> Duration {
    match failures {
        ..3 => Duration::ZERO,
        n @ 3..10 => Duration::from_secs(1 << (n - 2)),
        _ => Duration::from_secs(300),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lets_in_with_the_right_password_only() {
        let phc = hash("correct horse").unwrap();
        assert!(phc.starts_with("$argon2id$"));
        assert!(verify("correct horse", &phc));
        assert!(!verify("wrong horse", &phc));
        assert!(!verify("correct horse", "nonsense"));
    }

    #[test]
    fn waits_longer_after_each_failure() {
        let delays: Vec<_> = (0..12).map(|n| delay_after(n).as_secs()).collect();
        assert_eq!(delays, [0, 0, 0, 2, 4, 8, 16, 32, 64, 128, 300, 300]);
    }
}
