//! "Did you mean": near names only, or none.

/// The candidate nearest to `name`, case folded, at most three edits away and never more than a third of its length.
pub fn nearest<'a, S: AsRef<str> + 'a + ?Sized>(
    name: &str,
    candidates: impl IntoIterator<Item = &'a S>,
) -> Option<&'a str> {
    let folded = name.to_lowercase();
    let limit = (name.chars().count() / 3).clamp(1, 3);
    candidates
        .into_iter()
        .map(AsRef::as_ref)
        .filter(|candidate| *candidate != name)
        .map(|candidate| (strsim::damerau_levenshtein(&folded, &candidate.to_lowercase()), candidate))
        .filter(|(distance, _)| *distance <= limit)
        .min_by(|a, b| a.0.cmp(&b.0).then(a.1.cmp(b.1)))
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn only_near_names_are_suggested() {
        assert_eq!(nearest("materialised", ["materialized", "tags"]), Some("materialized"));
        assert_eq!(nearest("stg_order", ["stg_orders", "stg_items"]), Some("stg_orders"));
        assert_eq!(nearest("startdate", ["start_date"]), Some("start_date"));
        assert_eq!(nearest("id", ["at", "xy"]), None);
        assert_eq!(nearest("orders", ["customers"]), None);
    }
}
