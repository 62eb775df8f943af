//! `show`: some rows of what a node would give, without building it.

use std::sync::Arc;

use super::CancelToken;
use crate::compile::{Compiled, Failure, Runtime};
use crate::diag::Diagnostic;
use crate::jinja::Value;
use crate::manifest::Node;

/// The SQL of a node and the rows that it gave.
pub struct Preview {
    pub compiled: Arc<Compiled>,
    /// At least one batch, which carries the columns.
    pub batches: Vec<arrow_array::RecordBatch>,
}

/// Compiles a node and runs its query. `limit` is the number of rows; None means all.
///
/// # Errors
/// The node did not compile, or the database refused the query.
pub fn preview(
    runtime: &Arc<Runtime>,
    node: &Arc<Node>,
    limit: Option<u64>,
    cancel: &CancelToken,
) -> Result<Preview, Box<Diagnostic>> {
    let pool = runtime.pool.clone();
    cancel.attach(move || {
        let _ = pool.cancel_all();
    });
    let scope = runtime.preview(node, "MainThread");
    let work = || -> Result<Preview, Failure> {
        let compiled = scope.compile()?;
        let context = scope.context();
        let header = node.config.str("sql_header").map_or(Value::from(()), Value::from);
        let limit = limit.map_or(Value::from(()), Value::from);
        let sql = scope.call_macro("get_show_sql", &[Value::from(&*compiled.sql), header, limit], &context)?;
        let batches = scope.session()?.query_arrow(sql.to_string().trim())?;
        Ok(Preview { compiled, batches })
    };
    let shown = work().map_err(|failure| failure.into_diagnostic(&scope));
    cancel.detach();
    shown
}
