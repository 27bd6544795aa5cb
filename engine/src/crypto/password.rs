//! Passwords: Argon2id, and the delay that grows with failures.
//!
//! A try needs 19 MiB for some ten milliseconds. The caller brings that memory and uses it again for the
//! next try: nothing of this size is allocated per try, so that many tries cannot exhaust the machine.

use std::time::Duration;

use argon2::password_hash::PasswordHasher;
use argon2::password_hash::phc::{Output, PasswordHash};
use argon2::{Algorithm, Argon2, Block, Params, Version};

/// No stored hash may ask for more memory than this, in KiB.
const MOST_MEMORY_KIB: u32 = 64 * 1024;
/// Nor for more passes over it.
const MOST_PASSES: u32 = 16;

/// The password could not be hashed, or the stored hash is not one.
#[derive(Debug, thiserror::Error)]
#[error("hash a password")]
pub struct PasswordError(#[source] argon2::password_hash::Error);

/// Memory for one try at a time; taken when it is first needed, and then kept.
#[derive(Default)]
pub struct Memory(Vec<Block>);

impl std::fmt::Debug for Memory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Memory").field("bytes", &(self.0.len() * Block::SIZE)).finish()
    }
}

/// Hashes a password with a fresh salt, as a PHC string. Takes some ten milliseconds on purpose.
pub fn hash(password: &str) -> Result<String, PasswordError> {
    let hashed: PasswordHash = Argon2::default().hash_password(password.as_bytes()).map_err(PasswordError)?;
    Ok(hashed.to_string())
}

/// Whether it is the password; a broken hash lets nobody in.
pub fn verify(memory: &mut Memory, password: &str, phc: &str) -> bool {
    verified(memory, password, phc).unwrap_or(false)
}

fn verified(memory: &mut Memory, password: &str, phc: &str) -> Option<bool> {
    let stored = PasswordHash::new(phc).ok()?;
    let (salt, wanted) = (stored.salt.as_ref()?, stored.hash.as_ref()?);
    let params = Params::try_from(&stored).ok()?;
    if params.m_cost() > MOST_MEMORY_KIB || params.t_cost() > MOST_PASSES {
        return None;
    }
    let algorithm = Algorithm::try_from(stored.algorithm.as_str()).ok()?;
    let version = stored.version.map_or(Ok(Version::default()), Version::try_from).ok()?;
    if memory.0.len() < params.block_count() {
        memory.0.resize(params.block_count(), Block::new());
    }
    let argon2 = Argon2::new(algorithm, version, params);
    let mut out = [0; Output::MAX_LENGTH];
    let out = out.get_mut(..wanted.len())?;
    argon2.hash_password_into_with_memory(password.as_bytes(), salt.as_ref(), out, &mut memory.0).ok()?;
    // Outputs are compared in constant time.
    Some(Output::new(out).ok()? == *wanted)
}

/// How long after the last of `failures` the next try is looked at: the first three are free.
pub fn delay_after(failures: u32) -> Duration {
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
        let mut memory = Memory::default();
        assert!(phc.starts_with("$argon2id$"));
        assert!(verify(&mut memory, "correct horse", &phc));
        assert!(!verify(&mut memory, "wrong horse", &phc));
        // Used again, the memory of the try before changes nothing.
        assert!(verify(&mut memory, "correct horse", &phc));
        assert!(!verify(&mut memory, "correct horse", "nonsense"));
        assert_eq!(memory.0.len() * Block::SIZE, 19_456 * 1024);
    }

    #[test]
    fn a_hash_that_asks_for_gigabytes_gets_none() {
        let phc = hash("correct horse").unwrap().replace("m=19456", "m=4194304");
        let mut memory = Memory::default();
        assert!(!verify(&mut memory, "correct horse", &phc));
        assert!(memory.0.is_empty());
    }

    #[test]
    fn waits_longer_after_each_failure() {
        let delays: Vec<_> = (0..12).map(|n| delay_after(n).as_secs()).collect();
        assert_eq!(delays, [0, 0, 0, 2, 4, 8, 16, 32, 64, 128, 300, 300]);
    }
}
