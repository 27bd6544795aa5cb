//! Forecasts against what came: writes down once a week what is said of every part, follows it until a detecting rule
//! or a technician tells what became of it, and learns from that how far estimators can be taken at their word.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError};

use chrono::{DateTime, Utc};
use prometheus::{GaugeVec, IntGaugeVec, Opts, Registry};
use rules::entry::rule::{Mode, RuleKind};
use rules::learned::forecast::{Due, FORECASTERS, Forecast};
use rules::learned::{BINS, CALIBRATION_FILE, FOLLOWED_DAYS, Followed, Held, Outlook, calibrate};
use rules::rule_set::RuleSet;
use rules::stage::estimate;
use rules::state::Vehicle;
use rules::unit::{Severity, Span, Time};
use rules::vehicle::Purpose;

use super::Learning;
use crate::history::journal::{self, Restored, RuleSets};
use crate::rules_in_force::proposal::{Proposal, propose};
use crate::store::forecast as rows;
use crate::store::forecast::{Figures, ForecastRow, NewForecast};
use crate::store::session::{As, begin_as};

/// A part is written down once in so long.
const EVERY: Span = Span::from_days(7);
/// What is less likely within 30 days and further off than [`NEAR_DAYS`] says nothing that could come true soon.
const LIKELY: f64 = 0.02;
const NEAR_DAYS: f64 = 90.0;
/// Forecasts are followed to the end of their interval, and a month for what comes late.
const FOLLOWED: Span = Span::from_days(FOLLOWED_DAYS as i64 + 30);
/// Two half-lives and the time of following: older ones weigh little.
const KEPT: Span = Span::from_days(570);
/// The newest so many are learned from.
const MOST: i64 = 200_000;

/// How forecasts held, as metrics. Estimators are a closed set.
#[derive(Clone, Debug)]
pub struct ForecastMetrics {
    judged: IntGaugeVec,
    brier: GaugeVec,
    error: GaugeVec,
    coverage: GaugeVec,
    said: GaugeVec,
    seen: GaugeVec,
}

impl ForecastMetrics {
    pub fn try_new(registry: &Registry) -> prometheus::Result<Self> {
        let gauge = |name: &str, help: &str, labels: &[&str]| GaugeVec::new(Opts::new(name, help), labels);
        let metrics = Self {
            judged: IntGaugeVec::new(
                Opts::new("premend_forecasts_judged", "Forecasts of the kept ones of which is known what became"),
                &["estimator"],
            )?,
            brier: gauge(
                "premend_forecasts_brier_ratio",
                "Mean squared difference of probabilities within 30 days and outcomes",
                &["estimator"],
            )?,
            error: gauge(
                "premend_forecasts_calibration_error_ratio",
                "Mean difference of said and seen shares over ten bins",
                &["estimator"],
            )?,
            coverage: gauge(
                "premend_forecasts_interval_coverage_ratio",
                "Share of 80 % intervals of due dates that contained what came",
                &["estimator"],
            )?,
            said: gauge("premend_forecasts_said_ratio", "Mean probability said, by its tenth", &["estimator", "bin"])?,
            seen: gauge("premend_forecasts_seen_ratio", "Share that came true, by tenth said", &["estimator", "bin"])?,
        };
        registry.register(Box::new(metrics.judged.clone()))?;
        for of in [&metrics.brier, &metrics.error, &metrics.coverage, &metrics.said, &metrics.seen] {
            registry.register(Box::new(of.clone()))?;
        }
        for estimator in FORECASTERS {
            metrics.show(estimator, &Held::default());
        }
        Ok(metrics)
    }

    /// What is not known is NaN: a gauge at 0 would say that nothing ever held.
    fn show(&self, estimator: &str, held: &Held) {
        let known = |figure: Option<f64>| figure.unwrap_or(f64::NAN);
        self.judged.with_label_values(&[estimator]).set(held.told.judged as i64);
        self.brier.with_label_values(&[estimator]).set(known(held.told.brier));
        self.error.with_label_values(&[estimator]).set(known(held.told.calibration_error));
        self.coverage.with_label_values(&[estimator]).set(known(held.interval.covered));
        for bin in 0..BINS {
            let name = format!("{:.1}", bin as f64 / BINS as f64);
            let of = held.told.bins.get(bin).filter(|[_, _, count]| *count > 0.0);
            self.said.with_label_values(&[estimator, &name]).set(known(of.map(|[said, ..]| *said)));
            self.seen.with_label_values(&[estimator, &name]).set(known(of.map(|[_, seen, _]| *seen)));
        }
    }
}

impl Learning {
    /// Brings record, outcomes and calibration up to date, once a day; gives how much changed.
    pub async fn forecasts(&self) -> anyhow::Result<u64> {
        let set = Arc::clone(&self.sets.borrow());
        let now = self.clock.now();
        let today = now.to_utc().date_naive();
        if *self.forecast_on.lock().unwrap_or_else(PoisonError::into_inner) == Some(today) {
            return Ok(0);
        }
        let mut changed = self.record(&set, now).await?;
        let mut tx = begin_as(&self.pool, As::Engine).await?;
        changed += rows::follow(&mut tx, &detecting(&set), (now - FOLLOWED).to_utc()).await?;
        changed += rows::forget(&mut tx, (now - KEPT).to_utc()).await?;
        let followed = rows::rows(&mut tx, (now - KEPT).to_utc(), MOST).await?;
        let followed: Vec<Followed> = followed.into_iter().map(|row| followed_of(row, now.to_utc())).collect();
        self.show_figures(&mut tx, &followed, now.to_utc()).await?;
        tx.commit().await?;
        let table = calibrate(&followed);
        if set.catalogue.learned.calibration.decides_otherwise(&table) {
            let catalogue = set.catalogue.with_learned_file(CALIBRATION_FILE, table.to_toml())?;
            let proposal = Proposal::by_job("what became of forecasts");
            let proposed = propose(&self.pool, &set, catalogue, proposal, &self.clock).await?;
            changed += proposed.map_or(0, |proposed| proposed.changes.len() as u64);
        }
        *self.forecast_on.lock().unwrap_or_else(PoisonError::into_inner) = Some(today);
        Ok(changed)
    }

    /// Writes down what is said of each part, of each vehicle whose last record is a week old.
    async fn record(&self, set: &Arc<RuleSet>, now: Time) -> anyhow::Result<u64> {
        let mut sets = RuleSets::new(self.pool.clone(), Arc::clone(set));
        let (mut after, mut recorded) = (String::new(), 0);
        loop {
            let page = journal::snapshot_page(&self.pool, &mut sets, &after).await?;
            let Some(last) = page.last() else { return Ok(recorded) };
            last.vehicle.id.as_str().clone_into(&mut after);
            recorded += self.record_page(&page, set, now).await?;
        }
    }

    async fn record_page(&self, page: &[Restored], set: &RuleSet, now: Time) -> anyhow::Result<u64> {
        let known = page.iter().filter(|one| one.vehicle.newest != Time::NEVER && one.vehicle.newest <= now);
        let (vehicles, heard): (Vec<String>, Vec<DateTime<Utc>>) =
            known.map(|one| (one.vehicle.id.as_str().to_owned(), one.vehicle.newest.to_utc())).unzip();
        let since = (now - FOLLOWED).to_utc();
        let mut tx = begin_as(&self.pool, As::Engine).await?;
        rows::heard(&mut tx, &vehicles, &heard, since).await?;
        let last: BTreeMap<String, DateTime<Utc>> =
            rows::recorded(&mut tx, &vehicles, since).await?.into_iter().collect();
        let mut recorded = 0;
        for Restored { vehicle, set: own, .. } in page {
            let is_due = last.get(vehicle.id.as_str()).is_none_or(|at| vehicle.newest >= Time::from(*at) + EVERY);
            let consents = vehicle.profile.consents.contains(&Purpose::Diagnostics);
            if !is_due || !consents || vehicle.newest == Time::NEVER || vehicle.newest > now {
                continue;
            }
            for new in worth_following(vehicle, own, set) {
                recorded += u64::from(rows::record(&mut tx, &new).await?);
            }
        }
        tx.commit().await?;
        Ok(recorded)
    }

    async fn show_figures(
        &self,
        conn: &mut sqlx::PgConnection,
        followed: &[Followed],
        now: DateTime<Utc>,
    ) -> anyhow::Result<()> {
        // An empty model is all of them.
        let mut groups: BTreeMap<(&str, &str), Vec<&Followed>> = BTreeMap::new();
        for one in followed.iter().filter(|one| FORECASTERS.contains(&one.estimator.as_str())) {
            for model in ["", &one.model] {
                groups.entry((&one.estimator, model)).or_default().push(one);
            }
        }
        let held: BTreeMap<_, Held> =
            groups.into_iter().map(|(group, own)| (group, Held::of(own.iter().copied()))).collect();
        for estimator in FORECASTERS {
            self.metrics.forecasts.show(estimator, held.get(&(estimator, "")).unwrap_or(&Held::default()));
        }
        let mut figures = Vec::new();
        for ((estimator, model), held) in held.iter().filter(|(_, held)| held.told.judged + held.interval.judged > 0) {
            figures.push(Figures {
                estimator: (*estimator).to_owned(),
                model: (*model).to_owned(),
                held: serde_json::to_value(held)?,
                judged_at: now,
            });
        }
        Ok(rows::show(conn, &figures).await?)
    }
}

/// Rules whose findings say that a part is at its limit: those that detect, and are neither shadows nor remarks.
fn detecting(set: &RuleSet) -> Vec<String> {
    let rules = set.catalogue.rules.iter().filter(|rule| {
        rule.kind == RuleKind::Detection && rule.mode == Mode::Live && rule.severity != Some(Severity::S4)
    });
    rules.map(|rule| rule.key.clone()).collect()
}

/// Forecasts of parts that are not at their limit already and whose time may come.
fn worth_following(vehicle: &Vehicle, own_set: &RuleSet, in_force: &RuleSet) -> Vec<NewForecast> {
    let detected = |component: &str| {
        let own = vehicle.cases.iter().filter(|case| case.mode == Mode::Live && case.component.as_str() == component);
        let mut rules = own.flat_map(|case| &case.findings).filter_map(|finding| own_set.rule(finding.key.rule));
        rules.any(|rule| rule.source.kind == RuleKind::Detection)
    };
    let is_worth = |forecast: &Forecast| {
        let likely = forecast.within.is_some_and(|within| within[2] >= LIKELY);
        let near = forecast.due.is_some_and(|due| due.central <= NEAR_DAYS);
        !forecast.learning && (likely || near) && !detected(&forecast.component)
    };
    let row = |forecast: Forecast| {
        let raw = forecast.outlook();
        let told = estimate::calibration(vehicle, in_force, forecast.estimator).outlook(raw);
        NewForecast {
            vehicle: vehicle.id.as_str().to_owned(),
            component: forecast.component,
            made_at: vehicle.newest.to_utc(),
            estimator: forecast.estimator,
            model: vehicle.profile.model.clone(),
            raw: columns(raw),
            told: columns(told),
        }
    };
    estimate::uncalibrated(vehicle, own_set).into_iter().filter(is_worth).map(row).collect()
}

fn columns(outlook: Outlook) -> (Option<[f64; 3]>, Option<[f64; 3]>) {
    (outlook.within, outlook.due.map(|due| [due.early, due.central, due.late]))
}

fn outlook(within: Option<&Vec<f64>>, due: Option<&Vec<f64>>) -> Outlook {
    let three = |column: Option<&Vec<f64>>| <[f64; 3]>::try_from(column?.as_slice()).ok();
    Outlook { within: three(within), due: three(due).map(|[early, central, late]| Due { early, central, late }) }
}

/// What is known of a forecast, in days since it was made.
fn followed_of(row: ForecastRow, now: DateTime<Utc>) -> Followed {
    let days = |at: DateTime<Utc>| (at - row.made_at).as_seconds_f64() / 86_400.0;
    let stopped = row.ended_at.or(row.refuted_at).map_or(row.heard_to, |end| end.min(row.heard_to));
    Followed {
        raw: outlook(row.raw_within.as_ref(), row.raw_due.as_ref()),
        told: outlook(row.told_within.as_ref(), row.told_due.as_ref()),
        failed_after: row.failed_at.map(days),
        refuted: row.refuted_at.is_some(),
        heard_for: days(stopped),
        age: days(now),
        estimator: row.estimator,
        model: row.model,
    }
}
