//! A parsed project in Python's hands: `headwater.Manifest` reads it entry by entry.

use std::sync::Arc;

use pyo3::exceptions::{PyKeyError, PyValueError};
use pyo3::prelude::*;
use serde::Serialize;
use serde_json::Value;

use super::{errors, json};
use crate::artifacts;
use crate::engine;
use crate::manifest::{Node, ResourceType};

/// What `parse` has parsed.
#[pyclass(frozen, module = "headwater")]
pub struct ParsedProject(pub Arc<engine::ParsedProject>);

/// A section of manifest.json, whatever its things are.
macro_rules! section {
    ($manifest:expr, $kind:expr, $nodes:ident => $of_nodes:expr, $things:ident => $of_things:expr) => {{
        let manifest = $manifest;
        macro_rules! of {
            ($things_of:ident) => {{
                let $things = &manifest.$things_of;
                Some($of_things)
            }};
        }
        match $kind {
            "nodes" | "functions" => {
                let $nodes = &manifest.nodes;
                Some($of_nodes)
            }
            "sources" => of!(sources),
            "macros" => of!(macros),
            "docs" => of!(docs),
            "exposures" => of!(exposures),
            "metrics" => of!(metrics),
            "groups" => of!(groups),
            "disabled" => of!(disabled),
            "saved_queries" => of!(saved_queries),
            "semantic_models" => of!(semantic_models),
            "unit_tests" => of!(unit_tests),
            _ => None,
        }
    }};
}

fn value(thing: &impl Serialize) -> PyResult<Value> {
    serde_json::to_value(thing).map_err(|error| PyValueError::new_err(error.to_string()))
}

#[pymethods]
impl ParsedProject {
    /// The unique ids of a section of manifest.json: `nodes`, `sources`, `macros` …
    fn ids(&self, kind: &str) -> PyResult<Vec<String>> {
        let is_wanted = |node: &Node| (node.resource_type == ResourceType::Function) == (kind == "functions");
        let ids = section!(
            &self.0.manifest,
            kind,
            nodes => nodes.iter().filter(|(_, node)| is_wanted(node)).map(|(id, _)| id.to_string()).collect(),
            things => things.keys().map(ToString::to_string).collect()
        );
        ids.ok_or_else(|| PyKeyError::new_err(kind.to_owned()))
    }

    /// One thing, as manifest.json has it.
    fn entry<'py>(&self, py: Python<'py>, kind: &str, unique_id: &str) -> PyResult<Bound<'py, PyAny>> {
        let found = section!(
            &self.0.manifest,
            kind,
            nodes => nodes.get(unique_id).map(value),
            things => things.get(unique_id).map(value)
        );
        let found = found.flatten().ok_or_else(|| PyKeyError::new_err(unique_id.to_owned()))??;
        json::to_record(py, &found)
    }

    /// A section that is no mapping of things: `metadata`, `selectors`, `parent_map`, `child_map` or `group_map`.
    fn part<'py>(&self, py: Python<'py>, name: &str) -> PyResult<Bound<'py, PyAny>> {
        let manifest = &self.0.manifest;
        let part = match name {
            "metadata" => value(&artifacts::manifest_metadata(&self.0.project))?,
            "selectors" => Value::Object(manifest.selectors.clone()),
            "parent_map" => value(&manifest.parent_map())?,
            "child_map" => value(&manifest.child_map())?,
            "group_map" => value(&artifacts::group_map(manifest))?,
            _ => return Err(PyKeyError::new_err(name.to_owned())),
        };
        json::to_record(py, &part)
    }

    /// All of manifest.json.
    fn to_json(&self, py: Python<'_>) -> PyResult<String> {
        let text = py.detach(|| artifacts::manifest_text(&self.0.project, &self.0.manifest));
        text.map_err(|error| PyValueError::new_err(error.to_string()))
    }

    /// Writes it as a manifest.json.
    fn write(&self, py: Python<'_>, path: std::path::PathBuf) -> PyResult<()> {
        let written = py.detach(|| artifacts::write_manifest(&path, &self.0.project, &self.0.manifest, None));
        written.map(drop).map_err(|problem| errors::raise(py, &[*problem], None))
    }
}
