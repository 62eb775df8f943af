//! Read replicas of a MySQL or MariaDB server, by their GTIDs.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use serde_json::Value;

use super::catalog::text;
use super::connection::MySqlConnection;
use super::credentials::Credentials;
use super::literal::quoted;
use super::server::Server;
use crate::adapter::credentials::Entries;
use crate::adapter::replica::Replicas;
use crate::adapter::{Cell, Connection, DbError, DbErrorKind, DbResult};
use crate::diag;

/// Where a replica is; all else is as on the target's own server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Place {
    /// None: the port of the target.
    Host(String, Option<u16>),
    Socket(String),
}

/// The entries `replicas` and `read_host`.
pub(super) fn places(entries: &Entries<'_>) -> diag::Result<Vec<Place>> {
    const EXPECTED: &str = "a list of `host`, `host:port`, or mappings with `host` and `port`, or with `unix_socket`";
    let mut places = Vec::new();
    for entry in entries.list("replicas")? {
        places.push(place(entry).ok_or_else(|| entries.wrong("replicas", EXPECTED))?);
    }
    if let Some(host) = entries.text(&["read_host"])? {
        let host = Value::String(host);
        places.push(place(&host).ok_or_else(|| entries.wrong("read_host", "`host` or `host:port`"))?);
    }
    Ok(places)
}

fn place(entry: &Value) -> Option<Place> {
    match entry {
        Value::String(text) => match text.rsplit_once(':') {
            // An address of IPv6 has colons of its own.
            Some((host, port)) if !host.contains(':') => Some(Place::Host(host.to_owned(), Some(port.parse().ok()?))),
            _ => Some(Place::Host(text.clone(), None)).filter(|_| !text.is_empty()),
        },
        Value::Object(map) => {
            let of = |name: &str| map.get(name).filter(|value| !value.is_null());
            let port = match of("port") {
                None => None,
                Some(port) => Some(port.as_u64().or_else(|| port.as_str()?.parse().ok())?.try_into().ok()?),
            };
            if map.keys().any(|key| !matches!(key.as_str(), "host" | "port" | "unix_socket")) {
                return None;
            }
            match (of("host"), of("unix_socket")) {
                (Some(host), None) => Some(Place::Host(host.as_str()?.to_owned(), port)),
                (None, Some(socket)) => Some(Place::Socket(socket.as_str()?.to_owned())),
                _ => None,
            }
        }
        _ => None,
    }
}

/// How a server counts its changes.
#[derive(Debug, Clone, Copy)]
enum Words {
    /// `gtid_executed`: sets of transactions by server (MySQL).
    Executed,
    /// `gtid_binlog_pos`: the last of each domain (MariaDB).
    BinlogPosition,
}

#[derive(Debug)]
pub(super) struct MySqlReplicas {
    servers: Vec<Arc<Server>>,
    next: AtomicUsize,
    /// Seconds that a replica may be behind.
    patience: u64,
    words: OnceLock<Words>,
}

impl MySqlReplicas {
    /// None where the target names none.
    pub fn new(credentials: &Credentials) -> Option<Self> {
        let server = |place: &Place| Arc::new(Server::for_reading(credentials.at(place)));
        let servers: Vec<_> = credentials.replicas.iter().map(server).collect();
        (!servers.is_empty()).then(|| Self {
            servers,
            next: AtomicUsize::new(0),
            patience: credentials.replica_wait,
            words: OnceLock::new(),
        })
    }

    pub fn servers(&self) -> &[Arc<Server>] {
        &self.servers
    }

    fn ask(connection: &mut dyn Connection, sql: &str) -> DbResult<Option<String>> {
        let table = connection.execute(sql, true)?.table;
        let cell = table.rows.first().and_then(|row| row.first());
        Ok(cell.and_then(|cell| text(cell).or_else(|| cell.to_text().map(|text| text.into_owned()))))
    }
}

/// A session for reading on one server.
pub(super) fn connect(server: &Arc<Server>) -> DbResult<Box<dyn Connection>> {
    let mut conn = server.open()?;
    server.set_up(&mut conn)?;
    Ok(Box::new(MySqlConnection::new(conn, server.clone())))
}

impl Replicas for MySqlReplicas {
    fn connect(&self, _name: &str) -> DbResult<Box<dyn Connection>> {
        // One that is down leaves its share to the others.
        let first = self.next.fetch_add(1, Ordering::Relaxed);
        let mut refused = None;
        for at in 0..self.servers.len() {
            match connect(&self.servers[(first + at) % self.servers.len()]) {
                Ok(connection) => return Ok(connection),
                Err(error) => _ = refused.get_or_insert(error),
            }
        }
        Err(refused.unwrap_or_else(|| DbError::new(DbErrorKind::Connection, "the target has no replicas")))
    }

    fn position(&self, primary: &mut dyn Connection) -> DbResult<Option<String>> {
        let executed = "select if(@@global.gtid_mode = 'ON', @@global.gtid_executed, '')";
        let binlog = "select @@global.gtid_binlog_pos";
        let answer = match self.words.get() {
            Some(Words::Executed) => Self::ask(primary, executed)?,
            Some(Words::BinlogPosition) => Self::ask(primary, binlog)?,
            // Only one of the two variables exists.
            None => match Self::ask(primary, executed) {
                Ok(answer) => {
                    let _ = self.words.set(Words::Executed);
                    answer
                }
                Err(_) => {
                    let answer = Self::ask(primary, binlog)?;
                    let _ = self.words.set(Words::BinlogPosition);
                    answer
                }
            },
        };
        Ok(answer.map(|text| text.replace(['\n', '\r', ' '], "")).filter(|text| !text.is_empty()))
    }

    fn catch_up(&self, replica: &mut dyn Connection, position: &str) -> DbResult<bool> {
        let (position, patience) = (quoted(position), self.patience);
        let sql = match self.words.get() {
            // 0 there waits for ever, and a moment is what is meant.
            Some(Words::Executed) => format!("select wait_for_executed_gtid_set({position}, {})", patience.max(1)),
            _ => format!("select master_gtid_wait({position}, {patience})"),
        };
        let table = replica.execute(&sql, true)?.table;
        Ok(matches!(table.rows.first().and_then(|row| row.first()), Some(Cell::Int(0) | Cell::UInt(0))))
    }

    fn refused_to_write(&self, error: &DbError) -> bool {
        // a read-only transaction; a read-only server (two ways of MySQL)
        matches!(error.code, 1792 | 1290 | 1836)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Place, place};

    #[test]
    fn places_are_written_in_several_ways() {
        let host = |name: &str, port| Some(Place::Host(name.to_owned(), port));
        assert_eq!(place(&json!("db2")), host("db2", None));
        assert_eq!(place(&json!("db2:3307")), host("db2", Some(3307)));
        assert_eq!(place(&json!("fd00::2")), host("fd00::2", None));
        assert_eq!(place(&json!({"host": "db2", "port": "3307"})), host("db2", Some(3307)));
        assert_eq!(place(&json!({"unix_socket": "/s"})), Some(Place::Socket("/s".to_owned())));
        for wrong in [json!("db2:x"), json!(""), json!({"host": "a", "user": "b"}), json!({"port": 1}), json!(3)] {
            assert_eq!(place(&wrong), None, "{wrong}");
        }
    }
}
