//! "Did you mean": the nearest of the known names.

/// Names that are told at once.
const MOST: usize = 3;

/// The known names that are near enough to be a slip of the hand, best first, three at the most.
pub fn nearest_names<'a>(written: &str, known: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    // A key of a megabyte is nobody's typing error, and comparing it is slow.
    let length = written.chars().take(65).count();
    if length > 64 {
        return Vec::new();
    }
    let lower = written.to_lowercase();
    let near = |name: &'a str| {
        let other = name.to_lowercase();
        let distance = strsim::damerau_levenshtein(&lower, &other);
        let is_near = distance <= (length / 3).max(1) || (length > 3 && other.starts_with(&lower));
        is_near.then_some((distance, name))
    };
    let mut near: Vec<_> = known.into_iter().filter(|name| name.len() <= 128).filter_map(near).collect();
    near.sort_by_key(|(distance, _)| *distance);
    near.into_iter().take(MOST).map(|(_, name)| name).collect()
}

/// The known name that is nearest to what was written, if any is near.
pub fn nearest<'a>(written: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    nearest_names(written, known).first().copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_found_and_far_ones_are_not() {
        let known = ["module", "metadata", "postgres", "sqlite"];
        assert_eq!(nearest("modle", known), Some("module"));
        assert_eq!(nearest("postgresql", known), Some("postgres"));
        assert_eq!(nearest("SQLite", known), Some("sqlite"));
        assert_eq!(nearest("mysql", known), None);
        assert_eq!(nearest(&"m".repeat(1_000_000), known), None);
    }

    #[test]
    fn near_names_come_best_first_and_not_too_many() {
        let known = ["billing.staging", "billing.prod", "billing.pro", "catalog.prod", "billing.proud"];
        assert_eq!(nearest_names("billing.pord", known), ["billing.prod", "billing.pro", "billing.proud"]);
        assert_eq!(nearest_names("bill", known), ["billing.pro", "billing.prod", "billing.proud"]);
    }
}
