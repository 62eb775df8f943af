//! `show`: some rows of what a node would give, without building it.

use std::sync::Arc;
use std::time::Instant;

use chrono::Utc;

use super::CancelToken;
use super::result::{NodeRef, NodeResult, Status, Timing};
use crate::compile::{Failure, Runtime};
use crate::diag::Diagnostic;
use crate::jinja::Value;
use crate::manifest::Node;

/// Compiles a node and runs its query; the result has the rows, and as its code what was sent. `limit` is the number of
/// rows; None means all.
///
/// # Errors
/// The node did not compile, or the database refused the query.
pub fn preview(
    runtime: &Arc<Runtime>,
    node: &Arc<Node>,
    limit: Option<u64>,
    cancel: &CancelToken,
) -> Result<NodeResult, Box<Diagnostic>> {
    let (started_at, clock) = (Utc::now(), Instant::now());
    let pool = runtime.pool.clone();
    cancel.attach(move || {
        let _ = pool.cancel_all();
    });
    let scope = runtime.preview(node, "MainThread");
    let work = || -> Result<NodeResult, Failure> {
        let compiled = scope.compile()?;
        let compiled_at = Utc::now();
        let context = scope.context();
        let header = node.config.str("sql_header").map_or(Value::from(()), Value::from);
        let limit = limit.map_or(Value::from(()), Value::from);
        let sql = scope.call_macro("get_show_sql", &[Value::from(&*compiled.sql), header, limit], &context)?;
        let sql = sql.to_string();
        let batches = scope.session()?.query_arrow(sql.trim())?;
        Ok(NodeResult {
            status: Status::Success,
            timing: vec![
                Timing { name: "compile", started_at, completed_at: compiled_at },
                Timing { name: "execute", started_at: compiled_at, completed_at: Utc::now() },
            ],
            execution_time: clock.elapsed().as_secs_f64(),
            compiled: Some(true),
            compiled_code: Some(sql.trim().into()),
            extra_ctes: runtime.extra_ctes(&compiled),
            relation_name: node.relation_name.clone(),
            rows: Some(Arc::new(batches)),
            ..NodeResult::skipped(NodeRef::of_node(node), None)
        })
    };
    let shown = work().map_err(|failure| failure.into_diagnostic(&scope));
    cancel.detach();
    shown
}

/// Compiles a node that is only in memory: `compile --inline`.
///
/// # Errors
/// The node did not compile.
pub fn compiled(runtime: &Arc<Runtime>, node: &Arc<Node>) -> Result<NodeResult, Box<Diagnostic>> {
    let (started_at, clock) = (Utc::now(), Instant::now());
    let scope = runtime.node(node, "MainThread");
    let compiled = scope.compile().map_err(|failure| failure.into_diagnostic(&scope))?;
    let completed_at = Utc::now();
    Ok(NodeResult {
        status: Status::Success,
        timing: vec![
            Timing { name: "compile", started_at, completed_at },
            Timing { name: "execute", started_at: completed_at, completed_at },
        ],
        execution_time: clock.elapsed().as_secs_f64(),
        compiled: Some(true),
        compiled_code: Some(compiled.sql.clone()),
        extra_ctes: runtime.extra_ctes(&compiled),
        ..NodeResult::skipped(NodeRef::of_node(node), None)
    })
}
