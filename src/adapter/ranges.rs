//! Partitions by ranges of one column, which are made when rows arrive: config `partition_by` with a `field`, as
//! dbt-bigquery has it.

use std::collections::BTreeSet;

use chrono::{Datelike, Months, NaiveDate, NaiveDateTime, TimeDelta, Timelike};
use serde_json::{Map, Value};

use crate::diag::suggest;

/// The most partitions that a table can have (MySQL, MariaDB).
pub const MOST_PARTITIONS: usize = 8192;

const KEYS: &[&str] = &["data_type", "field", "granularity", "range", "type"];
const RANGE_KEYS: &[&str] = &["end", "interval", "start"];
/// What BigQuery has beside those.
const OF_BIGQUERY: &[&str] = &["copy_partitions", "time_ingestion_partitioning"];
const TIMES: &[&str] = &["date", "datetime", "timestamp"];
/// `int64` is BigQuery's name of it.
const INTEGERS: &[&str] = &["int", "int64", "integer", "bigint"];

/// `{field, data_type: date | datetime | timestamp | int, granularity, range: {start, end, interval}}`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ranges {
    pub field: String,
    pub step: Step,
}

/// How wide a partition is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    Hour,
    Day,
    Month,
    Year,
    /// From `start` up to `end`, which is not in it. What lies outside has one partition below and one above.
    Numbers {
        start: i64,
        end: i64,
        interval: i64,
    },
}

/// Where a partition ends: the first value that is no longer in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Bound {
    Time(NaiveDateTime),
    Number(i128),
    Max,
}

/// A partition, from the end of the one before it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    pub name: String,
    pub to: Bound,
}

/// What one partition is for. Without `from` it has all below `to`, and nulls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Range {
    pub from: Option<Bound>,
    pub to: Bound,
}

/// Partitions that lie side by side, and what takes their place; without old ones it is added behind the last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    pub old: Vec<String>,
    pub new: Vec<Part>,
}

impl Step {
    const TIMES: [(&str, Self); 4] =
        [("hour", Self::Hour), ("day", Self::Day), ("month", Self::Month), ("year", Self::Year)];

    /// `day`, or `interval of 100`.
    pub fn describe(self) -> String {
        match self {
            Self::Numbers { interval, .. } => format!("interval of {interval}"),
            step => {
                Self::TIMES.iter().find(|(_, one)| *one == step).map(|(name, _)| *name).unwrap_or_default().to_owned()
            }
        }
    }

    pub fn is_of_numbers(self) -> bool {
        matches!(self, Self::Numbers { .. })
    }

    /// Below it are nulls, and numbers that the range does not have.
    pub fn floor(self) -> Bound {
        match self {
            Self::Numbers { start, .. } => Bound::Number(start.into()),
            // The zero date and year of some servers lie before it.
            _ => NaiveDate::from_ymd_opt(1, 1, 1)
                .and_then(|day| day.and_hms_opt(0, 0, 0))
                .map_or(Bound::Max, Bound::Time),
        }
    }

    /// The partition that a value belongs to; None is a null.
    pub fn range_of(self, value: Option<Bound>) -> Range {
        let floor = self.floor();
        let lowest = Range { from: None, to: floor };
        match (self, value) {
            (_, Some(Bound::Max)) | (_, None) => lowest,
            (_, Some(value)) if value < floor => lowest,
            (Self::Numbers { start, end, interval }, Some(Bound::Number(number))) => {
                let (start, end, interval) = (i128::from(start), i128::from(end), i128::from(interval));
                if number >= end {
                    return Range { from: Some(Bound::Number(end)), to: Bound::Max };
                }
                let from = number - (number - start) % interval;
                Range { from: Some(Bound::Number(from)), to: Bound::Number((from + interval).min(end)) }
            }
            (step, Some(Bound::Time(time))) => match step.around(time) {
                Some((from, to)) => Range { from: Some(Bound::Time(from)), to: to.map_or(Bound::Max, Bound::Time) },
                None => lowest,
            },
            _ => lowest,
        }
    }

    /// Where the partition of a time begins and ends. The year 10000 is none.
    fn around(self, time: NaiveDateTime) -> Option<(NaiveDateTime, Option<NaiveDateTime>)> {
        let (date, midnight) = (time.date(), chrono::NaiveTime::MIN);
        let (from, to) = match self {
            Self::Hour => {
                let from = date.and_hms_opt(time.hour(), 0, 0)?;
                (from, from.checked_add_signed(TimeDelta::hours(1)))
            }
            Self::Day => (date.and_time(midnight), date.succ_opt().map(|day| day.and_time(midnight))),
            Self::Month | Self::Year => {
                let month = if self == Self::Month { date.month() } else { 1 };
                let first = NaiveDate::from_ymd_opt(date.year(), month, 1)?;
                let months = Months::new(if self == Self::Month { 1 } else { 12 });
                (first.and_time(midnight), first.checked_add_months(months).map(|day| day.and_time(midnight)))
            }
            Self::Numbers { .. } => return None,
        };
        Some((from, to.filter(|to| to.year() <= 9999)))
    }

    /// `p20240105`; `p_null` has nulls and what lies below the range, `p_later` what lies above all.
    pub fn name(self, range: Range) -> String {
        let mark = |bound: Bound| match bound {
            Bound::Time(time) => {
                let midnight = time.time() == chrono::NaiveTime::MIN;
                let format = match self {
                    Self::Year if midnight && time.ordinal() == 1 => "%Y",
                    Self::Month | Self::Year if midnight && time.day() == 1 => "%Y%m",
                    Self::Day | Self::Month | Self::Year if midnight => "%Y%m%d",
                    _ if time.minute() == 0 && time.second() == 0 => "%Y%m%d%H",
                    _ => "%Y%m%d%H%M%S",
                };
                time.format(format).to_string()
            }
            Bound::Number(number) => number.to_string(),
            Bound::Max => String::new(),
        };
        match range {
            Range { from: None, .. } => "p_null".to_owned(),
            Range { from: Some(from), .. } if self.range_of(Some(from)) == range => format!("p{}", mark(from)),
            Range { to: Bound::Max, .. } => "p_later".to_owned(),
            Range { to, .. } => format!("before_{}", mark(to)),
        }
    }

    /// Whether a partition may begin or end here.
    fn has_bound(self, bound: Bound) -> bool {
        bound == Bound::Max || bound == self.floor() || self.range_of(Some(bound)).from == Some(bound)
    }
}

impl Ranges {
    /// Reads the mapping.
    ///
    /// # Errors
    /// Says what is wrong with it.
    pub fn read(entry: &Map<String, Value>) -> Result<Self, String> {
        if let Some(key) = entry.keys().find(|key| OF_BIGQUERY.contains(&key.as_str())) {
            return Err(format!("has the key `{key}`, which only BigQuery has a meaning for: take it out"));
        }
        known_keys(entry, KEYS)?;
        let word = |key: &str| match entry.get(key) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) if !text.trim().is_empty() => Ok(Some(text.trim().to_lowercase())),
            Some(other) => Err(format!("has a `{key}` that must be one word, found `{other}`")),
        };
        let field = match entry.get("field") {
            Some(Value::String(name)) if !name.trim().is_empty() => name.trim().trim_matches('`').to_owned(),
            Some(other) => return Err(format!("has a `field` that must be the name of one column, found `{other}`")),
            None => return Err("needs `field`, the column whose ranges are partitions".to_owned()),
        };
        let (range, granularity) = (entry.get("range").filter(|range| !range.is_null()), word("granularity")?);
        let data_type = word("data_type")?.unwrap_or_else(|| if range.is_some() { "int" } else { "date" }.to_owned());
        if INTEGERS.contains(&data_type.as_str()) {
            if granularity.is_some() {
                return Err(format!(
                    "has a `granularity`, which is for times: with `data_type: {data_type}` set `range`"
                ));
            }
            return Ok(Self { field, step: numbers(range)? });
        }
        if !TIMES.contains(&data_type.as_str()) {
            let all = TIMES.iter().chain(&INTEGERS[..1]).copied();
            let hint = hint(&data_type, all.clone());
            let all = all.collect::<Vec<_>>().join(", ");
            return Err(format!("has a `data_type` that is none of {all}: `{data_type}`{hint}"));
        }
        if range.is_some() {
            return Err(format!(
                "has a `range`, which is for numbers: with `data_type: {data_type}` set `granularity`"
            ));
        }
        let granularity = granularity.unwrap_or_else(|| "day".to_owned());
        let names = Step::TIMES.map(|(name, _)| name);
        let Some((_, step)) = Step::TIMES.into_iter().find(|(name, _)| *name == granularity) else {
            let hint = hint(&granularity, names);
            return Err(format!("has a `granularity` that is none of {}: `{granularity}`{hint}", names.join(", ")));
        };
        if step == Step::Hour && data_type == "date" {
            return Err(
                "has `granularity: hour`, and dates have no hours: set `data_type: datetime` or `timestamp`".to_owned()
            );
        }
        Ok(Self { field, step })
    }
}

fn known_keys(entry: &Map<String, Value>, keys: &[&str]) -> Result<(), String> {
    match entry.keys().find(|key| !keys.contains(&key.as_str())) {
        Some(key) => Err(format!("has the unknown key `{key}`{}", hint(key, keys.iter().copied()))),
        None => Ok(()),
    }
}

fn hint<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    suggest::nearest(word, known).map_or_else(String::new, |near| format!("; did you mean `{near}`?"))
}

fn numbers(range: Option<&Value>) -> Result<Step, String> {
    let Some(Value::Object(range)) = range else {
        return Err("needs `range: {start, end, interval}` for numbers".to_owned());
    };
    known_keys(range, RANGE_KEYS).map_err(|problem| format!("has a `range` that {problem}"))?;
    let number = |key: &str| {
        let value = range.get(key).and_then(Value::as_i64);
        value.ok_or_else(|| format!("has a `range` that needs `{key}`, a whole number"))
    };
    let (start, end, interval) = (number("start")?, number("end")?, number("interval")?);
    if interval < 1 {
        return Err("has a `range` whose `interval` is not above 0".to_owned());
    }
    if start >= end {
        return Err("has a `range` whose `end` is not above its `start`".to_owned());
    }
    Ok(Step::Numbers { start, end, interval })
}

/// What has to change so that each of the wanted ranges is one partition of its own. Partitions that no row needs are made
/// only where something has to fill the gap between two others. An empty `existing` asks for a whole new layout.
pub fn changes(step: Step, existing: &[Part], wanted: &BTreeSet<Range>) -> Vec<Change> {
    let old: BTreeSet<Bound> = existing.iter().map(|part| part.to).collect();
    let mut new = old.clone();
    if existing.is_empty() {
        new.insert(step.floor());
    }
    for range in wanted {
        if let Some(from) = range.from {
            let within: Vec<Bound> = new.range(from..range.to).copied().filter(|bound| *bound != from).collect();
            for bound in within {
                new.remove(&bound);
            }
            new.insert(from);
        } else {
            new = new.split_off(&range.to);
        }
        new.insert(range.to);
    }
    let kept: BTreeSet<Bound> = old.intersection(&new).copied().collect();
    let mut changes = Vec::new();
    let mut from = None;
    let mut ends: Vec<Bound> = kept.into_iter().collect();
    if new.last() > ends.last() || old.last() > ends.last() {
        ends.push(Bound::Max);
    }
    for to in ends {
        let inside = |bound: &Bound| from.is_none_or(|from| *bound > from) && *bound <= to;
        let before: Vec<&Part> = existing.iter().filter(|part| inside(&part.to)).collect();
        let after: Vec<Bound> = new.iter().copied().filter(inside).collect();
        if before.len() != 1 || after.len() != 1 || before[0].to != after[0] {
            let taken = existing.iter().filter(|part| !inside(&part.to)).map(|part| part.name.to_lowercase()).collect();
            changes.push(Change {
                old: before.iter().map(|part| part.name.clone()).collect(),
                new: named(step, from, &after, taken),
            });
        }
        from = Some(to);
    }
    changes
}

fn named(step: Step, mut from: Option<Bound>, ends: &[Bound], mut taken: BTreeSet<String>) -> Vec<Part> {
    let mut parts = Vec::new();
    for to in ends {
        let plain = step.name(Range { from, to: *to });
        let mut name = plain.clone();
        let mut number = 2;
        while !taken.insert(name.to_lowercase()) {
            name = format!("{plain}_{number}");
            number += 1;
        }
        parts.push(Part { name, to: *to });
        from = Some(*to);
    }
    parts
}

/// The layout once the changes are made.
pub fn changed(existing: &[Part], changes: &[Change]) -> Vec<Part> {
    let mut parts: Vec<Part> = existing
        .iter()
        .filter(|part| !changes.iter().any(|change| change.old.contains(&part.name)))
        .cloned()
        .chain(changes.iter().flat_map(|change| change.new.iter().cloned()))
        .collect();
    parts.sort_by_key(|part| part.to);
    parts
}

/// The partition that is just this range.
pub fn find(parts: &[Part], range: Range) -> Option<&Part> {
    let at = parts.iter().position(|part| part.to == range.to)?;
    let from = at.checked_sub(1).map(|before| parts[before].to);
    (from == range.from).then(|| &parts[at])
}

/// Partitions that are neither of one step nor fill a gap: those of another granularity, or made by hand.
pub fn of_another_step(step: Step, parts: &[Part]) -> Vec<&str> {
    let mut from = None;
    let mut others = Vec::new();
    for part in parts {
        let range = Range { from, to: part.to };
        let is_one = step.range_of(from) == range;
        let fills = step.has_bound(part.to) && part.name.to_lowercase().starts_with(&step.name(range).to_lowercase());
        if !is_one && !fills {
            others.push(part.name.as_str());
        }
        from = Some(part.to);
    }
    others
}

#[cfg(test)]
mod tests;
