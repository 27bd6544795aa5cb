//! What may be shown of a refused payload: enough to see what is wrong, nothing that names anyone.
//!
//! It errs towards hiding. Words that could be a VIN, a plate or another long id, numbers that could
//! be a phone number or a position, mail addresses, everything that is not printable ASCII, and
//! everything beyond 120 characters, are not shown.

/// Characters that an excerpt has at most.
pub const MAX_EXCERPT: usize = 120;
/// Bytes of a payload that are looked at for one.
const WINDOW: usize = 512;
/// Places of a decimal fraction from which on it could be a position.
const PRECISE: usize = 3;
/// Digits of a number from which on it could be a phone number.
const MANY_DIGITS: usize = 7;
/// Characters of a word from which on it could be an id of something.
const LONG_WORD: usize = 11;
/// What Chinese plates begin with.
const PROVINCES: &str = "京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼使领";

/// An excerpt of a payload.
pub fn redact(payload: &[u8]) -> String {
    let window = payload.get(..WINDOW).unwrap_or(payload);
    let text = String::from_utf8_lossy(window);
    // A word that the window cuts could lose what it is recognised by.
    let whole = if window.len() < payload.len() {
        text.trim_end_matches(|c: char| !c.is_whitespace() && c != '"' && c != ',')
    } else {
        &text
    };
    redact_text(whole)
}

/// The same for a text that someone else wrote, such as the path of an unknown signal.
pub fn redact_text(text: &str) -> String {
    let mut excerpt = Excerpt::default();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        if excerpt.is_full() {
            break;
        }
        let taken = excerpt.take(rest, first);
        rest = rest.get(taken..).unwrap_or_default();
    }
    excerpt.text.truncate(MAX_EXCERPT);
    excerpt.text
}

/// The excerpt so far; ASCII only, so that bytes are characters.
#[derive(Default)]
struct Excerpt {
    text: String,
}

impl Excerpt {
    /// Longer than what is kept, because a later `@` hides what stands before it.
    fn is_full(&self) -> bool {
        self.text.len() >= MAX_EXCERPT + 64
    }

    /// Takes what `rest` begins with; returns how many bytes that were.
    fn take(&mut self, rest: &str, first: char) -> usize {
        if PROVINCES.contains(first) {
            let plate = first.len_utf8() + plate_length(rest.get(first.len_utf8()..).unwrap_or_default());
            self.text.push_str("[plate]");
            return plate;
        }
        if first == '@' {
            return self.take_mail(rest);
        }
        if first.is_ascii_digit() || (first == '+' && rest.as_bytes().get(1).is_some_and(u8::is_ascii_digit)) {
            return self.take_number(rest);
        }
        if first.is_ascii_alphabetic() {
            let word = rest.get(..word_length(rest)).unwrap_or_default();
            self.text.push_str(if could_be_an_id(word) { "[id]" } else { word });
            return word.len();
        }
        if rest.starts_with("\\u") {
            self.text.push('.');
            return 2 + rest.bytes().skip(2).take(4).take_while(u8::is_ascii_hexdigit).count();
        }
        self.text.push(if first == ' ' || first.is_ascii_graphic() { first } else { '.' });
        first.len_utf8()
    }

    fn take_mail(&mut self, rest: &str) -> usize {
        let name = self.text.trim_end_matches(is_mail_character).len();
        self.text.truncate(name);
        self.text.push_str("[mail]");
        1 + rest.chars().skip(1).take_while(|c| is_mail_character(*c)).count()
    }

    /// A number with what may stand between the digits of a phone number, or the word it begins.
    fn take_number(&mut self, rest: &str) -> usize {
        let bytes = rest.as_bytes();
        let mut end = usize::from(bytes.first() == Some(&b'+'));
        let mut digits = 0;
        while let Some(byte) = bytes.get(end) {
            let joins = matches!(byte, b' ' | b'-' | b'(' | b')') && bytes.get(end + 1).is_some_and(u8::is_ascii_digit);
            if !byte.is_ascii_digit() && !joins {
                break;
            }
            digits += usize::from(byte.is_ascii_digit());
            end += 1;
        }
        let word = word_length(rest.get(end..).unwrap_or_default());
        if word > 0 {
            let whole = rest.get(..end + word).unwrap_or_default();
            let last = whole.rsplit(|c: char| !c.is_ascii_alphanumeric()).next().unwrap_or_default();
            self.text.push_str(if digits >= MANY_DIGITS || could_be_an_id(last) { "[id]" } else { whole });
            return whole.len();
        }
        let fraction = match bytes.get(end) {
            Some(b'.') => bytes.iter().skip(end + 1).take_while(|byte| byte.is_ascii_digit()).count(),
            _ => 0,
        };
        let end = if fraction > 0 { end + 1 + fraction } else { end };
        let number = rest.get(..end).unwrap_or_default();
        self.text.push_str(if digits >= MANY_DIGITS || fraction >= PRECISE { "[number]" } else { number });
        number.len()
    }
}

/// Letters and digits in a row.
fn word_length(text: &str) -> usize {
    text.bytes().take_while(u8::is_ascii_alphanumeric).count()
}

/// What follows the province of a plate: a letter or two, perhaps a dot, letters and digits.
fn plate_length(text: &str) -> usize {
    let part = |text: &str| {
        let gap = text.chars().next().filter(|c| matches!(c, '·' | ' ' | '-' | '.')).map_or(0, char::len_utf8);
        match word_length(text.get(gap..).unwrap_or_default()) {
            0 => 0,
            word => gap + word,
        }
    };
    let office = part(text);
    if (1..=4).contains(&office) { office + part(text.get(office..).unwrap_or_default()) } else { office }
}

/// A VIN (17 letters and digits), a plate without its province (a letter, then digits), a token.
fn could_be_an_id(word: &str) -> bool {
    let digits = word.bytes().filter(u8::is_ascii_digit).count();
    (word.len() >= LONG_WORD && digits >= 2) || (word.len() >= 6 && digits >= 4)
}

fn is_mail_character(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '%' | '+' | '-' | '[' | ']')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn shows_what_is_wrong() {
        let shown = redact(br#"{"stream":1,"seq":42,"signals":{"Vehicle.Speed":"fast"}"#);
        assert_eq!(shown, r#"{"stream":1,"seq":42,"signals":{"Vehicle.Speed":"fast"}"#);
    }

    #[test]
    fn hides_who_and_where() {
        for (text, secret) in [
            ("vin LSVAA41870C123456 x", "LSVAA41870C123456"),
            ("vin lsvaa41870c123456", "123456"),
            ("tel 13800138000", "13800138000"),
            ("tel +86 138-0013-8000.", "0013"),
            ("tel (010) 6552 9988", "6552"),
            ("京A12345 parked", "A12345"),
            ("沪AD·12345", "12345"),
            ("plate A12345", "A12345"),
            ("at 39.9042,116.4074", "39.9042"),
            ("at 39.9042,116.4074", "4074"),
            ("mail wang.wei@example.cn now", "wang"),
            ("王伟", "王"),
            ("\u{41}\\u004c", "004c"),
            ("key 9f86d081884c7d659a2feaa0c55ad015", "9f86d081"),
        ] {
            let shown = redact_text(text);
            assert!(!shown.contains(secret), "{text} -> {shown}");
        }
        assert_eq!(redact_text("P0301 P0A80-16 7E8 12.41"), "P0301 P0A80-16 7E8 12.41");
    }

    #[test]
    fn does_not_show_half_a_secret_at_the_window_s_end() {
        let payload = format!("{}LSVAA41870C123456", "\u{1}".repeat(505));
        assert!(!redact(payload.as_bytes()).contains("LSV"));
        let payload = format!("{{\"a\":\"{}LSVAA41870C123456", "138 0013 8000, ".repeat(33));
        assert!(!redact(payload.as_bytes()).contains("LSV"));
    }

    proptest! {
        #[test]
        fn is_short_and_printable(payload in proptest::collection::vec(any::<u8>(), 0..800)) {
            let shown = redact(&payload);
            prop_assert!(shown.len() <= MAX_EXCERPT);
            prop_assert!(shown.bytes().all(|byte| (b' '..=b'~').contains(&byte)));
        }

        #[test]
        fn never_shows_many_digits_in_a_row(text in "[0-9A-Za-z .,+@-]{0,200}") {
            let shown = redact_text(&text);
            let longest = shown.split(|c: char| !c.is_ascii_digit()).map(str::len).max().unwrap_or(0);
            prop_assert!(longest < MANY_DIGITS, "{text} -> {shown}");
        }
    }
}
