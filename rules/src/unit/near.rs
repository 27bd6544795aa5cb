//! "Did you mean": the valid name nearest to one that is not.

/// The candidate that takes the fewest edits to reach, if that is few enough to be a slip.
pub fn nearest<'a>(wrong: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let tolerated = (wrong.chars().count() / 3).max(2);
    let mut best: Option<(usize, &str)> = None;
    for candidate in candidates {
        let edits = distance(wrong, candidate);
        if edits <= tolerated && best.is_none_or(|(fewest, _)| edits < fewest) {
            best = Some((edits, candidate));
        }
    }
    best.map(|(_, candidate)| candidate)
}

/// Levenshtein distance in characters, upper and lower case alike.
fn distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().flat_map(char::to_lowercase).collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (index, a) in left.chars().flat_map(char::to_lowercase).enumerate() {
        let mut diagonal = index;
        let mut before = index + 1;
        for (cell, b) in row.iter_mut().skip(1).zip(&right) {
            let edits = (diagonal + usize::from(a != *b)).min(*cell + 1).min(before + 1);
            diagonal = *cell;
            *cell = edits;
            before = edits;
        }
        if let Some(first) = row.first_mut() {
            *first = index + 1;
        }
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_edits() {
        for (left, right, edits) in [("", "abc", 3), ("kitten", "sitting", 3), ("Oil", "oil", 0), ("flaw", "lawn", 2)] {
            assert_eq!(distance(left, right), edits, "{left} {right}");
            assert_eq!(distance(right, left), edits, "{right} {left}");
        }
    }

    #[test]
    fn suggests_only_what_may_be_a_slip() {
        let known = ["engine.cooling", "engine.oil", "chassis.brakes"];
        assert_eq!(nearest("engine.coling", known), Some("engine.cooling"));
        assert_eq!(nearest("telematics", known), None);
    }
}
