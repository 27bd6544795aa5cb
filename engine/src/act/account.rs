//! Logging in and out, and the language of an account.
//!
//! Whether a password is right is the door's business: an account that acts here has been recognised.

use chrono::{DateTime, Utc};
use rules::unit::Locale;

use super::{ActError, Acting};
use crate::store::account;
use crate::store::session::{As, LOG_IN, Scope};

const ANYONE: As<'static> = As::Person { dealer: Scope::Nobody, account: None, purpose: LOG_IN };

/// Starts a session. Sessions are in system time, which the door reads; the token itself stays there.
pub async fn log_in(
    acting: &mut Acting<'_>,
    token_hash: &[u8],
    hours: i32,
    wall: DateTime<Utc>,
) -> Result<(), ActError> {
    let account = acting.may(|_| true)?;
    acting.go_on_as(ANYONE).await?;
    account::start_session(acting.conn(), account, token_hash, hours, wall).await?;
    acting.without_key();
    acting.write_down("account.log_in", &format!("account/{}", account.account_id), &()).await
}

/// Ends a session.
pub async fn log_out(acting: &mut Acting<'_>, token_hash: &[u8]) -> Result<(), ActError> {
    let account = acting.may(|_| true)?;
    acting.go_on_as(ANYONE).await?;
    account::end_session(acting.conn(), token_hash).await?;
    acting.without_key();
    acting.write_down("account.log_out", &format!("account/{}", account.account_id), &()).await
}

/// Chooses the language of one's own pages.
pub async fn set_locale(acting: &mut Acting<'_>, locale: Locale) -> Result<(), ActError> {
    let account = acting.may(|_| true)?;
    acting.go_on_as(ANYONE).await?;
    account::set_locale(acting.conn(), account.account_id, locale).await?;
    acting.without_key();
    acting.write_down("account.set_locale", &format!("account/{}", account.account_id), &()).await
}
