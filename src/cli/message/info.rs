//! `node_info`, `run_result` and `group`, which many of dbt's events carry.

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Map, Value, json};

use crate::execute::{FreshnessResult, Member, NodeRef, NodeResult, Phase, Timing};

/// A node that runs, for the `node_info` of all that is told of it.
#[derive(Debug, Clone)]
pub(crate) struct NodeState {
    pub node: NodeRef,
    pub started_at: DateTime<Utc>,
    pub status: &'static str,
    pub finished_at: Option<DateTime<Utc>>,
}

impl NodeState {
    pub(crate) fn started(node: NodeRef) -> Self {
        Self { node, started_at: Utc::now(), status: "started", finished_at: None }
    }

    pub(crate) fn enter(&mut self, phase: Phase) {
        self.status = match phase {
            Phase::Compiling => "compiling",
            Phase::Executing => "executing",
        };
    }

    pub(super) fn info(&self) -> Value {
        node_info(&self.node, self.status, Some(self.started_at), self.finished_at)
    }
}

/// A node of which nothing is known but itself: dbt forgets the status of nodes that are through.
pub(super) fn quiet_info(node: &NodeRef) -> Value {
    node_info(node, "None", None, None)
}

fn node_info(
    node: &NodeRef,
    status: &str,
    started_at: Option<DateTime<Utc>>,
    finished_at: Option<DateTime<Utc>>,
) -> Value {
    // dbt's times of nodes have no zone.
    let time = |time: Option<DateTime<Utc>>| {
        time.map(|time| time.naive_utc().format("%Y-%m-%dT%H:%M:%S%.6f").to_string()).unwrap_or_default()
    };
    let facts = Facts::of(node);
    json!({
        "materialized": node.materialized,
        "meta": facts.meta.cloned().unwrap_or_default(),
        "node_checksum": facts.checksum,
        "node_finished_at": time(finished_at),
        "node_name": facts.name,
        "node_path": facts.path,
        "node_relation": {
            "alias": facts.alias, "database": facts.database, "relation_name": facts.relation_name,
            "schema": facts.schema,
        },
        "node_started_at": time(started_at),
        "node_status": status,
        "resource_type": node.resource_type.as_str(),
        "unique_id": &*node.unique_id,
    })
}

#[derive(Default)]
struct Facts<'a> {
    name: &'a str,
    path: &'a str,
    database: &'a str,
    schema: &'a str,
    alias: &'a str,
    relation_name: &'a str,
    checksum: &'a str,
    meta: Option<&'a Map<String, Value>>,
}

impl<'a> Facts<'a> {
    fn of(node: &'a NodeRef) -> Self {
        match &node.member {
            Member::Node(node) => Self {
                name: &node.name,
                path: &node.path,
                database: node.database.as_deref().unwrap_or_default(),
                schema: &node.schema,
                alias: &node.alias,
                relation_name: node.relation_name.as_deref().unwrap_or_default(),
                checksum: if node.checksum.name == "none" { "" } else { &node.checksum.checksum },
                meta: node.config.values.get("meta").and_then(Value::as_object),
            },
            Member::UnitTest(test) => Self {
                name: &test.name,
                path: &test.path,
                schema: &test.schema,
                checksum: &test.checksum,
                meta: test.config.values.get("meta").and_then(Value::as_object),
                ..Self::default()
            },
            Member::Source(source) => Self {
                name: &source.name,
                path: &source.path,
                database: source.database.as_deref().unwrap_or_default(),
                schema: &source.schema,
                relation_name: &source.relation_name,
                meta: Some(&source.meta),
                ..Self::default()
            },
            Member::Exposure(exposure) => {
                Self { name: &exposure.name, path: &exposure.path, meta: Some(&exposure.meta), ..Self::default() }
            }
            Member::Other => Self { name: &node.name, path: &node.path, ..Self::default() },
        }
    }
}

pub(super) fn schema(node: &NodeRef) -> &str {
    Facts::of(node).schema
}

pub(super) fn run_result(result: &NodeResult) -> Value {
    json!({
        "adapter_response": result.adapter_response,
        "execution_time": result.execution_time,
        "message": result.message.as_deref().unwrap_or_default(),
        "num_failures": result.failures.unwrap_or(0),
        "status": result.status.as_str(),
        "thread": result.thread_id,
        "timing_info": timing_info(&result.timing),
    })
}

pub(super) fn freshness_result(result: &FreshnessResult) -> Value {
    json!({
        "adapter_response": result.adapter_response,
        "execution_time": result.execution_time,
        "message": result.error.as_deref().unwrap_or_default(),
        "num_failures": 0,
        "status": result.status.as_str(),
        "thread": result.thread_id,
        "timing_info": timing_info(&result.timing),
    })
}

fn timing_info(timing: &[Timing]) -> Value {
    let time = |time: DateTime<Utc>| time.to_rfc3339_opts(SecondsFormat::Micros, true);
    let entry = |timing: &Timing| {
        json!({
            "completed_at": time(timing.completed_at), "name": timing.name, "started_at": time(timing.started_at),
        })
    };
    timing.iter().map(entry).collect()
}
