//! Unit tests: the materialization gives actual and expected rows in one result, which are compared here as bags.

use std::fmt::Write as _;
use std::sync::Arc;

use super::materialize;
use super::result::Status;
use super::worker::Ending;
use crate::adapter::{Cell, Table};
use crate::compile::{Failure, Scope, Subject, cell_value};
use crate::diag::{Code, Diagnostic};
use crate::jinja::pyvalue;

/// The column that says which side a row is of.
const SIDE: &str = "actual_or_expected";

pub fn run(scope: &Arc<Scope>, used: &mut Option<String>) -> Result<Ending, Failure> {
    materialize::call(scope, "unit", used, |context| context)?;
    let main = scope.stored("main").ok_or_else(|| {
        Diagnostic::error(Code::UnitTest, format!("{} ran no statement `main`", scope.subject.describe())).boxed()
    })?;
    let sides = Sides::split(&main.table);
    let difference = sides.difference();
    if difference.is_empty() {
        return Ok(Ending { status: Some(Status::Pass), failures: Some(0), ..Ending::default() });
    }
    let diff = sides.render(&difference);
    let mut diagnostic =
        Diagnostic::error(Code::UnitTest, format!("{} failed: actual rows differ", scope.subject.describe()))
            .note(format!("actual differs from expected:\n\n{diff}"));
    if let Subject::UnitTest(unit) = &scope.subject {
        diagnostic = diagnostic.node(&*unit.test.unique_id);
        if let Some(span) = &unit.test.span {
            diagnostic = diagnostic.at(span.clone(), "");
        }
    }
    Ok(Ending {
        status: Some(Status::Fail),
        failures: Some(difference.len() as u64),
        message: Some(format!("\n\nactual differs from expected:\n\n{diff}")),
        diagnostic: Some(diagnostic.boxed()),
        ..Ending::default()
    })
}

type Row = Vec<String>;

/// The two sides, as text: how the server writes equal values is equal.
struct Sides {
    columns: Vec<String>,
    actual: Vec<Row>,
    expected: Vec<Row>,
}

/// One row of the difference.
#[derive(Debug, PartialEq)]
enum Change {
    /// Expected, but not there.
    Missing(Row),
    /// There, but not expected.
    Extra(Row),
    /// Expected and actual, where they are alike enough to be one row.
    Changed(Row, Row),
}

impl Sides {
    fn split(table: &Table) -> Self {
        let side = table.columns.iter().position(|column| column.name.eq_ignore_ascii_case(SIDE));
        let side = side.unwrap_or(table.columns.len());
        let columns = table.columns.iter().enumerate().filter(|(at, _)| *at != side);
        let mut sides = Self {
            columns: columns.map(|(_, column)| column.name.clone()).collect(),
            actual: Vec::new(),
            expected: Vec::new(),
        };
        for row in &table.rows {
            let cells = row.iter().enumerate().filter(|(at, _)| *at != side).map(|(_, cell)| text(cell)).collect();
            match row.get(side) {
                Some(Cell::Text(name)) if name.trim() == "expected" => sides.expected.push(cells),
                _ => sides.actual.push(cells),
            }
        }
        sides
    }

    /// What is on one side only, near rows paired.
    fn difference(&self) -> Vec<Change> {
        let mut extra = self.actual.clone();
        let mut missing = Vec::new();
        for row in &self.expected {
            match extra.iter().position(|actual| actual == row) {
                Some(at) => {
                    extra.remove(at);
                }
                None => missing.push(row.clone()),
            }
        }
        let mut changes = Vec::new();
        for expected in missing {
            match self.most_alike(&expected, &extra) {
                Some(at) => changes.push(Change::Changed(expected, extra.remove(at))),
                None => changes.push(Change::Missing(expected)),
            }
        }
        changes.extend(extra.into_iter().map(Change::Extra));
        changes
    }

    /// The row with the most equal cells, at least half of them.
    fn most_alike(&self, row: &Row, candidates: &[Row]) -> Option<usize> {
        let equal = |other: &Row| row.iter().zip(other).filter(|(a, b)| a == b).count();
        let best = candidates.iter().enumerate().max_by_key(|(at, other)| (equal(other), usize::MAX - at))?;
        (equal(best.1) * 2 >= self.columns.len()).then_some(best.0)
    }

    /// A table: `+++` rows that are too many, `---` missing ones, `→` cells that differ (expected→actual).
    fn render(&self, changes: &[Change]) -> String {
        let mut lines: Vec<Row> = vec![marked("@@", self.columns.iter().cloned())];
        for change in changes {
            lines.push(match change {
                Change::Missing(row) => marked("---", row.iter().cloned()),
                Change::Extra(row) => marked("+++", row.iter().cloned()),
                Change::Changed(expected, actual) => marked(
                    "→",
                    expected.iter().zip(actual).map(|(expected, actual)| match expected == actual {
                        true => expected.clone(),
                        false => format!("{expected}→{actual}"),
                    }),
                ),
            });
        }
        aligned(&lines)
    }
}

fn marked(mark: &str, cells: impl Iterator<Item = String>) -> Row {
    std::iter::once(mark.to_owned()).chain(cells).collect()
}

fn aligned(lines: &[Row]) -> String {
    let columns = lines.iter().map(Vec::len).max().unwrap_or(0);
    let width = |at: usize| lines.iter().filter_map(|line| line.get(at)).map(|cell| cell.chars().count()).max();
    let widths: Vec<usize> = (0..columns).map(|at| width(at).unwrap_or(0)).collect();
    let mut text = String::new();
    for line in lines {
        let cells = line.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
        let joined = cells.collect::<Vec<_>>().join(" | ");
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{}", joined.trim_end());
    }
    text
}

/// NULL is told from the text `NULL` by its case.
fn text(cell: &Cell) -> String {
    match cell {
        Cell::Null => "NULL".to_owned(),
        // Numbers are equal when they are equal as numbers: 10 and 10.00.
        Cell::Decimal(text) if text.contains('.') => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        Cell::Float(number) if number.fract() == 0.0 && number.abs() < 1e15 => format!("{number:.0}"),
        cell => pyvalue::py_str(&cell_value(cell)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sides(actual: &[[&str; 2]], expected: &[[&str; 2]]) -> Sides {
        let rows = |rows: &[[&str; 2]]| rows.iter().map(|row| row.map(str::to_owned).to_vec()).collect();
        Sides { columns: vec!["id".into(), "n".into()], actual: rows(actual), expected: rows(expected) }
    }

    #[test]
    fn order_does_not_matter_but_how_often_does() {
        assert!(sides(&[["1", "a"], ["2", "b"]], &[["2", "b"], ["1", "a"]]).difference().is_empty());
        let twice = sides(&[["1", "a"], ["1", "a"]], &[["1", "a"]]);
        assert_eq!(twice.difference(), [Change::Extra(vec!["1".into(), "a".into()])]);
    }

    #[test]
    fn near_rows_are_shown_as_one() {
        let sides = sides(&[["1", "x"], ["9", "z"]], &[["1", "a"]]);
        let text = sides.render(&sides.difference());
        assert_eq!(text, "@@  | id | n\n→   | 1  | a→x\n+++ | 9  | z\n");
    }

    #[test]
    fn equal_numbers_are_equal_rows() {
        assert_eq!(text(&Cell::Decimal("10.00".into())), text(&Cell::Int(10)));
        assert_eq!(text(&Cell::Float(5.5)), text(&Cell::Decimal("5.50".into())));
    }
}
