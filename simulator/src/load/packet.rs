//! The few MQTT 3.1.1 packets that the load generator writes and reads.

/// A packet from the broker, as far as the generator cares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Incoming<'a> {
    ConnAck { refused: u8 },
    SubAck { refused: bool },
    PubAck { id: u16 },
    Publish { payload: &'a [u8] },
    Other,
}

/// CONNECT with a clean session; with a password, the client's id is its user name.
pub fn connect(client: &str, password: Option<&str>) -> Vec<u8> {
    let mut body = Vec::new();
    text(&mut body, "MQTT");
    // Level 4, flags, keep-alive 600 s.
    let flags = if password.is_some() { 0b1100_0010 } else { 0b0000_0010 };
    body.extend_from_slice(&[4, flags, 0x02, 0x58]);
    text(&mut body, client);
    if let Some(password) = password {
        text(&mut body, client);
        text(&mut body, password);
    }
    packet(0x10, &body)
}

/// SUBSCRIBE to one topic at QoS 0: a later commit makes up for a lost one.
pub fn subscribe(topic: &str) -> Vec<u8> {
    let mut body = vec![0, 1];
    text(&mut body, topic);
    body.push(0);
    packet(0x82, &body)
}

/// PUBLISH at QoS 1; returns the packet and where its id stands.
pub fn publish(topic: &str, payload: &[u8]) -> (Vec<u8>, usize) {
    let mut body = Vec::new();
    text(&mut body, topic);
    let id_in_body = body.len();
    body.extend_from_slice(&[0, 0]);
    body.extend_from_slice(payload);
    let whole = packet(0x32, &body);
    let id_at = whole.len() - body.len() + id_in_body;
    (whole, id_at)
}

pub const DISCONNECT: [u8; 2] = [0xE0, 0];

/// Reads one packet from the front; returns it and its length, or `None` if it is not whole yet.
pub fn read(buffer: &[u8]) -> Option<(Incoming<'_>, usize)> {
    let (length, header) = remaining_length(buffer)?;
    let body = buffer.get(header..header + length)?;
    let incoming = match buffer.first()? >> 4 {
        2 => Incoming::ConnAck { refused: *body.get(1)? },
        4 => Incoming::PubAck { id: u16::from_be_bytes([*body.first()?, *body.get(1)?]) },
        9 => Incoming::SubAck { refused: body.get(2).is_none_or(|code| *code == 0x80) },
        3 => {
            let topic = usize::from(u16::from_be_bytes([*body.first()?, *body.get(1)?]));
            let id = if buffer.first()? & 0b110 == 0 { 0 } else { 2 };
            Incoming::Publish { payload: body.get(2 + topic + id..)? }
        }
        _ => Incoming::Other,
    };
    Some((incoming, header + length))
}

fn packet(kind: u8, body: &[u8]) -> Vec<u8> {
    let mut packet = vec![kind];
    let mut left = body.len();
    loop {
        let digit = (left % 128) as u8;
        left /= 128;
        packet.push(if left > 0 { digit | 0x80 } else { digit });
        if left == 0 {
            break;
        }
    }
    packet.extend_from_slice(body);
    packet
}

fn remaining_length(buffer: &[u8]) -> Option<(usize, usize)> {
    let mut length = 0;
    for (place, byte) in buffer.iter().skip(1).take(4).enumerate() {
        length |= usize::from(byte & 0x7F) << (7 * place);
        if byte & 0x80 == 0 {
            return Some((length, place + 2));
        }
    }
    None
}

fn text(body: &mut Vec<u8>, text: &str) {
    body.extend_from_slice(&(text.len() as u16).to_be_bytes());
    body.extend_from_slice(text.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_acknowledgements_and_publishes_and_waits_for_the_rest() {
        assert_eq!(read(&[0x40, 2, 0x12, 0x34, 0xFF]), Some((Incoming::PubAck { id: 0x1234 }, 4)));
        assert_eq!(read(&[0x40, 2, 0x12]), None);
        assert_eq!(read(&[0x20, 2, 0, 5]), Some((Incoming::ConnAck { refused: 5 }, 4)));
        assert_eq!(read(&[0x90, 3, 0, 1, 0x80]), Some((Incoming::SubAck { refused: true }, 5)));
        let whole = [0x30, 6, 0, 1, b'd', b'a', b'b', b'c'];
        assert_eq!(read(&whole), Some((Incoming::Publish { payload: b"abc" }, 8)));
    }

    #[test]
    fn a_publish_is_read_back() {
        let (packet, id_at) = publish("premend/v1/a/telemetry", &[b'x'; 300]);
        assert_eq!(&packet[id_at..id_at + 2], &[0, 0]);
        let Some((Incoming::Publish { payload }, length)) = read(&packet) else { panic!("not a publish") };
        assert_eq!((payload.len(), length), (300, packet.len()));
    }
}
