//! Fault reports: one that is wrong spoils itself and nothing else.

use std::borrow::Cow;

use rules::vehicle::{FaultReport, Reason};

use super::keys::{Result, too_many};
use crate::dialect::RefusedReadings;
use crate::dialect::json::{Reader, Value};

/// Fault reports that one sample may have.
pub const MAX_FAULTS: usize = 200;
/// Bytes of an ECU's name.
const MAX_ECU: usize = 16;

pub fn faults(reader: &mut Reader<'_>, refused: &mut RefusedReadings, faults: &mut Vec<FaultReport>) -> Result<()> {
    let mut count = 0;
    reader.list(|reader| {
        count += 1;
        if count > MAX_FAULTS {
            return Err(too_many(reader, "too many fault codes"));
        }
        let mut parts = FaultParts::default();
        reader.object(|reader, key| parts.member(reader, &key))?;
        match parts.report() {
            Some(report) => faults.push(report),
            None => refused.unknown(Reason::BadFaultCode, parts.code.as_deref().unwrap_or_default()),
        }
        Ok(())
    })
}

/// One fault report as written; a part of the wrong kind spoils this report only.
#[derive(Default)]
struct FaultParts<'a> {
    code: Option<Cow<'a, str>>,
    ecu: Option<Cow<'a, str>>,
    status: Option<u64>,
    count: Option<u64>,
    spoiled: bool,
}

impl<'a> FaultParts<'a> {
    fn member(&mut self, reader: &mut Reader<'a>, key: &str) -> Result<()> {
        let value = reader.value()?;
        let again = match (key, value) {
            ("code", Value::Text(code)) => self.code.replace(code).is_some(),
            ("ecu", Value::Text(ecu)) => self.ecu.replace(ecu).is_some(),
            ("status", Value::Number(status)) => self.status.replace(status.as_u64().unwrap_or(u64::MAX)).is_some(),
            ("count", Value::Number(count)) => self.count.replace(count.as_u64().unwrap_or(u64::MAX)).is_some(),
            ("count" | "ecu", Value::Null) => false,
            ("code" | "ecu" | "status" | "count", _) => {
                self.spoiled = true;
                false
            }
            _ => false,
        };
        if again { Err(reader.error("a key is given twice")) } else { Ok(()) }
    }

    fn report(&self) -> Option<FaultReport> {
        let code = self.code.as_deref()?.parse().ok()?;
        let ecu = self.ecu.as_deref().unwrap_or_default();
        let status = u8::try_from(self.status?).ok()?;
        let count = self.count.map(u16::try_from).transpose().ok()?;
        let named = ecu.len() <= MAX_ECU && ecu.bytes().all(|byte| (b' '..=b'~').contains(&byte));
        (named && !self.spoiled).then(|| FaultReport { code, ecu: ecu.into(), status, count })
    }
}
