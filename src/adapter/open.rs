//! From a profile to an adapter.

use std::path::Path;
use std::sync::Arc;

use serde_json::{Map, Value};

use super::Adapter;
use super::duckdb::{DuckDbAdapter, DuckDbDriver};
use super::mysql::MySqlAdapter;
use crate::diag::{self, Code, Diagnostic, suggest};

/// The adapter types that a profile may name.
pub const KINDS: &[&str] = &["duckdb", "mariadb", "mysql", "mysql5"];

/// What comes from outside of the core.
#[derive(Clone, Default)]
pub struct Drivers {
    /// DuckDB lives in a Python module; a core without Python has none.
    pub duckdb: Option<Arc<dyn DuckDbDriver>>,
}

/// The adapter for a target of `profiles.yml`: `kind` is its `type`, `credentials` its other entries (with secrets).
/// Opens no connection. Relative paths of files start at `directory`, the project's root. Errors name the entry; the caller adds the place in the file.
pub fn open(
    kind: &str,
    credentials: &Map<String, Value>,
    directory: &Path,
    drivers: &Drivers,
) -> diag::Result<Arc<dyn Adapter>> {
    match kind {
        "mysql" | "mariadb" | "mysql5" => Ok(Arc::new(MySqlAdapter::new(credentials, directory, kind)?)),
        "duckdb" => match &drivers.duckdb {
            Some(driver) => Ok(Arc::new(DuckDbAdapter::new(credentials, directory, driver.clone())?)),
            None => Err(Diagnostic::error(Code::NotSupported, "DuckDB needs the Python module `duckdb`")
                .help("install it beside headwater: `pip install 'headwater[duckdb]'`")
                .boxed()),
        },
        _ => Err(unknown_kind(kind)),
    }
}

fn unknown_kind(kind: &str) -> Box<Diagnostic> {
    let known = KINDS.iter().map(|kind| format!("`{kind}`")).collect::<Vec<_>>().join(", ");
    let mut error = Diagnostic::error(Code::NotSupported, format!("there is no adapter for the type `{kind}`"))
        .note(format!("supported types: {known}"));
    if let Some(near) = suggest::nearest(kind, KINDS.iter().copied()) {
        error = error.help(format!("did you mean `type: {near}`?"));
    }
    error.boxed()
}
