//! A strict JSON reader for hostile payloads: borrows, allocates for escaped strings only, and lets
//! its caller refuse one value without losing the document.
//!
//! Why not serde_json: a number beyond `f64` must refuse its reading, not the message around it;
//! duplicate keys, depth and counts are checked while reading; and it is faster on our shape. The
//! tests hold it to serde_json's judgement on what is a document.

use std::borrow::Cow;
use std::str::FromStr;

use rules::reading::Reason;

use super::DecodeError;

/// Levels of nesting that a payload may have.
pub const MAX_DEPTH: u8 = 8;

type Result<T> = std::result::Result<T, DecodeError>;

/// Reads one document from front to back.
pub struct Reader<'a> {
    text: &'a str,
    bytes: &'a [u8],
    at: usize,
    depth: u8,
}

/// A value that is not looked into.
pub enum Value<'a> {
    Null,
    Bool(bool),
    Number(Number<'a>),
    Text(Cow<'a, str>),
    /// An object or a list, skipped.
    Nested,
}

/// A number as written, and enough of it to make a float quickly.
pub struct Number<'a> {
    text: &'a [u8],
    negative: bool,
    mantissa: u64,
    /// Digits that went into the mantissa.
    digits: u32,
    exponent: i32,
    /// Neither fraction nor exponent.
    whole: bool,
}

impl<'a> Reader<'a> {
    pub fn new(payload: &'a [u8]) -> Result<Self> {
        let text = std::str::from_utf8(payload)
            .map_err(|error| DecodeError::new(Reason::Unreadable, "not UTF-8", error.valid_up_to()))?;
        Ok(Self { text, bytes: payload, at: 0, depth: 0 })
    }

    /// An error at the present place.
    pub fn error(&self, what: &'static str) -> DecodeError {
        DecodeError::new(Reason::Unreadable, what, self.at)
    }

    /// Reads an object, calling `member` with each key and the reader at its value.
    pub fn object(&mut self, mut member: impl FnMut(&mut Self, Cow<'a, str>) -> Result<()>) -> Result<()> {
        if self.next_byte() != Some(b'{') {
            return Err(self.error("an object is expected"));
        }
        self.at += 1;
        self.descend()?;
        if self.next_byte() == Some(b'}') {
            self.at += 1;
            self.depth -= 1;
            return Ok(());
        }
        loop {
            if self.next_byte() != Some(b'"') {
                return Err(self.error("a key is expected"));
            }
            let key = self.string()?;
            if self.next_byte() != Some(b':') {
                return Err(self.error("a colon is expected"));
            }
            self.at += 1;
            member(self, key)?;
            if self.ends_or_continues(b'}')? {
                return Ok(());
            }
        }
    }

    /// Reads a list, calling `element` with the reader at each element.
    pub fn list(&mut self, mut element: impl FnMut(&mut Self) -> Result<()>) -> Result<()> {
        if self.next_byte() != Some(b'[') {
            return Err(self.error("a list is expected"));
        }
        self.at += 1;
        self.descend()?;
        if self.next_byte() == Some(b']') {
            self.at += 1;
            self.depth -= 1;
            return Ok(());
        }
        loop {
            element(self)?;
            if self.ends_or_continues(b']')? {
                return Ok(());
            }
        }
    }

    /// Reads any value; objects and lists are checked and skipped.
    pub fn value(&mut self) -> Result<Value<'a>> {
        match self.next_byte() {
            Some(b'"') => self.string().map(Value::Text),
            Some(b'-' | b'0'..=b'9') => self.number().map(Value::Number),
            Some(b'{') => self.object(|reader, _| reader.value().map(drop)).map(|()| Value::Nested),
            Some(b'[') => self.list(|reader| reader.value().map(drop)).map(|()| Value::Nested),
            Some(b't') => self.word("true").map(|()| Value::Bool(true)),
            Some(b'f') => self.word("false").map(|()| Value::Bool(false)),
            Some(b'n') => self.word("null").map(|()| Value::Null),
            Some(_) => Err(self.error("a value is expected")),
            None => Err(self.error("the payload ends early")),
        }
    }

    /// A string value.
    pub fn text(&mut self) -> Result<Cow<'a, str>> {
        match self.value()? {
            Value::Text(text) => Ok(text),
            _ => Err(self.error("a string is expected")),
        }
    }

    /// A whole number from 1 to what a signed 64-bit integer holds.
    pub fn ordinal(&mut self, what: &'static str) -> Result<u64> {
        let Value::Number(number) = self.value()? else {
            return Err(self.error(what));
        };
        match number.as_u64() {
            Some(ordinal @ 1..=0x7fff_ffff_ffff_ffff) => Ok(ordinal),
            _ => Err(self.error(what)),
        }
    }

    /// Nothing but white space may follow.
    pub fn end(&mut self) -> Result<()> {
        match self.next_byte() {
            None => Ok(()),
            Some(_) => Err(self.error("something follows the document")),
        }
    }

    /// Skips white space and looks at what comes.
    #[inline]
    fn next_byte(&mut self) -> Option<u8> {
        loop {
            let byte = *self.bytes.get(self.at)?;
            // Everything up to the blank is white space or no JSON at all.
            if byte > b' ' || !matches!(byte, b' ' | b'\n' | b'\r' | b'\t') {
                return Some(byte);
            }
            self.at += 1;
        }
    }

    #[inline]
    fn descend(&mut self) -> Result<()> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(DecodeError::new(Reason::TooDeep, "nested too deeply", self.at));
        }
        Ok(())
    }

    /// After an element: a comma (false), or the end of what encloses it (true).
    #[inline]
    fn ends_or_continues(&mut self, close: u8) -> Result<bool> {
        let byte = self.next_byte();
        if byte == Some(close) {
            self.at += 1;
            self.depth -= 1;
            return Ok(true);
        }
        if byte == Some(b',') {
            self.at += 1;
            return Ok(false);
        }
        Err(self.error("a comma or an end is expected"))
    }

    fn word(&mut self, word: &'static str) -> Result<()> {
        if self.bytes.get(self.at..self.at + word.len()) != Some(word.as_bytes()) {
            return Err(self.error("a value is expected"));
        }
        self.at += word.len();
        Ok(())
    }

    #[inline]
    fn string(&mut self) -> Result<Cow<'a, str>> {
        self.at += 1;
        let start = self.at;
        let (eights, rest) = self.bytes.get(start..).unwrap_or_default().as_chunks::<8>();
        let mut length = 0;
        let mut ended = false;
        for eight in eights {
            let plain = plain_bytes(u64::from_le_bytes(*eight));
            length += plain;
            if plain < 8 {
                ended = true;
                break;
            }
        }
        if !ended {
            length += rest.iter().take_while(|byte| !matches!(byte, b'"' | b'\\' | 0..=0x1f)).count();
        }
        self.at = start + length;
        match self.bytes.get(self.at) {
            Some(b'"') => {
                let text = self.text.get(start..self.at).unwrap_or_default();
                self.at += 1;
                Ok(Cow::Borrowed(text))
            }
            Some(b'\\') => self.escaped_string(start).map(Cow::Owned),
            Some(_) => Err(self.error("a control character in a string")),
            None => Err(self.error("the payload ends early")),
        }
    }

    #[cold]
    fn escaped_string(&mut self, start: usize) -> Result<String> {
        let mut text = self.text.get(start..self.at).unwrap_or_default().to_owned();
        loop {
            let from = self.at;
            while matches!(self.bytes.get(self.at), Some(byte) if *byte >= 0x20 && !matches!(byte, b'"' | b'\\')) {
                self.at += 1;
            }
            text.push_str(self.text.get(from..self.at).unwrap_or_default());
            match self.bytes.get(self.at) {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(text);
                }
                Some(b'\\') => text.push(self.escape()?),
                Some(_) => return Err(self.error("a control character in a string")),
                None => return Err(self.error("the payload ends early")),
            }
        }
    }

    fn escape(&mut self) -> Result<char> {
        let escape = self.bytes.get(self.at + 1).copied();
        self.at += 2;
        match escape {
            Some(plain @ (b'"' | b'\\' | b'/')) => Ok(char::from(plain)),
            Some(b'b') => Ok('\u{8}'),
            Some(b'f') => Ok('\u{c}'),
            Some(b'n') => Ok('\n'),
            Some(b'r') => Ok('\r'),
            Some(b't') => Ok('\t'),
            Some(b'u') => self.unicode_escape(),
            _ => Err(self.error("not an escape")),
        }
    }

    fn unicode_escape(&mut self) -> Result<char> {
        let high = self.hex()?;
        if !(0xd800..0xdc00).contains(&high) {
            return char::from_u32(high).ok_or_else(|| self.error("half a character"));
        }
        if self.bytes.get(self.at..self.at + 2) != Some(b"\\u") {
            return Err(self.error("half a character"));
        }
        self.at += 2;
        let low = self.hex()?;
        if !(0xdc00..0xe000).contains(&low) {
            return Err(self.error("half a character"));
        }
        char::from_u32(0x1_0000 + ((high - 0xd800) << 10) + (low - 0xdc00))
            .ok_or_else(|| self.error("half a character"))
    }

    fn hex(&mut self) -> Result<u32> {
        let digits = self.bytes.get(self.at..self.at + 4).ok_or_else(|| self.error("the payload ends early"))?;
        let mut code = 0;
        for digit in digits {
            let digit = char::from(*digit).to_digit(16).ok_or_else(|| self.error("not an escape"))?;
            code = code * 16 + digit;
        }
        self.at += 4;
        Ok(code)
    }

    #[inline]
    fn number(&mut self) -> Result<Number<'a>> {
        let start = self.at;
        let negative = self.bytes.get(start) == Some(&b'-');
        let first = start + usize::from(negative);
        let (mut mantissa, integer) = digits(self.bytes, first, 0);
        if integer == 0 {
            self.at = first;
            return Err(self.error("a digit is expected"));
        }
        if integer > 1 && self.bytes.get(first) == Some(&b'0') {
            self.at = first;
            return Err(self.error("a number begins with zero"));
        }
        self.at = first + integer;
        let mut fraction = 0;
        let mut whole = true;
        if self.bytes.get(self.at) == Some(&b'.') {
            whole = false;
            (mantissa, fraction) = digits(self.bytes, self.at + 1, mantissa);
            self.at += 1 + fraction;
            if fraction == 0 {
                return Err(self.error("a digit is expected"));
            }
        }
        let mut number = Number {
            text: &[],
            negative,
            mantissa,
            digits: (integer + fraction) as u32,
            exponent: -(fraction as i32),
            whole,
        };
        if matches!(self.bytes.get(self.at), Some(b'e' | b'E')) {
            number.whole = false;
            self.at += 1;
            self.exponent(&mut number)?;
        }
        number.text = self.bytes.get(start..self.at).unwrap_or_default();
        Ok(number)
    }

    fn exponent(&mut self, number: &mut Number<'a>) -> Result<()> {
        let negative = self.bytes.get(self.at) == Some(&b'-');
        if matches!(self.bytes.get(self.at), Some(b'+' | b'-')) {
            self.at += 1;
        }
        let start = self.at;
        let mut exponent: i32 = 0;
        while let Some(byte @ b'0'..=b'9') = self.bytes.get(self.at) {
            exponent = exponent.saturating_mul(10).saturating_add(i32::from(byte - b'0'));
            self.at += 1;
        }
        if self.at == start {
            return Err(self.error("a digit is expected"));
        }
        number.exponent = number.exponent.saturating_add(if negative { exponent.saturating_neg() } else { exponent });
        Ok(())
    }
}

/// How many of eight bytes, from the lowest, are neither quote, backslash nor control character.
#[inline]
fn plain_bytes(eight: u64) -> usize {
    const ONES: u64 = u64::MAX / 255;
    const HIGH: u64 = ONES << 7;
    // The high bit of each byte that is zero, and perhaps of bytes above one: only the lowest counts.
    let zero = |bytes: u64| bytes.wrapping_sub(ONES) & !bytes & HIGH;
    let control = eight.wrapping_sub(ONES * 0x20) & !eight & HIGH;
    let special = zero(eight ^ (ONES * u64::from(b'"'))) | zero(eight ^ (ONES * u64::from(b'\\'))) | control;
    special.trailing_zeros() as usize / 8
}

/// Powers of ten that a float holds exactly.
const EXACT_POWERS: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20,
    1e21, 1e22,
];

/// Digits from a place on, taken into a mantissa, and how many there were.
#[inline]
fn digits(bytes: &[u8], from: usize, mut mantissa: u64) -> (u64, usize) {
    let mut count = 0;
    for byte in bytes.get(from..).unwrap_or_default() {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            break;
        }
        mantissa = mantissa.wrapping_mul(10).wrapping_add(u64::from(digit));
        count += 1;
    }
    (mantissa, count)
}

impl Number<'_> {
    /// The nearest float; infinite when beyond its range.
    pub fn as_f64(&self) -> f64 {
        // Clinger's fast path: both operands are exact, so one operation rounds once.
        let power = EXACT_POWERS.get(self.exponent.unsigned_abs() as usize);
        if let (Some(power), 0..=15) = (power, self.digits) {
            let mantissa = self.mantissa as f64;
            let value = if self.exponent < 0 { mantissa / power } else { mantissa * power };
            return if self.negative { -value } else { value };
        }
        self.parsed().unwrap_or(f64::INFINITY)
    }

    /// The number if it was written as a whole, non-negative one that fits.
    pub fn as_u64(&self) -> Option<u64> {
        if self.negative || !self.whole {
            return None;
        }
        if self.digits < 20 { Some(self.mantissa) } else { self.parsed() }
    }

    /// What the standard library makes of it, which is right and slow.
    #[cold]
    fn parsed<T: FromStr>(&self) -> Option<T> {
        std::str::from_utf8(self.text).ok()?.parse().ok()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

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
        for text in [
            "0",
            "-0.0",
            "12.41",
            "48211300",
            "1e-7",
            "0.1",
            "1e22",
            "1e23",
            "123456789012345678901234567890",
            "5e-324",
        ] {
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
}
