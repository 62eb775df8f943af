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

#[cfg(test)]
mod tests {
    use serde_json::{Map, json};

    use super::*;
    use crate::cli::parse::parse;
    use crate::cli::values::Files;
    use crate::project::Env;

    type Read<T> = Result<Option<T>, Vec<String>>;

    fn read<T>(line: &[&str], env: &[(&str, &str)], what: fn(&Values<'_>, Command) -> Option<T>) -> Read<T> {
        let argv: Vec<String> = line.iter().map(|word| (*word).to_owned()).collect();
        let given = parse(&argv).unwrap();
        let (env, flags) = (Env::from(env.iter().copied()), Map::new());
        let values = Values::new(&given, &env, Files { project: &flags, user: &flags });
        let found = what(&values, given.command.unwrap());
        let problems: Vec<String> = values.finish().into_iter().map(|problem| problem.message).collect();
        if problems.is_empty() { Ok(found) } else { Err(problems) }
    }

    fn window(start: &str, end: &str) -> Window {
        Window { start: parse_datetime(start).unwrap(), end: parse_datetime(end).unwrap() }
    }

    #[test]
    fn bounds_belong_together_and_have_an_order() {
        let bounds = |line: &[&str]| read(line, &[], super::bounds);
        let both = bounds(&["run", "--event-time-start", "2024-01-01", "--event-time-end", "2024-01-02 06:00:00"]);
        assert_eq!(both, Ok(Some(window("2024-01-01", "2024-01-02 06:00"))));
        assert_eq!(bounds(&["run"]), Ok(None));
        let wrong = [
            (&["run", "--event-time-start", "2024-01-01"][..], "`--event-time-start` needs `--event-time-end`"),
            (&["run", "--event-time-end", "2024-01-01"], "`--event-time-end` needs `--event-time-start`"),
            (&["run", "--event-time-start", "2024-01-02", "--event-time-end", "2024-01-02"], "is not before"),
            (
                &["build", "--event-time-start", "1.2.2024", "--event-time-end", "2024-01-02"],
                "`1.2.2024` of `--event-time-start` is not a time",
            ),
            (
                &["run", "--event-time-start", "2024-01-01", "--event-time-end", "2024-01-02T00:00:00+02:00"],
                "is not a time",
            ),
        ];
        for (line, problem) in wrong {
            let found = bounds(line).unwrap_err();
            assert!(found.len() == 1 && found[0].contains(problem), "{line:?}: {found:?}");
        }
        let env = [("DBT_EVENT_TIME_START", "2024-01-01"), ("DBT_ENGINE_EVENT_TIME_END", "2024-01-03")];
        assert_eq!(read(&["run"], &env, super::bounds), Ok(Some(window("2024-01-01", "2024-01-03"))));
        assert_eq!(read(&["test"], &env[..1], super::bounds), Ok(None), "for other commands it means nothing");
    }

    #[test]
    fn samples_are_relative_or_have_a_start_and_an_end() {
        let sample = |text: &str| read(&["run", "--sample", text], &[], super::sample);
        let day = sample("1 day").unwrap().unwrap();
        assert_eq!((day.end - day.start).num_hours(), 24);
        let week = Ok(Some(window("2024-01-01", "2024-01-08 12:00")));
        assert_eq!(sample("{start: 2024-01-01, end: 2024-01-08 12:00:00}"), week);
        assert_eq!(sample(&json!({"start": "2024-01-01", "end": "2024-01-08T12:00"}).to_string()), week);
        let wrong = [
            ("3days", "`3days` of `--sample` is not of the form `3 days`"),
            ("x days", "begins with `x`, which is no whole number"),
            ("3 weeks", "has the unit `weeks`"),
            ("{start: 2024-01-01}", "`--sample` has no `end`"),
            ("{start: x, end: 2024-01-01}", "`start: x` of `--sample` is not a date"),
            ("{start: 2024-01-02, end: 2024-01-01}", "is not before"),
            ("{start: 2024-01-01, end: 2024-01-02, days: 3}", "the unknown key `days`"),
        ];
        for (text, problem) in wrong {
            let found = sample(text).unwrap_err();
            assert!(found.len() == 1 && found[0].contains(problem), "{text}: {found:?}");
        }
        assert_eq!(read(&["seed"], &[("DBT_SAMPLE", "3 days")], super::sample), Ok(None));
    }
}
