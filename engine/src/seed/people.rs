//! Invented owners: a name, a phone that nobody has, a plate and a VIN of no maker.

use rules::unit::Locale;
use rules::vehicle::Powertrain;
use xxhash_rust::xxh3::xxh3_64;

/// A fictional owner and the signs of the car.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invented {
    pub name: String,
    pub phone: String,
    pub locale: Locale,
    pub plate: String,
    pub vin: String,
}

const FAMILIES: [&str; 20] = [
    "王", "李", "张", "刘", "陈", "杨", "赵", "黄", "周", "吴", "徐", "孙", "胡", "朱", "高", "林", "何", "郭", "马",
    "罗",
];
const GIVEN: [&str; 24] = [
    "伟", "芳", "秀英", "敏", "静", "丽", "强", "磊", "军", "洋", "勇", "艳", "杰", "娟", "涛", "明", "超", "霞", "平",
    "刚", "桂英", "文博", "子涵", "雨桐",
];
const ENGLISH: [&str; 12] = [
    "Emily Hart",
    "Lucas Meyer",
    "Nora Quinn",
    "Daniel Okafor",
    "Sofia Rossi",
    "James Whitfield",
    "Ines Duarte",
    "Oliver Braun",
    "Priya Nair",
    "Jonas Vik",
    "Clara Dubois",
    "Samuel Ortiz",
];
/// Letters of plates: no I, no O.
const PLATE: &[u8] = b"ABCDEFGHJKLMNPQRSTUVWXYZ0123456789";
/// Letters of VINs: no I, O, Q.
const VIN: &[u8] = b"ABCDEFGHJKLMNPRSTUVWXYZ0123456789";

/// The owner of a vehicle id, always the same; some owners of the second dealer speak English.
pub fn invent(vehicle_id: &str, powertrain: Powertrain, second_dealer: bool) -> Invented {
    let mut dice = Dice(xxh3_64(vehicle_id.as_bytes()));
    let english = second_dealer && dice.roll(2) == 0;
    let (name, locale) = if english {
        (pick(&mut dice, &ENGLISH).to_owned(), Locale::En)
    } else {
        (format!("{}{}", pick(&mut dice, &FAMILIES), pick(&mut dice, &GIVEN)), Locale::ZhCn)
    };
    let phone = format!("1380000{:04}", dice.roll(10_000));
    let place = if second_dealer { "浙A" } else { "沪A" };
    let plate = match powertrain {
        Powertrain::Bev => format!("{place}·D{:05}", dice.roll(100_000)),
        Powertrain::Hev => format!("{place}·F{:05}", dice.roll(100_000)),
        Powertrain::Ice => format!("{place}·{}", letters(&mut dice, PLATE, 5)),
    };
    Invented { name, phone, locale, plate, vin: vin(&mut dice) }
}

/// World code `LZZ` is no maker's; the ninth digit is the check digit of ISO 3779.
fn vin(dice: &mut Dice) -> String {
    let serial = dice.roll(1_000_000);
    let mut vin: Vec<u8> = format!("LZZ{}0{}{serial:06}", letters(dice, VIN, 5), letters(dice, VIN, 2)).into_bytes();
    const WEIGHTS: [u32; 17] = [8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2];
    let sum: u32 = vin.iter().zip(WEIGHTS).map(|(letter, weight)| vin_value(*letter) * weight).sum();
    vin[8] = match sum % 11 {
        10 => b'X',
        digit => b'0' + digit as u8,
    };
    String::from_utf8_lossy(&vin).into_owned()
}

fn vin_value(letter: u8) -> u32 {
    match letter {
        b'0'..=b'9' => u32::from(letter - b'0'),
        b'A'..=b'H' => u32::from(letter - b'A') + 1,
        b'J'..=b'R' => u32::from(letter - b'J') + 1,
        _ => u32::from(letter - b'S') + 2,
    }
}

fn letters(dice: &mut Dice, alphabet: &[u8], count: usize) -> String {
    (0..count).map(|_| char::from(alphabet[dice.roll(alphabet.len() as u64) as usize])).collect()
}

fn pick<'a>(dice: &mut Dice, names: &[&'a str]) -> &'a str {
    names[dice.roll(names.len() as u64) as usize]
}

/// SplitMix64: small, and the same on every machine.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % sides
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn invents_the_same_owner_again() {
        assert_eq!(invent("v-1", Powertrain::Ice, false), invent("v-1", Powertrain::Ice, false));
        assert_ne!(invent("v-1", Powertrain::Ice, false), invent("v-2", Powertrain::Ice, false));
    }

    #[test]
    fn gives_electric_cars_their_own_plates_and_all_cars_a_vin() {
        let owner = invent("v-7", Powertrain::Bev, false);
        assert!(owner.plate.starts_with("沪A·D"), "{}", owner.plate);
        assert_eq!(owner.vin.len(), 17);
        assert_eq!(owner.phone.len(), 11);
    }
}
