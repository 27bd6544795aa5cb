//! Each trouble does what it says, in the share that was asked for.

use rules::unit::{Span, Time};

use super::{Troubled, Troubles, TroublesError};
use crate::delivery::{Delivery, Message, Payload};
use crate::frame::Frame;

fn deliveries() -> impl Iterator<Item = Delivery> {
    (1..=2_000_u64).map(|seq| {
        let at = Time::from_secs(1_790_000_000 + seq as i64 * 10);
        let mut frame = Frame::new(at);
        frame.number(crate::signal::SPEED, 50.0, 10.0);
        frame.number(crate::signal::ODOMETER, 50_000_000.0 + seq as f64 * 10.0, 0.01);
        let message = Message { stream: 1, seq, oldest: 1, frames: vec![frame], seen: Vec::new() };
        Delivery { due: at, number: 0, payload: Payload::Message(message) }
    })
}

fn troubled(text: &str) -> Vec<Delivery> {
    Troubled::new(deliveries(), Troubles::parse(text).unwrap(), 11).collect()
}

fn seqs(deliveries: &[Delivery]) -> Vec<u64> {
    deliveries.iter().filter_map(|delivery| delivery.message().map(|message| message.seq)).collect()
}

#[test]
fn none_changes_nothing_and_the_same_seed_gives_the_same_troubles() {
    assert_eq!(troubled(""), deliveries().collect::<Vec<_>>());
    let all = "late=0.1:10m,doubled=0.05,shuffled=2m,skewed=1m,corrupt=0.01,backlog=1h,spikes=0.01,lost-store=0.001,hole=0.01";
    assert_eq!(troubled(all), troubled(all));
    assert_ne!(troubled(all), troubled(""));
}

#[test]
fn shuffles_within_the_bound_and_keeps_every_message() {
    let shuffled = troubled("shuffled=120s");
    assert!(shuffled.is_sorted_by_key(|delivery| delivery.due));
    let mut order = seqs(&shuffled);
    assert!(!order.is_sorted());
    order.sort_unstable();
    assert_eq!(order, (1..=2_000).collect::<Vec<_>>());
    for delivery in &shuffled {
        let age = delivery.due.since(delivery.message().unwrap().frames[0].at);
        assert!(age <= Span::from_secs(120));
    }
}

#[test]
fn doubles_and_leaves_holes_in_about_their_share() {
    assert!((2_050..2_150).contains(&troubled("doubled=0.05").len()));
    assert!((1_880..1_980).contains(&troubled("hole=0.03").len()));
}

#[test]
fn a_backlog_comes_in_order_after_silence() {
    let late = troubled("backlog=2h");
    assert!(seqs(&late).is_sorted());
    let oldest = late.iter().map(|delivery| delivery.due.since(delivery.message().unwrap().frames[0].at)).max();
    assert!(oldest <= Some(Span::from_hours(2)));
}

#[test]
fn a_lost_store_begins_a_new_stream_at_one() {
    let lost = troubled("lost-store=0.002");
    let last = lost.last().unwrap().message().unwrap();
    assert!(last.stream > 1);
    let first_of_last = lost.iter().find(|delivery| delivery.message().unwrap().stream == last.stream).unwrap();
    assert_eq!(first_of_last.message().unwrap().seq, 1);
}

#[test]
fn spikes_and_corruption_hit_their_share() {
    let spiked = troubled("spikes=0.01");
    let far =
        spiked.iter().filter(|delivery| delivery.message().unwrap().frames[0].get(crate::signal::SPEED) != Some(50.0));
    assert!((8..40).contains(&far.count()));
    let corrupt = troubled("corrupt=0.01");
    let bytes = corrupt.iter().filter(|delivery| matches!(delivery.payload, Payload::Bytes(_)));
    assert!((8..40).contains(&bytes.count()));
}

fn frames(deliveries: &[Delivery]) -> impl Iterator<Item = &Frame> {
    deliveries.iter().filter_map(Delivery::message).flat_map(|message| &message.frames)
}

fn odometer(text: &str, far: impl Fn(f64) -> bool) -> usize {
    frames(&troubled(text)).filter_map(|frame| frame.get(crate::signal::ODOMETER)).filter(|metres| far(*metres)).count()
}

#[test]
fn odometers_fail_in_every_known_way() {
    assert!((30..90).contains(&odometer("odometer-zero=0.03", |metres| metres == 0.0)));
    assert!((30..90).contains(&odometer("odometer-drop=0.03", |metres| metres < 49_500_000.0)));
    assert!((30..90).contains(&odometer("odometer-jump=0.03", |metres| metres > 54_000_000.0)));
    // 2,000 readings are five and a half hours.
    assert_eq!(odometer("odometer-rollback=2000", |metres| metres < 49_000_000.0), 0);
    let in_miles = odometer("odometer-miles=84h", |metres| metres < 32_000_000.0);
    assert!(in_miles == 0 || in_miles == 2_000, "{in_miles}");
}

#[test]
fn sensors_fail_in_every_known_way() {
    let wrong = |text: &str| {
        frames(&troubled(text)).filter(|frame| frame.get(crate::signal::SPEED).is_none_or(|kmh| kmh != 50.0)).count()
    };
    assert!((30..90).contains(&wrong("sentinel=0.03")));
    assert!((150..250).contains(&wrong("missing=0.1")));
    assert_eq!(wrong("stuck=6h"), 0);
}

#[test]
fn clocks_start_again_and_instants_are_told_twice() {
    let reset = troubled("reset-clock=0.02");
    assert!((20..70).contains(&frames(&reset).filter(|frame| frame.at < Time::from_secs(1_000_000_000)).count()));
    let twice = troubled("contradicting=0.05");
    let told_again = twice.iter().filter_map(Delivery::message).filter(|message| message.frames.len() == 2);
    let told_again: Vec<_> = told_again.collect();
    assert!((60..150).contains(&told_again.len()));
    assert!(told_again.iter().all(|message| message.frames[0].at == message.frames[1].at));
    assert!(told_again.iter().all(|message| message.frames[0] != message.frames[1]));
}

#[test]
fn the_suite_has_every_row_and_none_that_does_nothing() {
    let suite = Troubles::suite();
    assert_eq!(suite.len(), 17);
    assert!(suite.iter().all(|(_, troubles)| !troubles.is_none()));
}

#[test]
fn says_what_is_wrong_with_a_description() {
    assert!(matches!(Troubles::parse("late"), Err(TroublesError::Form(_))));
    assert!(matches!(Troubles::parse("gremlins=1"), Err(TroublesError::Unknown(_))));
    assert!(matches!(Troubles::parse("doubled=5"), Err(TroublesError::Amount(..))));
}
