//! Opens a transaction *as someone*: the only place where the login user takes on a role.
//!
//! The database decides what each may see (migrations 0008 and 0020); this file only says who asks.
//! Role and settings are local to the transaction, so that nothing of them is left on a connection
//! that goes back to the pool.
//!
//! Nobody may take a second connection while holding one: some such holders would use up the pool, and
//! each would wait for the others. Builds for tests stop where it happens ([`super::held`]).

use std::ops::{Deref, DerefMut};

use sqlx::{PgConnection, PgPool, Postgres, Transaction, query};
use uuid::Uuid;

use super::held::Held;

/// Whose rows a transaction sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    Nobody,
    Dealer(Uuid),
    All,
}

/// Who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum As<'a> {
    /// The lanes, the relay and jobs: every dealer, no personal data.
    Engine,
    /// A dealer's people.
    Console { dealer: Uuid },
    /// The manufacturer's people: every dealer.
    Oem,
    /// Schema `person`, for a purpose that can be audited.
    Person { dealer: Scope, account: Option<Uuid>, purpose: &'a str },
}

/// Purpose under which accounts of any dealer can be read: somebody is logging in.
pub const LOG_IN: &str = "log-in";

impl As<'_> {
    fn role(self) -> &'static str {
        match self {
            Self::Engine => "premend_engine",
            Self::Console { .. } | Self::Oem => "premend_console",
            Self::Person { .. } => "premend_person",
        }
    }

    fn scope(self) -> Scope {
        match self {
            Self::Engine => Scope::Nobody,
            Self::Console { dealer } => Scope::Dealer(dealer),
            Self::Oem => Scope::All,
            Self::Person { dealer, .. } => dealer,
        }
    }
}

/// An open transaction; rolled back when it is dropped.
#[derive(Debug)]
pub struct Session {
    tx: Transaction<'static, Postgres>,
    _held: Held,
}

impl Session {
    #[tracing::instrument(name = "db.session.commit", level = "debug", skip_all)]
    pub async fn commit(self) -> sqlx::Result<()> {
        self.tx.commit().await
    }
}

impl Deref for Session {
    type Target = PgConnection;

    fn deref(&self) -> &PgConnection {
        &self.tx
    }
}

impl DerefMut for Session {
    fn deref_mut(&mut self) -> &mut PgConnection {
        &mut self.tx
    }
}

/// Opens a transaction in which every statement is theirs. The caller holds no other connection.
#[tracing::instrument(name = "db.session.begin", level = "debug", skip_all)]
pub async fn begin_as(pool: &PgPool, who: As<'_>) -> sqlx::Result<Session> {
    let held = Held::take();
    let tx = pool.begin().await?;
    let mut session = Session { tx, _held: held };
    act_as(&mut session, who).await?;
    Ok(session)
}

/// Goes on as someone else within an open transaction, for what must be written together.
pub async fn act_as(conn: &mut PgConnection, who: As<'_>) -> sqlx::Result<()> {
    let dealer = match who.scope() {
        Scope::Nobody => String::new(),
        Scope::Dealer(dealer) => dealer.to_string(),
        Scope::All => "*".to_owned(),
    };
    let (account, purpose) = match who {
        As::Person { account, purpose, .. } => (account.map(|id| id.to_string()).unwrap_or_default(), purpose),
        _ => (String::new(), ""),
    };
    query!(
        "select set_config('role', $1, true) as role, set_config('premend.dealer_id', $2, true) as dealer,
                set_config('premend.account_id', $3, true) as account, set_config('premend.purpose', $4, true) as purpose",
        who.role(),
        dealer,
        account,
        purpose,
    )
    .fetch_one(conn)
    .await?;
    Ok(())
}
