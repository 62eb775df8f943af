//! dbt's events: what the engine tells, with dbt's names, codes, levels and fields. Made once in this folder; the
//! console, the log file and Python's callbacks read from them, and nothing is formatted that nobody hears.

mod batch;
mod command;
mod deprecated;
mod entry;
mod info;
pub(super) mod kind;
mod node;
mod problem;
mod resource;
mod summary;
mod text;

use std::borrow::Cow;
use std::sync::Arc;

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::Value;

pub(super) use command::{completed, tell as tell_command};
pub(super) use entry::tell as tell_entry;
pub(super) use info::NodeState;
pub use kind::Kind;
pub(super) use node::tell as tell_node;
pub(super) use summary::{Summary, output};
pub(super) use text::Text;

use crate::diag::log::Level;
use crate::execute::{Event, FreshnessResult, NodeResult};
use crate::project::Secrets;

/// One event as its listeners get it.
pub struct Message<'a> {
    pub kind: &'static Kind,
    pub level: Level,
    text: Text,
    pub time: DateTime<Utc>,
    /// `Thread-1 (worker)`, `MainThread`
    pub thread: &'a str,
    /// The result that it tells of.
    pub result: Option<&'a Ended>,
    /// People are told the same in a block with its place in the file.
    pub(super) in_block: bool,
    data: &'a dyn Fn() -> Value,
    secrets: &'a Secrets,
}

/// What ended, for `NodeFinished` and its like.
#[derive(Debug, Clone)]
pub enum Ended {
    Node(Arc<NodeResult>),
    Freshness(Arc<FreshnessResult>),
}

impl Message<'_> {
    /// dbt's `msg`: for people, without colours.
    pub fn msg(&self) -> String {
        self.secrets.mask(&self.text.plain()).into_owned()
    }

    /// The same with colours.
    pub(super) fn colored(&self) -> String {
        self.secrets.mask(&self.text.colored()).into_owned()
    }

    /// dbt's fields of the event, an object.
    pub fn data(&self) -> Value {
        let mut data = (self.data)();
        mask(self.secrets, &mut data);
        data
    }

    /// What somebody asked to be printed, rather than something that happened.
    pub(super) fn is_payload(&self) -> bool {
        self.kind.is_payload()
    }
}

/// Covers secrets in every text, before anything is escaped.
fn mask(secrets: &Secrets, value: &mut Value) {
    match value {
        Value::String(text) => {
            if let Cow::Owned(masked) = secrets.mask(text) {
                *text = masked;
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| mask(secrets, item)),
        Value::Object(map) => map.values_mut().for_each(|item| mask(secrets, item)),
        _ => {}
    }
}

/// A time as dbt's log writes it.
pub fn timestamp(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Micros, true)
}

/// Hears dbt's events, from the coordinator's thread and from workers: must not block for long.
pub trait Listener: Send + Sync {
    /// Whether it wants events of this kind. Those that nobody wants are never made.
    fn hears(&self, kind: &Kind, level: Level) -> bool;

    /// Whether it reads [`Message::data`].
    fn reads_data(&self) -> bool;

    fn hear(&self, message: &Message<'_>);

    /// The engine's own event, before what dbt makes of it.
    fn event(&self, _: &Event) {}
}

/// An event to be told, before anybody is asked whether he hears it.
#[derive(Clone, Copy)]
pub(super) struct Head<'a> {
    pub kind: &'static Kind,
    pub level: Level,
    pub thread: Option<&'a str>,
    pub result: Option<&'a Ended>,
    pub in_block: bool,
}

impl<'a> Head<'a> {
    pub(super) fn new(kind: &'static Kind) -> Self {
        Self { kind, level: kind.level, thread: None, result: None, in_block: false }
    }

    /// For events whose level depends on what they tell.
    pub(super) fn level(self, level: Level) -> Self {
        Self { level, ..self }
    }

    /// The worker that it tells of.
    pub(super) fn thread(self, thread: &'a str) -> Self {
        Self { thread: Some(thread), ..self }
    }

    pub(super) fn result(self, result: &'a Ended) -> Self {
        Self { result: Some(result), ..self }
    }

    pub(super) fn in_block(self) -> Self {
        Self { in_block: true, ..self }
    }

    pub(super) fn message(self, text: Text, data: &'a dyn Fn() -> Value, secrets: &'a Secrets) -> Message<'a> {
        let Head { kind, level, result, in_block, .. } = self;
        Message {
            kind,
            level,
            text,
            time: Utc::now(),
            thread: self.thread.unwrap_or(MAIN),
            result,
            in_block,
            data,
            secrets,
        }
    }
}

const MAIN: &str = "MainThread";

/// Workers have names; all else is dbt's main thread.
pub(super) fn thread_name(name: Option<&str>) -> &str {
    name.filter(|name| name.starts_with("Thread-")).unwrap_or(MAIN)
}

#[cfg(test)]
mod tests;
