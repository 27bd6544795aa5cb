//! Strings: borrowed as they stand, eight bytes at a time; written anew only where they are escaped.

use std::borrow::Cow;

use super::reader::{Reader, Result};

impl<'a> Reader<'a> {
    #[inline]
    pub(super) fn string(&mut self) -> Result<Cow<'a, str>> {
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
}

/// How many of eight bytes, from the lowest, are neither quote, backslash nor control character.
#[inline]
pub(super) fn plain_bytes(eight: u64) -> usize {
    const ONES: u64 = u64::MAX / 255;
    const HIGH: u64 = ONES << 7;
    // The high bit of each byte that is zero, and perhaps of bytes above one: only the lowest counts.
    let zero = |bytes: u64| bytes.wrapping_sub(ONES) & !bytes & HIGH;
    let control = eight.wrapping_sub(ONES * 0x20) & !eight & HIGH;
    let special = zero(eight ^ (ONES * u64::from(b'"'))) | zero(eight ^ (ONES * u64::from(b'\\'))) | control;
    special.trailing_zeros() as usize / 8
}
