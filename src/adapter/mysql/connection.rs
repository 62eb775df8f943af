//! One session over the driver.

use std::sync::Arc;
use std::time::Duration;

use arrow_array::RecordBatch;
use mysql::Conn;
use mysql::prelude::Queryable;

use super::error::{connect_error, is_lost, statement_error};
use super::literal::bind;
use super::locks;
use super::server::Server;
use super::types::{self, Decoder};
use crate::adapter::{Cancel, Cell, Connection, DbError, DbErrorKind, DbResult, QueryResult, Response, Table};
use crate::sql;

/// A session, set up as every session of its [`Server`] is.
pub(super) struct MySqlConnection {
    conn: Conn,
    server: Arc<Server>,
    lost: bool,
}

impl MySqlConnection {
    pub fn new(conn: Conn, server: Arc<Server>) -> Self {
        Self { conn, server, lost: false }
    }

    /// Runs all statements of the text; the result is that of the last one, with the rows of the last one that had any.
    fn run(&mut self, sql: &str, fetch: bool) -> Result<QueryResult, (mysql::Error, usize)> {
        let mut index = 0;
        let mut result = self.conn.query_iter(sql).map_err(|error| (error, index))?;
        let mut table = Table::default();
        let mut affected = 0;
        while let Some(mut set) = result.iter() {
            // Read before the rows: it belongs to this set, and an error of a later statement waits inside the iterator.
            affected = set.affected_rows();
            let columns = set.columns();
            let columns = columns.as_ref();
            let (decoders, has_rows) = (columns.iter().map(Decoder::new).collect::<Vec<_>>(), !columns.is_empty());
            let header = if fetch { columns.iter().map(types::column).collect() } else { Vec::new() };
            let mut rows = Vec::new();
            let mut count = 0;
            for row in set.by_ref() {
                let row = row.map_err(|error| (error, index))?;
                count += 1;
                if fetch {
                    rows.push(
                        row.unwrap().into_iter().zip(&decoders).map(|(value, decoder)| decoder.cell(value)).collect(),
                    );
                }
            }
            if has_rows {
                affected = count;
                if fetch {
                    table = Table { columns: header, rows };
                }
            }
            index += 1;
        }
        let message = format!("SUCCESS {affected}");
        Ok(QueryResult {
            table,
            response: Response { message, code: "SUCCESS".to_owned(), rows_affected: Some(affected) },
        })
    }

    /// The server ends the session of a client that sends more than it takes, so that is not tried.
    fn check_size(&self, sql: &str) -> DbResult<()> {
        match self.server.facts() {
            Some(facts) if sql.len() >= facts.max_allowed_packet => {
                let (size, limit) = (sql.len(), facts.max_allowed_packet);
                let message =
                    format!("the statement has {size} bytes, but the server's `max_allowed_packet` is {limit}");
                Err(DbError::new(DbErrorKind::Other, message))
            }
            _ => Ok(()),
        }
    }

    fn failed(&mut self, error: mysql::Error, sql: &str, index: usize) -> DbError {
        self.lost |= is_lost(&error);
        let mut error = statement_error(error);
        error.position = u16::try_from(index).unwrap_or(u16::MAX);
        if let Some(line) = error.line {
            error.line = Some(line + lines_before(sql, index));
        }
        error
    }
}

/// The server counts lines from the start of the failed statement: how many lines of the text precede it.
fn lines_before(sql: &str, index: usize) -> usize {
    let statements = sql::split_statements(sql, "mysql");
    let start = statements.get(index).filter(|_| index > 0).map_or(0, |range| range.start);
    memchr::memchr_iter(b'\n', &sql.as_bytes()[..start]).count()
}

impl Connection for MySqlConnection {
    fn execute(&mut self, sql: &str, fetch: bool) -> DbResult<QueryResult> {
        self.check_size(sql)?;
        self.run(sql, fetch).map_err(|(error, index)| self.failed(error, sql, index))
    }

    fn execute_bound(&mut self, sql: &str, values: &[Cell]) -> DbResult<QueryResult> {
        self.execute(&bind(sql, values)?, false)
    }

    fn query_arrow(&mut self, sql: &str) -> DbResult<Vec<RecordBatch>> {
        Ok(vec![self.execute(sql, true)?.table.to_arrow()?])
    }

    fn cancel_handle(&self) -> Arc<dyn Cancel> {
        Arc::new(KillQuery { server: self.server.clone(), connection: self.conn.connection_id() })
    }

    fn limit_lock_wait(&mut self, limit: Option<Duration>) -> DbResult<()> {
        let seconds = limit.map_or(self.server.credentials.lock_wait_timeout, |limit| limit.as_secs().max(1));
        let sql = format!("set session lock_wait_timeout = {seconds}");
        self.conn.query_drop(&sql).map_err(|error| self.failed(error, &sql, 0))
    }

    fn lock_holders(&mut self, sql: &str) -> Vec<String> {
        locks::holders(&mut self.conn, sql)
    }

    fn reset(&mut self) -> DbResult<()> {
        self.conn.reset().map_err(statement_error)?;
        self.server.set_up(&mut self.conn)?;
        Ok(())
    }

    fn is_usable(&mut self) -> bool {
        !self.lost
    }
}

/// Stops a statement through a second connection.
#[derive(Debug)]
struct KillQuery {
    server: Arc<Server>,
    connection: u32,
}

impl Cancel for KillQuery {
    fn cancel(&self) -> DbResult<()> {
        // MySQL's code for a thread that is not there (any more).
        const NO_SUCH_THREAD: u16 = 1094;
        let mut side = self.server.open()?;
        match side.query_drop(format!("kill query {}", self.connection)) {
            Err(mysql::Error::MySqlError(error)) if error.code == NO_SUCH_THREAD => Ok(()),
            Err(error) => Err(connect_error(error, &self.server.credentials)),
            Ok(()) => Ok(()),
        }
    }
}
