//! MySQL and MariaDB.

use serde_json::{Map, Value};

use super::{
    Adapter, Capabilities, Cell, Column, ColumnType, Connection, DbError, DbErrorKind, DbResult, Include, Relation,
    SchemaName, Swap, Upsert,
};
use crate::diag;

/// A MySQL or MariaDB server.
pub struct MySqlAdapter {
    kind: &'static str,
}

impl MySqlAdapter {
    /// Reads the target's entries; opens no connection. `kind` is `mysql` or `mariadb`.
    pub fn new(_credentials: &Map<String, Value>, kind: &str) -> diag::Result<Self> {
        Ok(Self { kind: if kind == "mariadb" { "mariadb" } else { "mysql" } })
    }
}

pub(super) fn literal(_cell: &Cell) -> String {
    String::new()
}

pub(super) fn seed_type(_column: ColumnType) -> &'static str {
    "text"
}

impl Adapter for MySqlAdapter {
    fn kind(&self) -> &str {
        self.kind
    }

    fn parents(&self) -> &[&str] {
        if self.kind == "mariadb" { &["mysql"] } else { &[] }
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            product: "MySQL".to_owned(),
            version: String::new(),
            swap: Swap::MultiRename,
            upsert: Upsert::OnDuplicateKey,
            transactional_ddl: false,
            create_or_replace_table: false,
            add_index_if_not_exists: false,
            md5: true,
            except_intersect: true,
            returning: false,
        }
    }

    fn connect(&self, _name: &str) -> DbResult<Box<dyn Connection>> {
        Err(DbError::new(DbErrorKind::Connection, "not connected"))
    }

    fn quote_char(&self) -> char {
        '`'
    }

    fn include(&self) -> Include {
        Include::TWO_PARTS
    }

    fn max_identifier(&self) -> usize {
        64
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
        super::Binding::Percent
    }

    fn case_insensitive_names(&self) -> bool {
        false
    }

    fn is_transient(&self, error: &DbError) -> bool {
        error.kind == DbErrorKind::Lock
    }
}
