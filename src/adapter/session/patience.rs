//! Statements that need a table for themselves. While one of them waits for a slow reader, everyone who comes after it
//! waits too; so it waits for moments only, steps back to let the others through, and tries again.

use std::thread;
use std::time::{Duration, Instant, SystemTime};

use super::{Wire, as_cancelled};
use crate::adapter::{Connection, DbError, DbErrorKind, DbResult, QueryResult};

/// How a statement waits for a table that others use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// The longest that others may have to wait behind it. Whole seconds.
    pub turn: Duration,
    /// When it is given up.
    pub total: Duration,
}

/// Between two turns: at first short, then long enough that others are not held up most of the time.
const SHORTEST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);
/// How often a pause looks whether the run was stopped.
const BLINK: Duration = Duration::from_millis(25);

/// Runs a statement that has no effect if it gets no lock, turn after turn.
pub(super) fn execute(wire: &mut Wire<'_>, sql: &str, fetch: bool, patience: Patience) -> DbResult<QueryResult> {
    let start = Instant::now();
    wire.limit_lock_wait(Some(patience.turn))?;
    let mut pause = SHORTEST_PAUSE;
    let outcome = loop {
        match wire.execute(sql, fetch) {
            Err(error) if wire.session.adapter().is_transient(&error) => {
                if start.elapsed() + pause >= patience.total {
                    break Err(given_up(wire, sql, error, start.elapsed()));
                }
                rest(wire, pause).map_err(|cancelled| DbError { sql: Some(sql.to_owned()), ..cancelled })?;
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
            outcome => break outcome,
        }
    };
    if wire.is_usable() {
        // The statement is through, so whatever is wrong with the session now is the next one's to find out.
        let _ = wire.limit_lock_wait(None);
    }
    outcome
}

/// Waits a little, never two sessions the same time.
fn rest(wire: &Wire<'_>, pause: Duration) -> DbResult<()> {
    let nanos = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |now| now.subsec_nanos());
    let until = Instant::now() + pause.mul_f64(0.5 + f64::from(nanos % 1_000) / 1_000.0);
    while Instant::now() < until {
        if wire.session.pool.is_cancelled() {
            return Err(as_cancelled(DbError::cancelled()));
        }
        thread::sleep(BLINK);
    }
    Ok(())
}

/// Not a matter of another try any more, so not [`DbErrorKind::Lock`].
fn given_up(wire: &mut Wire<'_>, sql: &str, error: DbError, waited: Duration) -> DbError {
    let holders = wire.lock_holders(sql);
    let help = match holders.is_empty() {
        true => "look for a session with an open transaction, end it, and run this again".to_owned(),
        false => format!("{}: let it end or end it, and run this again", holders.join("; ")),
    };
    let seconds = waited.as_secs_f64();
    DbError {
        kind: DbErrorKind::Other,
        message: format!(
            "other sessions held a table that is to be changed for {seconds:.0} s, so nothing was changed"
        ),
        help: Some(format!("{help}; `ddl_patience` of the target says how long to try")),
        ..error
    }
}
