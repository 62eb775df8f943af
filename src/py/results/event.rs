//! What callbacks hear.

use std::sync::Arc;

use pyo3::prelude::*;
use serde_json::{Map, Value, json};

use super::node::{NodeResult, Ran};
use crate::execute;
use crate::py::{errors, json};

/// One thing that happened while a command ran.
#[pyclass(frozen, module = "headwater")]
pub struct Event {
    name: &'static str,
    data: Map<String, Value>,
    result: Option<NodeResult>,
}

impl Event {
    pub fn new(event: &execute::Event) -> Self {
        use execute::Event as E;
        let (name, data, result) = match event {
            E::Started { command, version } => ("started", json!({"command": command, "version": version}), None),
            E::Adapter { kind, version } => ("adapter", json!({"type": kind, "version": version}), None),
            E::Found { counts } => {
                let counts: Map<String, Value> =
                    counts.iter().map(|(kind, n)| ((*kind).to_owned(), json!(n))).collect();
                ("found", Value::Object(counts), None)
            }
            E::Concurrency { threads, target } => ("concurrency", json!({"threads": threads, "target": target}), None),
            E::HookStart { index, total, name } => {
                ("hook_start", json!({"index": index, "total": total, "name": name}), None)
            }
            E::HookFinished { index, total, name, status, message, seconds } => {
                let data = json!({"index": index, "total": total, "name": name, "status": status.as_str(),
                                  "message": message, "seconds": seconds});
                ("hook_finished", data, None)
            }
            E::NodeStart { index, total, node, thread } => ("node_start", started(*index, *total, node, thread), None),
            E::FreshnessStart { index, total, node, thread } => {
                ("freshness_start", started(*index, *total, node, thread), None)
            }
            E::BatchStart { index, total, label, node, thread } => {
                let mut data = started(*index, *total, node, thread);
                data["batch"] = json!(label);
                ("batch_start", data, None)
            }
            E::BatchFinished { index, total, label, result } => {
                let data = json!({"index": index, "total": total, "batch": label});
                ("batch_finished", data, Some(NodeResult(Ran::Node(Arc::clone(result)))))
            }
            E::NodeFinished { index, total, result } => {
                let data = json!({"index": index, "total": total});
                ("node_finished", data, Some(NodeResult(Ran::Node(Arc::clone(result)))))
            }
            E::FreshnessFinished { index, total, result } => {
                let data = json!({"index": index, "total": total});
                ("freshness_finished", data, Some(NodeResult(Ran::Freshness(Arc::clone(result)))))
            }
            E::Diagnostic(diagnostic) => ("diagnostic", errors::to_json(diagnostic), None),
            E::Cancelling { running } => ("cancelling", json!({"running": running}), None),
            E::RunFinished { counts, seconds } => {
                let counts: Map<String, Value> = counts.iter().map(|(kind, n)| (kind.clone(), json!(n))).collect();
                ("run_finished", json!({"counts": counts, "seconds": seconds}), None)
            }
            E::Finished { success, seconds } => ("finished", json!({"success": success, "seconds": seconds}), None),
        };
        let mut data = match data {
            Value::Object(data) => data,
            _ => Map::new(),
        };
        if let Some(result) = &result {
            data.insert("unique_id".to_owned(), json!(result.node().unique_id));
            data.insert("status".to_owned(), json!(result.status()));
        }
        Self { name, data, result }
    }
}

fn started(index: usize, total: usize, node: &execute::NodeRef, thread: &str) -> Value {
    json!({"index": index, "total": total, "unique_id": node.unique_id, "name": node.name,
           "resource_type": node.resource_type.as_str(), "thread": thread})
}

#[pymethods]
impl Event {
    /// `started`, `node_start`, `node_finished` …
    #[getter]
    fn name(&self) -> &'static str {
        self.name
    }

    /// What there is to know, as a dict of plain values.
    #[getter]
    fn data<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        json::to_python(py, &Value::Object(self.data.clone()))
    }

    /// The node's result, for `node_finished` and `freshness_finished`.
    #[getter]
    fn result(&self) -> Option<NodeResult> {
        self.result.clone()
    }

    fn __repr__(&self) -> String {
        format!("<{} {}>", self.name, Value::Object(self.data.clone()))
    }
}
