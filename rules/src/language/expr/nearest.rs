//! The valid name that was probably meant: signals are known by the end of their path, too.

use crate::unit;

/// The only one of `names` that ends in the wrong name as a path does, else the most similar one.
pub(super) fn nearest(wrong: &str, names: &[&str]) -> Option<String> {
    let suffix = format!(".{}", wrong.to_ascii_lowercase());
    let mut ending = names.iter().filter(|name| name.to_ascii_lowercase().ends_with(&suffix));
    let found = match (ending.next(), ending.next()) {
        (Some(one), None) => Some(*one),
        _ => unit::nearest(wrong, names.iter().copied()),
    };
    found.map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_typing_errors_and_short_names() {
        let names = ["Vehicle.Speed", "Vehicle.TraveledDistance", "Front.IsOpen", "Rear.IsOpen", "held"];
        assert_eq!(nearest("Vehicle.Sped", &names).as_deref(), Some("Vehicle.Speed"));
        assert_eq!(nearest("speed", &names).as_deref(), Some("Vehicle.Speed"));
        assert_eq!(nearest("hedl", &names).as_deref(), Some("held"));
        assert_eq!(nearest("IsOpen", &names), None);
        assert_eq!(nearest("Cabin.Door.Row1", &names), None);
    }
}
