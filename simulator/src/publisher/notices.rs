//! In-car notices: each is shown once, unless it has expired or was withdrawn.

use std::collections::BTreeMap;

use ingest::down::{Down, Notice};
use rules::unit::Time;
use uuid::Uuid;

/// What one vehicle's screen knows.
#[derive(Clone, Debug, Default)]
pub struct Notices {
    known: BTreeMap<Uuid, State>,
    /// Shown, and not reported yet.
    unreported: Vec<Uuid>,
}

#[derive(Clone, Debug)]
enum State {
    Shown(Box<Notice>),
    Withdrawn,
}

impl Notices {
    /// Takes in a message; true if a new notice is shown.
    pub fn hear(&mut self, down: Down, now: Time) -> bool {
        match down {
            Down::Notice(notice) if notice.valid_until > now => self.show(notice),
            Down::Withdrawn { id } => {
                self.known.insert(id, State::Withdrawn);
                false
            }
            _ => false,
        }
    }

    /// What was shown since the last call, to be reported as seen.
    pub fn take_unreported(&mut self) -> Vec<Uuid> {
        std::mem::take(&mut self.unreported)
    }

    pub const fn has_unreported(&self) -> bool {
        !self.unreported.is_empty()
    }

    /// All notices that were shown and not withdrawn.
    pub fn shown(&self) -> impl Iterator<Item = &Notice> {
        self.known.values().filter_map(|state| match state {
            State::Shown(notice) => Some(&**notice),
            State::Withdrawn => None,
        })
    }

    fn show(&mut self, notice: Notice) -> bool {
        let id = notice.id;
        match self.known.get(&id) {
            // Repeated because our report has not arrived: report it again.
            Some(State::Shown(_)) => {
                if !self.unreported.contains(&id) {
                    self.unreported.push(id);
                }
                false
            }
            Some(State::Withdrawn) => false,
            None => {
                self.known.insert(id, State::Shown(Box::new(notice)));
                self.unreported.push(id);
                true
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use rules::unit::{Locale, Severity};

    use super::*;

    fn notice(id: u128) -> Down {
        Down::Notice(Notice {
            id: Uuid::from_u128(id),
            valid_until: Time::from_secs(2_000),
            severity: Severity::S1,
            locale: Locale::En,
            title: "Stop now".to_owned(),
            text: "Engine too hot".to_owned(),
        })
    }

    #[test]
    fn shows_a_repeated_notice_once_and_reports_it() {
        let mut notices = Notices::default();
        assert!(notices.hear(notice(1), Time::from_secs(1_000)));
        assert_eq!(notices.take_unreported(), [Uuid::from_u128(1)]);
        assert!(!notices.hear(notice(1), Time::from_secs(1_001)));
        assert_eq!(notices.take_unreported(), [Uuid::from_u128(1)]);
        assert_eq!(notices.shown().count(), 1);
    }

    #[test]
    fn drops_what_has_expired_or_was_withdrawn() {
        let mut notices = Notices::default();
        assert!(!notices.hear(notice(1), Time::from_secs(2_001)));
        notices.hear(Down::Withdrawn { id: Uuid::from_u128(2) }, Time::from_secs(1_000));
        assert!(!notices.hear(notice(2), Time::from_secs(1_000)));
        assert!(!notices.has_unreported());
    }
}
