//! MQTT 3.1.1 packets on a TCP connection, read and written with rumqttd's own codec.

use std::io;
use std::time::Duration;

use bytes::BytesMut;
use rumqttd::protocol::v4::V4;
use rumqttd::protocol::{Error, Packet, Protocol};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::access::Cause;

/// Room that one read takes; also what an idle connection costs.
const READ: usize = 4 * 1024;

/// One connection.
pub struct Packets {
    stream: TcpStream,
    read: BytesMut,
    written: BytesMut,
    max_packet: usize,
    write_timeout: Duration,
}

/// How a connection ends.
#[derive(Debug)]
pub enum End {
    /// By its client, in order.
    Disconnected,
    /// By its client or the network.
    Lost,
    /// By us.
    Closed(Cause),
    /// With this broker.
    Shutdown,
}

impl Packets {
    pub fn new(stream: TcpStream, max_packet: usize, write_timeout: Duration) -> Self {
        Self { stream, read: BytesMut::new(), written: BytesMut::new(), max_packet, write_timeout }
    }

    /// Waits for bytes; nothing is lost if this is dropped.
    pub async fn fill(&mut self) -> Result<(), End> {
        self.read.reserve(READ);
        match self.stream.read_buf(&mut self.read).await {
            Ok(0) | Err(_) => Err(End::Lost),
            Ok(_) => Ok(()),
        }
    }

    /// The next packet, if all of it was read.
    pub fn next(&mut self) -> Result<Option<Packet>, End> {
        let Some(first) = self.read.first() else {
            return Ok(None);
        };
        // rumqttd closes connections over details of QoS 2; so does this, and says why.
        if first >> 4 == 3 && first >> 1 & 0b11 == 2 {
            return Err(End::Closed(Cause::Qos));
        }
        match V4.read_mut(&mut self.read, self.max_packet) {
            Ok(packet) => Ok(Some(packet)),
            Err(Error::InsufficientBytes(_)) => Ok(None),
            Err(Error::PayloadSizeLimitExceeded(_)) => Err(End::Closed(Cause::TooLarge)),
            Err(_) => Err(End::Closed(Cause::Packet)),
        }
    }

    /// Waits for one packet.
    pub async fn receive(&mut self) -> Result<Packet, End> {
        loop {
            if let Some(packet) = self.next()? {
                return Ok(packet);
            }
            self.fill().await?;
        }
    }

    /// Puts a packet among those to send; returns its packet id if it is a publish with one.
    pub fn write(&mut self, packet: Packet) -> Result<Option<u16>, End> {
        let start = self.written.len();
        V4.write(packet, &mut self.written).map_err(|_| End::Lost)?;
        Ok(self.written.get(start..).and_then(packet_id))
    }

    /// Sends what was written.
    pub async fn flush(&mut self) -> Result<(), End> {
        if self.written.is_empty() {
            return Ok(());
        }
        let sent: io::Result<()> = match timeout(self.write_timeout, self.stream.write_all(&self.written)).await {
            Ok(sent) => sent,
            Err(_) => return Err(End::Closed(Cause::Slow)),
        };
        self.written.clear();
        sent.map_err(|_| End::Lost)
    }
}

/// The packet id of a framed publish above QoS 0; rumqttd does not show it.
fn packet_id(frame: &[u8]) -> Option<u16> {
    let first = *frame.first()?;
    if first >> 4 != 3 || first & 0b110 == 0 {
        return None;
    }
    let length_end = 2 + frame.iter().skip(1).take(4).take_while(|byte| **byte & 0x80 != 0).count();
    let number = |at: usize| Some(u16::from_be_bytes([*frame.get(at)?, *frame.get(at + 1)?]));
    number(length_end + 2 + usize::from(number(length_end)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_packet_id_behind_topic_and_length() {
        let frame = |payload: usize| {
            let remaining = 2 + 3 + 2 + payload;
            let mut frame = vec![0x32];
            let mut rest = remaining;
            while rest >= 128 {
                frame.push((rest % 128) as u8 | 0x80);
                rest /= 128;
            }
            frame.push(rest as u8);
            frame.extend([0, 3, b'a', b'/', b'b', 0x12, 0x34]);
            frame.extend(vec![0; payload]);
            frame
        };
        for payload in [0, 1, 120, 121, 20_000, 3_000_000] {
            assert_eq!(packet_id(&frame(payload)), Some(0x1234), "{payload}");
        }
        assert_eq!(packet_id(&[0x30, 2, 0, 0]), None, "QoS 0");
        assert_eq!(packet_id(&[0x40, 2, 0, 1]), None, "PUBACK");
        assert_eq!(packet_id(&[0x32]), None);
    }
}
