//! Numbers: checked as JSON has them, and made into the nearest float, quickly where that is exact.

use std::str::FromStr;

use super::reader::{Reader, Result};

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
    #[inline]
    pub(super) fn number(&mut self) -> Result<Number<'a>> {
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
