//! What is shown of personal data before someone asked for it with a reason.

/// `沪A·DF123` becomes `沪A··123`: province, office and the last three.
pub fn plate(plate: &str) -> String {
    let letters: Vec<char> = plate.chars().filter(|c| c.is_alphanumeric()).collect();
    if letters.len() < 6 {
        return "··".to_owned();
    }
    let (head, tail) = (&letters[..2], &letters[letters.len() - 3..]);
    format!("{}··{}", head.iter().collect::<String>(), tail.iter().collect::<String>())
}

/// `Zhang Wei` becomes `Zhang ··`, `张伟` becomes `张··`.
pub fn name(name: &str) -> String {
    match name.split_once(' ') {
        Some((family, _)) => format!("{family} ··"),
        None => name.chars().next().map(|family| format!("{family}··")).unwrap_or_default(),
    }
}

/// `13800001234` becomes `138····1234`.
pub fn phone(phone: &str) -> String {
    let digits: Vec<char> = phone.chars().filter(char::is_ascii_digit).collect();
    if digits.len() < 8 {
        return "····".to_owned();
    }
    let (head, tail) = (&digits[..3], &digits[digits.len() - 4..]);
    format!("{}····{}", head.iter().collect::<String>(), tail.iter().collect::<String>())
}

/// The last six of a VIN, its serial number, preceded by dots.
pub fn vin(vin: &str) -> String {
    let letters: Vec<char> = vin.chars().collect();
    let tail: String = letters.iter().skip(letters.len().saturating_sub(4)).collect();
    format!("·····{tail}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_only_what_tells_cars_apart_on_the_forecourt() {
        assert_eq!(plate("沪A·DF123"), "沪A··123");
        assert_eq!(plate("沪AD12345"), "沪A··345");
        assert_eq!(plate("x"), "··");
    }

    #[test]
    fn keeps_only_the_family_name() {
        assert_eq!(name("Zhang Wei"), "Zhang ··");
        assert_eq!(name("张伟"), "张··");
        assert_eq!(name(""), "");
    }

    #[test]
    fn keeps_only_the_ends_of_numbers() {
        assert_eq!(phone("+86 138 0000 1234"), "861····1234");
        assert_eq!(phone("13800001234"), "138····1234");
        assert_eq!(vin("LSVAA000000012345"), "·····2345");
    }
}
