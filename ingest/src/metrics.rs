//! What ingest counts. One struct on a registry that is passed in; names stand nowhere else.

use prometheus::core::Collector;
use prometheus::{IntCounter, IntCounterVec, IntGauge, Opts, Registry};
use rules::vehicle::Reason;

use crate::admit::{Admitted, Refusal};
use crate::broker::{Cause, Fault};
use crate::dialect::RefusedReadings;

/// The counters and gauges of this crate; clones count together.
#[derive(Clone, Debug)]
pub struct Metrics {
    /// Messages taken from a source.
    pub received: IntCounter,
    /// Payload bytes of them.
    pub received_bytes: IntCounter,
    /// Messages that admission let through.
    pub admitted: IntCounter,
    /// Messages and readings refused, by reason.
    pub rejected: IntCounterVec,
    /// Deliveries waiting for their lane.
    pub queue_deliveries: IntGauge,
    /// Bytes of them.
    pub queue_bytes: IntGauge,
    /// Messages that the embedded broker dropped before ingest read them.
    pub lost: IntCounter,
    /// MQTT connections accepted by the embedded broker.
    pub connects: IntCounter,
    /// MQTT connections that are open at the embedded broker.
    pub connections: IntGauge,
    /// MQTT connections closed by the embedded broker, by cause.
    pub closed: IntCounterVec,
    /// What the embedded broker did not let clients do, their connections going on, by what it was.
    pub refused: IntCounterVec,
    /// Connects that the embedded broker answered late, after breaches of the protocol.
    pub delayed: IntCounter,
    /// Notices of a (re)connect that found the lane's queue full.
    pub notices_dropped: IntCounter,
    /// Messages published to vehicles.
    pub down: IntCounter,
    /// Times the connection to an external broker was lost.
    pub source_disconnects: IntCounter,
}

impl Metrics {
    /// Registers everything; every known label begins at zero.
    pub fn new(registry: &Registry) -> Result<Self, prometheus::Error> {
        let metrics = Self {
            received: counter(registry, "messages_total", "messages taken from a source")?,
            received_bytes: counter(registry, "payload_bytes_total", "payload bytes taken from a source")?,
            admitted: counter(registry, "admitted_messages_total", "messages admitted")?,
            rejected: counters(registry, "rejections_total", "messages and readings refused, by reason", "reason")?,
            queue_deliveries: gauge(registry, "queue_deliveries", "deliveries waiting for their lane")?,
            queue_bytes: gauge(registry, "queue_bytes", "bytes waiting for their lane")?,
            lost: counter(registry, "broker_lost_messages_total", "messages that the embedded broker dropped unread")?,
            connects: counter(registry, "broker_connects_total", "MQTT connections accepted")?,
            connections: gauge(registry, "broker_connections", "MQTT connections open")?,
            closed: counters(registry, "broker_closed_connections_total", "MQTT connections closed by us", "cause")?,
            refused: counters(registry, "broker_refusals_total", "acts of MQTT clients refused, by what", "fault")?,
            delayed: counter(registry, "broker_delayed_connects_total", "MQTT connections answered late")?,
            notices_dropped: counter(
                registry,
                "dropped_notices_total",
                "notices of a connect that found a full queue",
            )?,
            down: counter(registry, "down_messages_total", "messages published to vehicles")?,
            source_disconnects: counter(registry, "source_disconnects_total", "losses of the external broker")?,
        };
        for reason in Reason::ALL {
            metrics.rejected.with_label_values(&[reason.label()]);
        }
        for cause in Cause::ALL {
            metrics.closed.with_label_values(&[cause.label()]);
        }
        for fault in Fault::ALL {
            metrics.refused.with_label_values(&[fault.label()]);
        }
        Ok(metrics)
    }

    /// Counts an admitted message and what was refused of it.
    pub fn count_admitted(&self, admitted: &Admitted) {
        self.admitted.inc();
        self.count_readings(&admitted.refused);
    }

    /// Counts a refused message, and the readings that were refused before it was.
    pub fn count_refusal(&self, refusal: &Refusal) {
        self.rejected.with_label_values(&[refusal.reason.label()]).inc();
        self.count_readings(&refusal.refused);
    }

    fn count_readings(&self, refused: &RefusedReadings) {
        for kept in refused.iter() {
            self.rejected.with_label_values(&[kept.reason.label()]).inc_by(u64::from(kept.count));
        }
    }
}

fn name(noun: &str) -> String {
    format!("premend_ingest_{noun}")
}

fn register<C: Collector + Clone + 'static>(registry: &Registry, collector: C) -> Result<C, prometheus::Error> {
    registry.register(Box::new(collector.clone()))?;
    Ok(collector)
}

fn counter(registry: &Registry, noun: &str, help: &str) -> Result<IntCounter, prometheus::Error> {
    register(registry, IntCounter::new(name(noun), help)?)
}

fn counters(registry: &Registry, noun: &str, help: &str, label: &str) -> Result<IntCounterVec, prometheus::Error> {
    register(registry, IntCounterVec::new(Opts::new(name(noun), help), &[label])?)
}

fn gauge(registry: &Registry, noun: &str, help: &str) -> Result<IntGauge, prometheus::Error> {
    register(registry, IntGauge::new(name(noun), help)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_label_is_there_from_the_start_and_names_follow_the_house() {
        let registry = Registry::new();
        Metrics::new(&registry).unwrap();
        let families = registry.gather();
        let labels = |name: &str| {
            families.iter().find(|family| family.name() == name).map_or(0, |family| family.get_metric().len())
        };
        assert_eq!(labels("premend_ingest_rejections_total"), Reason::ALL.len());
        assert_eq!(labels("premend_ingest_broker_closed_connections_total"), Cause::ALL.len());
        assert_eq!(labels("premend_ingest_broker_refusals_total"), Fault::ALL.len());
        assert!(families.iter().all(|family| family.name().starts_with("premend_ingest_")));
    }

    #[test]
    fn two_on_one_registry_are_an_error() {
        let registry = Registry::new();
        Metrics::new(&registry).unwrap();
        assert!(Metrics::new(&registry).is_err());
    }
}
