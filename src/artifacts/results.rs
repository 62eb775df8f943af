//! run_results.json, version 6, and sources.json, version 3.

use std::path::Path;
use std::sync::Arc;

use chrono::{DateTime, SecondsFormat, Utc};
use serde::ser::{Serialize, SerializeSeq, Serializer};
use serde_json::{Map, Value, json};

use super::{Metadata, file, timestamp};
use crate::diag;
use crate::execute::{FreshnessResult, FreshnessResults, NodeResult, RunResults, Status, Timing};
use crate::manifest::ResourceType;
use crate::manifest::event_time::Window;
use crate::project::Project;

/// Writes run_results.json. `args` are the options of the invocation as dbt names them.
///
/// # Errors
/// The file cannot be written.
pub fn write_run_results(
    path: &Path,
    project: &Project,
    results: &RunResults,
    args: &Map<String, Value>,
) -> diag::Result<()> {
    let metadata = Metadata {
        schema: "run-results/v6",
        generated_at: results.generated_at,
        project,
        of_manifest: false,
        adapter_type: &project.profile.kind,
    };
    // dbt tells of an ephemeral model only if something was wrong with it.
    let is_told =
        |result: &&Arc<NodeResult>| result.node.materialized != "ephemeral" || result.status != Status::Success;
    let told: Vec<Arc<NodeResult>> = results.results.iter().filter(is_told).cloned().collect();
    let entries = Each { items: &told, entry: run_result };
    let document = RunDocument { metadata, results: entries, elapsed_time: results.elapsed, args };
    file::write(path, |writer| serde_json::to_writer(writer, &document).map_err(Into::into))
}

/// Writes sources.json.
///
/// # Errors
/// The file cannot be written.
pub fn write_sources(path: &Path, project: &Project, results: &FreshnessResults) -> diag::Result<()> {
    let metadata = Metadata {
        schema: "sources/v3",
        generated_at: results.generated_at,
        project,
        of_manifest: false,
        adapter_type: &project.profile.kind,
    };
    let entries = Each { items: &results.results, entry: freshness_result };
    let document = SourcesDocument { metadata, results: entries, elapsed_time: results.elapsed };
    file::write(path, |writer| serde_json::to_writer(writer, &document).map_err(Into::into))
}

#[derive(serde::Serialize)]
struct RunDocument<'a> {
    metadata: Metadata<'a>,
    results: Each<'a, NodeResult>,
    elapsed_time: f64,
    args: &'a Map<String, Value>,
}

#[derive(serde::Serialize)]
struct SourcesDocument<'a> {
    metadata: Metadata<'a>,
    results: Each<'a, FreshnessResult>,
    elapsed_time: f64,
}

/// A list that is written item by item, without a copy of the whole.
struct Each<'a, T> {
    items: &'a [Arc<T>],
    entry: fn(&T) -> Value,
}

impl<T> Serialize for Each<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut list = serializer.serialize_seq(Some(self.items.len()))?;
        for item in self.items {
            list.serialize_element(&(self.entry)(item))?;
        }
        list.end()
    }
}

fn run_result(result: &NodeResult) -> Value {
    let mut entry = json!({
        "status": result.status.as_str(),
        "timing": timings(&result.timing),
        "thread_id": result.thread_id,
        "execution_time": result.execution_time,
        "adapter_response": result.adapter_response,
        "message": result.message,
        "failures": result.failures,
        "unique_id": result.unique_id,
        "compiled": result.compiled,
        "compiled_code": result.compiled_code,
        "relation_name": result.relation_name,
        "batch_results": result.batch_results.as_ref().map(|batches| json!({
            "successful": windows(&batches.successful),
            "failed": windows(&batches.failed),
        })),
        "overload_results": null,
    });
    // In dbt these have no compiled code that could be told of.
    let skipped_unit_test = result.node.resource_type == ResourceType::UnitTest && result.compiled_code.is_none();
    if matches!(result.node.resource_type, ResourceType::Seed | ResourceType::Exposure) || skipped_unit_test {
        for key in ["compiled", "compiled_code", "relation_name"] {
            entry[key] = Value::Null;
        }
    }
    if result.node.resource_type == ResourceType::Exposure && result.status == Status::NoOp {
        entry["failures"] = 0.into();
    }
    entry
}

/// `[start, end]` of each batch, as Python writes dates.
fn windows(windows: &[Window]) -> Vec<[String; 2]> {
    let iso = |at: DateTime<Utc>| at.to_rfc3339_opts(SecondsFormat::AutoSi, false);
    windows.iter().map(|window| [iso(window.start), iso(window.end)]).collect()
}

fn freshness_result(result: &FreshnessResult) -> Value {
    let (Some(loaded), Some(asked), Some(age), false) =
        (result.max_loaded_at, result.snapshotted_at, result.age, result.status == Status::RuntimeError)
    else {
        return json!({"unique_id": result.unique_id, "error": result.error, "status": "runtime error"});
    };
    json!({
        "unique_id": result.unique_id,
        "max_loaded_at": python_time(loaded),
        "snapshotted_at": python_time(asked),
        "max_loaded_at_time_ago_in_s": age,
        "status": result.status.as_str(),
        "criteria": result.criteria,
        "adapter_response": result.adapter_response,
        "timing": timings(&result.timing),
        "thread_id": result.thread_id,
        "execution_time": result.execution_time,
    })
}

/// As Python's `isoformat` writes a time in UTC.
fn python_time(time: DateTime<Utc>) -> String {
    let fraction = if time.timestamp_subsec_micros() == 0 { "" } else { "%.6f" };
    time.format(&format!("%Y-%m-%dT%H:%M:%S{fraction}+00:00")).to_string()
}

fn timings(timing: &[Timing]) -> Vec<Value> {
    let entry = |phase: &Timing| {
        json!({
            "name": phase.name,
            "started_at": timestamp(phase.started_at),
            "completed_at": timestamp(phase.completed_at),
        })
    };
    timing.iter().map(entry).collect()
}
