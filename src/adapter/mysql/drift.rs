//! In what the partitions of a table that stays differ from config `partition_by`.

use std::sync::LazyLock;

use regex::Regex;

use super::partitions::{Existing, Field, existing};
use crate::adapter::options::{PartitionBy, head};
use crate::adapter::ranges::{self, Ranges};
use crate::adapter::{Column, Connection, DbResult, Relation};

const MOST_NAMED: usize = 3;

/// None: they are as wanted, as far as that can be told.
pub(super) fn of_partitions(
    connection: &mut dyn Connection,
    table: &Relation,
    wanted: &PartitionBy,
    column: Option<&Column>,
) -> DbResult<Option<String>> {
    let Some(found) = existing(connection, table)? else { return Ok(Some("it has no partitions".to_owned())) };
    Ok(match (wanted, column) {
        (PartitionBy::Ranges(ranges), Some(column)) => of_ranges(&found, ranges, column),
        (PartitionBy::Hashed { method, columns, partitions }, _) => {
            of_words(&found, method, &columns.join(", ")).or_else(|| of_count(&found, *partitions))
        }
        (PartitionBy::Text(text), _) => of_text(&found, text),
        (PartitionBy::Ranges(_), None) => None,
    })
}

fn of_ranges(found: &Existing, ranges: &Ranges, column: &Column) -> Option<String> {
    // The build says what is wrong with the column.
    let field = Field::new(ranges, column).ok()?;
    let layout = match field.layout(found).filter(|_| field.is_of(found) && !found.is_divided) {
        Some(layout) => layout,
        None => return Some(format!("it is partitioned by {}, not by {}", shown(found), field.by())),
    };
    let others = ranges::of_another_step(ranges.step, &layout);
    let first = others.iter().take(MOST_NAMED).map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    let more = if others.len() > MOST_NAMED { ", …" } else { "" };
    let step = ranges.step.describe();
    (!others.is_empty()).then(|| {
        format!("partitions are not of one {step} each: {first}{more} (those that new rows arrive in are made so)")
    })
}

fn shown(found: &Existing) -> String {
    let divided = if found.is_divided { " with subpartitions" } else { "" };
    format!("{} ({}){divided}", found.method.to_lowercase(), found.expression.replace('`', ""))
}

/// The method, and the columns where they stand alone: servers write expressions in their own way.
fn of_words(found: &Existing, method: &str, expression: &str) -> Option<String> {
    let plain = |text: &str| text.to_lowercase().replace(['`', ' '], "");
    let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase();
    let are_columns = |text: &str| !text.is_empty() && text.chars().all(|c| c.is_alphanumeric() || "_$,".contains(c));
    let (is, should) = (plain(&found.expression), plain(expression));
    let same = words(&found.method) == words(method) && (is == should || !are_columns(&is) && !are_columns(&should));
    (!same).then(|| format!("it is partitioned by {}, not by {} ({expression})", shown(found), words(method)))
}

fn of_count(found: &Existing, wanted: u64) -> Option<String> {
    let count = found.parts.len() as u64;
    (count != wanted).then(|| format!("it has {count} partitions, not {wanted}"))
}

/// A text is compared as far as it can be read: method, columns, number, names, and bounds that are plain values. More
/// partitions than it names are fine: they were added since.
fn of_text(found: &Existing, text: &str) -> Option<String> {
    static PARTITION: LazyLock<Option<Regex>> = LazyLock::new(|| {
        Regex::new(r"(?is)\bpartition\s+(`[^`]+`|[\w$]+)(?:\s+values\s+less\s+than\s*(maxvalue|\(\s*(?:'[^']*'|-?\d+|maxvalue)\s*\)))?")
            .ok()
    });
    static COUNT: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"(?i)\bpartitions\s+(\d+)").ok());
    let (method, expression, rest) = head(text)?;
    if !expression.is_empty()
        && !method.to_lowercase().contains("algorithm")
        && let Some(other) = of_words(found, method, expression)
    {
        return Some(other);
    }
    if let Some(count) = COUNT.as_ref()?.captures(rest).and_then(|count| count[1].parse().ok())
        && !rest.to_lowercase().contains("subpartition")
    {
        return of_count(found, count);
    }
    let mut missing = Vec::new();
    for partition in PARTITION.as_ref()?.captures_iter(rest) {
        let name = partition[1].trim_matches('`');
        let Some((_, bound)) = found.parts.iter().find(|(there, _)| there.eq_ignore_ascii_case(name)) else {
            missing.push(format!("`{name}`"));
            continue;
        };
        let plain = |text: &str| text.to_lowercase().replace(['(', ')', '\'', ' '], "").replace("00:00:00", "");
        if let Some(wanted) = partition.get(2).filter(|wanted| plain(wanted.as_str()) != plain(bound)) {
            let wanted = wanted.as_str().trim_matches(['(', ')', ' ']);
            return Some(format!("its partition `{name}` ends at {bound}, not at {wanted}"));
        }
    }
    (!missing.is_empty()).then(|| {
        let what = if missing.len() == 1 { "partition" } else { "partitions" };
        format!("it does not have the {what} {}", missing.join(", "))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(method: &str, expression: &str, parts: &[(&str, &str)]) -> Existing {
        let parts = parts.iter().map(|(name, bound)| ((*name).to_owned(), (*bound).to_owned())).collect();
        Existing { method: method.to_owned(), expression: expression.to_owned(), is_divided: false, parts }
    }

    #[test]
    fn texts_are_compared_as_far_as_they_can_be_read() {
        let days = table("RANGE COLUMNS", "`day`", &[("p1", "'2024-02-01 00:00:00'"), ("rest", "MAXVALUE")]);
        for same in [
            "range columns (day) (partition p1 values less than ('2024-02-01'), partition rest values less than maxvalue)",
            "RANGE  COLUMNS(`day`) (PARTITION `P1` VALUES LESS THAN (date '2024-03-01'))",
        ] {
            assert_eq!(of_text(&days, same), None, "{same}");
        }
        for (other, problem) in [
            (
                "range columns (at) (partition p1 values less than (maxvalue))",
                "by range columns (day), not by range columns (at)",
            ),
            ("list (day) (partition p1 values in (1))", "not by list (day)"),
            (
                "range columns (day) (partition p0 values less than ('2024-01-01'), partition p1 values less than ('2024-02-01'))",
                "does not have the partition `p0`",
            ),
            (
                "range columns (day) (partition p1 values less than ('2024-01-01'))",
                "ends at '2024-02-01 00:00:00', not at '2024-01-01'",
            ),
        ] {
            let found = of_text(&days, other).expect(other);
            assert!(found.contains(problem), "{found}");
        }
        let hashed = table("HASH", "`id`", &[("p0", ""), ("p1", "")]);
        assert_eq!(of_text(&hashed, "hash (id) partitions 2"), None);
        assert_eq!(of_text(&hashed, "hash (id) partitions 4").as_deref(), Some("it has 2 partitions, not 4"));
        // The server has its own way to write an expression.
        let years = table("RANGE", "year(`day`)", &[("p1", "2024")]);
        assert_eq!(of_text(&years, "range (YEAR( day )) (partition p1 values less than (2024))"), None);
        assert_eq!(of_text(&years, "range (extract(year from day)) (partition p1 values less than (2024))"), None);
    }
}
