//! MySQL and MariaDB, over the `mysql` driver. What they cannot both do is in [`Capabilities`]; nothing here asks for a
//! product's name.

mod catalog;
mod connection;
mod constraints;
mod credentials;
mod doctor;
mod drift;
mod encryption;
mod error;
mod journal;
mod literal;
mod locks;
mod partitions;
mod replica;
mod server;
mod swap;
mod types;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde_json::{Map, Value};

pub(super) use self::catalog::{describe, indexes};
use self::connection::MySqlConnection;
use self::credentials::Credentials;
pub(super) use self::literal::literal;
use self::replica::MySqlReplicas;
use self::server::Server;
pub(super) use self::swap::rename_all;
use super::doctor::{Finding, Needs};
use super::options::PartitionBy;
use super::partitions::{Arrival, Plan};
use super::relation::{plain_time, push_quoted};
use super::replica::Replicas;
use super::{
    Adapter, Binding, Capabilities, Cell, Column, ColumnType, Connection, Constraint, DbError, DbErrorKind, DbResult,
    Described, ExistingIndex, ForeignKey, Include, Patience, Relation, Renaming, SchemaName, StatementLimit,
    TableOptions, TypeRules,
};
use crate::diag;

/// The temporary table that tells the columns of a query.
const PROBE: &str = "__dbt_probe";
/// The longest name of a table, column or index, in characters.
const MAX_IDENTIFIER: usize = 64;
/// What `max_allowed_packet` is at least on servers of today, until one has been asked.
const SMALLEST_PACKET: usize = 1 << 20;
/// The longest comment of a table, in characters.
const LONGEST_TABLE_COMMENT: usize = 2048;
/// How often a session that is lost while it is set up is opened anew.
const SET_UP_RETRIES: u32 = 2;
/// Room in a packet beside the statement's own text: protocol bytes and the query comment.
const PACKET_RESERVE: usize = 16 << 10;
/// A statement need not be larger than this, however much the server takes.
const LARGEST_STATEMENT: usize = 16 << 20;

/// A MySQL or MariaDB server.
#[derive(Debug)]
pub struct MySqlAdapter {
    kind: &'static str,
    server: Arc<Server>,
    replicas: Option<MySqlReplicas>,
}

impl MySqlAdapter {
    /// Reads the target's entries; opens no connection. Relative paths start at `directory`. `kind` is `mysql` or
    /// `mariadb`, or `mysql5`, as dbt-mysql calls its adapter for MySQL 5.7: the same as `mysql`, but for macros of that name.
    pub fn new(credentials: &Map<String, Value>, directory: &Path, kind: &str) -> diag::Result<Self> {
        let kind = match kind {
            "mariadb" => "mariadb",
            "mysql5" => "mysql5",
            _ => "mysql",
        };
        let credentials = Credentials::new(credentials, directory, kind)?;
        let replicas = MySqlReplicas::new(&credentials);
        Ok(Self { kind, server: Arc::new(Server::new(credentials)), replicas })
    }
}

/// How a journal is kept on servers with `get_lock`.
pub(super) fn journal() -> &'static dyn super::journal::Statements {
    &journal::Statements
}

/// How the names of types are read.
pub(super) fn types(json_type: bool) -> TypeRules {
    TypeRules {
        boolean_is_integer: true,
        json_is_text: !json_type,
        endless_text: false,
        decimal: (10, 0),
        second_digits: 0,
    }
}

/// The column type of a seed's values.
pub(super) fn seed_type(column: ColumnType) -> &'static str {
    match column {
        ColumnType::Bool => "boolean",
        ColumnType::Null | ColumnType::Int => "integer",
        ColumnType::UInt => "bigint unsigned",
        ColumnType::Decimal(precision, 0) if precision <= 19 => "bigint",
        ColumnType::Decimal(_, 0) => "decimal(65,0)",
        ColumnType::Decimal(..) | ColumnType::Float => "double",
        ColumnType::Text => "text",
        ColumnType::Bytes => "longblob",
        ColumnType::Date => "date",
        // Not `timestamp`, dbt's choice: that ends in 2038, and on many servers turns a null into the current time.
        ColumnType::Datetime => "datetime",
        ColumnType::Time => "time",
    }
}

fn character_set(charset: &str, collation: Option<&str>) -> String {
    match collation {
        Some(collation) => format!("character set {charset} collate {collation}"),
        None => format!("character set {charset}"),
    }
}

/// None: the partitions are made when rows arrive.
fn partition_clause(partitions: &PartitionBy) -> Option<String> {
    Some(match partitions {
        PartitionBy::Ranges(_) => return None,
        PartitionBy::Text(text) => format!("partition by {text}"),
        PartitionBy::Hashed { method, columns, partitions } => {
            let mut names = String::new();
            for (at, column) in columns.iter().enumerate() {
                names.push_str(if at > 0 { ", " } else { "" });
                push_quoted(&mut names, column, '`');
            }
            format!("partition by {method} ({names}) partitions {partitions}")
        }
    })
}

impl Adapter for MySqlAdapter {
    fn kind(&self) -> &str {
        self.kind
    }

    fn parents(&self) -> &[&str] {
        if self.kind == "mysql" { &[] } else { &["mysql"] }
    }

    fn capabilities(&self) -> Capabilities {
        match self.server.facts() {
            Some(facts) => facts.capabilities.clone(),
            None if self.kind == "mariadb" => server::capabilities("10.11-MariaDB", ""),
            None => server::capabilities("8.0", ""),
        }
    }

    fn connect(&self, _name: &str) -> DbResult<Box<dyn Connection>> {
        let mut tried = 0;
        loop {
            let mut conn = self.server.open()?;
            match self.server.set_up(&mut conn) {
                Ok(()) => return Ok(Box::new(MySqlConnection::new(conn, self.server.clone()))),
                Err(error) if error.lost && tried < SET_UP_RETRIES => tried += 1,
                Err(error) => {
                    let address = self.server.credentials.address();
                    let message = format!("cannot set up a session on `{address}`: {error}");
                    return Err(DbError { message, kind: DbErrorKind::Connection, ..error });
                }
            }
        }
    }

    /// Without an offset: MariaDB knows none in literals, and MySQL would move the time to the session's zone.
    fn event_time(&self, at: DateTime<Utc>) -> String {
        plain_time(at)
    }

    fn quote_char(&self) -> char {
        '`'
    }

    fn include(&self) -> Include {
        Include::TWO_PARTS
    }

    fn max_identifier(&self) -> usize {
        MAX_IDENTIFIER
    }

    fn visible_credentials(&self) -> Map<String, Value> {
        self.server.credentials.visible()
    }

    fn database(&self) -> Option<String> {
        None
    }

    fn schema(&self) -> String {
        self.server.credentials.schema.clone()
    }

    fn list_relations(&self, connection: &mut dyn Connection, schemas: &[SchemaName]) -> DbResult<Vec<Relation>> {
        catalog::list_relations(connection, schemas)
    }

    fn list_schemas(&self, connection: &mut dyn Connection, _database: Option<&str>) -> DbResult<Vec<String>> {
        catalog::list_schemas(connection)
    }

    fn columns(&self, connection: &mut dyn Connection, relation: &Relation) -> DbResult<Vec<Column>> {
        catalog::columns(connection, relation)
    }

    fn indexes(&self, connection: &mut dyn Connection, relation: &Relation) -> DbResult<Vec<ExistingIndex>> {
        catalog::indexes(connection, relation)
    }

    fn describe(&self, connection: &mut dyn Connection, schemas: &[SchemaName]) -> DbResult<Vec<Described>> {
        catalog::describe(connection, schemas)
    }

    fn literal(&self, cell: &Cell) -> String {
        literal(cell)
    }

    fn seed_type(&self, column: ColumnType) -> &'static str {
        seed_type(column)
    }

    fn probe(&self, connection: &mut dyn Connection, header: &str, query: &str) -> DbResult<Vec<Column>> {
        let name = catalog::named(&self.schema(), PROBE);
        match constraints::probe(connection, &name, header, query)? {
            Some(columns) => Ok(columns),
            None => {
                let sql = format!("{header}\nselect * from (\n{query}\n) as dbt_probe where 1 = 0 limit 0");
                Ok(self.described(&connection.execute(&sql, true)?.table))
            }
        }
    }

    fn type_rules(&self) -> TypeRules {
        types(self.capabilities().json_type)
    }

    fn refuses_reference(
        &self,
        connection: &mut dyn Connection,
        parent: &Relation,
        columns: &[String],
        types: &[String],
    ) -> DbResult<Option<String>> {
        constraints::refuses_reference(connection, parent, columns, types)
    }

    fn references_to(&self, connection: &mut dyn Connection, parent: &Relation) -> DbResult<Vec<ForeignKey>> {
        constraints::references_to(connection, parent)
    }

    fn repoint(&self, key: &ForeignKey, parent: Option<&Relation>) -> Option<String> {
        Some(constraints::repoint(key, parent))
    }

    fn check_foreign_keys(&self, on: bool) -> Option<&'static str> {
        Some(if on { "set session foreign_key_checks = 1" } else { "set session foreign_key_checks = 0" })
    }

    fn constraints(&self, connection: &mut dyn Connection, table: &Relation) -> DbResult<Vec<Constraint>> {
        constraints::of_table(connection, table)
    }

    fn within(&self, select: &str, seconds: u32) -> String {
        match self.capabilities().statement_limit {
            StatementLimit::Hint => match select.strip_prefix("select ") {
                Some(rest) => format!("select /*+ max_execution_time({}) */ {rest}", seconds * 1000),
                None => select.to_owned(),
            },
            StatementLimit::SetStatement => format!("set statement max_statement_time = {seconds} for {select}"),
            StatementLimit::None => select.to_owned(),
        }
    }

    fn binding(&self) -> Binding {
        Binding::Percent
    }

    /// No charset where the server's own is the profile's: a collation of ours would then meet the databases' own in joins,
    /// which the server refuses (1267).
    fn create_table_options(&self, options: &TableOptions) -> String {
        let mut clauses = Vec::new();
        if let Some(engine) = &options.engine {
            clauses.push(format!("engine = {engine}"));
        }
        if let Some(format) = &options.row_format {
            clauses.push(format!("row_format = {format}"));
        }
        let credentials = &self.server.credentials;
        let asked = self.conversion(options);
        if !asked.is_empty() {
            clauses.push(format!("default {asked}"));
        } else if self.server.facts().is_none_or(|facts| facts.charset != credentials.charset) {
            clauses.push(format!("default {}", character_set(&credentials.charset, credentials.collation.as_deref())));
        }
        if let Some(comment) = &options.comment {
            let comment: String = comment.chars().take(LONGEST_TABLE_COMMENT).collect();
            clauses.push(format!("comment = {}", literal(&Cell::Text(comment))));
        }
        clauses.extend(options.partition_by.as_ref().and_then(partition_clause));
        clauses.join(" ")
    }

    fn conversion(&self, options: &TableOptions) -> String {
        match (options.charset(), options.collation.as_deref()) {
            (None, None) => String::new(),
            (charset, collation) => character_set(charset.unwrap_or(&self.server.credentials.charset), collation),
        }
    }

    fn makes_partitions(&self) -> bool {
        true
    }

    fn plan_partitions(&self, connection: &mut dyn Connection, arrival: &Arrival<'_>) -> DbResult<Plan> {
        partitions::plan(connection, arrival)
    }

    fn partition_drift(
        &self,
        connection: &mut dyn Connection,
        table: &Relation,
        wanted: &PartitionBy,
        column: Option<&Column>,
    ) -> DbResult<Option<String>> {
        drift::of_partitions(connection, table, wanted, column)
    }

    fn max_statement_bytes(&self) -> usize {
        let packet = self.server.facts().map_or(SMALLEST_PACKET, |facts| facts.max_allowed_packet);
        packet.min(LARGEST_STATEMENT).saturating_sub(PACKET_RESERVE)
    }

    fn case_insensitive_names(&self) -> bool {
        self.server.facts().is_some_and(|facts| facts.lower_case_table_names > 0)
    }

    fn patience(&self, sql: &str) -> Option<Patience> {
        locks::needs_a_table_alone(sql).then_some(self.server.credentials.patience)
    }

    fn ends_transaction(&self, sql: &str) -> bool {
        locks::ends_transaction(sql)
    }

    fn rename_all(&self, renames: &[(Relation, Relation)]) -> DbResult<Vec<Renaming>> {
        rename_all(renames, self.capabilities().swap)
    }

    fn examine(&self, connection: &mut dyn Connection, needs: &Needs) -> DbResult<Vec<Finding>> {
        let capabilities = self.capabilities();
        let mut findings = Vec::from_iter(doctor::dialect(self.kind, &capabilities));
        findings.extend(doctor::examine(connection, &self.server.credentials, &capabilities, needs)?);
        let replicas = self.replicas.iter().flat_map(MySqlReplicas::servers);
        findings.extend(replicas.map(doctor::replica));
        Ok(findings)
    }

    fn replicas(&self) -> Option<&dyn Replicas> {
        self.replicas.as_ref().map(|replicas| replicas as &dyn Replicas)
    }

    fn max_sessions(&self) -> Option<usize> {
        self.server.credentials.max_connections
    }

    fn is_crowded(&self, error: &DbError) -> bool {
        error::is_crowded(error.code, &error.message)
    }

    fn journal(&self) -> Option<&'static dyn super::journal::Statements> {
        let has_room = self.server.credentials.max_connections != Some(1);
        (has_room && self.capabilities().named_locks).then(journal)
    }

    fn refuses_journal(&self) -> Option<&'static str> {
        if self.server.facts().is_some_and(|facts| facts.locks_of_one_node) {
            return Some("the nodes of a Galera cluster do not share locks");
        }
        let is_alone = self.server.credentials.max_connections == Some(1) && self.capabilities().named_locks;
        is_alone.then_some("it takes a session of its own and `max_connections` of the target is 1")
    }

    fn run_patience(&self) -> Duration {
        self.server.credentials.run_patience
    }

    fn is_transient(&self, error: &DbError) -> bool {
        error.kind == DbErrorKind::Lock
    }
}
