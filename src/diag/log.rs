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

/// One line of the log.
#[derive(Debug, Clone, Copy)]
pub struct LogEntry<'a> {
    pub level: Level,
    /// `unique_id` of the node that it belongs to.
    pub node: Option<&'a str>,
    pub thread: Option<&'a str>,
    /// dbt's name of the event (`JinjaLogInfo`), for tools that read JSON logs.
    pub event: &'static str,
    pub text: &'a str,
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
