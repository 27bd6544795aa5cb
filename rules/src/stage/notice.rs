//! Notices of a vehicle's cases: for whom, about what, in which words, and how long they hold.

use uuid::Uuid;

use crate::case::{Audience, Case, Evidence, NoticeStage, notice_id};
use crate::rule_set::Rule;
use crate::stage::effect::{Effect, Notice, NoticeEffect};
use crate::stage::evidence::evidence_now;
use crate::stage::scope::StepScope;
use crate::stage::variables::values;
use crate::unit::{Locale, Severity, Span};

/// How long a notice may still be delivered: one about S1, any other.
const URGENT_VALID: Span = Span::from_days(1);
const VALID: Span = Span::from_days(14);

/// What a notice is about.
struct Matter<'a> {
    case: Uuid,
    order: Option<Uuid>,
    stage: NoticeStage,
    severity: Severity,
    person: Option<Uuid>,
    audience: Audience,
    rule: &'a Rule,
}

impl StepScope<'_> {
    /// Says that an order was opened for a case: to the dealer's people always, to the owner by consent, and not of
    /// S1, of which stop-now speaks.
    pub fn notify(&mut self, case: &Case, order: Uuid, audience: Audience) {
        let Some(worst) = case.worst() else { return };
        let Some(rule) = self.set.rule(worst.key.rule) else { return };
        let profile = &self.vehicle.profile;
        let agreed = case.severity > Severity::S1 && profile.consents.contains(&rule.source.purpose);
        let person = match audience {
            Audience::Dealer => None,
            Audience::Owner => match profile.owner.as_ref().filter(|_| agreed) {
                Some(owner) => Some(owner.person),
                None => return,
            },
        };
        let evidence = evidence_now(self.vehicle, worst.key, worst.opened_at, self.set);
        let (order, severity) = (Some(order), case.severity);
        let matter = Matter { case: case.id, order, stage: NoticeStage::Opened, severity, person, audience, rule };
        self.enqueue(&matter, evidence.as_ref());
    }

    /// Tells the person at the wheel to stop. The same id whether the case was seen ahead or settled.
    pub fn stop_now(&mut self, case: Uuid, order: Option<Uuid>, rule: &Rule, evidence: Option<&Evidence>) {
        let (stage, severity, audience) = (NoticeStage::StopNow, Severity::S1, Audience::Owner);
        self.enqueue(&Matter { case, order, stage, severity, person: None, audience, rule }, evidence);
    }

    fn enqueue(&mut self, about: &Matter<'_>, evidence: Option<&Evidence>) {
        let template = about.rule.source.template_for(about.severity);
        let Some(template_version) = self.set.catalogue.template_version(template) else { return };
        let owner = self.vehicle.profile.owner.as_ref();
        let subject = if about.stage == NoticeStage::StopNow { about.case } else { about.order.unwrap_or(about.case) };
        let valid_for = if about.severity == Severity::S1 { URGENT_VALID } else { VALID };
        let variables = evidence.map(|evidence| values(about.rule, about.severity, evidence, self.set));
        let notice = Notice {
            id: notice_id(subject, about.stage, about.person),
            person: about.person,
            audience: about.audience,
            case: about.case,
            order: about.order,
            stage: about.stage,
            severity: about.severity,
            purpose: about.rule.source.purpose,
            template: template.to_owned(),
            template_version,
            locale: owner.map_or(Locale::ZhCn, |owner| owner.locale),
            variables: variables.unwrap_or_default(),
            created_at: self.received_at,
            valid_until: self.received_at + valid_for,
        };
        self.write(Effect::Notice(NoticeEffect::Enqueue(Box::new(notice))));
    }
}
