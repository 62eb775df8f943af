//! How nodes use connections: a [`Pool`] keeps idle ones and can cancel all running statements; a [`Session`] is what one
//! node works with.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::thread;
use std::time::{Duration, Instant};

mod crowd;
mod held;
mod patience;
mod reading;

use self::crowd::{Crowd, Lowered, Place};
pub use self::held::Known;
pub use self::patience::Patience;
use self::reading::Reading;

use super::cache::RelationCache;
use super::journal::Journal;
use super::options::PartitionBy;
use super::partitions::{Arrival, Plan};
use super::{
    Adapter, Cancel, Cell, Column, Connection, Constraint, DbError, DbErrorKind, DbResult, Described, ExistingIndex,
    ForeignKey, QueryResult, Relation, Renaming, SchemaName,
};
use crate::diag::log::{Detail, Level, Log, LogEntry};

/// How often running statements are told to stop, and how long they get in between.
const CANCEL_ATTEMPTS: u32 = 3;
const CANCEL_PAUSE: Duration = Duration::from_millis(100);
/// When no statement has run for this long, a session is let in above the limit: the others may be waiting for it.
const STANDSTILL: Duration = Duration::from_secs(2);
/// A server whose sessions are all others' is asked again for this long.
const NO_ROOM: Duration = Duration::from_secs(30);
const CROWDED_PAUSE: Duration = Duration::from_millis(200);

/// The comment that is sent with every statement of a session, already rendered, without `/*` and `*/`.
#[derive(Debug, Clone)]
pub struct QueryComment {
    pub text: Arc<str>,
    /// After the statement instead of before it.
    pub append: bool,
}

/// Whose statements these are, for the log and the server's process list.
#[derive(Debug, Clone, Default)]
pub struct Label {
    /// For people: `model.shop.orders`, `list_shop`.
    pub name: String,
    /// `unique_id` of the node.
    pub node: Option<String>,
    pub thread: Option<String>,
    pub comment: Option<QueryComment>,
    /// Nothing is written, so that a replica will do. What is written all the same goes to the target's own server.
    pub reads: bool,
}

/// A running statement: the name of its session, and what stops it.
type Running = (String, Arc<dyn Cancel>);

/// The connections of one run.
pub struct Pool {
    adapter: Arc<dyn Adapter>,
    cache: Arc<RelationCache>,
    log: Arc<dyn Log>,
    idle: Mutex<Vec<Box<dyn Connection>>>,
    crowd: Arc<Crowd>,
    reading: Reading,
    running: Mutex<HashMap<u64, Running>>,
    next_ticket: AtomicU64,
    cancelled: AtomicBool,
    /// The run's journal, which has a session of its own.
    journal: OnceLock<Weak<Journal>>,
}

impl Pool {
    pub fn new(adapter: Arc<dyn Adapter>, log: Arc<dyn Log>) -> Arc<Self> {
        Arc::new(Self {
            cache: Arc::new(RelationCache::new(log.clone())),
            adapter,
            log,
            idle: Mutex::default(),
            crowd: Arc::default(),
            reading: Reading::default(),
            running: Mutex::default(),
            next_ticket: AtomicU64::new(0),
            cancelled: AtomicBool::new(false),
            journal: OnceLock::new(),
        })
    }

    pub fn adapter(&self) -> &Arc<dyn Adapter> {
        &self.adapter
    }

    pub fn cache(&self) -> &Arc<RelationCache> {
        &self.cache
    }

    /// A session for one node. It takes a connection with its first statement and gives it back when it is dropped.
    pub fn session(self: &Arc<Self>, label: Label) -> Session {
        Session { pool: self.clone(), label, state: Mutex::default() }
    }

    /// Counts the session of the run's journal with those of the pool.
    pub fn note_journal(&self, journal: &Arc<Journal>) {
        // A pool is of one run, which has one journal.
        let _ = self.journal.set(Arc::downgrade(journal));
    }

    fn journal(&self) -> Option<Arc<Journal>> {
        self.journal.get()?.upgrade()
    }

    /// Stops every running statement and refuses new ones. The error is the first of those servers that could not be told.
    pub fn cancel_all(&self) -> DbResult<()> {
        self.cancelled.store(true, Ordering::SeqCst);
        if self.crowd.was_refused() || self.adapter.max_sessions().is_some() {
            self.make_room();
        }
        let mut told = Ok(());
        for attempt in 0..CANCEL_ATTEMPTS {
            let running: Vec<Running> = lock(&self.running).values().cloned().collect();
            if running.is_empty() {
                break;
            }
            // A statement that was just being sent is not running yet, so whatever is still there is told again.
            if attempt > 0 {
                thread::sleep(CANCEL_PAUSE);
            }
            for (name, _) in running.iter().filter(|_| attempt == 0) {
                let detail = Detail::Connection { kind: self.adapter.kind() };
                let (level, event) = (Level::Error, "LogCancelLine");
                self.log.write(&LogEntry { level, node: None, thread: None, event, text: name, detail });
            }
            told = running.iter().map(|(_, handle)| handle.cancel()).fold(Ok(()), Result::and);
            if matches!(&told, Err(error) if self.adapter.is_crowded(error)) {
                self.make_room();
            }
        }
        told
    }

    /// Stopping a statement takes a session of its own, for which a full server has no room beside those that we keep.
    fn make_room(&self) {
        lock(&self.idle).clear();
        self.reading.close_idle();
        if let Some(journal) = self.journal() {
            journal.make_room();
        }
    }

    /// Takes statements again after [`Pool::cancel_all`], once those that ran have ended.
    pub fn resume(&self) {
        self.cancelled.store(false, Ordering::SeqCst);
    }

    pub fn is_cancelled(&self) -> bool {
        self.cancelled.load(Ordering::SeqCst)
    }

    /// A connection, as soon as there is room for one. Where the server has none, this waits for the sessions that are at
    /// work; only when those stand still as well is it an error.
    fn take(&self, session: &Session) -> DbResult<Held> {
        let mut moved = Instant::now();
        let of_journal = usize::from(self.journal().is_some());
        let cap = self.adapter.max_sessions().map(|most| most.saturating_sub(of_journal));
        loop {
            if self.is_cancelled() {
                return Err(DbError::cancelled());
            }
            if !lock(&self.running).is_empty() {
                moved = Instant::now();
            }
            let place = match self.crowd.enter(cap) {
                Some(place) => place,
                // Those at work may wait for this one.
                None if moved.elapsed() > STANDSTILL => self.crowd.squeeze_in(),
                None => continue,
            };
            match self.connection(session) {
                Ok(connection) => return Ok(Held { connection, place: Some(place) }),
                Err(error) if self.adapter.is_crowded(&error) => {
                    self.tell_lowered(&self.crowd.refused(place), &error.message);
                    if moved.elapsed() > NO_ROOM {
                        return Err(error);
                    }
                    thread::sleep(CROWDED_PAUSE);
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Takes note of a deadlock or lock wait: when they come one after the other, fewer sessions work at once.
    pub fn note_conflict(&self) {
        if let Some(lowered) = self.crowd.conflict() {
            self.tell_lowered(&lowered, "the sessions are in each other's way (deadlocks, lock waits)");
        }
    }

    /// Once for people, and for the log file each time.
    fn tell_lowered(&self, lowered: &Lowered, why: &str) {
        let sessions = match lowered.sessions {
            1 => "1 session works".to_owned(),
            count => format!("{count} sessions work"),
        };
        let text = format!("{why}; {sessions} at once from here on, and more when there is room again");
        let detail = Detail::Failure { kind: self.adapter.kind() };
        let (level, event) = match lowered.is_first {
            true => (Level::Warn, "AdapterEventWarning"),
            false => (Level::Debug, "AdapterEventDebug"),
        };
        self.log.write(&LogEntry { level, node: None, thread: None, event, text: &text, detail });
    }

    /// An idle connection as good as new, or a new one. Resetting also finds out whether it still answers.
    fn connection(&self, session: &Session) -> DbResult<Box<dyn Connection>> {
        while let Some(mut connection) = { lock(&self.idle).pop() } {
            if connection.reset().is_ok() {
                return Ok(connection);
            }
        }
        let name = &session.label.name;
        session.write("NewConnection", name, Detail::Connection { kind: self.adapter.kind() });
        self.adapter.connect(name)
    }

    /// Its place is free once the connection is there for the next.
    fn give_back(&self, held: Held) {
        match held {
            Held { connection, place: Some(_place) } => lock(&self.idle).push(connection),
            Held { connection, place: None } => self.reading.give_back(connection),
        }
    }

    /// Runs `work` while its statement can be cancelled by [`Pool::cancel_all`].
    fn cancellable<T>(
        &self,
        name: &str,
        connection: &mut dyn Connection,
        work: impl FnOnce(&mut dyn Connection) -> DbResult<T>,
    ) -> DbResult<T> {
        let ticket = self.next_ticket.fetch_add(1, Ordering::Relaxed);
        lock(&self.running).insert(ticket, (name.to_owned(), connection.cancel_handle()));
        // Asked after the handle is registered: whoever cancels from now on finds it.
        let result = if self.is_cancelled() { Err(DbError::cancelled()) } else { work(connection) };
        lock(&self.running).remove(&ticket);
        // Some servers end a cancelled statement as if it had succeeded, so our own flag decides.
        if self.is_cancelled() { Err(result.err().map_or_else(DbError::cancelled, as_cancelled)) } else { result }
    }
}

fn as_cancelled(error: DbError) -> DbError {
    DbError { kind: DbErrorKind::Cancelled, ..error }
}

// A poisoned lock means that another node's thread panicked; what it guards is whole after every statement here.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// How much a session asked of the database.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Usage {
    pub statements: u64,
    /// Time spent waiting for the database.
    pub elapsed: Duration,
}

/// A connection and its place among the sessions at work. One on a replica has none.
struct Held {
    connection: Box<dyn Connection>,
    place: Option<Place>,
}

#[derive(Default)]
struct State {
    connection: Option<Held>,
    in_transaction: bool,
    /// A session for reading has been found to write.
    writes: bool,
    usage: Usage,
    /// What the session builds, and has the lock of.
    held: Option<held::Held>,
    /// A statement has changed the session itself: on another connection, others would not do the same.
    changed: bool,
    /// A transaction of rows has been committed.
    committed: bool,
}

/// What one node uses. All its statements go over one connection, in order.
pub struct Session {
    pool: Arc<Pool>,
    label: Label,
    state: Mutex<State>,
}

impl Session {
    pub fn adapter(&self) -> &Arc<dyn Adapter> {
        &self.pool.adapter
    }

    pub fn cache(&self) -> &RelationCache {
        &self.pool.cache
    }

    pub fn pool(&self) -> &Arc<Pool> {
        &self.pool
    }

    pub fn label(&self) -> &Label {
        &self.label
    }

    pub fn usage(&self) -> Usage {
        lock(&self.state).usage
    }

    /// Runs a statement. `auto_begin` opens a transaction first where DDL takes part in transactions; on other servers a
    /// transaction around DDL would promise what it cannot keep, and macros that need one say `adapter.begin()`. A
    /// statement that would keep others waiting behind it is tried in turns, as its [`Patience`] says.
    pub fn execute(&self, sql: &str, fetch: bool, auto_begin: bool) -> DbResult<QueryResult> {
        let mut state = lock(&self.state);
        if auto_begin && !state.in_transaction && self.pool.adapter.capabilities().transactional_ddl {
            self.begin_locked(&mut state)?;
        }
        let words = held::Words::of(sql);
        if state.in_transaction && state.held.is_some() && words.commits() {
            // The server would commit on its own, and nothing would tell that it has.
            self.commit_locked(&mut state)?;
        }
        state.changed |= words.change_the_session();
        let work = |wire: &mut Wire<'_>| match self.pool.adapter.patience(sql) {
            Some(patience) => patience::execute(wire, sql, fetch, patience),
            None => wire.execute(sql, fetch),
        };
        if words.are_repeatable() { self.repeating(&mut state, work) } else { self.where_it_belongs(&mut state, work) }
    }

    /// Does the work on a replica if the session is for reading, and once more elsewhere if it turns out to write.
    fn where_it_belongs<T>(&self, state: &mut State, work: impl Fn(&mut Wire<'_>) -> DbResult<T>) -> DbResult<T> {
        match self.with_wire(state, &work) {
            Err(error) if self.moves_to_primary(state, &error) => self.with_wire(state, &work),
            outcome => outcome,
        }
    }

    /// After a write that a replica refused, and which therefore did nothing: the session goes on where writing goes.
    fn moves_to_primary(&self, state: &mut State, error: &DbError) -> bool {
        let refused = || self.adapter().replicas().is_some_and(|replicas| replicas.refused_to_write(error));
        match state.connection.take_if(|held| held.place.is_none() && refused()) {
            Some(held) => {
                self.pool.give_back(held);
                state.writes = true;
                if std::mem::take(&mut state.in_transaction) {
                    // If that fails, so does the statement that follows.
                    let _ = self.begin_locked(state);
                }
                true
            }
            None => false,
        }
    }

    /// Gives relations other names, all at once. A session that is lost meanwhile may have done it: then the new session
    /// looks, and does it again only where it has not been done.
    pub fn rename_all(&self, renames: &[(Relation, Relation)]) -> DbResult<()> {
        let adapter = self.adapter();
        let steps = adapter.rename_all(renames)?;
        let [Renaming { sql, .. }] = steps.as_slice() else { return self.rename_in_steps(&steps) };
        let lost = match self.execute(sql, false, false) {
            Err(error) if error.kind == DbErrorKind::Connection && !self.pool.is_cancelled() => error,
            outcome => return outcome.map(drop),
        };
        // The server may not have noticed yet, and still be waiting for its turn.
        if !self.enter_again()? {
            thread::sleep(adapter.patience(sql).map_or(Duration::ZERO, |patience| patience.turn) + CANCEL_PAUSE);
        }
        match self.are_renamed(renames) {
            Ok(true) => Ok(()),
            Ok(false) => self.execute(sql, false, false).map(drop),
            Err(_) => Err(lost),
        }
    }

    /// Takes back what was done when a step fails, so that the old names stay. That may fail too, where the step was done and
    /// the session was lost after it: then there is nothing to take back.
    fn rename_in_steps(&self, steps: &[Renaming]) -> DbResult<()> {
        for (at, step) in steps.iter().enumerate() {
            if let Err(error) = self.execute(&step.sql, false, false) {
                let done = steps[..at].iter().rev().filter_map(|step| step.undo.as_deref());
                let _ = done.map(|undo| self.execute(undo, false, false)).find(Result::is_err);
                return Err(error);
            }
        }
        Ok(())
    }

    fn are_renamed(&self, renames: &[(Relation, Relation)]) -> DbResult<bool> {
        let mut schemas: Vec<SchemaName> = Vec::new();
        for relation in renames.iter().flat_map(|(from, to)| [from, to]) {
            let Some(schema) = relation.schema.clone() else { continue };
            let name = SchemaName { database: relation.database.clone(), schema };
            if !schemas.contains(&name) {
                schemas.push(name);
            }
        }
        let listed = self.list_relations(&schemas)?;
        let folds = self.adapter().case_insensitive_names();
        let same = |a: Option<&str>, b: Option<&str>| match (a, b) {
            (Some(a), Some(b)) if folds => a.eq_ignore_ascii_case(b),
            (a, b) => a == b,
        };
        let is = |relation: &Relation, other: &Relation| {
            same(relation.schema.as_deref(), other.schema.as_deref())
                && same(relation.identifier.as_deref(), other.identifier.as_deref())
        };
        let exists = |relation: &Relation| listed.iter().any(|found| is(found, relation));
        let taken = |relation: &Relation| renames.iter().any(|(_, to)| is(to, relation));
        Ok(renames.iter().all(|(from, to)| exists(to) && (taken(from) || !exists(from))))
    }

    /// Runs one statement with bound values, written as the adapter's [`super::Binding`] says.
    pub fn execute_bound(&self, sql: &str, values: &[Cell]) -> DbResult<QueryResult> {
        self.with_wire(&mut lock(&self.state), |wire| wire.execute_bound(sql, values))
    }

    /// Rows as Arrow record batches.
    pub fn query_arrow(&self, sql: &str) -> DbResult<Vec<arrow_array::RecordBatch>> {
        self.where_it_belongs(&mut lock(&self.state), |wire| wire.query_arrow(sql))
    }

    /// Opens a transaction; does nothing inside one, or where the server has none.
    pub fn begin(&self) -> DbResult<()> {
        self.begin_locked(&mut lock(&self.state))
    }

    fn begin_locked(&self, state: &mut State) -> DbResult<()> {
        if !state.in_transaction && self.pool.adapter.capabilities().transactions {
            self.repeating(state, |wire| wire.execute("begin", false))?;
            state.in_transaction = true;
        }
        Ok(())
    }

    /// Commits; does nothing outside of a transaction.
    pub fn commit(&self) -> DbResult<()> {
        self.commit_locked(&mut lock(&self.state))
    }

    fn commit_locked(&self, state: &mut State) -> DbResult<()> {
        if state.in_transaction {
            self.write("SQLCommit", &self.label.name, Detail::Connection { kind: self.pool.adapter.kind() });
            match &state.held {
                Some(_) => self.commit_held(state)?,
                None => drop(self.with_wire(state, |wire| wire.execute("commit", false))?),
            }
            state.in_transaction = false;
            state.committed = true;
        }
        Ok(())
    }

    /// Rolls back; does nothing outside of a transaction.
    pub fn rollback(&self) -> DbResult<()> {
        let mut state = lock(&self.state);
        if std::mem::take(&mut state.in_transaction) {
            self.write("Rollback", &self.label.name, Detail::Connection { kind: self.pool.adapter.kind() });
            self.with_wire(&mut state, |wire| wire.execute("rollback", false))?;
        }
        Ok(())
    }

    pub fn in_transaction(&self) -> bool {
        lock(&self.state).in_transaction
    }

    /// Leaves no transaction open after a failed statement. A connection that cannot even roll back is given up, and with
    /// it the server rolls back.
    pub fn close_transaction_after_error(&self) {
        let mut state = lock(&self.state);
        if !std::mem::take(&mut state.in_transaction) {
            return;
        }
        if let Some(held) = state.connection.as_mut()
            && held.connection.execute("rollback", false).is_err()
        {
            state.connection = None;
        }
    }

    /// Lists the schemas into the cache, those that are not in it yet.
    pub fn fill_cache(&self, schemas: &[SchemaName]) -> DbResult<()> {
        let missing: Vec<_> = schemas.iter().filter(|schema| !self.cache().is_filled(schema)).cloned().collect();
        if missing.is_empty() {
            return Ok(());
        }
        let pool = &self.pool;
        self.repeating(&mut lock(&self.state), |wire| pool.cache.fill(pool.adapter.as_ref(), wire, &missing))
    }

    /// Relations of the schemas, from the database and not from the cache.
    pub fn list_relations(&self, schemas: &[SchemaName]) -> DbResult<Vec<Relation>> {
        self.repeating(&mut lock(&self.state), |wire| self.pool.adapter.list_relations(wire, schemas))
    }

    pub fn list_schemas(&self, database: Option<&str>) -> DbResult<Vec<String>> {
        self.repeating(&mut lock(&self.state), |wire| self.pool.adapter.list_schemas(wire, database))
    }

    /// Columns in their order; empty when the relation does not exist.
    pub fn columns(&self, relation: &Relation) -> DbResult<Vec<Column>> {
        self.repeating(&mut lock(&self.state), |wire| self.pool.adapter.columns(wire, relation))
    }

    /// The indexes that a table has.
    pub fn indexes(&self, relation: &Relation) -> DbResult<Vec<ExistingIndex>> {
        self.repeating(&mut lock(&self.state), |wire| self.pool.adapter.indexes(wire, relation))
    }

    /// See [`Adapter::plan_partitions`].
    pub fn plan_partitions(&self, arrival: &Arrival<'_>) -> DbResult<Plan> {
        self.repeating(&mut lock(&self.state), |wire| self.pool.adapter.plan_partitions(wire, arrival))
    }

    /// See [`Adapter::partition_drift`].
    pub fn partition_drift(
        &self,
        table: &Relation,
        wanted: &PartitionBy,
        column: Option<&Column>,
    ) -> DbResult<Option<String>> {
        self.repeating(&mut lock(&self.state), |wire| self.pool.adapter.partition_drift(wire, table, wanted, column))
    }

    /// See [`Adapter::probe`].
    pub fn probe(&self, header: &str, query: &str) -> DbResult<Vec<Column>> {
        self.with_wire(&mut lock(&self.state), |wire| self.pool.adapter.probe(wire, header, query))
    }

    /// See [`Adapter::refuses_reference`].
    pub fn refuses_reference(
        &self,
        parent: &Relation,
        columns: &[String],
        types: &[String],
    ) -> DbResult<Option<String>> {
        self.with_wire(&mut lock(&self.state), |wire| self.pool.adapter.refuses_reference(wire, parent, columns, types))
    }

    /// See [`Adapter::references_to`].
    pub fn references_to(&self, parent: &Relation) -> DbResult<Vec<ForeignKey>> {
        self.repeating(&mut lock(&self.state), |wire| self.pool.adapter.references_to(wire, parent))
    }

    /// Makes a foreign key refer to another table, or drops it if there is none. No rows are looked at.
    pub fn repoint(&self, key: &ForeignKey, parent: Option<&Relation>) -> DbResult<()> {
        let Some(sql) = self.pool.adapter.repoint(key, parent) else { return Ok(()) };
        self.check_foreign_keys(false)?;
        let done = self.execute(&sql, false, false).map(drop);
        let restored = self.check_foreign_keys(true);
        done.and(restored)
    }

    /// Whether this session looks at foreign keys when it changes rows.
    pub fn check_foreign_keys(&self, on: bool) -> DbResult<()> {
        match self.pool.adapter.check_foreign_keys(on) {
            Some(sql) => self.execute(sql, false, false).map(drop),
            None => Ok(()),
        }
    }

    /// See [`Adapter::constraints`].
    pub fn constraints(&self, table: &Relation) -> DbResult<Vec<Constraint>> {
        self.repeating(&mut lock(&self.state), |wire| self.pool.adapter.constraints(wire, table))
    }

    /// What the server's catalog knows of all tables and views of the schemas.
    pub fn describe(&self, schemas: &[SchemaName]) -> DbResult<Vec<Described>> {
        self.repeating(&mut lock(&self.state), |wire| self.pool.adapter.describe(wire, schemas))
    }

    fn with_wire<T>(&self, state: &mut State, work: impl FnOnce(&mut Wire<'_>) -> DbResult<T>) -> DbResult<T> {
        if self.pool.is_cancelled() {
            return Err(DbError::cancelled());
        }
        let held = match &mut state.connection {
            Some(held) => held,
            empty => {
                let to_read = if self.label.reads && !state.writes { self.pool.take_to_read(self) } else { None };
                let held = match to_read {
                    Some(connection) => Held { connection, place: None },
                    None => self.pool.take(self)?,
                };
                empty.insert(held)
            }
        };
        let connection = held.connection.as_mut();
        let result = work(&mut Wire { connection, session: self, usage: &mut state.usage });
        if held.place.is_some() {
            self.pool.reading.note_statement();
        }
        if result.is_err() && !held.connection.is_usable() {
            // What the lost session had open is gone with it; the next statement starts on a fresh one.
            state.connection = None;
            state.in_transaction = false;
        }
        result
    }

    fn write(&self, event: &'static str, text: &str, detail: Detail<'_>) {
        let (node, thread) = (self.label.node.as_deref(), self.label.thread.as_deref());
        self.pool.log.write(&LogEntry { level: Level::Debug, node, thread, event, text, detail });
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.close_transaction_after_error();
        self.leave();
        let connection = lock(&self.state).connection.take();
        if let Some(connection) = connection
            && !self.pool.is_cancelled()
        {
            self.pool.give_back(connection);
        }
    }
}

/// A connection as a session uses it: with the comment, the log, the clock and the cancel handle around every statement.
struct Wire<'a> {
    connection: &'a mut dyn Connection,
    session: &'a Session,
    usage: &'a mut Usage,
}

impl Wire<'_> {
    fn run<T>(
        &mut self,
        sql: &str,
        work: impl FnOnce(&mut dyn Connection, &str) -> DbResult<T>,
        describe: impl Fn(&T) -> &str,
    ) -> DbResult<T> {
        let session = self.session;
        let (sent, lines_before) = with_comment(sql, session.label.comment.as_ref());
        let (name, kind) = (session.label.name.as_str(), session.pool.adapter.kind());
        session.write("ConnectionUsed", name, Detail::Connection { kind });
        session.write("SQLQuery", &sent, Detail::Statement { connection: name });
        let start = Instant::now();
        let result = session.pool.cancellable(name, self.connection, |connection| work(connection, &sent));
        let elapsed = start.elapsed();
        self.usage.statements += 1;
        self.usage.elapsed += elapsed;
        match result {
            Ok(value) => {
                session.write("SQLQueryStatus", describe(&value), Detail::Answer { seconds: elapsed.as_secs_f64() });
                Ok(value)
            }
            Err(mut error) => {
                session.write("AdapterEventDebug", &error.to_string(), Detail::Failure { kind });
                error.line = error.line.map(|line| line.saturating_sub(lines_before).max(1));
                error.sql = Some(sql.to_owned());
                error.elapsed = Some(elapsed);
                Err(error)
            }
        }
    }
}

fn describe(result: &QueryResult) -> &str {
    &result.response.message
}

impl Connection for Wire<'_> {
    fn execute(&mut self, sql: &str, fetch: bool) -> DbResult<QueryResult> {
        self.run(sql, |connection, sql| connection.execute(sql, fetch), describe)
    }

    fn execute_bound(&mut self, sql: &str, values: &[Cell]) -> DbResult<QueryResult> {
        self.run(sql, |connection, sql| connection.execute_bound(sql, values), describe)
    }

    fn query_arrow(&mut self, sql: &str) -> DbResult<Vec<arrow_array::RecordBatch>> {
        self.run(sql, |connection, sql| connection.query_arrow(sql), |_| "OK")
    }

    fn cancel_handle(&self) -> Arc<dyn Cancel> {
        self.connection.cancel_handle()
    }

    fn limit_lock_wait(&mut self, limit: Option<Duration>) -> DbResult<()> {
        self.connection.limit_lock_wait(limit)
    }

    fn lock_holders(&mut self, sql: &str) -> Vec<String> {
        self.connection.lock_holders(sql)
    }

    fn reset(&mut self) -> DbResult<()> {
        self.connection.reset()
    }

    fn is_usable(&mut self) -> bool {
        self.connection.is_usable()
    }
}

/// The statement with its comment, and how many lines the comment put before it.
fn with_comment(sql: &str, comment: Option<&QueryComment>) -> (String, usize) {
    match comment {
        None => (sql.to_owned(), 0),
        Some(QueryComment { text, append: false }) => (format!("/* {text} */\n{sql}"), text.matches('\n').count() + 1),
        Some(QueryComment { text, append: true }) => {
            let sql = sql.trim_end();
            (format!("{}\n/* {text} */;", sql.strip_suffix(';').unwrap_or(sql)), 0)
        }
    }
}

#[cfg(test)]
mod tests;
