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

/// The session ended with a statement.
fn lost() -> DbError {
    DbError { lost: true, ..DbError::new(DbErrorKind::Connection, "gone") }
}

/// The connection is lost with the rename of `new` and what was there; `left` is what a new session finds.
fn rename_and_lose(left: &[&str]) -> (bool, usize) {
    let adapter = left
        .iter()
        .fold(FakeAdapter::mysql().fail("rename table", lost()), |adapter, name| adapter.relation(named(name)));
    let renames = [(named("orders"), named("old")), (named("new"), named("orders"))];
    let renamed = session(&adapter).rename_all(&renames).is_ok();
    (renamed, adapter.statements().iter().filter(|sql| sql.starts_with("rename table")).count())
}

#[test]
fn a_rename_that_was_lost_is_looked_for_before_it_is_repeated() {
    assert_eq!(rename_and_lose(&["orders", "old"]), (true, 1), "the server has done it");
    assert_eq!(rename_and_lose(&["orders", "new"]), (false, 2), "it has not, and the second try is lost as well");
}

mod journaled {
    use std::sync::Arc;

    use super::{lost, named, pool};
    use crate::adapter::fake::FakeAdapter;
    use crate::adapter::journal::{Journal, Unit};
    use crate::adapter::session::{Known, Label, Pool, Session};
    use crate::adapter::{Adapter, Cell, DbResult, QueryResult, Response, SchemaName, Table};

    const OURS: &str = "ours";

    fn rows(row: Vec<Cell>) -> DbResult<QueryResult> {
        let table = Table { columns: Vec::new(), rows: vec![row] };
        Ok(QueryResult { table, response: Response::default() })
    }

    fn text(text: &str) -> Cell {
        Cell::Text(text.to_owned())
    }

    fn unit(batch: Option<&str>) -> Unit {
        let batch = batch.map(str::to_owned);
        Unit { schema: "shop".into(), identifier: "m".into(), batch, node: "model.shop.m".into() }
    }

    fn open(adapter: &FakeAdapter) -> (Arc<Pool>, Arc<Journal>, Session) {
        let shared: Arc<dyn Adapter> = Arc::new(adapter.clone());
        let journal = Journal::open(&shared, OURS).expect("opens").expect("has locks");
        let pool = pool(adapter);
        let session = pool.session(Label::default());
        (pool, journal, session)
    }

    /// A lock that `run` has, over a connection that also wrote the row.
    fn busy(run: &str, connection: i64, alive: bool) -> DbResult<QueryResult> {
        let since = text("2026-01-01 10:00:00.5");
        let live = if alive { Cell::Int(9) } else { Cell::Null };
        let holder = Cell::Int(connection);
        let own = Cell::Int(1);
        rows(vec![
            Cell::Int(0),
            holder.clone(),
            own,
            text(run),
            text("host"),
            Cell::Int(77),
            since,
            live,
            Cell::Int(1),
            holder,
        ])
    }

    /// The commit of one transaction is lost; `evidence` is made of the token that was sent with it.
    fn commit_and_lose(evidence: fn(&str) -> Vec<Cell>) -> (bool, bool, usize) {
        let adapter = FakeAdapter::mysql()
            .once("; commit", |_| Err(lost()))
            .once("select committed, run", move |sent| {
                let committing = sent.iter().rev().find(|sql| sql.contains("; commit")).expect("was sent");
                rows(evidence(committing.split('\'').nth(1).expect("a token")))
            })
            .with_journal();
        let (_pool, journal, session) = open(&adapter);
        session.enter(&journal, unit(None), 1, Known::Well).expect("enters");
        session.begin().expect("begins");
        session.execute("insert into shop.m select 1", false, false).expect("inserts");
        let committed = session.commit().is_ok();
        let locks = adapter.statements().iter().filter(|sql| sql.contains("; insert into")).count();
        (committed, session.has_committed(), locks)
    }

    #[test]
    fn a_lost_commit_is_decided_by_what_the_journal_says() {
        fn row(token: Cell, run: &str) -> Vec<Cell> {
            vec![token, text(run), Cell::Int(1)]
        }
        assert_eq!(commit_and_lose(|token| row(text(token), OURS)), (true, true, 2), "and the lock is taken again");
        assert_eq!(commit_and_lose(|_| row(Cell::Null, OURS)), (false, false, 1));
        assert_eq!(commit_and_lose(|_| row(text("1-5/1"), OURS)), (false, false, 1), "a transaction before");
        assert_eq!(commit_and_lose(|token| row(text(token), "theirs")), (false, false, 1));
        assert_eq!(commit_and_lose(|_| Vec::new()), (false, false, 1));
    }

    #[test]
    fn the_run_s_own_lock_is_taken_again_when_it_was_lost() {
        let unheard = |_: &[String]| {
            rows([vec![Cell::Int(1), Cell::Int(5)], vec![Cell::Null; 6], vec![Cell::Int(0), Cell::Null]].concat())
        };
        let alive = |_: &[String]| rows(vec![Cell::Int(1), text("2026-01-01 00:00:00"), Cell::Int(1)]);
        let adapter = FakeAdapter::mysql()
            .once("; insert into", unheard)
            .once("get_lock(concat", alive)
            .once("get_lock(concat", |_| Err(lost()))
            .with_journal();
        let (_pool, journal, session) = open(&adapter);
        session.enter(&journal, unit(None), 1, Known::Well).expect("enters");
        let asked = adapter.statements().iter().filter(|sql| sql.contains("get_lock(concat")).count();
        assert_eq!(
            (asked, adapter.connections()),
            (3, 3),
            "the lost session is told by its error, and a new one opened"
        );
    }

    #[test]
    fn a_session_that_we_have_lost_is_ended_before_its_lock_is_taken() {
        let adapter = FakeAdapter::mysql()
            .once("; insert into", |_| busy("dead", 41, false))
            .once("; insert into", |_| busy(OURS, 42, true))
            .with_journal();
        let (_pool, journal, session) = open(&adapter);
        session.enter(&journal, unit(None), 1, Known::Badly).expect("enters");
        let killed: Vec<String> = adapter.statements().into_iter().filter(|sql| sql.starts_with("kill")).collect();
        assert_eq!(killed, ["kill 41", "kill 42"]);
    }

    #[test]
    fn who_has_just_got_a_lock_is_not_taken_for_the_dead_run_before() {
        let not_yet = |_: &[String]| {
            let QueryResult { mut table, response } = busy("dead", 41, false)?;
            table.rows[0][1] = Cell::Int(43);
            Ok(QueryResult { table, response })
        };
        let adapter = FakeAdapter::mysql().once("; insert into", not_yet).with_journal();
        let (_pool, journal, session) = open(&adapter);
        session.enter(&journal, unit(None), 1, Known::Well).expect("enters");
        assert!(!adapter.statements().iter().any(|sql| sql.starts_with("kill")));
    }

    #[test]
    fn what_is_known_is_old_when_the_question_for_the_lock_was_lost() {
        let schema = SchemaName { database: None, schema: "shop".into() };
        let adapter = FakeAdapter::mysql()
            .once("; insert into", |_| Err(lost()))
            .once("'shop.n'", |_| Err(lost()))
            .with_journal();
        let (_pool, journal, session) = open(&adapter);
        session.fill_cache(&[schema]).expect("lists");
        let _adapter = adapter.relation(named("m")).relation(named("n"));
        session.enter(&journal, unit(None), 1, Known::Well).expect("enters");
        assert!(session.cache().get(None, "shop", "m").is_some() && session.cache().get(None, "shop", "n").is_none());
        session.hold(&journal, &Unit { identifier: "n".into(), ..unit(None) }).expect("takes");
        assert!(session.cache().get(None, "shop", "n").is_some());
    }

    #[test]
    fn a_batch_of_a_model_that_another_run_has_taken_over_is_not_built() {
        let unheard = |_: &[String]| {
            rows([vec![Cell::Int(1), Cell::Int(5)], vec![Cell::Null; 6], vec![Cell::Int(0), Cell::Null]].concat())
        };
        let free =
            |_: &[String]| rows([vec![Cell::Int(1); 3], vec![Cell::Null; 5], vec![Cell::Int(0), Cell::Null]].concat());
        let alive = |_: &[String]| rows(vec![Cell::Int(1), text("2026-01-01 00:00:00"), Cell::Int(1)]);
        let adapter = FakeAdapter::mysql()
            .once("; insert into", free)
            .once("; insert into", unheard)
            .once("; insert into", |_| busy("theirs", 50, true))
            .once("get_lock(concat", alive)
            .once("get_lock(concat", |_| Err(lost()))
            .with_journal();
        let (pool, journal, session) = open(&adapter);
        session.hold(&journal, &unit(None)).expect("nobody else has it");
        let error = session.enter(&journal, unit(Some("20240101")), 1, Known::Well).expect_err("is not ours any more");
        assert!(error.message.starts_with("`shop.m` was taken over by another run"), "{error}");
        // The other batches hear of it too, without having lost anything themselves; other models go on.
        let other = pool.session(Label::default());
        assert!(other.enter(&journal, unit(Some("20240102")), 1, Known::Well).is_err());
        let elsewhere = Unit { identifier: "n".into(), ..unit(Some("20240102")) };
        other.enter(&journal, elsewhere, 1, Known::Well).expect("is another model");
        journal.let_go(&unit(None));
        session.hold(&journal, &unit(None)).expect("begins anew");
        session.enter(&journal, unit(Some("20240101")), 1, Known::Well).expect("is ours");
    }
}
