//! `Session`: what `Project`, `Runner` and the console commands share. It owns the databases that it opened.

use std::sync::Arc;

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyList;

use super::arrow::Table;
use super::door::{self, Ended};
use super::duckdb::Driver;
use super::manifest::ParsedProject;
use super::modules::PythonModules;
use super::results::RunResults;
use super::{errors, json, stream};
use crate::adapter::Drivers;
use crate::cli::{self, Host};
use crate::diag::Diagnostic;
use crate::engine::{CommandResult, Handover, Outcome};
use crate::execute::CancelToken;
use crate::project::Env;

/// Runs command lines in this process. Calls from several threads work side by side.
#[pyclass(frozen, module = "headwater")]
pub struct Session {
    driver: Arc<Driver>,
}

impl Session {
    fn host(&self, cancel: CancelToken, output: stream::Output, parsed: Handover) -> PyResult<Host> {
        Ok(Host {
            drivers: Drivers { duckdb: Some(self.driver.clone()) },
            modules: Some(Arc::new(PythonModules)),
            listener: None,
            cancel,
            asker: None,
            env: Env::process(),
            cwd: std::env::current_dir()?,
            stdout: output.stdout,
            stderr: output.stderr,
            is_terminal: output.is_terminal,
            parsed,
        })
    }

    fn run(
        &self,
        py: Python<'_>,
        argv: Vec<String>,
        callbacks: &[Py<PyAny>],
        output: stream::Output,
        parsed: Handover,
    ) -> PyResult<Ended<Outcome>> {
        let cancel = CancelToken::new();
        let host = self.host(cancel.clone(), output, parsed)?;
        let has_terminal = has_terminal(py);
        door::pass(py, callbacks, &cancel, move |caller| {
            let asker = has_terminal.then_some(caller.asker);
            cli::main(&argv, Host { listener: caller.listener, asker, ..host })
        })
    }
}

#[pymethods]
impl Session {
    /// `connection` is an open DuckDB connection to work on.
    #[new]
    #[pyo3(signature = (connection=None))]
    fn new(connection: Option<Py<PyAny>>) -> Self {
        Self { driver: Arc::new(connection.map_or_else(Driver::default, Driver::with_connection)) }
    }

    /// Runs a command line and returns its exit code and its result. Raises for what kept the command from running;
    /// failed nodes are in the result. Prints to `sys.stdout` and `sys.stderr` if `console`. With a `manifest` nothing is
    /// parsed.
    #[pyo3(signature = (argv, callbacks, console, manifest=None))]
    fn invoke<'py>(
        &self,
        py: Python<'py>,
        argv: Vec<String>,
        callbacks: Vec<Py<PyAny>>,
        console: bool,
        manifest: Option<Py<ParsedProject>>,
    ) -> PyResult<(i32, Bound<'py, PyAny>)> {
        let output = if console { stream::python(py)? } else { stream::silent() };
        let parsed = manifest.map_or(Handover::Wanted, |manifest| Handover::Given(manifest.get().0.clone()));
        match self.run(py, argv, &callbacks, output, parsed)? {
            Ended::Done(outcome) => {
                let result = result(py, &outcome.result)?;
                let problems = &outcome.diagnostics;
                if outcome.exit_code != 0 && (result.is_none() || problems.iter().any(Diagnostic::is_error)) {
                    return Err(errors::raise(py, problems, Some(result)));
                }
                Ok((outcome.exit_code, result))
            }
            Ended::Stopped(outcome, why) => {
                let result = outcome.map(|outcome| result(py, &outcome.result)).transpose()?;
                // Only Ctrl-C becomes `Cancelled`; what a callback raised goes to the caller as it is.
                if !why.is_instance_of::<pyo3::exceptions::PyKeyboardInterrupt>(py) {
                    return Err(why);
                }
                let cancelled = errors::cancelled(py, result);
                cancelled.set_cause(py, Some(why));
                Err(cancelled)
            }
        }
    }

    /// The console command: prints to the process's own streams and returns the exit code.
    fn main(&self, py: Python<'_>, argv: Vec<String>) -> PyResult<i32> {
        match self.run(py, argv, &[], stream::process(), Handover::None)? {
            Ended::Done(outcome) => Ok(outcome.exit_code),
            // dbt's exit code of an interrupted run.
            Ended::Stopped(outcome, _) => Ok(outcome.map_or(1, |outcome| outcome.exit_code.max(1))),
        }
    }
}

/// Whether there is somebody at `sys.stdin`; it is None where the process has no console.
fn has_terminal(py: Python<'_>) -> bool {
    let stdin = py.import("sys").and_then(|sys| sys.getattr("stdin"));
    let answer = stdin.and_then(|stdin| stdin.call_method0("isatty")).and_then(|answer| answer.extract());
    answer.unwrap_or(false)
}

fn result<'py>(py: Python<'py>, result: &CommandResult) -> PyResult<Bound<'py, PyAny>> {
    Ok(match result {
        CommandResult::Nothing => py.None().into_bound(py),
        CommandResult::Parsed(parsed) => Bound::new(py, ParsedProject(parsed.clone()))?.into_any(),
        CommandResult::Run(run) => Bound::new(py, RunResults::of_run(run))?.into_any(),
        CommandResult::Freshness(run) => Bound::new(py, RunResults::of_freshness(run))?.into_any(),
        CommandResult::List(lines) => PyList::new(py, lines)?.into_any(),
        CommandResult::Catalog(catalog) => {
            let entries = serde_json::to_value(&**catalog).map_err(|error| PyValueError::new_err(error.to_string()))?;
            json::to_record(py, &entries)?
        }
        CommandResult::Rows(batches) => Bound::new(py, Table::new(batches.to_vec()))?.into_any(),
        CommandResult::Debug(healthy) => healthy.into_pyobject(py)?.to_owned().into_any(),
    })
}
