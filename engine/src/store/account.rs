//! Accounts of the console and their log-ins. Failures to log in are kept in memory (`http::door`).
//!
//! Everything here is in system time, the database's: sessions never run on a virtual clock.

use chrono::{DateTime, Utc};
use rules::unit::Locale;
use sqlx::{PgConnection, query, query_as, query_scalar};
use uuid::Uuid;

use super::session::{As, Scope};
use super::unknown_word;
use crate::crm::role::Role;

/// Browsers in which one account is logged in at once.
const SESSIONS_OF_AN_ACCOUNT: i64 = 50;

/// Someone who logs in.
#[derive(Clone, Debug)]
pub struct Account {
    pub account_id: Uuid,
    /// None for the manufacturer and operations.
    pub dealer_id: Option<Uuid>,
    pub login: String,
    pub role: Role,
    pub display_name: String,
    pub locale: Locale,
}

impl Account {
    /// Whose rows this account's transactions see; operations people see nobody's.
    pub fn sees(&self) -> As<'static> {
        match (self.role, self.dealer_id) {
            (Role::Oem, _) => As::Oem,
            (_, Some(dealer)) => As::Console { dealer },
            (_, None) => As::Console { dealer: Uuid::nil() },
        }
    }

    /// Opens schema `person` for a purpose; people without a dealer see no one.
    pub fn sees_people<'a>(&self, purpose: &'a str) -> As<'a> {
        let dealer = self.dealer_id.map_or(Scope::Nobody, Scope::Dealer);
        As::Person { dealer, account: Some(self.account_id), purpose }
    }
}

struct Row {
    account_id: Uuid,
    dealer_id: Option<Uuid>,
    login: String,
    role: String,
    display_name: String,
    locale: String,
}

impl TryFrom<Row> for Account {
    type Error = sqlx::Error;

    fn try_from(row: Row) -> sqlx::Result<Self> {
        Ok(Self {
            account_id: row.account_id,
            dealer_id: row.dealer_id,
            login: row.login,
            role: Role::from_word(&row.role).ok_or_else(|| unknown_word("account.role", &row.role))?,
            display_name: row.display_name,
            locale: locale(&row.locale).ok_or_else(|| unknown_word("account.locale", &row.locale))?,
        })
    }
}

/// The language with this tag.
pub fn locale(tag: &str) -> Option<Locale> {
    Locale::ALL.into_iter().find(|locale| locale.tag() == tag)
}

/// An account that may log in, with its password hash.
pub async fn by_login(conn: &mut PgConnection, login: &str) -> sqlx::Result<Option<(Account, String)>> {
    let found = query!(
        "select account_id, dealer_id, login, password_hash, role, display_name, locale
         from person.account where login = $1 and disabled_at is null",
        login
    )
    .fetch_optional(conn)
    .await?;
    let Some(row) = found else { return Ok(None) };
    let account = Account::try_from(Row {
        account_id: row.account_id,
        dealer_id: row.dealer_id,
        login: row.login,
        role: row.role,
        display_name: row.display_name,
        locale: row.locale,
    })?;
    Ok(Some((account, row.password_hash)))
}

/// The name behind a log-in, whether or not it may still log in.
pub async fn name_of(conn: &mut PgConnection, login: &str) -> sqlx::Result<Option<String>> {
    query_scalar!("select display_name from person.account where login = $1", login).fetch_optional(conn).await
}

/// Whose session a token is, while it lasts.
pub async fn by_session(
    conn: &mut PgConnection,
    token_hash: &[u8],
    now: DateTime<Utc>,
) -> sqlx::Result<Option<Account>> {
    query_as!(
        Row,
        "select account_id, dealer_id, login, role, display_name, locale
         from person.account join person.login_session using (account_id)
         where token_hash = $1 and expires_at > $2 and disabled_at is null",
        token_hash,
        now
    )
    .fetch_optional(conn)
    .await?
    .map(Account::try_from)
    .transpose()
}

/// Starts a session of `hours`, of one account no more than the newest few. Sessions that are over are a job's: a
/// clock that is wrong for a moment must not end them for good.
pub async fn start_session(
    conn: &mut PgConnection,
    account: &Account,
    token_hash: &[u8],
    hours: i32,
    now: DateTime<Utc>,
) -> sqlx::Result<()> {
    query!(
        "delete from person.login_session where token_hash in (
             select token_hash from person.login_session where account_id = $1 order by created_at desc offset $2)",
        account.account_id,
        SESSIONS_OF_AN_ACCOUNT - 1
    )
    .execute(&mut *conn)
    .await?;
    query!(
        "insert into person.login_session (token_hash, account_id, expires_at)
         values ($1, $2, $4::timestamptz + make_interval(hours => $3))",
        token_hash,
        account.account_id,
        hours,
        now
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Ends a session; ending one that does not exist is fine.
pub async fn end_session(conn: &mut PgConnection, token_hash: &[u8]) -> sqlx::Result<()> {
    query!("delete from person.login_session where token_hash = $1", token_hash).execute(conn).await?;
    Ok(())
}

/// The language the person chose.
pub async fn set_locale(conn: &mut PgConnection, account_id: Uuid, locale: Locale) -> sqlx::Result<()> {
    query!("update person.account set locale = $2 where account_id = $1", account_id, locale.tag())
        .execute(conn)
        .await?;
    Ok(())
}

/// Names of colleagues by id, as far as they can be seen.
pub async fn names(conn: &mut PgConnection, ids: &[Uuid]) -> sqlx::Result<Vec<(Uuid, String)>> {
    let rows = query!("select account_id, display_name from person.account where account_id = any($1)", ids)
        .fetch_all(conn)
        .await?;
    Ok(rows.into_iter().map(|row| (row.account_id, row.display_name)).collect())
}

/// A new account; one with the same login stays as it is.
pub async fn add(conn: &mut PgConnection, account: &Account, password_hash: &str) -> sqlx::Result<()> {
    query!(
        "insert into person.account (account_id, dealer_id, login, password_hash, role, display_name, locale)
         values ($1, $2, $3, $4, $5, $6, $7) on conflict do nothing",
        account.account_id,
        account.dealer_id,
        account.login,
        password_hash,
        account.role.word(),
        account.display_name,
        account.locale.tag()
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Whether the login is taken.
pub async fn exists(conn: &mut PgConnection, login: &str) -> sqlx::Result<bool> {
    let found = query_scalar!(r#"select exists (select from person.account where login = $1) as "exists!""#, login);
    found.fetch_one(conn).await
}
