//! Data tests: a query counts failing rows, severity and thresholds decide what that means.

use std::sync::Arc;

use super::materialize;
use super::result::Status;
use super::run::Settings;
use super::worker::Ending;
use crate::adapter::{Cell, Table};
use crate::compile::{Failure, Scope};
use crate::diag::{Code, Diagnostic, Severity};
use crate::jinja::{Args, State, Value, function};
use crate::manifest::{Config, Detail};

pub fn run(scope: &Arc<Scope>, settings: &Settings, used: &mut Option<String>) -> Result<Ending, Failure> {
    let stores_nothing = scope.is_inside_transaction();
    materialize::call(scope, "test", used, |context| match stores_nothing {
        true => {
            let no = |_: &mut State<'_, '_>, a: &mut Args<'_>| a.finish().map(|()| Value::from(false));
            context.set_override("should_store_failures", function("should_store_failures", no))
        }
        false => context,
    })?;
    let Some(node) = scope.subject.node() else { return Ok(Ending::default()) };
    let main = scope.stored("main").ok_or_else(|| bad_result(scope, "ran no statement `main`"))?;
    let counts = Counts::read(&main.table).map_err(|what| bad_result(scope, &what))?;
    let (status, condition) = verdict(&node.config, &counts, settings.warn_error);
    let mut ending = Ending { status: Some(status), failures: Some(counts.failures), ..Ending::default() };
    if status != Status::Pass {
        let results = if counts.failures == 1 { "result" } else { "results" };
        let verb = if status == Status::Fail { "fail" } else { "warn" };
        ending.message = Some(format!("Got {} {results}, configured to {verb} if {condition}", counts.failures));
        ending.diagnostic = Some(explain(scope, status, counts.failures, condition));
    }
    Ok(ending)
}

/// The row that a test's query gives.
struct Counts {
    failures: u64,
    should_warn: bool,
    should_error: bool,
}

impl Counts {
    fn read(table: &Table) -> Result<Self, String> {
        let [row] = &table.rows[..] else {
            return Err(format!("gave {} rows instead of one", table.rows.len()));
        };
        let cell = |name: &str| {
            let at = table.columns.iter().position(|column| column.name.eq_ignore_ascii_case(name));
            at.and_then(|at| row.get(at)).ok_or_else(|| format!("gave no column `{name}`"))
        };
        let failures = cell("failures")?;
        Ok(Self {
            failures: count(failures).ok_or_else(|| format!("gave `{failures:?}` as the number of failures"))?,
            should_warn: truth(cell("should_warn")?),
            should_error: truth(cell("should_error")?),
        })
    }
}

/// A whole number; `fail_calc` may compute anything that is one, and none means no row at all.
fn count(cell: &Cell) -> Option<u64> {
    let number = match cell {
        Cell::Null => 0.0,
        Cell::Bool(flag) => f64::from(u8::from(*flag)),
        Cell::Int(number) => *number as f64,
        Cell::UInt(number) => return Some(*number),
        Cell::Float(number) => *number,
        Cell::Decimal(text) | Cell::Text(text) => text.parse().ok()?,
        _ => return None,
    };
    (number >= 0.0).then_some(number as u64)
}

fn truth(cell: &Cell) -> bool {
    match cell {
        Cell::Bool(flag) => *flag,
        Cell::Text(text) => matches!(text.to_ascii_lowercase().as_str(), "true" | "t" | "1"),
        cell => count(cell).is_some_and(|number| number != 0),
    }
}

fn verdict<'a>(config: &'a Config, counts: &Counts, warn_error: bool) -> (Status, &'a str) {
    if config.severity_is_error() && counts.should_error {
        return (Status::Fail, config.error_if());
    }
    match counts.should_warn {
        true if warn_error => (Status::Fail, config.warn_if()),
        true => (Status::Warn, config.warn_if()),
        false => (Status::Pass, ""),
    }
}

fn bad_result(scope: &Scope, what: &str) -> Box<Diagnostic> {
    Diagnostic::error(Code::JinjaRuntime, format!("the query of {} {what}", scope.subject.describe())).boxed()
}

fn explain(scope: &Scope, status: Status, failures: u64, condition: &str) -> Box<Diagnostic> {
    let severity = if status == Status::Fail { Severity::Error } else { Severity::Warning };
    let rows = if failures == 1 { "row" } else { "rows" };
    let message = format!("{} found {failures} failing {rows} (`{condition}`)", scope.subject.describe());
    let mut diagnostic = Diagnostic::new(severity, Code::TestFailed, message);
    if let Some(node) = scope.subject.node() {
        diagnostic = diagnostic.node(&*node.unique_id);
        let span = match &node.detail {
            Detail::GenericTest(test) => test.span.clone(),
            _ => None,
        };
        if let Some(span) = span {
            diagnostic = diagnostic.at(span, "");
        }
        if let Some(relation) = node.relation_name.as_ref().filter(|_| !scope.is_inside_transaction()) {
            diagnostic = diagnostic.note(format!("the failing rows are in {relation}"));
        }
    }
    if scope.is_audit() {
        diagnostic = diagnostic.note("it was run on the new version, before that is published");
    }
    if let Some(path) = scope.compiled_path() {
        diagnostic = diagnostic.note(format!("the query is {path}"));
    }
    diagnostic.boxed()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::ResourceType;

    fn config(severity: &str) -> Config {
        let mut config = Config::new(ResourceType::Test);
        config.values.insert("severity".into(), severity.into());
        config
    }

    fn counts(should_warn: bool, should_error: bool) -> Counts {
        Counts { failures: 3, should_warn, should_error }
    }

    #[test]
    fn severity_decides_between_failure_and_warning() {
        assert_eq!(verdict(&config("error"), &counts(true, true), false).0, Status::Fail);
        assert_eq!(verdict(&config("error"), &counts(true, false), false).0, Status::Warn);
        assert_eq!(verdict(&config("WARN"), &counts(true, true), false).0, Status::Warn);
        assert_eq!(verdict(&config("warn"), &counts(true, true), true).0, Status::Fail);
        assert_eq!(verdict(&config("error"), &counts(false, false), false).0, Status::Pass);
    }

    #[test]
    fn counts_come_in_any_number_type() {
        assert_eq!(count(&Cell::Decimal("3.00".into())), Some(3));
        assert_eq!(count(&Cell::Null), Some(0));
        assert_eq!(count(&Cell::Text("x".into())), None);
        assert!(truth(&Cell::Int(1)) && truth(&Cell::Text("True".into())) && !truth(&Cell::Int(0)));
    }
}
