//! The end of a command.

use std::sync::Arc;

use pyo3::exceptions::{PyIndexError, PyKeyError};
use pyo3::prelude::*;
use pyo3::types::{PyIterator, PyList};
use serde_json::{Value, json};

use super::node::{NodeResult, Ran};
use super::{escape, html};
use crate::diag::Diagnostic;
use crate::execute;
use crate::py::{errors, json};

/// The results of a command, in the order in which the nodes ended.
#[pyclass(frozen, module = "headwater")]
pub struct RunResults {
    results: Vec<NodeResult>,
    diagnostics: Vec<Diagnostic>,
    success: bool,
    elapsed: f64,
    invocation_id: String,
}

impl RunResults {
    pub fn of_run(run: &execute::RunResults) -> Self {
        Self {
            results: run.results.iter().map(|result| NodeResult(Ran::Node(result.clone()))).collect(),
            diagnostics: run.diagnostics.clone(),
            success: run.success,
            elapsed: run.elapsed,
            invocation_id: run.invocation_id.clone(),
        }
    }

    pub fn of_freshness(run: &execute::FreshnessResults) -> Self {
        Self {
            results: run.results.iter().map(|result| NodeResult(Ran::Freshness(Arc::clone(result)))).collect(),
            diagnostics: run.diagnostics.clone(),
            success: run.success,
            elapsed: run.elapsed,
            invocation_id: run.invocation_id.clone(),
        }
    }

    /// How many ended how, the most telling first: `{"error": 1, "success": 12}`.
    fn tally(&self) -> Vec<(&'static str, usize)> {
        const ORDER: [&str; 9] =
            ["error", "runtime error", "fail", "partial success", "warn", "skipped", "success", "pass", "no-op"];
        let count = |status: &str| self.results.iter().filter(|result| result.status() == status).count();
        ORDER.iter().map(|status| (*status, count(status))).filter(|(_, count)| *count > 0).collect()
    }

    fn summary(&self) -> String {
        let tally: Vec<String> = self.tally().iter().map(|(status, count)| format!("{count} {status}")).collect();
        let tally = if tally.is_empty() { "nothing ran".to_owned() } else { tally.join(", ") };
        format!("{tally} in {:.2} s", self.elapsed)
    }

    fn problems(&self) -> Vec<Diagnostic> {
        let of_nodes = self.results.iter().filter(|result| result.failed()).filter_map(NodeResult::diagnostic_value);
        self.diagnostics.iter().chain(of_nodes).cloned().collect()
    }
}

#[pymethods]
impl RunResults {
    /// Nothing failed; warnings are fine.
    #[getter]
    fn success(&self) -> bool {
        self.success
    }

    /// Seconds.
    #[getter]
    fn elapsed(&self) -> f64 {
        self.elapsed
    }

    /// The identifier that logs and artifacts carry.
    #[getter]
    fn invocation_id(&self) -> &str {
        &self.invocation_id
    }

    #[getter]
    fn results<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        PyList::new(py, self.results.iter().cloned().map(|result| Py::new(py, result)).collect::<PyResult<Vec<_>>>()?)
    }

    /// The nodes that failed.
    #[getter]
    fn failed(&self) -> Vec<NodeResult> {
        self.results.iter().filter(|result| result.failed()).cloned().collect()
    }

    /// How many nodes ended with each status.
    #[getter]
    fn counts<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let counts = self.tally().into_iter().map(|(status, count)| (status.to_owned(), Value::from(count)));
        json::to_python(py, &Value::Object(counts.collect()))
    }

    /// Raises if anything failed, with all problems in the exception; returns the results otherwise.
    fn raise_for_failures<'py>(slf: Bound<'py, Self>) -> PyResult<Bound<'py, Self>> {
        let results = slf.get();
        if results.success {
            return Ok(slf);
        }
        let mut problems = results.problems();
        if problems.is_empty() {
            problems.push(Diagnostic::error(crate::diag::Code::TestFailed, results.summary()));
        }
        Err(errors::raise(slf.py(), &problems, Some(slf.clone().into_any())))
    }

    /// Everything as a dict of plain values.
    fn to_dict<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let value = json!({
            "success": self.success,
            "elapsed": self.elapsed,
            "invocation_id": self.invocation_id,
            "results": self.results.iter().map(NodeResult::to_json).collect::<Vec<_>>(),
        });
        json::to_python(py, &value)
    }

    fn __iter__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyIterator>> {
        self.results(py)?.try_iter()
    }

    fn __len__(&self) -> usize {
        self.results.len()
    }

    /// True if nothing failed.
    fn __bool__(&self) -> bool {
        self.success
    }

    /// A result by its position, or by the node's name or unique id.
    fn __getitem__(&self, key: &Bound<'_, PyAny>) -> PyResult<NodeResult> {
        if let Ok(index) = key.extract::<isize>() {
            let length = self.results.len() as isize;
            let place = if index < 0 { index + length } else { index };
            let result = usize::try_from(place).ok().and_then(|place| self.results.get(place));
            return result.cloned().ok_or_else(|| PyIndexError::new_err(format!("{index} of {length} results")));
        }
        let name: String = key.extract()?;
        let named = |result: &&NodeResult| result.name() == name || result.node().unique_id.as_ref() == name;
        self.results.iter().find(named).cloned().ok_or_else(|| PyKeyError::new_err(name.clone()))
    }

    fn __repr__(&self) -> String {
        let mut text = self.summary();
        for result in self.results.iter().filter(|result| result.failed()) {
            let message = result.message().unwrap_or_default();
            text.push_str(&format!("\n{:<7} {} {}: {message}", result.status(), result.resource_type(), result.name()));
        }
        text
    }

    fn _repr_html_(&self) -> String {
        let rows: String = self.results.iter().map(html::row).collect();
        let summary = escape(&self.summary());
        format!("<table><caption>{summary}</caption>{}<tbody>{rows}</tbody></table>", html::HEAD)
    }
}
