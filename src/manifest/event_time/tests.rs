use super::*;

fn at(text: &str) -> DateTime<Utc> {
    parse_datetime(text).unwrap()
}

fn size(name: &str) -> BatchSize {
    BatchSize::parse(name).unwrap()
}

fn microbatch(name: &str, begin: &str, lookback: i64) -> Microbatch {
    Microbatch { size: size(name), begin: at(begin), lookback, concurrent: None }
}

/// `start..end` of each batch, in the shortest form that says it.
fn shown(batches: &[Window]) -> Vec<String> {
    let text = |at: DateTime<Utc>| {
        let text = at.format("%Y-%m-%d %H:%M:%S").to_string();
        text.trim_end_matches(":00:00").trim_end_matches(" 00").to_owned()
    };
    batches.iter().map(|batch| format!("{}..{}", text(batch.start), text(batch.end))).collect()
}

#[test]
fn truncation_offset_and_ceiling() {
    // size, time, truncated, one before, one after, ceiling
    let table = [
        ("hour", "2024-09-17 16:06:00", "2024-09-17 16:00", "2024-09-17 15:00", "2024-09-17 17:00", "2024-09-17 17:00"),
        ("hour", "2024-09-17 16:00:00", "2024-09-17 16:00", "2024-09-17 15:00", "2024-09-17 17:00", "2024-09-17 16:00"),
        ("hour", "2024-12-31 23:59:59", "2024-12-31 23:00", "2024-12-31 22:00", "2025-01-01 00:00", "2025-01-01 00:00"),
        ("day", "2024-09-17 16:06:00", "2024-09-17", "2024-09-16", "2024-09-18", "2024-09-18"),
        ("day", "2024-09-17", "2024-09-17", "2024-09-16", "2024-09-18", "2024-09-17"),
        ("day", "2024-02-28 00:00:01", "2024-02-28", "2024-02-27", "2024-02-29", "2024-02-29"),
        ("day", "2023-02-28 12:00", "2023-02-28", "2023-02-27", "2023-03-01", "2023-03-01"),
        ("month", "2024-09-17 16:06:00", "2024-09-01", "2024-08-01", "2024-10-01", "2024-10-01"),
        ("month", "2024-01-31 23:00", "2024-01-01", "2023-12-01", "2024-02-01", "2024-02-01"),
        ("month", "2024-03-01", "2024-03-01", "2024-02-01", "2024-04-01", "2024-03-01"),
        ("year", "2024-09-17 16:06:00", "2024-01-01", "2023-01-01", "2025-01-01", "2025-01-01"),
        ("year", "2024-02-29", "2024-01-01", "2023-01-01", "2025-01-01", "2025-01-01"),
        ("year", "2024-01-01", "2024-01-01", "2023-01-01", "2025-01-01", "2024-01-01"),
        // A transition of summer time is an hour like any other.
        ("hour", "2024-03-31 01:30", "2024-03-31 01:00", "2024-03-31 00:00", "2024-03-31 02:00", "2024-03-31 02:00"),
    ];
    for (name, time, truncated, before, after, ceiling) in table {
        let (size, time) = (size(name), at(time));
        let found = [size.truncate(time), size.offset(time, -1), size.offset(time, 1), size.ceiling(time)];
        assert_eq!(found, [at(truncated), at(before), at(after), at(ceiling)], "{name} {time}");
    }
    assert_eq!(size("day").ceiling(at("2024-01-01 00:00:00.000001")), at("2024-01-02"));
    assert_eq!(size("month").offset(at("2024-03-31"), -13), at("2023-02-01"));
    assert_eq!(size("year").offset(at("9999-05-01"), 1), at("9999-01-01"));
}

#[test]
fn labels() {
    let time = at("2024-09-07 06:05:04");
    assert_eq!(
        ["hour", "day", "month", "year"].map(|name| size(name).label(time)),
        ["2024-09-07T06", "2024-09-07", "2024-09", "2024"]
    );
}

#[test]
fn a_first_run_starts_at_begin_and_a_later_one_looks_back() {
    let now = at("2024-03-02 10:30");
    let table: &[(&str, &str, i64, bool, &[&str])] = &[
        (
            "day",
            "2024-02-28 17:00",
            1,
            false,
            &["2024-02-28..2024-02-29", "2024-02-29..2024-03-01", "2024-03-01..2024-03-02", "2024-03-02..2024-03-03"],
        ),
        ("day", "2024-02-28", 1, true, &["2024-03-01..2024-03-02", "2024-03-02..2024-03-03"]),
        ("day", "2024-02-28", 0, true, &["2024-03-02..2024-03-03"]),
        (
            "day",
            "2024-02-28",
            3,
            true,
            &["2024-02-28..2024-02-29", "2024-02-29..2024-03-01", "2024-03-01..2024-03-02", "2024-03-02..2024-03-03"],
        ),
        ("hour", "2024-03-02 09:59", 5, false, &["2024-03-02 09..2024-03-02 10", "2024-03-02 10..2024-03-02 11"]),
        (
            "month",
            "2024-01-31",
            1,
            false,
            &["2024-01-01..2024-02-01", "2024-02-01..2024-03-01", "2024-03-01..2024-04-01"],
        ),
        ("month", "2024-01-31", 1, true, &["2024-02-01..2024-03-01", "2024-03-01..2024-04-01"]),
        ("year", "2023-06-01", 1, false, &["2023-01-01..2024-01-01", "2024-01-01..2025-01-01"]),
        // A begin in the future: one batch that holds nothing, as in dbt.
        ("day", "2024-03-09", 1, false, &["2024-03-09..2024-03-03"]),
    ];
    for (name, begin, lookback, is_incremental, expected) in table {
        let batches = microbatch(name, begin, *lookback).batches(None, *is_incremental, now);
        assert_eq!(shown(&batches), *expected, "{name} {begin} {lookback} {is_incremental}");
    }
}

#[test]
fn a_run_at_the_very_beginning_of_a_batch_does_not_open_it() {
    let batches = microbatch("day", "2024-01-01", 1).batches(None, true, at("2024-03-02"));
    assert_eq!(shown(&batches), ["2024-02-29..2024-03-01", "2024-03-01..2024-03-02"]);
}

#[test]
fn the_command_lines_bounds_are_widened_to_whole_batches() {
    let asked = |start, end| Some(Window { start: at(start), end: at(end) });
    let now = at("2030-01-01");
    let day = microbatch("day", "2024-01-05", 7);
    let expected = ["2024-01-01..2024-01-02", "2024-01-02..2024-01-03"];
    for is_incremental in [true, false] {
        assert_eq!(
            shown(&day.batches(asked("2024-01-01 05:00", "2024-01-02 00:00:01"), is_incremental, now)),
            expected
        );
    }
    assert_eq!(shown(&day.batches(asked("2024-01-01", "2024-01-02"), true, now)), ["2024-01-01..2024-01-02"]);
    let month = microbatch("month", "2020-01-01", 1);
    assert_eq!(shown(&month.batches(asked("2024-01-31", "2024-02-01"), true, now)), ["2024-01-01..2024-02-01"]);
}

#[test]
fn dates_as_configs_write_them() {
    let midnight = at("2024-01-01");
    for text in
        ["2024-01-01T00:00:00", "2024-01-01 00:00", "2024-01-01T00:00:00Z", "2024-01-01 00:00:00+05:30", "20240101"]
    {
        assert_eq!(parse_datetime(text), Some(midnight), "{text}");
    }
    assert_eq!(parse_datetime("2024-01-01T00:00:00.5").unwrap() - midnight, TimeDelta::milliseconds(500));
    for text in ["", "2024", "2024-13-01", "2024-02-30", "01.02.2024", "yesterday", "2024-01-01T25:00", "2024-01-01 x"]
    {
        assert_eq!(parse_datetime(text), None, "{text}");
    }
}

#[test]
fn a_relative_window_follows_the_calendar() {
    let now = at("2024-03-31 16:06");
    let table = [
        ("3 days", "2024-03-28 16:06"),
        ("1 HOUR", "2024-03-31 15:06"),
        ("1 month", "2024-02-29 16:06"),
        ("1 years", "2023-03-31 16:06"),
        ("-1 day", "2024-04-01 16:06"),
    ];
    for (text, start) in table {
        assert_eq!(Window::back_from(now, text), Ok(Window { start: at(start), end: now }), "{text}");
    }
    for (text, problem) in
        [("3days", "form"), ("x days", "whole number"), ("3 weeks", "unit"), ("99999 years", "beyond")]
    {
        assert!(Window::back_from(now, text).unwrap_err().contains(problem), "{text}");
    }
}

#[test]
fn times_are_written_as_python_does() {
    for (text, expected) in [
        ("2024-01-31", "2024-01-31T00:00:00"),
        ("2024-01-31 06:30", "2024-01-31T06:30:00"),
        ("2024-01-31T06:30:00.25", "2024-01-31T06:30:00.250000"),
        ("2024-01-31T06:30:00Z", "2024-01-31T06:30:00+00:00"),
        ("2024-01-31 06:30:00 -0130", "2024-01-31T06:30:00-01:30"),
    ] {
        assert_eq!(iso_format(text).as_deref(), Some(expected), "{text}");
    }
    assert_eq!(iso_format("soon"), None);
}
