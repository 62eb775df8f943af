//! What happens while a command runs, told at once: the console, JSON logs and Python callbacks listen.

use std::sync::Arc;

use super::result::{FreshnessResult, NodeRef, NodeResult, Status};
use crate::diag::Diagnostic;

/// One thing that happened. Cheap to clone: results are shared.
#[derive(Debug, Clone)]
pub enum Event {
    /// The command begins.
    Started {
        command: &'static str,
        version: &'static str,
    },
    /// The adapter of the profile is known.
    Adapter {
        kind: String,
        /// The adapter's, which is Headwater's own: no connection is made before there is something to run.
        version: &'static str,
    },
    /// The project is parsed: what is in it (`models`, 5), in dbt's order.
    Found {
        counts: Vec<(&'static str, usize)>,
    },
    Concurrency {
        threads: usize,
        target: String,
    },
    /// An on-run-start or on-run-end hook: `name` is `pkg.on-run-start.0`.
    HookStart {
        index: usize,
        total: usize,
        name: String,
    },
    HookFinished {
        index: usize,
        total: usize,
        name: String,
        status: Status,
        message: String,
        seconds: f64,
    },
    /// A node or unit test starts; `index` is 1-based, in order of starting.
    NodeStart {
        index: usize,
        total: usize,
        node: NodeRef,
        thread: Arc<str>,
    },
    NodeFinished {
        index: usize,
        total: usize,
        result: Arc<NodeResult>,
    },
    /// One batch of a microbatch model, which has started as a node before.
    BatchStart {
        index: usize,
        total: usize,
        /// `2024-01-01`
        label: String,
        node: NodeRef,
        thread: Arc<str>,
    },
    BatchFinished {
        index: usize,
        total: usize,
        label: String,
        /// The batch's own: success, error or skipped.
        result: Arc<NodeResult>,
    },
    FreshnessStart {
        index: usize,
        total: usize,
        node: NodeRef,
        thread: Arc<str>,
    },
    FreshnessFinished {
        index: usize,
        total: usize,
        result: Arc<FreshnessResult>,
    },
    /// A problem outside of nodes, or a warning of any stage.
    Diagnostic(Arc<Diagnostic>),
    /// The user asked to stop: the queue is closed and running statements are being cancelled.
    Cancelling {
        running: usize,
    },
    /// All nodes and hooks are through. `counts` says how many of what ran (`table model`, 3), in dbt's order.
    RunFinished {
        counts: Vec<(String, usize)>,
        seconds: f64,
    },
    /// The command is through; artifacts are written.
    Finished {
        success: bool,
        seconds: f64,
    },
}

/// Hears every event, from the coordinator's thread and from workers: must not block.
pub trait EventSink: Send + Sync {
    fn event(&self, event: &Event);
}

/// For tests and callers who only want the results.
#[derive(Debug, Default, Clone, Copy)]
pub struct NoEvents;

impl EventSink for NoEvents {
    fn event(&self, _: &Event) {}
}
