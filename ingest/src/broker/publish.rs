//! Publishes, read with their quality and packet id, which rumqttd's own codec does not show.
//!
//! One beyond the size limit is acknowledged too, but its payload is read past and not kept. Closing
//! the connection instead would make a standard client send the same again, first of all, on every
//! connection, and nothing behind it would ever arrive.

use bytes::{Buf, Bytes, BytesMut};
use rumqttd::protocol::QoS;

use crate::skim::Skim;

/// What MQTT calls a publish.
const PUBLISH: u8 = 3;

/// A publish but for its payload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    pub topic: Bytes,
    pub qos: QoS,
    /// 0 at QoS 0.
    pub id: u16,
}

/// A large publish that is being read past.
pub struct Passing {
    head: Head,
    skim: Skim,
    /// Bytes of the payload that are still to come.
    rest: usize,
}

/// What the bytes read so far begin with.
pub enum Beginning {
    /// Nothing whole, or a packet for the codec.
    Other,
    /// A publish of which not enough is here.
    Incomplete,
    Whole(Head, Bytes),
    Large(Box<Passing>),
    /// A publish that MQTT does not allow.
    Malformed,
}

/// Takes a publish, or the head of one of more than `limit` bytes, off what was read.
pub fn begin(read: &mut BytesMut, limit: usize) -> Beginning {
    let Some((header, length)) = frame(read) else { return Beginning::Other };
    let first = read.first().copied().unwrap_or_default();
    if first >> 4 != PUBLISH {
        return Beginning::Other;
    }
    let qos = match first >> 1 & 0b11 {
        0 => QoS::AtMostOnce,
        1 => QoS::AtLeastOnce,
        2 => QoS::ExactlyOnce,
        _ => return Beginning::Malformed,
    };
    let number = |at: usize| Some(u16::from_be_bytes([*read.get(at)?, *read.get(at + 1)?]));
    let Some(topic) = number(header).map(usize::from) else {
        return if length < 2 { Beginning::Malformed } else { Beginning::Incomplete };
    };
    let has_id = qos != QoS::AtMostOnce;
    let head = 2 + topic + if has_id { 2 } else { 0 };
    if head > length {
        return Beginning::Malformed;
    }
    let is_large = length > limit;
    if read.len() < header + if is_large { head } else { length } {
        return Beginning::Incomplete;
    }
    let id = if has_id { number(header + 2 + topic).unwrap_or_default() } else { 0 };
    if has_id && id == 0 {
        return Beginning::Malformed;
    }
    read.advance(header + 2);
    let topic = read.split_to(topic).freeze();
    read.advance(head - 2 - topic.len());
    let head_of = Head { topic, qos, id };
    if is_large {
        return Beginning::Large(Box::new(Passing { head: head_of, skim: Skim::default(), rest: length - head }));
    }
    Beginning::Whole(head_of, read.split_to(length - head).freeze())
}

impl Passing {
    /// Reads past what is here; the publish once it has all passed, else itself.
    pub fn pass(mut self: Box<Self>, read: &mut BytesMut) -> Result<(Head, Skim), Box<Self>> {
        let here = self.rest.min(read.len());
        self.skim.push(read.get(..here).unwrap_or_default());
        read.advance(here);
        self.rest -= here;
        if self.rest == 0 { Ok((self.head, self.skim)) } else { Err(self) }
    }
}

/// Bytes of the fixed header and of what follows it; `None` for one that is incomplete or malformed.
fn frame(read: &[u8]) -> Option<(usize, usize)> {
    let mut length = 0;
    for place in 0..4 {
        let byte = *read.get(1 + place)?;
        length |= usize::from(byte & 0x7f) << (7 * place);
        if byte & 0x80 == 0 {
            return Some((2 + place, length));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use rules::vehicle::{Reason, VehicleId};

    use super::*;

    fn publish(first: u8, topic: &[u8], id: Option<u16>, payload: &[u8]) -> Vec<u8> {
        let mut length = 2 + topic.len() + id.map_or(0, |_| 2) + payload.len();
        let mut frame = vec![first];
        loop {
            let more = if length >= 128 { 0x80 } else { 0 };
            frame.push((length % 128) as u8 | more);
            length /= 128;
            if length == 0 {
                break;
            }
        }
        frame.extend((topic.len() as u16).to_be_bytes());
        frame.extend(topic);
        frame.extend(id.map(u16::to_be_bytes).into_iter().flatten());
        frame.extend(payload);
        frame
    }

    /// Reads a stream that arrives in steps: the publish, the summary of its payload, and what is left.
    fn read(stream: &[u8], step: usize, limit: usize) -> (Option<(Head, Skim)>, BytesMut) {
        let (mut read, mut passing) = (BytesMut::new(), None);
        let mut steps = stream.chunks(step);
        let found = loop {
            let now: Box<Passing> = match passing.take() {
                Some(now) => now,
                None => match begin(&mut read, limit) {
                    Beginning::Large(now) => now,
                    Beginning::Whole(head, payload) => break Some((head, Skim::of(&payload))),
                    Beginning::Malformed => break None,
                    Beginning::Other | Beginning::Incomplete => {
                        let Some(step) = steps.next() else { break None };
                        read.extend_from_slice(step);
                        continue;
                    }
                },
            };
            match now.pass(&mut read) {
                Ok(publish) => break Some(publish),
                Err(now) => passing = Some(now),
            }
            assert!(read.is_empty(), "nothing of the payload is kept");
            let Some(step) = steps.next() else { break None };
            read.extend_from_slice(step);
        };
        steps.for_each(|step| read.extend_from_slice(step));
        (found, read)
    }

    #[test]
    fn reads_small_and_large_ones_alike_and_leaves_what_follows() {
        let vehicle = VehicleId::try_new("a").unwrap();
        for (first, id) in [(0x30, None), (0x32, Some(7)), (0x3a, Some(9)), (0x34, Some(u16::MAX))] {
            for (size, step) in [(0, 1), (1, 1), (127, 1), (127, 7), (20_000, 1), (200_000, 7), (3_000_000, 4_096)] {
                for limit in [4, 100, 256 * 1024, usize::MAX] {
                    let payload = vec![b'y'; size];
                    let mut stream = publish(first, b"a/b", id, &payload);
                    stream.extend(b"next");
                    let (found, left) = read(&stream, step, limit);
                    let (head, skim) = found.unwrap();
                    assert_eq!((&head.topic[..], head.id), (&b"a/b"[..], id.unwrap_or(0)));
                    assert_eq!(head.qos as u8, first >> 1 & 3);
                    assert_eq!(&left[..], b"next");
                    let refusal = skim.refuse(Reason::TooLarge, "", &vehicle);
                    assert_eq!(refusal, Skim::of(&payload).refuse(Reason::TooLarge, "", &vehicle));
                }
            }
        }
    }

    #[test]
    fn leaves_other_packets_to_the_codec() {
        let stream = publish(0x10, b"a", None, &[0; 5_000]);
        let (found, left) = read(&stream, 100, 1_000);
        assert!(found.is_none());
        assert_eq!(left, stream);
    }

    #[test]
    fn what_mqtt_does_not_allow_is_malformed() {
        let mut long_topic = publish(0x30, b"", None, &[0xff; 2_000]);
        long_topic[3..5].copy_from_slice(&u16::MAX.to_be_bytes());
        let (qos_3, id_0) = (publish(0x36, b"a", Some(1), &[0; 2_000]), publish(0x32, b"a", Some(0), &[0; 2_000]));
        for stream in [qos_3, id_0, long_topic, vec![0x30, 0], vec![0x30, 1, 0], vec![0x32, 3, 0, 1, b'a']] {
            for limit in [1_000, 1_000_000] {
                let mut read = BytesMut::from(&stream[..]);
                assert!(
                    matches!(begin(&mut read, limit), Beginning::Malformed),
                    "{:?}",
                    &stream[..5.min(stream.len())]
                );
            }
        }
    }
}
