//! Somebody in the middle of an act: the transaction, who, when, and under which key.
//!
//! An act that is refused, or fails, leaves nothing: its transaction is dropped. An act that is sent again under the
//! key it had gets the outcome it had, and nothing is written twice.

use rules::unit::Time;
use serde::Serialize;
use serde::de::DeserializeOwned;
use sqlx::{PgConnection, PgPool};

use crate::crm::order_state;
use crate::crm::role::Role;
use crate::store::account::Account;
use crate::store::act::{self, NewAct};
use crate::store::session::{As, Session, act_as, begin_as};

/// Longest key that is kept.
const KEY_LENGTH: usize = 100;

/// Who acts.
#[derive(Clone, Copy, Debug)]
pub enum Actor<'a> {
    /// Somebody with an account of the console.
    Person(&'a Account),
    /// Somebody at the command line of the installation.
    Operator,
}

impl Actor<'_> {
    fn name(self) -> String {
        match self {
            Self::Person(account) => format!("account/{}", account.account_id),
            Self::Operator => "operator".to_owned(),
        }
    }

    fn sees(self) -> As<'static> {
        match self {
            Self::Person(account) => account.sees(),
            Self::Operator => As::Engine,
        }
    }
}

/// Why an act was not carried out, as a value: the caller's words say it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ActRefusal {
    #[error("this actor may not do that")]
    NotAllowed,
    /// No such thing, or not this dealer's: the same answer.
    #[error("there is no such thing")]
    NotFound,
    #[error("somebody else changed it first, or it is past that")]
    Changed,
    #[error("`{0}` is not usable")]
    Unusable(&'static str),
    #[error(transparent)]
    Order(#[from] order_state::Refusal),
    #[error("the key was used for something else")]
    KeyTaken,
}

#[derive(Debug, thiserror::Error)]
pub enum ActError {
    #[error(transparent)]
    Refused(#[from] ActRefusal),
    /// Our fault or the store's.
    #[error("carry out an act")]
    Broken(#[source] anyhow::Error),
}

impl From<sqlx::Error> for ActError {
    fn from(error: sqlx::Error) -> Self {
        Self::Broken(error.into())
    }
}

impl From<order_state::Refusal> for ActError {
    fn from(refusal: order_state::Refusal) -> Self {
        Self::Refused(refusal.into())
    }
}

/// An act that is being carried out; dropped without [`Acting::commit`], it never was.
#[derive(Debug)]
pub struct Acting<'a> {
    session: Session,
    pub who: Actor<'a>,
    pub now: Time,
    key: Option<&'a str>,
}

impl<'a> Acting<'a> {
    /// Opens the transaction as whom the actor is. The caller holds no other connection.
    pub async fn begin(pool: &PgPool, who: Actor<'a>, now: Time, key: Option<&'a str>) -> Result<Self, ActError> {
        if key.is_some_and(|key| key.is_empty() || key.len() > KEY_LENGTH || !key.is_ascii()) {
            return Err(ActRefusal::Unusable("idempotency-key").into());
        }
        Ok(Self { session: begin_as(pool, who.sees()).await?, who, now, key })
    }

    pub async fn commit(self) -> Result<(), ActError> {
        Ok(self.session.commit().await?)
    }

    /// The account that acts, if its role may.
    pub(super) fn may(&self, allows: impl Fn(Role) -> bool) -> Result<&'a Account, ActRefusal> {
        match self.who {
            Actor::Person(account) if allows(account.role) => Ok(account),
            Actor::Person(_) | Actor::Operator => Err(ActRefusal::NotAllowed),
        }
    }

    /// The outcome of this very act, if it was carried out under this key before.
    pub(super) async fn earlier<T: DeserializeOwned>(
        &mut self,
        act: &str,
        subject: &str,
    ) -> Result<Option<T>, ActError> {
        let Some(key) = self.key else { return Ok(None) };
        self.go_on_as(As::Engine).await?;
        let found = act::under_key(&mut self.session, &self.who.name(), key).await?;
        self.go_on_as(self.who.sees()).await?;
        let Some(found) = found else { return Ok(None) };
        if found.act != act || found.subject != subject {
            return Err(ActRefusal::KeyTaken.into());
        }
        serde_json::from_value(found.outcome).map(Some).map_err(|error| ActError::Broken(error.into()))
    }

    /// An act that may be repeated, such as logging in: each time is an act of its own.
    pub(super) const fn without_key(&mut self) {
        self.key = None;
    }

    /// Writes the act down with its outcome; the last thing that an act does.
    pub(super) async fn write_down<T: Serialize>(
        &mut self,
        act: &str,
        subject: &str,
        outcome: &T,
    ) -> Result<(), ActError> {
        let dealer_id = match self.who {
            Actor::Person(account) => account.dealer_id,
            Actor::Operator => None,
        };
        let outcome = serde_json::to_value(outcome).map_err(|error| ActError::Broken(error.into()))?;
        let actor = self.who.name();
        let new = NewAct { actor: &actor, dealer_id, act, subject, key: self.key, at: self.now, outcome };
        self.go_on_as(As::Engine).await?;
        act::write_down(&mut self.session, &new).await?;
        Ok(())
    }

    /// Goes on in another role, for rows that the actor's own does not reach.
    pub(super) async fn go_on_as(&mut self, role: As<'_>) -> Result<(), ActError> {
        Ok(act_as(&mut self.session, role).await?)
    }

    pub(super) fn conn(&mut self) -> &mut PgConnection {
        &mut self.session
    }
}
