//! `docs generate`: what the database's own catalog knows.

use std::sync::Arc;

use super::CancelToken;
use crate::adapter::session::{Label, Pool};
use crate::adapter::{DbErrorKind, Described, SchemaName};
use crate::diag::{Code, Diagnostic, Result};

/// All tables and views of the schemas, over one connection.
///
/// # Errors
/// The database cannot be reached, refuses, or was told to stop.
pub fn describe(pool: &Arc<Pool>, schemas: &[SchemaName], cancel: &CancelToken) -> Result<Vec<Described>> {
    let running = pool.clone();
    cancel.attach(move || {
        let _ = running.cancel_all();
    });
    let described =
        pool.session(Label { name: "catalog".to_owned(), reads: true, ..Label::default() }).describe(schemas);
    cancel.detach();
    described.map_err(|error| {
        let code = match error.kind {
            DbErrorKind::Cancelled => Code::Cancelled,
            DbErrorKind::Connection => Code::Connection,
            _ => Code::Database,
        };
        let message = format!("the catalog of the database cannot be read: {}", error.message);
        Diagnostic::error(code, message).boxed()
    })
}
