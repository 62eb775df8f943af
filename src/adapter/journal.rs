//! Who builds what. Each relation that is built is locked by the very session that builds it, and a row of the journal
//! says who holds the lock. That the server gives a lock back only when the session has ended for good, its transaction
//! committed or rolled back, makes the lock a fence: who has got it knows that nobody else's statement is still under way,
//! be it another run's, a dead client's, or our own of a connection that was lost.
//!
//! A run that lives holds a lock of its own on a session that builds nothing. Rows of a run whose lock is free were left by a
//! dead one. That session also holds the locks of relations whose batches are built by many sessions: between runs a
//! relation is one unit, whatever its batches are within a run.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use sha2::{Digest, Sha256};

use super::{Adapter, Cell, Connection, DbError, DbErrorKind, DbResult, shorten};

/// How often the run's own session is opened anew when it is lost.
const OPEN_RETRIES: u32 = 2;
/// How long a session that was lost and killed may need to end.
const LOST_SESSION_SECONDS: u32 = 5;
/// The attempt that a relation's row names while its batches are built: those have rows of their own.
const WHOLE: &str = "whole";

/// What is built as one: a relation, or one batch of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unit {
    pub schema: String,
    pub identifier: String,
    /// The batch's id, of a microbatch model.
    pub batch: Option<String>,
    /// `unique_id`
    pub node: String,
}

impl Unit {
    /// The name of its row.
    pub fn key(&self) -> String {
        match &self.batch {
            Some(batch) => format!("{}.{}@{batch}", self.schema, self.identifier),
            None => format!("{}.{}", self.schema, self.identifier),
        }
    }

    /// The relation of which this is a batch, or the unit itself.
    pub fn whole(&self) -> Self {
        Self { batch: None, ..self.clone() }
    }

    /// The name of its lock: of a fixed length, because servers limit it.
    pub fn lock(&self) -> String {
        let digest = Sha256::digest(self.key().to_lowercase().as_bytes());
        digest.iter().take(20).fold("headwater/".to_owned(), |name, byte| name + &format!("{byte:02x}"))
    }

    /// Whether a relation of the unit's schema is a table or view that only its build needs: a shadow, new rows, a backup.
    pub fn owns(&self, name: &str, limit: usize) -> bool {
        match &self.batch {
            Some(batch) => name == shorten(&format!("{}__dbt_tmp_{batch}", self.identifier), limit),
            None => self.is_shadow(name, limit) || name.starts_with(&format!("{}__dbt_", self.identifier)),
        }
    }

    /// Whether building the unit may make, rename or drop a relation of its schema. The first batch of a model also makes the
    /// shadow of the whole.
    pub fn touches(&self, name: &str, limit: usize) -> bool {
        name == self.identifier || self.owns(name, limit) || self.is_shadow(name, limit)
    }

    fn is_shadow(&self, name: &str, limit: usize) -> bool {
        name == self.backup(limit) || name == shorten(&format!("{}__dbt_tmp", self.identifier), limit)
    }

    /// What the old relation is called for a moment.
    pub fn backup(&self, limit: usize) -> String {
        shorten(&format!("{}__dbt_backup", self.identifier), limit)
    }
}

/// A row to be written.
pub struct Entry<'a> {
    pub unit: &'a Unit,
    pub lock: &'a str,
    pub run: &'a str,
    pub host: &'a str,
    pub pid: u32,
    pub attempt: &'a str,
    pub opened_at: &'a str,
}

/// Where a journal's table may be.
#[derive(Debug, Clone)]
pub struct Place {
    pub schema: String,
    /// As it is written in statements.
    pub table: String,
}

/// The dialect of a server with named locks. `table` is the journal's, as it is written in statements.
pub trait Statements: Send + Sync {
    /// Where the journal of what is built into a schema may be, the best place first.
    fn places(&self, schema: &str) -> Vec<Place>;
    /// Makes the schema, where it is missing.
    fn create_schema(&self, place: &Place) -> String;
    /// Makes the table, where it is missing.
    fn create_table(&self, place: &Place) -> String;
    /// Fails where the table is missing, or may not be written.
    fn check(&self, table: &str) -> String;
    /// Takes the lock of the run: (taken, the server's time, holder's connection).
    fn live(&self, run: &str, seconds: u32) -> String;
    /// (taken, holder's connection)
    fn take(&self, lock: &str, seconds: u32) -> String;
    fn release(&self, lock: &str) -> String;
    /// Takes the unit's lock and writes its row, if it got the lock: (taken, holder's connection, the holder of our run's
    /// lock, and of the row as it was: run, host, pid, start, holder of that run's lock, whether it was not built by us
    /// and after our run began, connection).
    fn enter(&self, table: &str, entry: &Entry<'_>, seconds: u32) -> String;
    /// To be sent in the transaction that it testifies to.
    fn committed(&self, table: &str, unit: &Unit, token: &str) -> String;
    /// (the token of the last transaction that was committed, run, connection)
    fn evidence(&self, table: &str, unit: &Unit) -> String;
    /// Sessions that hold locks of a relation's batches for other runs: their connections.
    fn batches_of_others(&self, table: &str, unit: &Unit, run: &str) -> String;
    /// Rows of dead runs: schema, identifier, batch, node, lock, run, holder's connection.
    fn unfinished(&self, table: &str, run: &str) -> String;
    /// Says that all is done that a run began.
    fn end(&self, table: &str, run: &str, except: &[String]) -> String;
    fn kill(&self, connection: u64) -> String;
}

/// The journal of one run.
pub struct Journal {
    pub statements: &'static dyn Statements,
    pub table: String,
    pub run: String,
    /// How long another run may keep what is to be built.
    pub patience: Duration,
    host: String,
    opened_at: String,
    adapter: Arc<dyn Adapter>,
    control: Mutex<Control>,
}

/// The run's own session.
#[derive(Default)]
struct Control {
    connection: Option<Box<dyn Connection>>,
    /// Relations whose locks it holds.
    held: Vec<Unit>,
    /// Relations whose locks were lost with the session, and that another run has got since: the keys.
    forfeited: Vec<String>,
}

impl fmt::Debug for Journal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Journal").field("run", &self.run).field("table", &self.table).finish_non_exhaustive()
    }
}

impl Journal {
    /// None where the server has no named locks.
    ///
    /// # Errors
    /// No connection can be made, or the journal's table cannot.
    pub fn open(adapter: &Arc<dyn Adapter>, run: &str) -> DbResult<Option<Arc<Self>>> {
        let Some(statements) = adapter.journal() else { return Ok(None) };
        let mut tried = 0;
        loop {
            match Self::open_once(adapter, statements, run) {
                Err(error) if error.lost && tried < OPEN_RETRIES => tried += 1,
                outcome => return outcome.map(Some),
            }
        }
    }

    fn open_once(adapter: &Arc<dyn Adapter>, statements: &'static dyn Statements, run: &str) -> DbResult<Arc<Self>> {
        let mut control = adapter.connect("journal")?;
        let opened_at = live(statements, control.as_mut(), run)?;
        let table = find(statements, control.as_mut(), &adapter.schema())?;
        Ok(Arc::new(Self {
            statements,
            table,
            run: run.to_owned(),
            patience: adapter.run_patience(),
            host: host(),
            opened_at,
            adapter: adapter.clone(),
            control: Mutex::new(Control { connection: Some(control), ..Control::default() }),
        }))
    }

    fn control(&self) -> MutexGuard<'_, Control> {
        self.control.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks once for the lock of a relation, which the run's own session then holds.
    ///
    /// # Errors
    /// No connection can be made.
    pub fn hold(&self, unit: &Unit) -> DbResult<Entered> {
        let sql = self.enter(unit, WHOLE, 0);
        let mut control = self.control();
        let mut tried = 0;
        loop {
            let outcome = match control.connection.as_mut() {
                Some(connection) => connection.execute(&sql, true),
                None => {
                    Err(DbError { lost: true, ..DbError::new(DbErrorKind::Connection, "the journal has no session") })
                }
            };
            match outcome {
                Err(error) if error.lost && tried < OPEN_RETRIES => {
                    tried += 1;
                    self.revive(&mut control)?;
                }
                outcome => {
                    let entered = Entered::read(outcome?.table.rows.first()).after(tried);
                    if matches!(entered, Entered::Taken { .. }) {
                        control.held.push(unit.clone());
                    }
                    return Ok(entered);
                }
            }
        }
    }

    /// Gives the lock of a relation back. Does nothing where it is not held.
    pub fn let_go(&self, unit: &Unit) {
        let mut control = self.control();
        control.forfeited.retain(|key| *key != unit.key());
        let Some(at) = control.held.iter().position(|held| held.key() == unit.key()) else { return };
        control.held.swap_remove(at);
        if let Some(connection) = control.connection.as_mut()
            && connection.execute(&self.statements.release(&unit.lock()), false).is_err()
        {
            // The lock is free with its session. Who finds that the run has none any more opens a new one.
            control.connection = None;
        }
    }

    /// Whether a unit whose lock was just taken may be built. `unheard`: the run's own lock was found to be lost, and is
    /// taken again.
    ///
    /// # Errors
    /// No connection can be made, or another run has the relation of which the unit is a batch.
    pub fn vouch(&self, unit: &Unit, unheard: bool) -> DbResult<()> {
        if !unheard && unit.batch.is_none() {
            return Ok(());
        }
        let mut control = self.control();
        if unheard {
            self.revive(&mut control)?;
        }
        let whole = unit.whole().key();
        if unit.batch.is_some() && control.forfeited.contains(&whole) {
            let message = format!("`{whole}` was taken over by another run while this one had lost its connection");
            let help = "wait for that run, and run the rest again (`headwater retry`)".to_owned();
            return Err(DbError { help: Some(help), ..DbError::new(DbErrorKind::Other, message) });
        }
        Ok(())
    }

    /// Takes the locks of the run again, after the session that held them was lost.
    fn revive(&self, control: &mut Control) -> DbResult<()> {
        let mut tried = 0;
        loop {
            let is_new = control.connection.is_none();
            let connection = match control.connection.as_mut() {
                Some(connection) => connection,
                None => control.connection.insert(self.adapter.connect("journal")?),
            };
            let mut outcome = live(self.statements, connection.as_mut(), &self.run).map(drop);
            if is_new && outcome.is_ok() {
                outcome = self.retake(control);
            }
            match outcome {
                Err(_) if tried < OPEN_RETRIES => control.connection = None,
                outcome => return outcome,
            }
            tried += 1;
        }
    }

    fn retake(&self, control: &mut Control) -> DbResult<()> {
        let Control { connection: Some(connection), held, forfeited } = control else { return Ok(()) };
        for unit in held {
            // What the lost session held is free a moment after the run's own lock.
            let rows = connection.execute(&self.enter(unit, WHOLE, 1), true)?.table.rows;
            let is_ours = matches!(Entered::read(rows.first()), Entered::Taken { stale: false, .. });
            if !is_ours && !forfeited.contains(&unit.key()) {
                forfeited.push(unit.key());
            }
        }
        Ok(())
    }

    pub fn enter(&self, unit: &Unit, attempt: &str, seconds: u32) -> String {
        let entry = Entry {
            unit,
            lock: &unit.lock(),
            run: &self.run,
            host: &self.host,
            pid: std::process::id(),
            attempt,
            opened_at: &self.opened_at,
        };
        self.statements.enter(&self.table, &entry, seconds)
    }

    /// Gives its session up while the run is being stopped: stopping a statement takes one, for which a full server may
    /// have no other room.
    pub fn make_room(&self) {
        self.control().connection = None;
    }

    /// Says that the run has ended, and gives its session up.
    pub fn close(&self) {
        let connection = self.control().connection.take();
        if let Some(mut connection) = connection {
            // If it cannot be said any more, the next run finds out that nothing was left behind.
            let _ = connection.execute(&self.statements.end(&self.table, &self.run, &[]), false);
        }
    }
}

impl Drop for Journal {
    fn drop(&mut self) {
        self.close();
    }
}

/// The journal's table, made where it is missing: at the first place where this user may.
fn find(statements: &dyn Statements, connection: &mut dyn Connection, schema: &str) -> DbResult<String> {
    let mut refused = None;
    for place in statements.places(schema) {
        match check(statements, connection, &place) {
            Ok(()) => return Ok(place.table),
            Err(error) if error.kind == DbErrorKind::Permission => refused = Some(error),
            Err(error) => return Err(error),
        }
    }
    Err(refused.unwrap_or_else(|| DbError::new(DbErrorKind::Permission, "there is no place for a journal")))
}

fn check(statements: &dyn Statements, connection: &mut dyn Connection, place: &Place) -> DbResult<()> {
    match connection.execute(&statements.check(&place.table), false) {
        Err(error) if is_missing(&error) => {}
        checked => return checked.map(drop),
    }
    // Whether its schema is there is not told by every server until a table is made in it.
    match connection.execute(&statements.create_table(place), false) {
        Err(error) if is_missing(&error) => {}
        created => return created.map(drop),
    }
    connection.execute(&statements.create_schema(place), false)?;
    connection.execute(&statements.create_table(place), false).map(drop)
}

fn is_missing(error: &DbError) -> bool {
    error.kind == DbErrorKind::UnknownTable
}

/// Takes the run's own lock, and gives the server's time. A session that has it already is one that we have lost.
fn live(statements: &dyn Statements, connection: &mut dyn Connection, run: &str) -> DbResult<String> {
    let mut seconds = 0;
    loop {
        let row = connection.execute(&statements.live(run, seconds), true)?.table.rows.into_iter().next();
        match row.as_deref() {
            Some([taken, now, _]) if number(taken) == Some(1) => return Ok(text(now).unwrap_or_default()),
            Some([_, _, holder]) if seconds == 0 => {
                if let Some(holder) = number(holder) {
                    // That it is ending already is no error.
                    let _ = connection.execute(&statements.kill(holder), false);
                }
                seconds = LOST_SESSION_SECONDS;
            }
            _ => return Err(DbError::new(DbErrorKind::Connection, "the server did not give the run's own lock")),
        }
    }
}

/// What came of [`Statements::enter`].
#[derive(Debug, PartialEq, Eq)]
pub enum Entered {
    /// Ours. `stale`: another run has been at it since ours began, so that what we know of it is old. `unheard`: the lock
    /// that says that our run lives is lost.
    Taken {
        stale: bool,
        unheard: bool,
    },
    Busy(Holder),
}

/// Who has the lock.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Holder {
    pub connection: Option<u64>,
    pub run: Option<String>,
    host: Option<String>,
    pid: Option<u64>,
    since: Option<String>,
    /// Its run is there, as far as can be seen.
    pub alive: bool,
}

impl Entered {
    /// When a question was lost, it may have written our row over another run's: then nobody can say whether that was at it.
    pub fn after(self, lost: u32) -> Self {
        match self {
            Self::Taken { unheard, .. } if lost > 0 => Self::Taken { stale: true, unheard },
            entered => entered,
        }
    }

    pub fn read(row: Option<&Vec<Cell>>) -> Self {
        let unknown = |connection| Self::Busy(Holder { connection, alive: true, ..Holder::default() });
        let Some([taken, holder, own, run, host, pid, since, live, stale, connection]) = row.map(Vec::as_slice) else {
            return unknown(None);
        };
        if number(taken) == Some(1) {
            return Self::Taken { stale: number(stale) == Some(1), unheard: number(own).is_none() };
        }
        if number(connection) != number(holder) {
            // Who has the lock has not written its row yet: this one is of a run before.
            return unknown(number(holder));
        }
        Self::Busy(Holder {
            connection: number(holder),
            run: text(run),
            host: text(host),
            pid: number(pid),
            since: text(since),
            alive: number(live).is_some(),
        })
    }
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.run, &self.host, self.pid, &self.since) {
            (Some(run), Some(host), Some(pid), Some(since)) => {
                let since = since.split('.').next().unwrap_or(since);
                write!(f, "run {run} on {host}, process {pid}, since {since} UTC")
            }
            _ => write!(f, "another run"),
        }?;
        self.connection.map_or(Ok(()), |connection| write!(f, " (connection {connection})"))
    }
}

pub fn number(cell: &Cell) -> Option<u64> {
    cell.to_text()?.parse().ok()
}

pub fn text(cell: &Cell) -> Option<String> {
    cell.to_text().map(std::borrow::Cow::into_owned)
}

/// This machine's name, for people who look for a run.
fn host() -> String {
    let read = || std::fs::read_to_string("/proc/sys/kernel/hostname").ok();
    let variable = || ["HOSTNAME", "COMPUTERNAME"].into_iter().find_map(|name| std::env::var(name).ok());
    read()
        .or_else(variable)
        .map(|name| name.trim().to_owned())
        .filter(|name| !name.is_empty())
        .unwrap_or("?".to_owned())
}
