//! What a vehicle says, after admission: readings and fault reports at instants, in a message.
//!
//! These are the canonical forms that the journal keeps. Payload bytes never get this far.

use serde::{Deserialize, Serialize};

use crate::entry::fault_code::FaultCode;
use crate::unit::Time;
use crate::vehicle::{SignalNo, VehicleId};

/// One value of one signal, in the catalogue's unit. Flags are 0 or 1, enums their value's number.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Reading {
    pub signal: SignalNo,
    pub value: f64,
}

/// One fault code as an ECU reports it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FaultReport {
    pub code: FaultCode,
    /// Name or address of the reporting ECU, as sent; at most 16 bytes.
    pub ecu: Box<str>,
    /// ISO 14229-1 status byte.
    pub status: u8,
    /// Occurrence counter of the ECU, if it has one.
    pub count: Option<u16>,
}

/// What was true at one instant.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sample {
    pub measured_at: Time,
    pub readings: Vec<Reading>,
    pub faults: Vec<FaultReport>,
}

/// The place of a message in its vehicle's own numbering.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sequence {
    /// Changes only when the vehicle lost its store.
    pub stream: u64,
    pub seq: u64,
    /// The oldest number the vehicle still holds; everything below it is lost by definition.
    pub oldest: Option<u64>,
}

/// One publish, admitted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Message {
    /// `None` for dialects that do not number their messages.
    pub sequence: Option<Sequence>,
    pub received_at: Time,
    /// Never empty of samples unless `seen` is not.
    pub samples: Vec<Sample>,
    /// In-car notices that the vehicle reports as seen.
    pub seen: Vec<uuid::Uuid>,
    /// A hash of the content: tells a repeat from another message under the same number, or without one.
    pub hash: u64,
}

/// A message that admission or the store refused; its number still counts as dealt with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refused {
    pub sequence: Sequence,
    pub received_at: Time,
    pub reason: Reason,
}

/// Why something a vehicle sent is not used. Closed, so that it can label a metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    // the message as a whole
    TooLarge,
    Unreadable,
    TooDeep,
    TooMany,
    TopicMismatch,
    UnknownVehicle,
    NoConsent,
    ClockUnset,
    TooFarAhead,
    /// Taken; the vehicle numbers its messages from here again.
    Renumbered,
    Empty,
    Duplicate,
    StoreRefused,
    Poison,
    // one reading of it
    UnknownSignal,
    NotAllowed,
    WrongType,
    OutOfRange,
    NotANumber,
    Sentinel,
    BadFaultCode,
    // found in settled order
    SteppedBack,
    /// Used, with the times corrected by the offset of the vehicle's clock.
    ClockCorrected,
    /// Measured at a time that cannot be; the time of reception stands for it.
    ClockReplaced,
    Late,
    /// First of its signal, or first after a gap and far from what was before: waits for a second that agrees.
    Unwitnessed,
    Suspect,
    SameTimeOtherContent,
}

impl Reason {
    pub const ALL: [Self; 28] = [
        Self::TooLarge,
        Self::Unreadable,
        Self::TooDeep,
        Self::TooMany,
        Self::TopicMismatch,
        Self::UnknownVehicle,
        Self::NoConsent,
        Self::ClockUnset,
        Self::TooFarAhead,
        Self::Renumbered,
        Self::Empty,
        Self::Duplicate,
        Self::StoreRefused,
        Self::Poison,
        Self::UnknownSignal,
        Self::NotAllowed,
        Self::WrongType,
        Self::OutOfRange,
        Self::NotANumber,
        Self::Sentinel,
        Self::BadFaultCode,
        Self::SteppedBack,
        Self::ClockCorrected,
        Self::ClockReplaced,
        Self::Late,
        Self::Unwitnessed,
        Self::Suspect,
        Self::SameTimeOtherContent,
    ];

    /// The word in metrics, in `rejection.reason` and in the documents.
    pub const fn label(self) -> &'static str {
        match self {
            Self::TooLarge => "too_large",
            Self::Unreadable => "unreadable",
            Self::TooDeep => "too_deep",
            Self::TooMany => "too_many",
            Self::TopicMismatch => "topic_mismatch",
            Self::UnknownVehicle => "unknown_vehicle",
            Self::NoConsent => "no_consent",
            Self::ClockUnset => "clock_unset",
            Self::TooFarAhead => "too_far_ahead",
            Self::Renumbered => "renumbered",
            Self::Empty => "empty",
            Self::Duplicate => "duplicate",
            Self::StoreRefused => "store_refused",
            Self::Poison => "poison",
            Self::UnknownSignal => "unknown_signal",
            Self::NotAllowed => "not_allowed",
            Self::WrongType => "wrong_type",
            Self::OutOfRange => "out_of_range",
            Self::NotANumber => "not_a_number",
            Self::Sentinel => "sentinel",
            Self::BadFaultCode => "bad_fault_code",
            Self::SteppedBack => "stepped_back",
            Self::ClockCorrected => "clock_corrected",
            Self::ClockReplaced => "clock_replaced",
            Self::Late => "late",
            Self::Unwitnessed => "unwitnessed",
            Self::Suspect => "suspect",
            Self::SameTimeOtherContent => "same_time_other_content",
        }
    }
}

/// One of the four kinds of input of a lane, each belonging to one vehicle.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Input {
    pub vehicle: VehicleId,
    pub what: What,
}

/// What reached a vehicle.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum What {
    Message(Message),
    Refused(Refused),
    /// The clock passed what the vehicle was waiting for.
    Timer {
        at: Time,
    },
    Command {
        /// Key of the inbox row; applied once.
        command_id: i64,
        received_at: Time,
        command: crate::vehicle::Command,
    },
}

impl What {
    /// When this input reached us.
    pub fn received_at(&self) -> Time {
        match self {
            Self::Message(message) => message.received_at,
            Self::Refused(refused) => refused.received_at,
            Self::Timer { at } => *at,
            Self::Command { received_at, .. } => *received_at,
        }
    }
}

/// What was done with the times of a message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Told {
    /// They stand.
    #[default]
    Right,
    /// The clock's lasting offset was taken off.
    Corrected,
    /// They cannot be; the newest was measured when it arrived.
    Received,
    /// They cannot be, and nothing says that they are of now.
    Unusable,
}

impl Told {
    /// Bit of a kept reading's flags, and what is counted.
    pub const fn mark(self) -> Option<(i16, Reason)> {
        match self {
            Self::Right => None,
            Self::Corrected => Some((4, Reason::ClockCorrected)),
            Self::Received | Self::Unusable => Some((8, Reason::ClockReplaced)),
        }
    }
}
