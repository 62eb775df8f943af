//! Event time: half-open windows in UTC, the batches of microbatch models, and how dates are written in configs and flags.

use chrono::{DateTime, Datelike, Days, Months, NaiveDate, NaiveDateTime, TimeDelta, Timelike, Utc};

use super::{Config, Manifest, Node, ResourceType};

/// From `start` up to, but without, `end`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Window {
    pub start: DateTime<Utc>,
    pub end: DateTime<Utc>,
}

impl Window {
    /// What lies in both.
    #[must_use]
    pub fn intersect(self, other: Self) -> Self {
        Self { start: self.start.max(other.start), end: self.end.min(other.end) }
    }

    /// `3 days` back from `now`: of days and hours exactly, of months and years by the calendar (the 31st becomes the
    /// month's last day). The count may be negative, as dbt allows.
    ///
    /// # Errors
    /// What is wrong with the text, as the end of a sentence.
    pub fn back_from(now: DateTime<Utc>, text: &str) -> Result<Self, String> {
        let (count, grain) = text.split_once(' ').ok_or("is not of the form `3 days`")?;
        let count: i64 = count.parse().map_err(|_| format!("begins with `{count}`, which is no whole number"))?;
        let grain = grain.to_lowercase();
        let size = BatchSize::parse(grain.trim_end_matches('s'))
            .ok_or_else(|| format!("has the unit `{grain}`: it must be one of `hours`, `days`, `months`, `years`"))?;
        let months = |count: u64| u32::try_from(count).ok().map(Months::new);
        let steps = count.unsigned_abs();
        let start = match (size, count > 0) {
            (BatchSize::Hour, _) => TimeDelta::try_hours(count).and_then(|hours| now.checked_sub_signed(hours)),
            (BatchSize::Day, true) => now.checked_sub_days(Days::new(steps)),
            (BatchSize::Day, false) => now.checked_add_days(Days::new(steps)),
            (BatchSize::Month, true) => months(steps).and_then(|months| now.checked_sub_months(months)),
            (BatchSize::Month, false) => months(steps).and_then(|months| now.checked_add_months(months)),
            (BatchSize::Year, true) => months(steps.saturating_mul(12)).and_then(|all| now.checked_sub_months(all)),
            (BatchSize::Year, false) => months(steps.saturating_mul(12)).and_then(|all| now.checked_add_months(all)),
        };
        let start = start.filter(|start| (1..=9999).contains(&start.year()));
        Ok(Self { start: start.ok_or("reaches beyond the years that databases know")?, end: now })
    }
}

/// How much time one batch spans.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BatchSize {
    Hour,
    Day,
    Month,
    Year,
}

impl BatchSize {
    pub const NAMES: [&str; 4] = ["hour", "day", "month", "year"];

    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "hour" => Some(Self::Hour),
            "day" => Some(Self::Day),
            "month" => Some(Self::Month),
            "year" => Some(Self::Year),
            _ => None,
        }
    }

    /// The beginning of the batch that `at` is in.
    pub fn truncate(self, at: DateTime<Utc>) -> DateTime<Utc> {
        let date = at.date_naive();
        let (date, hour) = match self {
            Self::Hour => (Some(date), at.hour()),
            Self::Day => (Some(date), 0),
            Self::Month => (date.with_day(1), 0),
            Self::Year => (NaiveDate::from_ymd_opt(date.year(), 1, 1), 0),
        };
        date.and_then(|date| date.and_hms_opt(hour, 0, 0)).map_or(at, |whole| whole.and_utc())
    }

    /// The beginning of the batch that is `count` batches after the one that `at` is in. Stays where the calendar ends.
    pub fn offset(self, at: DateTime<Utc>, count: i64) -> DateTime<Utc> {
        let start = self.truncate(at);
        let months = |factor: i64| {
            let steps = u32::try_from(count.saturating_mul(factor).unsigned_abs()).ok().map(Months::new)?;
            if count < 0 { start.checked_sub_months(steps) } else { start.checked_add_months(steps) }
        };
        let moved = match self {
            Self::Hour => TimeDelta::try_hours(count).and_then(|hours| start.checked_add_signed(hours)),
            Self::Day => TimeDelta::try_days(count).and_then(|days| start.checked_add_signed(days)),
            Self::Month => months(1),
            Self::Year => months(12),
        };
        moved.filter(|moved| (1..=9999).contains(&moved.year())).unwrap_or(start)
    }

    /// The end of the batch that `at` is in; `at` itself where a batch begins there.
    pub fn ceiling(self, at: DateTime<Utc>) -> DateTime<Utc> {
        if self.truncate(at) == at { at } else { self.offset(at, 1) }
    }

    /// `2024-01-01`, `2024-01-01T16`, `2024-01`, `2024`: what messages and files call a batch.
    pub fn label(self, start: DateTime<Utc>) -> String {
        let format = match self {
            Self::Hour => "%Y-%m-%dT%H",
            Self::Day => "%Y-%m-%d",
            Self::Month => "%Y-%m",
            Self::Year => "%Y",
        };
        start.format(format).to_string()
    }
}

/// What a microbatch model says of its batches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Microbatch {
    pub size: BatchSize,
    pub begin: DateTime<Utc>,
    /// Batches before the newest one that are run again.
    pub lookback: i64,
    /// `concurrent_batches`; None: as the model's text allows.
    pub concurrent: Option<bool>,
}

impl Microbatch {
    /// None for every other node. The config has been checked while parsing.
    pub fn of(node: &Node) -> Option<Self> {
        let config = &node.config;
        if node.resource_type != ResourceType::Model || !is_microbatch(config) {
            return None;
        }
        Some(Self {
            size: BatchSize::parse(config.str("batch_size")?)?,
            begin: parse_datetime(config.str("begin")?)?,
            lookback: config.get("lookback").and_then(serde_json::Value::as_i64).unwrap_or(1),
            concurrent: config.bool("concurrent_batches"),
        })
    }

    /// The batches of a run, as dbt cuts them: whole ones up to the end of the one that `now` is in. `asked` are the
    /// bounds of the command line. Without them, a first run starts at `begin`, a later one `lookback` batches before the
    /// newest. There is always one batch, which holds nothing where the start lies behind the end.
    pub fn batches(&self, asked: Option<Window>, is_incremental: bool, now: DateTime<Utc>) -> Vec<Window> {
        let end = self.size.ceiling(asked.map_or(now, |asked| asked.end));
        let mut start = match asked {
            Some(asked) => self.size.truncate(asked.start),
            None if !is_incremental => self.size.truncate(self.begin),
            // The end is where a batch begins that is not there yet: one more step back to the newest.
            None => self.size.offset(end, -(self.lookback + 1)),
        };
        let mut batches = Vec::new();
        loop {
            let next = self.size.offset(start, 1);
            if next >= end || next <= start {
                batches.push(Window { start, end });
                return batches;
            }
            batches.push(Window { start, end: next });
            start = next;
        }
    }
}

impl Manifest {
    /// Whether a node is built in batches.
    pub fn is_batched(&self, node: &Node) -> bool {
        self.in_batches && node.resource_type == ResourceType::Model && is_microbatch(&node.config)
    }
}

/// Whether a model's config asks for batches.
pub fn is_microbatch(config: &Config) -> bool {
    config.materialized() == "incremental" && config.str("incremental_strategy") == Some("microbatch")
}

/// A date with or without a time, as ISO 8601 has it. A written offset is not looked at: all event time is UTC to dbt.
pub fn parse_datetime(text: &str) -> Option<DateTime<Utc>> {
    let text = text.trim();
    let naive = |text: &str| {
        ["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M", "%Y%m%dT%H%M%S"]
            .iter()
            .find_map(|format| NaiveDateTime::parse_from_str(text, format).ok())
            .or_else(|| {
                let date =
                    ["%Y-%m-%d", "%Y%m%d"].iter().find_map(|format| NaiveDate::parse_from_str(text, format).ok());
                date?.and_hms_opt(0, 0, 0)
            })
    };
    let parsed = naive(text).or_else(|| naive(split_offset(text)?.0))?;
    (1..=9999).contains(&parsed.year()).then(|| parsed.and_utc())
}

/// The time before its offset, and that as `+02:00`.
fn split_offset(text: &str) -> Option<(&str, String)> {
    if let Some(text) = text.strip_suffix(['Z', 'z']) {
        return Some((text, "+00:00".to_owned()));
    }
    let (at, _) = text.char_indices().rev().find(|(at, c)| *at > 10 && matches!(c, '+' | '-'))?;
    let digits = text[at + 1..].replace(':', "");
    let is_offset = matches!(digits.len(), 2 | 4) && digits.bytes().all(|byte| byte.is_ascii_digit());
    let minutes = if digits.len() == 4 { &digits[2..] } else { "00" };
    is_offset.then(|| (text[..at].trim_end(), format!("{}{}:{minutes}", &text[at..=at], &digits[..2])))
}

/// What [`parse_datetime`] reads, as Python's `isoformat` writes it: `2024-01-31T00:00:00`, with the offset if it has one.
pub fn iso_format(text: &str) -> Option<String> {
    let at = parse_datetime(text)?;
    let fraction = if at.timestamp_subsec_micros() == 0 { "" } else { "%.6f" };
    let offset = split_offset(text.trim()).map(|(_, offset)| offset).unwrap_or_default();
    Some(format!("{}{offset}", at.format(&format!("%Y-%m-%dT%H:%M:%S{fraction}"))))
}

#[cfg(test)]
mod tests;
