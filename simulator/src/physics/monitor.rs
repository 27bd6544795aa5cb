//! The tests that control units run, and the codes they set: causes, never scripts.

use crate::frame::Name;

use super::memory::Memory;

/// What the control units see at one sampling step.
#[derive(Clone, Copy, Debug, Default)]
pub struct View {
    pub coolant: Option<f64>,
    /// Oil pressure, with the engine turning above 1,200 rpm and warm.
    pub oil_pressure: Option<f64>,
    /// 12 V supply with the charger working.
    pub charging_v: Option<f64>,
    /// Lowest 12 V supply while control units woke up or the engine cranked.
    pub start_v: Option<f64>,
    /// Misfires by cylinder.
    pub misfire: Option<[f64; 4]>,
    /// Fuel that the mixture lacks (has too much of, if negative), percent, with the engine warm.
    pub lean: Option<f64>,
    /// Share that the warm catalyst converts.
    pub catalyst: Option<f64>,
    pub intake_wire_open: Option<bool>,
    pub insulation_ohm_per_v: Option<f64>,
    pub hottest_cell: Option<f64>,
}

/// One test: `None` when its conditions are not met, `Some(true)` when it fails.
struct Monitor {
    code: &'static str,
    ecu: &'static str,
    /// Failing cycles in a row until the code is confirmed.
    matures: u8,
    lamp: bool,
    test: fn(&View) -> Option<bool>,
}

const AT_ONCE: u8 = 1;
const SECOND: u8 = 2;
/// For the record only: the unit never confirms it.
const NEVER: u8 = u8::MAX;

const MONITORS: &[Monitor] = &[
    Monitor { code: "P0217", ecu: "7E8", matures: AT_ONCE, lamp: true, test: |view| Some(view.coolant? > 121.0) },
    Monitor { code: "P0301", ecu: "7E8", matures: SECOND, lamp: true, test: |view| Some(view.misfire?[0] > 20.0) },
    Monitor { code: "P0302", ecu: "7E8", matures: SECOND, lamp: true, test: |view| Some(view.misfire?[1] > 20.0) },
    Monitor { code: "P0303", ecu: "7E8", matures: SECOND, lamp: true, test: |view| Some(view.misfire?[2] > 20.0) },
    Monitor { code: "P0304", ecu: "7E8", matures: SECOND, lamp: true, test: |view| Some(view.misfire?[3] > 20.0) },
    Monitor { code: "P0171", ecu: "7E8", matures: SECOND, lamp: true, test: |view| Some(view.lean? > 24.0) },
    Monitor { code: "P0172", ecu: "7E8", matures: SECOND, lamp: true, test: |view| Some(view.lean? < -24.0) },
    Monitor { code: "P0420", ecu: "7E8", matures: SECOND, lamp: true, test: |view| Some(view.catalyst? < 0.6) },
    Monitor { code: "P0113", ecu: "7E8", matures: NEVER, lamp: false, test: |view| view.intake_wire_open },
    Monitor { code: "P0524", ecu: "7E8", matures: AT_ONCE, lamp: true, test: |view| Some(view.oil_pressure? < 80.0) },
    Monitor { code: "P0562", ecu: "7E8", matures: AT_ONCE, lamp: false, test: |view| Some(view.charging_v? < 11.8) },
    Monitor {
        code: "P0AA6",
        ecu: "7E7",
        matures: AT_ONCE,
        lamp: true,
        test: |view| Some(view.insulation_ohm_per_v? < 100.0),
    },
    Monitor { code: "P0A7E", ecu: "7E7", matures: AT_ONCE, lamp: true, test: |view| Some(view.hottest_cell? > 65.0) },
    // Control units that restart or lose their neighbours when the supply breaks down.
    Monitor { code: "U0100", ecu: "7E9", matures: AT_ONCE, lamp: false, test: |view| Some(view.start_v? < 7.6) },
    Monitor { code: "U0101", ecu: "7EA", matures: AT_ONCE, lamp: false, test: |view| Some(view.start_v? < 7.6) },
    Monitor { code: "U0121", ecu: "7E8", matures: AT_ONCE, lamp: false, test: |view| Some(view.start_v? < 7.4) },
    Monitor { code: "U0140", ecu: "7EB", matures: AT_ONCE, lamp: false, test: |view| Some(view.start_v? < 7.5) },
    Monitor { code: "U0155", ecu: "7EB", matures: AT_ONCE, lamp: false, test: |view| Some(view.start_v? < 7.5) },
    Monitor { code: "B1325", ecu: "7EC", matures: AT_ONCE, lamp: false, test: |view| Some(view.start_v? < 7.6) },
    Monitor { code: "C0895", ecu: "7EA", matures: AT_ONCE, lamp: false, test: |view| Some(view.start_v? < 7.6) },
];

/// Runs every test and writes the outcome to the memory.
pub fn run(view: &View, memory: &mut Memory) {
    for monitor in MONITORS {
        match (monitor.test)(view) {
            Some(true) => {
                let (code, ecu) = (Name::Borrowed(monitor.code), Name::Borrowed(monitor.ecu));
                memory.failed(&code, &ecu, monitor.matures, monitor.lamp);
            }
            Some(false) => memory.passed(monitor.code),
            None => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_breakdown_of_the_supply_sets_many_codes_in_many_units() {
        let mut memory = Memory::default();
        run(&View { start_v: Some(6.8), ..View::default() }, &mut memory);
        let codes = memory.snapshot();
        let units: std::collections::BTreeSet<_> = codes.iter().map(|code| code.ecu.clone()).collect();
        assert!(codes.len() >= 5 && units.len() >= 3);
    }

    #[test]
    fn tests_that_cannot_run_change_nothing() {
        let mut memory = Memory::default();
        run(&View::default(), &mut memory);
        assert!(memory.is_empty());
    }
}
