//! The MySQL adapter against real servers. `HEADWATER_TEST_MARIADB` and `HEADWATER_TEST_MYSQL` say where they are
//! (`mysql://root@127.0.0.1:33061/?socket=/path`); `make servers` starts them and prints both. Each test makes its own database.

// The helpers of tests are not tests to clippy.
#![allow(clippy::expect_used, clippy::panic)]

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use headwater::adapter::session::{Label, Pool, QueryComment, Session};
use headwater::adapter::{self, Adapter, Cell, ColumnType, DbErrorKind, Drivers, Relation, RelationType, SchemaName};
use headwater::diag::log::NullLog;
use serde_json::{Map, Value, json};

/// A server with a database of its own, dropped at the end.
struct Server {
    kind: &'static str,
    url: Url,
    database: String,
}

struct Url {
    user: String,
    password: String,
    host: String,
    port: u16,
    socket: Option<String>,
}

impl Server {
    fn new(kind: &'static str) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = if kind == "mariadb" { "HEADWATER_TEST_MARIADB" } else { "HEADWATER_TEST_MYSQL" };
        let url = std::env::var(name).unwrap_or_else(|_| {
            panic!("{name} is not set: start the test servers with `make servers`, which prints it")
        });
        let database = format!("hw_test_{}_{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let server = Self { kind, url: parse_url(&url), database };
        server.session().execute(&format!("create database `{}`", server.database), false, false).expect("creates");
        server
    }

    /// MySQL is left out where `make servers` found that it cannot be had (`none`).
    fn both() -> Vec<Self> {
        let has_mysql = std::env::var("HEADWATER_TEST_MYSQL").as_deref() != Ok("none");
        let kinds = if has_mysql { &["mariadb", "mysql"][..] } else { &["mariadb"] };
        kinds.iter().map(|kind| Self::new(kind)).collect()
    }

    fn credentials(&self) -> Map<String, Value> {
        let url = &self.url;
        let entries = json!({
            "type": self.kind, "host": url.host, "port": url.port, "unix_socket": url.socket, "user": url.user,
            "password": url.password, "schema": self.database, "charset": "utf8mb4", "collation": "utf8mb4_general_ci",
        });
        entries.as_object().expect("a mapping").clone()
    }

    fn adapter_with(&self, key: &str, value: Value) -> Arc<dyn Adapter> {
        let mut credentials = self.credentials();
        credentials.insert(key.to_owned(), value);
        adapter::open(self.kind, &credentials, Path::new("."), &Drivers::default()).expect("valid credentials")
    }

    fn adapter(&self) -> Arc<dyn Adapter> {
        adapter::open(self.kind, &self.credentials(), Path::new("."), &Drivers::default()).expect("valid credentials")
    }

    fn pool(&self) -> Arc<Pool> {
        Pool::new(self.adapter(), Arc::new(NullLog))
    }

    fn session(&self) -> Session {
        self.pool().session(Label::default())
    }

    fn relation(&self, identifier: &str) -> Relation {
        Relation { kind: None, ..Relation::table(&self.database, identifier) }
    }

    fn schema(&self) -> SchemaName {
        SchemaName { database: None, schema: self.database.clone() }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.session().execute(&format!("drop database if exists `{}`", self.database), false, false);
    }
}

fn parse_url(url: &str) -> Url {
    let rest = url.strip_prefix("mysql://").expect("a mysql:// URL");
    let (login, rest) = rest.split_once('@').expect("user@host");
    let (address, query) = rest.split_once('/').unwrap_or((rest, ""));
    let (user, password) = login.split_once(':').unwrap_or((login, ""));
    let (host, port) = address.split_once(':').unwrap_or((address, "3306"));
    let socket = query.split_once("socket=").map(|(_, socket)| socket.split('&').next().unwrap_or("").to_owned());
    Url { user: user.into(), password: password.into(), host: host.into(), port: port.parse().expect("a port"), socket }
}

fn rows(session: &Session, sql: &str) -> Vec<Vec<Cell>> {
    session.execute(sql, true, false).unwrap_or_else(|error| panic!("{sql}: {error}")).table.rows
}

fn text(text: &str) -> Cell {
    Cell::Text(text.to_owned())
}

#[test]
fn values_keep_their_types_and_digits() {
    for server in Server::both() {
        let session = server.session();
        session
            .execute(
                "create table t (i bigint, u bigint unsigned, d decimal(30,10), f double, s varchar(20), b varbinary(4), \
                 bits bit(12), dt date, ts datetime(6), tm time(3), j json, e enum('x','y'), flag boolean, y year); \
                 insert into t values (-9223372036854775808, 18446744073709551615, -12345678901234567890.0123456789, 0.1, \
                 'é''\\\\', x'00ff', b'000100110001', '2024-02-29', '2024-02-29 23:59:59.000001', '-101:02:03.5', \
                 '{\"a\": 1}', 'y', true, 2024); insert into t (i) values (null)",
                false,
                false,
            )
            .expect("creates and inserts");
        let table = session.execute("select * from t order by i is null", true, false).expect("selects").table;
        assert_eq!(table.columns[2].kind, ColumnType::Decimal(30, 10));
        let expected = vec![
            Cell::Int(i64::MIN),
            Cell::UInt(u64::MAX),
            Cell::Decimal("-12345678901234567890.0123456789".into()),
            Cell::Float(0.1),
            text("é'\\"),
            Cell::Bytes(vec![0, 255]),
            Cell::UInt(0b0001_0011_0001),
            Cell::Date("2024-02-29".into()),
            Cell::Datetime("2024-02-29 23:59:59.000001".into()),
            Cell::Time("-101:02:03.500".into()),
            text("{\"a\": 1}"),
            text("y"),
            Cell::Int(1),
            Cell::Int(2024),
        ];
        assert_eq!(table.rows[0], expected, "{}", server.kind);
        assert!(table.rows[1].iter().all(|cell| *cell == Cell::Null));
    }
}

#[test]
fn literals_come_back_as_they_were() {
    for server in Server::both() {
        let session = server.session();
        for cell in
            [text("a'b\\c\"\n%s;--\0é🦆"), Cell::Bytes(vec![0, 39, 92, 255]), Cell::Decimal("-1.50".into()), Cell::Null]
        {
            let sql = format!("select {}", server.adapter().literal(&cell));
            assert_eq!(rows(&session, &sql), [[cell]], "{sql}");
        }
    }
}

#[test]
fn scripts_run_to_the_end_and_give_the_last_rows() {
    for server in Server::both() {
        let session = server.session();
        let sql =
            "create table t (i int); insert into t values (1), (2); select count(*) from t; delete from t where i = 1;";
        let result = session.execute(sql, true, false).expect("runs");
        assert_eq!(result.table.rows, [[Cell::Int(2)]]);
        assert_eq!((result.response.message.as_str(), result.response.rows_affected), ("SUCCESS 1", Some(1)));
    }
}

#[test]
fn an_error_in_a_later_statement_surfaces_with_its_line() {
    for server in Server::both() {
        let session = server.session();
        let error =
            session.execute("create table t (i int);\n\nselect 1;\n select\n nope nope nope from t", true, false);
        let error = error.expect_err("a syntax error");
        assert_eq!(
            (error.kind, error.code, error.line),
            (DbErrorKind::Syntax, 1064, Some(5)),
            "{}: {error}",
            server.kind
        );
        assert_eq!(rows(&session, "select count(*) from t"), [[Cell::Int(0)]]);
    }
}

#[test]
fn errors_name_what_is_missing() {
    for server in Server::both() {
        let session = server.session();
        let error = |sql: &str| session.execute(sql, true, false).expect_err(sql);
        session.execute("create table t (i int primary key)", false, false).expect("creates");
        let column = error("select o.amout from t o");
        assert_eq!((column.kind, column.identifier.as_deref()), (DbErrorKind::UnknownColumn, Some("o.amout")));
        let table = error("select * from ordrs");
        assert_eq!(
            (table.kind, table.identifier),
            (DbErrorKind::UnknownTable, Some(format!("{}.ordrs", server.database)))
        );
        let function = error("select no_such_thing(1)");
        assert_eq!(function.kind, DbErrorKind::UnknownFunction, "{function}");
        assert_eq!(function.identifier.as_deref().map(|name| name.ends_with("no_such_thing")), Some(true));
        assert_eq!(error("insert into t values (1), (1)").kind, DbErrorKind::Constraint);
        assert_eq!(error("insert into t values ('abc')").kind, DbErrorKind::Value);
        assert_eq!(error("create table t (i int)").kind, DbErrorKind::AlreadyExists);
    }
}

#[test]
fn lines_do_not_count_the_query_comment() {
    for server in Server::both() {
        let comment = Some(QueryComment { text: "{\"app\": \"dbt\"}".into(), append: false });
        let session = server.pool().session(Label { comment, ..Label::default() });
        let error = session.execute("select 1\nform x y z", true, false).expect_err("a syntax error");
        assert_eq!((error.line, error.sql.as_deref()), (Some(2), Some("select 1\nform x y z")));
    }
}

#[test]
fn sessions_are_strict_and_read_committed() {
    for server in Server::both() {
        let session = server.session();
        session.execute("create table t (i tinyint not null, d date)", false, false).expect("creates");
        for values in ["(null, null)", "(999, null)", "(1, '2024-00-00')", "(1/0, null)"] {
            assert!(session.execute(&format!("insert into t values {values}"), false, false).is_err(), "{values}");
        }
        let isolation = if server.kind == "mariadb" { "@@tx_isolation" } else { "@@transaction_isolation" };
        let settings = format!("select {isolation}, @@collation_connection, @@lock_wait_timeout, database()");
        let expected = [[text("READ-COMMITTED"), text("utf8mb4_general_ci"), Cell::UInt(60), text(&server.database)]];
        let found = rows(&session, &settings);
        // MariaDB calls the time-out signed.
        let same = |a: &Cell, b: &Cell| a == b || matches!((a, b), (Cell::Int(60), Cell::UInt(60)));
        assert!(found[0].iter().zip(&expected[0]).all(|(a, b)| same(a, b)), "{found:?}");
    }
}

#[test]
fn what_a_session_changes_does_not_reach_the_next() {
    for server in Server::both() {
        let pool = server.pool();
        let first = pool.session(Label::default());
        first
            .execute("set session lock_wait_timeout = 7; create temporary table tmp (i int); use mysql", false, false)
            .expect("runs");
        let id = rows(&first, "select connection_id()");
        drop(first);
        let second = pool.session(Label::default());
        assert_eq!(rows(&second, "select connection_id()"), id, "the connection is used again");
        assert_eq!(
            rows(&second, "select database(), @@lock_wait_timeout = 60"),
            [[text(&server.database), Cell::Int(1)]]
        );
        assert!(second.execute("select * from tmp", true, false).is_err());
    }
}

#[test]
fn the_catalog_is_read() {
    for server in Server::both() {
        let session = server.session();
        let script = "create table `Odd-name` (`key` decimal(12,2) not null, note varchar(20), n int unsigned); \
                      create view v as select 1 as one; create temporary table tmp (a varchar(7), b decimal(9,3))";
        session.execute(script, false, false).expect("creates");
        let mut relations = session.list_relations(&[server.schema()]).expect("lists");
        relations.sort_by_key(|relation| relation.identifier.clone());
        let kinds: Vec<_> = relations.iter().map(|relation| (relation.identifier.as_deref(), relation.kind)).collect();
        assert_eq!(kinds, [(Some("Odd-name"), Some(RelationType::Table)), (Some("v"), Some(RelationType::View))]);
        assert!(session.list_schemas(None).expect("lists").contains(&server.database));

        let columns = session.columns(&server.relation("Odd-name")).expect("describes");
        let key = &columns[0];
        assert_eq!(
            (key.name.as_str(), key.dtype.as_str(), key.data_type()),
            ("key", "decimal", "decimal(12,2)".to_owned())
        );
        assert_eq!((key.numeric_precision, key.numeric_scale, key.nullable), (Some(12), Some(2), false));
        assert_eq!((columns[1].string_size(), columns[1].nullable), (Some(20), true));
        assert!(columns[2].is_integer() && columns[2].data_type().contains("unsigned"));

        let temporary = session.columns(&server.relation("tmp")).expect("describes");
        assert_eq!(
            temporary.iter().map(|column| column.data_type()).collect::<Vec<_>>(),
            ["varchar(7)", "decimal(9,3)"]
        );
        assert!(session.columns(&server.relation("nothing")).expect("describes").is_empty());
    }
}

#[test]
fn capabilities_come_from_the_server() {
    for server in Server::both() {
        let adapter = server.adapter();
        let session = Pool::new(adapter.clone(), Arc::new(NullLog)).session(Label::default());
        rows(&session, "select 1");
        let capabilities = adapter.capabilities();
        let mariadb = server.kind == "mariadb";
        assert_eq!(capabilities.product, if mariadb { "MariaDB" } else { "MySQL" });
        assert_eq!((capabilities.create_or_replace_table, capabilities.add_index_if_not_exists), (mariadb, mariadb));
        assert_eq!(capabilities.md5, session.execute("select md5('')", true, false).is_ok());
    }
}

#[test]
fn cancelling_stops_running_statements_and_refuses_new_ones() {
    for server in Server::both() {
        let pool = server.pool();
        let session = pool.session(Label::default());
        rows(&session, "select 1");
        let start = Instant::now();
        let worker = thread::spawn(move || {
            let error = session.execute("select sleep(30)", true, false).expect_err("cancelled");
            (error.kind, session.execute("select 1", true, false).expect_err("refused").kind)
        });
        thread::sleep(Duration::from_millis(200));
        pool.cancel_all().expect("the server was told");
        assert_eq!(worker.join().expect("ends"), (DbErrorKind::Cancelled, DbErrorKind::Cancelled));
        assert!(start.elapsed() < Duration::from_secs(20), "it did not wait for the statement");
    }
}

#[test]
fn a_lost_connection_is_replaced_and_an_error_only_where_something_may_have_been_done() {
    for server in Server::both() {
        let session = server.session();
        session.execute("create table kept (i int)", false, false).expect("creates");
        let kill = || {
            let [row] = &rows(&session, "select connection_id()")[..] else { panic!("one row") };
            let id = match row[0] {
                Cell::Int(id) => id as u64,
                Cell::UInt(id) => id,
                ref other => panic!("{other:?}"),
            };
            server.session().execute(&format!("kill connection {id}"), false, false).expect("kills");
            thread::sleep(Duration::from_millis(100));
        };
        kill();
        assert_eq!(rows(&session, "select 1"), [[Cell::Int(1)]], "asking twice does no harm");
        kill();
        let error = session.execute("insert into kept values (1)", false, false).expect_err("lost");
        assert_eq!(error.kind, DbErrorKind::Connection, "{error}");
        session.begin().expect("begins");
        session.execute("insert into kept values (2)", false, false).expect("inserts");
        kill();
        let error = session.execute("select 1", true, false).expect_err("the transaction is gone");
        assert_eq!(error.kind, DbErrorKind::Connection, "{error}");
        assert!(rows(&session, "select * from kept").is_empty());
    }
}

#[test]
fn transactions_roll_back_what_they_did() {
    for server in Server::both() {
        let session = server.session();
        session.execute("create table t (i int)", false, true).expect("creates");
        assert!(!session.in_transaction(), "DDL is not transactional here");
        session.begin().expect("begins");
        session.execute("insert into t values (1)", false, true).expect("inserts");
        session.rollback().expect("rolls back");
        session.begin().expect("begins");
        session.execute("insert into t values (2)", false, true).expect("inserts");
        session.commit().expect("commits");
        assert_eq!(rows(&session, "select i from t"), [[Cell::Int(2)]]);
    }
}

#[test]
fn bound_values_are_literals() {
    for server in Server::both() {
        let session = server.session();
        session.execute("create table t (i int, s varchar(20))", false, false).expect("creates");
        let values = [Cell::Int(1), text("100% 'a'"), Cell::Null, text("b")];
        let result = session.execute_bound("insert into t values (%s, %s), (%s, %s)", &values).expect("inserts");
        assert_eq!(result.response.rows_affected, Some(2));
        assert_eq!(rows(&session, "select s from t order by s"), [[values[1].clone()], [values[3].clone()]]);
    }
}

#[test]
fn the_database_need_not_exist_yet() {
    for server in Server::both() {
        let missing = format!("{}_missing", server.database);
        let session =
            Pool::new(server.adapter_with("schema", json!(missing)), Arc::new(NullLog)).session(Label::default());
        assert_eq!(rows(&session, "select database()"), [[Cell::Null]]);
    }
}

#[test]
fn a_refused_login_says_where_and_who_but_not_the_password() {
    for server in Server::both() {
        let mut credentials = server.credentials();
        credentials.insert("user".into(), json!("nobody_here"));
        credentials.insert("password".into(), json!("s3cret-pass"));
        let adapter = adapter::open(server.kind, &credentials, Path::new("."), &Drivers::default()).expect("valid");
        let error = adapter.connect("test").err().expect("refused");
        assert_eq!(error.kind, DbErrorKind::Connection);
        let shown = format!("{error} {error:?}");
        assert!(shown.contains("nobody_here") && !shown.contains("s3cret-pass"), "{shown}");
    }
}

#[test]
fn tcp_and_tls_work() {
    for server in Server::both() {
        for (key, value) in [("ssl_disabled", json!(true)), ("ssl_mode", json!("preferred"))] {
            let mut credentials = server.credentials();
            credentials.remove("unix_socket");
            credentials.insert(key.into(), value);
            let adapter = adapter::open(server.kind, &credentials, Path::new("."), &Drivers::default()).expect("valid");
            let session = Pool::new(adapter, Arc::new(NullLog)).session(Label::default());
            let status = rows(&session, "show status like 'Ssl_cipher'");
            // The test MariaDB has no certificate; MySQL makes itself one.
            let encrypted = !matches!(&status[0][1], Cell::Text(cipher) if cipher.is_empty());
            assert_eq!(encrypted, server.kind == "mysql" && key == "ssl_mode", "{} {key}", server.kind);
        }
    }
}

#[test]
fn a_statement_that_is_too_large_leaves_the_session_alive() {
    for server in Server::both() {
        let session = server.session();
        let limit = match &rows(&session, "select @@max_allowed_packet")[0][0] {
            Cell::Int(limit) => *limit as usize,
            Cell::UInt(limit) => *limit as usize,
            other => panic!("{other:?}"),
        };
        let error = session.execute(&format!("select '{}'", "x".repeat(limit)), true, false).expect_err("too large");
        assert!(error.message.contains("max_allowed_packet"), "{error}");
        assert_eq!(rows(&session, "select 1"), [[Cell::Int(1)]]);
    }
}

#[test]
fn the_profile_may_know_better_what_the_server_can() {
    for server in Server::both() {
        let adapter = server.adapter_with("capabilities", json!({"md5": false, "upsert": "none"}));
        let session = Pool::new(adapter.clone(), Arc::new(NullLog)).session(Label::default());
        rows(&session, "select 1");
        assert!(!adapter.capabilities().md5);
        assert_eq!(adapter.capabilities().upsert, adapter::Upsert::None);
    }
}
