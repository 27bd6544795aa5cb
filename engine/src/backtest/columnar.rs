//! Parquet: a table whose columns have types. Needs the feature `parquet`, which only `make demo` builds without.

use std::fs::File;
use std::path::Path;

use parquet::file::reader::{FileReader as _, SerializedFileReader};
use parquet::record::Field;
use rules::unit::Time;

use super::feed::Feed;
use super::table::{Cell, Columns, Writer};

pub fn read(path: &Path, columns: &Columns, feed: &mut Feed<'_>) -> anyhow::Result<()> {
    let reader = SerializedFileReader::new(File::open(path)?)?;
    let fields = reader.metadata().file_metadata().schema_descr().columns();
    let header: Vec<String> = fields.iter().map(|column| column.path().string().replace('"', "")).collect();
    let layout = columns.layout(&header)?;
    let mut writer = Writer::new(feed.place.offset);
    for row in reader.get_row_iter(None)? {
        let row = row?;
        let fields: Vec<&Field> = row.get_column_iter().map(|(_, field)| field).collect();
        writer.row(&layout, |place| fields.get(place).map_or(Cell::Nothing, |field| cell_of(field)), feed)?;
    }
    writer.hand_out(feed)
}

fn cell_of(field: &Field) -> Cell {
    match field {
        Field::Null => Cell::Nothing,
        Field::Bool(flag) => Cell::Flag(*flag),
        Field::Byte(number) => Cell::Number((*number).into()),
        Field::Short(number) => Cell::Number((*number).into()),
        Field::Int(number) => Cell::Number((*number).into()),
        Field::Long(number) => Cell::Number(*number as f64),
        Field::UByte(number) => Cell::Number((*number).into()),
        Field::UShort(number) => Cell::Number((*number).into()),
        Field::UInt(number) => Cell::Number((*number).into()),
        Field::ULong(number) => Cell::Number(*number as f64),
        Field::Float(number) => Cell::Number((*number).into()),
        Field::Double(number) => Cell::Number(*number),
        Field::Str(text) => Cell::Text(text.clone()),
        Field::TimestampMillis(millis) => Cell::Time(Time::from_micros(millis.saturating_mul(1_000))),
        Field::TimestampMicros(micros) => Cell::Time(Time::from_micros(*micros)),
        other => Cell::Text(other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::mpsc::sync_channel;

    use indicatif::ProgressBar;
    use parquet::basic::{Compression, GzipLevel, ZstdLevel};
    use parquet::data_type::{ByteArrayType, DoubleType, Int64Type};
    use parquet::file::properties::WriterProperties;
    use parquet::file::writer::SerializedFileWriter;
    use parquet::schema::parser::parse_message_type;
    use rules::catalogue::Catalogue;
    use tempfile::TempDir;

    use super::*;
    use crate::backtest::feed::Parcel;

    const SCHEMA: &str = "message trip {
        required binary vehicle (string);
        required int64 ts (timestamp(micros,true));
        optional double Vehicle.Speed;
    }";

    fn write(path: &Path, compression: Compression) {
        let properties = Arc::new(WriterProperties::builder().set_compression(compression).build());
        let schema = Arc::new(parse_message_type(SCHEMA).unwrap());
        let mut file = SerializedFileWriter::new(File::create(path).unwrap(), schema, properties).unwrap();
        let mut rows = file.next_row_group().unwrap();
        let mut column = rows.next_column().unwrap().unwrap();
        let vehicles = ["a".into(), "b".into(), "a".into()];
        column.typed::<ByteArrayType>().write_batch(&vehicles, None, None).unwrap();
        column.close().unwrap();
        let mut column = rows.next_column().unwrap().unwrap();
        let times = [1_790_000_000_000_000, 1_790_000_000_000_000, 1_790_000_060_000_000];
        column.typed::<Int64Type>().write_batch(&times, None, None).unwrap();
        column.close().unwrap();
        let mut column = rows.next_column().unwrap().unwrap();
        column.typed::<DoubleType>().write_batch(&[50.5, 70.0], Some(&[1, 0, 1]), None).unwrap();
        column.close().unwrap();
        rows.close().unwrap();
        file.close().unwrap();
    }

    fn lines(path: &Path) -> String {
        let columns = Columns::new(None, &Catalogue::builtin().unwrap().signals).unwrap();
        let (sender, parcels) = sync_channel(8);
        let progress = ProgressBar::hidden();
        let mut feed = Feed::new(vec![sender], &progress);
        feed.read(&[path.to_owned()], &columns).unwrap();
        drop(feed);
        parcels
            .into_iter()
            .map(|parcel| {
                let Parcel::Lines { buffer, .. } = parcel else { panic!("lines") };
                String::from_utf8(buffer.to_vec()).unwrap()
            })
            .collect()
    }

    #[test]
    fn rows_become_the_lines_that_csv_gives_however_they_are_packed() {
        let directory = TempDir::new().unwrap();
        let csv = directory.path().join("trip.csv");
        let rows = "vehicle,ts,Vehicle.Speed\n\
                    a,2026-09-21T14:13:20Z,50.5\n\
                    b,2026-09-21T14:13:20Z,\n\
                    a,2026-09-21T14:14:20Z,70\n";
        std::fs::write(&csv, rows).unwrap();
        let wanted = lines(&csv);
        assert_eq!(wanted.lines().count(), 3, "{wanted}");
        let path = directory.path().join("trip.parquet");
        for compression in [
            Compression::UNCOMPRESSED,
            Compression::SNAPPY,
            Compression::GZIP(GzipLevel::default()),
            Compression::ZSTD(ZstdLevel::default()),
        ] {
            write(&path, compression);
            assert_eq!(lines(&path), wanted, "{compression:?}");
        }
    }
}
