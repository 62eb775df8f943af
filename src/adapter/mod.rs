//! Floor 3. Databases without Jinja: [`Adapter`] (what a warehouse can do, how its names are written and its catalog
//! is read), [`Connection`] (one session), [`Relation`], [`Column`], [`Table`], [`Capabilities`], the relation
//! [`cache`] and the node's [`session`].
//!
//! DuckDB's connection is handed in from outside (`src/py/duckdb.rs`): the core knows its dialect only.

mod arrow;
pub mod cache;
mod capabilities;
mod column;
mod column_type;
mod constraint;
mod credentials;
mod described;
pub mod doctor;
pub mod duckdb;
mod error;
pub mod fake;
pub mod index;
pub mod journal;
pub mod mysql;
mod naming;
mod open;
pub mod options;
pub mod partitions;
pub mod ranges;
mod relation;
pub mod replica;
pub mod seed;
pub mod session;
mod table;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};

use self::doctor::{Finding, Needs};
use self::replica::Replicas;
pub use capabilities::{Capabilities, StatementLimit, Swap, Upsert};
pub use column::Column;
pub use column_type::TypeRules;
pub use constraint::{Constraint, ConstraintKind, ForeignKey};
pub use described::{Described, DescribedColumn};
pub use error::{DbError, DbErrorKind, DbResult};
pub use index::ExistingIndex;
pub use naming::shorten;
pub use open::{Drivers, KINDS, open};
use options::PartitionBy;
pub use options::TableOptions;
use partitions::{Arrival, Plan};
pub use relation::{EventTime, Include, Relation, RelationType, push_quoted};
pub use session::Patience;
pub use table::{Cell, ColumnType, Table, TableColumn};

/// One of the statements that rename relations.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Renaming {
    pub sql: String,
    /// Takes it back, where another one follows that may fail.
    pub undo: Option<String>,
}

/// What a statement gave back.
#[derive(Debug, Clone, Default)]
pub struct QueryResult {
    /// Rows, when the statement returned any and they were asked for.
    pub table: Table,
    pub response: Response,
}

/// dbt's `adapter_response`: what the server said about a statement.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Response {
    /// For the console: `SUCCESS 42`, `OK`.
    pub message: String,
    /// The verb: `SELECT`, `INSERT`, `CREATE TABLE` …
    pub code: String,
    pub rows_affected: Option<u64>,
}

/// Stops the statement that a connection is running, from another thread.
pub trait Cancel: Send + Sync + fmt::Debug {
    /// Asks the server to stop. Idempotent; gives an error only when the server could not be told.
    fn cancel(&self) -> DbResult<()>;
}

/// One session with a server. Never shared: a worker owns it while it works on a node.
pub trait Connection: Send {
    /// Runs one statement (or, where the server allows it, several). Rows are read only if `fetch`.
    fn execute(&mut self, sql: &str, fetch: bool) -> DbResult<QueryResult>;

    /// Runs one statement with bound values (`%s` / `?` as the adapter's `binding` says); used by seeds.
    fn execute_bound(&mut self, sql: &str, values: &[Cell]) -> DbResult<QueryResult>;

    /// Rows as Arrow record batches, for `Project.query`.
    fn query_arrow(&mut self, sql: &str) -> DbResult<Vec<arrow_array::RecordBatch>>;

    fn cancel_handle(&self) -> Arc<dyn Cancel>;

    /// The longest that a statement waits for a table that others use; None: as the session was set up.
    fn limit_lock_wait(&mut self, _limit: Option<Duration>) -> DbResult<()> {
        Ok(())
    }

    /// The sessions that may hold what `sql` could not get, for people. Empty where the server does not tell.
    fn lock_holders(&mut self, _sql: &str) -> Vec<String> {
        Vec::new()
    }

    /// Makes the session as good as new for its next user: no open transaction, no temporary tables, no changed settings.
    /// An error means that it has to be given up.
    fn reset(&mut self) -> DbResult<()>;

    /// Whether the session can be used again after an error: false once the connection is lost.
    fn is_usable(&mut self) -> bool;
}

/// How a statement marks the place of a bound value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Binding {
    /// `%s`
    Percent,
    /// `?`
    Question,
}

impl Binding {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Percent => "%s",
            Self::Question => "?",
        }
    }
}

/// A warehouse: opens sessions and knows the dialect outside of macros.
pub trait Adapter: Send + Sync {
    /// `duckdb`, `mysql`, `mariadb`: dbt's adapter type, which `adapter.dispatch` looks for.
    fn kind(&self) -> &str;

    /// Types whose macros apply as well, nearest first: mariadb → mysql.
    fn parents(&self) -> &[&str] {
        &[]
    }

    /// Known once a connection has been made; before that, what this kind of server usually can.
    fn capabilities(&self) -> Capabilities;

    /// Opens a session. `name` labels it in logs.
    fn connect(&self, name: &str) -> DbResult<Box<dyn Connection>>;

    /// The quote character of identifiers: `"` or `` ` ``.
    fn quote_char(&self) -> char;

    /// Which parts of a relation's name are written (`database.schema.identifier`).
    fn include(&self) -> Include;

    /// The longest identifier, in characters.
    fn max_identifier(&self) -> usize;

    /// The profile's entries that messages, artifacts and `target` may show: never secrets.
    fn visible_credentials(&self) -> serde_json::Map<String, serde_json::Value>;

    /// `target.database` (DuckDB: the catalog's name); None where schema and database are one.
    fn database(&self) -> Option<String>;

    /// `target.schema`.
    fn schema(&self) -> String;

    /// All relations of the given schemas, for the cache, with one round trip where the server allows it.
    fn list_relations(&self, connection: &mut dyn Connection, schemas: &[SchemaName]) -> DbResult<Vec<Relation>>;

    /// The schemas that exist (names as the server spells them).
    fn list_schemas(&self, connection: &mut dyn Connection, database: Option<&str>) -> DbResult<Vec<String>>;

    /// Columns in their order. Empty when the relation does not exist.
    fn columns(&self, connection: &mut dyn Connection, relation: &Relation) -> DbResult<Vec<Column>>;

    /// The indexes that a table has, the primary key's among them where that is one.
    fn indexes(&self, connection: &mut dyn Connection, relation: &Relation) -> DbResult<Vec<ExistingIndex>>;

    /// The columns that a query would give, with the types that a table made of it would have. No row is read.
    ///
    /// `header` is SQL that has to run before the query, or empty.
    fn probe(&self, connection: &mut dyn Connection, header: &str, query: &str) -> DbResult<Vec<Column>> {
        let sql = format!("{header}\nselect * from (\n{query}\n) as dbt_probe where 1 = 0 limit 0");
        Ok(self.described(&connection.execute(&sql, true)?.table))
    }

    /// The columns of a result, with the types of seeds: the protocol tells kinds, not sizes.
    fn described(&self, table: &Table) -> Vec<Column> {
        let of_kind = |kind| match kind {
            ColumnType::Decimal(precision, scale) => format!("decimal({precision},{scale})"),
            kind => self.seed_type(kind).to_owned(),
        };
        let columns = table.columns.iter();
        columns.map(|column| Column::from_description(&column.name, &of_kind(column.kind), self.quote_char())).collect()
    }

    /// How this dialect reads the names of types.
    fn type_rules(&self) -> TypeRules;

    /// Why a foreign key to these columns cannot be declared, in words that follow "because"; None if it can.
    ///
    /// `types` are those of the columns that would refer to them.
    fn refuses_reference(
        &self,
        _connection: &mut dyn Connection,
        _parent: &Relation,
        _columns: &[String],
        _types: &[String],
    ) -> DbResult<Option<String>> {
        Ok(None)
    }

    /// The foreign keys of other tables that refer to a table.
    fn references_to(&self, _connection: &mut dyn Connection, _parent: &Relation) -> DbResult<Vec<ForeignKey>> {
        Ok(Vec::new())
    }

    /// The statement that makes a foreign key refer to another table, or drops it if there is none. None where keys cannot
    /// be changed.
    fn repoint(&self, _key: &ForeignKey, _parent: Option<&Relation>) -> Option<String> {
        None
    }

    /// The statement that says whether the session looks at foreign keys. None where it always does.
    fn check_foreign_keys(&self, _on: bool) -> Option<&'static str> {
        None
    }

    /// The keys, checks and foreign keys that a table has, and its columns that take no null.
    fn constraints(&self, _connection: &mut dyn Connection, _table: &Relation) -> DbResult<Vec<Constraint>> {
        Ok(Vec::new())
    }

    /// A select that gives up after so many seconds, where the server can do that.
    fn within(&self, select: &str, _seconds: u32) -> String {
        select.to_owned()
    }

    /// What the server's catalog knows of all tables and views of the schemas, with a fixed number of statements.
    fn describe(&self, connection: &mut dyn Connection, schemas: &[SchemaName]) -> DbResult<Vec<Described>>;

    /// How a cell is written as a literal of this dialect.
    fn literal(&self, cell: &Cell) -> String;

    /// The type that a seed's column gets, from what its values look like (dbt: `convert_type`).
    fn seed_type(&self, column: ColumnType) -> &'static str;

    /// How statements for [`Connection::execute_bound`] mark the places of values.
    fn binding(&self) -> Binding;

    /// What `create table` needs after its column list: the options, and on MySQL the profile's charset and collation. May
    /// be empty.
    fn create_table_options(&self, _options: &TableOptions) -> String {
        String::new()
    }

    /// The charset and collation that the options ask for, as `alter table … convert to` has them. Empty where they ask for
    /// none.
    fn conversion(&self, _options: &TableOptions) -> String {
        String::new()
    }

    /// Whether partitions by ranges are made when rows arrive.
    fn makes_partitions(&self) -> bool {
        false
    }

    /// What has to be done to a table's partitions before rows arrive.
    fn plan_partitions(&self, _connection: &mut dyn Connection, _arrival: &Arrival<'_>) -> DbResult<Plan> {
        Ok(Plan::Other)
    }

    /// In what a table's partitions are not the wanted ones, in words; None if they are. `column` is the one that ranges
    /// are of.
    fn partition_drift(
        &self,
        _connection: &mut dyn Connection,
        _table: &Relation,
        _wanted: &PartitionBy,
        _column: Option<&Column>,
    ) -> DbResult<Option<String>> {
        Ok(None)
    }

    /// Whether a subquery in FROM must have a name.
    fn named_subqueries(&self) -> bool {
        true
    }

    /// A point in time as the text of a literal, to be compared with a column of dates or times.
    fn event_time(&self, at: DateTime<Utc>) -> String {
        format!("{}+00:00", relation::plain_time(at))
    }

    /// The longest statement in bytes that the server takes.
    fn max_statement_bytes(&self) -> usize {
        usize::MAX
    }

    /// Whether names of relations are compared without case on this server.
    fn case_insensitive_names(&self) -> bool;

    /// Whether what is built is still there when the process has ended.
    fn keeps_data(&self) -> bool {
        true
    }

    /// How to wait with a statement that keeps others waiting behind it; None for all others.
    fn patience(&self, _sql: &str) -> Option<Patience> {
        None
    }

    /// Whether one of the statements commits what was done before it, or otherwise ends the transaction.
    fn ends_transaction(&self, _sql: &str) -> bool {
        false
    }

    /// What renames relations, in order: one statement for all where the server has such a one.
    fn rename_all(&self, _renames: &[(Relation, Relation)]) -> DbResult<Vec<Renaming>> {
        Err(DbError::new(DbErrorKind::Other, "this database cannot rename several relations at once"))
    }

    /// What else than a connection a project's runs depend on, each with what to do. Changes nothing.
    fn examine(&self, connection: &mut dyn Connection, needs: &Needs) -> DbResult<Vec<Finding>>;

    /// Servers that may be read from instead of the target's own.
    fn replicas(&self) -> Option<&dyn Replicas> {
        None
    }

    /// How many sessions there may be at once, where the target says so.
    fn max_sessions(&self) -> Option<usize> {
        None
    }

    /// Whether the server refused a connection only because it has too many already.
    fn is_crowded(&self, _error: &DbError) -> bool {
        false
    }

    /// How the journal is kept, where the server has named locks.
    fn journal(&self) -> Option<&'static dyn journal::Statements> {
        None
    }

    /// Why no journal is kept although one is wanted, in words that follow "because": people are warned of it.
    fn refuses_journal(&self) -> Option<&'static str> {
        None
    }

    /// How long a run waits for another one that is building the same relation.
    fn run_patience(&self) -> Duration {
        Duration::from_secs(600)
    }

    /// Errors after which the whole unit of work may be tried again (deadlock, lock wait).
    fn is_transient(&self, error: &DbError) -> bool;
}

/// A schema, with the database it is in where the server has that level.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SchemaName {
    pub database: Option<String>,
    pub schema: String,
}
