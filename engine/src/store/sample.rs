//! Readings for charts, by binary COPY: the bulk path has no primary key and no per-row statement.

use rules::effect::KeptReading;
use rules::vehicle::VehicleId;
use sqlx::PgConnection;

/// PostgreSQL counts microseconds from 2000-01-01.
const EPOCH_SHIFT: i64 = 946_684_800_000_000;
const HEADER: &[u8] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";
const TRAILER: i16 = -1;

/// Rows in COPY's binary form, collected while a batch is decided.
#[derive(Debug, Default)]
pub struct SampleRows {
    bytes: Vec<u8>,
    count: usize,
    /// UTC days that occur, for the partitions.
    days: Vec<i32>,
}

impl SampleRows {
    pub fn push(&mut self, vehicle: &VehicleId, reading: &KeptReading) {
        if self.bytes.is_empty() {
            self.bytes.extend_from_slice(HEADER);
        }
        self.count += 1;
        let day = reading.measured_at.day();
        if self.days.last() != Some(&day) && !self.days.contains(&day) {
            self.days.push(day);
        }
        self.bytes.extend_from_slice(&6_i16.to_be_bytes());
        self.field(vehicle.as_str().as_bytes());
        self.field(&(reading.signal.0 as i16).to_be_bytes());
        self.field(&(reading.measured_at.micros() - EPOCH_SHIFT).to_be_bytes());
        self.field(&(reading.received_at.micros() - EPOCH_SHIFT).to_be_bytes());
        self.field(&reading.value.to_be_bytes());
        self.field(&reading.flags.to_be_bytes());
    }

    fn field(&mut self, value: &[u8]) {
        self.bytes.extend_from_slice(&(value.len() as i32).to_be_bytes());
        self.bytes.extend_from_slice(value);
    }

    pub fn len(&self) -> usize {
        self.count
    }

    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    pub fn days(&self) -> &[i32] {
        &self.days
    }

    pub fn clear(&mut self) {
        self.bytes.clear();
        self.days.clear();
        self.count = 0;
    }
}

/// Copies the rows in within the caller's transaction.
pub async fn copy_in(conn: &mut PgConnection, rows: &SampleRows) -> sqlx::Result<()> {
    if rows.is_empty() {
        return Ok(());
    }
    let statement =
        "copy sample (vehicle_id, signal, measured_at, received_at, value, flags) from stdin (format binary)";
    let mut copy = conn.copy_in_raw(statement).await?;
    let sent = async {
        copy.send(rows.bytes.as_slice()).await?;
        copy.send(TRAILER.to_be_bytes().as_slice()).await?;
        Ok::<_, sqlx::Error>(())
    }
    .await;
    match sent {
        Ok(()) => copy.finish().await.map(|_| ()),
        // An unfinished COPY would leave the connection unusable.
        Err(error) => {
            copy.abort("the rows could not be sent").await?;
            Err(error)
        }
    }
}
