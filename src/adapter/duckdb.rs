//! DuckDB's dialect over a driver that is handed in (`src/py/duckdb.rs`).

mod catalog;
mod credentials;
mod error;

use std::path::Path;
use std::sync::{Arc, OnceLock};

use serde_json::{Map, Value};

pub(super) use self::catalog::{describe, indexes};
use self::credentials::{Credentials, Extension};
pub use self::error::error_from_message;
use super::doctor::{Finding, Needs};
use super::{
    Adapter, Binding, Capabilities, Cell, Column, ColumnType, Connection, DbError, DbErrorKind, DbResult, Described,
    ExistingIndex, Include, Relation, SchemaName, StatementLimit, Swap, TypeRules, Upsert,
};
use crate::diag;

/// What is assumed until the driver has told its version.
const OLDEST_VERSION: &str = "1.4.0";

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
    credentials: Credentials,
    driver: Arc<dyn DuckDbDriver>,
    version: OnceLock<String>,
}

impl DuckDbAdapter {
    /// Reads the target's entries; opens no connection. A relative `path` starts at `directory`.
    pub fn new(
        credentials: &Map<String, Value>,
        directory: &Path,
        driver: Arc<dyn DuckDbDriver>,
    ) -> diag::Result<Self> {
        Ok(Self { credentials: Credentials::new(credentials, directory)?, driver, version: OnceLock::new() })
    }
}

/// Loads an extension, and installs it only if it is not there: installing asks the network every time.
fn load(connection: &mut dyn Connection, extension: &Extension) -> DbResult<()> {
    let load = format!("load {}", quoted(&extension.name));
    if connection.execute(&load, false).is_err() {
        connection.execute(&extension.install(), false)?;
        connection.execute(&load, false)?;
    }
    Ok(())
}

/// A cell as a literal.
pub(super) fn literal(cell: &Cell) -> String {
    match cell {
        Cell::Null => "null".to_owned(),
        Cell::Bool(value) => value.to_string(),
        Cell::Int(value) => value.to_string(),
        Cell::UInt(value) => value.to_string(),
        Cell::Float(value) if !value.is_finite() => format!("'{value}'::double"),
        // The exponent makes it a double: a plain `0.1` would be a decimal.
        Cell::Float(value) => format!("{value:e}"),
        Cell::Decimal(text) => text.clone(),
        Cell::Text(text) => quoted(text),
        Cell::Bytes(bytes) => {
            let escaped: String = bytes.iter().map(|byte| format!("\\x{byte:02X}")).collect();
            format!("'{escaped}'::blob")
        }
        Cell::Date(text) => format!("date {}", quoted(text)),
        Cell::Datetime(text) => format!("timestamp {}", quoted(text)),
        Cell::Time(text) => format!("time {}", quoted(text)),
    }
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// The column type of a seed's values.
pub(super) fn seed_type(column: ColumnType) -> &'static str {
    match column {
        ColumnType::Bool => "boolean",
        ColumnType::Null | ColumnType::Int => "integer",
        ColumnType::UInt => "ubigint",
        ColumnType::Decimal(precision, 0) if precision <= 18 => "bigint",
        ColumnType::Decimal(_, 0) => "hugeint",
        ColumnType::Decimal(..) | ColumnType::Float => "double",
        ColumnType::Text => "varchar",
        ColumnType::Bytes => "blob",
        ColumnType::Date => "date",
        ColumnType::Datetime => "timestamp",
        ColumnType::Time => "time",
    }
}

const READ_ONLY_HELP: &str = "only `show`, `compile` and tests run: leave out `read_only` to build";

pub(super) const TYPES: TypeRules = TypeRules {
    boolean_is_integer: false,
    json_is_text: false,
    endless_text: true,
    decimal: (18, 3),
    second_digits: 6,
};

/// What a version of DuckDB can do.
fn capabilities(version: &str) -> Capabilities {
    let mut numbers = version.trim_start_matches('v').split('.').map(|part| part.parse::<u32>().unwrap_or(0));
    let mut next = || numbers.next().unwrap_or(0);
    Capabilities {
        product: "DuckDB".to_owned(),
        version: version.to_owned(),
        swap: Swap::Transaction,
        upsert: if (next(), next()) >= (1, 4) { Upsert::Merge } else { Upsert::None },
        transactional_ddl: true,
        transactions: true,
        create_table_as: true,
        joined_changes: false,
        spider: false,
        create_or_replace_table: true,
        create_or_replace_function: true,
        add_index_if_not_exists: false,
        md5: true,
        except_intersect: true,
        returning: true,
        named_locks: false,
        concurrent_batches: true,
        enforces_not_null: true,
        enforces_unique: true,
        enforces_primary_key: true,
        enforces_check: true,
        // DuckDB would hold them, but then no longer replaces the table that they refer to.
        enforces_foreign_key: false,
        alters_constraints: false,
        long_keys: true,
        json_type: true,
        statement_limit: StatementLimit::None,
    }
}

impl Adapter for DuckDbAdapter {
    fn kind(&self) -> &str {
        "duckdb"
    }

    fn capabilities(&self) -> Capabilities {
        capabilities(self.version.get().map_or(OLDEST_VERSION, String::as_str))
    }

    fn connect(&self, _name: &str) -> DbResult<Box<dyn Connection>> {
        let Credentials { path, read_only, settings, extensions, .. } = &self.credentials;
        if self.version.get().is_none() {
            // Another thread may have been first; both asked the same module.
            let _ = self.version.set(self.driver.version()?);
        }
        let mut connection = self.driver.open(path, *read_only, settings)?;
        for extension in extensions {
            load(connection.as_mut(), extension)?;
        }
        Ok(connection)
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
        self.credentials.visible()
    }

    fn database(&self) -> Option<String> {
        Some(self.credentials.database.clone())
    }

    fn keeps_data(&self) -> bool {
        !self.credentials.is_in_memory()
    }

    fn schema(&self) -> String {
        self.credentials.schema.clone()
    }

    fn list_relations(&self, connection: &mut dyn Connection, schemas: &[SchemaName]) -> DbResult<Vec<Relation>> {
        catalog::list_relations(connection, schemas, &self.credentials.database)
    }

    fn list_schemas(&self, connection: &mut dyn Connection, database: Option<&str>) -> DbResult<Vec<String>> {
        catalog::list_schemas(connection, database.unwrap_or(&self.credentials.database))
    }

    fn columns(&self, connection: &mut dyn Connection, relation: &Relation) -> DbResult<Vec<Column>> {
        catalog::columns(connection, relation)
    }

    fn indexes(&self, connection: &mut dyn Connection, relation: &Relation) -> DbResult<Vec<ExistingIndex>> {
        catalog::indexes(connection, relation)
    }

    fn describe(&self, connection: &mut dyn Connection, schemas: &[SchemaName]) -> DbResult<Vec<Described>> {
        catalog::describe(connection, schemas, &self.credentials.database)
    }

    fn literal(&self, cell: &Cell) -> String {
        literal(cell)
    }

    fn seed_type(&self, column: ColumnType) -> &'static str {
        seed_type(column)
    }

    fn probe(&self, connection: &mut dyn Connection, header: &str, query: &str) -> DbResult<Vec<Column>> {
        if !header.trim().is_empty() {
            connection.execute(header, false)?;
        }
        let table = connection.execute(&format!("describe\n{query}"), true)?.table;
        let text = |cell: &Cell| cell.to_text().unwrap_or_default().into_owned();
        let column = |row: &Vec<Cell>| match row.as_slice() {
            [name, kind, ..] => Some(Column::from_description(&text(name), &text(kind), '"')),
            _ => None,
        };
        Ok(table.rows.iter().filter_map(column).collect())
    }

    fn type_rules(&self) -> TypeRules {
        TYPES
    }

    fn binding(&self) -> Binding {
        Binding::Question
    }

    fn named_subqueries(&self) -> bool {
        false
    }

    fn case_insensitive_names(&self) -> bool {
        true
    }

    fn examine(&self, connection: &mut dyn Connection, _: &Needs) -> DbResult<Vec<Finding>> {
        let sql =
            "select current_setting('memory_limit'), current_setting('threads'), current_setting('temp_directory')";
        let table = connection.execute(sql, true)?.table;
        let settings: Vec<_> = table.rows.iter().flatten().map(|cell| cell.to_text().unwrap_or_default()).collect();
        let [memory, threads, spill] = settings.as_slice() else { return Ok(Vec::new()) };
        let writes = match self.credentials.read_only {
            false => Finding::fine("writes", "the file is open for writing"),
            true => Finding::warning("writes", "the file is open for reading only", READ_ONLY_HELP),
        };
        let memory = format!("{memory} of memory, {threads} threads of DuckDB's own");
        let spill = if spill.is_empty() { "nowhere".to_owned() } else { format!("to {spill}") };
        Ok(vec![writes, Finding::fine("memory", format!("{memory}; what is larger spills {spill}"))])
    }

    fn is_transient(&self, error: &DbError) -> bool {
        error.kind == DbErrorKind::Lock
    }
}

#[cfg(test)]
mod tests {
    use super::{capabilities, literal};
    use crate::adapter::{Cell, Upsert};

    #[test]
    fn literals_say_their_type() {
        assert_eq!(literal(&Cell::Text("it's".into())), "'it''s'");
        assert_eq!(literal(&Cell::Float(0.1)), "1e-1");
        assert_eq!(literal(&Cell::Date("2024-01-31".into())), "date '2024-01-31'");
        assert_eq!(literal(&Cell::Bytes(vec![0, 255])), "'\\x00\\xFF'::blob");
    }

    #[test]
    fn merge_came_with_1_4() {
        assert_eq!(capabilities("1.3.2").upsert, Upsert::None);
        assert_eq!(capabilities("v1.4.0").upsert, Upsert::Merge);
        assert_eq!(capabilities("2.0.0").upsert, Upsert::Merge);
    }
}
