//! An advisor's judgement on a case that the engine would not order by itself.

use rules::vehicle::{Command, ReviewAnswer, VehicleId};
use uuid::Uuid;

use super::{ActError, ActRefusal, Acting};
use crate::crm::role::Role;
use crate::store::{console, review};

/// Accepts or dismisses a waiting case, and tells the vehicle's lane.
pub async fn answer(acting: &mut Acting<'_>, case: Uuid, answer: ReviewAnswer) -> Result<(), ActError> {
    const ACT: &str = "review.answer";
    let subject = format!("case/{case}");
    let account = acting.may(Role::advises)?;
    if acting.earlier::<()>(ACT, &subject).await?.is_some() {
        return Ok(());
    }
    let accepted = answer == ReviewAnswer::Accept;
    let answered = review::answer(acting.conn(), case, accepted, account.account_id).await?;
    let vehicle_id = answered.ok_or(ActRefusal::Changed)?;
    let vehicle = VehicleId::try_new(&vehicle_id).map_err(|error| ActError::Broken(error.into()))?;
    console::command(acting.conn(), &vehicle, &Command::Review { case, answer }).await?;
    acting.write_down(ACT, &subject, &()).await
}
