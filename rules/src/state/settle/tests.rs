use super::*;
use crate::vehicle::Sample;

fn message(seq: u64, oldest: Option<u64>, received: i64) -> Message {
    let sample = Sample { measured_at: Time::from_secs(seq as i64), readings: Vec::new(), faults: Vec::new() };
    Message {
        sequence: Some(Sequence { stream: 1, seq, oldest }),
        received_at: Time::from_secs(received),
        samples: vec![sample],
        seen: Vec::new(),
        hash: seq,
    }
}

/// An order with everything it has released so far.
#[derive(Default)]
struct Observed {
    order: Order,
    ready: Vec<Settled>,
}

impl Observed {
    fn after(seqs: &[u64]) -> Self {
        let mut observed = Self::default();
        let first = seqs.first().copied();
        for &seq in seqs {
            let oldest = first.filter(|first| *first == seq);
            assert_eq!(observed.arrive(message(seq, oldest, 0)), Arrival::Taken);
        }
        observed
    }

    fn arrive(&mut self, message: Message) -> Arrival {
        self.order.arrive(message, &Bounds::default(), &mut self.ready)
    }

    fn refuse(&mut self, sequence: Sequence, reason: Reason) {
        let refused = Refused { sequence, received_at: Time::from_secs(0), reason };
        self.order.refuse(&refused, &Bounds::default(), &mut self.ready);
    }

    fn expire(&mut self, secs: i64) {
        self.order.expire(Time::from_secs(secs), &Bounds::default(), &mut self.ready);
    }

    fn settled(&mut self) -> Vec<(u64, bool)> {
        self.ready.drain(..).map(|next| (number(&next.message), next.passed)).collect()
    }
}

#[test]
fn settles_at_once_without_a_gap() {
    let mut observed = Observed::after(&[7, 8, 9]);
    assert_eq!(observed.settled(), [(7, false), (8, false), (9, false)]);
    assert_eq!(observed.order.position(), Some((1, 9)));
    assert_eq!(observed.order.wake(&Bounds::default()), None);
}

#[test]
fn waits_only_behind_a_gap_and_settles_when_it_fills() {
    let mut observed = Observed::after(&[1, 3, 4]);
    assert_eq!(observed.settled(), [(1, false)]);
    assert_eq!(observed.order.position(), Some((1, 1)));
    observed.arrive(message(2, None, 1));
    assert_eq!(observed.settled(), [(2, false), (3, false), (4, false)]);
    assert_eq!(observed.order.position(), Some((1, 4)));
}

#[test]
fn a_timer_ends_the_wait_but_never_moves_the_position() {
    let mut observed = Observed::after(&[1, 3]);
    observed.settled();
    observed.expire(119);
    assert_eq!(observed.settled(), []);
    observed.expire(120);
    assert_eq!(observed.settled(), [(3, false)]);
    assert_eq!(observed.order.position(), Some((1, 1)));
    observed.arrive(message(2, None, 130));
    assert_eq!(observed.settled(), [(2, true)], "what fills a passed hole is late");
    assert_eq!(observed.order.position(), Some((1, 3)));
}

#[test]
fn what_lies_below_oldest_is_lost_by_definition() {
    let mut observed = Observed::after(&[1]);
    observed.arrive(message(9, Some(6), 0));
    assert_eq!(observed.order.position(), Some((1, 5)));
    observed.arrive(message(10, Some(9), 0));
    assert_eq!(observed.settled(), [(1, false), (9, false), (10, false)]);
    assert_eq!(observed.order.position(), Some((1, 10)));
}

#[test]
fn a_refused_number_is_no_gap() {
    let mut observed = Observed::after(&[1, 3]);
    observed.refuse(Sequence { stream: 1, seq: 2, oldest: None }, Reason::Unreadable);
    assert_eq!(observed.settled(), [(1, false), (3, false)]);
    assert_eq!(observed.order.position(), Some((1, 3)));
}

#[test]
fn duplicates_are_known_at_any_age() {
    let mut observed = Observed::after(&[1, 2, 5]);
    for seq in [1, 2, 5] {
        assert_eq!(observed.arrive(message(seq, None, 9)), Arrival::Duplicate { moves: false });
    }
    observed.settled();
    let again = message(2, Some(5), 9);
    assert_eq!(observed.arrive(again.clone()), Arrival::Duplicate { moves: true });
    assert_eq!(observed.order.position(), Some((1, 2)));
    observed.refuse(again.sequence.unwrap(), Reason::Duplicate);
    assert_eq!(observed.order.position(), Some((1, 5)));
    assert_eq!(observed.settled(), [(5, false)], "what waited behind the gap is not forgotten");
}

#[test]
fn refuses_what_is_too_far_ahead_without_moving() {
    let mut observed = Observed::after(&[1]);
    assert_eq!(observed.arrive(message(1 + FARTHEST_AHEAD + 1, None, 0)), Arrival::TooFarAhead);
    assert_eq!(observed.order.position(), Some((1, 1)));
    assert_eq!(observed.arrive(message(1 + FARTHEST_AHEAD, None, 0)), Arrival::Taken);
}

#[test]
fn a_new_stream_ends_the_gaps_of_the_old_one() {
    let mut observed = Observed::after(&[1, 3]);
    let mut first = message(1, Some(1), 5);
    first.sequence = Some(Sequence { stream: 2, seq: 1, oldest: Some(1) });
    observed.arrive(first);
    let streams: Vec<_> = observed
        .ready
        .drain(..)
        .map(|next| (next.message.sequence.unwrap().stream, number(&next.message), next.passed))
        .collect();
    assert_eq!(streams, [(1, 1, false), (1, 3, false), (2, 1, false)]);
    observed.arrive(message(2, None, 6));
    assert_eq!(observed.settled(), [(2, true)], "a straggler of an older stream is late");
    assert_eq!(observed.order.position(), Some((2, 1)));
}

#[test]
fn unnumbered_messages_wait_and_settle_by_measured_time() {
    let mut observed = Observed::default();
    for (measured, received) in [(30, 0), (10, 4), (20, 5)] {
        let mut unnumbered = message(measured, None, received);
        unnumbered.sequence = None;
        observed.arrive(unnumbered);
    }
    assert_eq!(observed.order.wake(&Bounds::default()), Some(Time::from_secs(10)));
    observed.expire(10);
    let measured: Vec<_> = observed.ready.iter().map(|next| first_measured(&next.message)).collect();
    assert_eq!(measured, [10, 20, 30].map(Time::from_secs));
}

/// What the same stream says at `secs`, counted from elsewhere.
fn told(seq: u64, secs: i64) -> Message {
    let sample = Sample { measured_at: Time::from_secs(secs), readings: Vec::new(), faults: Vec::new() };
    let sequence = Some(Sequence { stream: 1, seq, oldest: None });
    let hash = (secs as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    Message { sequence, received_at: Time::from_secs(secs), samples: vec![sample], seen: Vec::new(), hash }
}

#[test]
fn a_unit_that_counts_from_one_again_is_heard() {
    let mut observed = Observed::default();
    for seq in 1..=200 {
        observed.arrive(told(seq, seq as i64 * 10));
    }
    observed.settled();
    assert_eq!(observed.arrive(told(1, 2_100)), Arrival::Renumbered);
    for seq in 2..=100 {
        assert_eq!(observed.arrive(told(seq, 2_090 + seq as i64 * 10)), Arrival::Taken, "{seq}");
    }
    assert_eq!(observed.settled(), (1..=100).map(|seq| (seq, false)).collect::<Vec<_>>());
    assert_eq!(observed.order.position(), Some((1, 100)), "what is told as committed is there");
    assert_eq!(observed.arrive(told(100, 3_090)), Arrival::Duplicate { moves: false });
}

#[test]
fn a_unit_that_counts_again_with_a_clock_reset_is_heard_at_its_third_message() {
    let mut observed = Observed::default();
    for seq in 1..=200 {
        observed.arrive(told(seq, 1_000_000 + seq as i64 * 10));
    }
    observed.settled();
    let mut arrivals = Vec::new();
    for seq in 1..=5 {
        let mut message = told(seq, seq as i64 * 10);
        message.received_at = Time::from_secs(1_003_000 + seq as i64 * 10);
        arrivals.push(observed.arrive(message));
    }
    use Arrival::{Renumbered, Taken};
    assert_eq!(arrivals, [Taken, Taken, Renumbered, Taken, Taken]);
    assert_eq!(observed.settled(), [(1, true), (2, true), (3, false), (4, false), (5, false)]);
    assert_eq!(observed.order.position(), Some((1, 5)));
}

#[test]
fn a_backlog_of_lower_numbers_is_kept_and_late() {
    let mut observed = Observed::after(&[1_000]);
    observed.settled();
    for seq in 900..910 {
        let mut message = told(seq, seq as i64);
        message.received_at = Time::from_secs(2_000);
        message.samples[0].measured_at = Time::from_secs(seq as i64 * 60 - 60_000);
        assert_eq!(observed.arrive(message), Arrival::Taken, "a burst of old ones is no renumbering");
    }
    assert!(observed.settled().iter().all(|(_, passed)| *passed));
    assert_eq!(observed.order.position(), Some((1, 1_000)));
}

#[test]
fn three_numbers_too_far_ahead_are_a_numbering() {
    let mut observed = Observed::after(&[1, 2]);
    observed.settled();
    let far = 5_000_000;
    for seq in [far, far + 3] {
        assert_eq!(observed.arrive(told(seq, 100)), Arrival::TooFarAhead);
        observed.refuse(Sequence { stream: 1, seq, oldest: None }, Reason::TooFarAhead);
    }
    assert_eq!(observed.order.position(), Some((1, 2)), "nothing moves before the third");
    assert_eq!(observed.arrive(told(far + 4, 120)), Arrival::Renumbered);
    assert_eq!(observed.order.position(), Some((1, far - 1)), "what was refused may come again");
    for seq in [far, far + 1, far + 2, far + 3] {
        observed.arrive(told(seq, 121));
    }
    assert_eq!(observed.settled().len(), 5);
    assert_eq!(observed.order.position(), Some((1, far + 4)));
}

#[test]
fn a_stray_far_number_alone_moves_nothing() {
    let mut observed = Observed::after(&[1, 2]);
    for seq in [3, 4, 5, 6] {
        assert_eq!(observed.arrive(told(seq + 70_000_000, 50)), Arrival::TooFarAhead);
        observed.refuse(Sequence { stream: 1, seq: seq + 70_000_000, oldest: None }, Reason::TooFarAhead);
        assert_eq!(observed.arrive(told(seq, 50 + seq as i64)), Arrival::Taken);
    }
    assert_eq!(observed.order.position(), Some((1, 6)));
}

#[test]
fn numbers_that_are_times_have_no_gaps() {
    let now = 1_790_000_000;
    for unit in [1, 1_000, 1_000_000_u64] {
        let mut observed = Observed::default();
        let number = |place: u64| (now + place * 90) * unit;
        for place in 0..50 {
            assert_eq!(observed.arrive(told(number(place), (now + place * 90) as i64)), Arrival::Taken);
            observed.expire((now + place * 90 + 10) as i64);
            assert_eq!(observed.settled(), [(number(place), false)], "without a wait");
            assert_eq!(observed.order.position(), Some((1, number(place))));
        }
        assert_eq!(observed.arrive(told(number(49), (now + 49 * 90) as i64)), Arrival::Duplicate { moves: false });
        let between = number(20) + 7 * unit;
        assert_eq!(observed.arrive(told(between, (now + 1_807) as i64)), Arrival::Taken, "late, and not dropped");
        assert_eq!(observed.settled(), [(between, true)]);
    }
}

#[test]
fn a_first_contact_waits_for_lower_numbers() {
    let mut observed = Observed::default();
    for seq in (1..=240).rev() {
        let mut message = told(seq, seq as i64);
        message.received_at = Time::from_secs(300 + (240 - seq as i64) / 20);
        assert_eq!(observed.arrive(message), Arrival::Taken);
        assert_eq!(observed.order.position(), None, "nothing is told while lower ones may come");
    }
    let wake = observed.order.wake(&Bounds::default());
    assert_eq!(wake, Some(Time::from_secs(300 + 239 / 20 + 10)), "ten seconds after the last lower one");
    observed.expire(321);
    assert_eq!(observed.settled(), (1..=240).map(|seq| (seq, false)).collect::<Vec<_>>());
    assert_eq!(observed.order.position(), Some((1, 240)));
}

#[test]
fn a_first_contact_that_says_where_it_begins_waits_for_nothing() {
    for (seq, oldest) in [(1, None), (9, Some(9)), (9, Some(1))] {
        let mut observed = Observed::default();
        observed.arrive(message(seq, oldest, 0));
        let waits = oldest == Some(1);
        assert_eq!(observed.settled().is_empty(), waits, "{seq} {oldest:?}");
        assert_eq!(observed.order.position(), Some((1, if waits { 0 } else { seq })));
    }
    let mut observed = Observed::default();
    observed.arrive(message(9, None, 0));
    observed.arrive(message(10, Some(8), 1));
    assert_eq!(observed.order.position(), Some((1, 7)), "8 is still to come");
    observed.arrive(message(8, None, 1));
    assert_eq!(observed.settled(), [(8, false), (9, false), (10, false)]);
}

#[test]
fn an_old_stream_that_begins_again_is_the_current_one() {
    let mut observed = Observed::default();
    let on = |stream, seq, secs| {
        let mut message = told(seq, secs);
        message.sequence = Some(Sequence { stream, seq, oldest: None });
        message
    };
    for seq in 1..=20 {
        observed.arrive(on(1, seq, seq as i64));
    }
    for seq in 1..=20 {
        observed.arrive(on(2, seq, 100 + seq as i64));
    }
    observed.settled();
    assert_eq!(observed.arrive(on(1, 5, 5)), Arrival::Duplicate { moves: false });
    assert_eq!(observed.arrive(on(1, 1, 200)), Arrival::Renumbered);
    assert_eq!(observed.arrive(on(1, 2, 201)), Arrival::Taken);
    assert_eq!(observed.settled(), [(1, false), (2, false)]);
    assert_eq!(observed.order.position(), Some((1, 2)));
}
