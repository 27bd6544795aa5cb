use super::*;
use crate::case::NoticeStage;
use crate::stage::effect::{CaseEffect, NoticeEffect};

use crate::stage::recipe::take;
use crate::state::settle::Bounds;
use crate::vehicle::{Message, Reading, Sample, Sequence, What};

const STATUS: &str = "Vehicle.Powertrain.CombustionEngine.EngineOil.PressureStatus";
const SPEED: &str = "Vehicle.Powertrain.CombustionEngine.Speed";

impl Scene {
    /// A message of that number, `late` after it was measured: the oil pressure is bad, or good.
    fn receive(&mut self, seq: u64, is_bad: bool, late: Span) {
        let signals = &SET.catalogue.signals;
        let status = signals.by_path(STATUS).unwrap();
        let crate::entry::signal::Kind::Words(words) = &status.kind else { panic!("no words") };
        let word = |wanted: &str| words.iter().position(|word| word == wanted).unwrap() as f64;
        let readings = vec![
            Reading { signal: status.no, value: if is_bad { word("ERROR") } else { word("NORMAL") } },
            Reading { signal: signals.by_path(SPEED).unwrap().no, value: 2_000.0 },
        ];
        let measured_at = START + Span::from_secs(60 * seq as i64);
        // The condition has to hold for some seconds, without a gap.
        let samples = (0..30).map(|second| Sample {
            measured_at: measured_at - Span::from_secs(29 - second),
            readings: readings.clone(),
            faults: Vec::new(),
        });
        let message = Message {
            sequence: Some(Sequence { stream: 1, seq, oldest: Some(1) }),
            received_at: measured_at + late,
            samples: samples.collect(),
            seen: Vec::new(),
            hash: seq,
        };
        take(&mut self.car, What::Message(message), &SET, &Bounds::default(), &mut self.effects);
    }

    fn stops(&self) -> usize {
        self.count(|effect| matches!(effect, Effect::Notice(NoticeEffect::Enqueue(notice)) if notice.stage == NoticeStage::StopNow))
    }

    fn resolved(&self) -> usize {
        self.count(|effect| matches!(effect, Effect::Notice(NoticeEffect::Resolve { .. })))
    }

    fn opened_cases(&self) -> usize {
        self.count(|effect| matches!(effect, Effect::Case(CaseEffect::Open { .. })))
    }
}

/// A car whose second message is missing.
fn with_a_gap() -> Scene {
    let mut scene = Scene::new();
    scene.car.newest = Time::NEVER;
    scene.receive(1, false, Span::ZERO);
    scene
}

#[test]
fn what_waits_behind_a_gap_warns_at_once_and_opens_no_case() {
    let mut scene = with_a_gap();
    scene.receive(3, true, Span::ZERO);
    assert_eq!((scene.stops(), scene.opened_cases()), (1, 0));
    assert_eq!(scene.car.warned.len(), 1);
}

#[test]
fn the_settled_case_and_its_warning_have_the_ids_that_were_warned_of() {
    let mut scene = with_a_gap();
    scene.receive(3, true, Span::ZERO);
    let warned = scene.car.warned[0].case;
    scene.receive(2, true, Span::ZERO);
    let id = |effect: &Effect| match effect {
        Effect::Notice(NoticeEffect::Enqueue(notice)) if notice.stage == NoticeStage::StopNow => Some(notice.id),
        _ => None,
    };
    let ids: BTreeSet<Uuid> = scene.effects.written.iter().filter_map(id).collect();
    assert_eq!((ids.len(), scene.resolved()), (1, 0), "the store takes a repeated id once");
    assert_eq!(scene.case("engine.oil").id, warned);
}

#[test]
fn a_warning_that_nothing_came_of_is_taken_back() {
    let mut scene = with_a_gap();
    scene.receive(3, true, Span::ZERO);
    // The recipe settles it without its case: a physical act made the readings obsolete.
    scene.car.resets.push((Component::new("engine.oil"), START + Span::from_hours(1)));
    scene.receive(2, false, Span::ZERO);
    assert_eq!((scene.opened_cases(), scene.resolved()), (0, 1));
    assert!(scene.car.warned.is_empty());
}

#[test]
fn old_readings_behind_a_gap_warn_of_nothing() {
    let mut scene = with_a_gap();
    scene.receive(3, true, Span::from_mins(11));
    assert_eq!((scene.stops(), scene.car.warned.len()), (0, 0));
}

#[test]
fn good_readings_behind_a_gap_warn_of_nothing() {
    let mut scene = with_a_gap();
    scene.receive(3, false, Span::ZERO);
    assert_eq!(scene.stops(), 0);
}

#[test]
fn one_component_is_warned_of_once_while_messages_wait() {
    let mut scene = with_a_gap();
    for seq in 3..6 {
        scene.receive(seq, true, Span::ZERO);
    }
    assert_eq!(scene.stops(), 1);
}

#[test]
fn looking_ahead_changes_nothing_that_is_settled() {
    let mut scene = with_a_gap();
    let (last, newest) = (scene.car.last.clone(), scene.car.newest);
    scene.receive(3, true, Span::ZERO);
    assert!(scene.car.last == last && scene.car.newest == newest && scene.car.cases.is_empty());
}
