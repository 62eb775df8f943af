//! `--log-format json`: one JSON object a line, shaped like dbt's structured log: `info` about the event, `data` of it.

use serde_json::{Map, Value, json};

use super::line::{self, Line};
use crate::diag::log::Level;
use crate::diag::render;
use crate::execute::{Event, NodeRef, NodeResult, Status};

/// Writes the lines of one command.
pub(super) struct Writer {
    id: String,
}

impl Writer {
    pub(super) fn new(invocation_id: &str) -> Self {
        Self { id: invocation_id.to_owned() }
    }

    pub(super) fn id(&self) -> &str {
        &self.id
    }

    pub(super) fn line(&self, line: &Line) -> String {
        self.object(line.level, line.code, line.name, &line.plain(), json!({"msg": line.plain()}))
    }

    /// The lines of an event: what people see, and what programs wait for (`NodeStart`, `NodeFinished`).
    pub(super) fn event(&self, event: &Event, width: usize, tells: impl Fn(Level) -> bool) -> Vec<String> {
        let mut lines = Vec::new();
        let debug = tells(Level::Debug);
        if let (Event::NodeStart { node, .. }, true) = (event, debug) {
            let text = format!("Began running node {}", node.unique_id);
            lines.push(self.object(
                Level::Debug,
                "Q024",
                "NodeStart",
                &text,
                json!({"node_info": info(node, "started")}),
            ));
        }
        let data = data(event);
        for line in line::lines(event, width).iter().filter(|line| tells(line.level)) {
            lines.push(self.object(line.level, line.code, line.name, &line.plain(), data.clone()));
        }
        if let (Event::NodeFinished { result, .. }, true) = (event, debug) {
            let text = format!("Finished running node {}", result.unique_id);
            let data =
                json!({"node_info": info(&result.node, result.status.as_str()), "run_result": run_result(result)});
            lines.push(self.object(Level::Debug, "Q025", "NodeFinished", &text, data));
        }
        if let Event::Diagnostic(diagnostic) = event {
            let level = if diagnostic.is_error() { Level::Error } else { Level::Warn };
            if tells(level) {
                let data = render::json(std::slice::from_ref(&**diagnostic));
                lines.push(self.object(level, "", "Diagnostic", &diagnostic.message, json!({"diagnostics": data})));
            }
        }
        lines
    }

    fn object(&self, level: Level, code: &str, name: &str, msg: &str, data: Value) -> String {
        let thread = std::thread::current();
        let info = json!({
            "category": "", "code": code, "extra": {}, "invocation_id": self.id, "level": level.as_str(), "msg": msg,
            "name": name, "pid": std::process::id(), "thread": line::thread_name(thread.name()),
            "ts": chrono::Utc::now().format("%Y-%m-%dT%H:%M:%S%.6fZ").to_string(),
        });
        json!({"info": info, "data": data}).to_string()
    }
}

fn data(event: &Event) -> Value {
    match event {
        Event::Started { command, version } => json!({"command": command, "version": version}),
        Event::Adapter { kind, version } => json!({"adapter_name": kind, "adapter_version": version}),
        Event::Found { counts } => {
            json!({"counts": counts.iter().map(|(what, n)| ((*what).to_owned(), json!(n))).collect::<Map<_, _>>()})
        }
        Event::Concurrency { threads, target } => json!({"num_threads": threads, "target_name": target}),
        Event::HookStart { index, total, name } => json!({"index": index, "total": total, "statement": name}),
        Event::HookFinished { index, total, name, status, seconds, .. } => {
            json!({"index": index, "total": total, "statement": name, "status": status.as_str(), "execution_time": seconds})
        }
        Event::NodeStart { index, total, node, .. } | Event::FreshnessStart { index, total, node, .. } => {
            json!({"index": index, "total": total, "description": node.description(), "node_info": info(node, "started")})
        }
        Event::BatchStart { index, total, label, node, .. } => json!({
            "batch_index": index, "total_batches": total, "description": line::batch(label, node),
            "node_info": info(node, "started"),
        }),
        Event::BatchFinished { index, total, label, result } => json!({
            "batch_index": index, "total_batches": total, "description": line::batch(label, &result.node),
            "status": result.status.as_str(), "execution_time": result.execution_time,
            "node_info": info(&result.node, result.status.as_str()),
        }),
        Event::NodeFinished { index, total, result } => json!({
            "index": index, "total": total, "description": result.node.description(), "status": result.status.as_str(),
            "execution_time": result.execution_time, "num_failures": result.failures.unwrap_or(0),
            "node_info": info(&result.node, result.status.as_str()),
        }),
        Event::FreshnessFinished { index, total, result } => json!({
            "index": index, "total": total, "status": result.status.as_str(), "execution_time": result.execution_time,
            "node_info": info(&result.node, result.status.as_str()),
        }),
        Event::Cancelling { running } => json!({"running": running}),
        Event::RunFinished { seconds, .. } => json!({"execution_time": seconds}),
        Event::Finished { success, seconds } => json!({"success": success, "elapsed": seconds}),
        Event::Diagnostic(_) => Value::Null,
    }
}

fn info(node: &NodeRef, status: &str) -> Value {
    let (schema, alias) = node.relation.split_once('.').unwrap_or_default();
    json!({
        "unique_id": &*node.unique_id, "node_name": node.name, "node_path": node.path, "node_status": status,
        "resource_type": node.resource_type.as_str(), "materialized": node.materialized,
        "node_relation": {"schema": schema, "alias": alias, "relation_name": node.relation},
    })
}

fn run_result(result: &NodeResult) -> Value {
    json!({
        "status": result.status.as_str(), "message": result.message, "thread": result.thread_id,
        "execution_time": result.execution_time, "num_failures": result.failures,
        "failed": matches!(result.status, Status::Error | Status::Fail | Status::RuntimeError),
    })
}
