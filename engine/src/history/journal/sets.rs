//! Rule sets as they are stored: every catalogue under the hash of its files, for as long as inputs ran under it.

use std::collections::HashMap;
use std::sync::Arc;

use anyhow::{Context as _, bail};
use rules::catalogue::{Catalogue, Layer};
use rules::rule_set::RuleSet;
use sha2::{Digest as _, Sha256};
use sqlx::{PgConnection, PgPool};

use super::{decompress, encode};
use crate::store::journal as rows;
use crate::store::session::{As, begin_as};

/// SHA-256 over the catalogue's files, names and texts.
pub fn catalogue_hash(catalogue: &Catalogue) -> [u8; 32] {
    hash_of(catalogue.files().iter())
}

/// The same over what comes with the product and with the operator's directory: neither the learned tables nor what
/// dealers have of their own.
pub fn written_hash(catalogue: &Catalogue) -> [u8; 32] {
    hash_of(catalogue.layer_files(|layer| !matches!(layer, Layer::Dealer(_))))
}

fn hash_of<'a>(files: impl Iterator<Item = &'a (String, String)>) -> [u8; 32] {
    let mut hash = Sha256::new();
    for (path, text) in files {
        for part in [path, text] {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part.as_bytes());
        }
    }
    hash.finalize().into()
}

/// Compiles a catalogue into the set that its hash names.
pub fn rule_set(catalogue: Arc<Catalogue>) -> anyhow::Result<Arc<RuleSet>> {
    let hash = catalogue_hash(&catalogue);
    match RuleSet::compile(catalogue, hash) {
        Ok(set) => Ok(Arc::new(set)),
        Err(errors) => bail!(errors.iter().map(|error| format!("{error}")).collect::<Vec<_>>().join("\n")),
    }
}

/// Stores a set's catalogue under its hash, so that its inputs can be replayed for ever.
pub async fn keep_rule_set(pool: &PgPool, set: &RuleSet) -> anyhow::Result<()> {
    let mut body = Vec::new();
    encode(&mut body, &set.catalogue.files());
    let sealed = zstd::bulk::compress(&body, 9).context("compressing the catalogue")?;
    let mut tx = begin_as(pool, As::Engine).await?;
    rows::keep_rule_set(&mut tx, &set.hash, &sealed).await?;
    tx.commit().await?;
    Ok(())
}

/// A set from the store, compiled again.
pub async fn stored_rule_set(conn: &mut PgConnection, hash: &[u8]) -> anyhow::Result<Arc<RuleSet>> {
    let sealed = rows::rule_set(conn, hash).await?.context("a rule set is missing that is named by its hash")?;
    let body = decompress(&sealed)?;
    let files: Vec<(String, String)> = postcard::from_bytes(&body).context("reading a stored catalogue")?;
    rule_set(Arc::new(Catalogue::load_stored(&files).context("loading a stored catalogue")?))
}

/// Rule sets by hash, compiled once.
pub struct RuleSets {
    pool: PgPool,
    current: Arc<RuleSet>,
    known: HashMap<Vec<u8>, Arc<RuleSet>>,
}

impl RuleSets {
    pub fn new(pool: PgPool, current: Arc<RuleSet>) -> Self {
        let known = HashMap::from([(current.hash.to_vec(), Arc::clone(&current))]);
        Self { pool, current, known }
    }

    /// The one in force.
    pub const fn current(&self) -> &Arc<RuleSet> {
        &self.current
    }

    pub async fn get(&mut self, hash: &[u8]) -> anyhow::Result<Arc<RuleSet>> {
        if let Some(set) = self.known.get(hash) {
            return Ok(Arc::clone(set));
        }
        let set = stored_rule_set(&mut *begin_as(&self.pool, As::Engine).await?, hash).await?;
        self.known.insert(hash.to_vec(), Arc::clone(&set));
        Ok(set)
    }
}
