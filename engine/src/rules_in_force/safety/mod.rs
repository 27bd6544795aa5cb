//! The standing proof of safety over the product's real admission: nobody can agree to a set without it.
//!
//! The core knows what has to be proved (`rules::author::safety`); here it gets the bytes of a vehicle and the admission
//! they go through. A proof costs about a second, so that of a set is kept.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use anyhow::Context as _;
use ingest::admit::{Admission, Envelope};
use ingest::wire::{Numbering, Upload, UploadFault, UploadSample, UploadValue};
use rules::author::safety::{Proof, Road, prove as prove_by};
use rules::catalogue::{Catalogue, Layer};
use rules::entry::signal::{Kind, Signals};
use rules::rule_set::RuleSet;
use rules::stage::shelf::Shelf;
use rules::vehicle::{Message, Profile, Reading, Sample, Sequence};

use crate::history::journal;

/// Proofs that are kept; sets are proposed by people, and seldom.
const KEPT: usize = 32;
/// The drill's car on the wire.
const TOPIC: &str = "premend/v1/drill/telemetry";
const CAR: &str = "drill";

type Kept = Mutex<BTreeMap<[u8; 32], Proof>>;

/// What a set proves against the product's own, off the threads that serve others and one at a time: people who
/// propose must not be able to keep every core busy.
pub async fn prove(set: &Arc<RuleSet>) -> anyhow::Result<Proof> {
    static ONE: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());
    let set = Arc::clone(set);
    let _turn = ONE.lock().await;
    tokio::task::spawn_blocking(move || proof_of(&set)).await.context("proving the rules")?
}

/// The same, at once.
pub fn proof_of(set: &RuleSet) -> anyhow::Result<Proof> {
    static KNOWN: OnceLock<Kept> = OnceLock::new();
    let known = KNOWN.get_or_init(Mutex::default);
    let people = |layer| layer != Layer::Shipped;
    if set.catalogue.layer_files(people).next().is_none() && is_shipped(&set.catalogue)? {
        // The product's own tests prove it.
        return Ok(Proof::default());
    }
    if let Some(proof) = known.lock().unwrap_or_else(PoisonError::into_inner).get(&set.hash) {
        return Ok(proof.clone());
    }
    let shipped = shipped()?;
    let proof = prove_by(&shipped, set, &|set| Box::new(Wire::new(set)));
    let mut known = known.lock().unwrap_or_else(PoisonError::into_inner);
    if known.len() >= KEPT {
        known.clear();
    }
    known.insert(set.hash, proof.clone());
    Ok(proof)
}

fn is_shipped(catalogue: &Catalogue) -> anyhow::Result<bool> {
    Ok(catalogue.written_files().eq(shipped()?.catalogue.written_files()))
}

/// The product's own set, compiled once.
fn shipped() -> anyhow::Result<Arc<RuleSet>> {
    static SHIPPED: OnceLock<Arc<RuleSet>> = OnceLock::new();
    if let Some(set) = SHIPPED.get() {
        return Ok(Arc::clone(set));
    }
    let set = journal::rule_set(Arc::new(Catalogue::builtin()?))?;
    Ok(Arc::clone(SHIPPED.get_or_init(|| set)))
}

/// Bytes of a vehicle through the admission of a set.
struct Wire {
    admission: Admission,
}

impl Wire {
    fn new(set: &RuleSet) -> Self {
        Self { admission: Admission::new(&set.catalogue.signals) }
    }
}

impl Road for Wire {
    fn admit(&self, said: &Signals, profile: &Profile, sample: &Sample, seq: u64) -> Option<Message> {
        // What estimators find, some examples give by hand; no vehicle sends it.
        let is_feature = |reading: &Reading| said.by_no(reading.signal).is_some_and(|signal| signal.feature);
        let (found, readings): (Vec<Reading>, Vec<Reading>) = sample.readings.iter().copied().partition(is_feature);
        let measured = Sample { readings, ..sample.clone() };
        let numbering = Numbering { stream: 1, seq, oldest: Some(1) };
        let upload = Upload { numbering: Some(numbering), samples: vec![uploaded(said, &measured)], seen: Vec::new() };
        let payload = upload.to_json();
        let envelope = Envelope {
            topic: TOPIC,
            client: Some(CAR),
            vehicle: None,
            payload: &payload,
            received_at: sample.measured_at,
        };
        let admitted = self.admission.admit(&envelope, Some(profile), &mut Shelf::default()).ok();
        let mut message = admitted.map(|admitted| admitted.message);
        if let Some(first) = message.as_mut().and_then(|message| message.samples.first_mut()) {
            first.readings.extend(found);
        } else if !found.is_empty() {
            let sequence = Some(Sequence { stream: 1, seq, oldest: Some(1) });
            let samples = vec![Sample { readings: found, faults: Vec::new(), ..measured }];
            message = Some(Message { sequence, received_at: sample.measured_at, samples, seen: Vec::new(), hash: seq });
        }
        message
    }
}

/// A sample as a vehicle writes it, by the paths and kinds of the signals that it knows.
fn uploaded(said: &Signals, sample: &Sample) -> UploadSample {
    let value = |kind: &Kind, value: f64| match kind {
        Kind::Number => UploadValue::Number(value),
        Kind::Flag => UploadValue::Flag(value != 0.0),
        Kind::Words(words) => UploadValue::Word(Cow::Owned(words.get(value as usize).cloned().unwrap_or_default())),
    };
    let signals = sample.readings.iter().filter_map(|reading| {
        let signal = said.by_no(reading.signal)?;
        Some((Cow::Owned(signal.path.clone()), value(&signal.kind, reading.value)))
    });
    let fault = |fault: &rules::vehicle::FaultReport| UploadFault {
        code: Cow::Owned(fault.code.to_string()),
        ecu: Cow::Owned(fault.ecu.to_string()),
        status: fault.status,
        count: fault.count,
    };
    UploadSample {
        ts: sample.measured_at,
        signals: signals.collect(),
        faults: sample.faults.iter().map(fault).collect(),
    }
}

#[cfg(test)]
mod tests;
