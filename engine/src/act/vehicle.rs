//! What people do with a vehicle: tell how it is built, look at its owner in full, have it forgotten.

use chrono::NaiveDate;
use rules::vehicle::{Command, VehicleId};

use super::{ActError, ActRefusal, Acting, Actor};
use crate::crm::role::Role;
use crate::crypto::person_keys::PersonKeys;
use crate::store::person::{Access, PersonError, Revealed, reveal as open_person};
use crate::store::{console, enrol, vehicle};

/// Longest version and longest reason, in bytes.
const VERSION_LENGTH: usize = 64;
const REASON_LENGTH: usize = 300;

/// What is known of a vehicle's build; what is left out stays as it is.
#[derive(Clone, Debug, Default)]
pub struct Build {
    pub produced_on: Option<NaiveDate>,
    pub software: Option<Software>,
}

/// A version, and the first day on which it ran.
#[derive(Clone, Debug)]
pub struct Software {
    pub version: String,
    pub since: NaiveDate,
}

/// Writes down how a vehicle was built and what runs on it; its lane hears of what runs now.
pub async fn tell_build(acting: &mut Acting<'_>, id: &VehicleId, build: &Build) -> Result<(), ActError> {
    const ACT: &str = "vehicle.tell_build";
    let subject = subject(id);
    acting.may(Role::decides_campaigns)?;
    let is_bad = |software: &Software| software.version.trim().is_empty() || software.version.len() > VERSION_LENGTH;
    if build.software.as_ref().is_some_and(is_bad) {
        return Err(ActRefusal::Unusable("version").into());
    }
    if acting.earlier::<()>(ACT, &subject).await?.is_some() {
        return Ok(());
    }
    if let Some(day) = build.produced_on
        && !enrol::produced_on(acting.conn(), id.as_str(), day).await?
    {
        return Err(ActRefusal::NotFound.into());
    }
    if let Some(Software { version, since }) = &build.software {
        let runs_now = enrol::software(acting.conn(), id.as_str(), version, *since).await?;
        if runs_now.ok_or(ActRefusal::NotFound)? {
            console::command(acting.conn(), id, &Command::Software { version: version.clone() }).await?;
        }
    }
    acting.write_down(ACT, &subject, &()).await
}

/// Everything about a vehicle's signs and owner, for a reason that is logged. What it returns is not kept, so that
/// asking again is logged again, whatever the key.
pub async fn reveal(acting: &mut Acting<'_>, keys: &PersonKeys, id: &str, reason: &str) -> Result<Revealed, ActError> {
    let account = acting.may(Role::may_reveal)?;
    let reason = reason.trim();
    if reason.is_empty() || reason.len() > REASON_LENGTH {
        return Err(ActRefusal::Unusable("reason").into());
    }
    let profile = vehicle::vehicle(acting.conn(), id).await?.ok_or(ActRefusal::NotFound)?;
    acting.go_on_as(account.sees_people(reason)).await?;
    let access = Access { account_id: Some(account.account_id), dealer_id: account.dealer_id, purpose: reason };
    open_person(acting.conn(), keys, id, profile.owner, access).await.map_err(broken)
}

fn broken(error: PersonError) -> ActError {
    match error {
        PersonError::Store(error) => error.into(),
        PersonError::Crypto(error) => ActError::Broken(error.into()),
    }
}

/// Has everything forgotten that a vehicle said: its lane does it when it takes the command.
pub async fn erase(acting: &mut Acting<'_>, id: &VehicleId) -> Result<(), ActError> {
    const ACT: &str = "vehicle.erase";
    let subject = subject(id);
    let Actor::Operator = acting.who else { return Err(ActRefusal::NotAllowed.into()) };
    if acting.earlier::<()>(ACT, &subject).await?.is_some() {
        return Ok(());
    }
    console::command(acting.conn(), id, &Command::Erase).await?;
    acting.write_down(ACT, &subject, &()).await
}

fn subject(id: &VehicleId) -> String {
    format!("vehicle/{}", id.as_str())
}
