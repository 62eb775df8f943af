//! `require-dbt-version`.

use std::cmp::Ordering;

/// `1.12.0-rc1` as numbers and what follows them; a release is newer than its pre-releases.
#[derive(Debug, PartialEq, Eq)]
struct Version<'a> {
    numbers: [u64; 3],
    pre: Option<&'a str>,
}

impl<'a> Version<'a> {
    fn parse(text: &'a str) -> Option<Self> {
        let text = text.trim();
        let end = text.find(|c: char| c != '.' && !c.is_ascii_digit()).unwrap_or(text.len());
        let (numbers, pre) = text.split_at(end);
        let mut parsed = [0; 3];
        let parts: Vec<&str> = numbers.split('.').collect();
        if parts.len() > 3 {
            return None;
        }
        for (slot, part) in parsed.iter_mut().zip(parts) {
            *slot = part.parse().ok()?;
        }
        Some(Self { numbers: parsed, pre: Some(pre.trim_start_matches('-')).filter(|pre| !pre.is_empty()) })
    }
}

impl Ord for Version<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.numbers.cmp(&other.numbers).then_with(|| match (self.pre, other.pre) {
            (None, None) => Ordering::Equal,
            (None, Some(_)) => Ordering::Greater,
            (Some(_), None) => Ordering::Less,
            (Some(a), Some(b)) => a.cmp(b),
        })
    }
}

impl PartialOrd for Version<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// Whether `version` meets a requirement such as `>=1.7.0,<2.0.0`; none if the requirement cannot be read.
pub(super) fn meets(version: &str, requirement: &str) -> Option<bool> {
    let version = Version::parse(version)?;
    requirement.split(',').map(str::trim).filter(|part| !part.is_empty()).try_fold(true, |met, part| {
        let end = part.find(|c: char| !matches!(c, '<' | '>' | '=' | '!')).unwrap_or(part.len());
        let wanted = Version::parse(&part[end..])?;
        let ordering = version.cmp(&wanted);
        let holds = match &part[..end] {
            ">=" => ordering.is_ge(),
            ">" => ordering.is_gt(),
            "<=" => ordering.is_le(),
            "<" => ordering.is_lt(),
            "=" | "==" | "" => ordering.is_eq(),
            "!=" => ordering.is_ne(),
            _ => return None,
        };
        Some(met && holds)
    })
}

/// Whether any release of a `series` such as `1.7` meets a requirement. No series had more than fifty.
pub(super) fn met_by(series: &str, requirement: &str) -> bool {
    (0..50).any(|patch| meets(&format!("{series}.{patch}"), requirement) == Some(true))
}

#[cfg(test)]
mod tests {
    use super::{meets, met_by};

    #[test]
    fn a_series_meets_what_one_of_its_releases_does() {
        assert!(met_by("1.7", "<1.8.0"));
        assert!(met_by("1.7", "=1.7.4"));
        assert!(!met_by("1.7", ">=1.13"));
        assert!(!met_by("1.7", "<1.7.0"));
    }

    #[test]
    fn requirements_are_compared_number_by_number() {
        assert_eq!(meets("1.12.0", ">=1.7.0"), Some(true));
        assert_eq!(meets("1.12.0", "<1.9.0"), Some(false));
        assert_eq!(meets("1.12.0", ">=1.7.0,<2.0.0"), Some(true));
        assert_eq!(meets("1.12.0", "1.12.0"), Some(true));
        assert_eq!(meets("1.12.0", ">1.12.0-rc1"), Some(true));
        assert_eq!(meets("1.12.0", ">=1.3"), Some(true));
        assert_eq!(meets("1.12.0", "~1.3"), None);
        assert_eq!(meets("1.12.0", "new"), None);
    }
}
