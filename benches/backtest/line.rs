//! Lines of recorded messages: the wire's shape with a key `vehicle`, and back again.

use std::io::{self, Write};

use simulator::delivery::Message;

/// Writes one message as a line.
pub fn write(out: &mut impl Write, vehicle: &str, message: &Message) -> io::Result<()> {
    let payload = message.encode();
    write!(out, "{{\"vehicle\":\"{vehicle}\",")?;
    out.write_all(payload.strip_prefix(b"{").unwrap_or(&payload))?;
    out.write_all(b"\n")
}

/// The vehicle of a line, and the payload as it was published.
pub fn read(line: &[u8]) -> Option<(&str, Vec<u8>)> {
    let behind = line.strip_prefix(b"{\"vehicle\":\"")?;
    let end = behind.iter().position(|byte| *byte == b'"')?;
    let rest = behind.get(end + 2..)?;
    let vehicle = str::from_utf8(behind.get(..end)?).ok()?;
    Some((vehicle, [b"{", rest].concat()))
}
