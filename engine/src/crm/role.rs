//! What people of the console may do, by role.
//!
//! The database keeps dealers apart; this keeps a technician from booking and the manufacturer from
//! moving a dealer's orders.

use super::order_state::OrderState;

/// Role of an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    Advisor,
    Technician,
    Manager,
    Oem,
    Ops,
}

impl Role {
    pub const ALL: [Self; 5] = [Self::Advisor, Self::Technician, Self::Manager, Self::Oem, Self::Ops];

    /// The word in the store.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Advisor => "advisor",
            Self::Technician => "technician",
            Self::Manager => "manager",
            Self::Oem => "oem",
            Self::Ops => "ops",
        }
    }

    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.word() == word)
    }

    /// Sees orders, cases and vehicles. Operations people see queues, never cars.
    pub const fn sees_vehicles(self) -> bool {
        !matches!(self, Self::Ops)
    }

    /// Answers the review queue and reads the inbox.
    pub const fn advises(self) -> bool {
        matches!(self, Self::Advisor | Self::Manager)
    }

    /// Sees masked plates and names.
    pub const fn sees_masked(self) -> bool {
        matches!(self, Self::Advisor | Self::Manager | Self::Technician)
    }

    /// May ask for a full name, phone, plate or VIN, with a reason.
    pub const fn may_reveal(self) -> bool {
        self.advises()
    }

    /// Reads the rules and their history.
    pub const fn sees_rules(self) -> bool {
        matches!(self, Self::Oem | Self::Manager | Self::Ops)
    }

    /// Proposes rules: the manufacturer the whole set, a dealer's manager mild rules for the dealer's own vehicles.
    /// Sees to the tasks that a rule's figures give its author.
    pub const fn proposes_rules(self) -> bool {
        matches!(self, Self::Oem | Self::Manager)
    }

    /// Agrees to what others propose and goes back to earlier sets: there is one set, and it is the manufacturer's.
    pub const fn decides_rules(self) -> bool {
        matches!(self, Self::Oem)
    }

    /// Sees which cohorts of all dealers' vehicles have faults, and decides on campaigns.
    pub const fn decides_campaigns(self) -> bool {
        matches!(self, Self::Oem)
    }

    /// Looks after the installation: readiness, queues, what is refused.
    pub const fn sees_system(self) -> bool {
        matches!(self, Self::Oem | Self::Ops | Self::Manager)
    }

    /// Judges the lines of an order.
    pub const fn gives_verdict(self) -> bool {
        matches!(self, Self::Technician | Self::Manager | Self::Advisor)
    }

    /// Whether people of this role move orders to `to`.
    pub const fn may_move_to(self, to: OrderState) -> bool {
        match self {
            Self::Advisor | Self::Manager => true,
            Self::Technician => matches!(
                to,
                OrderState::Inspecting
                    | OrderState::NoFaultFound
                    | OrderState::InProgress
                    | OrderState::WaitingParts
                    | OrderState::ExtraWork
                    | OrderState::QualityCheck
                    | OrderState::Rework
                    | OrderState::Ready
            ),
            Self::Oem | Self::Ops => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_lead_back_to_roles() {
        for role in Role::ALL {
            assert_eq!(Role::from_word(role.word()), Some(role));
        }
        assert_eq!(Role::from_word("root"), None);
    }

    #[test]
    fn only_the_manufacturer_decides_on_rules_and_only_it_and_managers_propose_them() {
        let of = |may: fn(Role) -> bool| Role::ALL.into_iter().filter(|role| may(*role)).collect::<Vec<_>>();
        assert_eq!(of(Role::decides_rules), [Role::Oem]);
        assert_eq!(of(Role::proposes_rules), [Role::Manager, Role::Oem]);
    }

    #[test]
    fn only_advising_roles_see_personal_data_in_full() {
        let revealing: Vec<_> = Role::ALL.into_iter().filter(|role| role.may_reveal()).collect();
        assert_eq!(revealing, [Role::Advisor, Role::Manager]);
        assert!(!Role::Ops.sees_masked() && !Role::Ops.sees_vehicles());
    }
}
