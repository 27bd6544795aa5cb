//! The question before every attempt: is this notice still true, wanted, and welcome right now?
//!
//! Between enqueueing and sending lie a night, a phone call, a repair or a change of mind. The
//! answer is decided here from what was read a moment ago, and nothing else; the relay carries it
//! out. Whatever is cancelled has a reason, and stop-now is held by nothing.

use rules::case::{Audience, NoticeStage};
use rules::unit::{Severity, Span, Time};

use crate::crm::notice::{QuietHours, hold_until};
use crate::crm::order_state::OrderState;

/// The case behind a notice. Stop-now may precede it: a peek opens no case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CaseStanding {
    pub open: bool,
    /// Milder than the notice says, and became so since it was written. Worse is no reason to keep
    /// silent, and a stop-now of a peek runs ahead of a case that still is milder.
    pub eased: bool,
}

/// The order behind a notice, as far as a notice cares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OrderStanding {
    /// Nobody has agreed on anything with the owner yet.
    Waiting,
    /// The owner and the dealer have an appointment or more.
    Answered,
    /// There will be no visit.
    Dropped,
}

impl OrderStanding {
    /// What a state means for a notice. A merged order's matter goes on in another one, so it waits.
    pub const fn of(state: OrderState) -> Self {
        match state {
            OrderState::Proposed
            | OrderState::Triaged
            | OrderState::Contacted
            | OrderState::Unreachable
            | OrderState::Merged => Self::Waiting,
            OrderState::Cancelled | OrderState::Declined | OrderState::Rejected | OrderState::Expired => Self::Dropped,
            _ => Self::Answered,
        }
    }
}

/// What the addressee was told about the matter before, on the same channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    Never,
    /// An earlier notice is still queued.
    UnderWay,
    Yes,
}

/// To whom it goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Addressee {
    /// The car itself, or a dealer's inbox.
    Nobody,
    Person {
        quiet: QuietHours,
        contacts: Vec<Time>,
    },
    /// A person whose record does not exist any more.
    Erased,
}

/// Everything the decision depends on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Situation {
    pub audience: Audience,
    pub stage: NoticeStage,
    pub severity: Severity,
    pub valid_until: Time,
    pub case: Option<CaseStanding>,
    /// A notice that it is over was enqueued.
    pub resolved: bool,
    pub order: Option<OrderStanding>,
    pub addressee: Addressee,
    /// The addressee still is the vehicle's owner.
    pub has_role: bool,
    pub has_consent: bool,
    pub told: Told,
}

/// Why a notice is not sent after all, or is taken back. Closed, so that it can label a metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CancelReason {
    Expired,
    CaseEnded,
    CaseEased,
    OrderDropped,
    OrderAnswered,
    ConsentWithdrawn,
    OwnerChanged,
    PersonErased,
    NeverTold,
}

impl CancelReason {
    pub const ALL: [Self; 9] = [
        Self::Expired,
        Self::CaseEnded,
        Self::CaseEased,
        Self::OrderDropped,
        Self::OrderAnswered,
        Self::ConsentWithdrawn,
        Self::OwnerChanged,
        Self::PersonErased,
        Self::NeverTold,
    ];

    pub const fn key(self) -> &'static str {
        match self {
            Self::Expired => "expired",
            Self::CaseEnded => "case_ended",
            Self::CaseEased => "case_eased",
            Self::OrderDropped => "order_dropped",
            Self::OrderAnswered => "order_answered",
            Self::ConsentWithdrawn => "consent_withdrawn",
            Self::OwnerChanged => "owner_changed",
            Self::PersonErased => "person_erased",
            Self::NeverTold => "never_told",
        }
    }
}

/// What a held notice waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum HoldReason {
    QuietHours,
    ContactBudget,
    EarlierNotice,
}

impl HoldReason {
    pub const ALL: [Self; 3] = [Self::QuietHours, Self::ContactBudget, Self::EarlierNotice];

    pub const fn key(self) -> &'static str {
        match self {
            Self::QuietHours => "quiet_hours",
            Self::ContactBudget => "contact_budget",
            Self::EarlierNotice => "earlier_notice",
        }
    }
}

/// The answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Send { takes_budget: bool },
    Hold { until: Time, why: HoldReason },
    Cancel(CancelReason),
}

/// How soon to look again whether an earlier notice has arrived.
const EARLIER_NOTICE: Span = Span::from_secs(5);

/// Decides about a queued notice.
pub fn recheck(situation: &Situation, now: Time) -> Verdict {
    if now >= situation.valid_until {
        return Verdict::Cancel(CancelReason::Expired);
    }
    if let Some(reason) = matter_ended(situation).or_else(|| unwelcome(situation)).or_else(|| answered(situation)) {
        return Verdict::Cancel(reason);
    }
    if situation.stage == NoticeStage::Resolved {
        match situation.told {
            Told::Never => return Verdict::Cancel(CancelReason::NeverTold),
            Told::UnderWay => return Verdict::Hold { until: now + EARLIER_NOTICE, why: HoldReason::EarlierNotice },
            Told::Yes => {}
        }
    }
    right_moment(situation, now)
}

/// Why a notice that was delivered must be taken back, if so.
pub fn take_back(situation: &Situation) -> Option<CancelReason> {
    matter_ended(situation).or_else(|| unwelcome(situation))
}

/// Whether what the notice says has stopped being true.
fn matter_ended(situation: &Situation) -> Option<CancelReason> {
    if situation.stage == NoticeStage::Resolved {
        return None;
    }
    match situation.case {
        _ if situation.resolved => return Some(CancelReason::CaseEnded),
        Some(case) if !case.open => return Some(CancelReason::CaseEnded),
        Some(case) if case.eased => return Some(CancelReason::CaseEased),
        _ => {}
    }
    let dropped = situation.order == Some(OrderStanding::Dropped) && situation.stage == NoticeStage::Opened;
    dropped.then_some(CancelReason::OrderDropped)
}

/// Whether the addressee may not be written to any more.
fn unwelcome(situation: &Situation) -> Option<CancelReason> {
    if situation.audience == Audience::Dealer {
        return None;
    }
    if situation.addressee == Addressee::Erased {
        return Some(CancelReason::PersonErased);
    }
    if !situation.has_role {
        return Some(CancelReason::OwnerChanged);
    }
    (!situation.has_consent).then_some(CancelReason::ConsentWithdrawn)
}

/// Whether the owner already knows, from a person.
fn answered(situation: &Situation) -> Option<CancelReason> {
    let proposes = situation.stage == NoticeStage::Opened && situation.audience == Audience::Owner;
    (proposes && situation.order == Some(OrderStanding::Answered)).then_some(CancelReason::OrderAnswered)
}

fn right_moment(situation: &Situation, now: Time) -> Verdict {
    let Addressee::Person { quiet, contacts } = &situation.addressee else {
        return Verdict::Send { takes_budget: false };
    };
    if situation.severity == Severity::S1 {
        return Verdict::Send { takes_budget: false };
    }
    if let Some(until) = quiet.hold_until(now) {
        return Verdict::Hold { until, why: HoldReason::QuietHours };
    }
    // Whoever was alarmed must hear that it is over.
    if situation.stage == NoticeStage::Resolved {
        return Verdict::Send { takes_budget: false };
    }
    match hold_until(contacts, now) {
        Some(until) => Verdict::Hold { until, why: HoldReason::ContactBudget },
        None => Verdict::Send { takes_budget: true },
    }
}

#[cfg(test)]
mod tests {
    use chrono::NaiveTime;

    use super::*;

    fn noon() -> Time {
        Time::parse("2026-11-22T12:00:00+08:00").unwrap()
    }

    fn night() -> Time {
        Time::parse("2026-11-22T23:00:00+08:00").unwrap()
    }

    fn person(contacts: &[Time]) -> Addressee {
        let at = |hour| NaiveTime::from_hms_opt(hour, 0, 0).unwrap();
        let quiet = QuietHours { timezone: chrono_tz::Asia::Shanghai, from: at(21), to: at(8) };
        Addressee::Person { quiet, contacts: contacts.to_vec() }
    }

    /// An S2 notice to an owner who consents, about an open case and a proposed order.
    fn situation() -> Situation {
        Situation {
            audience: Audience::Owner,
            stage: NoticeStage::Opened,
            severity: Severity::S2,
            valid_until: noon() + Span::from_days(3),
            case: Some(CaseStanding { open: true, eased: false }),
            resolved: false,
            order: Some(OrderStanding::Waiting),
            addressee: person(&[]),
            has_role: true,
            has_consent: true,
            told: Told::Never,
        }
    }

    #[test]
    fn sends_what_is_true_wanted_and_welcome() {
        assert_eq!(recheck(&situation(), noon()), Verdict::Send { takes_budget: true });
    }

    #[test]
    fn cancels_when_the_matter_has_ended() {
        let closed = Situation { case: Some(CaseStanding { open: false, eased: false }), ..situation() };
        assert_eq!(recheck(&closed, noon()), Verdict::Cancel(CancelReason::CaseEnded));
        let peeked = Situation { stage: NoticeStage::StopNow, case: None, resolved: true, ..situation() };
        assert_eq!(recheck(&peeked, noon()), Verdict::Cancel(CancelReason::CaseEnded));
        let eased = Situation { case: Some(CaseStanding { open: true, eased: true }), ..situation() };
        assert_eq!(recheck(&eased, noon()), Verdict::Cancel(CancelReason::CaseEased));
        let dropped = Situation { order: Some(OrderStanding::Dropped), ..situation() };
        assert_eq!(recheck(&dropped, noon()), Verdict::Cancel(CancelReason::OrderDropped));
        assert_eq!(recheck(&situation(), noon() + Span::from_days(3)), Verdict::Cancel(CancelReason::Expired));
    }

    #[test]
    fn cancels_for_whoever_may_not_be_written_to() {
        let withdrawn = Situation { has_consent: false, ..situation() };
        assert_eq!(recheck(&withdrawn, noon()), Verdict::Cancel(CancelReason::ConsentWithdrawn));
        let sold = Situation { has_role: false, ..situation() };
        assert_eq!(recheck(&sold, noon()), Verdict::Cancel(CancelReason::OwnerChanged));
        let erased = Situation { addressee: Addressee::Erased, ..situation() };
        assert_eq!(recheck(&erased, noon()), Verdict::Cancel(CancelReason::PersonErased));
    }

    #[test]
    fn does_not_announce_what_is_agreed_already_and_does_not_take_it_back() {
        let booked = Situation { order: Some(OrderStanding::Answered), ..situation() };
        assert_eq!(recheck(&booked, noon()), Verdict::Cancel(CancelReason::OrderAnswered));
        assert_eq!(take_back(&booked), None);
    }

    #[test]
    fn holds_at_night_except_stop_now() {
        let Verdict::Hold { until, why: HoldReason::QuietHours } = recheck(&situation(), night()) else {
            panic!("not held");
        };
        assert_eq!(until.to_string(), "2026-11-23T00:30:00Z");
        let stop = Situation {
            stage: NoticeStage::StopNow,
            severity: Severity::S1,
            case: None,
            order: None,
            addressee: person(&[night()]),
            ..situation()
        };
        assert_eq!(recheck(&stop, night()), Verdict::Send { takes_budget: false });
    }

    #[test]
    fn holds_beyond_the_contact_budget_except_resolve_notices() {
        let contacted = Situation { addressee: person(&[noon()]), ..situation() };
        let later = noon() + Span::from_hours(1);
        let held = Verdict::Hold { until: noon() + Span::from_days(1), why: HoldReason::ContactBudget };
        assert_eq!(recheck(&contacted, later), held);
        let resolved = Situation { stage: NoticeStage::Resolved, told: Told::Yes, ..contacted };
        assert_eq!(recheck(&resolved, later), Verdict::Send { takes_budget: false });
    }

    #[test]
    fn resolves_only_for_whom_was_told() {
        let closed = Some(CaseStanding { open: false, eased: false });
        let resolved = |told| Situation { stage: NoticeStage::Resolved, case: closed, told, ..situation() };
        assert_eq!(recheck(&resolved(Told::Never), noon()), Verdict::Cancel(CancelReason::NeverTold));
        assert!(matches!(recheck(&resolved(Told::UnderWay), noon()), Verdict::Hold { .. }));
        assert_eq!(recheck(&resolved(Told::Yes), noon()), Verdict::Send { takes_budget: false });
    }

    #[test]
    fn needs_no_consent_to_tell_the_dealer() {
        let inbox = Situation {
            audience: Audience::Dealer,
            addressee: Addressee::Nobody,
            has_consent: false,
            has_role: false,
            ..situation()
        };
        assert_eq!(recheck(&inbox, night()), Verdict::Send { takes_budget: false });
    }
}
