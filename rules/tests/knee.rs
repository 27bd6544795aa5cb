//! The forecaster of health against its reference: nine moments of three public cells, computed once in double
//! precision by the program that the constants were chosen with.
//!
//! The cells are not part of the repository. They are looked for in `PREMEND_DATA`, else in `../shared/data` beside
//! the checkout; without them this test says so and passes.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use flate2::read::MultiGzDecoder;
use rules::estimate::knee::{Interval, Knee, Pace};

const MIT: &str = "battery/mit_capacity.csv.gz";
const NASA: &str = "battery/nasa_capacity.csv";
/// How gzip files begin.
const GZIP: [u8; 2] = [0x1f, 0x8b];
/// Sums are kept in single precision where that suffices.
const TOLERANCE: f64 = 1e-3;

/// What the reference says of a cell after so many cycles.
struct Moment {
    cycles: usize,
    health: f64,
    acceleration: f64,
    /// Low, central and high, 50 cycles ahead.
    ahead: [f64; 3],
    /// Until 0.90.
    left: [f64; 3],
}

const LATE: [Moment; 3] = [
    Moment {
        cycles: 244,
        health: 0.996_351_676,
        acceleration: 0.213_687_497,
        ahead: [0.992_969_117, 0.994_436_47, 0.995_095_795],
        left: [766.136_08, 1_936.273_3, 2_420.341_63],
    },
    Moment {
        cycles: 585,
        health: 0.962_250_241,
        acceleration: 0.933_149_512,
        ahead: [0.939_033_698, 0.946_128_918, 0.948_739_103],
        left: [95.928_401_3, 125.997_963, 157.497_453],
    },
    Moment {
        cycles: 625,
        health: 0.949_934_784,
        acceleration: 0.965_485_439,
        ahead: [0.915_963_623, 0.924_837_848, 0.928_102_493],
        left: [57.121_944_5, 73.192_108, 91.490_135],
    },
];

const EARLY: [Moment; 3] = [
    Moment {
        cycles: 77,
        health: 0.986_460_909,
        acceleration: 0.084_839_266_3,
        ahead: [0.966_944_647, 0.976_362_091, 0.982_674_793],
        left: [123.436_53, 391.960_602, 489.950_752],
    },
    Moment {
        cycles: 165,
        health: 0.949_699_261,
        acceleration: 0.753_039_878,
        ahead: [0.886_485_551, 0.911_021_052, 0.924_486_42],
        left: [37.014_825_3, 55.561_418_8, 69.451_773_5],
    },
    Moment {
        cycles: 184,
        health: 0.938_333_341,
        acceleration: 0.820_854_337,
        ahead: [0.865_886_471, 0.891_754_643, 0.905_951_397],
        left: [27.681_454_5, 39.069_704_1, 48.837_130_1],
    },
];

const RECOVERING: [Moment; 3] = [
    Moment {
        cycles: 51,
        health: 0.949_464_209,
        acceleration: 0.040_411_732_5,
        ahead: [0.854_672_71, 0.909_350_464, 0.964_028_218],
        left: [16.299_292_7, 59.759_112_9, 74.698_891_1],
    },
    Moment {
        cycles: 56,
        health: 0.938_250_152,
        acceleration: 0.089_260_134_2,
        ahead: [0.828_134_082, 0.886_806_192, 0.945_478_303],
        left: [12.416_413_3, 38.552_332_8, 48.190_416],
    },
    Moment {
        cycles: 134,
        health: 0.743_574_484,
        acceleration: 0.0,
        ahead: [0.514_935_434, 0.626_223_207, 0.667_163_691],
        left: [0.0, 0.0, 0.0],
    },
];

#[expect(clippy::disallowed_methods, reason = "tests may ask where the public cells lie")]
fn public(name: &str) -> Option<String> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folders = std::env::var("PREMEND_DATA").map_or_else(
        |_| vec![beside.join("../../shared/data"), beside.join("../../../shared/data")],
        |folder| vec![PathBuf::from(folder)],
    );
    let Some(path) = folders.iter().map(|folder| folder.join(name)).find(|path| path.exists()) else {
        eprintln!("SKIPPED: no {name} in {folders:?}; set PREMEND_DATA");
        return None;
    };
    let bytes = fs::read(&path).expect("a readable file");
    if !bytes.starts_with(&GZIP) {
        return Some(String::from_utf8(bytes).expect("UTF-8"));
    }
    let mut text = String::new();
    MultiGzDecoder::new(bytes.as_slice()).read_to_string(&mut text).expect("a readable gzip file");
    Some(text)
}

/// The capacities of a cell in the order of its cycles, Ah.
fn capacities(text: &str, cell: &str) -> Vec<f64> {
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let headers = reader.headers().expect("a header").clone();
    let column = |name: &str| headers.iter().position(|header| header == name).expect("its column");
    let (own, cycle, capacity) = (column("cell"), column("cycle"), column("capacity_ah"));
    let mut found: Vec<(u32, f64)> = reader
        .records()
        .map(|record| record.expect("a row"))
        .filter(|record| &record[own] == cell)
        .map(|record| (record[cycle].parse().expect("a cycle"), record[capacity].parse().expect("a capacity")))
        .collect();
    found.sort_by_key(|(cycle, _)| *cycle);
    found.into_iter().map(|(_, capacity)| capacity).collect()
}

fn assert_near(said: f64, expected: f64, what: &str) {
    assert!((said - expected).abs() <= TOLERANCE * expected.abs(), "{what}: {said} instead of {expected}");
}

fn assert_interval(said: Interval, expected: [f64; 3], what: &str) {
    for (said, expected) in [said.low, said.central, said.high].into_iter().zip(expected) {
        assert_near(said, expected, what);
    }
}

fn check(file: &str, cell: &str, reference: f64, moments: &[Moment]) {
    let Some(text) = public(file) else { return };
    let mut knee = Knee::new();
    let mut checked = 0;
    for (place, capacity) in capacities(&text, cell).into_iter().enumerate() {
        knee.take(capacity / reference, Pace::CYCLES);
        for moment in moments.iter().filter(|moment| moment.cycles == place + 1) {
            let what = |part: &str| format!("{part} of {cell} after {} cycles", moment.cycles);
            assert_near(knee.health(), moment.health, &what("health"));
            assert_near(knee.acceleration(), moment.acceleration, &what("acceleration"));
            assert_interval(knee.health_at(50.0), moment.ahead, &what("health 50 cycles ahead"));
            assert_interval(knee.time_to(0.9), moment.left, &what("cycles until 0.90"));
            checked += 1;
        }
    }
    assert_eq!(checked, moments.len());
}

#[test]
fn follows_the_reference_through_a_late_knee() {
    check(MIT, "2017-05-12/2017-05-12_battery-12", 1.058_02, &LATE);
}

#[test]
fn follows_the_reference_through_an_early_knee() {
    check(MIT, "2018-04-12/2018-04-12_battery-43", 1.069_865, &EARLY);
}

#[test]
fn follows_the_reference_through_recoveries() {
    check(NASA, "B0005", 1.856_487_420_818_157_4, &RECOVERING);
}
