//! What a database said no to.

use std::time::Duration;

pub type DbResult<T> = Result<T, DbError>;

/// The kinds that decisions depend on; the rest is in the message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DbErrorKind {
    /// No connection: wrong address, refused login, lost socket.
    Connection,
    /// The statement was cancelled by us.
    Cancelled,
    Syntax,
    UnknownTable,
    UnknownColumn,
    UnknownFunction,
    AlreadyExists,
    /// A key, null, check or foreign key was violated.
    Constraint,
    /// A value that the column's type does not hold.
    Value,
    Permission,
    /// Deadlock or lock wait.
    Lock,
    /// Anything else.
    Other,
}

/// A database error as the server worded it, with the place in the statement where it named one.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{message}")]
pub struct DbError {
    pub kind: DbErrorKind,
    /// The server's number (MySQL: 1054), 0 where it has none.
    pub code: u32,
    /// SQLSTATE or the driver's class (`Binder Error`); may be empty.
    pub state: String,
    pub message: String,
    /// 1-based line in the statement that was sent, where the server names one.
    pub line: Option<usize>,
    /// The offending identifier, where the message names one (`o.amout`).
    pub identifier: Option<String>,
    /// The statement that failed.
    pub sql: Option<String>,
    /// Which of the statements of the text it was, from 0.
    pub position: u16,
    /// What the macro called it (`main`), where it has a name.
    pub statement: Option<String>,
    pub elapsed: Option<Duration>,
    /// The session ended while the statement was under way: what became of it is not known.
    pub lost: bool,
    /// What to do about it, where the adapter knows.
    pub help: Option<String>,
}

impl DbError {
    pub fn new(kind: DbErrorKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            code: 0,
            state: String::new(),
            message: message.into(),
            line: None,
            identifier: None,
            sql: None,
            position: 0,
            statement: None,
            elapsed: None,
            lost: false,
            help: None,
        }
    }

    pub fn cancelled() -> Self {
        Self::new(DbErrorKind::Cancelled, "the statement was cancelled")
    }
}
