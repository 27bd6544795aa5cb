//! Readings for charts: one statement per batch, column by column.
//!
//! Not by COPY: the client library writes its data, its trailer and its end apart on a socket with
//! Nagle's algorithm on, and each commit then waited 40 ms for a delayed acknowledgement.

use chrono::{DateTime, Utc};
use rules::stage::effect::KeptReading;
use rules::vehicle::VehicleId;
use sqlx::{PgConnection, query};

/// Rows as columns, collected while a batch is decided.
#[derive(Debug, Default)]
pub struct SampleRows {
    vehicles: Vec<VehicleId>,
    signals: Vec<i16>,
    measured_at: Vec<DateTime<Utc>>,
    received_at: Vec<DateTime<Utc>>,
    values: Vec<f64>,
    flags: Vec<i16>,
    /// UTC days that occur, for the partitions.
    days: Vec<i32>,
}

impl SampleRows {
    pub fn push(&mut self, vehicle: &VehicleId, reading: &KeptReading) {
        let day = reading.measured_at.day();
        if self.days.last() != Some(&day) && !self.days.contains(&day) {
            self.days.push(day);
        }
        self.vehicles.push(vehicle.clone());
        self.signals.push(reading.signal.0 as i16);
        self.measured_at.push(reading.measured_at.to_utc());
        self.received_at.push(reading.received_at.to_utc());
        self.values.push(reading.value);
        self.flags.push(reading.flags);
    }

    pub fn len(&self) -> usize {
        self.vehicles.len()
    }

    pub fn is_empty(&self) -> bool {
        self.vehicles.is_empty()
    }

    pub fn days(&self) -> &[i32] {
        &self.days
    }

    pub fn clear(&mut self) {
        self.vehicles.clear();
        self.signals.clear();
        self.measured_at.clear();
        self.received_at.clear();
        self.values.clear();
        self.flags.clear();
        self.days.clear();
    }
}

/// Inserts the rows within the caller's transaction.
pub async fn insert(conn: &mut PgConnection, rows: &SampleRows) -> sqlx::Result<()> {
    if rows.is_empty() {
        return Ok(());
    }
    let vehicles: Vec<&str> = rows.vehicles.iter().map(VehicleId::as_str).collect();
    query!(
        "insert into sample (vehicle_id, signal, measured_at, received_at, value, flags)
         select * from unnest($1::text[], $2::int2[], $3::timestamptz[], $4::timestamptz[], $5::float8[], $6::int2[])",
        vehicles.as_slice() as _,
        &rows.signals,
        &rows.measured_at,
        &rows.received_at,
        &rows.values,
        &rows.flags,
    )
    .execute(conn)
    .await?;
    Ok(())
}
