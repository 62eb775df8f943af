//! `show`: some rows of what a node would give, without building it.

use std::sync::Arc;

use super::CancelToken;
use crate::adapter::Table;
use crate::compile::{Compiled, Failure, Runtime};
use crate::diag::Diagnostic;
use crate::jinja::Value;
use crate::manifest::Node;

/// The SQL of a node and the rows that it gave.
pub struct Preview {
    pub compiled: Arc<Compiled>,
    pub table: Table,
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
    let scope = runtime.node(node, "MainThread");
    let work = || -> Result<Preview, Failure> {
        let compiled = scope.compile()?;
        let context = scope.context();
        let header = node.config.str("sql_header").map_or(Value::from(()), Value::from);
        let limit = limit.map_or(Value::from(()), Value::from);
        let sql = scope.call_macro("get_show_sql", &[Value::from(&*compiled.sql), header, limit], &context)?;
        let result = scope.session()?.execute(sql.to_string().trim(), true, false)?;
        Ok(Preview { compiled, table: result.table })
    };
    let shown = work().map_err(|failure| failure.into_diagnostic(&scope));
    cancel.detach();
    shown
}
