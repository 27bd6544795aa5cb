//! The inbox of a dealer's people.

use uuid::Uuid;

use super::{ActError, Acting};
use crate::crm::role::Role;
use crate::store::console;

/// Marks one message read, or all of them; says how many were not.
pub async fn mark_read(acting: &mut Acting<'_>, message: Option<Uuid>) -> Result<u64, ActError> {
    const ACT: &str = "inbox.mark_read";
    let subject = message.map_or_else(|| "inbox".to_owned(), |id| format!("message/{id}"));
    let account = acting.may(Role::advises)?;
    if let Some(marked) = acting.earlier(ACT, &subject).await? {
        return Ok(marked);
    }
    let marked = console::mark_read(acting.conn(), message, account.account_id).await?;
    acting.write_down(ACT, &subject, &marked).await?;
    Ok(marked)
}
