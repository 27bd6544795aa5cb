//! The forecast distance left of brake pads against what the true wear leaves.

use rules::estimate::State;
use rules::estimate::brake_pad::ENTRY;
use serde::Serialize;

use super::figures::median;
use super::life::Life;
use crate::vehicle::Vehicle;

/// Worn, percent.
const LIMIT: f64 = 85.0;
/// A forecast is looked at when it first says less than this, km.
const AT: f64 = 8_000.0;
/// The true rate is that over at least so much further wear, percent.
const FURTHER: f64 = 8.0;

/// One pad's forecast, and the true wear from then on.
#[derive(Clone, Copy, Debug, Default)]
struct Looked {
    km: f64,
    wear: f64,
    forecast: f64,
    error: Option<f64>,
}

/// Watches the pads of one vehicle.
#[derive(Clone, Debug, Default)]
pub struct PadWatch([Option<Looked>; 4]);

impl PadWatch {
    pub fn look(&mut self, life: &Life<'_>, truth: &Vehicle) {
        let body = truth.body();
        let (worn, km) = (body.brakes.worn(&body.strain), body.odometer_m / 1_000.0);
        let Some(State::BrakePads(pads)) = life.vehicle().estimates.state(ENTRY.key) else { return };
        for wheel in 0..4 {
            match &mut self.0[wheel] {
                None => {
                    let forecast = pads[wheel].forecast("", 1.0).map(|forecast| forecast.value);
                    if let Some(forecast) = forecast.filter(|km| *km < AT) {
                        self.0[wheel] = Some(Looked { km, wear: worn[wheel], forecast, error: None });
                    }
                }
                Some(looked) if looked.error.is_none() && worn[wheel] >= looked.wear + FURTHER => {
                    let rate = (worn[wheel] - looked.wear) / (km - looked.km).max(1.0);
                    let truth = (LIMIT - looked.wear) / rate;
                    looked.error = Some((looked.forecast - truth).abs() / truth.max(100.0));
                }
                // New pads: there is nothing left to compare with.
                Some(looked) if looked.error.is_none() && worn[wheel] < looked.wear - 5.0 => self.0[wheel] = None,
                Some(_) => {}
            }
        }
    }

    pub fn errors(&self) -> impl Iterator<Item = f64> + '_ {
        self.0.iter().flatten().filter_map(|looked| looked.error)
    }
}

#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct PadScore {
    pub judged: usize,
    /// Relative.
    pub km_left_median_error: Option<f64>,
}

pub fn score(errors: &[f64]) -> PadScore {
    PadScore { judged: errors.len(), km_left_median_error: median(errors) }
}
