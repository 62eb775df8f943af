//! A session that builds something: the lock of it, what is done when the connection is lost, and the evidence of what has
//! been committed.

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use super::{Session, State, Wire, lock};
use crate::adapter::journal::{Entered, Holder, Journal, Unit, number, text};
use crate::adapter::{Connection, DbError, DbErrorKind, DbResult, Relation, SchemaName};
use crate::diag::log::{Detail, Level, LogEntry};

/// How often a statement is sent again after its connection was lost, each time on a new one.
const REPEATS: u32 = 3;

/// How long a session that was lost or ended may take to roll back what it has done.
const ROLLBACK: Duration = Duration::from_secs(600);

/// The same where only leftovers of a dead run are to be cleared.
const BRIEFLY: Duration = Duration::from_secs(10);

/// Between two questions for a lock that another run holds.
const HELD_PAUSE: Duration = Duration::from_millis(200);

/// How good what the cache knows of a unit is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Known {
    Well,
    /// A lost connection may have done something.
    Badly,
    /// A dead run has left it.
    Left,
}

/// What a session builds.
#[derive(Clone)]
pub(super) struct Held {
    journal: Arc<Journal>,
    unit: Unit,
    attempt: String,
    transactions: u32,
}

impl Session {
    /// Takes the lock of a unit, once nobody else has it, and writes its row. `known` says
    /// how good what we know of it is.
    ///
    /// # Errors
    /// Another run keeps it for too long, or the server cannot be asked.
    pub fn enter(&self, journal: &Arc<Journal>, unit: Unit, attempt: u32, known: Known) -> DbResult<()> {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |time| time.as_micros());
        let held = Held { journal: journal.clone(), unit, attempt: format!("{attempt}-{since:x}"), transactions: 0 };
        let mut state = lock(&self.state);
        let stale = self.enter_locked(&mut state, &held, known == Known::Left)?;
        if known != Known::Well || stale {
            self.list_again(&mut state, &held.unit)?;
        }
        state.held = Some(held);
        state.committed = false;
        Ok(())
    }

    /// Gives the lock back. Whoever cannot any more has lost it with the connection.
    pub fn leave(&self) {
        let mut state = lock(&self.state);
        let Some(held) = state.held.take() else { return };
        let sql = held.journal.statements.release(&held.unit.lock());
        if let Some(connection) = state.connection.as_mut()
            && (self.pool.is_cancelled() || connection.connection.execute(&sql, false).is_err())
        {
            state.connection = None;
        }
    }

    /// Waits until the session that was lost has ended, and takes its lock again. False if there was none to take.
    ///
    /// # Errors
    /// As [`Session::enter`].
    pub fn enter_again(&self) -> DbResult<bool> {
        let mut state = lock(&self.state);
        let Some(held) = state.held.clone() else { return Ok(false) };
        self.enter_locked(&mut state, &held, false).map(|_| true)
    }

    /// Whether rows have been committed since the session began to build.
    pub fn has_committed(&self) -> bool {
        lock(&self.state).committed
    }

    /// Takes the lock of a relation whose batches this run is to build, each in a session of its own: the run's own session
    /// holds it, once no other run does. What is known of the relation is as good as new then.
    ///
    /// # Errors
    /// As [`Session::enter`].
    pub fn hold(&self, journal: &Arc<Journal>, unit: &Unit) -> DbResult<()> {
        let mut state = lock(&self.state);
        let ask = |_: &mut State, asked: bool| {
            if asked {
                // Not on the server: batches of other relations need the session meanwhile.
                thread::sleep(HELD_PAUSE);
            }
            if self.pool.is_cancelled() { Err(DbError::cancelled()) } else { journal.hold(unit) }
        };
        let waited = self.wait(&mut state, journal, unit, false, ask);
        let held = waited.and_then(|stale| {
            if stale {
                self.end_batches_of_others(&mut state, journal, unit)?;
                self.list_again(&mut state, unit)?;
            }
            Ok(())
        });
        if held.is_err() {
            journal.let_go(unit);
        }
        held
    }

    /// A run that has died, or lost its own session, gives a relation back before the statements of its batches have ended.
    fn end_batches_of_others(&self, state: &mut State, journal: &Journal, unit: &Unit) -> DbResult<()> {
        let sql = journal.statements.batches_of_others(&journal.table, unit, &journal.run);
        let started = Instant::now();
        loop {
            let rows = self.on_any_connection(state, |wire| wire.execute(&sql, true))?.table.rows;
            let connections: Vec<u64> = rows.iter().filter_map(|row| number(row.first()?)).collect();
            if connections.is_empty() {
                return Ok(());
            }
            if started.elapsed() > ROLLBACK {
                return Err(busy(unit, &Holder::default()));
            }
            for connection in connections {
                self.kill(state, journal, unit, connection)?;
            }
            thread::sleep(HELD_PAUSE);
        }
    }

    fn enter_locked(&self, state: &mut State, held: &Held, briefly: bool) -> DbResult<bool> {
        let ask = |state: &mut State, asked: bool| {
            // Asked again at least once a second, for the other run may die in the meantime.
            let sql = held.journal.enter(&held.unit, &held.attempt, u32::from(asked));
            let mut sent = 0;
            let ask = |wire: &mut Wire<'_>| {
                sent += 1;
                wire.execute(&sql, true)
            };
            let table = self.on_any_connection(state, ask)?.table;
            let entered = Entered::read(table.rows.first()).after(sent - 1);
            if let Entered::Taken { unheard, .. } = entered {
                held.journal.vouch(&held.unit, unheard)?;
            }
            Ok(entered)
        };
        self.wait(state, &held.journal, &held.unit, briefly, ask)
    }

    /// Asks for a lock until it is ours; ends sessions that hold it for nobody. `ask` is told whether it was asked before.
    /// Gives whether another run has built the unit since ours began.
    fn wait(
        &self,
        state: &mut State,
        journal: &Journal,
        unit: &Unit,
        briefly: bool,
        ask: impl Fn(&mut State, bool) -> DbResult<Entered>,
    ) -> DbResult<bool> {
        let (started, mut killed, mut asked, mut told) = (Instant::now(), None, false, false);
        loop {
            let holder = match ask(state, asked)? {
                Entered::Taken { stale, .. } => return Ok(stale || asked),
                Entered::Busy(holder) => holder,
            };
            // Our own run builds nothing twice at a time: it is the session of a connection that we have lost.
            let is_left = !holder.alive || holder.run.as_ref() == Some(&journal.run);
            let patience = match is_left {
                _ if briefly => BRIEFLY,
                true => ROLLBACK,
                false => journal.patience,
            };
            if let Some(connection) = holder.connection.filter(|number| is_left && killed != Some(*number)) {
                killed = Some(connection);
                self.kill(state, journal, unit, connection)?;
            } else if started.elapsed() > patience {
                return Err(busy(unit, &holder));
            }
            // Who has just got it is known a moment later.
            if !told && !is_left && (asked || holder.run.is_some()) {
                told = true;
                let text = format!("Waiting for {}: it is being built by {holder}", unit.key());
                self.tell(Level::Info, "Note", &text);
            }
            asked = true;
        }
    }

    /// Ends a session that nobody listens to. That it is ending already is no error.
    fn kill(&self, state: &mut State, journal: &Journal, unit: &Unit, connection: u64) -> DbResult<()> {
        let text = format!("Ending connection {connection}, which a dead client left at {}", unit.key());
        self.tell(Level::Debug, "Note", &text);
        match self.on_any_connection(state, |wire| wire.execute(&journal.statements.kill(connection), false)) {
            Err(error) if error.kind == DbErrorKind::Cancelled || error.lost => Err(error),
            _ => Ok(()),
        }
    }

    /// Tells the cache what there is of a unit.
    fn list_again(&self, state: &mut State, unit: &Unit) -> DbResult<()> {
        let adapter = &self.pool.adapter;
        let name = SchemaName { database: None, schema: unit.schema.clone() };
        if !self.cache().is_filled(&name) {
            return Ok(());
        }
        let listed = self.on_any_connection(state, |wire| adapter.list_relations(wire, std::slice::from_ref(&name)))?;
        let limit = adapter.max_identifier();
        let is_ours = |relation: &&Relation| relation.identifier.as_ref().is_some_and(|name| unit.touches(name, limit));
        for known in self.cache().relations_in(&name).iter().filter(is_ours) {
            self.cache().drop(known);
        }
        for found in listed.iter().filter(is_ours) {
            self.cache().add(found.clone());
        }
        Ok(())
    }

    /// Commits with a row that testifies to it. When the connection is lost meanwhile, the row decides.
    pub(super) fn commit_held(&self, state: &mut State) -> DbResult<()> {
        let Some(held) = &mut state.held else { return Ok(()) };
        held.transactions += 1;
        let token = format!("{}/{}", held.attempt, held.transactions);
        let held = held.clone();
        let sql = format!("{}; commit", held.journal.statements.committed(&held.journal.table, &held.unit, &token));
        let Err(error) = self.with_wire(state, |wire| wire.execute(&sql, false)) else { return Ok(()) };
        if !error.lost || self.pool.is_cancelled() {
            return Err(error);
        }
        // Before the lock is ours again, the lost session may still be committing. The row is read before ours is written
        // over it.
        self.tell(Level::Debug, "Note", &format!("Connection lost while {} was committed", held.unit.key()));
        let committed = self.evidence(state, &held)?.as_deref() == Some(&token);
        state.committed = committed;
        if !committed {
            return Err(error);
        }
        self.enter_locked(state, &held, false).map(drop)
    }

    /// The last transaction of a unit that was committed, once the session of it has ended.
    fn evidence(&self, state: &mut State, held: &Held) -> DbResult<Option<String>> {
        let started = Instant::now();
        let statements = held.journal.statements;
        let (take, evidence) =
            (statements.take(&held.unit.lock(), 1), statements.evidence(&held.journal.table, &held.unit));
        loop {
            let taken = self.on_any_connection(state, |wire| wire.execute(&take, true))?.table.rows;
            let row = match self.with_wire(state, |wire| wire.execute(&evidence, true)) {
                Err(error) if error.lost && started.elapsed() < ROLLBACK => continue,
                outcome => outcome?.table.rows.into_iter().next().unwrap_or_default(),
            };
            let [committed, run, connection] = row.as_slice() else { return Ok(None) };
            let is_ours = text(run).as_ref() == Some(&held.journal.run);
            match taken.first().map(Vec::as_slice) {
                Some([taken, _]) if number(taken) == Some(1) => return Ok(text(committed).filter(|_| is_ours)),
                Some([_, holder]) if is_ours && number(holder) == number(connection) => {
                    if let Some(connection) = number(holder) {
                        self.kill(state, &held.journal, &held.unit, connection)?;
                    }
                }
                _ => {}
            }
            if started.elapsed() > ROLLBACK {
                return Err(busy(&held.unit, &Holder::default()));
            }
        }
    }

    /// Runs what may be run twice, again and on a new connection when the first is lost.
    pub(super) fn repeating<T>(&self, state: &mut State, work: impl Fn(&mut Wire<'_>) -> DbResult<T>) -> DbResult<T> {
        let mut tried = 0;
        loop {
            let in_transaction = state.in_transaction;
            match self.where_it_belongs(state, &work) {
                Err(error) if error.lost && !in_transaction && tried < REPEATS && !state.changed => {
                    tried += 1;
                    self.tell(Level::Debug, "Note", &format!("{error}; trying again ({tried} of {REPEATS})"));
                    if let Some(held) = state.held.clone() {
                        self.enter_locked(state, &held, false)?;
                    }
                }
                outcome => return outcome,
            }
        }
    }

    /// The same for statements that need no lock to be held.
    fn on_any_connection<T>(
        &self,
        state: &mut State,
        mut work: impl FnMut(&mut Wire<'_>) -> DbResult<T>,
    ) -> DbResult<T> {
        let mut tried = 0;
        loop {
            match self.with_wire(state, &mut work) {
                Err(error) if error.lost && tried < REPEATS && !self.pool.is_cancelled() => tried += 1,
                outcome => return outcome,
            }
            thread::sleep(Duration::from_millis(20 << tried));
        }
    }

    fn tell(&self, level: Level, event: &'static str, text: &str) {
        let (node, thread) = (self.label.node.as_deref(), self.label.thread.as_deref());
        self.pool.log.write(&LogEntry { level, node, thread, event, text, detail: Detail::Message });
    }
}

fn busy(unit: &Unit, holder: &Holder) -> DbError {
    let message = format!("`{}` is being built by {holder}", unit.key());
    let help =
        "wait for that run or end it, and run again; `run_patience` of the target says how long to wait".to_owned();
    DbError { help: Some(help), ..DbError::new(DbErrorKind::Other, message) }
}

/// The first words of a statement, which say what may be done with it.
pub(super) struct Words(Vec<String>, bool);

impl Words {
    pub(super) fn of(sql: &str) -> Self {
        const ENOUGH: usize = 5;
        let mut rest = sql.trim_start();
        while let Some(comment) = rest.strip_prefix("/*") {
            rest = comment.split_once("*/").map_or("", |(_, after)| after.trim_start());
        }
        let several = rest.trim_end().trim_end_matches(';').contains(';');
        let words = rest.split_whitespace().take(ENOUGH).map(str::to_lowercase).collect();
        Self(words, several)
    }

    fn begin(&self, words: &[&str]) -> bool {
        self.0.len() >= words.len() && self.0.iter().zip(words).all(|(own, word)| own == word)
    }

    /// Whether it does the same when it is run a second time.
    pub(super) fn are_repeatable(&self) -> bool {
        const BEGINNINGS: &[&[&str]] = &[
            &["select"],
            &["with"],
            &["show"],
            &["create", "schema", "if", "not", "exists"],
            &["create", "database", "if", "not", "exists"],
            &["create", "or", "replace", "view"],
            &["drop", "table", "if", "exists"],
            &["drop", "view", "if", "exists"],
            &["drop", "schema", "if", "exists"],
            &["grant"],
            &["analyze"],
        ];
        !self.1 && BEGINNINGS.iter().any(|words| self.begin(words))
    }

    /// Whether the server commits what is open before it runs this.
    pub(super) fn commits(&self) -> bool {
        const VERBS: &[&str] = &[
            "create", "alter", "drop", "rename", "truncate", "grant", "revoke", "analyze", "optimize", "repair", "lock",
        ];
        let Some(verb) = self.0.first() else { return false };
        VERBS.contains(&verb.as_str()) && self.0.get(1).is_none_or(|word| word != "temporary")
    }

    /// Whether it leaves something in the session that later statements may need.
    pub(super) fn change_the_session(&self) -> bool {
        let first = self.0.first().map_or("", String::as_str);
        matches!(first, "set" | "use" | "lock" | "call" | "prepare") || self.begin(&["create", "temporary"])
    }
}

#[cfg(test)]
mod tests {
    use super::Words;

    #[test]
    fn words_say_what_may_be_repeated() {
        for sql in ["select 1", "/* x */\n drop table if exists a;", "GRANT select on a to b"] {
            assert!(Words::of(sql).are_repeatable(), "{sql}");
        }
        for sql in [
            "insert into a select 1",
            "drop table a",
            "select 1; insert into a values (1)",
            "rename table a to b",
            "revoke select on a from b",
        ] {
            assert!(!Words::of(sql).are_repeatable(), "{sql}");
        }
        assert!(
            Words::of("alter table a add b int").commits() && !Words::of("create temporary table a (b int)").commits()
        );
        assert!(Words::of("set @a = 1").change_the_session() && !Words::of("select 1").change_the_session());
    }
}
