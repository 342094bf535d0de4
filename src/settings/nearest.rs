//! "Did you mean": the nearest of the known names.

/// The known name that is nearest to what was written, if any is near.
pub fn nearest<'a>(written: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // A key of a megabyte is nobody's typing error, and comparing it is slow.
    let length = written.chars().take(65).count();
    if length > 64 {
        return None;
    }
    let lower = written.to_lowercase();
    let distance = |name: &str| strsim::damerau_levenshtein(&lower, &name.to_lowercase());
    let best = known.into_iter().filter(|name| name.len() <= 128).min_by_key(|name| distance(name))?;
    let near = distance(best) <= (length / 3).max(1) || (length > 3 && best.starts_with(&lower));
    near.then_some(best)
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
}
