//! High-resolution histograms behind Prometheus' fixed buckets.
//!
//! Inside is an `hdrhistogram` of two significant digits, from which the benchmark and `doctor` read
//! exact percentiles; outside are the cumulative buckets that Prometheus can add up over time.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hdrhistogram::Histogram as Hdr;
use prometheus::core::{Collector, Desc};
use prometheus::proto::{Bucket, Histogram as Buckets, LabelPair, Metric, MetricFamily, MetricType};

/// One distribution; clones share it.
#[derive(Clone, Debug)]
pub struct Histogram(Arc<Mutex<Recorded>>);

#[derive(Debug)]
struct Recorded {
    counts: Hdr<u64>,
    sum: f64,
}

/// Distributions of one name, told apart by one label, or a single one without.
#[derive(Clone, Debug)]
pub struct HistogramFamily {
    desc: Desc,
    help: &'static str,
    label: Option<&'static str>,
    /// Upper bounds in the exported unit, ascending.
    bounds: &'static [f64],
    /// What one exported unit is inside: 1e6 for seconds kept in microseconds.
    scale: f64,
    members: Vec<(&'static str, Histogram)>,
}

/// 0.1 ms to 2 min, in seconds.
const SECONDS: &[f64] = &[
    0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
    30.0, 60.0, 120.0,
];
/// Sizes up to the largest batch.
const SIZES: &[f64] = &[1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0, 1024.0, 2048.0, 4096.0];
/// Longest duration told apart, one hour in microseconds.
const LONGEST: u64 = 3_600_000_000;

impl Histogram {
    fn new() -> prometheus::Result<Self> {
        let counts = Hdr::new_with_bounds(1, LONGEST, 2).map_err(|error| prometheus::Error::Msg(error.to_string()))?;
        Ok(Self(Arc::new(Mutex::new(Recorded { counts, sum: 0.0 }))))
    }

    pub fn observe(&self, duration: Duration) {
        self.observe_many(duration, 1);
    }

    /// The same duration for each message of a batch.
    pub fn observe_many(&self, duration: Duration, times: u64) {
        self.record(u64::try_from(duration.as_micros()).unwrap_or(u64::MAX), times);
    }

    /// A size instead of a duration.
    pub fn observe_size(&self, size: usize) {
        self.record(size as u64, 1);
    }

    /// The value below which `percent` of all lie, inside units (microseconds, or size).
    pub fn percentile(&self, percent: f64) -> u64 {
        self.lock().counts.value_at_percentile(percent)
    }

    pub fn count(&self) -> u64 {
        self.lock().counts.len()
    }

    fn record(&self, value: u64, times: u64) {
        let mut recorded = self.lock();
        recorded.counts.saturating_record_n(value, times);
        recorded.sum += value as f64 * times as f64;
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Recorded> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn buckets(&self, bounds: &[f64], scale: f64) -> Buckets {
        let recorded = self.lock();
        let mut cumulative = 0;
        let mut next = 0;
        let mut buckets = Vec::with_capacity(bounds.len());
        for bound in bounds {
            let upper = (bound * scale) as u64;
            cumulative += recorded.counts.count_between(next, upper);
            next = upper + 1;
            let mut bucket = Bucket::default();
            bucket.set_upper_bound(*bound);
            // Neighbouring bounds may share one internal cell; never exceed the total.
            cumulative = cumulative.min(recorded.counts.len());
            bucket.set_cumulative_count(cumulative);
            buckets.push(bucket);
        }
        let mut histogram = Buckets::default();
        histogram.set_sample_count(recorded.counts.len());
        histogram.set_sample_sum(recorded.sum / scale);
        histogram.set_bucket(buckets);
        histogram
    }
}

impl HistogramFamily {
    /// Durations, exported in seconds; one member per value of `label`.
    pub fn seconds(
        name: &str,
        help: &'static str,
        label: &'static str,
        values: &[&'static str],
    ) -> prometheus::Result<Self> {
        Self::new(name, help, Some(label), values, SECONDS, 1e6)
    }

    /// One duration without labels.
    pub fn plain_seconds(name: &str, help: &'static str) -> prometheus::Result<Self> {
        Self::new(name, help, None, &[""], SECONDS, 1e6)
    }

    /// One size without labels.
    pub fn plain_size(name: &str, help: &'static str) -> prometheus::Result<Self> {
        Self::new(name, help, None, &[""], SIZES, 1.0)
    }

    fn new(
        name: &str,
        help: &'static str,
        label: Option<&'static str>,
        values: &[&'static str],
        bounds: &'static [f64],
        scale: f64,
    ) -> prometheus::Result<Self> {
        let labels = label.iter().map(ToString::to_string).collect();
        let desc = Desc::new(name.to_owned(), help.to_owned(), labels, HashMap::new())?;
        let mut members = Vec::with_capacity(values.len());
        for value in values {
            members.push((*value, Histogram::new()?));
        }
        Ok(Self { desc, help, label, bounds, scale, members })
    }

    /// The distribution of the label's value at `place`, in the order it was made with.
    pub(super) fn member(&self, place: usize) -> &Histogram {
        &self.members[place].1
    }

    /// The distribution of one value of the label.
    pub fn of(&self, value: &str) -> Option<&Histogram> {
        self.members.iter().find(|(known, _)| *known == value).map(|(_, histogram)| histogram)
    }
}

impl Collector for HistogramFamily {
    fn desc(&self) -> Vec<&Desc> {
        vec![&self.desc]
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let mut metrics = Vec::with_capacity(self.members.len());
        for (value, histogram) in &self.members {
            let mut metric = Metric::default();
            metric.set_histogram(histogram.buckets(self.bounds, self.scale));
            if let Some(label) = self.label {
                let mut pair = LabelPair::default();
                pair.set_name(label.to_owned());
                pair.set_value((*value).to_owned());
                metric.set_label(vec![pair]);
            }
            metrics.push(metric);
        }
        let mut family = MetricFamily::default();
        family.set_name(self.desc.fq_name.clone());
        family.set_help(self.help.to_owned());
        family.set_field_type(MetricType::HISTOGRAM);
        family.set_metric(metrics);
        vec![family]
    }
}

#[cfg(test)]
mod tests {
    use prometheus::{Registry, TextEncoder};

    use super::*;

    fn exported(family: &HistogramFamily) -> String {
        let registry = Registry::new();
        registry.register(Box::new(family.clone())).unwrap();
        TextEncoder::new().encode_to_string(&registry.gather()).unwrap()
    }

    #[test]
    fn exports_cumulative_buckets_sum_and_count() {
        let family = HistogramFamily::seconds("t_seconds", "Test.", "stage", &["commit", "admit"]).unwrap();
        let commit = family.of("commit").unwrap();
        commit.observe(Duration::from_millis(2));
        commit.observe_many(Duration::from_millis(40), 3);
        commit.observe(Duration::from_secs(7_200));
        let text = exported(&family);
        for line in [
            "t_seconds_bucket{stage=\"commit\",le=\"0.001\"} 0",
            "t_seconds_bucket{stage=\"commit\",le=\"0.0025\"} 1",
            "t_seconds_bucket{stage=\"commit\",le=\"0.05\"} 4",
            "t_seconds_bucket{stage=\"commit\",le=\"120\"} 4",
            "t_seconds_bucket{stage=\"commit\",le=\"+Inf\"} 5",
            "t_seconds_count{stage=\"commit\"} 5",
            "t_seconds_count{stage=\"admit\"} 0",
        ] {
            assert!(text.contains(line), "{line} not in\n{text}");
        }
    }

    #[test]
    fn buckets_never_decrease_and_percentiles_are_close() {
        let family = HistogramFamily::plain_seconds("t_seconds", "Test.").unwrap();
        let histogram = family.of("").unwrap();
        for micros in 1..=100_000_u64 {
            histogram.observe(Duration::from_micros(micros));
        }
        let buckets = histogram.buckets(SECONDS, 1e6);
        let counts: Vec<u64> = buckets.get_bucket().iter().map(Bucket::cumulative_count).collect();
        assert!(counts.is_sorted(), "{counts:?}");
        assert_eq!(counts.last(), Some(&100_000));
        let median = histogram.percentile(50.0) as f64;
        assert!((median - 50_000.0).abs() / 50_000.0 < 0.02, "{median}");
    }

    #[test]
    fn sizes_keep_their_unit() {
        let family = HistogramFamily::plain_size("t_inputs", "Test.").unwrap();
        family.of("").unwrap().observe_size(4_096);
        let text = exported(&family);
        assert!(text.contains("t_inputs_bucket{le=\"4096\"} 1") && text.contains("t_inputs_sum 4096"), "{text}");
    }
}
