//! Documents from front to back: objects, lists and values.

use std::borrow::Cow;

use rules::vehicle::Reason;

use super::Number;
use crate::dialect::DecodeError;

/// Levels of nesting that a payload may have.
pub const MAX_DEPTH: u8 = 8;

pub(super) type Result<T> = std::result::Result<T, DecodeError>;

/// Reads one document from front to back.
pub struct Reader<'a> {
    pub(super) text: &'a str,
    pub(super) bytes: &'a [u8],
    pub(super) at: usize,
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
        let mut goes_on = self.begin_object()?;
        while goes_on {
            let key = self.key()?;
            member(self, key)?;
            goes_on = self.has_another_member()?;
        }
        Ok(())
    }

    /// Enters an object; false if it has no members.
    #[inline]
    pub fn begin_object(&mut self) -> Result<bool> {
        if self.next_byte() != Some(b'{') {
            return Err(self.error("an object is expected"));
        }
        self.at += 1;
        self.descend()?;
        if self.next_byte() == Some(b'}') {
            self.at += 1;
            self.depth -= 1;
            return Ok(false);
        }
        Ok(true)
    }

    /// Reads a key and its colon.
    #[inline]
    pub fn key(&mut self) -> Result<Cow<'a, str>> {
        if self.next_byte() != Some(b'"') {
            return Err(self.error("a key is expected"));
        }
        let key = self.string()?;
        self.colon()?;
        Ok(key)
    }

    /// Reads a key and its colon if it is this one, written plainly; comparing costs less than finding its end.
    #[inline]
    pub fn is_key(&mut self, key: &str) -> Result<bool> {
        if self.next_byte() != Some(b'"') {
            return Err(self.error("a key is expected"));
        }
        let rest = self.bytes.get(self.at + 1..).and_then(|rest| rest.strip_prefix(key.as_bytes()));
        let is_it = rest.is_some_and(|rest| rest.first() == Some(&b'"'));
        if is_it {
            self.at += key.len() + 2;
            self.colon()?;
        }
        Ok(is_it)
    }

    /// After a member: whether another one follows, or else the object ends.
    #[inline]
    pub fn has_another_member(&mut self) -> Result<bool> {
        self.ends_or_continues(b'}').map(|ends| !ends)
    }

    #[inline]
    fn colon(&mut self) -> Result<()> {
        if self.next_byte() != Some(b':') {
            return Err(self.error("a colon is expected"));
        }
        self.at += 1;
        Ok(())
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
}
