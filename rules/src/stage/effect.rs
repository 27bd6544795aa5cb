//! What a lane must write because of one input: values for the one transaction of the batch.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::case::{Audience, Evidence, NoticeStage};
use crate::compact::RuleMask;
use crate::entry::phrase::Values;
use crate::entry::rule::{Mode, RuleNo};
use crate::language::expr::Tri;
use crate::stage::shelf::Shelf;
use crate::unit::{Locale, Severity, Span, Text, Time};
use crate::vehicle::{Component, Purpose, Reason, SignalNo};

/// Everything one input led to. Order matters: effects are written as they stand.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Effects {
    /// Readings kept for charts.
    pub kept: Vec<KeptReading>,
    pub written: Vec<Effect>,
    /// Readings not used, by reason; counted, not refused.
    pub unused: Vec<(Reason, Option<SignalNo>)>,
    /// Settled samples, for the counters.
    pub settled: u32,
    pub evaluated: u32,
    /// How often each rule could not say yes or no because a signal was missing, by rule number.
    pub not_ready: Vec<u32>,
    /// How often each rule came to a verdict.
    pub ready: Vec<u32>,
    /// Which rules came to a verdict; whoever wants to know takes it away.
    pub verdicts: RuleMask,
    /// What settled messages were made of; not cleared, and no effect.
    pub shelf: Shelf,
}

impl Effects {
    pub fn clear(&mut self) {
        self.kept.clear();
        self.written.clear();
        self.unused.clear();
        self.settled = 0;
        self.evaluated = 0;
    }

    /// Flags the readings kept since there were `from`, and counts why.
    pub fn mark_kept(&mut self, from: usize, flag: i16, reason: Reason) {
        self.unused.push((reason, None));
        for kept in self.kept.iter_mut().skip(from) {
            kept.flags |= flag;
        }
    }

    /// Room to count the outcomes of that many rules.
    pub fn make_room_for(&mut self, rules: usize) {
        for counts in [&mut self.ready, &mut self.not_ready] {
            if counts.len() < rules {
                counts.resize(rules, 0);
            }
        }
    }

    /// Counts what running a rule came to.
    #[inline]
    pub fn count(&mut self, rule: RuleNo, held: Tri) {
        self.evaluated += 1;
        let is_ready = held != Tri::Unknown;
        let counts = if is_ready { &mut self.ready } else { &mut self.not_ready };
        if let Some(count) = counts.get_mut(usize::from(rule.0)) {
            *count += 1;
        }
        if let Some(word) = self.verdicts.get_mut(usize::from(rule.0) / 64) {
            *word |= u64::from(is_ready) << (rule.0 % 64);
        }
    }
}

/// A row of `sample`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct KeptReading {
    pub signal: SignalNo,
    pub measured_at: Time,
    pub received_at: Time,
    pub value: f64,
    /// 1 suspect, 2 late, 4 its time corrected, 8 its time that of reception.
    pub flags: i16,
}

/// One decision or plan, by the thing it changes: the store writes one kind of thing at a time, and a new
/// effect does not compile until each of them says what it means.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Effect {
    Case(CaseEffect),
    Finding(FindingEffect),
    Order(OrderEffect),
    Review(ReviewEffect),
    Notice(NoticeEffect),
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum CaseEffect {
    Open {
        case: Uuid,
        component: Component,
        episode: u32,
        mode: Mode,
        severity: Severity,
        rule: String,
        version: u32,
        opened_at: Time,
        received_at: Time,
        confidence: f64,
    },
    /// The worst finding, and so severity and rule, changed.
    Change {
        case: Uuid,
        severity: Severity,
        rule: String,
        version: u32,
    },
    End {
        case: Uuid,
        withdrawn: bool,
        at: Time,
    },
    /// A line of the case's history.
    Log {
        case: Uuid,
        change_no: u32,
        kind: ChangeKind,
        measured_at: Time,
        received_at: Time,
        because: Text,
    },
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum FindingEffect {
    Open {
        case: Uuid,
        ordinal: u32,
        rule: String,
        version: u32,
        subject: String,
        severity: Severity,
        at: Time,
        evidence: Box<Evidence>,
        because: Text,
    },
    Change {
        case: Uuid,
        ordinal: u32,
        severity: Severity,
    },
    End {
        case: Uuid,
        ordinal: u32,
        withdrawn: bool,
        at: Time,
        because: Text,
    },
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum OrderEffect {
    Propose {
        order: Uuid,
        visit: u32,
        severity: Severity,
        due_at: Time,
        opened_at: Time,
        because: Text,
    },
    AddLine {
        order: Uuid,
        case: Uuid,
        component: Component,
        severity: Severity,
        operations: Vec<String>,
        parts: Vec<String>,
        labour_h: f64,
        extra_work: bool,
    },
    /// The order gets at least this urgent.
    Hasten {
        order: Uuid,
        severity: Severity,
        due_at: Time,
    },
    /// Cancelled if nobody has touched it yet, flagged to the advisor otherwise.
    CancelOrFlag {
        order: Uuid,
        case: Uuid,
        because: Text,
    },
}

/// An advisor's judgement on a case.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum ReviewEffect {
    Queue { case: Uuid, severity: Severity, because: Text, queued_at: Time },
    End { case: Uuid },
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum NoticeEffect {
    Enqueue(Box<Notice>),
    /// Tells everyone who heard about the case that it is over.
    Resolve {
        case: Uuid,
        created_at: Time,
        valid_until: Time,
    },
    Seen {
        notices: Vec<Uuid>,
        at: Time,
    },
}

impl Effect {
    /// Moves its times of reception, and those that count from them, by a step of the clock that came between
    /// deciding and writing.
    pub fn move_by(&mut self, by: Span) {
        let times: [Option<&mut Time>; 2] = match self {
            Self::Case(CaseEffect::Open { received_at, .. } | CaseEffect::Log { received_at, .. }) => {
                [Some(received_at), None]
            }
            Self::Order(OrderEffect::Propose { due_at, opened_at, .. }) => [Some(due_at), Some(opened_at)],
            Self::Order(OrderEffect::Hasten { due_at, .. }) => [Some(due_at), None],
            Self::Review(ReviewEffect::Queue { queued_at, .. }) => [Some(queued_at), None],
            Self::Notice(NoticeEffect::Enqueue(notice)) => {
                [Some(&mut notice.created_at), Some(&mut notice.valid_until)]
            }
            Self::Notice(NoticeEffect::Resolve { created_at, valid_until, .. }) => {
                [Some(created_at), Some(valid_until)]
            }
            Self::Notice(NoticeEffect::Seen { at, .. }) => [Some(at), None],
            Self::Case(CaseEffect::Change { .. } | CaseEffect::End { .. })
            | Self::Finding(FindingEffect::Open { .. } | FindingEffect::Change { .. } | FindingEffect::End { .. })
            | Self::Order(OrderEffect::AddLine { .. } | OrderEffect::CancelOrFlag { .. })
            | Self::Review(ReviewEffect::End { .. }) => [None, None],
        };
        for time in times.into_iter().flatten() {
            *time = time.stepped(by);
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ChangeKind {
    Open,
    Update,
    Escalate,
    Ease,
    Withdraw,
    Close,
}

impl ChangeKind {
    pub const ALL: [Self; 6] = [Self::Open, Self::Update, Self::Escalate, Self::Ease, Self::Withdraw, Self::Close];

    pub const fn label(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Update => "update",
            Self::Escalate => "escalate",
            Self::Ease => "ease",
            Self::Withdraw => "withdraw",
            Self::Close => "close",
        }
    }
}

/// A notice to enqueue, on every channel that reaches its audience.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Notice {
    pub id: Uuid,
    /// The owner, and only with consent; `None` for the car and for the dealer's people.
    pub person: Option<Uuid>,
    pub audience: Audience,
    pub case: Uuid,
    pub order: Option<Uuid>,
    pub stage: NoticeStage,
    pub severity: Severity,
    /// Without a live consent for it, nobody is contacted.
    pub purpose: Purpose,
    pub template: String,
    pub template_version: u32,
    pub locale: Locale,
    /// Fills the template; no personal data.
    pub variables: Values,
    pub created_at: Time,
    pub valid_until: Time,
}
