//! A case: the findings of one component of one vehicle while they last.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::case::{FindingKey, NoticeStage};
use crate::entry::rule::Mode;
use crate::unit::{Severity, Time};
use crate::vehicle::{Component, Life, VehicleId};

/// Namespace of every id the product derives; a fixed random v4.
const NAMESPACE: Uuid = Uuid::from_u128(0x6f1c_24a5_3f0e_4c7b_9b5a_52c8_07d1_e3f4);

/// case = v5(vehicle, life, component, episode)
pub fn case_id(vehicle: &VehicleId, life: Life, component: &Component, episode: u32) -> Uuid {
    derived_in(life, &["case", vehicle.as_str(), component.as_str(), &episode.to_string()])
}

/// A shadow or canary case lives beside live ones, one per rule version.
pub fn shadow_case_id(
    vehicle: &VehicleId,
    life: Life,
    component: &Component,
    rule: &str,
    version: u32,
    episode: u32,
) -> Uuid {
    let (version, episode) = (version.to_string(), episode.to_string());
    derived_in(life, &["shadow", vehicle.as_str(), component.as_str(), rule, &version, &episode])
}

/// order = v5(vehicle, life, visit ordinal)
pub fn order_id(vehicle: &VehicleId, life: Life, visit: u32) -> Uuid {
    derived_in(life, &["order", vehicle.as_str(), &visit.to_string()])
}

/// notice = v5(order or case, stage, person); the car itself is `None`.
pub fn notice_id(about: Uuid, stage: NoticeStage, person: Option<Uuid>) -> Uuid {
    derived(&[
        "notice",
        &about.to_string(),
        stage.word(),
        &person.map_or_else(|| "car".to_owned(), |id| id.to_string()),
    ])
}

/// delivery = v5(notice, channel)
pub fn outbox_id(notice: Uuid, channel: &str) -> Uuid {
    derived(&["outbox", &notice.to_string(), channel])
}

fn derived_in(life: Life, parts: &[&str]) -> Uuid {
    if life == Life::default() {
        return derived(parts);
    }
    derived(&[parts, &["life", &life.0.to_string()]].concat())
}

fn derived(parts: &[&str]) -> Uuid {
    Uuid::new_v5(&NAMESPACE, parts.join("\u{1f}").as_bytes())
}

/// An open case as its lane remembers it; everything else is in the store.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Case {
    pub id: Uuid,
    pub component: Component,
    pub episode: u32,
    pub mode: Mode,
    /// Of the worst open finding.
    pub severity: Severity,
    pub opened_at: Time,
    /// Probability times precision of the worst finding's rule.
    pub confidence: f32,
    pub findings: Vec<OpenFinding>,
    /// Findings so far; the next one's ordinal.
    pub ordinals: u32,
    /// Changes so far; numbers `case_change`.
    pub changes: u32,
    pub proposal: Proposal,
    /// Stop-now went out for it.
    pub warned: bool,
}

impl Case {
    pub fn worst(&self) -> Option<&OpenFinding> {
        self.findings.iter().min_by_key(|finding| (finding.severity, finding.ordinal))
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OpenFinding {
    pub key: FindingKey,
    pub ordinal: u32,
    pub severity: Severity,
    pub opened_at: Time,
}

/// What has been proposed about a case.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub enum Proposal {
    /// Nothing yet: respond has not run, or the severity asks for nothing.
    Nothing,
    InReview,
    Ordered {
        order: Uuid,
    },
    /// People said no; asked again only if it gets worse than this.
    Refused {
        at: Severity,
    },
}

impl Proposal {
    pub const fn order(self) -> Option<Uuid> {
        match self {
            Self::Ordered { order } => Some(order),
            Self::Nothing | Self::InReview | Self::Refused { .. } => None,
        }
    }
}

/// What is remembered of a component whose case ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PastCase {
    pub component: Component,
    /// Episodes so far.
    pub episode: u32,
    /// When the last one ended, unless it was withdrawn.
    pub closed_at: Option<Time>,
    pub severity: Severity,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_stable_for_ever() {
        let vehicle = VehicleId::try_new("v-1").unwrap();
        let (oil, first) = (Component::new("engine.oil"), Life::default());
        let case = case_id(&vehicle, first, &oil, 1);
        assert_eq!(case.to_string(), "84293b56-37bf-5f2e-8d40-3d6235c2426a");
        assert_ne!(case, case_id(&vehicle, first, &oil, 2));
        assert_ne!(case, case_id(&vehicle, first.next(), &oil, 1), "another life has other ids");
        assert_ne!(order_id(&vehicle, first, 1), order_id(&vehicle, first.next(), 1));
        assert_ne!(notice_id(case, NoticeStage::Opened, None), notice_id(case, NoticeStage::StopNow, None));
        assert_eq!(case.get_version_num(), 5);
    }
}
