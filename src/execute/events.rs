//! What happens while a command runs, told at once: the console, JSON logs and Python callbacks listen.

use std::path::PathBuf;
use std::sync::Arc;

use serde_json::{Map, Value};

use super::result::{FreshnessResult, NodeRef, NodeResult, RunResults};
use crate::manifest::UniqueId;

/// One thing that happened. Cheap to clone: results are shared.
#[derive(Debug, Clone)]
pub enum Event {
    /// The command begins.
    Started {
        version: &'static str,
        /// Its options in dbt's names.
        arguments: Arc<Map<String, Value>>,
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
        /// How many will run.
        nodes: usize,
    },
    /// An on-run-start or on-run-end hook: `name` is `pkg.on-run-start.0`.
    HookStart {
        index: usize,
        total: usize,
        name: String,
        node: NodeRef,
    },
    HookFinished {
        index: usize,
        total: usize,
        name: String,
        result: Arc<NodeResult>,
    },
    /// A node or unit test starts; `index` is 1-based, in order of starting.
    NodeStart {
        index: usize,
        total: usize,
        node: NodeRef,
        thread: Arc<str>,
    },
    /// A node that has started, or a source whose freshness is asked for, comes to its next part.
    NodePhase {
        unique_id: UniqueId,
        phase: Phase,
    },
    NodeFinished {
        index: usize,
        total: usize,
        result: Arc<NodeResult>,
        /// What is downstream of it will be skipped.
        blocks: bool,
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
    /// All nodes and hooks are through. `counts` says how many of what ran (`table model`, 3), in dbt's order.
    RunFinished {
        counts: Vec<(String, usize)>,
        seconds: f64,
    },
    /// What ran, all of it, before it is written.
    Results(Arc<RunResults>),
    /// An artifact is in its place: `RunExecutionResult` and where.
    Written {
        kind: &'static str,
        path: PathBuf,
    },
}

/// What a node is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    Compiling,
    Executing,
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
