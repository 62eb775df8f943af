//! `--sample`, `--event-time-start` and `--event-time-end`.

use chrono::{DateTime, Utc};
use serde_json::Value;

use super::flag::Flag;
use super::parse::usage;
use super::table::{EVENT_TIME_END, EVENT_TIME_START, SAMPLE};
use super::values::Values;
use crate::diag::Diagnostic;
use crate::engine::Command;
use crate::manifest::event_time::{Window, parse_datetime};

/// The window of `--sample`: `3 days` back from now, or `{start, end}`.
pub(super) fn sample(values: &Values<'_>, command: Command) -> Option<Window> {
    if !SAMPLE.on.has(command) {
        return None;
    }
    let text = values.text(&SAMPLE)?;
    if !text.trim_start().starts_with('{') {
        return match Window::back_from(Utc::now(), text.trim()) {
            Ok(window) => Some(window),
            Err(why) => {
                values.problem(bad_sample(format!("`{text}` of `--sample` {why}")));
                None
            }
        };
    }
    let map = values.mapping(&SAMPLE)?;
    let date = |key: &str| {
        let text = match map.get(key) {
            Some(Value::String(text)) => text.clone(),
            Some(other) => other.to_string(),
            None => {
                values.problem(bad_sample(format!("`--sample` has no `{key}`")));
                return None;
            }
        };
        let parsed = parse_datetime(&text);
        if parsed.is_none() {
            values.problem(bad_sample(format!("`{key}: {text}` of `--sample` is not a date")));
        }
        parsed
    };
    let (start, end) = (date("start"), date("end"));
    if let Some(key) = map.keys().find(|key| !matches!(key.as_str(), "start" | "end")) {
        values.problem(bad_sample(format!("`--sample` has the unknown key `{key}`")));
    }
    in_order(values, Window { start: start?, end: end? }, "start", "end")
}

fn bad_sample(message: String) -> Diagnostic {
    usage(message).help("write `--sample \"3 days\"`, or `--sample \"{start: 2024-01-01, end: 2024-01-08}\"`")
}

/// The window between the two flags, which belong together.
pub(super) fn bounds(values: &Values<'_>, command: Command) -> Option<Window> {
    if !EVENT_TIME_START.on.has(command) {
        return None;
    }
    let is_set = [&EVENT_TIME_START, &EVENT_TIME_END].map(|flag| values.is_set(flag));
    if is_set[0] != is_set[1] {
        let (given, missing) = if is_set[0] { ("start", "end") } else { ("end", "start") };
        let message = format!("`--event-time-{given}` needs `--event-time-{missing}`");
        values.problem(usage(message).help("give both: the end is the first moment that is not wanted any more"));
    }
    let (start, end) = (time(values, &EVENT_TIME_START), time(values, &EVENT_TIME_END));
    in_order(values, Window { start: start?, end: end? }, "--event-time-start", "--event-time-end")
}

fn in_order(values: &Values<'_>, window: Window, start: &str, end: &str) -> Option<Window> {
    if window.start >= window.end {
        values.problem(usage(format!("`{start}` ({}) is not before `{end}` ({})", window.start, window.end)));
    }
    Some(window)
}

/// A time in one of the forms that dbt takes.
fn time(values: &Values<'_>, flag: &Flag) -> Option<DateTime<Utc>> {
    let text = values.text(flag)?;
    let is_form = text.len() == 10 || text.len() == 19;
    let parsed = parse_datetime(&text).filter(|_| is_form);
    if parsed.is_none() {
        let problem = usage(format!("`{text}` of `--{}` is not a time", flag.long));
        values.problem(
            problem.note("times are written `2024-01-31`, `2024-01-31T06:00:00` or `2024-01-31 06:00:00`, in UTC"),
        );
    }
    parsed
}
