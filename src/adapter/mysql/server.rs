//! One server: how sessions on it are opened and set up, and what it can do.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use mysql::prelude::Queryable;
use mysql::{Conn, DriverError, Error, Row};

use super::credentials::Credentials;
use super::encryption::Tls;
use super::error::{connect_error, statement_error, unknown_plugin};
use super::literal::quoted;
use crate::adapter::relation::push_quoted;
use crate::adapter::{Capabilities, DbError, DbErrorKind, DbResult, StatementLimit, Swap, Upsert};

const UNKNOWN_DATABASE: u16 = 1049;
/// Before the first retry of a connection; doubled for each further one, up to [`LONGEST_PAUSE`] times as long.
const RETRY_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: u32 = 40;

/// Modes without which a wrong value is stored as another one with a mere warning. The server's own modes stay, among them
/// `ONLY_FULL_GROUP_BY`: MariaDB leaves it off, since its check knows no functional dependence.
const STRICT_MODES: &str = "STRICT_TRANS_TABLES,STRICT_ALL_TABLES,NO_ZERO_IN_DATE,NO_ZERO_DATE,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION";

/// What the server said about itself when the first session was set up.
#[derive(Debug, Clone)]
pub(super) struct Facts {
    pub capabilities: Capabilities,
    pub max_allowed_packet: usize,
    /// 0: names of tables are compared with case.
    pub lower_case_table_names: u8,
    /// `character_set_server`.
    pub charset: String,
}

#[derive(Debug)]
pub(super) struct Server {
    pub credentials: Credentials,
    set_up: String,
    facts: OnceLock<Facts>,
    /// Found out with the first connection, so that the others do not try.
    without_tls: AtomicBool,
}

/// Why there is no connection.
struct Unopened {
    error: DbError,
    /// It may be there a moment later.
    passes: bool,
}

impl Server {
    pub fn new(credentials: Credentials) -> Self {
        let set_up = set_up_script(&credentials);
        Self { credentials, set_up, facts: OnceLock::new(), without_tls: AtomicBool::new(false) }
    }

    /// Sessions here cannot write, whoever the user is: a replica that is written to stops following.
    pub fn for_reading(credentials: Credentials) -> Self {
        let mut server = Self::new(credentials);
        server.set_up.insert_str(0, "set session transaction read only; ");
        server
    }

    pub fn facts(&self) -> Option<&Facts> {
        self.facts.get()
    }

    /// A bare connection, not set up. What may pass soon (a server that starts, a full backlog) is tried again; if it does
    /// not pass, the first error is told, which is nearest to the cause.
    pub fn open(&self) -> DbResult<Conn> {
        let mut first = None;
        for attempt in 0..=self.credentials.retries {
            if attempt > 0 {
                thread::sleep(RETRY_PAUSE * 2u32.saturating_pow(attempt - 1).min(LONGEST_PAUSE));
            }
            match self.open_once() {
                Ok(conn) => return Ok(conn),
                Err(unopened) => {
                    let Unopened { error, passes } = *unopened;
                    let told = first.get_or_insert(error);
                    if !passes {
                        return Err(told.clone());
                    }
                }
            }
        }
        Err(first.unwrap_or_else(|| DbError::new(DbErrorKind::Connection, "no connection was tried")))
    }

    fn open_once(&self) -> Result<Conn, Box<Unopened>> {
        let credentials = &self.credentials;
        let wanted = if self.without_tls.load(Ordering::Relaxed) { Tls::Disabled } else { credentials.encryption.mode };
        let opened = match self.within(wanted)? {
            Err(Error::DriverError(DriverError::TlsNotSupported)) if wanted == Tls::Preferred => {
                self.without_tls.store(true, Ordering::Relaxed);
                self.within(Tls::Disabled)?
            }
            opened => opened,
        };
        opened.map_err(|error| {
            let passes = matches!(
                error,
                Error::IoError(_) | Error::DriverError(DriverError::CouldNotConnect(_) | DriverError::ConnectTimeout)
            );
            Unopened { error: connect_error(error, credentials), passes }.into()
        })
    }

    /// The driver's time-out ends with the TCP connection. A server, or a proxy before it, that never says a word must not
    /// be waited for any longer, so the login has a thread that can be left behind.
    fn within(&self, tls: Tls) -> Result<mysql::Result<Conn>, Box<Unopened>> {
        let (sender, receiver) = mpsc::sync_channel(1);
        let options = self.credentials.options(tls);
        let login = thread::Builder::new().name("login".to_owned()).spawn(move || {
            // Nobody listens any more once the time is up.
            let _ = sender.send(Conn::new(options));
        });
        let credentials = &self.credentials;
        if let Err(error) = login {
            return Ok(Err(Error::IoError(error)));
        }
        receiver.recv_timeout(credentials.connect_timeout).map_err(|error| match error {
            RecvTimeoutError::Disconnected => Unopened { error: unknown_plugin(credentials), passes: false }.into(),
            RecvTimeoutError::Timeout => {
                let (address, seconds) = (credentials.address(), credentials.connect_timeout.as_secs());
                let message = format!("cannot connect to `{address}`: no answer within {seconds} s");
                let help = "is it a MySQL or MariaDB server, and is a firewall or proxy in between? `connect_timeout` sets the time";
                let error = DbError { help: Some(help.to_owned()), ..DbError::new(DbErrorKind::Connection, message) };
                Unopened { error, passes: true }.into()
            }
        })
    }

    /// Makes a fresh or reset session ours, in one round trip. The default database may not exist yet: `create schema` is
    /// one of the things that sessions are for.
    pub fn set_up(&self, conn: &mut Conn) -> DbResult<()> {
        let facts = self.send_set_up(conn)?;
        if self.facts.get().is_none() {
            let mut capabilities = probe_md5(facts.capabilities, conn)?;
            for (name, value) in &self.credentials.capabilities {
                capabilities.set(name, value);
            }
            let facts = Facts { capabilities, ..facts };
            // Another thread may have been first; both asked the same server.
            let _ = self.facts.set(facts);
        }
        Ok(())
    }

    fn send_set_up(&self, conn: &mut Conn) -> DbResult<Facts> {
        let mut result = conn.query_iter(&self.set_up).map_err(statement_error)?;
        let mut facts = None;
        while let Some(set) = result.iter() {
            for row in set {
                match row {
                    Ok(row) => facts = Some(row),
                    Err(Error::MySqlError(error)) if error.code == UNKNOWN_DATABASE => {}
                    Err(error) => return Err(statement_error(error)),
                }
            }
        }
        facts
            .and_then(read_facts)
            .ok_or_else(|| DbError::new(DbErrorKind::Connection, "the server did not say what it is"))
    }
}

/// `use` comes last: when the database does not exist, everything else has been done.
fn set_up_script(credentials: &Credentials) -> String {
    let collate = credentials.collation.as_ref().map(|name| format!(" collate {name}")).unwrap_or_default();
    let sql_mode = match &credentials.sql_mode {
        Some(modes) => quoted(modes),
        None => format!(
            "concat(replace(@@session.sql_mode, 'NO_BACKSLASH_ESCAPES', 'STRICT_TRANS_TABLES'), ',{STRICT_MODES}')"
        ),
    };
    let mut script = format!(
        "set session transaction isolation level read committed; \
         set names {charset}{collate}, session sql_mode = {sql_mode}, session lock_wait_timeout = {lock_wait}, autocommit = 1; \
         select version(), @@version_comment, @@max_allowed_packet, @@lower_case_table_names, @@character_set_server; use ",
        charset = credentials.charset,
        lock_wait = credentials.lock_wait_timeout,
    );
    push_quoted(&mut script, &credentials.schema, '`');
    script
}

fn read_facts(row: Row) -> Option<Facts> {
    let (version, comment, max_allowed_packet, lower_case_table_names, charset) =
        mysql::from_row_opt::<(String, String, usize, u8, String)>(row).ok()?;
    Some(Facts { capabilities: capabilities(&version, &comment), max_allowed_packet, lower_case_table_names, charset })
}

/// What a server can do by its version. `comment` tells relatives of MySQL apart for people.
pub(super) fn capabilities(version: &str, comment: &str) -> Capabilities {
    let mariadb = version.contains("MariaDB") || comment.to_lowercase().contains("mariadb");
    let mut numbers = version.split(['.', '-']).map(|part| part.parse::<u32>().unwrap_or(0));
    let mut next = || numbers.next().unwrap_or(0);
    let number = (next(), next(), next());
    Capabilities {
        product: if mariadb { "MariaDB" } else { "MySQL" }.to_owned(),
        version: version.to_owned(),
        swap: Swap::MultiRename,
        upsert: Upsert::OnDuplicateKey,
        transactional_ddl: false,
        create_or_replace_table: mariadb,
        create_or_replace_function: mariadb,
        add_index_if_not_exists: mariadb,
        md5: mariadb || number < (9, 6, 0),
        except_intersect: if mariadb { number >= (10, 3, 0) } else { number >= (8, 0, 31) },
        returning: mariadb && number >= (10, 5, 0),
        concurrent_batches: true,
        enforces_not_null: true,
        enforces_unique: true,
        enforces_primary_key: true,
        enforces_check: if mariadb { number >= (10, 2, 1) } else { number >= (8, 0, 16) },
        enforces_foreign_key: true,
        alters_constraints: true,
        long_keys: false,
        json_type: !mariadb,
        statement_limit: if mariadb { StatementLimit::SetStatement } else { StatementLimit::Hint },
    }
}

/// Where `md5()` moved to a component, only asking tells whether that is installed.
fn probe_md5(capabilities: Capabilities, conn: &mut Conn) -> DbResult<Capabilities> {
    if capabilities.md5 {
        return Ok(capabilities);
    }
    match conn.query_drop("select md5('')") {
        Ok(()) => Ok(Capabilities { md5: true, ..capabilities }),
        Err(Error::MySqlError(_)) => Ok(capabilities),
        Err(error) => Err(statement_error(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::capabilities;

    #[test]
    fn versions_tell_what_a_server_can() {
        let mariadb = capabilities("10.11.19-MariaDB-0+deb12u1", "Debian 12");
        assert!(mariadb.create_or_replace_table && mariadb.md5 && mariadb.returning);
        assert_eq!(mariadb.product, "MariaDB");
        let mysql = capabilities("9.7.4", "MySQL Community Server - GPL");
        assert!(!mysql.create_or_replace_table && !mysql.md5 && mysql.except_intersect);
        assert!(!capabilities("8.0.30", "").except_intersect && capabilities("8.0.30", "").md5);
    }
}
