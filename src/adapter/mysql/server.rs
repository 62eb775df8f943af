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
/// The major version since which MySQL has common table expressions.
const FIRST_WITH_CTES: u32 = 8;
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
    /// A node of a Galera cluster, whose named locks the others do not see; the target does not say that runs share them.
    pub locks_of_one_node: bool,
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
            check_ctes(&facts.capabilities, conn)?;
            let mut capabilities = probe_spider(probe_md5(facts.capabilities, conn)?, conn)?;
            let said = &self.credentials.capabilities;
            let locks_of_one_node =
                capabilities.named_locks && !said.contains_key("named_locks") && is_galera_node(conn)?;
            capabilities.named_locks &= !locks_of_one_node;
            for (name, value) in said {
                capabilities.set(name, value);
            }
            let facts = Facts { capabilities, locks_of_one_node, ..facts };
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
    let capabilities = capabilities(&version, &comment);
    Some(Facts { capabilities, max_allowed_packet, lower_case_table_names, charset, locks_of_one_node: false })
}

/// Servers that speak MySQL's protocol, as they name themselves.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Product {
    MySql,
    MariaDb,
    TiDb,
    StarRocks,
    Doris,
    SingleStore,
}

impl Product {
    /// MariaDB and TiDB say it in `version()` (`8.0.11-TiDB-v8.5.3`). The others claim a version of MySQL there, and say it
    /// in `@@version_comment` alone: `StarRocks version 3.3.0`, `Doris version doris-2.1.7-rc03`, `SingleStoreDB source
    /// distribution (…)`.
    fn new(version: &str, comment: &str) -> Self {
        let comment = comment.to_lowercase();
        if version.contains("MariaDB") || comment.contains("mariadb") {
            Self::MariaDb
        } else if version.contains("TiDB") {
            Self::TiDb
        } else if comment.starts_with("starrocks") {
            Self::StarRocks
        } else if comment.starts_with("doris") {
            Self::Doris
        } else if comment.starts_with("singlestore") || comment.starts_with("memsql") {
            Self::SingleStore
        } else {
            Self::MySql
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::MySql => "MySQL",
            Self::MariaDb => "MariaDB",
            Self::TiDb => "TiDB",
            Self::StarRocks => "StarRocks",
            Self::Doris => "Doris",
            Self::SingleStore => "SingleStore",
        }
    }

    /// Its own version, as far as it tells.
    fn version<'a>(self, version: &'a str, comment: &'a str) -> &'a str {
        match self {
            Self::TiDb => version.split_once("TiDB-").map_or(version, |(_, own)| own),
            Self::StarRocks | Self::Doris => {
                let own = comment.split_whitespace().nth(2).unwrap_or(version);
                own.trim_start_matches("doris-")
            }
            _ => version,
        }
    }
}

/// What a server can do by its version. MySQL and MariaDB are tested; the others are here as their documentation has them
/// (November 2026), see `docs/outgrowing.md`:
/// - TiDB: `docs.pingcap.com/tidb/stable/mysql-compatibility` (no `create table … as select`),
///   `…/sql-statement-rename-table` (several tables at once, atomically), `…/set-operators`, `…/constraints`.
/// - StarRocks: `docs.starrocks.io/docs/sql-reference/sql-statements/table_bucket_part_index/SWAP_WITH`, `…/DELETE` (`using`
///   instead of a join), `…/UPDATE` (`from` instead of a join); each statement is a transaction of its own.
/// - Doris: `doris.apache.org/docs/sql-manual/sql-statements/table-and-view/table/ALTER-TABLE-REPLACE`, `…/DELETE`,
///   `…/UPDATE`; each statement is a transaction of its own.
/// - SingleStore: `docs.singlestore.com/db/…/alter-table` (`rename` of one table), `…/insert` (`on duplicate key update`).
pub(super) fn capabilities(version: &str, comment: &str) -> Capabilities {
    let product = Product::new(version, comment);
    let mariadb = product == Product::MariaDb;
    // What MariaDB puts before its own version for old clients.
    let numbers = version.strip_prefix("5.5.5-").unwrap_or(version);
    let mut numbers = numbers.split(['.', '-']).map(|part| part.parse::<u32>().unwrap_or(0));
    let mut next = || numbers.next().unwrap_or(0);
    let number = (next(), next(), next());
    let related = Capabilities {
        product: product.name().to_owned(),
        version: product.version(version, comment).to_owned(),
        swap: Swap::MultiRename,
        upsert: Upsert::OnDuplicateKey,
        transactional_ddl: false,
        transactions: true,
        create_table_as: true,
        joined_changes: true,
        spider: false,
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
        named_locks: matches!(product, Product::MySql | Product::MariaDb),
    };
    match product {
        Product::MySql | Product::MariaDb => related,
        // Checks are off by default there, and foreign keys are new: queries hold both in any version.
        Product::TiDb => Capabilities {
            create_table_as: false,
            except_intersect: true,
            enforces_check: false,
            enforces_foreign_key: false,
            ..related
        },
        Product::StarRocks | Product::Doris => Capabilities {
            swap: if product == Product::StarRocks { Swap::SwapWith } else { Swap::ReplaceWith },
            upsert: Upsert::None,
            transactions: false,
            joined_changes: false,
            except_intersect: true,
            md5: true,
            enforces_unique: false,
            enforces_primary_key: false,
            enforces_check: false,
            enforces_foreign_key: false,
            alters_constraints: false,
            json_type: true,
            statement_limit: StatementLimit::None,
            ..related
        },
        Product::SingleStore => Capabilities {
            swap: Swap::Renames,
            except_intersect: true,
            enforces_check: false,
            enforces_foreign_key: false,
            statement_limit: StatementLimit::None,
            ..related
        },
    }
}

/// Compiled models are full of common table expressions, which MySQL has since 8.0. Relatives of MySQL that call themselves
/// 5.7 may have them all the same, so an old number is no proof.
fn check_ctes(capabilities: &Capabilities, conn: &mut Conn) -> DbResult<()> {
    let major = capabilities.version.split('.').next().and_then(|major| major.parse::<u32>().ok());
    if major.is_none_or(|major| major >= FIRST_WITH_CTES) {
        return Ok(());
    }
    match conn.query_drop("with one as (select 1 as n) select n from one") {
        Ok(()) => Ok(()),
        Err(Error::MySqlError(_)) => {
            let Capabilities { product, version, .. } = capabilities;
            let message = format!("{product} {version} knows no `with`, which models are compiled to");
            let help =
                "take MySQL 8.0, MariaDB 10.6 or later as the target; the old server can be a source, by replication";
            Err(DbError { help: Some(help.to_owned()), ..DbError::new(DbErrorKind::Connection, message) })
        }
        Err(error) => Err(statement_error(error)),
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

/// A plugin that only some servers load; where functions are replaced, as on MariaDB, it may be one of them.
fn probe_spider(capabilities: Capabilities, conn: &mut Conn) -> DbResult<Capabilities> {
    if !capabilities.create_or_replace_function {
        return Ok(capabilities);
    }
    let loaded = "select 1 from information_schema.engines where engine = 'SPIDER' and support in ('YES', 'DEFAULT')";
    let found: Option<u8> = conn.query_first(loaded).map_err(statement_error)?;
    Ok(Capabilities { spider: found.is_some(), ..capabilities })
}

/// Galera replicates no named locks, and Percona XtraDB Cluster refuses them (`pxc_strict_mode`); see
/// `mariadb.com/kb/en/mariadb-galera-cluster-known-limitations`, `docs.percona.com/percona-xtradb-cluster/8.4/limitation.html`.
fn is_galera_node(conn: &mut Conn) -> DbResult<bool> {
    let found: Option<(String, String)> =
        conn.query_first("show variables like 'wsrep_on'").map_err(statement_error)?;
    Ok(found.is_some_and(|(_, value)| value.eq_ignore_ascii_case("on")))
}

#[cfg(test)]
mod tests {
    use super::capabilities;
    use crate::adapter::{Swap, Upsert};

    #[test]
    fn versions_tell_what_a_server_can() {
        let mariadb = capabilities("10.11.19-MariaDB-0+deb12u1", "Debian 12");
        assert!(mariadb.create_or_replace_table && mariadb.md5 && mariadb.returning);
        assert_eq!(mariadb.product, "MariaDB");
        let mysql = capabilities("9.7.4", "MySQL Community Server - GPL");
        assert!(!mysql.create_or_replace_table && !mysql.md5 && mysql.except_intersect);
        assert!(!capabilities("8.0.30", "").except_intersect && capabilities("8.0.30", "").md5);
    }

    /// The strings are those of the products' own documentation and clients' logs.
    #[test]
    fn relatives_of_mysql_are_known_by_what_they_call_themselves() {
        let tidb = capabilities(
            "8.0.11-TiDB-v8.5.3",
            "TiDB Server (Apache License 2.0) Community Edition, MySQL 8.0 compatible",
        );
        assert_eq!((tidb.product.as_str(), tidb.version.as_str()), ("TiDB", "v8.5.3"));
        assert_eq!((tidb.swap, tidb.upsert), (Swap::MultiRename, Upsert::OnDuplicateKey));
        assert!(!tidb.create_table_as && tidb.transactions && tidb.except_intersect);

        let starrocks = capabilities("5.1.0", "StarRocks version 2.1.2");
        assert_eq!((starrocks.product.as_str(), starrocks.version.as_str()), ("StarRocks", "2.1.2"));
        assert_eq!((starrocks.swap, starrocks.upsert), (Swap::SwapWith, Upsert::None));
        assert!(starrocks.create_table_as && !starrocks.transactions && !starrocks.joined_changes);

        let doris = capabilities("5.7.99", "Doris version doris-2.0.3-rc06-37d31a5");
        assert_eq!((doris.product.as_str(), doris.version.as_str()), ("Doris", "2.0.3-rc06-37d31a5"));
        assert_eq!(doris.swap, Swap::ReplaceWith);
        assert_eq!(capabilities("5.7.99", "doris version doris-4.0.7-rc01").version, "4.0.7-rc01");

        let comment = "SingleStoreDB source distribution (compatible; MySQL Enterprise & MySQL Commercial)";
        let singlestore = capabilities("5.7.32", comment);
        assert_eq!((singlestore.product.as_str(), singlestore.swap), ("SingleStore", Swap::Renames));
        assert!(singlestore.transactions && singlestore.create_table_as);

        for (version, comment) in [
            ("8.0.36", "MySQL Community Server - GPL"),
            ("8.4.3", "MySQL Community Server - GPL"),
            ("8.0.35-27", "Percona Server (GPL), Release 27, Revision 2f8eeab"),
        ] {
            let mysql = capabilities(version, comment);
            assert_eq!((mysql.product.as_str(), mysql.swap), ("MySQL", Swap::MultiRename), "{comment}");
            assert!(mysql.md5 && mysql.except_intersect && mysql.create_table_as);
        }
        for version in ["10.6.18-MariaDB", "11.4.2-MariaDB-ubu2404", "5.5.5-10.11.6-MariaDB-log"] {
            let mariadb = capabilities(version, "mariadb.org binary distribution");
            assert!(mariadb.product == "MariaDB" && mariadb.returning && !mariadb.spider, "{version}");
        }
    }
}
