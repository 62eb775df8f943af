//! How much is told, and in which shape.

use super::message::{Kind, Message};
use crate::diag::log::Level;

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Telling {
    /// None: nothing.
    pub level: Option<Level>,
    pub format: Format,
    pub colors: bool,
    /// `--log-cache-events`
    pub cache_events: bool,
}

/// The shape of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    /// The time and the text.
    Text,
    /// With level and thread.
    Debug,
    Json,
}

/// How much of a thread's name dbt shows.
const THREAD: usize = 10;

impl Telling {
    pub(super) fn tells(&self, level: Level) -> bool {
        self.level.is_some_and(|least| level >= least)
    }

    /// What was asked to be printed counts as an error, so that `--quiet` lets it through.
    pub(super) fn hears(&self, kind: &Kind, level: Level) -> bool {
        let level = if kind.is_payload() { Level::Error } else { level };
        self.tells(level) && (self.cache_events || !kind.is_of_cache())
    }

    /// A message as a line for people.
    pub(super) fn line(&self, message: &Message<'_>) -> String {
        let text = if self.colors { message.colored() } else { message.msg() };
        if self.format == Format::Debug {
            let time = message.time.with_timezone(&chrono::Local).format("%H:%M:%S%.6f");
            let thread: String = message.thread.chars().take(THREAD).collect();
            return format!("{time} [{:<5}] [{thread:<THREAD$}]: {text}", message.level.as_str());
        }
        // dbt's short times are UTC.
        format!("{}  {text}", message.time.format("%H:%M:%S")).trim_end().to_owned()
    }
}
