//! A vehicle's outbox: numbered messages, kept until the engine says that they are committed.
//!
//! One number per message, continuing over restarts; oldest first; at most [`WINDOW`] uncommitted.
//! After a reconnect, and after a time without progress, the oldest is sent again; once it is
//! answered, so are the others. A payload that can never be read is dropped when its hash is named.
//!
//! [`WINDOW`]: crate::fleet::WINDOW

use std::collections::VecDeque;

use ingest::down::Down;
use ingest::wire::{Numbering, Upload};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::delivery::into_sample;
use crate::frame::Frame;

/// One message that is not committed yet.
#[derive(Clone, Debug)]
struct Entry {
    seq: u64,
    body: Body,
    /// The values of `oldest` it was sent with: each makes other bytes, and another hash.
    sent_with: Vec<u64>,
}

#[derive(Clone, Debug)]
enum Body {
    Upload(Upload),
    /// As it lies in the store; cannot be written anew.
    Bytes(Vec<u8>),
}

/// What a message from the engine did.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// This many messages are done.
    Committed(u64),
    /// A message was dropped because it can never be read.
    Dropped,
    /// It says nothing new.
    Nothing,
}

/// The outbox of one vehicle.
#[derive(Clone, Debug)]
pub struct Outbox {
    stream: u64,
    next_seq: u64,
    window: usize,
    entries: VecDeque<Entry>,
    /// How many of the entries were sent on this connection.
    sent: usize,
    /// Only the oldest is sent until it is answered.
    probing: bool,
}

impl Outbox {
    /// An empty outbox.
    pub const fn new(stream: u64, window: usize) -> Self {
        Self { stream, next_seq: 1, window, entries: VecDeque::new(), sent: 0, probing: false }
    }

    /// An outbox as it was written down: the next number, and payloads not known to be committed.
    pub fn restored(stream: u64, next_seq: u64, window: usize, payloads: Vec<(u64, Vec<u8>)>) -> Self {
        let entry = |(seq, bytes)| Entry { seq, body: Body::Bytes(bytes), sent_with: Vec::new() };
        let entries: VecDeque<_> = payloads.into_iter().map(entry).collect();
        Self { stream, next_seq, window, probing: !entries.is_empty(), entries, sent: 0 }
    }

    pub const fn stream(&self) -> u64 {
        self.stream
    }

    /// The number that the next message gets.
    pub const fn next_seq(&self) -> u64 {
        self.next_seq
    }

    pub fn len(&self) -> usize {
        self.entries.len()
    }

    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub fn has_room(&self) -> bool {
        self.entries.len() < self.window
    }

    /// Numbers a message and keeps it; returns its number.
    pub fn push(&mut self, frames: Vec<Frame>, seen: Vec<Uuid>) -> u64 {
        let samples = frames.into_iter().map(into_sample).collect();
        let numbering = Numbering { stream: self.stream, seq: self.next_seq, oldest: None };
        self.keep(Body::Upload(Upload { numbering: Some(numbering), samples, seen }))
    }

    /// Damages the message that was pushed last, as a bad store would.
    pub fn damage_last(&mut self, damage: impl FnOnce(&mut [u8])) {
        let oldest = self.oldest();
        if let Some(entry) = self.entries.back_mut() {
            let mut bytes = entry.payload(oldest);
            damage(&mut bytes);
            entry.body = Body::Bytes(bytes);
        }
    }

    /// Uses a number up for nothing.
    pub const fn skip(&mut self) {
        self.next_seq += 1;
    }

    /// Forgets everything, as a vehicle does whose store was replaced.
    pub fn lose_store(&mut self) {
        *self = Self::new(self.stream + 1, self.window);
    }

    /// The payload of the last push, to be written down.
    pub fn last_payload(&self) -> Option<(u64, Vec<u8>)> {
        let oldest = self.oldest();
        self.entries.back().map(|entry| (entry.seq, entry.clone().payload(oldest)))
    }

    /// The next payload to send, if one may be sent now.
    pub fn next_to_send(&mut self) -> Option<Vec<u8>> {
        if self.probing && self.sent > 0 {
            return None;
        }
        let oldest = self.oldest();
        let entry = self.entries.get_mut(self.sent)?;
        self.sent += 1;
        Some(entry.payload(oldest))
    }

    /// Takes back the last [`Self::next_to_send`]: the connection did not accept it.
    pub const fn unsend(&mut self) {
        self.sent = self.sent.saturating_sub(1);
    }

    /// The connection is new, or nothing was heard for too long: begin again with the oldest.
    pub fn begin_again(&mut self) {
        self.sent = 0;
        self.probing = !self.entries.is_empty();
    }

    /// Takes in what the engine says.
    pub fn hear(&mut self, down: &Down) -> Answer {
        match down {
            Down::Committed { stream, seq } if *stream == self.stream => self.committed(*seq),
            Down::Unreadable { sha256 } => self.unreadable(sha256),
            Down::Committed { .. } | Down::Notice(_) | Down::Withdrawn { .. } => Answer::Nothing,
        }
    }

    fn committed(&mut self, seq: u64) -> Answer {
        let before = self.entries.len();
        while self.entries.front().is_some_and(|entry| entry.seq <= seq) {
            self.entries.pop_front();
        }
        let done = before - self.entries.len();
        self.sent = self.sent.saturating_sub(done);
        if self.probing {
            // Whatever else was on its way may have died with the connection.
            self.probing = false;
            self.sent = 0;
        }
        if done == 0 { Answer::Nothing } else { Answer::Committed(done as u64) }
    }

    fn unreadable(&mut self, sha256: &[u8; 32]) -> Answer {
        let Some(place) = self.entries.iter_mut().position(|entry| entry.was_sent_as(sha256)) else {
            return Answer::Nothing;
        };
        self.entries.remove(place);
        if place < self.sent {
            self.sent -= 1;
        }
        if self.probing {
            self.probing = false;
            self.sent = 0;
        }
        Answer::Dropped
    }

    fn keep(&mut self, body: Body) -> u64 {
        let seq = self.next_seq;
        self.next_seq += 1;
        self.entries.push_back(Entry { seq, body, sent_with: Vec::new() });
        seq
    }

    fn oldest(&self) -> u64 {
        self.entries.front().map_or(self.next_seq, |entry| entry.seq)
    }
}

impl Entry {
    fn payload(&mut self, oldest: u64) -> Vec<u8> {
        if self.sent_with.last() != Some(&oldest) {
            self.sent_with.push(oldest);
        }
        self.write(oldest)
    }

    fn write(&mut self, oldest: u64) -> Vec<u8> {
        match &mut self.body {
            Body::Upload(upload) => {
                if let Some(numbering) = &mut upload.numbering {
                    numbering.oldest = Some(oldest);
                }
                upload.to_json()
            }
            Body::Bytes(bytes) => bytes.clone(),
        }
    }

    fn was_sent_as(&mut self, sha256: &[u8; 32]) -> bool {
        let sent_with = self.sent_with.clone();
        sent_with.into_iter().any(|oldest| Sha256::digest(self.write(oldest)).as_slice() == sha256)
    }
}

#[cfg(test)]
mod tests {
    use rules::unit::Time;

    use super::*;

    fn outbox(messages: usize) -> Outbox {
        let mut outbox = Outbox::new(1, 8);
        for _ in 0..messages {
            outbox.push(vec![Frame::new(Time::from_secs(1_790_000_000))], Vec::new());
        }
        outbox
    }

    fn sent(outbox: &mut Outbox) -> Vec<u64> {
        let mut seqs = Vec::new();
        while let Some(payload) = outbox.next_to_send() {
            let value: serde_json::Value = serde_json::from_slice(&payload).unwrap();
            seqs.push(value["seq"].as_u64().unwrap());
        }
        seqs
    }

    fn committed(seq: u64) -> Down {
        Down::Committed { stream: 1, seq }
    }

    #[test]
    fn sends_in_order_and_drops_what_is_committed() {
        let mut outbox = outbox(5);
        assert_eq!(sent(&mut outbox), [1, 2, 3, 4, 5]);
        assert_eq!(outbox.hear(&committed(3)), Answer::Committed(3));
        assert_eq!((outbox.len(), sent(&mut outbox)), (2, vec![]));
        assert_eq!(outbox.hear(&committed(2)), Answer::Nothing);
    }

    #[test]
    fn stops_at_the_window() {
        let outbox = outbox(8);
        assert!(!outbox.has_room());
    }

    #[test]
    fn after_a_reconnect_the_oldest_goes_alone_until_it_is_answered() {
        let mut outbox = outbox(4);
        sent(&mut outbox);
        outbox.hear(&committed(1));
        outbox.begin_again();
        assert_eq!(sent(&mut outbox), [2]);
        outbox.hear(&committed(2));
        assert_eq!(sent(&mut outbox), [3, 4]);
    }

    #[test]
    fn an_answer_that_moves_nothing_still_ends_the_waiting() {
        let mut outbox = outbox(3);
        outbox.begin_again();
        assert_eq!(sent(&mut outbox), [1]);
        outbox.hear(&committed(0));
        assert_eq!(sent(&mut outbox), [1, 2, 3]);
    }

    #[test]
    fn drops_what_can_never_be_read_and_raises_oldest() {
        let mut outbox = outbox(3);
        let first = outbox.next_to_send().unwrap();
        let sha256 = Sha256::digest(&first).into();
        assert_eq!(outbox.hear(&Down::Unreadable { sha256 }), Answer::Dropped);
        let next: serde_json::Value = serde_json::from_slice(&outbox.next_to_send().unwrap()).unwrap();
        assert_eq!((next["seq"].as_u64(), next["oldest"].as_u64()), (Some(2), Some(2)));
        assert_eq!(outbox.hear(&Down::Unreadable { sha256: [0; 32] }), Answer::Nothing);
    }

    #[test]
    fn knows_a_payload_by_every_hash_it_was_sent_with() {
        let mut outbox = outbox(2);
        outbox.next_to_send();
        let early = Sha256::digest(outbox.next_to_send().unwrap()).into();
        outbox.hear(&committed(1));
        outbox.begin_again();
        outbox.next_to_send();
        assert_eq!(outbox.hear(&Down::Unreadable { sha256: early }), Answer::Dropped);
    }

    #[test]
    fn other_streams_are_not_ours() {
        let mut outbox = outbox(2);
        outbox.lose_store();
        outbox.push(Vec::new(), Vec::new());
        assert_eq!(outbox.hear(&committed(1)), Answer::Nothing);
        assert_eq!(outbox.hear(&Down::Committed { stream: 2, seq: 1 }), Answer::Committed(1));
    }

    #[test]
    fn a_hole_raises_oldest_once_the_rest_is_committed() {
        let mut outbox = outbox(1);
        outbox.skip();
        outbox.push(vec![Frame::new(Time::from_secs(1_790_000_010))], Vec::new());
        outbox.hear(&committed(1));
        let next: serde_json::Value = serde_json::from_slice(&outbox.next_to_send().unwrap()).unwrap();
        assert_eq!((next["seq"].as_u64(), next["oldest"].as_u64()), (Some(3), Some(3)));
    }
}
