use super::*;
use crate::vehicle::Sample;

const NOW: i64 = 1_790_000_000;
const KNOWN: Known = Known { first_year: Time::NEVER, newest: Time::NEVER, skew: Span::from_mins(5) };

/// A message that arrives `secs` after the first one, with samples of so many seconds before or after that.
fn message(secs: i64, measured: &[i64]) -> Message {
    let sample =
        |off: &i64| Sample { measured_at: Time::from_secs(NOW + secs + off), readings: Vec::new(), faults: Vec::new() };
    Message {
        sequence: None,
        received_at: Time::from_secs(NOW + secs),
        samples: measured.iter().map(sample).collect(),
        seen: Vec::new(),
        hash: 0,
    }
}

/// Reads a message that arrives at `secs`; what was done, and how long before reception the last sample was.
fn read(clock: &mut Clock, secs: i64, measured: &[i64]) -> (Told, Vec<i64>) {
    let mut message = message(secs, measured);
    let told = clock.read(&mut message, true, KNOWN);
    let since = |sample: &Sample| sample.measured_at.since(message.received_at).micros() / 1_000_000;
    (told, message.samples.iter().map(since).collect())
}

#[test]
fn a_right_clock_costs_nothing() {
    let mut clock = Clock::default();
    for minute in 0..100 {
        assert_eq!(read(&mut clock, minute * 60, &[-30, 200]), (Told::Right, vec![-30, 200]));
    }
    assert_eq!(clock, Clock::default());
}

#[test]
fn a_clock_that_is_ahead_is_corrected_once_it_has_lasted() {
    let (mut clock, ahead) = (Clock::default(), 43_200);
    assert_eq!(read(&mut clock, 0, &[ahead - 90, ahead]).0, Told::Unusable);
    assert_eq!(read(&mut clock, 40, &[ahead - 30, ahead]), (Told::Received, vec![-30, 0]));
    assert_eq!(read(&mut clock, 80, &[ahead - 30, ahead]), (Told::Corrected, vec![-30, 0]));
    // What was held back for three days is told as of then, by the same offset.
    let days = 3 * 86_400;
    assert_eq!(read(&mut clock, 120 + days, &[ahead - days]), (Told::Corrected, vec![-days]));
}

#[test]
fn a_clock_that_is_behind_is_corrected_after_minutes() {
    let mut clock = Clock::default();
    let told: Vec<Told> = (0..40).map(|message| read(&mut clock, message * 100, &[-20_000]).0).collect();
    assert!(told[..7].iter().all(|told| *told == Told::Right), "{told:?}");
    assert!(told[7..].iter().all(|told| *told == Told::Corrected), "{told:?}");
}

#[test]
fn a_clock_that_is_days_behind_is_replaced_after_minutes() {
    for every in [1, 10, 60] {
        let mut clock = Clock::default();
        let told: Vec<_> = (0..600).map(|message| read(&mut clock, message * every, &[-130_000])).collect();
        let first = told.iter().position(|(told, _)| *told == Told::Received).unwrap();
        assert!(first as i64 <= (300 / every).max(7), "{first} messages, one in {every} s");
        assert!(told[first..].iter().all(|told| *told == (Told::Received, vec![0])), "one in {every} s");
    }
}

/// Drives soundly for five minutes, then reads messages that arrive `every` so many milliseconds, and are measured
/// `apart`, from `from` seconds after the last sound one on. What was done, and how long before reception.
fn after_driving(numbered: bool, from: i64, every: i64, apart: i64) -> Vec<(Told, Span)> {
    let (mut clock, mut newest) = (Clock::default(), Time::NEVER);
    let mut take = |received_at: Time, measured_at: Time| {
        let mut message = message(0, &[0]);
        message.sequence = numbered.then_some(crate::vehicle::Sequence { stream: 1, seq: 1, oldest: None });
        (message.received_at, message.samples[0].measured_at) = (received_at, measured_at);
        let told = clock.read(&mut message, true, Known { newest, ..KNOWN });
        let at = message.samples[0].measured_at;
        if told != Told::Unusable && (numbered || at > newest) {
            newest = newest.max(at);
        }
        (told, received_at.since(at))
    };
    let at = |millis: i64| Time::from_micros(NOW * 1_000_000 + millis * 1_000);
    for message in 0..30 {
        take(at(message * 10_000), at(message * 10_000));
    }
    let last = 290_000;
    (1..100).map(|message| take(at(last + message * every), at(last + from * 1_000 + message * apart))).collect()
}

#[test]
fn a_clock_that_is_set_back_is_replaced_at_once_along_the_vehicles_own_numbers() {
    for back in [-700, -3_600, -86_400 * 2, -86_400 * 365 * 6] {
        for every in [200, 1_000, 10_000, 60_000] {
            let told = after_driving(true, back, every, every);
            assert_eq!(told[0].0, Told::Unusable, "{back}");
            let bound = if every < 1_000 { 60_000 / every as usize } else { 1 };
            let after = &told[bound.min(98)..];
            // What lasts for minutes, and is less than a day, is an offset.
            let is_now =
                |(told, lag): &(Told, Span)| matches!(told, Told::Corrected | Told::Received) && *lag == Span::ZERO;
            assert!(every < 1_000 || after.iter().all(is_now), "{back} {told:?}");
        }
    }
}

#[test]
fn a_clock_that_is_set_back_by_minutes_goes_on() {
    for back in [-120, -240, -590] {
        let told = after_driving(true, back, 10_000, 10_000);
        let of_now = |(told, lag): &&(Told, Span)| *told != Told::Unusable && *lag <= Span::from_secs(1);
        let received = told.iter().filter(of_now).count();
        assert!(received >= 98, "{back}: {told:?}");
    }
}

#[test]
fn a_backlog_after_newer_messages_is_not_of_now() {
    // Measured every ten seconds, sent one in a second; numbered by a client that counts as it sends.
    let told = after_driving(true, -7_200, 1_000, 10_000);
    assert!(told[1..].iter().all(|(told, _)| *told == Told::Unusable), "{told:?}");
    let told = after_driving(false, -7_200, 1_000, 10_000);
    assert!(told.iter().all(|(told, _)| *told == Told::Right), "late, with its own times");
}

#[test]
fn a_clock_without_numbers_that_lost_its_year_is_replaced_at_once() {
    let told = after_driving(false, -86_400 * 365 * 3, 10_000, 10_000);
    assert!(told[1..].iter().all(|told| *told == (Told::Received, Span::ZERO)), "{told:?}");
}

#[test]
fn a_clock_that_was_ahead_and_is_right_again_does_not_stand_still() {
    let mut clock = Clock::default();
    let (mut newest, mut stood) = (Time::from_secs(NOW + 240), 0);
    for message_no in 0..60 {
        let mut message = message(message_no * 10, &[0]);
        message.sequence = Some(crate::vehicle::Sequence { stream: 1, seq: 1, oldest: None });
        clock.read(&mut message, true, Known { newest, ..KNOWN });
        let at = message.samples[0].measured_at.max(newest);
        stood += usize::from(at == newest);
        newest = at;
    }
    assert!(stood <= 2, "stood still at {stood} messages");
    assert_eq!(newest, Time::from_secs(NOW + 590), "and it has caught up");
}

#[test]
fn a_backlog_is_no_clock_that_is_behind() {
    let mut clock = Clock::default();
    for message in 0..30_000_i64 {
        // Three days of messages, measured every ten seconds, arrive twenty to the second.
        let arrives = message / 20;
        let measured = message * 10 - 3 * 86_400;
        assert_eq!(read(&mut clock, arrives, &[(measured - arrives).min(0)]).0, Told::Right);
    }
    assert_eq!(clock, Clock::default(), "it ends at the live edge");
}

#[test]
fn a_clock_without_a_lasting_offset_is_replaced_by_the_time_of_reception() {
    let mut clock = Clock::default();
    for message in 1..50 {
        let ahead = (message * 7_919) % 80_000 + 10_000;
        let told = read(&mut clock, message * 30, &[ahead - 20, ahead]);
        assert!(message == 1 || told == (Told::Received, vec![-20, 0]), "{told:?}");
    }
}

#[test]
fn years_off_is_no_offset() {
    let mut clock = Clock::default();
    let told: Vec<_> = (0..50).map(|message| read(&mut clock, message * 60, &[-NOW - message * 60]).0).collect();
    assert!(told[1..].iter().all(|told| *told == Told::Received), "a clock that began in 1970: {told:?}");
}

#[test]
fn a_burst_of_impossible_dates_is_not_of_now() {
    let mut clock = Clock::default();
    for message in 0..50 {
        assert_eq!(read(&mut clock, 0, &[40_000 + message]).0, Told::Unusable);
    }
}

#[test]
fn a_single_frame_of_1970_does_not_take_its_message_along() {
    let mut clock = Clock::default();
    assert_eq!(read(&mut clock, 5, &[-20, -NOW, 0]), (Told::Right, vec![-20, 0]));
    assert_eq!(read(&mut clock, 15, &[-NOW]).0, Told::Unusable);
    assert_eq!(read(&mut clock, 25, &[0]).0, Told::Right);
    assert_eq!(clock, Clock::default());
}

#[test]
fn a_clock_that_was_set_right_is_believed_again() {
    let mut clock = Clock::default();
    (0..10).for_each(|message| drop(read(&mut clock, message * 60, &[7_200])));
    assert_eq!(clock.told().0, Told::Corrected);
    let told: Vec<_> = (10..16).map(|message| read(&mut clock, message * 60, &[0]).0).collect();
    assert_eq!(told.last(), Some(&Told::Right));
    assert_eq!(clock, Clock::default());
}

#[test]
fn what_comes_out_of_turn_tells_nothing_of_the_clock() {
    let mut clock = Clock::default();
    let mut late = message(0, &[-4_000]);
    assert_eq!(clock.read(&mut late, false, KNOWN), Told::Right);
    assert_eq!(clock, Clock::default());
}
