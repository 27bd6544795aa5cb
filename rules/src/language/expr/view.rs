//! What an expression can see of a vehicle at one settled step.

use crate::entry::plan::items::Items;
use crate::learned::Cohort;
use crate::observed::fault_cycle::FaultCycle;
use crate::observed::readings::Readings;
use crate::observed::window::Windows;
use crate::unit::Time;

/// A vehicle as an expression sees it.
pub struct View<'a> {
    /// Measured time of the step; for absence, timer time minus the lateness bound. Later than
    /// `newest` it is no step: durations are judged, not advanced.
    pub now: Time,
    /// Newest measured time folded; `Time::NEVER` before the first.
    pub newest: Time,
    /// By slot of the catalogue the program was compiled against.
    pub last: &'a Readings,
    pub faults: &'a [FaultCycle],
    /// The cycle that a rule `by fault code` is asked about.
    pub code: Option<&'a FaultCycle>,
    /// By index of the service item in the catalogue.
    pub service: &'a Items,
    pub windows: Windows<'a>,
    pub cohort: Cohort<'a>,
}
