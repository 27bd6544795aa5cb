//! What is a document and what is not, held to serde_json's judgement.

use proptest::prelude::*;
use rules::vehicle::Reason;

use super::text::plain_bytes;
use super::{Reader, Value};

fn accepts(payload: &[u8]) -> bool {
    Reader::new(payload).and_then(|mut reader| reader.value().and_then(|_| reader.end())).is_ok()
}

fn number(text: &str) -> f64 {
    let mut reader = Reader::new(text.as_bytes()).unwrap();
    match reader.value().unwrap() {
        Value::Number(number) => number.as_f64(),
        _ => panic!("{text} is no number"),
    }
}

#[test]
fn finds_the_first_special_byte_of_eight() {
    for place in 0..8 {
        for special in [b'"', b'\\', 0, 0x1f] {
            for around in [b'a', 0x20, 0x7f, 0x80, 0xff, b'!', b'#', b'[', b']'] {
                let mut eight = [around; 8];
                eight[place] = special;
                assert_eq!(plain_bytes(u64::from_le_bytes(eight)), place, "{eight:?}");
                assert_eq!(plain_bytes(u64::from_le_bytes([around; 8])), 8);
            }
        }
    }
}

#[test]
fn judges_documents_as_serde_json_does() {
    for payload in [
        "",
        " ",
        "{",
        "}",
        "[1,]",
        "[1,2]",
        "{\"a\":1,}",
        "{\"a\" 1}",
        "{a:1}",
        "01",
        "-",
        "-0",
        "1.",
        ".5",
        "1e",
        "1e+",
        "1e5",
        "+1",
        "NaN",
        "Infinity",
        "-Infinity",
        "nul",
        "null",
        "truex",
        "\"\\x\"",
        "\"\\u12\"",
        "\"\\ud800\"",
        "\"\\ud83d\\ude00\"",
        "\"\\udc00\"",
        "\"a\nb\"",
        "\"a",
        "[[[[]]]]",
        "1 2",
        "\u{feff}1",
        "{\"a\":{\"b\":[]}} \n",
        "\"\\u0000\"",
        "\"\\\"",
        "[1 2]",
        "{\"a\":1 \"b\":2}",
        "'a'",
        "// c\n1",
    ] {
        let reference = serde_json::from_str::<serde_json::Value>(payload).is_ok();
        assert_eq!(accepts(payload.as_bytes()), reference, "{payload}");
    }
}

#[test]
fn refuses_what_is_nested_too_deeply_without_recursing_on() {
    let deep = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    assert!(accepts(deep(8).as_bytes()));
    let payload = deep(100_000);
    let error = Reader::new(payload.as_bytes()).unwrap().value().err().unwrap();
    assert_eq!(error.reason, Reason::TooDeep);
}

#[test]
fn makes_the_nearest_float() {
    for text in
        ["0", "-0.0", "12.41", "48211300", "1e-7", "0.1", "1e22", "1e23", "123456789012345678901234567890", "5e-324"]
    {
        assert_eq!(number(text).to_bits(), text.parse::<f64>().unwrap().to_bits(), "{text}");
    }
    assert_eq!(number("1e400"), f64::INFINITY);
    assert_eq!(number("1e99999999999999"), f64::INFINITY);
    assert_eq!(number("0e99999999999999"), 0.0);
}

#[test]
fn counts_from_one_to_what_a_signed_integer_holds() {
    for (text, ordinal) in [
        ("1", Some(1)),
        ("9223372036854775807", Some(i64::MAX as u64)),
        ("9223372036854775808", None),
        ("18446744073709551616", None),
        ("99999999999999999999999", None),
        ("0", None),
        ("-1", None),
        ("1.0", None),
        ("1e3", None),
        ("\"1\"", None),
    ] {
        assert_eq!(Reader::new(text.as_bytes()).unwrap().ordinal("x").ok(), ordinal, "{text}");
    }
}

proptest! {
    #[test]
    fn any_float_survives(value in any::<f64>().prop_filter("finite", |value| value.is_finite())) {
        prop_assert_eq!(number(&serde_json::to_string(&value).unwrap()).to_bits(), value.to_bits());
        prop_assert_eq!(number(&format!("{value}")).to_bits(), value.to_bits());
    }

    #[test]
    fn any_text_survives(text in ".*") {
        let json = serde_json::to_string(&text).unwrap();
        let mut reader = Reader::new(json.as_bytes()).unwrap();
        prop_assert_eq!(reader.text().unwrap(), text);
    }

    #[test]
    fn mangled_documents_are_judged_as_serde_json_does(
        at in 0_usize..60, byte in any::<u8>(), document in "[\\[\\]{}\",:0-9eE.+\\-truefalsn\\\\ ]{0,40}",
    ) {
        let mut payload = br#"{"a":[1,-2.5e3,"x\u00e9"],"b":{"c":null,"d":true}}"#.to_vec();
        if let Some(place) = payload.get_mut(at) { *place = byte; }
        for payload in [payload, document.into_bytes()] {
            let reference = serde_json::from_slice::<serde_json::Value>(&payload);
            // serde_json refuses numbers out of range; here that is for the caller to judge.
            let reference = reference.is_ok() || reference.is_err_and(|e| e.to_string().starts_with("number out of range"));
            prop_assert_eq!(accepts(&payload), reference, "{}", String::from_utf8_lossy(&payload));
        }
    }
}
