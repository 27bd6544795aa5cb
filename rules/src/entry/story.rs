//! The lines of an example, understood: what was measured, what failed, what the workshop did, and when.

use crate::entry::fault_code::{FaultCode, FaultCodeError};
use crate::entry::signal::{Kind, Signal, Signals};
use crate::unit::{Span, Time, nearest};
use crate::vehicle::{Command, Component, FaultReport, Message, Reading, Sample, Sequence, What};

/// Most steps of one example; more is a slip of the pen.
const MOST_STEPS: usize = 20_000;

/// The ECU of a fault line that names none.
const ENGINE_ECU: &str = "7E8";

/// Why an example cannot be run.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ExampleError {
    #[error("`{line}`: {what}")]
    Line { line: String, what: String },
    #[error("`{line}` goes back in time")]
    Order { line: String },
    #[error("an example has 1 to {MOST_STEPS} steps")]
    Steps,
    #[error("the catalogue has no model with this powertrain")]
    NoModel,
}

/// Lines such as `Vehicle.Speed 0.95 = 60`: signal, quantile, value.
pub fn parse_cohorts(lines: &[String], signals: &Signals) -> Result<Vec<(String, f64, f64)>, ExampleError> {
    let read = |line: &String| {
        let wrong = |what: String| ExampleError::Line { line: line.clone(), what };
        let form = || wrong("a cohort is written `signal quantile = value`".to_owned());
        let (question, value) = line.split_once('=').ok_or_else(form)?;
        let (path, quantile) = question.trim().split_once(' ').ok_or_else(form)?;
        if signals.by_path(path).is_none() {
            let near = nearest(path, signals.iter().map(|(_, signal)| signal.path.as_str()));
            let hint = near.map_or_else(String::new, |near| format!("; did you mean `{near}`?"));
            return Err(wrong(format!("unknown signal `{path}`{hint}")));
        }
        let number = |text: &str| text.trim().parse().ok().filter(|number: &f64| number.is_finite()).ok_or_else(form);
        Ok((path.to_owned(), number(quantile)?, number(value)?))
    };
    lines.iter().map(read).collect()
}

/// What happens at one instant of an example.
#[derive(Clone, Debug, PartialEq)]
pub struct StoryLine {
    /// Since the start.
    pub at: Span,
    pub readings: Vec<Reading>,
    pub fault: Option<FaultReport>,
    pub act: Option<StoryAct>,
}

/// What the workshop did.
#[derive(Clone, Debug, PartialEq)]
pub enum StoryAct {
    /// `done oil 5100`: a service item, at km.
    Done { item: String, odometer_km: f64 },
    /// `replaced electrics.battery12v`.
    Replaced { component: Component },
}

impl StoryLine {
    /// What was measured.
    pub fn sample(self, at: Time) -> Sample {
        Sample { measured_at: at, readings: self.readings, faults: self.fault.into_iter().collect() }
    }

    /// What was measured, as the message of that number.
    pub fn message(self, index: usize, at: Time) -> What {
        What::Message(numbered(self.sample(at), index as u64 + 1))
    }
}

/// A message of one sample that was received when it was measured.
pub fn numbered(sample: Sample, seq: u64) -> Message {
    let (received_at, sequence) = (sample.measured_at, Some(sequence(seq)));
    Message { sequence, received_at, samples: vec![sample], seen: Vec::new(), hash: seq - 1 }
}

pub const fn sequence(seq: u64) -> Sequence {
    Sequence { stream: 1, seq, oldest: Some(1) }
}

impl StoryAct {
    pub fn command(self, at: Time) -> What {
        let command = match self {
            Self::Done { item, odometer_km } => Command::ServiceDone { item, odometer_km, effective_at: at },
            Self::Replaced { component } => Command::Replaced { component, effective_at: at },
        };
        What::Command { command_id: 0, command, received_at: at }
    }
}

/// Understands the lines of an example.
pub fn parse(lines: &[String], signals: &Signals) -> Result<Vec<StoryLine>, ExampleError> {
    let mut steps: Vec<StoryLine> = Vec::new();
    for line in lines {
        let wrong = |what: String| ExampleError::Line { line: line.clone(), what };
        let mut words = line.split_whitespace().peekable();
        let at = span(words.next().unwrap_or_default()).map_err(wrong)?;
        let (count, every) = match words.peek().and_then(|word| word.strip_prefix('x')).map(str::parse::<usize>) {
            Some(Ok(count)) => {
                words.next();
                repetition(&mut words, count).map_err(wrong)?
            }
            _ => (1, Span::ZERO),
        };
        let rest: Vec<&str> = words.collect();
        let (readings, fault, act) = content(&rest, signals).map_err(wrong)?;
        if steps.last().is_some_and(|step| step.at > at) {
            return Err(ExampleError::Order { line: line.clone() });
        }
        if steps.len() + count > MOST_STEPS {
            return Err(ExampleError::Steps);
        }
        let times = (0..count as i64).map(|index| Span::from_micros(at.micros() + every.micros() * index));
        steps.extend(times.map(|at| StoryLine {
            at,
            readings: readings.clone(),
            fault: fault.clone(),
            act: act.clone(),
        }));
    }
    if steps.is_empty() { Err(ExampleError::Steps) } else { Ok(steps) }
}

fn span(word: &str) -> Result<Span, String> {
    Span::parse(word).map_err(|error| error.to_string())
}

/// `x30 every 1s`.
fn repetition<'a>(words: &mut impl Iterator<Item = &'a str>, count: usize) -> Result<(usize, Span), String> {
    if words.next() != Some("every") {
        return Err("write `x30 every 1s`".to_owned());
    }
    let every = span(words.next().unwrap_or_default())?;
    if count == 0 || every == Span::ZERO {
        return Err("write `x30 every 1s`".to_owned());
    }
    Ok((count, every))
}

type Content = (Vec<Reading>, Option<FaultReport>, Option<StoryAct>);

fn content(words: &[&str], signals: &Signals) -> Result<Content, String> {
    match words {
        ["nothing"] => Ok((Vec::new(), None, None)),
        ["fault", code, status] => fault(code, status, ENGINE_ECU),
        ["fault", code, status, "ecu", ecu] => fault(code, status, ecu),
        ["fault", ..] => Err("write `fault P0301 0x2f` or `fault U0100 0x2f ecu 7A0`".to_owned()),
        ["done", item, km] => {
            let odometer_km = km.parse().map_err(|_| format!("`{km}` is not a number of km"))?;
            Ok((Vec::new(), None, Some(StoryAct::Done { item: (*item).to_owned(), odometer_km })))
        }
        ["replaced", component] => {
            Ok((Vec::new(), None, Some(StoryAct::Replaced { component: Component::new(component) })))
        }
        ["done" | "replaced", ..] => Err("write `done oil 5100` or `replaced electrics.battery12v`".to_owned()),
        [] => Err("says neither what was measured nor `nothing`".to_owned()),
        pairs => pairs.iter().map(|pair| reading(pair, signals)).collect::<Result<_, _>>().map(|all| (all, None, None)),
    }
}

fn fault(code: &str, status: &str, ecu: &str) -> Result<Content, String> {
    let code: FaultCode = code.parse().map_err(|error: FaultCodeError| error.to_string())?;
    let status = status.strip_prefix("0x").and_then(|digits| u8::from_str_radix(digits, 16).ok());
    let status = status.ok_or("a status byte is written 0x2f")?;
    Ok((Vec::new(), Some(FaultReport { code, ecu: ecu.into(), status, count: None }), None))
}

fn reading(pair: &str, signals: &Signals) -> Result<Reading, String> {
    let (path, value) = pair.split_once('=').ok_or("write signal=value")?;
    let Some(signal) = signals.by_path(path) else {
        let near = nearest(path, signals.iter().map(|(_, signal)| signal.path.as_str()));
        let hint = near.map_or_else(String::new, |near| format!(", did you mean `{near}`?"));
        return Err(format!("unknown signal `{path}`{hint}"));
    };
    let value = value_of(signal, value).ok_or_else(|| format!("`{value}` is no value of `{path}`"))?;
    Ok(Reading { signal: signal.no, value })
}

fn value_of(signal: &Signal, text: &str) -> Option<f64> {
    let value = match &signal.kind {
        Kind::Number => text.parse().ok()?,
        Kind::Flag => f64::from(u8::from(text.parse::<bool>().ok()?)),
        Kind::Words(words) => words.iter().position(|word| word == text)? as f64,
    };
    (signal.range.0..=signal.range.1).contains(&value).then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::Catalogue;

    fn signals() -> Signals {
        Catalogue::builtin().unwrap().signals
    }

    fn parsed(line: &str) -> Result<Vec<StoryLine>, ExampleError> {
        parse(&[line.to_owned()], &signals())
    }

    #[test]
    fn repeats_and_reads_every_kind_of_value() {
        let steps = parsed("10s x3 every 500ms Vehicle.Speed=60.5 Vehicle.LowVoltageSystemState=ON").unwrap();
        let at: Vec<String> = steps.iter().map(|step| step.at.to_string()).collect();
        assert_eq!(at, ["10s", "10500ms", "11s"]);
        assert_eq!(steps[0].readings.iter().map(|reading| reading.value).collect::<Vec<_>>(), [60.5, 4.0]);
        let flag = parsed("1h Vehicle.OBD.Status.IsMILOn=true").unwrap();
        assert_eq!(flag[0].readings[0].value, 1.0);
    }

    #[test]
    fn reads_faults_and_nothing() {
        let steps = parsed("0s fault U0100 0xaf ecu 7A0").unwrap();
        let fault = steps[0].fault.as_ref().unwrap();
        assert_eq!((fault.code.to_string(), fault.status, &*fault.ecu), ("U0100".to_owned(), 0xaf, "7A0"));
        assert_eq!(parsed("4h nothing").unwrap()[0].readings, []);
    }

    #[test]
    fn says_what_is_wrong_with_a_line() {
        for (line, said) in [
            ("soon Vehicle.Speed=1", "is not a duration"),
            ("0s", "nothing"),
            ("0s Vehicle.Sped=1", "did you mean `Vehicle.Speed`?"),
            ("0s Vehicle.Speed=fast", "no value"),
            ("0s Vehicle.Speed=9999", "no value"),
            ("0s x3 Vehicle.Speed=1", "every"),
            ("0s fault P9999 0x2f", "not a fault code"),
            ("0s fault P0301 2f", "0x2f"),
        ] {
            let error = parsed(line).unwrap_err().to_string();
            assert!(error.contains(said), "{line}: {error}");
        }
        let lines = ["2s Vehicle.Speed=1".to_owned(), "1s Vehicle.Speed=1".to_owned()];
        let error = parse(&lines, &signals()).unwrap_err();
        assert!(matches!(error, ExampleError::Order { .. }));
    }
}
