//! How readings for charts are kept: a TimescaleDB hypertable, or native partitions by day.
//!
//! Chosen once, at first install, from what the server has or from `store.tier`, and written down.
//! All tiers have the same table, columns, index and views, so that no other file knows the tier.
//! A native table cannot become a hypertable in place: a later start that finds another server
//! refuses, and says what to do. The extension is never created here: where its library is not
//! preloaded, the attempt alone kills the connection.

use std::fmt;

use sqlx::{Acquire, PgConnection, PgPool};

use crate::config::WantedTier;

/// Bit of `sample.flags`: settled order found the reading implausible.
pub const SUSPECT: i16 = 1;
/// Bit of `sample.flags`: older than what was folded already; charts only.
pub const LATE: i16 = 2;

/// A kind of store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tier {
    /// Range partitions by day, made ahead; own roll-up.
    Native,
    /// Hypertable under the Apache licence; own roll-up.
    TimescaleApache,
    /// Hypertable, columnstore and continuous aggregate.
    Timescale,
}

/// Why the store cannot be used as it is.
#[derive(Debug, thiserror::Error)]
pub enum TierError {
    #[error(
        "this database was installed on tier `{recorded}`, the server now offers `{found}`: give the server back what it \
         had (the timescaledb extension and its licence setting), or move to a fresh database with dump and replay"
    )]
    ServerChanged { recorded: Tier, found: Tier },
    #[error(
        "this database was installed on tier `{recorded}`, store.tier says `{wanted}`: set it to `{recorded}` or `auto`"
    )]
    OtherWanted { recorded: Tier, wanted: Tier },
    #[error(
        "store.tier says `{wanted}`, the server offers `{found}`: install the extension into this database \
         (`create extension timescaledb` as superuser, library preloaded), or set store.tier to `{found}` or `auto`"
    )]
    NotOffered { wanted: Tier, found: Tier },
    #[error("store_tier holds `{0}`, which this version does not know")]
    Unknown(String),
    #[error("cannot settle the tier")]
    Database(#[from] sqlx::Error),
}

impl Tier {
    pub const ALL: [Self; 3] = [Self::Native, Self::TimescaleApache, Self::Timescale];

    /// The word in `store_tier` and in the configuration.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Native => "native",
            Self::TimescaleApache => "timescale_apache",
            Self::Timescale => "timescale",
        }
    }

    /// Whether `sample` has native partitions, which must be made before rows come.
    pub const fn is_native(self) -> bool {
        matches!(self, Self::Native)
    }

    /// Whether hours are rolled up by us.
    pub const fn rolls_up_itself(self) -> bool {
        !matches!(self, Self::Timescale)
    }

    /// What a server of this tier also can do: everything below it.
    const fn offers(self, wanted: Self) -> bool {
        match wanted {
            Self::Native => true,
            Self::TimescaleApache | Self::Timescale => wanted as u8 == self as u8,
        }
    }
}

impl fmt::Display for Tier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.label())
    }
}

/// Finds the tier of this database, installing it if there is none yet.
pub async fn settle(pool: &PgPool, wanted: WantedTier) -> Result<Tier, TierError> {
    let mut connection = pool.acquire().await?;
    let mut transaction = connection.begin().await?;
    sqlx::query("select pg_advisory_xact_lock(hashtext('premend store_tier'))").execute(&mut *transaction).await?;
    let found = offered(&mut transaction).await?;
    let tier = match recorded(&mut transaction).await? {
        Some(tier) => {
            check(tier, found, wanted)?;
            tier
        }
        None => {
            let tier = choose(found, wanted)?;
            install(&mut transaction, tier).await?;
            tier
        }
    };
    transaction.commit().await?;
    Ok(tier)
}

/// What the server has in this database.
pub async fn offered(connection: &mut PgConnection) -> Result<Tier, sqlx::Error> {
    let version: Option<String> =
        sqlx::query_scalar("select extversion from pg_extension where extname = 'timescaledb'")
            .fetch_optional(&mut *connection)
            .await?;
    if version.is_none() {
        return Ok(Tier::Native);
    }
    let licence: Option<String> =
        sqlx::query_scalar("select current_setting('timescaledb.license', true)").fetch_one(connection).await?;
    Ok(match licence.as_deref() {
        Some("timescale") => Tier::Timescale,
        _ => Tier::TimescaleApache,
    })
}

/// The tier of the first install, if there was one.
pub async fn recorded(connection: &mut PgConnection) -> Result<Option<Tier>, TierError> {
    let label: Option<String> = sqlx::query_scalar("select tier from store_tier").fetch_optional(connection).await?;
    let Some(label) = label else { return Ok(None) };
    let known = Tier::ALL.into_iter().find(|tier| tier.label() == label);
    known.map(Some).ok_or(TierError::Unknown(label))
}

fn choose(found: Tier, wanted: WantedTier) -> Result<Tier, TierError> {
    match named(wanted) {
        None => Ok(found),
        Some(wanted) if found.offers(wanted) => Ok(wanted),
        Some(wanted) => Err(TierError::NotOffered { wanted, found }),
    }
}

/// Whether a database of one tier may be used on a server that offers another.
pub fn check(recorded: Tier, found: Tier, wanted: WantedTier) -> Result<(), TierError> {
    if let Some(wanted) = named(wanted)
        && wanted != recorded
    {
        return Err(TierError::OtherWanted { recorded, wanted });
    }
    if !found.offers(recorded) {
        return Err(TierError::ServerChanged { recorded, found });
    }
    if found != recorded {
        tracing::warn!(tier = %recorded, offered = %found, "the server offers more than this database was installed on");
    }
    Ok(())
}

const fn named(wanted: WantedTier) -> Option<Tier> {
    match wanted {
        WantedTier::Auto => None,
        WantedTier::Native => Some(Tier::Native),
        WantedTier::TimescaleApache => Some(Tier::TimescaleApache),
        WantedTier::Timescale => Some(Tier::Timescale),
    }
}

async fn install(connection: &mut PgConnection, tier: Tier) -> Result<(), sqlx::Error> {
    for script in scripts(tier) {
        sqlx::raw_sql(script).execute(&mut *connection).await?;
    }
    sqlx::query("insert into store_tier (tier) values ($1)").bind(tier.label()).execute(connection).await?;
    tracing::info!(tier = %tier, "installed the store for readings");
    Ok(())
}

/// What makes a tier, in order.
pub fn scripts(tier: Tier) -> [&'static str; 4] {
    let (table, hours) = match tier {
        Tier::Native => (include_str!("../../tiers/native.sql"), include_str!("../../tiers/rolled.sql")),
        Tier::TimescaleApache => (include_str!("../../tiers/hypertable.sql"), include_str!("../../tiers/rolled.sql")),
        Tier::Timescale => (include_str!("../../tiers/hypertable.sql"), include_str!("../../tiers/continuous.sql")),
    };
    [table, include_str!("../../tiers/indexes.sql"), hours, include_str!("../../tiers/views.sql")]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[sqlx::test]
    async fn installs_once_and_then_only_checks(pool: PgPool) {
        assert_eq!(settle(&pool, WantedTier::Auto).await.unwrap(), Tier::Native);
        assert_eq!(settle(&pool, WantedTier::Native).await.unwrap(), Tier::Native);
        let refused = settle(&pool, WantedTier::Timescale).await.unwrap_err();
        assert!(matches!(refused, TierError::OtherWanted { .. }), "{refused}");
    }

    #[sqlx::test]
    async fn refuses_a_tier_the_server_does_not_offer(pool: PgPool) {
        let refused = settle(&pool, WantedTier::Timescale).await.unwrap_err();
        assert!(matches!(refused, TierError::NotOffered { .. }), "{refused}");
        assert_eq!(settle(&pool, WantedTier::Auto).await.unwrap(), Tier::Native);
    }

    #[sqlx::test]
    async fn refuses_when_the_extension_is_gone(pool: PgPool) {
        settle(&pool, WantedTier::Auto).await.unwrap();
        sqlx::query("update store_tier set tier = 'timescale'").execute(&pool).await.unwrap();
        let refused = settle(&pool, WantedTier::Auto).await.unwrap_err();
        assert!(refused.to_string().contains("fresh database"), "{refused}");
    }

    #[test]
    fn a_native_database_stays_native_on_a_richer_server() {
        assert!(check(Tier::Native, Tier::Timescale, WantedTier::Auto).is_ok());
        assert!(check(Tier::Timescale, Tier::TimescaleApache, WantedTier::Auto).is_err());
    }

    #[sqlx::test]
    async fn two_starts_at_once_install_one_tier(pool: PgPool) {
        let (one, two) = tokio::join!(settle(&pool, WantedTier::Auto), settle(&pool, WantedTier::Auto));
        assert_eq!((one.unwrap(), two.unwrap()), (Tier::Native, Tier::Native));
    }
}
