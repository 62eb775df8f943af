use std::collections::BTreeSet;

use chrono::NaiveDateTime;
use serde_json::json;

use super::{Bound, Part, Range, Ranges, Step, changed, changes, find, of_another_step};

const NUMBERS: Step = Step::Numbers { start: 0, end: 1000, interval: 100 };

fn time(text: &str) -> Bound {
    let text = if text.len() == 10 { format!("{text} 00:00:00") } else { text.to_owned() };
    Bound::Time(NaiveDateTime::parse_from_str(&text, "%Y-%m-%d %H:%M:%S").expect("a time"))
}

/// Names and ends after rows of these values have arrived.
fn arrive(step: Step, parts: &[Part], values: &[Option<Bound>]) -> (Vec<Part>, usize) {
    let wanted: BTreeSet<Range> = values.iter().map(|value| step.range_of(*value)).collect();
    let changes = changes(step, parts, &wanted);
    let after = changed(parts, &changes);
    for range in &wanted {
        assert!(find(&after, *range).is_some(), "{range:?} is no partition of {after:?}");
    }
    assert!(after.windows(2).all(|pair| pair[0].to < pair[1].to), "{after:?}");
    let again = super::changes(step, &after, &wanted);
    assert_eq!(again, [], "a second time nothing is left to do");
    (after, changes.len())
}

fn names(parts: &[Part]) -> Vec<&str> {
    parts.iter().map(|part| part.name.as_str()).collect()
}

#[test]
fn partitions_are_made_for_rows_and_gaps_are_filled() {
    let (parts, _) = arrive(Step::Day, &[], &[Some(time("2024-01-05 10:11:12")), Some(time("2024-01-08")), None]);
    assert_eq!(names(&parts), ["p_null", "before_20240105", "p20240105", "before_20240108", "p20240108"]);
    // The next day is added, and one in a gap takes its part of it.
    let (parts, count) = arrive(Step::Day, &parts, &[Some(time("2024-01-09")), Some(time("2024-01-06"))]);
    assert_eq!(count, 2);
    assert_eq!(
        names(&parts),
        ["p_null", "before_20240105", "p20240105", "p20240106", "p20240107", "p20240108", "p20240109"]
    );
    let (_, count) = arrive(Step::Day, &parts, &[Some(time("2024-01-07 23:59:59"))]);
    assert_eq!(count, 0, "a gap of one day is that day");
    let (empty, _) = arrive(Step::Day, &[], &[]);
    assert_eq!(names(&empty), ["p_null"]);
}

#[test]
fn the_last_day_of_all_has_an_open_end() {
    let (parts, _) = arrive(Step::Day, &[], &[Some(time("9999-12-31"))]);
    assert_eq!(names(&parts), ["p_null", "before_99991231", "p99991231"]);
    assert_eq!(parts[2].to, Bound::Max);
    let (parts, _) = arrive(Step::Month, &[], &[Some(time("9999-12-31")), Some(time("2024-02-29"))]);
    assert_eq!(names(&parts), ["p_null", "before_202402", "p202402", "before_999912", "p999912"]);
}

#[test]
fn partitions_of_others_are_taken_over_as_far_as_rows_need_it() {
    let by_hand =
        [Part { name: "p2023".to_owned(), to: time("2024-01-01") }, Part { name: "rest".to_owned(), to: Bound::Max }];
    let (parts, count) = arrive(Step::Month, &by_hand, &[Some(time("2024-03-05"))]);
    assert_eq!(count, 1);
    assert_eq!(names(&parts), ["p2023", "before_202403", "p202403", "p_later"]);
    assert_eq!(of_another_step(Step::Month, &by_hand), ["p2023", "rest"]);
    // Days become the month that they are in, also where the month ends behind the last of them.
    let (days, _) =
        arrive(Step::Day, &[], &[Some(time("2024-01-30")), Some(time("2024-02-01")), Some(time("2024-02-03"))]);
    let (parts, _) = arrive(Step::Month, &days, &[Some(time("2024-02-10"))]);
    assert_eq!(names(&parts), ["p_null", "before_20240130", "p20240130", "p20240131", "p202402"]);
    assert_eq!(of_another_step(Step::Month, &parts), ["before_20240130", "p20240130", "p20240131"]);
    assert!(of_another_step(Step::Month, &arrive(Step::Month, &[], &[Some(time("2024-02-10"))]).0).is_empty());
    // A name that is taken gets a number.
    let odd = [Part { name: "P202402".to_owned(), to: time("2024-01-01") }];
    assert_eq!(names(&arrive(Step::Month, &odd, &[Some(time("2024-02-10"))]).0), ["P202402", "p202401", "p202402_2"]);
}

#[test]
fn numbers_have_one_partition_below_and_one_above() {
    let value = |number: i128| Some(Bound::Number(number));
    let (parts, _) = arrive(NUMBERS, &[], &[value(-7), value(150), value(1000), value(99_999)]);
    assert_eq!(names(&parts), ["p_null", "p0", "p100", "before_1000", "p1000"]);
    let uneven = Step::Numbers { start: -50, end: 70, interval: 100 };
    let (parts, _) = arrive(uneven, &[], &[value(-50), value(69), value(70)]);
    assert_eq!(names(&parts), ["p_null", "p-50", "p50", "p70"]);
    assert_eq!(parts[2].to, Bound::Number(70));
}

#[test]
fn the_mapping_is_read_and_mistakes_are_told() {
    let read = |value: serde_json::Value| Ranges::read(value.as_object().expect("a mapping"));
    assert_eq!(read(json!({"field": "day"})), Ok(Ranges { field: "day".to_owned(), step: Step::Day }));
    let timestamps = json!({"field": "`at`", "data_type": "TIMESTAMP", "granularity": "Hour"});
    assert_eq!(read(timestamps), Ok(Ranges { field: "at".to_owned(), step: Step::Hour }));
    let numbers = json!({"field": "id", "data_type": "int64", "range": {"start": 0, "end": 1000, "interval": 100}});
    assert_eq!(read(numbers), Ok(Ranges { field: "id".to_owned(), step: NUMBERS }));
    for (value, problem) in [
        (json!({"feld": "day"}), "did you mean `field`?"),
        (json!({"data_type": "date"}), "needs `field`"),
        (json!({"field": ["a", "b"]}), "the name of one column"),
        (json!({"field": "a", "data_type": "text"}), "none of date, datetime, timestamp, int"),
        (json!({"field": "a", "granularity": "week"}), "none of hour, day, month, year"),
        (json!({"field": "a", "granularity": "hour"}), "dates have no hours"),
        (json!({"field": "a", "data_type": "int"}), "needs `range: {start, end, interval}`"),
        (json!({"field": "a", "data_type": "int", "granularity": "day"}), "which is for times"),
        (json!({"field": "a", "data_type": "date", "range": {}}), "which is for numbers"),
        (json!({"field": "a", "range": {"start": 0, "end": 1}}), "needs `interval`"),
        (json!({"field": "a", "range": {"start": 0, "end": 1, "interval": 0}}), "not above 0"),
        (json!({"field": "a", "range": {"start": 1, "end": 1, "interval": 1}}), "not above its `start`"),
        (json!({"field": "a", "range": {"start": 1, "stop": 1}}), "unknown key `stop`"),
        (json!({"field": "a", "copy_partitions": true}), "only BigQuery"),
    ] {
        let found = read(value).expect_err(problem);
        assert!(found.contains(problem), "{found}");
    }
}
