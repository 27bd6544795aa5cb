use super::*;
use crate::reading::Sample;

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
        for &seq in seqs {
            assert_eq!(observed.arrive(message(seq, None, 0)), Arrival::Taken);
        }
        observed
    }

    fn arrive(&mut self, message: Message) -> Arrival {
        self.order.arrive(message, &Bounds::default(), &mut self.ready)
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
    observed.order.refuse(Sequence { stream: 1, seq: 2, oldest: None }, &mut observed.ready);
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
    observed.order.refuse(again.sequence.unwrap(), &mut observed.ready);
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
