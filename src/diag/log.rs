//! Where log lines go. The rooms write entries; the command line decides what a console, a file or JSON makes of them.

/// How important an entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    Debug,
    Info,
    Warn,
    Error,
}

impl Level {
    /// dbt's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Error => "error",
        }
    }
}

/// One line of the log. Nothing is formatted for it: who is told at all decides the listener.
#[derive(Debug, Clone, Copy)]
pub struct LogEntry<'a> {
    pub level: Level,
    /// `unique_id` of the node that it belongs to.
    pub node: Option<&'a str>,
    pub thread: Option<&'a str>,
    /// dbt's name of the event (`JinjaLogInfo`), for tools that read JSON logs.
    pub event: &'static str,
    pub text: &'a str,
    pub detail: Detail<'a>,
}

/// The fields of dbt's event besides its text.
#[derive(Debug, Clone, Copy, Default)]
pub enum Detail<'a> {
    /// The text is all of it.
    #[default]
    Message,
    /// `NewConnection`, `ConnectionUsed`, `ConnectionReused`, `SQLCommit`, `Rollback`, `LogCancelLine`: the text is the
    /// connection's name.
    Connection {
        /// `duckdb`
        kind: &'a str,
    },
    /// `SQLQuery`: the text is the statement.
    Statement { connection: &'a str },
    /// `SQLQueryStatus`: the text is what the server answered.
    Answer { seconds: f64 },
    /// `AdapterEventDebug`, `AdapterEventWarning`: the text is the server's error, or what is done about it.
    Failure { kind: &'a str },
    /// `ListRelations`: the schema was asked for, and this is in it.
    Listed { schema: Key<'a>, names: &'a [&'a str] },
    /// `CacheAction`: the text says which (`add_relation`); `other` is the new name.
    Cached { relation: Key<'a>, other: Option<Key<'a>> },
}

/// The name of a relation or schema, part by part.
#[derive(Debug, Clone, Copy, Default)]
pub struct Key<'a> {
    pub database: &'a str,
    pub schema: &'a str,
    pub identifier: &'a str,
}

/// Takes entries from any thread.
pub trait Log: Send + Sync {
    fn write(&self, entry: &LogEntry<'_>);
}

/// Drops everything.
#[derive(Debug, Clone, Copy, Default)]
pub struct NullLog;

impl Log for NullLog {
    fn write(&self, _: &LogEntry<'_>) {}
}
