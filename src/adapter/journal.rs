//! Who builds what. Each relation that is built is locked by the very session that builds it, and a row of the journal
//! says who holds the lock. That the server gives a lock back only when the session has ended for good, its transaction
//! committed or rolled back, makes the lock a fence: who has got it knows that nobody else's statement is still under way,
//! be it another run's, a dead client's, or our own of a connection that was lost.
//!
//! A run that lives holds a lock of its own on a session that does nothing else. Rows of a run whose lock is free were
//! left by a dead one.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use sha2::{Digest, Sha256};

use super::{Adapter, Cell, Connection, DbError, DbErrorKind, DbResult, shorten};

/// How long another run may keep a relation that is to be built.
pub const PATIENCE: Duration = Duration::from_secs(600);

/// How often the run's own session is opened anew when it is lost.
const OPEN_RETRIES: u32 = 2;

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

    /// The name of its lock: of a fixed length, because servers limit it.
    pub fn lock(&self) -> String {
        let digest = Sha256::digest(self.key().to_lowercase().as_bytes());
        digest.iter().take(20).fold("headwater/".to_owned(), |name, byte| name + &format!("{byte:02x}"))
    }

    /// Whether a relation of the unit's schema is a table or view that only a build needs: a shadow, new rows, a backup.
    pub fn owns(&self, name: &str, limit: usize) -> bool {
        let tmp = match &self.batch {
            Some(batch) => return name == shorten(&format!("{}__dbt_tmp_{batch}", self.identifier), limit),
            None => shorten(&format!("{}__dbt_tmp", self.identifier), limit),
        };
        name == tmp || name == self.backup(limit) || name.starts_with(&format!("{}__dbt_", self.identifier))
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
    /// Takes the lock of the run: (taken, the server's time).
    fn live(&self, run: &str) -> String;
    /// (taken, holder's connection)
    fn take(&self, lock: &str, seconds: u32) -> String;
    fn release(&self, lock: &str) -> String;
    /// Takes the unit's lock and writes its row, if it got the lock: (taken, holder's connection, the holder of our run's
    /// lock, and of the row as it was: run, host, pid, start, holder of that run's lock, whether it was not built by us
    /// and after our run began).
    fn enter(&self, table: &str, entry: &Entry<'_>, seconds: u32) -> String;
    /// To be sent in the transaction that it testifies to.
    fn committed(&self, table: &str, unit: &Unit, token: &str) -> String;
    /// (the token of the last transaction that was committed, run, connection)
    fn evidence(&self, table: &str, unit: &Unit) -> String;
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
    host: String,
    opened_at: String,
    adapter: Arc<dyn Adapter>,
    control: Mutex<Option<Box<dyn Connection>>>,
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
            host: host(),
            opened_at,
            adapter: adapter.clone(),
            control: Mutex::new(Some(control)),
        }))
    }

    /// Takes the lock of the run again, after the session that held it was lost.
    ///
    /// # Errors
    /// No connection can be made.
    pub fn revive(&self) -> DbResult<()> {
        let mut control = self.control.lock().unwrap_or_else(PoisonError::into_inner);
        let mut tried = 0;
        loop {
            if let Some(connection) = control.as_mut() {
                match live(self.statements, connection.as_mut(), &self.run) {
                    Err(error) if tried == OPEN_RETRIES => return Err(error),
                    Err(_) => *control = None,
                    Ok(_) => return Ok(()),
                }
            }
            tried += 1;
            *control = Some(self.adapter.connect("journal")?);
        }
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
        *self.control.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Says that the run has ended, and gives its session up.
    pub fn close(&self) {
        let control = self.control.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(mut control) = control {
            // If it cannot be said any more, the next run finds out that nothing was left behind.
            let _ = control.execute(&self.statements.end(&self.table, &self.run, &[]), false);
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

fn live(statements: &dyn Statements, connection: &mut dyn Connection, run: &str) -> DbResult<String> {
    let row = connection.execute(&statements.live(run), true)?.table.rows.into_iter().next().unwrap_or_default();
    match row.as_slice() {
        [taken, now] if number(taken) == Some(1) => Ok(text(now).unwrap_or_default()),
        _ => Err(DbError::new(DbErrorKind::Connection, "the server did not give the run's own lock")),
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
    pub fn read(row: Option<&Vec<Cell>>) -> Self {
        let Some([taken, holder, own, run, host, pid, since, live, stale]) = row.map(Vec::as_slice) else {
            return Self::Busy(Holder { alive: true, ..Holder::default() });
        };
        if number(taken) == Some(1) {
            return Self::Taken { stale: number(stale) == Some(1), unheard: number(own).is_none() };
        }
        Self::Busy(Holder {
            connection: number(holder),
            run: text(run),
            host: text(host),
            pid: number(pid),
            since: text(since),
            // Without a row, nobody can say.
            alive: *run == Cell::Null || number(live).is_some(),
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
