//! DuckDB's dialect over a driver that is handed in (`src/py/duckdb.rs`).

use std::sync::Arc;

use serde_json::{Map, Value};

use super::{
    Adapter, Capabilities, Cell, Column, ColumnType, Connection, DbError, DbErrorKind, DbResult, Include, Relation,
    SchemaName, Swap, Upsert,
};
use crate::diag;

/// Opens sessions on DuckDB databases. All sessions of one `path` share one database handle, so that they see each other's
/// tables and the file is opened once per process.
pub trait DuckDbDriver: Send + Sync {
    /// A session on the database file at `path` (`:memory:` for none). `settings` are applied with `set` to the session.
    fn open(&self, path: &str, read_only: bool, settings: &Map<String, Value>) -> DbResult<Box<dyn Connection>>;

    /// The version of DuckDB: `1.4.5`.
    fn version(&self) -> DbResult<String>;
}

/// A DuckDB database.
pub struct DuckDbAdapter {
    driver: Arc<dyn DuckDbDriver>,
}

impl DuckDbAdapter {
    /// Reads the target's entries; opens no connection.
    pub fn new(_credentials: &Map<String, Value>, driver: Arc<dyn DuckDbDriver>) -> diag::Result<Self> {
        Ok(Self { driver })
    }
}

/// The error that DuckDB meant by a message: its class is the message's prefix (`Catalog Error:`).
pub fn error_from_message(message: &str) -> DbError {
    DbError::new(DbErrorKind::Other, message)
}

pub(super) fn literal(_cell: &Cell) -> String {
    String::new()
}

pub(super) fn seed_type(_column: ColumnType) -> &'static str {
    "varchar"
}

impl Adapter for DuckDbAdapter {
    fn kind(&self) -> &str {
        "duckdb"
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            product: "DuckDB".to_owned(),
            version: String::new(),
            swap: Swap::Transaction,
            upsert: Upsert::Merge,
            transactional_ddl: true,
            create_or_replace_table: true,
            add_index_if_not_exists: false,
            md5: true,
            except_intersect: true,
            returning: true,
        }
    }

    fn connect(&self, _name: &str) -> DbResult<Box<dyn Connection>> {
        self.driver.open(":memory:", false, &Map::new())
    }

    fn quote_char(&self) -> char {
        '"'
    }

    fn include(&self) -> Include {
        Include::ALL
    }

    fn max_identifier(&self) -> usize {
        usize::MAX
    }

    fn visible_credentials(&self) -> Map<String, Value> {
        Map::new()
    }

    fn database(&self) -> Option<String> {
        None
    }

    fn schema(&self) -> String {
        String::new()
    }

    fn list_relations(&self, _: &mut dyn Connection, _: &[SchemaName]) -> DbResult<Vec<Relation>> {
        Ok(Vec::new())
    }

    fn list_schemas(&self, _: &mut dyn Connection, _: Option<&str>) -> DbResult<Vec<String>> {
        Ok(Vec::new())
    }

    fn columns(&self, _: &mut dyn Connection, _: &Relation) -> DbResult<Vec<Column>> {
        Ok(Vec::new())
    }

    fn literal(&self, cell: &Cell) -> String {
        literal(cell)
    }

    fn seed_type(&self, column: ColumnType) -> &'static str {
        seed_type(column)
    }

    fn binding(&self) -> super::Binding {
        super::Binding::Question
    }

    fn case_insensitive_names(&self) -> bool {
        true
    }

    fn is_transient(&self, error: &DbError) -> bool {
        error.kind == DbErrorKind::Lock
    }
}
