//! Hostile deliveries, made from a seed: everything a broken or malicious sender might try.
//!
//! Each must be refused with a reason, and nothing else may happen; none of them is a message that
//! could be admitted. Used by the tests here, by the black-box tests and by the simulator.

use crate::topic;

/// One delivery that must be refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hostile {
    /// What is tried.
    pub trick: &'static str,
    pub topic: String,
    pub payload: Vec<u8>,
}

/// `n` different hostile deliveries in the name of `vehicle`, the same for the same seed.
pub fn hostile_payloads(seed: u64, n: usize, vehicle: &str) -> Vec<Hostile> {
    let mut dice = Dice(seed ^ 0x9e37_79b9_7f4a_7c15);
    (0..n)
        .map(|place| {
            let (trick, make) = TRICKS[place % TRICKS.len()];
            let mut hostile = Hostile { trick, topic: topic::telemetry(vehicle), payload: Vec::new() };
            make(&mut hostile, &mut dice);
            hostile
        })
        .collect()
}

type Trick = fn(&mut Hostile, &mut Dice);

/// All tricks, in turn.
const TRICKS: &[(&str, Trick)] = &[
    ("truncated", |hostile, dice| {
        hostile.payload = message(dice).into_bytes();
        hostile.payload.truncate(dice.below(hostile.payload.len()));
    }),
    ("bytes beyond ASCII among the structure", |hostile, dice| {
        hostile.payload = message(dice).into_bytes();
        let places: Vec<usize> =
            (0..hostile.payload.len()).filter(|at| b"{}:".contains(&hostile.payload[*at])).collect();
        let at = dice.pick(&places);
        hostile.payload[at] ^= 0x80;
    }),
    ("nested deeply", |hostile, dice| {
        let depth = 9 + dice.below(20_000);
        let (open, close) = if dice.below(2) == 0 { ("[", "]") } else { ("{\"a\":", "}") };
        let value = format!("{}1{}", open.repeat(depth), close.repeat(depth));
        hostile.payload = with(dice, &format!("\"x\":{value}"));
    }),
    ("nested deeply and never closed", |hostile, dice| {
        hostile.payload = "[".repeat(1 + dice.below(60_000)).into_bytes();
    }),
    ("number beyond every float", |hostile, dice| {
        let exponent = 309 + dice.below(1_000_000);
        let value = format!("{}e{exponent}", 1 + dice.below(9));
        hostile.payload = signal_only(dice, &value);
    }),
    ("thousands of digits", |hostile, dice| {
        let value = "9".repeat(310 + dice.below(5_000));
        hostile.payload = signal_only(dice, &value);
    }),
    ("number as a string", |hostile, dice| {
        let value = format!("\"{}\"", dice.below(1_000));
        hostile.payload = signal_only(dice, &value);
    }),
    ("object as a value", |hostile, dice| {
        let value = dice.pick(&["{}", "[]", "[1]", "{\"value\":1}", "true", "null"]);
        hostile.payload = signal_only(dice, value);
    }),
    ("what is no number", |hostile, dice| {
        let value = dice.pick(&[
            "NaN",
            "Infinity",
            "-Infinity",
            "nan",
            "0x10",
            "1_000",
            "01",
            "1.",
            ".5",
            "+1",
            "--1",
            "1e",
            "٣",
        ]);
        hostile.payload = signal_only(dice, value);
    }),
    ("a key of the envelope twice", |hostile, dice| {
        let twice = dice.pick(&[
            "\"seq\":7",
            "\"stream\":1",
            "\"ts\":\"2026-01-01T00:00:00Z\"",
            "\"signals\":{}",
            "\"faults\":[]",
        ]);
        hostile.payload = with(dice, &format!("{twice},{twice}"));
    }),
    ("a signal twice", |hostile, dice| {
        let (one, other) = (dice.below(999), dice.below(999));
        let signals = format!("\"Vehicle.TraveledDistance\":{one},\"Vehicle.TraveledDistance\":{other}");
        hostile.payload = format!("{{\"ts\":\"{TS}\",\"signals\":{{{signals}}}}}").into_bytes();
    }),
    ("invalid UTF-8", |hostile, dice| {
        hostile.payload = message(dice).into_bytes();
        let at = 1 + dice.below(hostile.payload.len() - 2);
        let bad: &[u8] = dice.pick(&[&b"\xff"[..], b"\xc0\xaf", b"\xed\xa0\x80", b"\xf5\x80\x80\x80", b"\x80"]);
        hostile.payload.splice(at..at, bad.iter().copied());
    }),
    ("too many signals", |hostile, dice| {
        let signals: Vec<String> = (0..513 + dice.below(500)).map(|n| format!("\"S{n}\":1")).collect();
        hostile.payload = format!("{{\"ts\":\"{TS}\",\"signals\":{{{}}}}}", signals.join(",")).into_bytes();
    }),
    ("too many samples", |hostile, dice| {
        let samples = vec![format!("{{\"ts\":\"{TS}\",\"signals\":{{}}}}"); 257 + dice.below(300)];
        hostile.payload = format!("{{\"samples\":[{}]}}", samples.join(",")).into_bytes();
    }),
    ("too many fault codes", |hostile, dice| {
        let faults = vec!["{\"code\":\"P0301\",\"status\":1}"; 201 + dice.below(300)];
        hostile.payload = format!("{{\"ts\":\"{TS}\",\"faults\":[{}]}}", faults.join(",")).into_bytes();
    }),
    ("too large", |hostile, dice| {
        let filler = "x".repeat(65_536 + dice.below(100_000));
        hostile.payload = with(dice, &format!("\"x\":\"{filler}\""));
    }),
    ("NUL bytes", |hostile, dice| {
        hostile.payload = message(dice).into_bytes();
        let at = dice.below(hostile.payload.len());
        hostile.payload.insert(at, 0);
    }),
    ("a negative or huge number in the numbering", |hostile, dice| {
        let number =
            dice.pick(&["-1", "0", "18446744073709551616", "9223372036854775808", "1e3", "1.5", "\"7\"", "null"]);
        let key = dice.pick(&["stream", "seq", "oldest"]);
        let mut numbering = [("stream", "1"), ("seq", "9"), ("oldest", "2")];
        for (name, value) in &mut numbering {
            if *name == key {
                *value = number;
            }
        }
        let numbering: Vec<String> = numbering.iter().map(|(name, value)| format!("\"{name}\":{value}")).collect();
        hostile.payload = format!("{{{},\"ts\":\"{TS}\",\"signals\":{{}}}}", numbering.join(",")).into_bytes();
    }),
    ("half a numbering", |hostile, dice| {
        let half = dice.pick(&["\"stream\":1", "\"seq\":1", "\"oldest\":1", "\"stream\":1,\"seq\":1,\"oldest\":2"]);
        hostile.payload = format!("{{{half},\"ts\":\"{TS}\",\"signals\":{{}}}}").into_bytes();
    }),
    ("a time that is none", |hostile, dice| {
        let ts = dice.pick(&[
            "1732238400",
            "\"\"",
            "\"now\"",
            "\"2026-02-30T00:00:00Z\"",
            "\"2026-01-01\"",
            "\"99999-01-01T00:00:00Z\"",
            "\"-0001-01-01T00:00:00Z\"",
            "null",
            "[]",
            "\"2026-01-01T00:00:00\"",
        ]);
        hostile.payload = format!("{{\"stream\":1,\"seq\":1,\"ts\":{ts},\"signals\":{{}}}}").into_bytes();
    }),
    ("no signal that exists", |hostile, dice| {
        let path = dice.pick(&[
            "__proto__",
            "../../etc/passwd",
            "'; drop table journal; --",
            "Vehicle",
            "",
            "Vehicle.TraveledDistance\\u0000",
        ]);
        let value = dice.below(100);
        hostile.payload = format!("{{\"ts\":\"{TS}\",\"signals\":{{\"{path}\":{value}}}}}").into_bytes();
    }),
    ("a fault code that is none", |hostile, dice| {
        let code = dice.pick(&["P0301; drop", "X0301", "P4301", "P03", "P0301-ZZ", "", "p0301\\n", "\\u0000"]);
        hostile.payload =
            format!("{{\"ts\":\"{TS}\",\"faults\":[{{\"code\":\"{code}\",\"status\":{}}}]}}", dice.below(256))
                .into_bytes();
    }),
    ("another wire form beside the first", |hostile, dice| {
        hostile.payload = with(dice, "\"samples\":[]");
    }),
    ("something after the message", |hostile, dice| {
        hostile.payload = message(dice).into_bytes();
        hostile.payload.extend_from_slice(dice.pick(&[&b"{}"[..], b",", b"]", b"\0", b"x", b"\xef\xbb\xbf", b"1"]));
    }),
    ("not an object", |hostile, dice| {
        hostile.payload =
            dice.pick(&[&b""[..], b" ", b"null", b"[]", b"1", b"\"x\"", b"true", b"{}", b"\xef\xbb\xbf{}"]).to_vec();
    }),
    ("noise", |hostile, dice| {
        hostile.payload = (0..dice.below(2_000)).map(|_| dice.below(256) as u8).collect();
    }),
    ("binary of another dialect", |hostile, dice| {
        hostile.payload = vec![0xa4, 0x66, b's', b't', b'r', b'e', b'a', b'm', 0x01];
        hostile.payload.extend((0..dice.below(200)).map(|_| dice.below(256) as u8));
    }),
    ("another vehicle's name in the payload", |hostile, dice| {
        hostile.payload = with(dice, "\"vehicle\":\"not-this-one\"");
    }),
    ("a topic that is none", |hostile, dice| {
        let topics = [
            "premend/v1/../../etc/passwd/telemetry",
            "premend/v1/a/../b/telemetry",
            "premend/v1//telemetry",
            "premend/v1/+/telemetry",
            "premend/v1/#",
            "premend/v1/a b/telemetry",
            "premend/v1/%2e%2e/telemetry",
            "premend/v1/LSVAA41870C123456/telemetry",
            "premend/v1/\u{0}/telemetry",
            "premend/v1/é/telemetry",
            "$SYS/broker/clients",
            "",
        ];
        dice.pick(&topics).clone_into(&mut hostile.topic);
        hostile.payload = message(dice).into_bytes();
    }),
    ("a topic that never ends", |hostile, dice| {
        hostile.topic = topic::telemetry(&"v".repeat(65 + dice.below(5_000)));
        hostile.payload = message(dice).into_bytes();
    }),
];

const TS: &str = "2026-01-01T00:00:00Z";

/// A message that would be read, but for what is then done to it.
fn message(dice: &mut Dice) -> String {
    format!(
        "{{\"stream\":1,\"seq\":{},\"ts\":\"{TS}\",\"signals\":{{\"Vehicle.TraveledDistance\":{}}}}}",
        1 + dice.below(1_000_000),
        dice.below(100_000_000)
    )
}

/// The same with one more member in front.
fn with(dice: &mut Dice, member: &str) -> Vec<u8> {
    message(dice).replacen('{', &format!("{{{member},"), 1).into_bytes()
}

/// A message with nothing in it but one signal's value.
fn signal_only(dice: &mut Dice, value: &str) -> Vec<u8> {
    let seq = 1 + dice.below(1_000_000);
    format!("{{\"stream\":1,\"seq\":{seq},\"ts\":\"{TS}\",\"signals\":{{\"Vehicle.TraveledDistance\":{value}}}}}")
        .into_bytes()
}

/// Numbers that look random and are the same everywhere: SplitMix64.
struct Dice(u64);

impl Dice {
    /// One of a list that is not empty.
    fn pick<T: Copy>(&mut self, list: &[T]) -> T {
        list[self.below(list.len())]
    }

    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = self.0;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((word ^ (word >> 31)) % limit.max(1) as u64) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_the_same_for_the_same_seed_only() {
        let payloads = hostile_payloads(1, 200, "car");
        assert_eq!(payloads, hostile_payloads(1, 200, "car"));
        assert_ne!(payloads, hostile_payloads(2, 200, "car"));
        assert!(TRICKS.iter().all(|(trick, _)| payloads.iter().any(|hostile| hostile.trick == *trick)));
    }
}
