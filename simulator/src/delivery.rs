//! Messages on their way: numbered frames of one vehicle, and when they arrive.

use ingest::wire::{Numbering, Upload, UploadSample};
use rules::unit::Time;
use uuid::Uuid;

use crate::frame::Frame;

/// One publish of a vehicle.
#[derive(Clone, Debug, PartialEq)]
pub struct Message {
    pub stream: u64,
    pub seq: u64,
    pub oldest: u64,
    pub frames: Vec<Frame>,
    /// In-car notices that were shown.
    pub seen: Vec<Uuid>,
}

impl Message {
    /// The payload as the vehicle sends it.
    pub fn encode(&self) -> Vec<u8> {
        self.clone().into_upload().to_json()
    }

    /// The form that the wire is written from.
    pub fn into_upload(self) -> Upload {
        let numbering = Numbering { stream: self.stream, seq: self.seq, oldest: Some(self.oldest) };
        let samples = self.frames.into_iter().map(into_sample).collect();
        Upload { numbering: Some(numbering), samples, seen: self.seen }
    }
}

/// A frame as a sample of the wire.
pub fn into_sample(frame: Frame) -> UploadSample {
    UploadSample { ts: frame.at, signals: frame.readings, faults: frame.codes }
}

/// What arrives: a message, or what is left of one.
#[derive(Clone, Debug, PartialEq)]
pub enum Payload {
    Message(Message),
    Bytes(Vec<u8>),
}

/// A payload of a vehicle with the instant it arrives at.
#[derive(Clone, Debug, PartialEq)]
pub struct Delivery {
    pub due: Time,
    /// The vehicle's number in its fleet.
    pub number: u32,
    pub payload: Payload,
}

impl Delivery {
    /// The message, if it is still one.
    pub const fn message(&self) -> Option<&Message> {
        match &self.payload {
            Payload::Message(message) => Some(message),
            Payload::Bytes(_) => None,
        }
    }

    /// The bytes to publish.
    pub fn encode(&self) -> Vec<u8> {
        match &self.payload {
            Payload::Message(message) => message.encode(),
            Payload::Bytes(bytes) => bytes.clone(),
        }
    }
}
