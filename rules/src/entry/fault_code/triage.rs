//! How urgent one fault code is for one vehicle now: the table, then the modifiers of DOMAIN 2.4.
//!
//! Each modifier is applied once to the table's severity and the most urgent result wins, so the
//! order in which they are asked does not matter. Repeated recurrence raises up to S2: S1 means
//! "stop now" and is left to the table, to hazards and to alarms.

use super::code::FaultCode;
use super::status::UdsStatus;
use super::table::{CodeClass, CodeEntry, Condition, FaultCodes};
use crate::unit::Severity;
use crate::vehicle::Component;

/// Cycles without failure after which a stored code is history.
const HISTORY_CYCLES: u8 = 5;
/// Recurrences within ten trips that make a code more urgent.
const RECURRENT: u8 = 3;

/// One code and the circumstances that matter for its urgency.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "independent circumstances, named where they are set")]
pub struct TriageInput {
    pub code: FaultCode,
    pub status: UdsStatus,
    pub moving: bool,
    pub charging: bool,
    pub wet: bool,
    /// The low-voltage level falls.
    pub low_voltage_falling: bool,
    pub brake_lamp: bool,
    pub mil_flashing: bool,
    /// Times it came back within the last ten trips.
    pub recurrences: u8,
    /// Completed cycles since it last failed.
    pub cycles_since_failing: u8,
    /// Highest GB/T 32960 alarm level that goes with it; 0: none.
    pub gb_level: u8,
}

impl Default for TriageInput {
    fn default() -> Self {
        Self {
            code: FaultCode::from_obd([0, 0]),
            status: UdsStatus::default(),
            moving: false,
            charging: false,
            wet: false,
            low_voltage_falling: false,
            brake_lamp: false,
            mil_flashing: false,
            recurrences: 0,
            cycles_since_failing: 0,
            gb_level: 0,
        }
    }
}

impl TriageInput {
    /// Fills in recurrences and cycles from the trips in which the code failed, newest in bit 0:
    /// a fault that simply stays has come once, however many trips it lasts.
    #[must_use]
    pub fn with_trips(self, trips: u16) -> Self {
        let came = (trips & !(trips >> 1)).count_ones();
        Self { recurrences: came as u8, cycles_since_failing: trips.trailing_zeros().min(10) as u8, ..self }
    }

    fn fulfils(&self, condition: Condition) -> bool {
        let failing = self.status.test_failed();
        match condition {
            Condition::Moving => failing && self.moving,
            Condition::Charging => failing && self.charging,
            Condition::Wet => failing && self.wet,
            Condition::LowVoltageFalling => failing && self.low_voltage_falling,
            Condition::BrakeLamp => self.brake_lamp,
            Condition::MilFlashing => self.mil_flashing,
        }
    }
}

/// A modifier that changed the severity, for the explanation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Modifier {
    /// Pending, not matured: one step less urgent.
    PendingOnly,
    /// Stored and not failing for five cycles: information.
    History,
    /// One of the table's conditions.
    Escalated(Condition),
    /// Failing now, moving, and the table says that this endangers.
    Hazard,
    /// Came back three times in ten trips: one step more urgent.
    Recurrent,
    /// The vehicle's own alarm level.
    GbLevel(u8),
}

/// The verdict on one code.
#[derive(Clone, Debug, PartialEq)]
pub struct Triage<'a> {
    pub severity: Severity,
    pub component: Component,
    /// `None`: only the class is known.
    pub entry: Option<&'a CodeEntry>,
    pub class: &'a CodeClass,
    /// What moved the severity away from the table's.
    pub modifiers: Vec<Modifier>,
}

/// Severity and component of a code: the table's, then every modifier once.
pub fn triage<'a>(table: &'a FaultCodes, input: &TriageInput) -> Triage<'a> {
    let class = table.class(input.code);
    let entry = table.entry(input.code);
    let base = entry.map_or(class.severity, |entry| entry.severity);
    let mut modifiers = Vec::new();
    let mut severity = soften(base, input, &mut modifiers);
    for (modifier, urgent) in urgencies(base, entry, class, input) {
        if urgent < severity {
            severity = urgent;
            modifiers.push(modifier);
        }
    }
    let component = entry.map_or(&class.component, |entry| &entry.component).clone();
    Triage { severity, component, entry, class, modifiers }
}

/// What makes a code less urgent; codes of the S1 list do not wait until they have matured.
fn soften(base: Severity, input: &TriageInput, modifiers: &mut Vec<Modifier>) -> Severity {
    if input.status.stored_only() && input.cycles_since_failing >= HISTORY_CYCLES {
        modifiers.push(Modifier::History);
        Severity::S4
    } else if input.status.pending_only() && base != Severity::S1 {
        modifiers.push(Modifier::PendingOnly);
        base.milder()
    } else {
        base
    }
}

/// What makes a code more urgent, each with the severity it asks for.
fn urgencies(
    base: Severity,
    entry: Option<&CodeEntry>,
    class: &CodeClass,
    input: &TriageInput,
) -> Vec<(Modifier, Severity)> {
    let mut asked = Vec::new();
    let own = entry.map_or(&[][..], |entry| &entry.escalations);
    for escalation in own.iter().chain(&class.escalations) {
        if input.fulfils(escalation.when) {
            asked.push((Modifier::Escalated(escalation.when), escalation.to));
        }
    }
    if entry.is_some_and(|entry| entry.hazard.is_some()) && input.fulfils(Condition::Moving) {
        asked.push((Modifier::Hazard, Severity::S1));
    }
    if input.recurrences >= RECURRENT {
        asked.push((Modifier::Recurrent, base.worse().max(Severity::S2)));
    }
    let alarm = match input.gb_level {
        0 => return asked,
        1 => Severity::S3,
        2 => Severity::S2,
        _ => Severity::S1,
    };
    asked.push((Modifier::GbLevel(input.gb_level), alarm));
    asked
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use proptest::prelude::*;

    use super::*;
    use crate::catalogue::Catalogue;
    use crate::unit::Severity::{S1, S2, S3, S4};

    const ACTIVE: u8 = 0x2f;
    const PENDING: u8 = 0x24;
    const STORED: u8 = 0x28;

    static TABLE: LazyLock<FaultCodes> = LazyLock::new(|| Catalogue::builtin().unwrap().fault_codes);

    fn confirmed(code: &str) -> TriageInput {
        TriageInput { code: code.parse().unwrap(), status: UdsStatus(ACTIVE), ..TriageInput::default() }
    }

    fn severity(input: TriageInput) -> Severity {
        triage(&TABLE, &input).severity
    }

    #[test]
    fn every_row_of_the_table_has_its_severity() {
        let rows = [
            (S1, "P0217 P0524 P0A0D"),
            (S2, "P0087 P0201 P0299 P0300 P0301 P0308 P0335 P0340 P0480 P0500 P0562 P0606 P0700 P0A80 P0A94 P0AA6"),
            (S2, "P0AFA P0C73 P2002 P203F P20EE P2463 C0035 C0110 B0001 U0100 U0111 U0121"),
            (S3, "P0101 P0118 P0128 P0171 P0174 P0401 P0420 P0455 P0741 P0A7F U0140"),
            (S4, "P0113 P0442"),
        ];
        for (expected, codes) in rows {
            for code in codes.split(' ') {
                let verdict = triage(&TABLE, &confirmed(code));
                assert_eq!(verdict.severity, expected, "{code}");
                assert!(verdict.entry.is_some(), "{code} has an entry");
            }
        }
    }

    #[test]
    fn classes_give_the_default_of_codes_without_entry() {
        let rows = [
            ("P0A01", S2),
            ("P0B99", S2),
            ("P1A10", S2),
            ("P0355", S2),
            ("P0499", S3),
            ("P0777", S2),
            ("C0051", S2),
            ("C1200", S2),
            ("B0051", S2),
            ("B1234", S3),
            ("U0422", S3),
            ("P0016", S3),
            ("SPN100-FMI1", S3),
        ];
        for (code, expected) in rows {
            let verdict = triage(&TABLE, &confirmed(code));
            assert_eq!(verdict.severity, expected, "{code}");
            assert!(verdict.entry.is_none(), "{code}");
        }
    }

    #[test]
    fn a_flashing_lamp_makes_misfire_a_stop() {
        for code in ["P0300", "P0304", "P030A"] {
            assert_eq!(severity(TriageInput { mil_flashing: true, ..confirmed(code) }), S1, "{code}");
        }
        assert_eq!(severity(TriageInput { mil_flashing: true, ..confirmed("P0442") }), S4);
    }

    #[test]
    fn moving_with_a_hazard_that_fails_now_is_a_stop() {
        let moving = |code| TriageInput { moving: true, ..confirmed(code) };
        assert_eq!(severity(moving("P0AA6")), S1);
        assert_eq!(severity(moving("U0100")), S1);
        assert_eq!(severity(moving("U0111")), S1);
        assert_eq!(severity(moving("U0121")), S2);
        assert_eq!(severity(TriageInput { status: UdsStatus(STORED), ..moving("U0100") }), S2);
    }

    #[test]
    fn the_remarks_in_brackets_hold() {
        assert_eq!(severity(TriageInput { charging: true, ..confirmed("P0AA6") }), S1);
        assert_eq!(severity(TriageInput { wet: true, ..confirmed("P0AA6") }), S1);
        assert_eq!(severity(TriageInput { low_voltage_falling: true, ..confirmed("P0A94") }), S1);
        assert_eq!(severity(TriageInput { brake_lamp: true, ..confirmed("C0110") }), S1);
        assert_eq!(severity(TriageInput { charging: true, ..confirmed("P0A94") }), S2);
    }

    #[test]
    fn pending_is_one_step_less_urgent_but_not_on_the_stop_list() {
        let pending = |code| TriageInput { status: UdsStatus(PENDING), ..confirmed(code) };
        assert_eq!(severity(pending("P0301")), S3);
        assert_eq!(severity(pending("P0420")), S4);
        assert_eq!(severity(pending("P0524")), S1);
    }

    #[test]
    fn stored_is_information_after_five_cycles() {
        let stored =
            |cycles| TriageInput { status: UdsStatus(STORED), cycles_since_failing: cycles, ..confirmed("P0301") };
        assert_eq!(severity(stored(4)), S2);
        assert_eq!(severity(stored(5)), S4);
    }

    #[test]
    fn coming_back_three_times_is_one_step_more_urgent() {
        let back = |code| TriageInput { recurrences: 3, ..confirmed(code) };
        assert_eq!(severity(back("P0420")), S2);
        assert_eq!(severity(back("P0442")), S3);
        assert_eq!(severity(TriageInput { recurrences: 2, ..confirmed("P0420") }), S3);
        assert_eq!(severity(back("P0301")), S2, "stop now takes more than recurrence");
    }

    #[test]
    fn staying_is_not_coming_back() {
        let trips = |bits| confirmed("P0420").with_trips(bits);
        assert_eq!((trips(0b11_1111).recurrences, trips(0b11_1111).cycles_since_failing), (1, 0));
        assert_eq!((trips(0b1_0101).recurrences, trips(0b1_0101).cycles_since_failing), (3, 0));
        assert_eq!((trips(0b110_0000).recurrences, trips(0b110_0000).cycles_since_failing), (1, 5));
        assert_eq!((trips(0).recurrences, trips(0).cycles_since_failing), (0, 10));
    }

    #[test]
    fn alarm_levels_set_the_floor() {
        for (level, expected) in [(0, S4), (1, S3), (2, S2), (3, S1), (4, S1)] {
            assert_eq!(severity(TriageInput { gb_level: level, ..confirmed("P0113") }), expected, "level {level}");
        }
    }

    #[test]
    fn a_failure_type_of_a_known_code_is_that_code() {
        let verdict = triage(&TABLE, &confirmed("P0A80-16"));
        assert_eq!((verdict.severity, verdict.component.as_str()), (S2, "traction.battery"));
    }

    #[test]
    fn says_what_moved_the_severity() {
        let verdict = triage(&TABLE, &TriageInput { moving: true, charging: true, ..confirmed("P0AA6") });
        assert_eq!(verdict.modifiers, [Modifier::Escalated(Condition::Charging)]);
    }

    proptest! {
        #[test]
        fn more_danger_is_never_less_urgent(bytes in any::<[u8; 2]>(), status in any::<u8>(), cycles in 0_u8..12) {
            let calm = TriageInput {
                code: FaultCode::from_obd(bytes),
                status: UdsStatus(status),
                cycles_since_failing: cycles,
                ..TriageInput::default()
            };
            let worst = TriageInput {
                moving: true, charging: true, wet: true, low_voltage_falling: true, brake_lamp: true,
                mil_flashing: true, recurrences: 5, gb_level: 3, ..calm
            };
            let verdict = triage(&TABLE, &calm);
            prop_assert!(triage(&TABLE, &worst).severity <= verdict.severity);
            prop_assert_eq!(&triage(&TABLE, &calm), &verdict);
        }
    }
}
