//! MQTT 3.1.1 packets on a TCP connection, read and written with rumqttd's own codec.

use std::io;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use rumqttd::protocol::v4::V4;
use rumqttd::protocol::{Error, Packet, Protocol};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::access::Cause;
use super::publish::{self, Beginning, Head, Passing};
use crate::skim::Skim;

/// Room that one read takes; also what an idle connection costs.
const READ: usize = 4 * 1024;
/// The same while a payload is read past.
const LARGE_READ: usize = 64 * 1024;
/// What MQTT calls a CONNECT.
const CONNECT: u8 = 1;

/// One connection.
pub struct Packets {
    stream: TcpStream,
    read: BytesMut,
    /// A publish beyond the size limit that is being read past.
    passing: Option<Box<Passing>>,
    passed: u64,
    written: BytesMut,
    max_packet: usize,
    write_timeout: Duration,
}

/// What a client sent.
pub enum Incoming {
    Publish(Head, Bytes),
    /// A publish beyond the size limit, without its payload.
    Oversize(Head, Skim),
    Packet(Packet),
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
        Self {
            stream,
            read: BytesMut::new(),
            passing: None,
            passed: 0,
            written: BytesMut::new(),
            max_packet,
            write_timeout,
        }
    }

    /// Waits for bytes; nothing is lost if this is dropped.
    pub async fn fill(&mut self) -> Result<(), End> {
        self.read.reserve(if self.passing.is_some() { LARGE_READ } else { READ });
        match self.stream.read_buf(&mut self.read).await {
            Ok(0) | Err(_) => Err(End::Lost),
            Ok(_) => Ok(()),
        }
    }

    /// The next packet, if all of it was read.
    pub fn next(&mut self) -> Result<Option<Incoming>, End> {
        let passing = match self.passing.take() {
            Some(passing) => passing,
            None => match publish::begin(&mut self.read, self.max_packet) {
                Beginning::Other => return self.next_packet(),
                Beginning::Whole(head, payload) => return Ok(Some(Incoming::Publish(head, payload))),
                Beginning::Incomplete => return Ok(None),
                Beginning::Malformed => return Err(End::Closed(Cause::Packet)),
                Beginning::Large(passing) => passing,
            },
        };
        let here = self.read.len();
        let passed = passing.pass(&mut self.read);
        self.passed += (here - self.read.len()) as u64;
        match passed {
            Ok((head, skim)) => {
                if self.read.is_empty() {
                    // The room for large reads is not kept.
                    self.read = BytesMut::new();
                }
                Ok(Some(Incoming::Oversize(head, skim)))
            }
            Err(passing) => {
                self.passing = Some(passing);
                Ok(None)
            }
        }
    }

    /// Bytes read past since the last call.
    pub fn take_passed(&mut self) -> u64 {
        std::mem::take(&mut self.passed)
    }

    fn next_packet(&mut self) -> Result<Option<Incoming>, End> {
        if self.read.is_empty() {
            return Ok(None);
        }
        match V4.read_mut(&mut self.read, self.max_packet) {
            Ok(packet) => Ok(Some(Incoming::Packet(packet))),
            Err(Error::InsufficientBytes(_)) => Ok(None),
            Err(Error::PayloadSizeLimitExceeded(_)) => Err(End::Closed(Cause::TooLarge)),
            Err(_) => Err(End::Closed(Cause::Packet)),
        }
    }

    /// Waits for the first packet, which must be a CONNECT.
    pub async fn receive_connect(&mut self) -> Result<Packet, End> {
        loop {
            if self.read.first().is_some_and(|first| first >> 4 != CONNECT) {
                return Err(End::Closed(Cause::NoConnect));
            }
            if let Some(Incoming::Packet(packet)) = self.next()? {
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
