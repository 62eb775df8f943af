//! The end of one node.

use std::sync::Arc;

use chrono::{DateTime, SecondsFormat, Utc};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use serde_json::{Map, Value, json};

use crate::diag::Diagnostic;
use crate::execute::{self, FreshnessResult, Member, NodeRef, Status, Timing};
use crate::manifest::json::NodeEntry;
use crate::py::arrow::Table;
use crate::py::{errors, json};

/// What ran: a node, or a source whose freshness was asked for.
#[derive(Clone)]
pub enum Ran {
    Node(Arc<execute::NodeResult>),
    Freshness(Arc<FreshnessResult>),
}

/// The result of one node: a model, test, seed, snapshot, unit test, hook or source.
#[pyclass(frozen, module = "headwater")]
#[derive(Clone)]
pub struct NodeResult(pub Ran);

impl NodeResult {
    pub fn node(&self) -> &NodeRef {
        match &self.0 {
            Ran::Node(result) => &result.node,
            Ran::Freshness(result) => &result.node,
        }
    }

    pub fn core_status(&self) -> Status {
        match &self.0 {
            Ran::Node(result) => result.status,
            Ran::Freshness(result) => result.status,
        }
    }

    pub fn failed(&self) -> bool {
        self.core_status().is_failure()
    }

    pub fn diagnostic_value(&self) -> Option<&Diagnostic> {
        match &self.0 {
            Ran::Node(result) => result.diagnostic.as_deref(),
            Ran::Freshness(result) => result.diagnostic.as_deref(),
        }
    }

    fn timings(&self) -> &[Timing] {
        match &self.0 {
            Ran::Node(result) => &result.timing,
            Ran::Freshness(result) => &result.timing,
        }
    }

    fn response(&self) -> &Map<String, Value> {
        match &self.0 {
            Ran::Node(result) => &result.adapter_response,
            Ran::Freshness(result) => &result.adapter_response,
        }
    }

    fn as_node(&self) -> Option<&execute::NodeResult> {
        match &self.0 {
            Ran::Node(result) => Some(result),
            Ran::Freshness(_) => None,
        }
    }

    fn as_freshness(&self) -> Option<&FreshnessResult> {
        match &self.0 {
            Ran::Node(_) => None,
            Ran::Freshness(result) => Some(result),
        }
    }

    fn entry(&self) -> serde_json::Result<Value> {
        let node = self.node();
        match &node.member {
            Member::Node(member) => {
                let compiled = self.as_node().and_then(execute::NodeResult::compiled_node);
                let build_path = self.as_node().and_then(|result| result.build_path.as_deref());
                serde_json::to_value(NodeEntry { node: member, compiled, build_path })
            }
            Member::UnitTest(test) => serde_json::to_value(&**test),
            Member::Source(source) => serde_json::to_value(&**source),
            Member::Exposure(exposure) => serde_json::to_value(&**exposure),
            Member::Other => Ok(json!({
                "unique_id": node.unique_id, "name": node.name, "package_name": node.package,
                "resource_type": node.resource_type.as_str(), "original_file_path": node.path,
            })),
        }
    }

    pub fn to_json(&self) -> Value {
        let iso = |at: DateTime<Utc>| at.to_rfc3339_opts(SecondsFormat::Micros, true);
        let timing = |timing: &Timing| json!({"name": timing.name, "started_at": iso(timing.started_at), "completed_at": iso(timing.completed_at)});
        json!({
            "unique_id": self.unique_id(),
            "name": self.name(),
            "resource_type": self.resource_type(),
            "path": self.path(),
            "status": self.status(),
            "message": self.message(),
            "execution_time": self.execution_time(),
            "thread_id": self.thread_id(),
            "timing": self.timings().iter().map(timing).collect::<Vec<_>>(),
            "failures": self.failures(),
            "rows_affected": self.rows_affected(),
            "relation_name": self.relation_name(),
            "compiled_code": self.compiled_code(),
            "adapter_response": self.response(),
            "age": self.age(),
        })
    }
}

#[pymethods]
impl NodeResult {
    /// The thing itself, as manifest.json has it, with its compiled code: `result.node.config.materialized`. What the
    /// manifest does not know (a macro of `run-operation`) has its names only.
    #[getter(node)]
    fn member<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        json::to_record(py, &self.entry().map_err(|error| PyValueError::new_err(error.to_string()))?)
    }

    /// dbt's name of the node, unique in all packages: `model.shop.orders`.
    #[getter]
    fn unique_id(&self) -> &str {
        &self.node().unique_id
    }

    #[getter]
    pub fn name(&self) -> &str {
        &self.node().name
    }

    /// `model`, `test`, `seed`, `snapshot`, `unit_test`, `source` …
    #[getter]
    pub fn resource_type(&self) -> &'static str {
        self.node().resource_type.as_str()
    }

    /// The file it is written in, relative to its package.
    #[getter]
    pub fn path(&self) -> &str {
        &self.node().path
    }

    /// `success`, `pass`, `warn`, `fail`, `error`, `skipped`, `runtime error`, `no-op` or `partial success`.
    #[getter]
    pub fn status(&self) -> &'static str {
        self.core_status().as_str()
    }

    /// What the server answered, or why it failed.
    #[getter]
    pub fn message(&self) -> Option<&str> {
        match &self.0 {
            Ran::Node(result) => result.message.as_deref(),
            Ran::Freshness(result) => result.error.as_deref(),
        }
    }

    /// Seconds.
    #[getter]
    pub fn execution_time(&self) -> f64 {
        match &self.0 {
            Ran::Node(result) => result.execution_time,
            Ran::Freshness(result) => result.execution_time,
        }
    }

    #[getter]
    fn thread_id(&self) -> &str {
        match &self.0 {
            Ran::Node(result) => &result.thread_id,
            Ran::Freshness(result) => &result.thread_id,
        }
    }

    /// The phases `compile` and `execute`, as dicts with `name`, `started_at` and `completed_at`.
    #[getter]
    fn timing<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        json::to_python(py, &self.to_json()["timing"])
    }

    /// Failing rows of a test.
    #[getter]
    pub fn failures(&self) -> Option<u64> {
        self.as_node()?.failures
    }

    /// Rows that the main statement wrote, where the server tells.
    #[getter]
    pub fn rows_affected(&self) -> Option<u64> {
        self.response().get("rows_affected").and_then(Value::as_u64)
    }

    /// The relation's full name, quoted as the server wants it.
    #[getter]
    pub fn relation_name(&self) -> Option<&str> {
        self.as_node()?.relation_name.as_deref()
    }

    /// The SQL that the node's Jinja became.
    #[getter]
    fn compiled_code(&self) -> Option<&str> {
        self.as_node()?.compiled_code.as_deref()
    }

    /// What `show` shows: a Table; None for anything else. dbt's name of it.
    #[getter]
    fn agate_table(&self) -> Option<Table> {
        Some(Table::new(self.as_node()?.rows.as_deref()?.clone()))
    }

    /// What the server said: `code`, `rows_affected` …
    #[getter]
    fn adapter_response<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        json::to_python(py, &Value::Object(self.response().clone()))
    }

    /// Seconds since the newest row of a source; None for anything else.
    #[getter]
    fn age(&self) -> Option<f64> {
        self.as_freshness()?.age
    }

    /// The problem as a dict, None where there was none.
    #[getter]
    fn diagnostic<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        self.diagnostic_value().map(|diagnostic| json::to_python(py, &errors::to_json(diagnostic))).transpose()
    }

    /// The problem as the command line prints it: with the place in the file, facts and what to do.
    fn explain(&self) -> String {
        match self.diagnostic_value() {
            Some(diagnostic) => errors::text(std::slice::from_ref(diagnostic)),
            None => self.message().unwrap_or_else(|| self.status()).to_owned(),
        }
    }

    /// Everything as a dict of plain values.
    fn to_dict<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        json::to_python(py, &self.to_json())
    }

    fn __repr__(&self) -> String {
        let message = self.message().map(|text| format!(", {text:?}")).unwrap_or_default();
        format!("<{} {} {}{message}, {:.2} s>", self.status(), self.resource_type(), self.name(), self.execution_time())
    }
}
