//! The topics of the wire contract, in one place: who may speak and listen where follows from them.

use rules::vehicle::{VehicleId, VehicleIdError};

/// What every topic of this contract begins with.
pub const ROOT: &str = "premend/v1/";
/// The filter that hears every vehicle.
pub const TELEMETRY_FILTER: &str = "premend/v1/+/telemetry";
/// The filter that matches every vehicle's `down` topic.
pub const DOWN_FILTER: &str = "premend/v1/+/down";

/// What stands before the vehicle in the topic of what a broker refused; no vehicle id begins so.
const REFUSED: char = '@';
const UP: &str = "/telemetry";
const DOWN: &str = "/down";

/// The topic on which a vehicle speaks.
pub fn telemetry(vehicle: &str) -> String {
    format!("{ROOT}{vehicle}{UP}")
}

/// The topic on which a vehicle listens.
pub fn down(vehicle: &str) -> String {
    format!("{ROOT}{vehicle}{DOWN}")
}

/// The vehicle's part of a telemetry topic, as claimed: any text without a slash.
pub fn vehicle_of(topic: &str) -> Option<&str> {
    let vehicle = topic.strip_prefix(ROOT)?.strip_suffix(UP)?;
    (!vehicle.is_empty() && !vehicle.contains('/')).then_some(vehicle)
}

/// The vehicle's part of a down topic.
pub fn listener_of(topic: &str) -> Option<&str> {
    let vehicle = topic.strip_prefix(ROOT)?.strip_suffix(DOWN)?;
    (!vehicle.is_empty() && !vehicle.contains(['/', '+', '#'])).then_some(vehicle)
}

/// The topic on which a broker of ours passes on that it refused something of a vehicle. It matches
/// [`TELEMETRY_FILTER`], so that it keeps its place among the vehicle's messages.
pub fn refused(vehicle: &str) -> String {
    format!("{ROOT}{REFUSED}{vehicle}{UP}")
}

/// The vehicle's part of such a topic.
pub fn refused_of(topic: &str) -> Option<&str> {
    vehicle_of(topic)?.strip_prefix(REFUSED)
}

/// Why a topic names no vehicle.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum TopicError {
    #[error("not a telemetry topic")]
    NotTelemetry,
    #[error("not a vehicle id")]
    Vehicle(#[from] VehicleIdError),
}

/// The vehicle that a telemetry topic belongs to.
pub fn parse(topic: &str) -> Result<VehicleId, TopicError> {
    let vehicle = vehicle_of(topic).ok_or(TopicError::NotTelemetry)?;
    Ok(VehicleId::try_new(vehicle)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_vehicle_back_from_its_topic() {
        assert_eq!(vehicle_of(&telemetry("car-7")), Some("car-7"));
        assert_eq!(parse("premend/v1/car-7/telemetry").unwrap().as_str(), "car-7");
        assert_eq!(refused_of(&refused("car-7")), Some("car-7"));
        assert_eq!(refused_of(&telemetry("car-7")), None);
        assert!(parse(&refused("car-7")).is_err(), "no vehicle can speak there");
    }

    #[test]
    fn knows_no_vehicle_in_other_topics() {
        for topic in [
            "",
            "premend/v1/telemetry",
            "premend/v1//telemetry",
            "premend/v1/a/b/telemetry",
            "premend/v1/../telemetry/x",
            "premend/v1/a/telemetry/",
            "premend/v2/a/telemetry",
            "Premend/v1/a/telemetry",
            "premend/v1/a/down",
        ] {
            assert_eq!(vehicle_of(topic), None, "{topic}");
        }
        assert!(parse("premend/v1/a b/telemetry").is_err());
        assert!(parse("premend/v1/LSVAA4187C212345/telemetry").is_ok(), "16 characters are no VIN");
        assert!(parse("premend/v1/LSVAA41870C123456/telemetry").is_err(), "a VIN is not an id");
    }
}
