//! DuckDB through the Python package `duckdb` that is installed beside us.
//!
//! A file that is opened a second time past that package becomes a second instance, and committed data is lost without
//! an error (docs/architecture.md). The package shares one instance per path, also with a notebook's own connections;
//! so every connection here is a cursor of one `duckdb.connect(path)`, with no config of ours.
//!
//! Only `connect/cursor/execute/sql/description/fetchall/interrupt/close` are used: they are the same from DuckDB 1.4 on.

mod open;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use arrow_array::{RecordBatch, RecordBatchReader};
use pyo3::prelude::*;
use pyo3::types::PyList;
use serde_json::{Map, Value};

use super::arrow;
use crate::adapter::duckdb::error_from_message;
use crate::adapter::{Cancel, Cell, Connection, DbError, DbErrorKind, DbResult, QueryResult, Response, Table};
use open::Database;
pub use open::Driver;

/// A cursor: one session of its own on the shared database.
struct Cursor {
    cursor: Py<PyAny>,
    /// Keeps the database open as long as one cursor lives.
    database: Arc<Database>,
    settings: Map<String, Value>,
    usable: bool,
    /// Set by a cancel, so that what DuckDB says afterwards is known to be our doing.
    cancelled: Arc<AtomicBool>,
}

#[derive(Debug)]
struct Interrupt {
    cursor: Py<PyAny>,
    cancelled: Arc<AtomicBool>,
}

impl Cancel for Interrupt {
    fn cancel(&self) -> DbResult<()> {
        self.cancelled.store(true, Ordering::SeqCst);
        Python::attach(|py| self.cursor.bind(py).call_method0("interrupt").map(drop).map_err(|e| from_python(py, &e)))
    }
}

impl Cursor {
    /// Runs a statement whose rows, if it has any, nobody wants.
    fn run(&self, py: Python<'_>, sql: &str, values: Option<Bound<'_, PyList>>) -> DbResult<QueryResult> {
        let cursor = self.cursor.bind(py);
        let failed = |e: PyErr| from_python(py, &e);
        match values {
            Some(values) => cursor.call_method1("execute", (sql, values)),
            None => cursor.call_method1("execute", (sql,)),
        }
        .map_err(failed)?;
        let rows_affected = affected(cursor).map_err(failed)?;
        Ok(QueryResult { table: Table::default(), response: response(sql, rows_affected) })
    }

    /// Runs a statement and hands its batches over as they come; first an empty one, for the columns.
    fn stream(&self, py: Python<'_>, sql: &str, mut take: impl FnMut(RecordBatch)) -> DbResult<()> {
        let failed = |e: PyErr| from_python(py, &e);
        let relation = self.cursor.bind(py).call_method1("sql", (sql,)).map_err(failed)?;
        if relation.is_none() {
            return Ok(());
        }
        let mut reader = arrow::import(&relation).map_err(failed)?;
        take(RecordBatch::new_empty(reader.schema()));
        // The query runs inside `next`: without the GIL, so that other workers and a cancel get through.
        while let Some(batch) = py.detach(|| reader.next()) {
            take(batch.map_err(|e| from_stream(&e.to_string()))?);
        }
        Ok(())
    }

    fn query(&self, py: Python<'_>, sql: &str, fetch: bool) -> DbResult<QueryResult> {
        let (mut batches, mut rows) = (Vec::new(), 0);
        self.stream(py, sql, |batch| {
            rows += batch.num_rows() as u64;
            if fetch {
                batches.push(batch);
            }
        })?;
        let mut table = if fetch { Table::from_arrow(&batches)? } else { Table::default() };
        let mut affected = returns_rows(sql).then_some(rows);
        // From 2.0 on, statements without rows answer with a count or `Success`.
        if !returns_rows(sql) && matches!(&table.columns[..], [only] if only.name == "Count" || only.name == "Success")
        {
            if let Some([Cell::Int(count)]) = table.rows.first().map(Vec::as_slice) {
                affected = u64::try_from(*count).ok();
            }
            table = Table::default();
        }
        Ok(QueryResult { table, response: response(sql, affected) })
    }

    /// Notes what an error means for the session, and that a cancel was ours.
    fn checked<T>(&mut self, sql: &str, result: DbResult<T>) -> DbResult<T> {
        result.map_err(|mut failure| {
            if self.cancelled.swap(false, Ordering::SeqCst) {
                failure = DbError::cancelled();
            }
            self.usable &= failure.kind != DbErrorKind::Connection;
            failure.sql = Some(sql.to_owned());
            failure
        })
    }
}

impl Connection for Cursor {
    fn execute(&mut self, sql: &str, fetch: bool) -> DbResult<QueryResult> {
        let result = Python::attach(|py| {
            if fetch || returns_rows(sql) { self.query(py, sql, fetch) } else { self.run(py, sql, None) }
        });
        self.checked(sql, result)
    }

    fn execute_bound(&mut self, sql: &str, values: &[Cell]) -> DbResult<QueryResult> {
        let result = Python::attach(|py| {
            let failed = |e: PyErr| from_python(py, &e);
            let values = values.iter().map(|cell| to_python(py, cell)).collect::<PyResult<Vec<_>>>().map_err(failed)?;
            self.run(py, sql, Some(PyList::new(py, values).map_err(failed)?))
        });
        self.checked(sql, result)
    }

    fn query_arrow(&mut self, sql: &str) -> DbResult<Vec<RecordBatch>> {
        let mut batches = Vec::new();
        let result = Python::attach(|py| self.stream(py, sql, |batch| batches.push(batch)));
        self.checked(sql, result)?;
        Ok(batches)
    }

    fn cancel_handle(&self) -> Arc<dyn Cancel> {
        let cursor = Python::attach(|py| self.cursor.clone_ref(py));
        Arc::new(Interrupt { cursor, cancelled: self.cancelled.clone() })
    }

    /// A new cursor is a new session, and cheaper (6 µs) than a rollback (240 µs).
    fn reset(&mut self) -> DbResult<()> {
        let fresh = self.database.cursor(&self.settings)?;
        let used = std::mem::replace(&mut self.cursor, fresh);
        self.cancelled = Arc::new(AtomicBool::new(false));
        Python::attach(|py| used.bind(py).call_method0("close").map(drop).map_err(|e| from_python(py, &e)))
    }

    fn is_usable(&mut self) -> bool {
        self.usable
    }
}

/// What an exception of the package means.
fn from_python(py: Python<'_>, failure: &PyErr) -> DbError {
    let text = failure.value(py).str().map(|text| text.to_string());
    error_from_message(&text.unwrap_or_else(|_| failure.to_string()))
}

/// A failure that came through an Arrow stream: DuckDB's own words are at its end.
fn from_stream(text: &str) -> DbError {
    error_from_message(text.rsplit_once("Producer error: ").map_or(text, |(_, own)| own))
}

/// The count that an INSERT, UPDATE, DELETE or CREATE TABLE AS answers with.
fn affected(cursor: &Bound<'_, PyAny>) -> PyResult<Option<u64>> {
    let description = cursor.getattr("description")?;
    if description.is_none() || description.len()? == 0 {
        return Ok(None);
    }
    let name: String = description.get_item(0)?.get_item(0)?.extract()?;
    let rows = cursor.call_method0("fetchall")?;
    if name != "Count" || rows.len()? != 1 {
        return Ok(None);
    }
    Ok(rows.get_item(0)?.get_item(0)?.extract().ok())
}

/// dbt-duckdb answers `OK` to everything; the verb and the count are what Headwater adds.
fn response(sql: &str, rows_affected: Option<u64>) -> Response {
    let mut words = statement_words(sql);
    let verb = words.next().unwrap_or_default().to_uppercase();
    let code = if matches!(verb.as_str(), "CREATE" | "DROP" | "ALTER") {
        // `create or replace table` and `create temporary table` are CREATE TABLE.
        let modifiers = ["or", "replace", "temp", "temporary"];
        let object = words.find(|word| !modifiers.iter().any(|modifier| word.eq_ignore_ascii_case(modifier)));
        format!("{verb} {}", object.unwrap_or_default().to_uppercase()).trim_end().to_owned()
    } else {
        verb
    };
    Response { message: "OK".to_owned(), code, rows_affected }
}

/// Whether a statement's first word promises rows. Those are read as Arrow: `fetchall` would need `pytz` for a
/// `timestamptz`, and rows left unread block the next statement of the cursor.
fn returns_rows(sql: &str) -> bool {
    const VERBS: [&str; 12] = [
        "select",
        "with",
        "from",
        "values",
        "table",
        "describe",
        "desc",
        "show",
        "pragma",
        "explain",
        "summarize",
        "call",
    ];
    statement_words(sql).next().is_some_and(|word| VERBS.iter().any(|verb| word.eq_ignore_ascii_case(verb)))
}

/// The words of a statement after its leading comments and parentheses.
fn statement_words(sql: &str) -> impl Iterator<Item = &str> {
    let mut rest = sql;
    loop {
        rest = rest.trim_start_matches(|c: char| c.is_whitespace() || c == '(' || c == ';');
        if let Some(comment) = rest.strip_prefix("--") {
            rest = comment.split_once('\n').map_or("", |(_, after)| after);
        } else if let Some(comment) = rest.strip_prefix("/*") {
            rest = comment.split_once("*/").map_or("", |(_, after)| after);
        } else {
            return rest.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|word| !word.is_empty());
        }
    }
}

/// Temporal and decimal values go as text; DuckDB casts them to the column's type.
fn to_python<'py>(py: Python<'py>, cell: &Cell) -> PyResult<Bound<'py, PyAny>> {
    Ok(match cell {
        Cell::Null => py.None().into_bound(py),
        Cell::Bool(value) => value.into_pyobject(py)?.to_owned().into_any(),
        Cell::Int(value) => value.into_pyobject(py)?.into_any(),
        Cell::UInt(value) => value.into_pyobject(py)?.into_any(),
        Cell::Float(value) => value.into_pyobject(py)?.into_any(),
        Cell::Bytes(value) => pyo3::types::PyBytes::new(py, value).into_any(),
        Cell::Decimal(text) | Cell::Text(text) | Cell::Date(text) | Cell::Datetime(text) | Cell::Time(text) => {
            text.into_pyobject(py)?.into_any()
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_word_says_whether_rows_come() {
        assert!(returns_rows("/* {\"app\": \"x\"} */\n-- hello\n  (select 1)"));
        assert!(returns_rows("WITH a as (select 1) select * from a"));
        assert!(!returns_rows("create table t as select 1"));
        assert!(!returns_rows("-- select\ninsert into t values (1)"));
        assert!(!returns_rows(""));
    }

    #[test]
    fn the_code_is_the_verb_with_its_object() {
        let code = |sql| response(sql, None).code;
        assert_eq!(code("/* c */ create or replace temporary table x as select 1"), "CREATE TABLE");
        assert_eq!(code("insert into x values (1)"), "INSERT");
        assert_eq!(code("drop view if exists x"), "DROP VIEW");
        assert_eq!(code("begin"), "BEGIN");
    }
}
