//! Sessions that only read, on replicas that have what the target's own server had when the session began.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::{Pool, Session};
use crate::adapter::replica::Replicas;
use crate::adapter::{Connection, DbResult};
use crate::diag::log::{Detail, Level, LogEntry};

/// Replicas that were too late or did not answer are left alone for so long.
const PAUSE: Duration = Duration::from_secs(60);

/// What a pool knows of its replicas.
#[derive(Default)]
pub(super) struct Reading {
    idle: Mutex<Vec<Box<dyn Connection>>>,
    /// Statements so far on the target's own server.
    statements: AtomicU64,
    /// The position after so many of them.
    position: Mutex<Option<(u64, String)>>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    not_before: Option<Instant>,
    told: bool,
}

impl Reading {
    /// Something may have been written.
    pub fn note_statement(&self) {
        self.statements.fetch_add(1, Ordering::SeqCst);
    }

    pub fn give_back(&self, connection: Box<dyn Connection>) {
        self.idle().push(connection);
    }

    pub fn close_idle(&self) {
        self.idle().clear();
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<Box<dyn Connection>>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pool {
    /// A session on a replica that is far enough; None where there is none, and reading goes on where writing does.
    pub(super) fn take_to_read(&self, session: &Session) -> Option<Box<dyn Connection>> {
        let adapter = self.adapter.clone();
        let replicas = adapter.replicas()?;
        let waits = self.reading.state().not_before.is_some_and(|at| Instant::now() < at);
        if waits || self.is_cancelled() {
            return None;
        }
        let outcome = self.try_to_read(replicas, session);
        let why = match outcome {
            Ok(Some(connection)) => return Some(connection),
            Ok(None) => "it is too far behind".to_owned(),
            Err(_) if self.is_cancelled() => return None,
            Err(error) => error.message,
        };
        let mut state = self.reading.state();
        state.not_before = Some(Instant::now() + PAUSE);
        let is_first = !std::mem::replace(&mut state.told, true);
        drop(state);
        let text = format!("nothing is read from the replica for now: {why}; the target's own server is asked instead");
        let (level, event) = match is_first {
            true => (Level::Warn, "AdapterEventWarning"),
            false => (Level::Debug, "AdapterEventDebug"),
        };
        let detail = Detail::Failure { kind: self.adapter.kind() };
        self.log.write(&LogEntry { level, node: None, thread: None, event, text: &text, detail });
        None
    }

    fn try_to_read(&self, replicas: &dyn Replicas, session: &Session) -> DbResult<Option<Box<dyn Connection>>> {
        let Some(position) = self.position(replicas, session)? else {
            let message = "the target's own server does not count its changes (no binary log with GTIDs)";
            return Err(crate::adapter::DbError::new(crate::adapter::DbErrorKind::Other, message));
        };
        let mut connection = loop {
            let Some(mut idle) = ({ self.reading.idle().pop() }) else {
                let name = &session.label.name;
                session.write("NewConnection", name, Detail::Connection { kind: self.adapter.kind() });
                break replicas.connect(name)?;
            };
            if idle.reset().is_ok() {
                break idle;
            }
        };
        // The wait is a statement as any other to who cancels.
        let reached = self.cancellable(&session.label.name, connection.as_mut(), |connection| {
            replicas.catch_up(connection, &position)
        })?;
        Ok(reached.then_some(connection))
    }

    /// Asked for once, until this run sends another statement to the target's own server.
    fn position(&self, replicas: &dyn Replicas, session: &Session) -> DbResult<Option<String>> {
        let mut known = self.reading.position.lock().unwrap_or_else(PoisonError::into_inner);
        let statements = self.reading.statements.load(Ordering::SeqCst);
        if let Some((at, position)) = &*known
            && *at == statements
        {
            return Ok(Some(position.clone()));
        }
        let mut held = self.take(session)?;
        let position = replicas.position(held.connection.as_mut())?;
        self.give_back(held);
        *known = position.clone().map(|position| (statements, position));
        Ok(position)
    }
}
