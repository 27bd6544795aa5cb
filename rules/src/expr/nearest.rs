//! The valid name that looks most like a wrong one.

/// The nearest of `names`: one that ends in the wrong name as a path does, else the one with the
/// fewest edits, at most a third of its letters.
pub fn nearest<'a>(wrong: &str, names: impl IntoIterator<Item = &'a str>) -> Option<String> {
    let lower = wrong.to_ascii_lowercase();
    let suffix = format!(".{lower}");
    let mut best: Option<(usize, &str)> = None;
    for name in names {
        let candidate = name.to_ascii_lowercase();
        let limit = best.map_or(lower.len().div_ceil(3).max(1), |(edits, _)| edits.saturating_sub(1));
        let ends_alike = !lower.is_empty() && candidate.ends_with(&suffix);
        let edits = if ends_alike { Some(0) } else { distance(&lower, &candidate, limit) };
        if let Some(edits) = edits.filter(|edits| *edits <= limit && best.is_none_or(|(least, _)| *edits < least)) {
            best = Some((edits, name));
        }
    }
    best.map(|(_, name)| name.to_owned())
}

/// Insertions, deletions, replacements and swaps of neighbours that turn `a` into `b`; `None` if
/// their lengths alone need more than `limit`.
fn distance(a: &str, b: &str, limit: usize) -> Option<usize> {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    if a.len().abs_diff(b.len()) > limit {
        return None;
    }
    let mut older: Vec<usize> = Vec::new();
    let mut previous: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.iter().enumerate() {
        let mut current = vec![i + 1];
        for (j, to) in b.iter().enumerate() {
            let mut edits = (previous[j] + usize::from(from != to)).min(previous[j + 1] + 1).min(current[j] + 1);
            let swapped = i > 0 && j > 0 && *from == b[j - 1] && a[i - 1] == *to;
            if swapped {
                edits = edits.min(older[j - 1] + 1);
            }
            current.push(edits);
        }
        older = std::mem::replace(&mut previous, current);
    }
    previous.last().copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAMES: [&str; 4] = ["Vehicle.Speed", "Vehicle.TraveledDistance", "held", "stale"];

    fn find(wrong: &str) -> Option<String> {
        nearest(wrong, NAMES)
    }

    #[test]
    fn finds_typing_errors_and_short_names() {
        assert_eq!(find("Vehicle.Sped").as_deref(), Some("Vehicle.Speed"));
        assert_eq!(find("vehicle.speed").as_deref(), Some("Vehicle.Speed"));
        assert_eq!(find("Speed").as_deref(), Some("Vehicle.Speed"));
        assert_eq!(find("hedl").as_deref(), Some("held"));
    }

    #[test]
    fn stays_silent_when_nothing_is_near() {
        assert_eq!(find("Cabin.Door.Row1.IsOpen"), None);
        assert_eq!(find(""), None);
    }

    #[test]
    fn counts_edits() {
        assert_eq!(distance("kitten", "sitting", 9), Some(3));
        assert_eq!(distance("ab", "ba", 9), Some(1));
        assert_eq!(distance("", "abc", 9), Some(3));
        assert_eq!(distance("", "abc", 2), None);
    }
}
