//! A scripted warehouse for tests: answers by pattern, and remembers every statement.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, Utc};
use serde_json::{Map, Value};

use super::doctor::{Finding, Needs};
use super::{
    Adapter, Cancel, Capabilities, Cell, Column, ColumnType, Connection, DbError, DbResult, Described, ExistingIndex,
    Include, QueryResult, Relation, RelationType, Renaming, Response, SchemaName, StatementLimit, Swap, Table,
    TableColumn, Upsert,
};

type Give = dyn Fn(&[String]) -> DbResult<QueryResult> + Send + Sync;

/// What a statement that contains the pattern gives, from the statements so far.
struct Answer {
    pattern: String,
    give: Arc<Give>,
    /// The next such statement gets the next answer.
    once: bool,
}

#[derive(Default)]
struct Script {
    answers: Vec<Answer>,
    relations: Vec<Relation>,
    columns: Vec<(String, Vec<Column>)>,
    statements: Vec<String>,
    connections: usize,
    journal: bool,
    max_sessions: Option<usize>,
}

impl Relation {
    /// A table of MySQL.
    pub fn table(schema: &str, identifier: &str) -> Self {
        Self {
            database: None,
            schema: Some(schema.to_owned()),
            identifier: Some(identifier.to_owned()),
            kind: Some(RelationType::Table),
            include: Include::TWO_PARTS,
            quote: Include::ALL,
            quote_char: '`',
            limit: None,
            event_time: None,
        }
    }
}

/// An [`Adapter`] without a server, with the dialect of MySQL or DuckDB. Statements without a scripted answer succeed.
#[derive(Clone)]
pub struct FakeAdapter {
    kind: &'static str,
    script: Arc<Mutex<Script>>,
}

impl FakeAdapter {
    /// Behaves like MySQL: two-part names, backticks, no transactional DDL.
    pub fn mysql() -> Self {
        Self { kind: "mysql", script: Arc::default() }
    }

    /// Behaves like DuckDB: three-part names, double quotes, transactional DDL.
    pub fn duckdb() -> Self {
        Self { kind: "duckdb", script: Arc::default() }
    }

    /// Statements that contain `pattern` (case-insensitive) give this; earlier answers win.
    #[must_use]
    pub fn answer(self, pattern: &str, result: QueryResult) -> Self {
        self.push(pattern, false, move |_| Ok(result.clone()))
    }

    /// The first statement that contains `pattern`, and has no answer yet, gives what is made of all statements so far.
    #[must_use]
    pub fn once(
        self,
        pattern: &str,
        give: impl Fn(&[String]) -> DbResult<QueryResult> + Send + Sync + 'static,
    ) -> Self {
        self.push(pattern, true, give)
    }

    fn push(
        self,
        pattern: &str,
        once: bool,
        give: impl Fn(&[String]) -> DbResult<QueryResult> + Send + Sync + 'static,
    ) -> Self {
        self.script().answers.push(Answer { pattern: pattern.to_lowercase(), give: Arc::new(give), once });
        self
    }

    /// Has named locks: nobody else holds any, unless an answer says otherwise.
    #[must_use]
    pub fn with_journal(self) -> Self {
        self.script().journal = true;
        self
    }

    #[must_use]
    pub fn with_max_sessions(self, most: usize) -> Self {
        self.script().max_sessions = Some(most);
        self
    }

    /// Statements that contain `pattern` give this one table.
    #[must_use]
    pub fn rows(self, pattern: &str, columns: &[(&str, ColumnType)], rows: Vec<Vec<Cell>>) -> Self {
        let columns =
            columns.iter().map(|(name, kind)| TableColumn { name: (*name).to_owned(), kind: *kind }).collect();
        let table = Table { columns, rows };
        self.answer(
            pattern,
            QueryResult { table, response: Response { message: "OK".to_owned(), ..Response::default() } },
        )
    }

    #[must_use]
    pub fn fail(self, pattern: &str, error: DbError) -> Self {
        self.push(pattern, false, move |_| Err(error.clone()))
    }

    /// A relation that the catalog knows.
    #[must_use]
    pub fn relation(self, relation: Relation) -> Self {
        self.script().relations.push(relation);
        self
    }

    /// The columns of every relation with this identifier.
    #[must_use]
    pub fn columns_of(self, identifier: &str, columns: Vec<Column>) -> Self {
        self.script().columns.push((identifier.to_owned(), columns));
        self
    }

    /// Every statement so far, as it was sent.
    pub fn statements(&self) -> Vec<String> {
        self.script().statements.clone()
    }

    /// How many connections were opened.
    pub fn connections(&self) -> usize {
        self.script().connections
    }

    fn script(&self) -> MutexGuard<'_, Script> {
        self.script.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_duckdb(&self) -> bool {
        self.kind == "duckdb"
    }
}

impl Adapter for FakeAdapter {
    fn kind(&self) -> &str {
        self.kind
    }

    fn capabilities(&self) -> Capabilities {
        let duckdb = self.is_duckdb();
        Capabilities {
            product: "Fake".to_owned(),
            version: "1.0".to_owned(),
            swap: if duckdb { Swap::Transaction } else { Swap::MultiRename },
            upsert: if duckdb { Upsert::Merge } else { Upsert::OnDuplicateKey },
            transactional_ddl: duckdb,
            transactions: true,
            create_table_as: true,
            joined_changes: !duckdb,
            spider: false,
            create_or_replace_table: duckdb,
            create_or_replace_function: duckdb,
            add_index_if_not_exists: false,
            md5: true,
            except_intersect: true,
            returning: duckdb,
            concurrent_batches: true,
            enforces_not_null: true,
            enforces_unique: true,
            enforces_primary_key: true,
            enforces_check: true,
            enforces_foreign_key: !duckdb,
            alters_constraints: !duckdb,
            long_keys: duckdb,
            json_type: true,
            statement_limit: StatementLimit::None,
            named_locks: false,
        }
    }

    fn connect(&self, _name: &str) -> DbResult<Box<dyn Connection>> {
        self.script().connections += 1;
        Ok(Box::new(FakeConnection { adapter: self.clone(), lost: false }))
    }

    fn quote_char(&self) -> char {
        if self.is_duckdb() { '"' } else { '`' }
    }

    fn include(&self) -> Include {
        if self.is_duckdb() { Include::ALL } else { Include::TWO_PARTS }
    }

    fn max_identifier(&self) -> usize {
        64
    }

    fn visible_credentials(&self) -> Map<String, Value> {
        Map::new()
    }

    fn database(&self) -> Option<String> {
        self.is_duckdb().then(|| "fake".to_owned())
    }

    fn schema(&self) -> String {
        "main".to_owned()
    }

    fn list_relations(&self, _: &mut dyn Connection, schemas: &[SchemaName]) -> DbResult<Vec<Relation>> {
        let listed = |relation: &&Relation| schemas.iter().any(|name| Some(&name.schema) == relation.schema.as_ref());
        Ok(self.script().relations.iter().filter(listed).cloned().collect())
    }

    fn list_schemas(&self, _: &mut dyn Connection, _database: Option<&str>) -> DbResult<Vec<String>> {
        let mut schemas: Vec<_> =
            self.script().relations.iter().filter_map(|relation| relation.schema.clone()).collect();
        schemas.push(self.schema());
        schemas.sort_unstable();
        schemas.dedup();
        Ok(schemas)
    }

    fn columns(&self, _: &mut dyn Connection, relation: &Relation) -> DbResult<Vec<Column>> {
        let script = self.script();
        let found = script.columns.iter().find(|(identifier, _)| Some(identifier) == relation.identifier.as_ref());
        Ok(found.map(|(_, columns)| columns.clone()).unwrap_or_default())
    }

    fn indexes(&self, connection: &mut dyn Connection, relation: &Relation) -> DbResult<Vec<ExistingIndex>> {
        match self.is_duckdb() {
            true => super::duckdb::indexes(connection, relation),
            false => super::mysql::indexes(connection, relation),
        }
    }

    /// As MySQL or DuckDB reads its catalog: the statements' answers are scripted.
    fn describe(&self, connection: &mut dyn Connection, schemas: &[SchemaName]) -> DbResult<Vec<Described>> {
        match self.database() {
            Some(database) => super::duckdb::describe(connection, schemas, &database),
            None => super::mysql::describe(connection, schemas),
        }
    }

    fn literal(&self, cell: &Cell) -> String {
        if self.is_duckdb() { super::duckdb::literal(cell) } else { super::mysql::literal(cell) }
    }

    fn seed_type(&self, column: ColumnType) -> &'static str {
        if self.is_duckdb() { super::duckdb::seed_type(column) } else { super::mysql::seed_type(column) }
    }

    fn type_rules(&self) -> super::TypeRules {
        if self.is_duckdb() { super::duckdb::TYPES } else { super::mysql::types(true) }
    }

    fn binding(&self) -> super::Binding {
        super::Binding::Percent
    }

    fn named_subqueries(&self) -> bool {
        !self.is_duckdb()
    }

    fn event_time(&self, at: DateTime<Utc>) -> String {
        super::relation::plain_time(at)
    }

    fn case_insensitive_names(&self) -> bool {
        self.is_duckdb()
    }

    fn rename_all(&self, renames: &[(Relation, Relation)]) -> DbResult<Vec<Renaming>> {
        super::mysql::rename_all(renames, self.capabilities().swap)
    }

    fn examine(&self, _: &mut dyn Connection, _: &Needs) -> DbResult<Vec<Finding>> {
        Ok(Vec::new())
    }

    fn max_sessions(&self) -> Option<usize> {
        self.script().max_sessions
    }

    fn journal(&self) -> Option<&'static dyn super::journal::Statements> {
        let script = self.script();
        (script.journal && script.max_sessions != Some(1)).then(super::mysql::journal)
    }

    fn is_transient(&self, error: &DbError) -> bool {
        error.kind == super::DbErrorKind::Lock
    }
}

struct FakeConnection {
    adapter: FakeAdapter,
    lost: bool,
}

impl Connection for FakeConnection {
    fn execute(&mut self, sql: &str, _fetch: bool) -> DbResult<QueryResult> {
        let mut script = self.adapter.script();
        script.statements.push(sql.to_owned());
        let folded = sql.to_lowercase();
        let found = script.answers.iter().position(|answer| folded.contains(&answer.pattern));
        let give = found.map(|at| match script.answers[at].once {
            true => script.answers.remove(at).give,
            false => script.answers[at].give.clone(),
        });
        let outcome = match give {
            Some(give) => give(&script.statements),
            None => Ok(QueryResult {
                table: if script.journal { free_lock(&folded) } else { Table::default() },
                response: Response { message: "OK".to_owned(), code: "OK".to_owned(), rows_affected: None },
            }),
        };
        self.lost |= matches!(&outcome, Err(error) if error.lost);
        outcome
    }

    fn execute_bound(&mut self, sql: &str, _values: &[Cell]) -> DbResult<QueryResult> {
        self.execute(sql, false)
    }

    fn query_arrow(&mut self, sql: &str) -> DbResult<Vec<arrow_array::RecordBatch>> {
        Ok(vec![self.execute(sql, true)?.table.to_arrow()?])
    }

    fn cancel_handle(&self) -> Arc<dyn Cancel> {
        Arc::new(NothingToCancel)
    }

    fn reset(&mut self) -> DbResult<()> {
        Ok(())
    }

    fn is_usable(&mut self) -> bool {
        !self.lost
    }
}

/// A lock that nobody else has, and never had.
fn free_lock(sql: &str) -> Table {
    let number = |number: i64| Cell::Int(number);
    let row = match sql {
        sql if sql.contains("get_lock(concat") => vec![number(1), Cell::Text("2026-01-01 00:00:00".into()), number(1)],
        sql if sql.contains("; insert into") && sql.contains("get_lock(") => {
            [vec![number(1); 3], vec![Cell::Null; 5], vec![number(0), Cell::Null]].concat()
        }
        sql if sql.contains("get_lock(") => vec![number(1), number(1)],
        _ => return Table::default(),
    };
    Table { columns: Vec::new(), rows: vec![row] }
}

#[derive(Debug)]
struct NothingToCancel;

impl Cancel for NothingToCancel {
    fn cancel(&self) -> DbResult<()> {
        Ok(())
    }
}
