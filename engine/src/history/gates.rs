//! The last two gates before an owner is written to, for explanations: quiet hours and the contact cap.
//!
//! They are judged as of a time, by today's preferences and by the contacts until then; nothing is sent.

use rules::author::explain::{Explanation, Gate};
use rules::unit::{Severity, Time};
use rules::vehicle::Profile;
use sqlx::PgPool;

use crate::crm::notice::{LONGEST_BUDGET, hold_until};
use crate::store::session::{As, Scope, act_as, begin_as};
use crate::store::standing;

/// Adds to every instance what would hold a notice about it back at `at`; nothing where there is no owner.
pub async fn with_those_of_the_outbox(
    pool: &PgPool,
    profile: &Profile,
    mut explanation: Explanation,
    at: Time,
) -> anyhow::Result<Explanation> {
    let Some(owner) = &profile.owner else { return Ok(explanation) };
    let as_person = As::Person { dealer: Scope::Dealer(profile.dealer), account: None, purpose: "explanation" };
    let mut tx = begin_as(pool, as_person).await?;
    let Some(preferences) = standing::preferences(&mut tx, owner.person).await? else { return Ok(explanation) };
    act_as(&mut tx, As::Engine).await?;
    let contacts = standing::contacts_between(&mut tx, owner.person, at - LONGEST_BUDGET, at).await?;
    tx.commit().await?;
    let quiet = preferences.quiet_hours().hold_until(at);
    let capped = hold_until(&contacts, at);
    for instance in &mut explanation.instances {
        let is_exempt = instance.severity == Some(Severity::S1);
        instance.gates.push(gate("quiet hours", quiet, is_exempt, "the owner may be written to at this hour"));
        let within = format!("{} contacts in the last 30 days", contacts.len());
        instance.gates.push(gate("contact cap", capped, is_exempt, &within));
    }
    Ok(explanation)
}

fn gate(name: &'static str, until: Option<Time>, is_exempt: bool, open: &str) -> Gate {
    let because = match until {
        Some(until) if is_exempt => format!("would hold until {until}, but S1 is told at once"),
        Some(until) => format!("a notice is held until {until}"),
        None => open.to_owned(),
    };
    Gate { name, passed: is_exempt || until.is_none(), because }
}
