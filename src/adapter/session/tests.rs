use std::sync::{Arc, Mutex};

use super::{Label, Pool, QueryComment, Session};
use crate::adapter::fake::FakeAdapter;
use crate::adapter::{DbError, DbErrorKind, QueryResult, Relation, SchemaName};
use crate::diag::log::{Log, LogEntry, NullLog};

fn pool(adapter: &FakeAdapter) -> Arc<Pool> {
    Pool::new(Arc::new(adapter.clone()), Arc::new(NullLog))
}

fn session(adapter: &FakeAdapter) -> Session {
    pool(adapter).session(Label::default())
}

#[test]
fn sessions_can_be_shared_between_threads() {
    fn is_shared<T: Send + Sync>() {}
    is_shared::<Session>();
    is_shared::<Pool>();
}

#[test]
fn a_connection_is_opened_for_the_first_statement_and_used_again() {
    let adapter = FakeAdapter::mysql();
    let pool = pool(&adapter);
    drop(pool.session(Label::default()));
    assert_eq!(adapter.connections(), 0);
    for _ in 0..3 {
        pool.session(Label::default()).execute("select 1", true, false).expect("runs");
    }
    assert_eq!(adapter.connections(), 1);
}

#[test]
fn comments_stand_before_or_behind_and_do_not_move_lines() {
    let failure = DbError { line: Some(4), ..DbError::new(DbErrorKind::Syntax, "near") };
    let adapter = FakeAdapter::mysql().fail("form", failure);
    let run = |append| {
        let comment = Some(QueryComment { text: "two\nlines".into(), append });
        pool(&adapter).session(Label { comment, ..Label::default() }).execute("select 1 form t;\n", true, false)
    };
    let error = run(false).expect_err("fails");
    assert_eq!((error.line, error.sql.as_deref()), (Some(2), Some("select 1 form t;\n")));
    assert_eq!(run(true).expect_err("fails").line, Some(4));
    assert_eq!(adapter.statements(), ["/* two\nlines */\nselect 1 form t;\n", "select 1 form t\n/* two\nlines */;"]);
}

#[test]
fn a_transaction_is_opened_by_itself_only_where_ddl_takes_part() {
    for (adapter, expected) in
        [(FakeAdapter::mysql(), vec!["a", "b"]), (FakeAdapter::duckdb(), vec!["begin", "a", "b", "commit"])]
    {
        let session = session(&adapter);
        session.execute("a", false, true).expect("runs");
        session.execute("b", false, true).expect("runs");
        session.commit().expect("commits");
        session.rollback().expect("has nothing to do");
        assert_eq!(adapter.statements(), expected);
    }
}

#[test]
fn an_open_transaction_does_not_outlive_its_session() {
    let adapter = FakeAdapter::mysql();
    let session = session(&adapter);
    session.begin().expect("begins");
    session.begin().expect("is in one already");
    drop(session);
    assert_eq!(adapter.statements(), ["begin", "rollback"]);
}

#[test]
fn nothing_runs_after_a_cancel() {
    let adapter = FakeAdapter::mysql();
    let pool = pool(&adapter);
    let session = pool.session(Label::default());
    pool.cancel_all().expect("nothing to tell");
    assert_eq!(session.execute("select 1", true, false).expect_err("refused").kind, DbErrorKind::Cancelled);
    assert!(adapter.statements().is_empty());
}

#[test]
fn the_cache_is_filled_once_per_schema() {
    let adapter = FakeAdapter::mysql();
    let session = session(&adapter);
    let schema = SchemaName { database: None, schema: "shop".into() };
    assert!(!session.cache().is_filled(&schema));
    session.fill_cache(std::slice::from_ref(&schema)).expect("lists");
    assert!(session.cache().is_filled(&schema));
    session.fill_cache(&[schema]).expect("knows already");
}

#[derive(Default)]
struct Lines(Mutex<Vec<String>>);

impl Log for Lines {
    fn write(&self, entry: &LogEntry<'_>) {
        let line = format!("{} {} {}", entry.event, entry.node.unwrap_or("-"), entry.text);
        self.0.lock().expect("no panic").push(line);
    }
}

#[test]
fn statements_are_logged_with_their_node_and_counted() {
    let log = Arc::new(Lines::default());
    let adapter = FakeAdapter::mysql().answer("select", QueryResult::default());
    let pool = Pool::new(Arc::new(adapter), log.clone());
    let session =
        pool.session(Label { name: "orders".into(), node: Some("model.shop.orders".into()), ..Label::default() });
    session.execute("create table t (i int)", false, false).expect("runs");
    assert_eq!(session.usage().statements, 1);
    let lines = log.0.lock().expect("no panic");
    let told = ["NewConnection", "ConnectionUsed"].map(|event| format!("{event} model.shop.orders orders"));
    assert_eq!(lines[..2], told);
    assert_eq!(lines[2], "SQLQuery model.shop.orders create table t (i int)");
    assert_eq!(lines[3], "SQLQueryStatus model.shop.orders OK");
}

fn named(identifier: &str) -> Relation {
    Relation::table("shop", identifier)
}

/// The connection is lost with the rename of `new` and what was there; `left` is what a new session finds.
fn rename_and_lose(left: &[&str]) -> (bool, usize) {
    let lost = DbError::new(DbErrorKind::Connection, "gone");
    let adapter = left
        .iter()
        .fold(FakeAdapter::mysql().fail("rename table", lost), |adapter, name| adapter.relation(named(name)));
    let renames = [(named("orders"), named("old")), (named("new"), named("orders"))];
    let renamed = session(&adapter).rename_all(&renames).is_ok();
    (renamed, adapter.statements().iter().filter(|sql| sql.starts_with("rename table")).count())
}

#[test]
fn a_rename_that_was_lost_is_looked_for_before_it_is_repeated() {
    assert_eq!(rename_and_lose(&["orders", "old"]), (true, 1), "the server has done it");
    assert_eq!(rename_and_lose(&["orders", "new"]), (false, 2), "it has not, and the second try is lost as well");
}
